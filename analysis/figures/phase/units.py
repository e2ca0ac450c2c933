"""Loss against the degree of visible constraints: what is possible, what belief propagation finds, what a network does.

Two sizes. At large N belief propagation from the planted start stands for Bayes and from a random start for what local
algorithms reach. At small N (:mod:`~analysis.figures.phase.small`) Bayes is exact and a diffusion model is trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.figures.phase.small import Network, SmallUnit
from analysis.lab.experiment import ScaleName
from analysis.planted.curve import CurveUnit

EXPERIMENT_NAME = "phase"
"""Also the name of the rows at large N; those at small N bear that of :mod:`~analysis.figures.phase.small`."""
DEGREES: dict[str, tuple[float, ...]] = {
    "NAE-3": (0.3, 0.6, 1.0, 1.3, 1.8, 2.4, 3.2, 4.5, 6.0, 9.0),
    "majority": (0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 8.0, 16.0),
    "XOR-3": (1.0, 1.6, 2.2, 2.6, 2.9, 3.3, 4.0, 6.0, 10.0),
    "2-in-4": (1.0, 2.0, 3.2, 3.7, 4.0, 4.4, 4.7, 5.5, 6.5, 8.0, 12.0),
    "1-in-4": (1.0, 2.0, 2.5, 3.1, 3.4, 3.7, 4.6, 5.5, 7.0, 10.0),
    "P4": (1.0, 2.0, 3.0, 3.5, 4.0, 5.0, 7.0, 9.0, 11.0, 15.0),
    "P5": (1.0, 2.0, 3.5, 4.5, 5.2, 6.0, 8.0, 12.0, 20.0),
}


@dataclass(frozen=True, kw_only=True)
class SmallSize:
    """Size of the second part, whose exact posterior is a table.

    Attributes:
        n_latents: of a distribution, N.
        network: that is trained on each.
        cases: one distribution each.
        seeds: networks per distribution.
        samples: masked sequences per degree and protocol.
    """

    n_latents: int
    network: Network
    cases: tuple[str, ...]
    seeds: int
    samples: int

    @property
    def n_observations(self) -> int:
        """P = 6 N."""
        return 6 * self.n_latents


@dataclass(frozen=True, kw_only=True)
class PhaseSize:
    """How large the instances are, and how many; then the same at small N.

    Attributes:
        n_latents: of an instance, N.
        iterations: of belief propagation, at most.
        instances: per degree.
        small: the second part.
        degrees: of the visible constraints, by case.
    """

    n_latents: int
    iterations: int
    instances: int
    small: SmallSize
    degrees: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: DEGREES)


SIZES: dict[ScaleName, PhaseSize] = {
    "smoke": PhaseSize(
        n_latents=1000,
        iterations=250,
        instances=3,
        small=SmallSize(n_latents=8, network=Network(steps=200), cases=("NAE-3", "2-in-4"), seeds=1, samples=64),
    ),
    "small": PhaseSize(
        n_latents=4000,
        iterations=1000,
        instances=5,
        small=SmallSize(n_latents=12, network=Network(steps=900), cases=tuple(DEGREES), seeds=1, samples=256),
    ),
    "paper": PhaseSize(
        n_latents=10_000,
        iterations=3000,
        instances=10,
        small=SmallSize(
            n_latents=16,
            network=Network(steps=50_000, layers=8, width=256, batch_size=256, learning_rate=1e-3),
            cases=tuple(DEGREES),
            seeds=3,
            samples=2048,
        ),
    ),
}


def units(size: PhaseSize) -> list[CurveUnit | SmallUnit]:
    """The networks first, they take longest; then an instance per degree for each case and seed."""
    small = size.small
    trained = [
        SmallUnit(
            case=name,
            seed=seed,
            n_latents=small.n_latents,
            n_observations=small.n_observations,
            network=small.network,
            samples=small.samples,
        )
        for seed in range(small.seeds)
        for name in small.cases
    ]
    curves = [
        CurveUnit(
            experiment=EXPERIMENT_NAME,
            case=name,
            asked="both",
            seed=seed,
            n_latents=size.n_latents,
            degrees=degrees,
            iterations=size.iterations,
        )
        for name, degrees in size.degrees.items()
        for seed in range(size.instances)
    ]
    return [*trained, *curves]
