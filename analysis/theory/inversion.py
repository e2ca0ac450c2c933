"""What inverting costs: three attacks, their typical cost against the number of hidden latents, and its growth.

Forwards every one of these observations is cheap. The costs are counted in units of the attack, not in seconds:
evaluations of the hash, trials of Gaussian elimination, conflicts of the solver.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import binom, norm

from analysis.experiment import run_units, write_tables
from analysis.plots.inversion import draw_inversion
from analysis.plots.style import SavedFigure, save_figure
from analysis.report import Check, FigureItem, Report, Section, TableItem, show, write_report
from analysis.rows import Row
from analysis.scales import ScaleName
from analysis.store import StoredUnit
from analysis.theory.attack_unit import (
    BITS,
    KNOWN_BITS,
    MISFIT,
    PLANTED,
    POWER,
    POWER_MISFIT,
    RATE,
    SECONDS,
    SOLVED,
    InversionUnit,
)
from analysis.theory.attacks import Attack, HashAttack, ParityAttack, SatAttack
from lo_theory.attacks.inversion import MIN_SOLVED
from lo_theory.attacks.planted_sat import CONFLICTS

_HASH_SIZES: dict[ScaleName, tuple[int, ...]] = {
    "smoke": (6, 8, 10, 12, 14, 16),
    "small": (6, 8, 10, 12, 14, 16, 18, 20),
    "paper": (6, 8, 10, 12, 14, 16, 18, 20, 22, 24),
}
_NOISE_SIZES: dict[float, tuple[int, ...]] = {
    0.0: (20, 40, 60, 80, 100),
    0.05: (40, 60, 80, 100, 120),
    0.1: (20, 30, 40, 50, 60),
    0.2: (10, 15, 20, 25, 30),
}
_SAT_SIZES: dict[str, tuple[int, ...]] = {
    "3-SAT, two hidden": (100, 125, 150, 175, 200, 225),
    "3-SAT, one hidden": (100, 140, 180, 220, 260),
    "P5": (30, 40, 50, 60, 70),
    "2-in-4": (60, 90, 120, 150, 180),
    "3-XOR": (60, 100, 140, 180, 220),
    "NAE-3": (60, 100, 160, 240, 360),
}
_RUNS: dict[ScaleName, int] = {"smoke": 24, "small": 100, "paper": 400}
_REACH: dict[ScaleName, float] = {"smoke": 1.0, "small": 1.15, "paper": 1.3}
_BUDGET: dict[ScaleName, int] = {"smoke": 100_000, "small": 1_000_000, "paper": 20_000_000}


@dataclass(frozen=True, kw_only=True)
class InversionExperiment:
    """All three attacks.

    Attributes:
        scale: 24, 100 or 400 runs per size; sizes grow by 15 and 30 per cent, the hash up to 16, 20, 24 latents.
        directory: for rows, figure and report; finished units in it are kept and skipped.
        jobs: units computed at once; all processors if not given.
        device: not used.
    """

    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"

    @property
    def units(self) -> list[InversionUnit]:
        """One per attack and kind of observations."""
        runs, budget, reach = _RUNS[self.scale], _BUDGET[self.scale], _REACH[self.scale]
        attacks: list[tuple[Attack, tuple[int, ...], int]] = [(HashAttack(), _HASH_SIZES[self.scale], 2 * runs)]
        for arity in (None, 3):
            for noise, sizes in _NOISE_SIZES.items():
                attacks.append((ParityAttack(noise, arity), _stretched(sizes, reach), 2 * runs))
        attacks += [(SatAttack(name), _stretched(sizes, reach), runs) for name, sizes in _SAT_SIZES.items()]
        return [InversionUnit(attack=a, sizes=sizes, runs=n, budget=budget) for a, sizes, n in attacks]

    def run(self) -> Path:
        """Compute what is missing, draw the figure, write tables and report; returns the report's file."""
        started = time.perf_counter()
        units = run_units(self.units, self.directory, name=f"inversion {self.scale}", jobs=self.jobs)
        rows = [row for unit in units for row in unit.rows]
        write_tables(units, self.directory / "tables")
        figure = save_figure(draw_inversion(rows), self.directory / "figures", "inversion")
        minutes = (time.perf_counter() - started) / 60
        return write_report(self.directory, _report(rows, units, figure, self.scale, minutes))


def _stretched(sizes: tuple[int, ...], factor: float) -> tuple[int, ...]:
    return tuple(round(size * factor) for size in sizes)


def _report(
    rows: Sequence[Row], units: Sequence[StoredUnit], figure: SavedFigure, scale: ScaleName, minutes: float
) -> Report:
    budget = _BUDGET[scale]
    return Report(
        title="What inverting observations costs",
        summary=[
            "All observations are visible, the latents are hidden, and an algorithm made for this recovers them. "
            "A keyed hash of all latents is searched exhaustively, noisy parities by Gaussian elimination on parities "
            "that are hoped to be free of noise, local constraints by a SAT solver. Costs are counted in units that do "
            "not depend on the machine.",
            "The exponents are those of these algorithms at these sizes. That no algorithm does much better is "
            "conjectured, and proven for none of them.",
        ],
        scale=scale,
        minutes=minutes,
        checks=_checks(rows),
        sections=[
            Section(
                title="Cost against hidden latents",
                paragraphs=[
                    f"A run is given up at {budget:,} trials or conflicts (a search for a hash always ends). Given-up "
                    "runs are counted: in the mean, all work over the number of solutions, with their whole work; in "
                    f"the median as dearer than any other. A size with fewer than {MIN_SOLVED:.0%} of its runs solved "
                    "is a lower bound and no point of a fit; the share that was solved stands in the table.",
                    "What is recovered is verified: the hash in all its bits, parities against others that were held "
                    "out, solutions of constraints clause by clause. Constraints may have other solutions than the "
                    "planted one; the table says how often that one was found.",
                ],
                figures=[
                    FigureItem(
                        path=figure.svg,
                        caption="Typical cost (mean for hash and parities, median for the solver) with 95% intervals "
                        "from resampled runs, on a logarithmic scale; lines are known laws, broken ones fits. Last: "
                        "fitted bits per latent beside the known ones.",
                        alt="Three panels of logarithmic cost against hidden latents, and one of their slopes.",
                    )
                ],
                tables=[_growths(rows), _rates(rows), _costs(rows)],
            )
        ],
        units=units,
        caveats=[
            "Pooled Gauss is not the best attack on noisy parities. Dense ones fall to BKW in fewer trials and more "
            "memory, sparse ones to spectral methods from about N**(k/2) observations on, which these pools have; a "
            "sparse solution with a few wrong latents could also be repaired instead of thrown away.",
            "No exponent is known for the solver on these ensembles. Over less than a factor of three in N an "
            "exponential and a power of N are hard to tell apart: the table has the misfit of both.",
            "The mean over runs from a finite pool of parities exceeds the law by about two per cent.",
        ],
    )


def _checks(rows: Sequence[Row]) -> list[Check]:
    """Laws within four standard errors (false alarm below one in 10,000 each); control and hard case apart."""
    slopes = {(r.distribution, r.swept): r for r in rows if r.metric == BITS}
    known = {r.distribution: r for r in rows if r.metric == KNOWN_BITS}
    checks = [
        Check(
            text=f"{name}: bits per hidden latent",
            expected=f"{known[name].value:.3f} within four standard errors",
            measured=show(row),
            met=abs(row.value - known[name].value) <= 4 * row.standard_error + 1e-12,
        )
        for (name, _), row in slopes.items()
        if name in known
    ]
    scores = [_waiting_score(r, known[r.distribution].value) for r in rows if r.metric == RATE]
    scores = [score for score in scores if score is not None]
    checks.append(
        Check(
            text="trials of pooled Gauss until the solutions there are, against the success rate (1 - noise)**N",
            expected="normal scores of the exact law within 4 at every size and rate",
            measured=f"at most {max(scores, key=abs):+.1f} of {len(scores)}, "
            f"sum of squares {sum(z * z for z in scores):.0f}",
            met=max(map(abs, scores)) <= 4.0,
        )
    )
    easy, hard = slopes.get(("NAE-3", CONFLICTS)), slopes.get(("3-SAT, two hidden", CONFLICTS))
    checks.append(
        Check(
            text="the solver's conflicts grow faster on 3-SAT with two hidden assignments than on the easy control",
            expected="intervals of the slopes apart",
            measured=f"{show(hard)} against {show(easy)}" if hard and easy else "too few sizes solved",
            met=hard.interval[0] > easy.interval[1] if hard and easy else None,
        )
    )
    return checks


def _waiting_score(row: Row, bits: float) -> float | None:
    """Normal score of the number of trials that the solutions of a size took, were the law true; None without noise.

    The estimated standard error of a rate is skewed with some fifty solutions: small rates look too certain of
    themselves. The waiting time has an exact law: t trials or fewer for n solutions is n or more in t trials.
    """
    chance, trials = 2.0 ** (-bits * (row.latents_masked or 0)), row.samples
    if chance == 1.0:
        return None
    return float(norm.ppf(binom.sf(round(row.value * trials) - 1, trials, chance)))


def _growths(rows: Sequence[Row]) -> TableItem:
    found = {(r.distribution, r.metric, r.swept): r for r in rows if r.latents_masked is None}
    known = {r.distribution: f"{r.value:.4f}" for r in rows if r.metric == KNOWN_BITS}
    return TableItem(
        caption="Fitted growth. Bits per latent: log2 of the factor in cost per latent, 95% intervals; power: exponent "
        "of N if the cost were a power of it; misfits: root mean square of log2 cost about either fit.",
        header=["observations", "unit", "bits per latent", "known", "misfit", "power of N", "misfit of the power"],
        rows=[
            [
                name,
                str(unit),
                show(row, 4),
                known.get(name, "none"),
                *(f"{found[name, metric, unit].value:.2f}" for metric in (MISFIT, POWER, POWER_MISFIT)),
            ]
            for (name, metric, unit), row in found.items()
            if metric == BITS
        ],
    )


def _rates(rows: Sequence[Row]) -> TableItem:
    known = {r.distribution: r.value for r in rows if r.metric == KNOWN_BITS}
    return TableItem(
        caption="Success rate of a trial of pooled Gauss, 95% interval, beside (1 - noise)**N.",
        header=["parities", "N", "measured", "law"],
        rows=[
            [
                r.distribution,
                str(r.latents_masked),
                show(r, 5),
                f"{2.0 ** -(known[r.distribution] * (r.latents_masked or 0)):.5f}",
            ]
            for r in rows
            if r.metric == RATE
        ],
    )


def _costs(rows: Sequence[Row]) -> TableItem:
    found = {(r.distribution, r.latents_masked, r.metric): r for r in rows if r.latents_masked is not None}
    others = {SECONDS, SOLVED, PLANTED, RATE}
    return TableItem(
        caption="Typical cost of a solution, share of runs that found one and that found the planted latents.",
        header=["observations", "hidden latents", "unit", "cost", "seconds", "solved", "planted"],
        rows=[
            [
                name,
                str(size),
                metric,
                show(row, 1),
                f"{found[name, size, SECONDS].value:.2g}",
                *(f"{found[name, size, share].value:.2f}" for share in (SOLVED, PLANTED)),
            ]
            for (name, size, metric), row in found.items()
            if metric not in others
        ],
    )
