"""Rows of a distribution whose symbols are all bits, drawn 64 at a time by compiled kernels.

The stream that :meth:`generators.distribution.LODistribution.rows` draws with NumPy where rows are few, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, UInt8, UInt64

from generators.ground.bit_rows import (
    WORD,
    flip_noisily,
    packed_rows,
    unpacked_rows,
    words_of_columns,
    words_of_rows,
)
from generators.ground.draws import latent_columns, words
from generators.observations.function import ObservationFunction

_CHUNK = 4096  # rows per pass: the column words of a few hundred positions stay in the second-level cache


@dataclass(frozen=True, eq=False)
class BitSampler:
    """Draws rows of bits.

    Args:
        prior: (2,) probabilities of a latent's values.
        n_latents: N.
        functions: of bits, from bits.
        order: (L,) position of latent t, or of observation t - N.
    """

    prior: Float64[np.ndarray, "2"]
    n_latents: int
    functions: Sequence[ObservationFunction]
    order: Int64[np.ndarray, "L"]

    def rows(self, sample_seed: int, start: int, stop: int) -> UInt8[np.ndarray, "n L"]:
        """Rows ``start..stop-1`` of the sample named by ``sample_seed``, a byte per bit."""
        out = np.empty((stop - start, len(self.order)), dtype=np.uint8)
        for low in range(start, stop, _CHUNK):
            high = min(low + _CHUNK, stop)
            unpacked_rows(self._columns(sample_seed, low, high), out[low - start : high - start])
        return out

    def packed_rows(self, sample_seed: int, start: int, stop: int) -> UInt8[np.ndarray, "n B"]:
        """The same rows as ``np.packbits(rows, axis=1)`` packs them, ``ceil(L / 8)`` bytes each."""
        out = np.empty((stop - start, -(-len(self.order) // 8)), dtype=np.uint8)
        for low in range(start, stop, _CHUNK):
            high = min(low + _CHUNK, stop)
            packed_rows(self._columns(sample_seed, low, high), out[low - start : high - start])
        return out

    def _columns(self, seed: int, start: int, stop: int) -> UInt64[np.ndarray, "L W"]:
        latents = self._latents(seed, start, stop)
        columns = np.empty((len(self.order), latents.shape[1]), dtype=np.uint64)
        columns[self.order[: self.n_latents]] = latents
        at = self.n_latents
        for number, function in enumerate(self.functions):
            values = function.evaluate_words(latents, stop - start)
            flip_noisily(values, function.noise, seed, 1 + number, start, stop - start)
            columns[self.order[at : at + len(values)]] = values
            at += len(values)
        return columns

    def _latents(self, seed: int, start: int, stop: int) -> UInt64[np.ndarray, "N W"]:
        if not np.all(self.prior == 0.5):
            return words_of_columns(latent_columns(self.prior, self.n_latents, seed, start, stop))
        per_row = -(-self.n_latents // WORD)
        raw = words(seed, 0, start * per_row, stop * per_row).reshape(stop - start, per_row)
        return words_of_rows(raw, self.n_latents)
