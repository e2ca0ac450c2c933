"""The unit behind the audit's own small measurements: a named function of an amount and a generator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from analysis.figures.audit.claim import Values
from analysis.figures.audit.measurements import exact as audit_exact
from analysis.figures.audit.measurements import sampled as audit_sampled
from analysis.lab.rows import Row, Subject

EXPERIMENT = "audit"
Measurement = Callable[[int, np.random.Generator], Iterator[Values]]
MEASUREMENTS: dict[str, Measurement] = {
    "laws": audit_exact.laws,
    "symmetric marginals": audit_exact.symmetric_marginals,
    "naive accuracy": audit_exact.naive_accuracy,
    "eliminated parities": audit_exact.eliminated_parities,
    "percolation": audit_sampled.percolation,
    "small N": audit_sampled.small_n,
    "dense limit": audit_sampled.dense_limit,
    "search budget": audit_sampled.search_budget,
    "absent tuples": audit_sampled.absent_tuples,
}


@dataclass(frozen=True, kw_only=True)
class MeasurementUnit:
    """One measurement.

    Attributes:
        name: a key of ``MEASUREMENTS``.
        amount: instances, distributions or populations, whatever the measurement counts.
        seed: of its generator.
    """

    name: str
    amount: int
    seed: int = 0

    @property
    def label(self) -> str:
        """The name."""
        return self.name

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """A row per number; the seed is not in the rows, as errors are those of the measurement itself."""
        rng = np.random.default_rng([self.seed, *self.name.encode()])
        for distribution, metric, estimate in MEASUREMENTS[self.name](self.amount, rng):
            yield Subject(distribution=distribution, fingerprint="", model=self.name).row(EXPERIMENT, metric, estimate)
