"""Clue tables, the search, uniqueness and contradictions: against enumeration, and against a SAT solver."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.zebra import (
    CLUE_TYPES,
    ZebraPuzzle,
    ZebraPuzzles,
    ZebraSource,
    check_puzzle,
    contradicting_clues,
    everyday_names,
    solutions_by_sat,
    solve,
    stack,
)
from generators.zebra.clue import LEAST, MOST, NOTHING, place_of, support_tables, truth_tables

SIZES = st.integers(LEAST, MOST)


def any_puzzle(rng: np.random.Generator, houses: int, attributes: int, count: int, truth: bool) -> ZebraPuzzle:
    """Clues of all types about any entities, house numbers too; true of the grid in which value h lives in house h.

    Without ``truth`` they may be false, name an entity twice, or contradict each other.
    """
    clues: list[list[int]] = []
    while len(clues) < count:
        kind = int(rng.integers(len(CLUE_TYPES)))
        used = CLUE_TYPES[kind].operands
        rows = rng.integers(attributes + 1, size=used)
        if CLUE_TYPES[kind].numbered:
            rows[-1] = 0
        values = rng.integers(houses, size=used)
        three = [*values.tolist(), 0, 0][:3]
        if not truth or CLUE_TYPES[kind].holds(three[0], three[1], three[2], houses):
            codes = (MOST * rows + values).tolist()
            clues.append([kind, *codes, *[NOTHING] * (3 - used)])
    return ZebraPuzzle(houses, attributes, np.array(clues, dtype=np.int8).reshape(-1, 4))


def satisfies(puzzle: ZebraPuzzle, places: dict[tuple[int, int], int]) -> bool:
    """Whether every clue is true where entity (row, value) lives in house ``places[row, value]``."""
    for number, *codes in puzzle.clues.tolist():
        at = [places[place_of(code)] for code in codes if code != NOTHING]
        at += [0] * (3 - len(at))
        if not CLUE_TYPES[number].holds(at[0], at[1], at[2], puzzle.houses):
            return False
    return True


def enumerate_solutions(puzzle: ZebraPuzzle) -> list[tuple[tuple[int, ...], ...]]:
    """All grids of the right size that satisfy the clues."""
    n = puzzle.houses
    found = []
    for grid in itertools.product(itertools.permutations(range(n)), repeat=puzzle.attributes):
        places = {(0, house): house for house in range(n)}
        places |= {(row + 1, value): h for row, line in enumerate(grid) for h, value in enumerate(line)}
        if satisfies(puzzle, places):
            found.append(grid)
    return found


@pytest.mark.parametrize("houses", range(LEAST, MOST + 1))
def test_support_is_what_some_assignment_of_the_others_allows(houses):
    truth, support = truth_tables()[houses - LEAST], support_tables()[houses - LEAST]
    rng = np.random.default_rng(houses)
    for kind in range(len(CLUE_TYPES)):
        for p, q in rng.integers(1 << houses, size=(40, 2)).tolist():
            first = [h for h in range(houses) if p >> h & 1]
            second = [h for h in range(houses) if q >> h & 1]
            for slot in range(3):
                left = 0
                for a, b, c in itertools.product(range(houses), first, second):
                    three = [b, c]
                    three.insert(slot, a)
                    left |= bool(truth[kind, three[0], three[1], three[2]]) << a
                assert support[kind, slot, p, q] == left


def test_what_the_types_say():
    """In words of five houses from the left, 0 to 4."""
    holds = {kind.name: kind.holds for kind in CLUE_TYPES}
    assert [h for h in range(5) if holds["ends"](h, 0, 0, 5)] == [0, 4]
    assert [h for h in range(5) if holds["between"](h, 1, 4, 5)] == [2, 3]
    assert [h for h in range(5) if holds["between"](h, 4, 1, 5)] == []
    assert [h for h in range(5) if holds["either-side"](h, 3, 1, 5)] == [2]
    assert [h for h in range(5) if holds["next-to"](h, 3, 0, 5)] == [2, 4]
    assert [h for h in range(5) if holds["left-of"](h, 3, 0, 5)] == [0, 1, 2]
    assert [h for h in range(5) if holds["immediate-left"](h, 3, 0, 5)] == [2]


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 9), truth=st.booleans())
def test_the_search_counts_like_enumeration(seed, count, truth):
    puzzle = any_puzzle(np.random.default_rng(seed), 3, 3, count, truth)
    expected = enumerate_solutions(puzzle)
    found = solve(stack([puzzle]))
    assert found.counts[0] == min(len(expected), 2)
    seen = [tuple(map(tuple, grid[0, :3, :3].tolist())) for grid in (found.solutions, found.others)]
    assert set(seen[: found.counts[0]]) <= set(expected)
    assert len(set(seen)) == 2 or found.counts[0] == 0


@settings(max_examples=50)
@given(houses=SIZES, attributes=SIZES, seed=st.integers(0, 10**6), share=st.floats(0.3, 2.0), truth=st.booleans())
def test_the_search_agrees_with_a_sat_solver(houses, attributes, seed, share, truth):
    pytest.importorskip("pysat")
    puzzle = any_puzzle(np.random.default_rng(seed), houses, attributes, int(share * houses * attributes), truth)
    theirs, ours = solutions_by_sat(puzzle), solve(stack([puzzle]))
    assert ours.counts[0] == len(theirs)
    assert truth <= (len(theirs) > 0)
    if len(theirs) == 1:
        assert (ours.solutions[0, :attributes, :houses] == theirs[0]).all()


@pytest.mark.parametrize(("houses", "attributes"), [(3, 3), (3, 6), (6, 3), (4, 4), (5, 5), (6, 6)])
def test_created_puzzles_are_unique_and_minimal_by_a_sat_solver(houses, attributes):
    pytest.importorskip("pysat")
    rows = ZebraSource(houses=(houses, houses), attributes=(attributes, attributes)).rows(2, 0, 3)
    for number in range(3):
        puzzle = rows.puzzles[number]
        (only,) = solutions_by_sat(puzzle)
        assert (only == rows.solutions[number, :attributes, :houses]).all()
        for index in range(len(puzzle.clues)):
            fewer = ZebraPuzzle(houses, attributes, np.delete(puzzle.clues, index, axis=0))
            assert len(solutions_by_sat(fewer)) == 2


def test_puzzles_of_several_sizes_in_one_array():
    rows = ZebraSource(houses=(3, 6), attributes=(3, 6)).rows(8, 0, 40)
    found = solve(rows.puzzles)
    assert (found.counts == 1).all()
    assert (found.solutions == rows.solutions).all()
    assert (solve(stack([rows.puzzles[i] for i in range(40)])).solutions == rows.solutions).all()
    assert solve(stack([])).counts.shape == (0,)


CONTRADICTION = [
    ("found-at", (2, 0), (0, 2)),
    ("left-of", (1, 0), (1, 1)),
    ("ends", (3, 1)),
    ("left-of", (1, 1), (1, 2)),
    ("same-house", (1, 2), (2, 1)),
    ("next-to", (3, 0), (1, 2)),
]


def test_a_contradiction_names_its_clues_and_no_others():
    """Clues 2 and 4 put value 2 of attribute 0 last, where clue 1 has another value than clue 5."""
    puzzle = ZebraPuzzle.of(3, 3, CONTRADICTION)
    assert contradicting_clues(puzzle) == [0, 1, 3, 4]
    with pytest.raises(ValueError, match=r"clue 5 \(same-house LHS c 0 2 RHS c 1 1\) contradicts clue 1 .* clue 4 "):
        check_puzzle(puzzle)
    with pytest.raises(ValueError, match=r"clue 5 \(The person with Nationality Japanese also has Colour green\.\)"):
        check_puzzle(puzzle, everyday_names(3, 3))
    assert contradicting_clues(ZebraPuzzle.of(3, 3, CONTRADICTION[:4])) == []
    with pytest.raises(ValueError, match=r"clue 1 \(left-of .*the rules"):
        check_puzzle(ZebraPuzzle.of(3, 3, [("left-of", (1, 0), (1, 0))]))


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_contradicting_clues_are_a_minimal_set(seed):
    puzzle = any_puzzle(np.random.default_rng(seed), 3, 3, 12, truth=False)
    core = contradicting_clues(puzzle)
    assert (len(core) == 0) == (solve(stack([puzzle])).counts[0] > 0)
    for left_out in [None, *core] if core else []:
        kept = [index for index in core if index != left_out]
        part = ZebraPuzzle(3, 3, puzzle.clues[kept])
        assert (len(enumerate_solutions(part)) > 0) == (left_out is not None)


def test_two_solutions_are_told_by_an_entity_and_two_houses():
    rows = ZebraSource().rows(0, 0, 1)
    puzzle = rows.puzzles[0]
    assert (check_puzzle(puzzle) == rows.solutions[0, :4, :4]).all()
    with pytest.raises(ValueError, match=r"two solutions: .*allow \w+ \w+ .* in House \d and in House \d"):
        check_puzzle(ZebraPuzzle(4, 4, puzzle.clues[1:]))


BAD = [
    ((2, 3, []), r"houses lies in 3\.\.6; got 2"),
    ((3, 7, []), r"attributes lies in 3\.\.6; got 7"),
    ((3, 3, [("ends", (1, 0)), ("above", (1, 0))]), r"clue 2 \(above .*unknown type 'above'; known: found-at"),
    ((3, 3, [("ends", (4, 0))]), r"clue 1 \(ends .*unknown attribute 3; the puzzle has 3"),
    ((3, 3, [("ends", (1, 3))]), r"clue 1 \(ends .*unknown value of attribute 0 3; there are 3"),
    ((3, 3, [("found-at", (1, 0), (0, 3))]), r"clue 1 .*unknown house 3"),
    ((3, 3, [("left-of", (1, 0))]), r"clue 1 \(left-of LHS c 0 0 RHS\): left-of has 2 operands; got 1"),
    ((3, 3, [("ends", (1, 0), (1, 1))]), r"ends has 1 operands; got 2"),
    ((3, 3, [("between", *[(1, 0)] * 4)]), r"at most 3 operands; got 4"),
    ((3, 3, [("not-at", (1, 0), (1, 1))]), r"last operand of not-at is a house number"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD)
def test_bad_clues_are_refused_with_number_and_text(arguments, words):
    with pytest.raises(ValueError, match=words):
        ZebraPuzzle.of(*arguments)


def test_bad_arrays_are_refused_before_a_kernel_sees_them():
    good = ZebraSource().rows(0, 0, 3).puzzles
    for place, value, words in [
        ((1, 0, 0), 10, r"puzzle 1: clue 1 .*unknown type 10"),
        ((1, 0, 0), -2, r"puzzle 1: clue 1 .*unknown type -2"),
        ((2, 1, 1), 31, r"puzzle 2: clue 2 .*unknown attribute 4"),
        ((2, 1, 1), -1, r"puzzle 2: clue 2 .*unknown attribute"),
        ((0, 0, 0), -1, r"puzzle 0: clues stand first"),
    ]:
        clues = good.clues.copy()
        clues[place] = value
        with pytest.raises(ValueError, match=words):
            ZebraPuzzles(good.houses, good.attributes, clues)
    with pytest.raises(ValueError, match=r"puzzle 0: houses lies in 3\.\.6; got 7"):
        ZebraPuzzles(good.houses + 3, good.attributes, good.clues)
