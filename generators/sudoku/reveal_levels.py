"""How hard each reveal of a decoded board was: the simplest strategy that fills the cell on the board as it stood.

A person who sees the board, and remembers nothing, fills the cell next by this strategy. Any order may be judged so, a
network's too, without asking whether it resembles one solver's.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int32, Int64, Integer, UInt8

from generators.ground.compiled import kernel
from generators.sudoku.grid import check_grids, place
from generators.sudoku.strategies import UNIQUE_RECTANGLE
from generators.sudoku.waves import board_candidates, single_bits, strike_once

BEYOND = UNIQUE_RECTANGLE + 1  # the level of a cell that no strategy fills next; the number of ``human.STUCK``


def reveal_levels(
    puzzles: Integer[np.ndarray, "n cells"],
    grids: Integer[np.ndarray, "n cells"],
    revealed_at: Integer[np.ndarray, "n cells"],
) -> UInt8[np.ndarray, "n cells"]:
    """How hard each reveal was: the level of its cell on the board as it stood before that step.

    2 lone single, 3 hidden single; 4 to 8: the cell is a single once all strategies up to that number have struck all
    they can, no other cell being filled in between; :data:`BEYOND` where none of that suffices and the digit takes a
    longer argument or a guess; 0 for givens. Levels look at where a digit was revealed, not at which: on a board with a
    wrong digit they are those of a person who believes it. Cells of one step do not see each other.

    This person has no memory, like a network that sees tokens alone. The human solver of
    :mod:`generators.sudoku.human` keeps its strikes, and once in a while fills a cell through one that the board no
    longer shows.

    Args:
        puzzles: (n, cells), 0 = empty.
        grids: the finished boards, without empty cells, that keep every given.
        revealed_at: the step of each cell; negative exactly where the puzzle has a given.
    Raises:
        ValueError: shapes that differ, digits out of range, empty cells, a changed given, a step at a given or none at
            an empty cell.
    Cost: 2 microseconds per reveal of a single on a 9x9 board, 5 to 50 for others.
    """
    size = check_grids(puzzles)
    check_grids(grids)
    if not puzzles.shape == grids.shape == revealed_at.shape:
        raise ValueError(
            f"puzzles, grids and steps belong together; got {puzzles.shape}, {grids.shape} and {revealed_at.shape}."
        )
    if (grids == 0).any() or ((puzzles > 0) & (puzzles != grids)).any():
        raise ValueError("grids must be full and keep every given. Ask analysis.puzzles.judging which do not.")
    wrong = (revealed_at < 0) != (puzzles > 0)
    if wrong.any():
        board, cell = (int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"board {board}, {place(cell, size)}: the puzzle holds {puzzles[board, cell]} and the step is "
            f"{revealed_at[board, cell]}; givens have a negative step, empty cells one from 0."
        )
    levels = np.zeros(puzzles.shape, dtype=np.uint8)
    _level_rows(
        np.array(puzzles, dtype=np.uint8, order="C"),
        np.ascontiguousarray(grids, dtype=np.uint8),
        np.ascontiguousarray(revealed_at, dtype=np.int64),
        size.groups,
        size.group_of,
        size.peers,
        size.sees,
        levels,
    )
    return levels


@kernel
def _level_of_cell(
    cand: Int32[np.ndarray, "cells"],
    cell: int,
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
    sees: Bool[np.ndarray, "cells cells"],
) -> int:
    """The level of an empty cell; ``cand`` is used up."""
    hardest, _ = single_bits(cand, cell, groups, group_of)
    if hardest:
        return hardest
    while True:
        strategy = strike_once(cand, UNIQUE_RECTANGLE, groups, group_of, sees)
        if strategy == 0:
            return BEYOND
        hardest = max(hardest, strategy)
        single, _ = single_bits(cand, cell, groups, group_of)
        if single:
            return hardest


@kernel
def _level_rows(
    boards: UInt8[np.ndarray, "n cells"],
    grids: UInt8[np.ndarray, "n cells"],
    revealed_at: Int64[np.ndarray, "n cells"],
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
    peers: Int64[np.ndarray, "cells p"],
    sees: Bool[np.ndarray, "cells cells"],
    levels: UInt8[np.ndarray, "n cells"],
) -> None:
    """``boards`` begin as the puzzles and end as ``grids``."""
    cells = boards.shape[1]
    before, cand = np.empty(cells, np.int32), np.empty(cells, np.int32)
    for row in range(len(boards)):
        order = np.argsort(revealed_at[row], kind="mergesort")
        start = 0
        while start < cells:
            step, stop = revealed_at[row, order[start]], start
            while stop < cells and revealed_at[row, order[stop]] == step:
                stop += 1
            if step >= 0:
                board_candidates(boards[row], peers, groups.shape[1], before)
                for i in range(start, stop):
                    cand[:] = before
                    levels[row, order[i]] = _level_of_cell(cand, order[i], groups, group_of, sees)
                for i in range(start, stop):
                    boards[row, order[i]] = grids[row, order[i]]
            start = stop
