"""The computational gap of an order-agnostic learner: an area between two losses against one free entropy.

See :mod:`analysis.theory.gap_identity` for the identity and what is measured on either side.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.experiment import run_units, write_tables
from analysis.plots.gap import draw_gap
from analysis.plots.style import SavedFigure, save_figure
from analysis.report import Check, FigureItem, Report, Section, TableItem, show, write_report
from analysis.rows import Row, combine_seeds
from analysis.scales import ScaleName
from analysis.store import StoredUnit
from analysis.theory.gap_identity import (
    EXPERIMENT,
    POPULATION,
    Identity,
    Measured,
    PopulationUnit,
    identity,
    interval,
    nodes,
)
from analysis.theory.known_thresholds import CASES
from analysis.theory.planted_curve import CONVERGED, OBSERVATION, PHI, REFUSED, CurveUnit
from lo_theory.phases.thresholds import prior_entropy

CONTROL_CASE = "NAE-3"
NAMES = ("2-in-4", "NAE-3, m = 3, satisfied", "1-in-3", "1-in-4", "P4", CONTROL_CASE)
CLAIMED = {"2-in-4": 0.152, "NAE-3, m = 3, satisfied": 0.185, "1-in-3": 0.028, CONTROL_CASE: 0.0}
"""phi(D_KS), nats per latent, as the notes behind this project have it; here it is a claim under test."""
BEFORE, BEYOND = (0.8, 0.95), (1.06, 1.15)  # shown beside the interval, relative to its ends

_SIZES: dict[ScaleName, tuple[int, int, int, int]] = {
    "smoke": (2000, 300, 4, 6),
    "small": (5000, 1000, 6, 8),
    "paper": (20_000, 3000, 12, 12),
}
_POPULATIONS: dict[ScaleName, tuple[int, int]] = {"smoke": (300, 3), "small": (1000, 4), "paper": (10_000, 6)}


def curve_degrees(name: str, count: int) -> tuple[float, ...]:
    """Nodes of the quadrature, D_KS, and a few degrees on either side for the figure."""
    case = CASES[name]
    low, high = interval(case)
    beside = [x * low for x in BEFORE] + [x * high for x in BEYOND]
    return tuple(sorted({*nodes(case, count)[0].tolist(), case.kesten_stigum, *beside}))


@dataclass(frozen=True, kw_only=True)
class GapExperiment:
    """Both sides of the identity for six cases, one of them a control without a gap.

    Attributes:
        scale: N, most iterations, instances and nodes: 2,000, 300, 4, 6; 5,000, 1,000, 6, 8; 20,000, 3,000, 12, 12.
            Messages per planted value and populations: 300, 3; 1,000, 4; 10,000, 6.
        directory: for rows, figure and report; finished units in it are kept and skipped.
        jobs: units computed at once; all processors if not given.
        device: not used; belief propagation runs on the processor.
    """

    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"

    @property
    def units(self) -> list[CurveUnit | PopulationUnit]:
        """One per case and instance, and one per case and population."""
        n, iterations, seeds, count = _SIZES[self.scale]
        size, populations = _POPULATIONS[self.scale]
        right = [PopulationUnit(case=name, seed=seed, size=size) for name in NAMES for seed in range(populations)]
        left = [
            CurveUnit(
                experiment=EXPERIMENT,
                case=name,
                asked=CASES[name].shown,
                seed=seed,
                n_latents=n,
                degrees=curve_degrees(name, count),
                iterations=iterations,
            )
            for name in NAMES
            for seed in range(seeds)
        ]
        return [*left, *right]

    def run(self) -> Path:
        """Compute what is missing, draw the figure, write table and report; returns the report's file."""
        started = time.perf_counter()
        units = run_units(self.units, self.directory, name=f"gap {self.scale}", jobs=self.jobs)
        rows = [row for unit in units for row in unit.rows]
        write_tables(units, self.directory / "tables")
        count = _SIZES[self.scale][3]
        sides = [identity(rows, name, count) for name in NAMES]
        figure = save_figure(draw_gap(rows, count), self.directory / "figures", "gap")
        report = _report(rows, sides, units, figure, self.scale, (time.perf_counter() - started) / 60)
        return write_report(self.directory, report)


def _report(
    rows: Sequence[Row],
    sides: Sequence[Identity],
    units: Sequence[StoredUnit],
    figure: SavedFigure,
    scale: ScaleName,
    minutes: float,
) -> Report:
    n, iterations, seeds, count = _SIZES[scale]
    return Report(
        title="The computational gap is a free entropy",
        summary=[
            "Between the degree at which the visible observations determine the latents in part, and the one at which "
            "belief propagation from the prior notices, a learner that knows no more than belief propagation pays for "
            "every observation as if it knew nothing. What it pays too much, per latent, is the area between two "
            "curves, and it equals the Bethe free entropy at the Kesten-Stigum degree.",
            f"The area is measured on {seeds} instances of N = {n} per degree with {count} nodes of Gauss-Legendre "
            f"quadrature, the free entropy on {_POPULATIONS[scale][1]} populations of {_POPULATIONS[scale][0]} "
            "messages per planted value, which have no N.",
        ],
        scale=scale,
        minutes=minutes,
        checks=_checks(sides),
        sections=[
            Section(
                title="Area against free entropy",
                figures=[
                    FigureItem(
                        path=figure.svg,
                        caption="Loss of a fresh visible observation at the two ends of belief propagation; bottom "
                        "right the area between D_cond and D_KS per latent against phi(D_KS), with 95% intervals.",
                        alt="Three panels of loss against degree with shaded gaps, one of area against free entropy.",
                    )
                ],
                tables=[_table(sides), *(_curves(rows, name) for name in NAMES)],
            )
        ],
        units=units,
        caveats=[
            "The equality is derived, not proven: it takes the Bethe free entropy of the planted fixed point for the "
            "true one, and belief propagation for the learner. That nothing efficient does better below D_KS is a "
            "conjecture.",
            "The ideal area puts ignorance in the place of the random start below D_KS. At finite N the threshold is "
            "blurred: some instances are solved below it and the measured area is then smaller. Above D_KS nothing is "
            "counted, so the blur does not cancel.",
            "Corrections of finite size are of order 1/N. Where only satisfied constraints are visible they are the "
            "largest: the share of each value among the latents fluctuates, and an uneven share tells more, so phi of "
            "small instances is too large. It stands beside and is not what the area is compared with.",
            f"Beliefs that did not settle within {iterations} iterations are used as they are; the tables count them.",
            "D_cond is taken from other sources (see the table). Its error enters the area, with the largest weight it "
            "can have.",
        ],
    )


def _checks(sides: Sequence[Identity]) -> list[Check]:
    checks = [
        Check(
            text=f"{side.case}: area to D_KS equals phi(D_KS)",
            expected="within errors by Student's t, one false alarm in a thousand",
            measured=f"{_with_error(side.ideal_area)} against {_with_error(side.free_entropy)}, z = {side.z:.1f}",
            met=side.agrees(),
        )
        for side in sides
    ]
    for side in sides:
        if side.case in CLAIMED and side.case != CONTROL_CASE:
            claimed, found = CLAIMED[side.case], side.free_entropy
            checks.append(
                Check(
                    text=f"{side.case}: phi(D_KS) as noted",
                    expected=f"{claimed:.3f}, to 0.005 and the 95% half-width",
                    measured=_with_error(found),
                    met=abs(found.value - claimed) < 0.005 + found.half_width,
                )
            )
    control = next(side for side in sides if side.case == CONTROL_CASE)
    checks.append(
        Check(
            text=f"{CONTROL_CASE}, the control: no gap between half and twice D_KS",
            expected="area below 0.005 nats per latent",
            measured=_with_error(control.area),
            met=abs(control.area.value) < 0.005,
        )
    )
    return checks


def _with_error(measured: Measured) -> str:
    return f"{measured.value + 0.0:.4f} +- {measured.error:.4f}"


def _table(sides: Sequence[Identity]) -> TableItem:
    return TableItem(
        caption="Nats per latent, with standard errors over instances; z compares with phi(D_KS).",
        header=[
            "case", "D_cond", "its source", "D_KS", "measured area", "z", "ideal area", "z", "phi(D_KS)",
            "share of H(prior)", "noted phi", "phi on instances",
        ],
        rows=[[side.case, *_condensation(side.case), *_sides(side)] for side in sides],
    )  # fmt: skip


def _condensation(name: str) -> list[str]:
    known = CASES[name].condensation
    assert known is not None  # interval() has refused it
    return [f"{known.degree:g} +- {known.error:g}", known.source]


def _sides(side: Identity) -> list[str]:
    case = CASES[side.case]
    return [
        f"{case.kesten_stigum:.3f}",
        _with_error(side.area),
        f"{side.z_measured:.1f}",
        _with_error(side.ideal_area),
        f"{side.z:.1f}",
        _with_error(side.free_entropy),
        f"{100 * side.free_entropy.value / prior_entropy(case.ensemble) + 0.0:.1f}%",
        f"{CLAIMED[side.case]:.3f}" if side.case in CLAIMED else "-",
        _with_error(side.on_instances),
    ]


def _curves(rows: Sequence[Row], name: str) -> TableItem:
    means = {
        (r.metric, r.degree, r.start): r
        for r in combine_seeds(rows)
        if r.distribution == name and r.model != POPULATION
    }
    degrees = sorted({degree for _, degree, _ in means if degree is not None})

    def cell(metric: str, degree: float, start: str, digits: int = 4) -> str:
        row = means.get((metric, degree, start))
        return "-" if row is None else show(row, digits)

    return TableItem(
        caption=f"{name}: loss of a fresh visible observation in nats, free entropy of the planted end, and the shares "
        "of instances in which the iteration settled, or ruled out every value of a latent (refused).",
        header=["degree", "random start", "planted start", "phi, planted", "settled", "refused"],
        rows=[
            [
                f"{degree:.3f}",
                cell(OBSERVATION, degree, "random"),
                cell(OBSERVATION, degree, "planted"),
                cell(PHI, degree, "planted"),
                " / ".join(_share(means.get((CONVERGED, degree, start))) for start in ("random", "planted")),
                " / ".join(_share(means.get((REFUSED, degree, start))) for start in ("random", "planted")),
            ]
            for degree in degrees
        ],
    )


def _share(row: Row | None) -> str:
    return "-" if row is None else f"{row.value:.2f}"
