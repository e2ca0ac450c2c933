"""Clues removed from a full grid, in random order, each only if the solution stays the only one."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Int64, UInt8, UInt64

from generators.ground.compiled import kernel
from generators.sudoku.fill import shuffle
from generators.sudoku.search import place_givens, propagate, search

MAX_BRANCHES = 2000  # guesses for one proof; a clue whose proof takes more stays (9x9 takes some tens)


@kernel
def remove_clues(
    puzzle: UInt8[np.ndarray, "cells"],
    target: int,
    cand: Int32[np.ndarray, "levels cells"],
    done: UInt8[np.ndarray, "levels cells"],
    queue: Int32[np.ndarray, "cells"],
    choice: Int32[np.ndarray, "levels 2"],
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
    peers: Int64[np.ndarray, "cells p"],
    state: UInt64[np.ndarray, "1"],
) -> int:
    """Empty cells of a full grid until ``target`` clues are left or no clue can go; returns how many are left."""
    side = groups.shape[1]
    clues = len(puzzle)
    order = np.arange(clues)
    shuffle(order, state)
    used = np.full(len(groups), (1 << side) - 1)  # digits given in every group
    other = np.empty(len(puzzle), np.uint8)
    for cell in order:
        if clues == target:
            break
        digit = puzzle[cell]
        bit = 1 << (digit - 1)
        puzzle[cell] = 0
        for kind in range(3):
            used[group_of[cell, kind]] ^= bit
        if _follows_at_once(puzzle, cell, bit, used, groups, group_of) or _no_other_digit(
            puzzle, cell, bit, cand, done, queue, choice, groups, peers, state, other
        ):
            clues -= 1
            continue
        puzzle[cell] = digit
        for kind in range(3):
            used[group_of[cell, kind]] ^= bit
    return clues


@kernel
def _follows_at_once(
    puzzle: UInt8[np.ndarray, "cells"],
    cell: int,
    bit: int,
    used: Int64[np.ndarray, "g"],
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
) -> bool:
    """Whether the other givens determine the cell as a naked or hidden single, which spares a search."""
    side = groups.shape[1]
    seen = used[group_of[cell, 0]] | used[group_of[cell, 1]] | used[group_of[cell, 2]]
    if seen | bit == (1 << side) - 1:
        return True
    for kind in range(3):
        alone = True
        for one in groups[group_of[cell, kind]]:
            if one == cell or puzzle[one]:
                continue
            if not (used[group_of[one, 0]] | used[group_of[one, 1]] | used[group_of[one, 2]]) & bit:
                alone = False
                break
        if alone:
            return True
    return False


@kernel
def _no_other_digit(
    puzzle: UInt8[np.ndarray, "cells"],
    cell: int,
    bit: int,
    cand: Int32[np.ndarray, "levels cells"],
    done: UInt8[np.ndarray, "levels cells"],
    queue: Int32[np.ndarray, "cells"],
    choice: Int32[np.ndarray, "levels 2"],
    groups: Int64[np.ndarray, "g side"],
    peers: Int64[np.ndarray, "cells p"],
    state: UInt64[np.ndarray, "1"],
    other: UInt8[np.ndarray, "cells"],
) -> bool:
    """Whether the puzzle has no solution with another digit in ``cell``: the solution was unique with that clue."""
    waiting = place_givens(puzzle, cand[0], done[0], queue, groups.shape[1])
    cand[0, cell] ^= bit
    if not propagate(cand[0], done[0], queue, waiting, groups, peers):
        return True
    count, _ = search(cand, done, queue, choice, groups, peers, 1, MAX_BRANCHES, state, False, other)
    return count == 0
