"""The hard window: what share of masks meets it (I4), and how revealed latents shrink it (I5)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.experiment import run_units, write_tables
from analysis.plots.style import SavedFigure, save_figure
from analysis.plots.window import draw_window
from analysis.report import Check, FigureItem, Report, Section, TableItem, show, write_report
from analysis.rows import Row, combine_seeds
from analysis.scales import ScaleName
from analysis.store import StoredUnit
from analysis.theory.known_thresholds import CASES
from analysis.theory.revealed import CONVERGED, FREE_ENTROPY, OVERLAP, RevealedUnit
from analysis.theory.window_units import DRAWN, EXACT, LIMIT, SHARE, SILENT, STEPS, WindowUnit, window_of

HARD = "2-in-4"
SATISFIED = "NAE-3, m = 3, satisfied"
PER_LATENT = (2.0, 5.0, 10.0, 20.0, 40.0)
KEPT = 0.05
"""Difference of hidden overlaps from which on the two starts count as having met different fixed points."""

_COUNTS: dict[ScaleName, tuple[int, int]] = {"smoke": (4000, 100), "small": (10_000, 400), "paper": (40_000, 1000)}
_DENSE: dict[str, tuple[int, ...]] = {HARD: (8, 10, 12, 16), SATISFIED: (8, 12, 16, 24, 32)}
_INSTANCES: dict[ScaleName, tuple[int, int, int]] = {
    "smoke": (2000, 300, 2),
    "small": (10_000, 1000, 3),
    "paper": (40_000, 3000, 5),
}
_SHARES: dict[ScaleName, tuple[float, ...]] = {
    "smoke": (0.005, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.14, 0.16, 0.2),
    "small": (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2),
    "paper": (0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2),
}
_DEGREES: dict[ScaleName, tuple[float, ...]] = {
    "smoke": (2.8, 3.0, 3.2, 3.4, 3.6, 3.8, 4.0, 4.2, 4.4, 4.6, 4.8, 5.0, 5.2),
    "small": tuple(round(2.7 + 0.1 * i, 1) for i in range(26)),
    "paper": tuple(round(2.7 + 0.05 * i, 2) for i in range(51)),
}


@dataclass(frozen=True, kw_only=True)
class WindowExperiment:
    """Both parts.

    Attributes:
        scale: drawn masks and orders; N, iterations, instances per point and grid of the diagram.
        directory: for rows, figure and report; finished units in it are kept and skipped.
        jobs: units computed at once; all processors if not given.
        device: not used.
    """

    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"

    @property
    def units(self) -> list[WindowUnit | RevealedUnit]:
        """The diagram's shares of revealed latents, then the designs."""
        n, iterations, seeds = _INSTANCES[self.scale]
        revealed = [
            RevealedUnit(
                case=HARD, revealed=share, degrees=_DEGREES[self.scale], n_latents=n, iterations=iterations, seed=seed
            )
            for share in _SHARES[self.scale]
            for seed in range(seeds)
        ]
        masks, orders = _COUNTS[self.scale]
        sparse = [
            WindowUnit(case=case, n_latents=n, per_latent=ratio, masks=masks, orders=orders)
            for case, ratios in ((HARD, PER_LATENT), (SATISFIED, (15.0, 20.0, 40.0)))
            for n in (30, 100)
            for ratio in ratios
        ]
        dense = [
            WindowUnit(case=case, n_latents=n, per_latent=None, masks=masks // 20, orders=orders)
            for case, sizes in _DENSE.items()
            for n in sizes
        ]
        return [*revealed, *sparse, *dense]

    def run(self) -> Path:
        """Compute what is missing, draw the figure, write tables and report; returns the report's file."""
        started = time.perf_counter()
        units = run_units(self.units, self.directory, name=f"window {self.scale}", jobs=self.jobs)
        rows = [row for unit in units for row in unit.rows]
        write_tables(units, self.directory / "tables")
        figure = save_figure(draw_window(rows, marks()), self.directory / "figures", "window")
        minutes = (time.perf_counter() - started) / 60
        return write_report(self.directory, _report(rows, units, figure, self.scale, minutes))


def marks() -> dict[str, float]:
    """Degrees of the hard case with no latent revealed, for the diagram."""
    case = CASES[HARD]
    assert case.condensation is not None
    assert case.condensation.spinodal is not None
    return {
        "D_d": sum(case.condensation.spinodal) / 2,
        "D_cond": case.condensation.degree,
        "D_KS": case.kesten_stigum,
    }


def coexistence(rows: Sequence[Row]) -> dict[float, list[tuple[float, bool]]]:
    """Per share of revealed latents, the degrees at which the planted start ends elsewhere than the prior's.

    Returns:
        with each degree whether the planted end has the larger Bethe free entropy: then the tokens determine what an
        uninformed start does not find. Without it they do not.
    """
    means = {(r.at, r.degree, r.start, r.metric): r.value for r in combine_seeds(rows) if r.experiment == "revealed"}
    found: dict[float, list[tuple[float, bool]]] = {}
    for at, degree in sorted({(key[0] or 0.0, key[1] or 0.0) for key in means}):
        planted, prior = (
            {metric: means[at, degree, start, metric] for metric in (OVERLAP, FREE_ENTROPY)}
            for start in ("planted", "prior")
        )
        found.setdefault(at, [])
        if planted[OVERLAP] - prior[OVERLAP] > KEPT:
            found[at].append((degree, planted[FREE_ENTROPY] > prior[FREE_ENTROPY]))
    return found


def _report(
    rows: Sequence[Row], units: Sequence[StoredUnit], figure: SavedFigure, scale: ScaleName, minutes: float
) -> Report:
    n, iterations, seeds = _INSTANCES[scale]
    return Report(
        title="The hard window: how often masks meet it, and what revealed latents leave of it",
        summary=[
            "Between the condensation and the Kesten-Stigum degree of the visible constraints the latents are "
            "determined and belief propagation does not find them. Random masks meet these degrees with a share of "
            "(c_KS - c_cond) N / P, vanishing on dense designs: w is of the order of N**(1 - k) on that of Prop. 3.3. "
            "On the way there a sparse design reveals latents too, and a few per cent of them close the window.",
            "Hardness is conjectural: it is belief propagation that fails here.",
        ],
        scale=scale,
        minutes=minutes,
        checks=_checks(rows),
        sections=[
            Section(
                title="Shares and diagram",
                figures=[
                    FigureItem(
                        path=figure.svg,
                        caption="Left: share of masks (n uniform, then a uniform subset) whose visible degree lies in "
                        "the window; points are drawn masks with 95% intervals, lines the limit. Middle: the same on "
                        "the dense design of Prop. 3.3, by steps of random orders. Right: 2-in-4 with a share of "
                        f"latents revealed, N = {n}, {seeds} instances per point: overlap of hidden latents from the "
                        "planted start minus that from the prior; dots where the planted end has the smaller Bethe "
                        "free entropy, so that nothing is determined. Lines are the paths of masks on sparse designs.",
                        alt="Two panels of window shares and a diagram of revealed latents against degree.",
                    )
                ],
                tables=[_shares(rows), _diagram(rows)],
            )
        ],
        units=units,
        caveats=[
            "The window counts the degree alone. On sparse designs the latents revealed on the way shrink it, as the "
            "diagram shows: there the share is an upper bound on that of hard subproblems.",
            f"One share of revealed latents at N = {n} is {round(0.005 * n)} latents at the left edge; belief "
            f"propagation was given up after {iterations} iterations, the table says how often it had not settled.",
            f"Two ends count as different from an overlap difference of {KEPT} on; near the end point of the "
            "coexistence the difference vanishes continuously.",
        ],
    )


def _checks(rows: Sequence[Row]) -> list[Check]:
    """Exact laws within four standard errors; the diagram where its neighbours do not decide."""
    checks = [_law_check(rows, SHARE, "share of masks in the window"), _law_check(rows, STEPS, "steps in the window")]
    found = coexistence(rows)
    wide, closed = found[0.02], [degrees for at, degrees in found.items() if at >= 0.2]
    checks.append(
        Check(
            text="2-in-4, 2% of the latents revealed: degrees at which the planted start knows more",
            expected="3.8 to 4.2 among them, determined at 4.2",
            measured=_span(wide),
            met={3.8, 4.0, 4.2} <= {d for d, _ in wide} and (4.2, True) in wide,
        )
    )
    checks.append(
        Check(
            text="20% of the latents revealed: no coexistence",
            expected="nowhere",
            measured=_span(closed[0]) if closed else "not measured",
            met=not closed[0] if closed else None,
        )
    )
    return checks


def _law_check(rows: Sequence[Row], metric: str, text: str) -> Check:
    exact = {(r.distribution, r.at): r.value for r in rows if r.metric == metric and r.model == EXACT}
    far = []
    for row in rows:
        if row.metric != metric or row.model != DRAWN:
            continue
        law = exact[row.distribution, row.at]
        error = (law * (1 - law) / row.samples) ** 0.5 if metric == SHARE else row.standard_error
        far.append(abs(row.value - law) / error if error > 0 else float(row.value != law))
    return Check(
        text=f"{text}: drawn against the exact law",
        expected="within four standard errors in every design",
        measured=f"at most {max(far):.1f} standard errors in {len(far)} designs",
        met=max(far) <= 4.0,
    )


def _span(degrees: Sequence[tuple[float, bool]]) -> str:
    if not degrees:
        return "none"
    determined = [d for d, good in degrees if good]
    known = f", determined {min(determined):g} to {max(determined):g}" if determined else ", determined nowhere"
    return f"{degrees[0][0]:g} to {degrees[-1][0]:g}{known}"


def _shares(rows: Sequence[Row]) -> TableItem:
    found = {(r.distribution, r.at, r.metric, r.model): r for r in rows if r.experiment == "window"}
    header = ["design", "P / N", "window share, drawn", "exact", "limit", "steps, drawn", "exact"]
    header += ["inside, no latent revealed", "exact", "limit"]
    body = []
    for name, at in dict.fromkeys((key[0], key[1]) for key in found):
        silent = found.get((name, at, SILENT, DRAWN))
        body.append(
            [
                name,
                f"{at:g}",
                show(found[name, at, SHARE, DRAWN], 4),
                f"{found[name, at, SHARE, EXACT].value:.5f}",
                f"{found[name, at, SHARE, LIMIT].value:.5f}",
                show(found[name, at, STEPS, DRAWN], 2),
                f"{found[name, at, STEPS, EXACT].value:.2f}",
                show(silent, 3) if silent else "-",
                *(f"{found[name, at, SILENT, how].value:.3f}" for how in (EXACT, LIMIT)),
            ]
        )
    windows = "; ".join("{}: {:.3f} to {:.3f}".format(name, *window_of(CASES[name])) for name in (HARD, SATISFIED))
    return TableItem(caption=f"Masks and steps inside the window ({windows}).", header=header, rows=body)


def _diagram(rows: Sequence[Row]) -> TableItem:
    settled = [r for r in combine_seeds(rows) if r.metric == CONVERGED]
    return TableItem(
        caption="2-in-4: degrees at which the two starts end apart, by the share of revealed latents, and the share of "
        "iterations that settled.",
        header=["revealed", "coexistence", "settled"],
        rows=[
            [
                f"{at:g}",
                _span(degrees),
                f"{sum(r.value for r in settled if r.at == at) / sum(r.at == at for r in settled):.2f}",
            ]
            for at, degrees in coexistence(rows).items()
        ],
    )
