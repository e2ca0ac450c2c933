"""Where the computational gap is measured: instances at the nodes of a quadrature, and populations at D_KS.

See :mod:`analysis.figures.gap.identity` for what is made of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from analysis.lab.experiment import ScaleName
from analysis.lab.rows import Row, Subject
from analysis.planted.cases import CASES, Case
from analysis.planted.curve import PHI, CurveUnit
from lo_theory.phases.condensation import Effort, measure

EXPERIMENT_NAME = "gap"
POPULATION = "population dynamics"
CONTROL_CASE = "NAE-3"
NAMES = ("2-in-4", "NAE-3, m = 3, satisfied", "1-in-3", "1-in-4", "P4", CONTROL_CASE)
CLAIMED = {"2-in-4": 0.152, "NAE-3, m = 3, satisfied": 0.185, "1-in-3": 0.028, CONTROL_CASE: 0.0}
"""phi(D_KS), nats per latent, as the notes behind this project have it; here it is a claim under test."""

_BEFORE, _BEYOND = (0.8, 0.95), (1.06, 1.15)  # shown beside the interval, relative to its ends


@dataclass(frozen=True, kw_only=True)
class GapSize:
    """How large instances and populations are, and how many.

    Attributes:
        n_latents: of an instance, N.
        iterations: of belief propagation, at most.
        instances: per degree.
        nodes: of the quadrature.
        messages: of a population, per planted value.
        populations: per case.
        names: of the cases; one of them is the control without a gap.
    """

    n_latents: int
    iterations: int
    instances: int
    nodes: int
    messages: int
    populations: int
    names: tuple[str, ...] = NAMES


SIZES: dict[ScaleName, GapSize] = {
    "smoke": GapSize(n_latents=2000, iterations=300, instances=4, nodes=6, messages=300, populations=3),
    "small": GapSize(n_latents=5000, iterations=1000, instances=6, nodes=8, messages=1000, populations=4),
    "paper": GapSize(n_latents=20_000, iterations=3000, instances=12, nodes=12, messages=10_000, populations=6),
}


@dataclass(frozen=True, kw_only=True)
class PopulationUnit:
    """phi(D_KS) of one case by one population of messages.

    Attributes:
        case: a key of ``CASES``.
        seed: of the population.
        size: messages per planted value.
    """

    case: str
    seed: int
    size: int

    @property
    def label(self) -> str:
        """Case and seed."""
        return f"{self.case}, population {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """One row."""
        case, about = (
            CASES[self.case],
            Subject(distribution=self.case, fingerprint="", model=POPULATION, seed=self.seed),
        )
        rng = np.random.default_rng([self.seed, self.size])
        found = measure(case.ensemble, case.kesten_stigum, Effort(size=self.size), rng).estimates().free_entropy
        yield about.row(EXPERIMENT_NAME, PHI, found, degree=case.kesten_stigum, start="planted")


def units(size: GapSize) -> list[CurveUnit | PopulationUnit]:
    """One per case and instance, then one per case and population."""
    instances = [
        CurveUnit(
            experiment=EXPERIMENT_NAME, case=name, asked=CASES[name].shown, seed=seed, n_latents=size.n_latents,
            degrees=curve_degrees(name, size.nodes), iterations=size.iterations,
        )
        for name in size.names
        for seed in range(size.instances)
    ]  # fmt: skip
    populations = [
        PopulationUnit(case=name, seed=seed, size=size.messages)
        for name in size.names
        for seed in range(size.populations)
    ]
    return [*instances, *populations]


def curve_degrees(name: str, count: int) -> tuple[float, ...]:
    """Nodes of the quadrature, D_KS, and a few degrees on either side for the figure."""
    case = CASES[name]
    low, high = interval(case)
    beside = [x * low for x in _BEFORE] + [x * high for x in _BEYOND]
    return tuple(sorted({*nodes(case, count)[0].tolist(), case.kesten_stigum, *beside}))


def interval(case: Case) -> tuple[float, float]:
    """Degrees to integrate over: D_cond to D_KS; at a continuous transition, where the two meet, half to twice D_KS.

    Raises:
        ValueError: a case without a transition, or with an infinite D_KS: its gap has no end.
    """
    known, ks = case.condensation, case.kesten_stigum
    if known is None or not math.isfinite(ks):
        raise ValueError(f"the gap of {case.name} has no beginning or no end: D_KS = {ks}.")
    return (known.degree, ks) if known.spinodal is not None else (0.5 * ks, 2.0 * ks)


_POSITIVE_NODES = {
    5: (0.5384693101056831, 0.906179845938664),
    6: (0.2386191860831969, 0.6612093864662645, 0.9324695142031519),
    8: (0.18343464249564978, 0.525532409916329, 0.7966664774136267, 0.9602898564975362),
    12: (
        0.1252334085114689, 0.3678314989981802, 0.5873179542866175, 0.7699026741943047, 0.9041172563704748,
        0.9815606342467192,
    ),
}  # fmt: skip
"""Of the Legendre polynomials that the scales use. Keys of units hash the degrees, and what computes the nodes rounds
them otherwise from version to version and from processor to processor."""


def nodes(case: Case, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Degrees and weights (per constraint and latent) of Gauss-Legendre quadrature over :func:`interval`."""
    x, w = np.polynomial.legendre.leggauss(count)
    if count in _POSITIVE_NODES:
        positive = np.array(_POSITIVE_NODES[count])
        x = np.concatenate([-positive[::-1], np.zeros(count % 2), positive])
    low, high = interval(case)
    half = (high - low) / 2
    return low + half * (x + 1), half * w / case.arity
