"""Tokens as a few categories that another sample chose, and the tables that two sets of rows make of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64, Integer

CATEGORIES = 4  # at most: the three most frequent tokens of a position, and all others
WIDEST = 400  # columns up to which every position of a row is compared with every position of the other


@dataclass(frozen=True)
class Coding:
    """Categories of each position. They are fixed before the rows that are counted are seen, so bounds hold exactly.

    Attributes:
        frequent: (L, C - 1) the most frequent tokens of each position; all others together are the last category.
    """

    frequent: Int64[np.ndarray, "L c"]

    @classmethod
    def of(cls, reference: Integer[np.ndarray, "n L"]) -> Coding:
        """The coding that a sample suggests."""
        columns = [np.unique(column, return_counts=True) for column in reference.T]
        width = max(1, min(CATEGORIES, max(len(values) for values, _ in columns)) - 1)
        frequent = np.full((len(columns), width), np.iinfo(np.int64).min)
        for row, (values, counts) in zip(frequent, columns, strict=True):
            chosen = values[np.argsort(-counts, kind="stable")][:width]
            row[: len(chosen)] = chosen
        return cls(frequent)

    @property
    def categories(self) -> int:
        """C."""
        return self.frequent.shape[1] + 1

    def indicators(self, x: Integer[np.ndarray, "n L"]) -> Float32[np.ndarray, "n d"]:
        """One column for each position and category but the last."""
        tokens = self.frequent.astype(x.dtype)  # comparing in the type of the rows is eight times faster for bytes
        hits = (x[:, :, None] == tokens) & (tokens == self.frequent)
        return hits.reshape(len(x), self.frequent.size).astype(np.float32)

    def joint(self, a: Integer[np.ndarray, "n L"], b: Integer[np.ndarray, "n L"]) -> Int64[np.ndarray, "t C C"]:
        """Contingency tables of a position in ``a`` against one in the same row of ``b``.

        All pairs of positions where there are few, else every position against itself; :meth:`positions` says which.
        """
        length, width = self.frequent.shape
        of_a, of_b = self.indicators(a), self.indicators(b)
        if self.crossed:
            both = (of_a.T @ of_b).reshape(length, width, length, width).transpose(0, 2, 1, 3)
            both = both.reshape(length**2, width, width)
        else:
            shape = (len(a), length, width)
            both = np.einsum("nic,nid->icd", of_a.reshape(shape), of_b.reshape(shape))
        first, second = self._pairs
        rows = of_a.sum(axis=0).reshape(length, width)[first]
        columns = of_b.sum(axis=0).reshape(length, width)[second]
        return _completed(both.astype(np.int64), rows.astype(np.int64), columns.astype(np.int64), len(a))

    def groups(self, *samples: Integer[np.ndarray, "_ L"]) -> Int64[np.ndarray, "L g C"]:
        """Counts of each position's categories in each sample."""
        tables = np.empty((len(self.frequent), len(samples), self.categories), dtype=np.int64)
        for number, x in enumerate(samples):
            counts = self.indicators(x).sum(axis=0, dtype=np.float64).astype(np.int64).reshape(self.frequent.shape)
            tables[:, number, :-1] = counts
            tables[:, number, -1] = len(x) - counts.sum(axis=1)
        return tables

    @property
    def crossed(self) -> bool:
        """Whether ``joint`` compares every position with every other."""
        return self.frequent.size <= WIDEST

    def positions(self, table: int) -> tuple[int, int]:
        """The two positions of a table of ``joint``."""
        first, second = self._pairs
        return int(first[table]), int(second[table])

    @property
    def _pairs(self) -> tuple[Int64[np.ndarray, "t"], Int64[np.ndarray, "t"]]:
        each = np.arange(len(self.frequent))
        if not self.crossed:
            return each, each
        return np.repeat(each, len(each)), np.tile(each, len(each))


def _completed(
    inner: Int64[np.ndarray, "t c c"], rows: Int64[np.ndarray, "t c"], columns: Int64[np.ndarray, "t c"], total: int
) -> Int64[np.ndarray, "t C C"]:
    width = inner.shape[1]
    tables = np.empty((len(inner), width + 1, width + 1), dtype=np.int64)
    tables[:, :width, :width] = inner
    tables[:, :width, width] = rows - inner.sum(axis=2)
    tables[:, width, :width] = columns - inner.sum(axis=1)
    tables[:, width, width] = total - rows.sum(axis=1) - columns.sum(axis=1) + inner.sum(axis=(1, 2))
    return tables
