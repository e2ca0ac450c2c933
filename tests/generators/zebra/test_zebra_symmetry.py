"""Keys: blind to renamed values, exchanged attributes, reversal and the order of clues, and to nothing else."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.zebra import CLUE_TYPES, ZebraPuzzle, ZebraSource, check_puzzle, solve, stack, symmetry_key
from generators.zebra.clue import MOST, NOTHING, TYPE_NUMBERS

Clue = tuple[int, tuple[tuple[int, int], ...]]
FREE = {"same-house": (0, 1), "not-same": (0, 1), "next-to": (0, 1), "either-side": (1, 2)}
TURNS = {"left-of": (0, 1), "immediate-left": (0, 1), "between": (1, 2)}


def clues_of(puzzle: ZebraPuzzle) -> list[Clue]:
    return [
        (int(number), tuple(divmod(int(code), MOST) for code in codes if code != NOTHING))
        for number, *codes in puzzle.clues.tolist()
    ]


def exchange(clue: Clue, table: dict[str, tuple[int, int]]) -> Clue:
    number, places = clue
    if CLUE_TYPES[number].name not in table:
        return clue
    i, j = table[CLUE_TYPES[number].name]
    moved = list(places)
    moved[i], moved[j] = moved[j], moved[i]
    return number, tuple(moved)


def image(
    puzzle: ZebraPuzzle, order: list[int], names: np.ndarray, turned: bool, rng: np.random.Generator
) -> ZebraPuzzle:
    """Attribute i becomes ``order[i]``, its value v ``names[i, v]``, the street perhaps reversed, clues shuffled."""

    def place(row: int, value: int) -> tuple[int, int]:
        if row == 0:
            return 0, puzzle.houses - 1 - value if turned else value
        return 1 + order[row - 1], int(names[row - 1, value])

    clues = []
    for clue in clues_of(puzzle):
        number, places = exchange(clue, TURNS) if turned else clue
        moved = number, tuple(place(*entity) for entity in places)
        clues.append(exchange(moved, FREE) if rng.integers(2) else moved)
    shuffled = [clues[i] for i in rng.permutation(len(clues))]
    return ZebraPuzzle.of(
        puzzle.houses, puzzle.attributes, [(CLUE_TYPES[number].name, *places) for number, places in shuffled]
    )


def key(puzzle: ZebraPuzzle) -> int:
    one = stack([puzzle])
    return int(symmetry_key(one, solve(one).solutions)[0])


@settings(max_examples=50)
@given(seed=st.integers(0, 10**6), turned=st.booleans())
def test_images_under_the_group_are_unique_puzzles_with_the_same_key(seed, turned):
    rng = np.random.default_rng(seed)
    puzzle = ZebraSource(houses=(3, 6), attributes=(3, 6)).rows(seed, 0, 1).puzzles[0]
    n, a = puzzle.houses, puzzle.attributes
    names = np.array([rng.permutation(n) for _ in range(a)])
    moved = image(puzzle, rng.permutation(a).tolist(), names, turned, rng)
    check_puzzle(moved)
    assert key(moved) == key(puzzle)


def test_keys_separate_exactly_the_classes_that_enumeration_finds():
    """Small puzzles, of which many are equivalent: equal keys if and only if some element of the group maps them."""
    weights = {"found-at": 1.0, "same-house": 1.0, "left-of": 1.0}
    rows = ZebraSource(houses=(3, 3), attributes=(3, 3), weights=weights).rows(0, 0, 250)
    keys = symmetry_key(rows.puzzles, rows.solutions).tolist()
    forms = [canonical(rows.puzzles[i], rows.solutions[i]) for i in range(250)]
    assert len(set(forms)) < 240
    assert len(set(forms)) == len(set(keys)) == len(set(zip(forms, keys, strict=True)))


def canonical(puzzle: ZebraPuzzle, solution: np.ndarray) -> tuple[Clue, ...]:
    """The smallest sorted list of clues among all images, values named after their houses."""
    at = {(r + 1, int(v)): h for r in range(3) for h, v in enumerate(solution[r, :3])} | {(0, h): h for h in range(3)}
    images = []
    for order, turned in itertools.product(itertools.permutations(range(3)), (False, True)):
        rows = [0, *(1 + new for new in order)]
        clues = []
        for clue in clues_of(puzzle):
            number, places = exchange(clue, TURNS) if turned else clue
            moved = tuple((rows[row], 2 - at[row, value] if turned else at[row, value]) for row, value in places)
            if CLUE_TYPES[number].name == "found-at":
                number = TYPE_NUMBERS["same-house"]
            both = (number, moved), exchange((number, moved), FREE)
            clues.append(min(both))
        images.append(tuple(sorted(clues)))
    return min(images)


def test_a_house_number_may_be_said_in_two_ways():
    """ "found-at" and "same-house" with a house number are one clue, so one puzzle is not two."""
    clues = [("found-at", (r, v), (0, v)) for r in (1, 2, 3) for v in (0, 1)]
    said = [("same-house", (0, v), (r, v)) for r in (1, 2, 3) for v in (0, 1)]
    assert key(ZebraPuzzle.of(3, 3, clues)) == key(ZebraPuzzle.of(3, 3, said))


def test_a_changed_clue_changes_the_key():
    puzzles = ZebraSource().rows(3, 0, 20).puzzles
    for number in range(20):
        puzzle = puzzles[number]
        clues = clues_of(puzzle)
        doubled = ZebraPuzzle.of(4, 4, [(CLUE_TYPES[k].name, *places) for k, places in [*clues, clues[0]]])
        assert key(doubled) != key(puzzle)


def test_keys_need_solutions():
    rows = ZebraSource().rows(3, 0, 2)
    with pytest.raises(ValueError, match="got 1 for 2"):
        symmetry_key(rows.puzzles, rows.solutions[:1])
    empty = rows.solutions.copy()
    empty[1, 2, 3] = -1
    with pytest.raises(ValueError, match="solution 1 has empty cells"):
        symmetry_key(rows.puzzles, empty)
