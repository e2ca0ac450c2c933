"""The core of a sequence by visiting the solutions of its equations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, UInt8

from lo_theory.posteriors.mixed.equations import Contradiction, bits_of
from lo_theory.posteriors.mixed.reduction import Reduced


class EnumeratedCore:
    """Weights of all solutions of the equations within the core, and what follows from them.

    Args:
        reduced: a sequence whose core has d free bits.
    Raises:
        Contradiction: every solution has weight zero.
    Cost: 2**d times the latents that weights read; 10 bytes per solution and a few of them at a time.
    """

    def __init__(self, reduced: Reduced) -> None:
        self._equations, self._free = reduced.equations, reduced.free
        log_weight = np.zeros(1 << len(self._free))
        for factor in reduced.factors:
            table = np.frombuffer(factor.table, dtype=np.uint8) != 0
            values = np.where(table, factor.log_true, factor.log_false)
            log_weight += values[self._code([1 << i for i in factor.scope])]
        for one in reduced.sums:
            log_weight += np.array([one.log_zero, one.log_one])[self._code([one.form])]
        peak = float(log_weight.max())
        if peak == -np.inf:
            raise Contradiction
        self._weight = np.exp(log_weight - peak)
        self.log_total = peak + float(np.log(self._weight.sum()))
        self._weight /= self._weight.sum()

    def joints(self, asked: Sequence[tuple[int, ...]]) -> list[Float64[np.ndarray, "s"]]:
        """Probabilities of the settings of each tuple of sums, the first of them the slowest."""
        return [np.bincount(self._code(sums), self._weight, minlength=1 << len(sums)) for sums in asked]

    def draw(self, count: int, rng: np.random.Generator) -> UInt8[np.ndarray, "n d"]:
        """Exact draws of the free bits; a uniform number of ``rng`` each."""
        cumulative = np.cumsum(self._weight)
        state = np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")
        return ((state[:, None] >> np.arange(len(self._free))) & 1).astype(np.uint8)

    def _code(self, forms: Sequence[int]) -> np.ndarray:
        code = np.zeros(1 << len(self._free), dtype=np.uint8 if len(forms) <= 8 else np.int64)
        for form in forms:
            code <<= 1
            code |= self._bits(form)
        return code

    def _bits(self, form: int) -> UInt8[np.ndarray, "s"]:
        """The value of a form in every solution; bit j of a solution's number is free latent j."""
        form = self._equations.reduced(form)
        bits = np.array([form >= self._equations.one], dtype=np.uint8)
        latents = set(bits_of(form & (self._equations.one - 1)))
        for latent in self._free:
            bits = np.concatenate([bits, bits ^ np.uint8(latent in latents)])
        return bits
