"""Belief propagation with some latents revealed: where the planted start still knows more than an uninformed one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from analysis.rows import Row, Subject
from analysis.theory.known_thresholds import CASES
from lo_theory.phases.belief_propagation import Settings, Start, planted_beliefs

EXPERIMENT = "revealed"
OVERLAP, FREE_ENTROPY, CONVERGED = "hidden_overlap", "free_entropy_nats", "converged_share"
REVEALED = "revealed share"
STARTS: tuple[Start, ...] = ("prior", "planted")


@dataclass(frozen=True, kw_only=True)
class RevealedUnit:
    """One share of revealed latents, one instance per degree.

    With latents revealed the prior's start is no fixed point, and it is the algorithm's own: after t iterations its
    messages are the exact answers of neighbourhoods of depth t, without a look beyond. A random start meets it again
    wherever that was tried. The overlap counts hidden latents only; no relabelling is allowed, as the revealed ones
    name the values.

    Attributes:
        case: name in ``known_thresholds.CASES``.
        revealed: share of latents that are visible, above 0.
        seed: of instances.
        iterations: at most so many.
    """

    case: str
    revealed: float
    degrees: tuple[float, ...]
    n_latents: int
    iterations: int
    seed: int

    @property
    def label(self) -> str:
        """Share and seed."""
        return f"{self.case}, {self.revealed:g} of the latents revealed, seed {self.seed}"

    @property
    def seeds(self) -> dict[str, int]:
        """The one there is."""
        return {"seed": self.seed}

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Overlap, Bethe free entropy and convergence per degree and start."""
        settings = Settings(damping=0.3, tolerance=1e-5, max_iterations=self.iterations)
        revealed = np.arange(self.n_latents) < round(self.revealed * self.n_latents)
        for degree in self.degrees:
            rng = np.random.default_rng([self.seed, round(1000 * degree), round(10_000 * self.revealed)])
            planted = CASES[self.case].planted(self.n_latents, degree)
            instance = planted.sample(rng)
            for start in STARTS:
                ends = planted_beliefs(planted, instance, start, settings=settings, revealed=revealed)
                hits = ends.marginals.argmax(axis=1) == instance.latents
                yield self._row(OVERLAP, degree, start, float(hits[~revealed].mean()))
                yield self._row(FREE_ENTROPY, degree, start, ends.free_entropy)
                yield self._row(CONVERGED, degree, start, float(ends.converged))

    def _row(self, metric: str, degree: float, start: Start, value: float) -> Row:
        about = Subject(distribution=self.case, fingerprint="", model="belief propagation", seed=self.seed)
        return Row(
            **asdict(about), experiment=EXPERIMENT, metric=metric, value=value, standard_error=0.0, samples=1,
            method="monte_carlo", degree=degree, start=start, swept=REVEALED, at=self.revealed,
        )  # fmt: skip
