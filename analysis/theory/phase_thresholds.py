"""Where inference is impossible, hard and easy: D_d, D_cond, D_KS and D_1st of every predicate of this project.

D_KS and D_1st are exact. D_d and D_cond come from population dynamics, D_cond by two routes, each replica with
populations of its own, so errors are the scatter of replicas and nothing else.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from analysis.experiment import run_units, write_tables
from analysis.plots.phase_thresholds import draw_phase_thresholds
from analysis.plots.style import save_figure
from analysis.rows import Row, Subject
from analysis.scales import ScaleName
from analysis.theory.threshold_cases import CASES
from analysis.theory.threshold_report import threshold_report
from analysis.theory.threshold_summary import (
    AREA,
    BETHE,
    CONTINUOUS,
    EXPERIMENT,
    FIRST_MOMENT,
    GAP,
    KESTEN_STIGUM,
    MAGNETISATION,
    SPINODAL_HIGH,
    SPINODAL_LOW,
)
from generators.codec import fingerprint
from lo_theory.estimate import Estimate, Method
from lo_theory.phases.condensation import Effort, affordable_size, both_starts, find_transition, measure
from lo_theory.phases.thresholds import first_moment_degree, kesten_stigum_degree

ABOVE = (1.05, 1.1, 1.14, 1.18, 1.25)
"""Degrees over D_KS at which a continuous transition is searched for a jump above it."""


@dataclass(frozen=True, kw_only=True)
class PhaseUnit:
    """One replica of one predicate.

    Attributes:
        predicate: a key of ``threshold_cases.CASES``.
        seed: of the replica.
        effort: sizes of populations and runs.
    """

    predicate: str
    seed: int
    effort: Effort

    @property
    def label(self) -> str:
        """Predicate and replica."""
        return f"{self.predicate}, replica {self.seed}"

    @property
    def seeds(self) -> dict[str, int]:
        """The one there is."""
        return {"seed": self.seed}

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """The exact thresholds, what this replica found, and phi at D_KS or a search above it."""
        ensemble, effort = CASES[self.predicate].ensemble, self.effort
        rng = np.random.default_rng([self.seed, *self.predicate.encode()])
        kesten_stigum = kesten_stigum_degree(ensemble)
        yield self._row(KESTEN_STIGUM, kesten_stigum, method="exact")
        yield self._row(FIRST_MOMENT, first_moment_degree(ensemble), method="exact")
        found = find_transition(ensemble, effort, rng)
        yield self._row(CONTINUOUS, float(found.continuous))
        if found.continuous:
            for ratio in ABOVE:
                planted, hint = both_starts(ensemble, ratio * kesten_stigum, effort, rng)
                yield self._end(ratio * kesten_stigum, "planted", planted.magnetisation)
                yield self._end(ratio * kesten_stigum, "hint", hint.magnetisation)
        else:
            yield self._row(SPINODAL_LOW, found.spinodal[0])
            yield self._row(SPINODAL_HIGH, found.spinodal[1])
            yield self._row(BETHE, found.bethe)
            yield self._row(AREA, found.area)
        if math.isfinite(kesten_stigum):
            at_threshold = measure(ensemble, kesten_stigum, effort, rng).estimates()
            yield self._row(GAP, at_threshold.free_entropy.value)

    def _row(self, metric: str, value: float, method: Method = "monte_carlo") -> Row:
        """A replica alone has no error; an exact value has none to have."""
        error = 0.0 if method == "exact" else math.nan
        return Row(
            **asdict(self._about()), experiment=EXPERIMENT, metric=metric, value=value, standard_error=error, samples=1,
            method=method, swept="population size", at=float(self.effort.size),
        )  # fmt: skip

    def _end(self, degree: float, start: str, ends: Estimate) -> Row:
        return Row(
            **asdict(self._about()), experiment=EXPERIMENT, metric=MAGNETISATION, degree=degree, start=start,
            **asdict(ends),
        )  # fmt: skip

    def _about(self) -> Subject:
        case = CASES[self.predicate]
        parts = {"channel": case.ensemble.channel.tolist(), "prior": case.ensemble.prior.tolist(), "shown": case.shown}
        return Subject(
            distribution=self.predicate, fingerprint=fingerprint(parts), model="population dynamics", seed=self.seed
        )


@dataclass(frozen=True, kw_only=True)
class PhaseScale:
    """Which predicates, how often, and how large.

    Attributes:
        predicates: keys of ``threshold_cases.CASES``.
        replicas: independent ones of each.
        updates: cost of a sweep, from which the size of each population follows (``condensation.affordable_size``).
        largest: the effort of the cheapest predicates; others have smaller populations.
    """

    predicates: tuple[str, ...]
    replicas: int
    updates: float
    largest: Effort

    def effort(self, predicate: str) -> Effort:
        """The effort that a predicate can afford."""
        size = affordable_size(CASES[predicate].ensemble, self.updates, self.largest.size)
        return replace(self.largest, size=size)


SIZES: dict[ScaleName, PhaseScale] = {
    "smoke": PhaseScale(
        predicates=("3-XOR", "NAE-3", "2-in-4", "1-in-4, P(1)=1/4"),
        replicas=3,
        updates=2.5e5,
        largest=Effort(size=1200, burn_in=30, sweeps=60, patience=150, resolution=0.01, points=3, nodes=6),
    ),
    "small": PhaseScale(
        predicates=tuple(CASES),
        replicas=3,
        updates=1e6,
        largest=Effort(size=2500, burn_in=30, sweeps=80, patience=200, resolution=0.006, points=4),
    ),
    "paper": PhaseScale(
        predicates=tuple(CASES),
        replicas=8,
        updates=1e8,
        largest=Effort(size=30_000, burn_in=150, sweeps=300, patience=600, resolution=0.001, points=7, nodes=12),
    ),
}


@dataclass(frozen=True, kw_only=True)
class ThresholdsExperiment:
    """Thresholds of predicates.

    Attributes:
        scale: "smoke" has four predicates and populations of at most 1,200 messages, "small" and "paper" have all 24
            and at most 4,000 and 30,000; 3, 4 and 8 replicas.
        directory: for rows, figure and report; finished replicas in it are kept and skipped.
        jobs: replicas computed at once; all processors if not given.
        device: not used; population dynamics runs on the processor.
    """

    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"

    @property
    def units(self) -> list[PhaseUnit]:
        """One per replica and predicate, the first replica of all predicates first."""
        size = SIZES[self.scale]
        return [
            PhaseUnit(predicate=name, seed=seed, effort=size.effort(name))
            for seed in range(size.replicas)
            for name in size.predicates
        ]

    def run(self) -> Path:
        """Compute what is missing, draw the figure, write tables and report; returns the report's file."""
        started = time.perf_counter()
        units = run_units(self.units, self.directory, name=f"thresholds {self.scale}", jobs=self.jobs)
        rows = [row for unit in units for row in unit.rows]
        write_tables(units, self.directory / "tables")
        figure = save_figure(draw_phase_thresholds(rows, algebraic()), self.directory / "figures", "thresholds")
        return threshold_report(self.directory, rows, units, figure, self.scale, (time.perf_counter() - started) / 60)


def algebraic() -> tuple[str, ...]:
    """Predicates that Gaussian elimination solves, for the figure."""
    return tuple(name for name, case in CASES.items() if case.algebraic)
