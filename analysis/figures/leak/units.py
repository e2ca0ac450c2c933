"""What the zeros give away: the same satisfied constraints, with the observations of value 0 hidden and visible.

The paper's hardness proof keeps satisfied constraints only. In an L&O sequence a visible observation of value 0 is seen
too, and for not-all-equal and colouring it says that its latents are equal. The two rows of panels hold the same
instances; the lower one shows their zeros as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from analysis.lab.experiment import ScaleName
from analysis.lab.rows import Row, Subject
from analysis.planted.cases import CASES, Case
from analysis.planted.curve import PROPAGATION, end_rows, one_instance
from generators.planted.constraints import PlantedInstance
from lo_theory.phases.belief_propagation import Settings

EXPERIMENT_NAME = "leak"
EQUALITIES = "latents_in_largest_classes"
ZEROS = "zeros visible"
UNION_FIND = "equalities alone"
SATISFIED_DEGREES: dict[str, tuple[float, ...]] = {
    "NAE-3, m = 3": (1.0, 2.0, 3.0, 3.6, 5.0, 8.0, 12.0, 18.0, 22.0, 24.0, 26.0, 28.0, 30.0, 34.0, 38.0),
    "5-colouring": (1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 12.0, 13.5, 14.5, 16.0, 18.0, 20.0),
    "NAE-3": (0.3, 0.6, 0.9, 1.1, 1.4, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0),
}


@dataclass(frozen=True, kw_only=True)
class LeakSize:
    """How large the instances are, and how many.

    Attributes:
        n_latents: of an instance, N.
        iterations: of belief propagation, at most.
        instances: per degree.
        degrees: of the satisfied constraints, by case.
    """

    n_latents: int
    iterations: int
    instances: int
    degrees: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: SATISFIED_DEGREES)


SIZES: dict[ScaleName, LeakSize] = {
    "smoke": LeakSize(n_latents=1500, iterations=250, instances=3),
    "small": LeakSize(n_latents=3000, iterations=1000, instances=5),
    "paper": LeakSize(n_latents=10_000, iterations=2000, instances=10),
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

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Per degree: the rows of both ends without and with zeros, and what their equalities alone tie together."""
        settings = Settings(damping=self.damping, tolerance=self.tolerance, max_iterations=self.iterations)
        about = Subject(distribution=self.case, fingerprint="", model=PROPAGATION, seed=self.seed)
        case, hidden = CASES[self.case], CASES[f"{self.case}, satisfied"]
        for degree in self.degrees:
            rng = np.random.default_rng([self.seed, round(1000 * degree)])
            planted = case.planted(self.n_latents, degree / satisfied_rate(case))
            instance = planted.sample(rng)
            part = satisfied_part(instance)
            made = partial(about.row, EXPERIMENT_NAME, degree=degree, swept=ZEROS)
            alone = hidden.planted(self.n_latents, part.degree)
            yield from end_rows(alone, part, "both", self.fresh, settings, rng, partial(made, at=0.0))
            yield from end_rows(planted, instance, "both", self.fresh, settings, rng, partial(made, at=1.0))
            share = share_in_largest(instance, len(case.prior))
            yield made(EQUALITIES, one_instance(share), at=1.0, model=UNION_FIND)


def units(size: LeakSize) -> list[LeakUnit]:
    """One per case and seed."""
    return [
        LeakUnit(case=name, seed=seed, n_latents=size.n_latents, degrees=degrees, iterations=size.iterations)
        for name, degrees in size.degrees.items()
        for seed in range(size.instances)
    ]


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
