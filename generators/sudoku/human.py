"""A person's solver: seven strategies, always the simplest that applies, no guessing; the order of its fills.

Strategy numbers are those of the public data of Shah et al. (2024): 2 lone single, 3 hidden single, 4 naked pair,
5 naked triplet, 6 locked candidate, 7 XY-wing, 8 unique rectangle. The first two fill a cell, the others strike
candidates. After every step the search for the next starts again at lone singles.

Two dialects. "sound" is what the names mean, and a step of it is a proof (given that the solution is unique, which the
last strategy uses). "dokusan" repeats the Python package of that name, which made the public data: its naked triplet
wants two cells with identical candidates, its locked candidate exactly two cells, and its XY-wing takes the middle cell
for the pivot, so that it can strike the right digit and then gets stuck. Use "dokusan" to reproduce published
orders and the published filter, "sound" for everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int16, Int32, Int64, Integer, UInt8

from generators.ground.compiled import kernel
from generators.sudoku.grid import check_all_givens, check_givens, check_grids
from generators.sudoku.strategies import (
    DOKUSAN,
    HIDDEN_SINGLE,
    LOCKED_CANDIDATE,
    LONE_SINGLE,
    NAKED_PAIR,
    NAKED_TRIPLET,
    SOUND,
    UNIQUE_RECTANGLE,
    XY_WING,
    fill_cell,
    hidden_single,
    locked_candidate,
    lone_single,
    naked_pair,
    naked_triplet,
    unique_rectangle,
    xy_wing,
)

Dialect = Literal["sound", "dokusan"]
STUCK = 9  # the level of a puzzle that none of the seven strategies finishes
STRATEGY_NAMES = {
    0: "given",
    LONE_SINGLE: "lone single",
    HIDDEN_SINGLE: "hidden single",
    NAKED_PAIR: "naked pair",
    NAKED_TRIPLET: "naked triplet",
    LOCKED_CANDIDATE: "locked candidate",
    XY_WING: "XY-wing",
    UNIQUE_RECTANGLE: "unique rectangle",
    STUCK: "stuck",
}
_DIALECTS = {"sound": SOUND, "dokusan": DOKUSAN}


@dataclass(frozen=True)
class HumanResult:
    """What the strategies make of n puzzles.

    Attributes:
        grids: (n, cells), as far as they were filled.
        order: (n, cells); ``order[i, t]`` is the cell filled at step t, -1 after the last one.
        strategies: (n, cells); bit s of ``strategies[i, t]`` says that strategy s was used after fill t - 1 to get fill
            t; the highest bit is the number to which the public data reduce it, see :attr:`hardest_per_fill`.
        solved: (n,), False where the strategies got stuck.
        levels: (n,), the hardest strategy that the puzzle takes, ``STUCK`` where it is not solved; 0 for a full grid.
    """

    grids: UInt8[np.ndarray, "n cells"]
    order: Int16[np.ndarray, "n cells"]
    strategies: Int16[np.ndarray, "n cells"]
    solved: Bool[np.ndarray, "n"]
    levels: Int64[np.ndarray, "n"]

    @property
    def hardest_per_fill(self) -> Int64[np.ndarray, "n cells"]:
        """The hardest strategy used for each fill, (n, cells), 0 after the last one."""
        _, exponent = np.frexp(self.strategies)
        return np.maximum(exponent.astype(np.int64) - 1, 0)


@dataclass(frozen=True)
class HumanStep:
    """One step: a fill (``cell`` and ``digit``), or the striking of candidates (both None)."""

    strategy: int
    cell: int | None
    digit: int | None

    @property
    def name(self) -> str:
        """The strategy in words."""
        return STRATEGY_NAMES[self.strategy]


def solve_by_strategies(puzzles: Integer[np.ndarray, "n cells"], dialect: Dialect = "sound") -> HumanResult:
    """Solve each puzzle as a person would, as far as that goes.

    Args:
        puzzles: (n, cells) with unique solutions; uniqueness is not checked here (``search.solve`` does that), and
            without it the unique rectangle proves nothing.
        dialect: "sound" or "dokusan", see the module.
    Raises:
        ValueError: a wrong shape, a digit out of range, contradicting givens (with row and column), another dialect.
    Cost: 15 to 60 microseconds for 9x9. Sizes from 4x4 to 16x16 work alike.
    """
    size = check_grids(puzzles)
    number = _dialect(dialect)
    check_all_givens(puzzles)
    grids = np.array(puzzles, dtype=np.uint8, order="C")
    order, strategies = np.full(grids.shape, -1, np.int16), np.zeros(grids.shape, np.int16)
    solved, levels = np.zeros(len(grids), dtype=bool), np.zeros(len(grids), dtype=np.int64)
    _solve_rows(grids, size.groups, size.group_of, size.peers, size.sees, number, order, strategies, solved, levels)
    return HumanResult(grids, order, strategies, solved, levels)


def explain(puzzle: Integer[np.ndarray, "cells"], dialect: Dialect = "sound") -> list[HumanStep]:
    """Every step that the strategies make on one puzzle, strikes too, until it is solved or they are stuck.

    Raises:
        ValueError: as :func:`solve_by_strategies`.
    """
    number = _dialect(dialect)
    check_givens(puzzle)
    size = check_grids(puzzle[None])
    steps = np.empty((size.cells * (size.side + 1), 3), dtype=np.int64)
    grid = np.array(puzzle, dtype=np.uint8)
    cand = np.empty(size.cells, dtype=np.int32)
    made = solve_one(grid, cand, size.groups, size.group_of, size.peers, size.sees, number, steps)
    return [HumanStep(s, c if d else None, d or None) for s, c, d in steps[:made].tolist()]


def _dialect(dialect: str) -> int:
    if dialect not in _DIALECTS:
        raise ValueError(f"dialect must be one of {sorted(_DIALECTS)}; got {dialect!r}.")
    return _DIALECTS[dialect]


@kernel
def solve_one(
    grid: UInt8[np.ndarray, "cells"],
    cand: Int32[np.ndarray, "cells"],
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
    peers: Int64[np.ndarray, "cells p"],
    sees: Bool[np.ndarray, "cells cells"],
    dialect: int,
    steps: Int64[np.ndarray, "most 3"],
) -> int:
    """Fill ``grid`` in place; rows of ``steps`` become (strategy, cell, digit), the last two 0 for strikes."""
    cand[:] = (1 << groups.shape[1]) - 1
    empty, made = 0, 0
    for cell in range(len(grid)):
        empty += int(grid[cell] == 0)
        if grid[cell]:
            fill_cell(grid, cand, cell, 1 << (grid[cell] - 1), peers)
    while empty > 0:
        strategy = LONE_SINGLE
        cell = lone_single(cand)
        bit = 0 if cell < 0 else cand[cell]
        if cell < 0:
            strategy = HIDDEN_SINGLE
            cell, bit = hidden_single(cand, groups)
        if cell >= 0:
            fill_cell(grid, cand, cell, bit, peers)
            steps[made, 0], steps[made, 1], steps[made, 2] = strategy, cell, grid[cell]
            made += 1
            empty -= 1
            continue
        if naked_pair(cand, groups, group_of):
            strategy = NAKED_PAIR
        elif naked_triplet(cand, groups, group_of, dialect):
            strategy = NAKED_TRIPLET
        elif locked_candidate(cand, groups, group_of, dialect):
            strategy = LOCKED_CANDIDATE
        elif xy_wing(cand, sees, dialect):
            strategy = XY_WING
        elif unique_rectangle(cand, group_of, sees):
            strategy = UNIQUE_RECTANGLE
        else:
            break
        steps[made, 0], steps[made, 1], steps[made, 2] = strategy, 0, 0
        made += 1
    return made


@kernel
def level_of(
    grid: UInt8[np.ndarray, "cells"],
    groups: Int64[np.ndarray, "g side"],
    steps: Int64[np.ndarray, "most 3"],
    made: int,
) -> int:
    """The hardest strategy among the steps if they left a full valid grid, else ``STUCK``."""
    full = (1 << groups.shape[1]) - 1
    for g in range(len(groups)):
        union = 0
        for cell in groups[g]:
            if grid[cell]:
                union |= 1 << (grid[cell] - 1)
        if union != full:
            return STUCK
    hardest = 0
    for i in range(made):
        hardest = max(hardest, steps[i, 0])
    return hardest


@kernel
def _solve_rows(
    grids: UInt8[np.ndarray, "n cells"],
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
    peers: Int64[np.ndarray, "cells p"],
    sees: Bool[np.ndarray, "cells cells"],
    dialect: int,
    order: Int16[np.ndarray, "n cells"],
    strategies: Int16[np.ndarray, "n cells"],
    solved: Bool[np.ndarray, "n"],
    levels: Int64[np.ndarray, "n"],
) -> None:
    cells = grids.shape[1]
    cand = np.empty(cells, np.int32)
    steps = np.empty((cells * (groups.shape[1] + 1), 3), np.int64)
    for row in range(len(grids)):
        made = solve_one(grids[row], cand, groups, group_of, peers, sees, dialect, steps)
        levels[row] = level_of(grids[row], groups, steps, made)
        solved[row] = levels[row] != STUCK
        used, filled = 0, 0
        for i in range(made):
            used |= 1 << steps[i, 0]
            if steps[i, 2]:
                order[row, filled] = steps[i, 1]
                strategies[row, filled] = used
                used = 0
                filled += 1
