"""The rows of 1 + 4 * cells integers of Shah et al. (2024): the givens, then the empty cells in a solver's order.

A row of 9x9 has 325 integers: the number of givens, then 81 times (row, column, digit, strategy), rows and columns from
0, givens first with strategy 0. Strategy numbers are those of :mod:`generators.sudoku.human`. The published files may
hold a list of strategies in that column, in a code that is not documented; it is passed on as it stands. What is
written here is the hardest strategy that the fill took.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, Integer, UInt8

from generators.sudoku.grid import check_grids, size_of
from generators.sudoku.human import HumanResult


@dataclass(frozen=True)
class ShahRows:
    """Rows taken apart.

    ``puzzles`` and ``solutions`` (n, cells); ``order`` (n, cells) the empty cells as they are filled, -1 after the
    last; ``strategies`` (n, cells) beside it, 0 after the last; ``well_formed`` (n,) False where a row is not of the
    format, its other entries are then meaningless.
    """

    puzzles: UInt8[np.ndarray, "n cells"]
    solutions: UInt8[np.ndarray, "n cells"]
    order: Int64[np.ndarray, "n cells"]
    strategies: Int64[np.ndarray, "n cells"]
    well_formed: Bool[np.ndarray, "n"]


def unpack_rows(rows: Integer[np.ndarray, "n columns"]) -> ShahRows:
    """Take rows apart.

    Raises:
        ValueError: a number of columns that is not 1 + 4 * cells for any size.
    """
    if rows.ndim != 2 or not np.issubdtype(rows.dtype, np.integer) or rows.shape[1] % 4 != 1:
        raise ValueError(
            f"expected integers of shape (n, 1 + 4 * cells), so (n, 325) for 9x9; got {rows.dtype} of {rows.shape}."
        )
    size = size_of(rows.shape[1] // 4)
    givens = rows[:, 0].astype(np.int64)
    row, column, digit, strategy = np.moveaxis(rows[:, 1:].astype(np.int64).reshape(len(rows), -1, 4), 2, 0)
    inside = (row >= 0) & (row < size.side) & (column >= 0) & (column < size.side) & (digit >= 1) & (digit <= size.side)
    cell = np.where(inside, row * size.side + column, 0)
    every = (np.sort(cell, axis=1) == np.arange(size.cells)).all(axis=1)
    well_formed = inside.all(axis=1) & every & (givens >= 0) & (givens <= size.cells)
    is_given = np.arange(size.cells) < givens[:, None]
    solutions, puzzles = np.zeros(cell.shape, dtype=np.uint8), np.zeros(cell.shape, dtype=np.uint8)
    np.put_along_axis(solutions, cell, np.where(inside, digit, 0).astype(np.uint8), axis=1)
    np.put_along_axis(puzzles, cell, np.where(inside & is_given, digit, 0).astype(np.uint8), axis=1)
    return ShahRows(puzzles, solutions, *_fills_first(cell, strategy, givens), well_formed)


def _fills_first(
    cell: Int64[np.ndarray, "n cells"], strategy: Int64[np.ndarray, "n cells"], givens: Int64[np.ndarray, "n"]
) -> tuple[Int64[np.ndarray, "n cells"], Int64[np.ndarray, "n cells"]]:
    cells = cell.shape[1]
    source = np.arange(cells) + givens.clip(0, cells)[:, None]
    beyond = source >= cells
    source = np.where(beyond, 0, source)
    order = np.where(beyond, -1, np.take_along_axis(cell, source, axis=1))
    return order, np.where(beyond, 0, np.take_along_axis(strategy, source, axis=1))


def pack_rows(puzzles: Integer[np.ndarray, "n cells"], result: HumanResult) -> Int64[np.ndarray, "n columns"]:
    """Rows of solved puzzles, (n, 1 + 4 * cells), givens in reading order.

    Raises:
        ValueError: a puzzle that the strategies did not solve; select by ``result.solved`` first.
    """
    size = check_grids(puzzles)
    if not result.solved.all():
        stuck = int(np.flatnonzero(~result.solved)[0])
        raise ValueError(f"puzzle {stuck} is not solved by the strategies. Keep only the rows where solved is True.")
    count = (puzzles > 0).sum(axis=1)
    late = np.arange(size.cells) - count[:, None]
    order = givens_then_fills(puzzles, result)
    strategy = np.where(late < 0, 0, np.take_along_axis(result.hardest_per_fill, late.clip(0), axis=1))
    digit = np.take_along_axis(result.grids, order, axis=1)
    quadruples = np.stack([order // size.side, order % size.side, digit, strategy], axis=2)
    return np.concatenate([count[:, None], quadruples.reshape(len(puzzles), -1)], axis=1).astype(np.int64)


def givens_then_fills(puzzles: Integer[np.ndarray, "n cells"], result: HumanResult) -> Int64[np.ndarray, "n cells"]:
    """All cells of solved puzzles, (n, cells): the givens in reading order, then the fills in the solver's order."""
    given = puzzles > 0
    shown = np.argsort(~given, axis=1, kind="stable")  # givens in reading order, then anything
    late = np.arange(puzzles.shape[1]) - given.sum(axis=1)[:, None]
    return np.where(late < 0, shown, np.take_along_axis(result.order, late.clip(0), axis=1)).astype(np.int64)
