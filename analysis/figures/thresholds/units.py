"""Where inference is impossible, hard and easy: D_d, D_cond, D_KS and D_1st of every predicate of this project.

D_KS and D_1st are exact. D_d and D_cond come from population dynamics, D_cond by two routes, each replica with
populations of its own, so errors are the scatter of replicas and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from analysis.figures.thresholds.predicates import CASES
from analysis.lab.experiment import ScaleName
from analysis.lab.rows import Row, Subject
from generators.ground.codec import fingerprint
from lo_theory.estimate import Estimate, exact_estimate
from lo_theory.phases.condensation import Effort, affordable_size, both_starts, find_transition, measure
from lo_theory.phases.thresholds import first_moment_degree, kesten_stigum_degree

EXPERIMENT_NAME = "thresholds"
KESTEN_STIGUM, FIRST_MOMENT = "kesten_stigum_degree", "first_moment_degree"
CONTINUOUS = "continuous"
SPINODAL_LOW, SPINODAL_HIGH = "spinodal_low_degree", "spinodal_high_degree"
BETHE, AREA = "condensation_degree_bethe", "condensation_degree_area"
GAP = "free_entropy_at_kesten_stigum_nats"
MAGNETISATION = "magnetisation"
PLANTED, HINT = "planted", "hint"
"""Starts: at the truth, and knowing a tenth of it."""
ABOVE = (1.05, 1.1, 1.14, 1.18, 1.25)
"""Degrees over D_KS at which a continuous transition is searched for a jump above it."""


@dataclass(frozen=True, kw_only=True)
class PhaseUnit:
    """One replica of one predicate.

    Attributes:
        predicate: a key of ``predicates.CASES``.
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

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """The exact thresholds, what this replica found, and phi at D_KS or a search above it."""
        ensemble, effort, about = CASES[self.predicate].ensemble, self.effort, self._about()
        made = partial(about.row, EXPERIMENT_NAME, swept="population size", at=float(effort.size))
        rng = np.random.default_rng([self.seed, *self.predicate.encode()])
        kesten_stigum = kesten_stigum_degree(ensemble)
        yield made(KESTEN_STIGUM, exact_estimate(kesten_stigum))
        yield made(FIRST_MOMENT, exact_estimate(first_moment_degree(ensemble)))
        found = find_transition(ensemble, effort, rng)
        yield made(CONTINUOUS, _alone(float(found.continuous)))
        if found.continuous:
            for degree in (ratio * kesten_stigum for ratio in ABOVE):
                for start, end in zip((PLANTED, HINT), both_starts(ensemble, degree, effort, rng), strict=True):
                    yield about.row(EXPERIMENT_NAME, MAGNETISATION, end.magnetisation, degree=degree, start=start)
        else:
            yield made(SPINODAL_LOW, _alone(found.spinodal[0]))
            yield made(SPINODAL_HIGH, _alone(found.spinodal[1]))
            yield made(BETHE, _alone(found.bethe))
            yield made(AREA, _alone(found.area))
        if math.isfinite(kesten_stigum):
            at_threshold = measure(ensemble, kesten_stigum, effort, rng).estimates()
            yield made(GAP, _alone(at_threshold.free_entropy.value))

    def _about(self) -> Subject:
        case = CASES[self.predicate]
        parts = {"channel": case.ensemble.channel.tolist(), "prior": case.ensemble.prior.tolist(), "shown": case.shown}
        return Subject(
            distribution=self.predicate, fingerprint=fingerprint(parts), model="population dynamics", seed=self.seed
        )


def _alone(value: float) -> Estimate:
    """Of one replica, whose error the others show."""
    return Estimate(value=value, standard_error=math.nan, samples=1, method="monte_carlo")


@dataclass(frozen=True, kw_only=True)
class ThresholdsSize:
    """Which predicates, how often, and how large.

    Attributes:
        predicates: keys of ``predicates.CASES``.
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


SIZES: dict[ScaleName, ThresholdsSize] = {
    "smoke": ThresholdsSize(
        predicates=("3-XOR", "NAE-3", "2-in-4", "1-in-4, P(1)=1/4"),
        replicas=3,
        updates=2.5e5,
        largest=Effort(size=1200, burn_in=30, sweeps=60, patience=150, resolution=0.01, points=3, nodes=6),
    ),
    "small": ThresholdsSize(
        predicates=tuple(CASES),
        replicas=3,
        updates=1e6,
        largest=Effort(size=2500, burn_in=30, sweeps=80, patience=200, resolution=0.006, points=4),
    ),
    "paper": ThresholdsSize(
        predicates=tuple(CASES),
        replicas=8,
        updates=1e8,
        largest=Effort(size=30_000, burn_in=150, sweeps=300, patience=600, resolution=0.001, points=7, nodes=12),
    ),
}


def units(size: ThresholdsSize) -> list[PhaseUnit]:
    """One per replica and predicate, the first replica of all predicates first."""
    return [
        PhaseUnit(predicate=name, seed=seed, effort=size.effort(name))
        for seed in range(size.replicas)
        for name in size.predicates
    ]
