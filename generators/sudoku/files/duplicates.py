"""Whether a puzzle has been in the file before, in eight bytes a puzzle."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, UInt8, UInt64


class Seen:
    """The puzzles of a file so far, each by 64 bits that depend on all its cells.

    Two different ones share these bits by an accident of probability 2^-61, so in two million puzzles of 10^-6.
    """

    def __init__(self, cells: int) -> None:
        """For grids of so many cells."""
        draws = np.random.default_rng(0).integers(0, 2**64, size=cells, dtype=np.uint64)
        self._weights = draws | np.uint64(1)
        self._levels: list[UInt64[np.ndarray, "m"]] = []  # sorted, each less than half the one before

    def repeats(self, puzzles: UInt8[np.ndarray, "n cells"]) -> Bool[np.ndarray, "n"]:
        """Which of these were there before, among them or earlier; all are remembered."""
        keys = puzzles.astype(np.uint64) @ self._weights
        unique, first = np.unique(keys, return_index=True)
        known = np.ones(len(keys), dtype=bool)
        known[first] = False
        for level in self._levels:
            place = np.searchsorted(level, keys).clip(max=len(level) - 1)
            known |= level[place] == keys
        self._remember(unique)
        return known

    def _remember(self, keys: UInt64[np.ndarray, "m"]) -> None:
        if not len(keys):
            return
        while self._levels and len(self._levels[-1]) < 2 * len(keys):
            keys = np.union1d(self._levels.pop(), keys)
        self._levels.append(keys)
