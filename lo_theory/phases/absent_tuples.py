"""What the tuples that are not shown say: the mean field of a planted problem that shows satisfied constraints only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True)
class AbsentTuples:
    """What is known from the tuples that are *not* shown, when an unsatisfied constraint is never shown.

    All N!/(N - k)! tuples but O(N) of them are absent; each is a weak factor and together they act as a mean field. As
    a function of the mean marginal r of the latents their log weight per latent is ``-c (e - 1)``, for a fixed number
    of constraints ``-c log e``, with ``e = E_r[seen_weight]``: the normalisation of the likelihood of the shown ones.
    Without it belief propagation drifts to whatever composition satisfies most constraints.

    Attributes:
        seen_weight: ``(m,) * k`` relative probability of being shown, mean 1 under the prior.
        per_latent: c, expected constraints per latent.
        fixed_count: the number of constraints was fixed in advance, not Poisson.
    """

    seen_weight: Float64[np.ndarray, "..."]
    per_latent: float
    fixed_count: bool = False

    def log_weight(self, mean: Float64[np.ndarray, "m"]) -> float:
        """Log weight per latent of the composition ``mean``, 0 at the prior of a balanced ensemble."""
        seen = float(mean @ self._slot_mean(mean))
        return -self.per_latent * (math.log(seen) if self.fixed_count else seen - 1.0)

    def field(self, mean: Float64[np.ndarray, "m"]) -> Float64[np.ndarray, "m"]:
        """Its gradient: the log field on every latent."""
        slot_mean = self._slot_mean(mean)
        scale = self.per_latent * self.seen_weight.ndim
        return -scale * slot_mean / (float(mean @ slot_mean) if self.fixed_count else 1.0)

    def _slot_mean(self, mean: Float64[np.ndarray, "m"]) -> Float64[np.ndarray, "m"]:
        """Mean over the slots of ``E[seen_weight | x_slot = a]``, the other latents drawn from ``mean``."""
        k = self.seen_weight.ndim
        total = np.zeros(len(mean))
        for slot in range(k):
            rest = np.moveaxis(self.seen_weight, slot, 0)
            for _ in range(k - 1):
                rest = rest @ mean
            total += rest
        return total / k
