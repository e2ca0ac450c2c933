"""What the zeros give away: the same satisfied constraints, with the observations of value 0 hidden and visible.

The paper's hardness proof keeps satisfied constraints only. In an L&O sequence a visible observation of value 0 is seen
too, and for not-all-equal and colouring it says that its latents are equal. The two rows of panels hold the same
instances; the lower one shows their zeros as well.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from analysis.experiment import run_units, write_tables
from analysis.plots.leak import EQUALITIES, EXPERIMENT, draw_leak
from analysis.plots.style import SavedFigure, save_figure
from analysis.report import Check, FigureItem, Report, Section, TableItem, show, write_report
from analysis.rows import Row, combine_seeds
from analysis.scales import ScaleName
from analysis.store import StoredUnit
from analysis.theory.known_thresholds import CASES, Case
from analysis.theory.planted_curve import BAYES, CONVERGED, OBSERVATION, OVERLAP, PROPAGATION, REFUSED, end_rows
from generators.planted import PlantedInstance
from lo_theory.phases.belief_propagation import Settings

ZEROS = "zeros visible"
UNION_FIND = "equalities alone"
NAMES = ("NAE-3, m = 3", "5-colouring", "NAE-3")
SATISFIED_DEGREES: dict[str, tuple[float, ...]] = {
    "NAE-3, m = 3": (1.0, 2.0, 3.0, 3.6, 5.0, 8.0, 12.0, 18.0, 22.0, 24.0, 26.0, 28.0, 30.0, 34.0, 38.0),
    "5-colouring": (1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 12.0, 13.5, 14.5, 16.0, 18.0, 20.0),
    "NAE-3": (0.3, 0.6, 0.9, 1.1, 1.4, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0),
}
_SIZES: dict[ScaleName, tuple[int, int, int]] = {
    "smoke": (1500, 250, 3),
    "small": (3000, 1000, 5),
    "paper": (10_000, 2000, 10),
}


@dataclass(frozen=True, kw_only=True)
class LeakUnit:
    """One instance per degree of one case, its zeros hidden and visible.

    Attributes:
        case: with both values visible, a key of ``CASES`` that has a partner ``CASE, satisfied``.
        degrees: of the satisfied constraints, in expectation.
        seed: of instances, starts and fresh tuples.
        iterations: at most so many; ``converged_share`` says where that was not enough.
    """

    case: str
    seed: int
    n_latents: int
    degrees: tuple[float, ...]
    iterations: int
    fresh: int = 40_000
    damping: float = 0.3
    tolerance: float = 1e-6

    @property
    def label(self) -> str:
        """Case and seed."""
        return f"{self.case}, seed {self.seed}"

    @property
    def seeds(self) -> dict[str, int]:
        """The one there is."""
        return {"seed": self.seed}

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Per degree: the rows of both ends without and with zeros, and what their equalities alone tie together."""
        settings = Settings(damping=self.damping, tolerance=self.tolerance, max_iterations=self.iterations)
        case, hidden = CASES[self.case], CASES[f"{self.case}, satisfied"]
        for degree in self.degrees:
            rng = np.random.default_rng([self.seed, round(1000 * degree)])
            planted = case.planted(self.n_latents, degree / satisfied_rate(case))
            instance = planted.sample(rng)
            part = satisfied_part(instance)
            for row in end_rows(hidden.planted(self.n_latents, part.degree), part, "both", self.fresh, settings, rng):
                yield self._row(degree, 0.0, row)
            for row in end_rows(planted, instance, "both", self.fresh, settings, rng):
                yield self._row(degree, 1.0, row)
            share = share_in_largest(instance, len(case.prior))
            found = {"metric": EQUALITIES, "value": share, "standard_error": 0.0, "samples": 1, "method": "monte_carlo"}
            yield self._row(degree, 1.0, found | {"model": UNION_FIND})

    def _row(self, degree: float, zeros: float, fields: dict[str, Any]) -> Row:
        about = {"distribution": self.case, "fingerprint": "", "model": PROPAGATION, "seed": self.seed}
        where = {"experiment": EXPERIMENT, "degree": degree, "swept": ZEROS, "at": zeros}
        return Row.from_json(about | where | fields)


def satisfied_rate(case: Case) -> float:
    """Gamma: the share of satisfied constraints when both values are visible."""
    return float(case.ensemble.value_rates[1])


def satisfied_part(instance: PlantedInstance) -> PlantedInstance:
    """The same latents and satisfied constraints, without the others: a draw of the satisfied-only ensemble."""
    holds = instance.values == 1
    return PlantedInstance(instance.latents, instance.scopes[holds], instance.values[holds])


def share_in_largest(instance: PlantedInstance, classes: int) -> float:
    """Share of latents in the ``classes`` largest components that the zeros' equalities make: union-find, no inference.

    With as many components as values, what is left is to name them.
    """
    zeros = instance.scopes[instance.values == 0]
    first, second = zeros[:, :-1].ravel(), zeros[:, 1:].ravel()
    n = len(instance.latents)
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    return float(np.sort(np.bincount(component))[::-1][:classes].sum() / n)


@dataclass(frozen=True, kw_only=True)
class LeakExperiment:
    """Three cases with zeros hidden and visible.

    Attributes:
        scale: N, most iterations and instances per point: 1,500, 250, 3; 3,000, 1,000, 5; 10,000, 2,000, 10.
        directory: for rows, figure and report; finished units in it are kept and skipped.
        jobs: units computed at once; all processors if not given.
        device: not used; belief propagation runs on the processor.
    """

    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"

    @property
    def units(self) -> list[LeakUnit]:
        """One per case and seed."""
        n, iterations, seeds = _SIZES[self.scale]
        return [
            LeakUnit(case=name, seed=seed, n_latents=n, degrees=SATISFIED_DEGREES[name], iterations=iterations)
            for name in NAMES
            for seed in range(seeds)
        ]

    def run(self) -> Path:
        """Compute what is missing, draw the figure, write table and report; returns the report's file."""
        started = time.perf_counter()
        units = run_units(self.units, self.directory, name=f"leak {self.scale}", jobs=self.jobs)
        rows = [row for unit in units for row in unit.rows]
        write_tables(units, self.directory / "tables")
        figure = save_figure(draw_leak(rows), self.directory / "figures", "leak")
        report = _report(rows, units, figure, self.scale, (time.perf_counter() - started) / 60)
        return write_report(self.directory, report)


def _report(
    rows: Sequence[Row], units: Sequence[StoredUnit], figure: SavedFigure, scale: ScaleName, minutes: float
) -> Report:
    n, iterations, _ = _SIZES[scale]
    means = combine_seeds(rows)
    return Report(
        title="What the zeros give away",
        summary=[
            f"The same planted instances (N = {n}), once with their satisfied constraints alone, as in the paper's "
            "proof, and once with the observations of value 0 too, as a masked diffusion model sees them. The "
            "conjectured "
            "hard phase is there in the first and gone in the second.",
            "Hardness here is conjectural: it is a statement about belief propagation and its relatives, proven for no "
            "class of all algorithms. That the zeros make it easy is not: union-find shows it.",
        ],
        scale=scale,
        minutes=minutes,
        checks=_checks(means),
        sections=[
            Section(
                title="Zeros hidden and visible",
                figures=[
                    FigureItem(
                        path=figure.svg,
                        caption="Loss of a fresh observation of either value against the degree of the satisfied "
                        "constraints; pale points are single instances, at the upper rim where they are beyond it. "
                        "Bottom: latents in the m largest classes that "
                        "the equalities of the zeros make, without any inference.",
                        alt="Three columns of panels: zeros hidden with a gap, zeros visible without, share tied "
                        "together.",
                    )
                ],
                tables=[_table(means, name) for name in NAMES],
            )
        ],
        units=units,
        caveats=[
            "The two rows ask for the same thing, the value of a fresh tuple that may be satisfied or not. In the "
            "satisfied-only problem such a tuple is never shown with the value 0.",
            f"At N = {n} thresholds are blurred; the Bayes curve is the planted end where its Bethe free entropy is "
            f"positive. Not all runs settle within {iterations} iterations: see the tables.",
        ],
    )


def _find(means: Sequence[Row], name: str, metric: str, at: float, start: str | None, degree: float) -> Row | None:
    wanted = (name, metric, at, start, degree)
    model = (BAYES, UNION_FIND) if start is None else (PROPAGATION,)
    for row in means:
        if (row.distribution, row.metric, row.at, row.start, row.degree) == wanted and row.model in model:
            return row
    return None


def _checks(means: Sequence[Row]) -> list[Check]:
    """Thresholds are blurred at finite N, so far from them: 28 lies an eighth below D_KS = 32."""
    name, degree = "NAE-3, m = 3", 28.0
    apart = [_find(means, name, OVERLAP, zeros, "random", degree) for zeros in (0.0, 1.0)]
    tied = _find(means, name, EQUALITIES, 1.0, None, degree)
    colouring = [_find(means, "5-colouring", OVERLAP, zeros, "random", 13.5) for zeros in (0.0, 1.0)]
    return [
        _check_overlaps(f"{name}, satisfied degree 28", apart, "0.463 and 0.999"),
        _check_overlaps("5-colouring, satisfied degree 13.5", colouring, "none"),
        Check(
            text=f"{name}, satisfied degree 28: three classes of equal latents hold nearly all",
            expected="above 0.95 (claimed: 0.976)",
            measured="not measured" if tied is None else show(tied),
            met=None if tied is None else tied.value > 0.95,
        ),
    ]


def _check_overlaps(text: str, found: Sequence[Row | None], claimed: str) -> Check:
    hidden, visible = found
    if hidden is None or visible is None:
        return Check(text=text, expected="two overlaps", measured="not measured", met=None)
    return Check(
        text=f"{text}: the random start fails with zeros hidden and succeeds with zeros visible",
        expected=f"overlap below 0.7 and above 0.95 (claimed: {claimed})",
        measured=f"{show(hidden)} and {show(visible)}",
        met=hidden.value < 0.7 and visible.value > 0.95,
    )


def _table(means: Sequence[Row], name: str) -> TableItem:
    columns = [
        (f"{what}, {start or 'Bayes'}, {word}", metric, at, start)
        for at, word in ((0.0, "hidden"), (1.0, "visible"))
        for what, metric, start in (
            ("loss", OBSERVATION, "random"),
            ("loss", OBSERVATION, None),
            ("overlap", OVERLAP, "random"),
            ("settled", CONVERGED, "random"),
            ("refused", REFUSED, "random"),
        )
    ] + [("tied by equalities", EQUALITIES, 1.0, None)]
    cells = [
        [f"{degree:g}"]
        + [
            "-" if (row := _find(means, name, metric, at, start, degree)) is None else show(row)
            for _, metric, at, start in columns
        ]
        for degree in SATISFIED_DEGREES[name]
    ]
    return TableItem(
        caption=f"{name}: zeros hidden and visible, losses in nats, by the degree of satisfied constraints.",
        header=["satisfied degree", *(title for title, *_ in columns)],
        rows=cells,
    )
