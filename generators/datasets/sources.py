"""Where the rows of a dataset come from: a stream of a distribution, or another dataset."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64, Integer, UInt8

from generators.datasets.formats import Layout
from generators.distribution import LODistribution

if TYPE_CHECKING:
    from generators.datasets.dataset import Dataset

_MANY = 1024  # rows from which on compiled kernels pack them


@runtime_checkable
class Source(Protocol):
    """Rows by number, as the distribution has them; workers get a copy of it."""

    def rows(self, start: int, stop: int) -> Integer[np.ndarray, "n L"]:
        """Rows ``start..stop-1``."""
        ...

    def packed(self, start: int, stop: int) -> UInt8[np.ndarray, "n B"]:
        """The same, of bits, as ``np.packbits(rows, axis=1)``."""
        ...


def _none() -> Int64[np.ndarray, "k"]:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Stream:
    """The stream of draws that ``sample_seed`` names.

    Attributes:
        passed_over: (k,) rows of the stream that are left out, ascending.
    """

    distribution: LODistribution
    sample_seed: int
    passed_over: Int64[np.ndarray, "k"] = field(default_factory=_none)

    def rows(self, start: int, stop: int) -> Integer[np.ndarray, "n L"]:
        """Rows ``start..stop-1`` of those that are not left out."""
        low, high = self._span(start, stop)
        return self._kept(self.distribution.rows(self.sample_seed, low, high), low)

    def packed(self, start: int, stop: int) -> UInt8[np.ndarray, "n B"]:
        """The same rows as bits."""
        low, high = self._span(start, stop)
        if high - low < _MANY:
            return self._kept(np.packbits(self.distribution.rows(self.sample_seed, low, high), axis=1), low)
        return self._kept(self.distribution.packed_rows(self.sample_seed, low, high), low)

    def _span(self, start: int, stop: int) -> tuple[int, int]:
        """The part of the stream that these rows come from."""
        if not len(self.passed_over) or start == stop:
            return start, stop
        kept_before = self.passed_over - np.arange(len(self.passed_over))
        low, last = (i + int(np.searchsorted(kept_before, i, side="right")) for i in (start, stop - 1))
        return low, last + 1

    def _kept(self, drawn: np.ndarray, low: int) -> np.ndarray:
        if not len(self.passed_over):
            return drawn
        first, last = np.searchsorted(self.passed_over, [low, low + len(drawn)])
        return np.delete(drawn, self.passed_over[first:last] - low, axis=0)


@dataclass(frozen=True, eq=False)
class Stored:
    """The rows of a dataset, checked as they are read."""

    dataset: Dataset

    def rows(self, start: int, stop: int) -> Integer[np.ndarray, "n L"]:
        """Rows ``start..stop-1``, each token at its position of the distribution."""
        layout = Layout.of(self.dataset.distribution, self.dataset.manifest)
        return layout.restored(self.dataset.rows(start, stop))

    def packed(self, start: int, stop: int) -> UInt8[np.ndarray, "n B"]:
        """The same rows as bits."""
        return np.packbits(self.rows(start, stop), axis=1)
