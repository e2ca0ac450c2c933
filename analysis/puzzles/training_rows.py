"""Training rows of puzzles: made afresh at every step, or a pool made once and gone through in epochs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

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
    if pool < 1:
        raise ValueError(f"a pool holds at least one puzzle; got {pool}. For new ones at every step pass None.")
    starts = range(0, pool, _PIECE)
    with ThreadPoolExecutor(threads) as executor:
        pieces = list(executor.map(lambda start: form.rows(seed, start, min(start + _PIECE, pool)), starts))
    rows = np.concatenate(pieces)
    return FixedRows(
        rows, vocabulary=form.vocabulary, fingerprint=form.fingerprint, shuffle_seed=seed, batch_size=batch_size
    )
