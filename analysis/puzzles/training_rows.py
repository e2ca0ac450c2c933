"""Training rows of puzzles: made afresh at every step, or a pool made once and gone through in epochs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int64
from torch import Tensor

from lo_theory.learning.source import FixedRows, FreshRows, RowSource, RowStream

_PIECE = 2048  # rows that a thread makes at a time


def training_rows(form: RowStream, seed: int, *, batch_size: int, pool: int | None, threads: int = 1) -> RowSource:
    """Where the rows of a training run come from.

    Args:
        form: how the puzzles become rows.
        seed: of the puzzles, and of the order in which a pool is gone through.
        pool: number of puzzles; None: endlessly many, each seen once. Making a puzzle costs a processor what a step of
            training costs a GPU, so only a pool keeps one busy; the paper's has 1.8 million.
        threads: that make a pool; the rows do not depend on it.
    Raises:
        ValueError: an empty pool.
    """
    if pool is None:
        return FreshRows(form, seed, batch_size)
    return PooledRows(form, seed, pool, batch_size, threads)


@dataclass(frozen=True)
class PooledRows:
    """The first rows of a stream in a new random permutation at each epoch, made when the first batch is asked for.

    A finished training asks for none, so it costs nothing to find that it has ended.

    Attributes:
        form: the stream.
        seed: of the rows, and of the permutations.
        pool: number of rows.
        batch_size: rows per step, B.
        threads: that make the rows; these do not depend on it.
    Raises:
        ValueError: an empty pool.
    """

    form: RowStream
    seed: int
    pool: int
    batch_size: int
    threads: int = 1

    def __post_init__(self) -> None:
        if self.pool < 1:
            raise ValueError(
                f"a pool holds at least one puzzle; got {self.pool}. For new ones at every step pass None."
            )

    @property
    def fingerprint(self) -> str:
        """The stream's own."""
        return self.form.fingerprint

    @property
    def length(self) -> int:
        """Tokens per row."""
        return self.form.length

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""
        return self.form.vocabulary

    def batch(self, step: int) -> Int64[Tensor, "B L"]:
        """As :meth:`FixedRows.batch`."""
        return self._rows.batch(step)

    def to_json(self) -> dict[str, Any]:
        """Kind, seed, number and batch size; the fingerprint is kept beside it, so no more is needed."""
        return {"source": "pool", "seed": self.seed, "pool": self.pool, "batch_size": self.batch_size}

    @cached_property
    def _rows(self) -> FixedRows:
        starts = range(0, self.pool, _PIECE)
        with ThreadPoolExecutor(self.threads) as executor:
            pieces = executor.map(lambda at: self.form.rows(self.seed, at, min(at + _PIECE, self.pool)), starts)
            rows = np.concatenate(list(pieces))
        return FixedRows(
            rows,
            vocabulary=self.vocabulary,
            fingerprint=self.fingerprint,
            shuffle_seed=self.seed,
            batch_size=self.batch_size,
        )
