"""The search solver: clues and exclusion strike candidates, then a guess; it proves that a solution is the only one.

Candidates of an entity are a set of houses, bit h for house h. A clue strikes by table look-up what no assignment of
its own entities supports, an attribute strikes by naked and hidden singles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int8, Int64, UInt8, UInt64

from generators.ground.compiled import kernel
from generators.sudoku.search import pick_bit
from generators.zebra.clue import LEAST, MOST, NOTHING, support_tables
from generators.zebra.puzzle import PADDING, ZebraPuzzles

ENTITIES = NOTHING + 1  # length of an array of candidates
LEVELS = MOST * MOST + 1  # guesses on top of each other


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What the search found for each of n puzzles.

    Attributes:
        solutions: (n, 6, 6), ``[i, attribute, house]`` is the value that lives there, -1 beyond the puzzle's size and
            where there is no solution; the first one found.
        others: as ``solutions``, a second solution where there is one.
        counts: (n,), number of solutions, counted up to 2: exactly 1 is the proof of uniqueness.
        branches: (n,), guesses made until that was settled.
    """

    solutions: Int8[np.ndarray, "n 6 6"]
    others: Int8[np.ndarray, "n 6 6"]
    counts: Int64[np.ndarray, "n"]
    branches: Int64[np.ndarray, "n"]


def solve(puzzles: ZebraPuzzles) -> SearchResult:
    """Solve each puzzle and decide whether its solution is unique.

    Cost: 0.4 microseconds (3 houses, 3 attributes) to 9 (6, 6) for created puzzles; exponential at worst.
    """
    n = len(puzzles)
    solutions, others = np.full((2, n, MOST, MOST), -1, dtype=np.int8)
    counts, branches = np.zeros((2, n), dtype=np.int64)
    _solve_rows(
        puzzles.houses, puzzles.attributes, puzzles.clues, support_tables(), solutions, others, counts, branches
    )
    return SearchResult(solutions, others, counts, branches)


@kernel
def open_candidates(cand: UInt8[np.ndarray, "entities"], houses: int, attributes: int) -> None:
    """Every value may live anywhere; house number h lives in house h, and so does the absent operand, in house 0."""
    cand[:] = 0
    cand[NOTHING] = 1
    for house in range(houses):
        cand[house] = 1 << house
    for row in range(1, attributes + 1):
        for value in range(houses):
            cand[MOST * row + value] = (1 << houses) - 1


@kernel
def strike_by_clue(
    cand: UInt8[np.ndarray, "entities"], clue: Int8[np.ndarray, "4"], support: UInt8[np.ndarray, "types 3 64 64"]
) -> int:
    """Strike what the clue alone excludes; 1 if it struck something, 0 if not, -1 if nothing is left."""
    kind, a, b, c = clue[0], clue[1], clue[2], clue[3]
    new_a = cand[a] & support[kind, 0, cand[b], cand[c]]
    new_b = cand[b] & support[kind, 1, new_a, cand[c]]
    new_c = cand[c] & support[kind, 2, new_a, new_b]
    if new_a == 0 or new_b == 0 or new_c == 0:
        return -1
    changed = new_a != cand[a] or new_b != cand[b] or new_c != cand[c]
    cand[a], cand[b], cand[c] = new_a, new_b, new_c
    return int(changed)


@kernel
def strike_by_exclusion(cand: UInt8[np.ndarray, "entities"], row: int, houses: int) -> int:
    """Naked and hidden singles of one attribute; 1 if they struck something, 0 if not, -1 at a contradiction."""
    once, twice, alone = 0, 0, 0
    first = MOST * row
    for entity in range(first, first + houses):
        mask = cand[entity]
        if mask & (mask - 1) == 0:
            if alone & mask:
                return -1
            alone |= mask
        twice |= once & mask
        once |= mask
    if once != (1 << houses) - 1:
        return -1
    hidden = once & ~twice
    changed = 0
    for entity in range(first, first + houses):
        mask = cand[entity]
        if mask & (mask - 1) == 0:
            continue
        left = mask & hidden
        if left:
            if left & (left - 1):
                return -1
        else:
            left = mask & ~alone
            if left == 0:
                return -1
        if left != mask:
            cand[entity] = left
            changed = 1
    return changed


@kernel
def propagate(
    cand: UInt8[np.ndarray, "entities"],
    clues: Int8[np.ndarray, "m 4"],
    count: int,
    skip: int,
    houses: int,
    attributes: int,
    support: UInt8[np.ndarray, "types 3 64 64"],
) -> bool:
    """Clues ``0..count-1`` but for ``skip``, and exclusion, until nothing changes; False at a contradiction."""
    changed = True
    while changed:
        changed = False
        for number in range(count):
            if number == skip:
                continue
            verdict = strike_by_clue(cand, clues[number], support)
            if verdict < 0:
                return False
            changed |= verdict > 0
        for row in range(1, attributes + 1):
            verdict = strike_by_exclusion(cand, row, houses)
            if verdict < 0:
                return False
            changed |= verdict > 0
    return True


@kernel
def _fewest_candidates(cand: UInt8[np.ndarray, "entities"], houses: int, attributes: int) -> int:
    """The first entity with the smallest number of candidates above one; -1 if every entity is decided."""
    best, least = -1, 99
    for row in range(1, attributes + 1):
        for entity in range(MOST * row, MOST * row + houses):
            mask, count = np.int64(cand[entity]), 0
            while mask:
                mask &= mask - 1
                count += 1
            if 1 < count < least:
                best, least = entity, count
    return best


@kernel
def write_solution(
    cand: UInt8[np.ndarray, "entities"], houses: int, attributes: int, solution: Int8[np.ndarray, "6 6"]
) -> None:
    """The grid of decided candidates."""
    for row in range(1, attributes + 1):
        for value in range(houses):
            mask, house = cand[MOST * row + value], -1
            while mask:
                mask >>= 1
                house += 1
            solution[row - 1, house] = value


@kernel
def search(
    stack: UInt8[np.ndarray, "levels entities"],
    choice: Int64[np.ndarray, "levels 2"],
    clues: Int8[np.ndarray, "m 4"],
    count: int,
    skip: int,
    houses: int,
    attributes: int,
    support: UInt8[np.ndarray, "types 3 64 64"],
    state: UInt64[np.ndarray, "1"],
    shuffled: bool,
    first: Int8[np.ndarray, "6 6"],
    second: Int8[np.ndarray, "6 6"],
) -> tuple[int, int]:
    """Number of solutions up to 2, which are written to ``first`` and ``second``, and guesses made; depth first."""
    open_candidates(stack[0], houses, attributes)
    found, branches, level = 0, 0, 0
    if not propagate(stack[0], clues, count, skip, houses, attributes, support):
        return 0, 0
    while True:
        entity = _fewest_candidates(stack[level], houses, attributes)
        choice[level, 0] = entity
        choice[level, 1] = 0 if entity < 0 else stack[level, entity]
        if entity < 0:
            write_solution(stack[level], houses, attributes, first if found == 0 else second)
            found += 1
            if found == 2:
                return 2, branches
        while True:
            while level >= 0 and choice[level, 1] == 0:
                level -= 1
            if level < 0:
                return found, branches
            bit = pick_bit(choice[level, 1], state, shuffled)
            choice[level, 1] ^= bit
            branches += 1
            stack[level + 1] = stack[level]
            stack[level + 1, choice[level, 0]] = bit
            if propagate(stack[level + 1], clues, count, skip, houses, attributes, support):
                level += 1
                break


@kernel
def clue_count(clues: Int8[np.ndarray, "m 4"]) -> int:
    """Clues before the padding."""
    count = 0
    while count < len(clues) and clues[count, 0] != PADDING:
        count += 1
    return count


@kernel
def _solve_rows(
    houses: Int64[np.ndarray, "n"],
    attributes: Int64[np.ndarray, "n"],
    clues: Int8[np.ndarray, "n M 4"],
    support: UInt8[np.ndarray, "sizes types 3 64 64"],
    solutions: Int8[np.ndarray, "n 6 6"],
    others: Int8[np.ndarray, "n 6 6"],
    counts: Int64[np.ndarray, "n"],
    branches: Int64[np.ndarray, "n"],
) -> None:
    stack, choice = np.empty((LEVELS, ENTITIES), np.uint8), np.empty((LEVELS, 2), np.int64)
    state = np.zeros(1, np.uint64)
    for n in range(len(houses)):
        counts[n], branches[n] = search(
            stack,
            choice,
            clues[n],
            clue_count(clues[n]),
            -1,
            houses[n],
            attributes[n],
            support[houses[n] - LEAST],
            state,
            False,
            solutions[n],
            others[n],
        )
