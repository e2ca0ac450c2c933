"""Random solutions, random true clues, and sets of them that have one solution and no superfluous member."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int8, Int64, UInt8, UInt64

from generators.ground.compiled import kernel
from generators.sudoku.fill import shuffle
from generators.sudoku.search import below as below_unsigned
from generators.sudoku.search import next_word
from generators.zebra.clue import CLUE_TYPES, MOST, NOTHING
from generators.zebra.puzzle import PADDING
from generators.zebra.search import search

_KINDS = tuple(kind.name for kind in CLUE_TYPES)
_FOUND_AT, _NOT_AT = _KINDS.index("found-at"), _KINDS.index("not-at")
_SAME, _NOT_SAME = _KINDS.index("same-house"), _KINDS.index("not-same")
_LEFT, _NEXT_LEFT, _NEXT = _KINDS.index("left-of"), _KINDS.index("immediate-left"), _KINDS.index("next-to")
_BETWEEN, _EITHER = _KINDS.index("between"), _KINDS.index("either-side")


@kernel
def below(state: UInt64[np.ndarray, "1"], n: int) -> np.int64:
    """A random signed integer in ``range(n)``: numba makes a float of an unsigned word beside a signed one."""
    return np.int64(below_unsigned(state, n))


@kernel
def draw_solution(
    houses: int, attributes: int, solution: Int8[np.ndarray, "6 6"], state: UInt64[np.ndarray, "1"]
) -> None:
    """A uniformly random permutation of the values of every attribute."""
    solution[:] = -1
    values = np.arange(houses)
    for row in range(attributes):
        shuffle(values, state)
        solution[row, :houses] = values


@kernel
def _draw_houses(kind: int, houses: int, state: UInt64[np.ndarray, "1"]) -> tuple[int, int, int]:
    """Houses of the three operands that make a clue of that type true, uniformly; -1 for an absent operand."""
    if kind in (_FOUND_AT, _SAME):
        house = below(state, houses)
        return house, house, -1
    if kind in (_NEXT, _NEXT_LEFT):
        house = below(state, houses - 1)
        if kind == _NEXT and below(state, 2):
            return house + 1, house, -1
        return house, house + 1, -1
    if kind == _EITHER:
        house = 1 + below(state, houses - 2)
        side = 1 - 2 * below(state, 2)
        return house, house - side, house + side
    one = below(state, houses)
    two = (one + 1 + below(state, houses - 1)) % houses
    if kind in (_NOT_AT, _NOT_SAME):
        return one, two, -1
    if kind == _LEFT:
        return min(one, two), max(one, two), -1
    if kind == _BETWEEN:
        three = one
        while three in (one, two):
            three = below(state, houses)
        low, high = min(one, two, three), max(one, two, three)
        return one + two + three - low - high, low, high
    return (houses - 1) * below(state, 2), -1, -1


@kernel
def draw_clue(
    clue: Int8[np.ndarray, "4"],
    solution: Int8[np.ndarray, "6 6"],
    houses: int,
    attributes: int,
    bounds: Float64[np.ndarray, "types"],
    state: UInt64[np.ndarray, "1"],
) -> None:
    """A random true clue: its type by the cumulative weights ``bounds``, its houses, then an attribute for each.

    Only the last operand of "found-at" and "not-at" is a house number. "same-house" and "not-same" name two different
    attributes, as of one attribute they would be false or trivial.
    """
    u = float(next_word(state) >> np.uint64(11)) * 2.0**-53
    kind = 0
    while u >= bounds[kind]:
        kind += 1
    at = _draw_houses(kind, houses, state)
    clue[0] = kind
    before = -1
    for slot in range(3):
        house = at[slot]
        if house < 0:
            clue[1 + slot] = NOTHING
        elif slot == 1 and kind in (_FOUND_AT, _NOT_AT):
            clue[1 + slot] = house
        else:
            row = below(state, attributes)
            if slot == 1 and kind in (_SAME, _NOT_SAME):
                row = (before + 1 + below(state, attributes - 1)) % attributes
            before = row
            clue[1 + slot] = MOST * (row + 1) + solution[row, house]


@kernel
def _is_false(
    clue: Int8[np.ndarray, "4"], places: UInt8[np.ndarray, "entities"], truth: Bool[np.ndarray, "types 6 6 6"]
) -> bool:
    return not truth[clue[0], places[clue[1]], places[clue[2]], places[clue[3]]]


@kernel
def _write_places(
    solution: Int8[np.ndarray, "6 6"], houses: int, attributes: int, places: UInt8[np.ndarray, "entities"]
) -> None:
    places[NOTHING] = 0
    for house in range(houses):
        places[house] = house
        for row in range(attributes):
            places[MOST * (row + 1) + solution[row, house]] = house


@kernel
def draw_clues(
    clues: Int8[np.ndarray, "most 4"],
    solution: Int8[np.ndarray, "6 6"],
    houses: int,
    attributes: int,
    bounds: Float64[np.ndarray, "types"],
    support: UInt8[np.ndarray, "types 3 64 64"],
    truth: Bool[np.ndarray, "types 6 6 6"],
    stack: UInt8[np.ndarray, "levels entities"],
    choice: Int64[np.ndarray, "levels 2"],
    state: UInt64[np.ndarray, "1"],
) -> int:
    """True clues that leave ``solution`` as the only one, in random order, none superfluous; returns how many.

    While another solution is left, draw clues until one excludes it, and keep that one. Then visit the clues in random
    order and drop each that is not needed. 0 says that the array was too short.
    """
    count = 0
    places = np.zeros(stack.shape[1], np.uint8)
    first, second = np.empty((MOST, MOST), np.int8), np.empty((MOST, MOST), np.int8)
    while True:
        found, _ = search(stack, choice, clues, count, -1, houses, attributes, support, state, True, first, second)
        if found == 1:
            break
        if count == len(clues):
            return 0
        other = second if (first[:attributes, :houses] == solution[:attributes, :houses]).all() else first
        _write_places(other, houses, attributes, places)
        draw_clue(clues[count], solution, houses, attributes, bounds, state)
        while not _is_false(clues[count], places, truth):
            draw_clue(clues[count], solution, houses, attributes, bounds, state)
        count += 1
    return _drop_superfluous(clues, count, houses, attributes, support, stack, choice, state, first, second)


@kernel
def _drop_superfluous(
    clues: Int8[np.ndarray, "most 4"],
    count: int,
    houses: int,
    attributes: int,
    support: UInt8[np.ndarray, "types 3 64 64"],
    stack: UInt8[np.ndarray, "levels entities"],
    choice: Int64[np.ndarray, "levels 2"],
    state: UInt64[np.ndarray, "1"],
    first: Int8[np.ndarray, "6 6"],
    second: Int8[np.ndarray, "6 6"],
) -> int:
    order = np.arange(count)
    shuffle(order, state)
    drawn = clues[:count].copy()
    for place in range(count):
        clues[place] = drawn[order[place]]
    place = count - 1
    while place >= 0:
        found, _ = search(stack, choice, clues, count, place, houses, attributes, support, state, False, first, second)
        if found == 1:
            count -= 1
            clues[place] = clues[count]
            clues[count] = PADDING
        place -= 1
    kept = np.arange(count)
    shuffle(kept, state)
    drawn[:count] = clues[:count]
    for place in range(count):
        clues[place] = drawn[kept[place]]
    return count
