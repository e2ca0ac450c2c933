"""The search solver: singles, then a guess at the cell with fewest candidates; it proves uniqueness.

Candidates of a cell are the bits of an integer, bit d for digit d + 1. A guess copies all candidates to the next level,
which for so small a board is cheaper than undoing changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64, Integer, UInt8, UInt64

from generators.ground.compiled import kernel
from generators.sudoku.grid import check_grids

_NO_LIMIT = 2**62


@dataclass(frozen=True)
class SearchResult:
    """What the search found for each of n puzzles.

    ``solutions`` (n, cells) is the first solution, all zeros where there is none. ``counts`` (n,) is the number of
    solutions, counted up to 2: exactly 1 is the proof of uniqueness. ``branches`` (n,) is the number of guesses made
    until that was settled, 0 where singles suffice; it measures difficulty for a machine.
    """

    solutions: UInt8[np.ndarray, "n cells"]
    counts: Int64[np.ndarray, "n"]
    branches: Int64[np.ndarray, "n"]


def solve(puzzles: Integer[np.ndarray, "n cells"]) -> SearchResult:
    """Solve each puzzle and decide whether its solution is unique.

    Args:
        puzzles: (n, cells), 0 = empty. Contradicting givens are a puzzle without solution.
    Raises:
        ValueError: a wrong shape, or a digit out of range, with row and column.
    Cost: about 7 microseconds for a 9x9 puzzle that singles solve, 20 to 100 for hard ones; exponential at worst.
    """
    size = check_grids(puzzles)
    solutions = np.zeros(puzzles.shape, dtype=np.uint8)
    counts, branches = np.zeros((2, len(puzzles)), dtype=np.int64)
    _solve_rows(np.ascontiguousarray(puzzles, dtype=np.uint8), size.groups, size.peers, solutions, counts, branches)
    return SearchResult(solutions, counts, branches)


@kernel
def propagate(
    cand: Int32[np.ndarray, "cells"],
    done: UInt8[np.ndarray, "cells"],
    queue: Int32[np.ndarray, "cells"],
    waiting: int,
    groups: Int64[np.ndarray, "g side"],
    peers: Int64[np.ndarray, "cells p"],
) -> bool:
    """Naked and hidden singles until nothing changes; False at a contradiction.

    ``queue[:waiting]`` holds the cells with one candidate that their peers do not know yet; each cell enters once, when
    its second but last candidate goes.
    """
    side = groups.shape[1]
    full = (1 << side) - 1
    while True:
        while waiting > 0:
            waiting -= 1
            cell = queue[waiting]
            bit = cand[cell]
            done[cell] = 1
            for i in range(peers.shape[1]):
                peer = peers[cell, i]
                mask = cand[peer]
                if mask & bit:
                    mask ^= bit
                    if mask == 0:
                        return False
                    cand[peer] = mask
                    if mask & (mask - 1) == 0:
                        queue[waiting] = peer
                        waiting += 1
        for g in range(len(groups)):
            once, twice, placed = 0, 0, 0
            for i in range(side):
                mask = cand[groups[g, i]]
                twice |= once & mask
                once |= mask
                if done[groups[g, i]]:
                    placed |= mask
            if once != full:
                return False
            hidden = once & ~twice & ~placed
            if hidden == 0:
                continue
            for i in range(side):
                cell = groups[g, i]
                bit = cand[cell] & hidden
                if bit == 0 or bit == cand[cell]:
                    continue
                if bit & (bit - 1):
                    return False
                cand[cell] = bit
                queue[waiting] = cell
                waiting += 1
        if waiting == 0:
            return True


@kernel
def place_givens(
    grid: UInt8[np.ndarray, "cells"],
    cand: Int32[np.ndarray, "cells"],
    done: UInt8[np.ndarray, "cells"],
    queue: Int32[np.ndarray, "cells"],
    side: int,
) -> int:
    """Candidates of an unsolved grid; returns how many givens wait in the queue."""
    waiting = 0
    for cell in range(len(grid)):
        done[cell] = 0
        cand[cell] = (1 << side) - 1
        if grid[cell]:
            cand[cell] = 1 << (grid[cell] - 1)
            queue[waiting] = cell
            waiting += 1
    return waiting


@kernel
def fewest_candidates(cand: Int32[np.ndarray, "cells"]) -> int:
    """The first cell with the smallest number of candidates above one; -1 if every cell is decided."""
    best, least = -1, 99
    for cell in range(len(cand)):
        mask, count = cand[cell], 0
        while mask:
            mask &= mask - 1
            count += 1
        if 1 < count < least:
            best, least = cell, count
            if count == 2:
                break
    return best


@kernel
def next_word(state: UInt64[np.ndarray, "1"]) -> np.uint64:
    """The next word of SplitMix64 (Steele, Lea, Flood 2014), whose whole state is one word."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def below(state: UInt64[np.ndarray, "1"], n: int) -> int:
    """A random integer in ``range(n)``; n is at most 256, so the bias is below 2**-24."""
    return int(((next_word(state) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@kernel
def pick_bit(mask: int, state: UInt64[np.ndarray, "1"], shuffled: bool) -> int:
    """The lowest set bit, or a random one."""
    if not shuffled:
        return mask & -mask
    rest, count = mask, 0
    while rest:
        rest &= rest - 1
        count += 1
    for _ in range(below(state, count)):
        mask &= mask - 1
    return mask & -mask


@kernel
def search(
    cand: Int32[np.ndarray, "levels cells"],
    done: UInt8[np.ndarray, "levels cells"],
    queue: Int32[np.ndarray, "cells"],
    choice: Int32[np.ndarray, "levels 2"],
    groups: Int64[np.ndarray, "g side"],
    peers: Int64[np.ndarray, "cells p"],
    limit: int,
    max_branches: int,
    state: UInt64[np.ndarray, "1"],
    shuffled: bool,
    solution: UInt8[np.ndarray, "cells"],
) -> tuple[int, int]:
    """Depth first from the propagated level 0; number of solutions up to ``limit``, and guesses made.

    More than ``max_branches`` guesses end the search with count -1: undecided.
    """
    level, count, branches = 0, 0, 0
    while True:
        cell = fewest_candidates(cand[level])
        choice[level, 0] = cell
        choice[level, 1] = 0 if cell < 0 else cand[level, cell]
        if cell < 0:
            count += 1
            if count == 1:
                for i in range(cand.shape[1]):
                    digit, mask = 0, cand[level, i]
                    while mask:
                        mask >>= 1
                        digit += 1
                    solution[i] = digit
            if count == limit:
                return count, branches
        while True:
            while level >= 0 and choice[level, 1] == 0:
                level -= 1
            if level < 0:
                return count, branches
            if branches == max_branches:
                return -1, branches
            cell = choice[level, 0]
            bit = pick_bit(choice[level, 1], state, shuffled)
            choice[level, 1] ^= bit
            branches += 1
            cand[level + 1] = cand[level]
            done[level + 1] = done[level]
            cand[level + 1, cell] = bit
            queue[0] = cell
            if propagate(cand[level + 1], done[level + 1], queue, 1, groups, peers):
                level += 1
                break


@kernel
def _solve_rows(
    puzzles: UInt8[np.ndarray, "n cells"],
    groups: Int64[np.ndarray, "g side"],
    peers: Int64[np.ndarray, "cells p"],
    solutions: UInt8[np.ndarray, "n cells"],
    counts: Int64[np.ndarray, "n"],
    branches: Int64[np.ndarray, "n"],
) -> None:
    cells = puzzles.shape[1]
    cand, done = np.empty((cells + 1, cells), np.int32), np.empty((cells + 1, cells), np.uint8)
    queue, choice, state = np.empty(cells, np.int32), np.empty((cells + 1, 2), np.int32), np.zeros(1, np.uint64)
    for row in range(len(puzzles)):
        waiting = place_givens(puzzles[row], cand[0], done[0], queue, groups.shape[1])
        if propagate(cand[0], done[0], queue, waiting, groups, peers):
            counts[row], branches[row] = search(
                cand, done, queue, choice, groups, peers, 2, _NO_LIMIT, state, False, solutions[row]
            )
