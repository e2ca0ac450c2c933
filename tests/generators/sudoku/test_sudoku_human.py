"""Each strategy on a board of its own, the order of fills, and no step that is not a proof."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.sudoku import SIZES, STUCK, SudokuSource, explain, parse_grid, random_symmetry, solve_by_strategies
from generators.sudoku.human import STRATEGY_NAMES
from generators.sudoku.strategies import (
    DOKUSAN,
    SOUND,
    hidden_single,
    locked_candidate,
    lone_single,
    naked_pair,
    naked_triplet,
    unique_rectangle,
    xy_wing,
)

NINE = SIZES[9]
ALL = (1 << 9) - 1


def bits(*digits: int) -> int:
    return sum(1 << (digit - 1) for digit in digits)


def board(cells: dict[tuple[int, int], int]) -> np.ndarray:
    """Candidates with all nine digits wherever nothing else is said; rows and columns from 0."""
    cand = np.full(81, ALL, dtype=np.int32)
    for (row, column), mask in cells.items():
        cand[9 * row + column] = mask
    return cand


def struck(before: np.ndarray, after: np.ndarray) -> dict[int, int]:
    return {int(cell): int(before[cell] & ~after[cell]) for cell in np.flatnonzero(before != after)}


def test_lone_and_hidden_singles_are_the_first_of_their_kind():
    assert lone_single(board({(4, 4): bits(6), (2, 7): bits(3)})) == 25
    assert lone_single(board({})) == -1
    cand = board({(5, column): ALL ^ bits(7) for column in range(9) if column != 3})
    assert hidden_single(cand, NINE.groups) == (48, bits(7))
    assert hidden_single(board({}), NINE.groups) == (-1, 0)


def test_a_naked_pair_in_row_and_box_clears_both():
    cand = board({(0, 0): bits(2, 5), (0, 2): bits(2, 5)})
    before = cand.copy()
    assert naked_pair(cand, NINE.groups, NINE.group_of)
    others = {1, *range(3, 9), *range(9, 12), *range(18, 21)}
    assert struck(before, cand) == dict.fromkeys(others, bits(2, 5))
    assert not naked_pair(cand, NINE.groups, NINE.group_of)


@pytest.mark.parametrize(
    ("masks", "dialects"),
    [
        ((bits(1, 2), bits(2, 3), bits(1, 3)), {SOUND}),
        ((bits(1, 2, 3), bits(1, 2, 3), bits(1, 3)), {SOUND, DOKUSAN}),
        ((bits(1, 2, 3), bits(1, 2, 3), bits(1, 2, 3)), {SOUND, DOKUSAN}),
        ((bits(1, 2, 3), bits(1, 2), bits(1, 3)), {SOUND}),
        ((bits(1, 2, 3), bits(1, 2, 4), bits(1, 3)), set()),
    ],
)
def test_naked_triplets(masks, dialects):
    for dialect in (SOUND, DOKUSAN):
        cand = board({(0, 0): masks[0], (4, 0): masks[1], (8, 0): masks[2]})
        before = cand.copy()
        assert bool(naked_triplet(cand, NINE.groups, NINE.group_of, dialect)) == (dialect in dialects)
        if dialect in dialects:
            assert struck(before, cand) == {9 * row: bits(1, 2, 3) for row in (1, 2, 3, 5, 6, 7)}


@pytest.mark.parametrize(("columns", "dialects"), [((3, 4), {SOUND, DOKUSAN}), ((3, 4, 5), {SOUND}), ((2, 3), set())])
def test_locked_candidates(columns, dialects):
    """The 4 of row 1 only in some columns: inside one box it leaves the rest of the box."""
    for dialect in (SOUND, DOKUSAN):
        cand = board({(1, column): ALL ^ bits(4) for column in range(9) if column not in columns})
        before = cand.copy()
        assert bool(locked_candidate(cand, NINE.groups, NINE.group_of, dialect)) == (dialect in dialects)
        if dialect in dialects:
            assert struck(before, cand) == dict.fromkeys([3, 4, 5, 21, 22, 23], bits(4))


def test_an_xy_wing_takes_the_pivot_that_sees_both_pincers():
    pivot, pincers = (0, 0), [(0, 5), (2, 1)]
    cand = board({pivot: bits(1, 2), pincers[0]: bits(1, 3), pincers[1]: bits(2, 3)})
    sound, dokusan = cand.copy(), cand.copy()
    assert xy_wing(sound, NINE.sees, SOUND)
    assert struck(cand, sound) == dict.fromkeys([1, 2, 21, 22, 23], bits(3))
    assert xy_wing(dokusan, NINE.sees, DOKUSAN)  # the middle cell in reading order is (0, 5): 2 goes, without a reason
    assert set(struck(cand, dokusan).values()) == {bits(2)}


def test_a_wing_whose_pincers_see_each_other_is_none():
    cand = board({(0, 0): bits(1, 2), (0, 5): bits(1, 3), (0, 8): bits(2, 3)})
    assert not xy_wing(cand, NINE.sees, SOUND)


@pytest.mark.parametrize("corner", [(0, 0), (0, 4), (1, 0), (1, 4)])
def test_a_unique_rectangle_leaves_the_fourth_corner_to_other_digits(corner):
    corners = {(row, column): bits(4, 9) for row in (0, 1) for column in (0, 4)}
    cand = board(corners | {corner: bits(2, 4, 9)})
    before = cand.copy()
    assert unique_rectangle(cand, NINE.group_of, NINE.sees)
    assert struck(before, cand) == {9 * corner[0] + corner[1]: bits(4, 9)}


def test_a_rectangle_over_four_boxes_or_without_one_of_the_digits_is_none():
    four = board({(0, 0): bits(4, 9), (0, 4): bits(4, 9), (5, 0): bits(4, 9), (5, 4): bits(2, 4, 9)})
    lacking = board({(0, 0): bits(4, 9), (0, 4): bits(4, 9), (1, 0): bits(4, 9), (1, 4): bits(2, 4)})
    assert not unique_rectangle(four, NINE.group_of, NINE.sees)
    assert not unique_rectangle(lacking, NINE.group_of, NINE.sees)


@settings(max_examples=40)
@given(side=st.sampled_from([4, 6, 9]), seed=st.integers(0, 2**32))
def test_every_fill_is_right_and_the_order_covers_the_empty_cells(side, seed):
    rows = SudokuSource(side=side).rows(seed, 0, 5)
    result = solve_by_strategies(rows.puzzles)
    assert ((result.grids == 0) | (result.grids == rows.solutions)).all()
    assert (result.solved == (result.grids > 0).all(axis=1)).all()
    assert ((result.levels == STUCK) == ~result.solved).all()
    for puzzle, grid, order, strategies in zip(
        rows.puzzles, result.grids, result.order, result.strategies, strict=True
    ):
        filled = order[order >= 0]
        assert sorted(filled.tolist()) == np.flatnonzero((grid > 0) & (puzzle == 0)).tolist()
        assert (order[len(filled) :] == -1).all()
        assert (strategies[: len(filled)] & 0b1100 > 0).all()
        assert not strategies[len(filled) :].any()


def test_steps_and_batch_tell_the_same_story():
    rows = SudokuSource(levels=(4, STUCK)).rows(0, 0, 40)
    result = solve_by_strategies(rows.puzzles)
    for number, puzzle in enumerate(rows.puzzles):
        steps = explain(puzzle)
        fills = [step for step in steps if step.cell is not None]
        assert [step.cell for step in fills] == result.order[number, : len(fills)].tolist()
        assert all(rows.solutions[number, step.cell] == step.digit for step in fills)
        hardest = max(step.strategy for step in steps) if result.solved[number] else STUCK
        assert result.levels[number] == hardest
        used = 0
        for step in steps:
            used = max(used, step.strategy)
            if step.cell is not None:
                at = result.order[number].tolist().index(step.cell)
                assert result.hardest_per_fill[number, at] == used
                used = 0
        assert {step.name for step in steps} <= set(STRATEGY_NAMES.values())


def test_every_step_is_the_simplest_that_applies():
    """After a strike no earlier strategy may apply before the next step is looked for from the start."""
    for puzzle in SudokuSource(levels=(5, STUCK)).rows(1, 0, 20).puzzles:
        steps = explain(puzzle)
        cand = np.full(81, ALL, dtype=np.int32)
        grid = puzzle.copy()
        for cell in np.flatnonzero(puzzle):
            cand[cell], cand[NINE.peers[cell]] = 0, cand[NINE.peers[cell]] & ~(1 << (int(puzzle[cell]) - 1))
        for step in steps:
            if step.strategy > 2:
                assert lone_single(cand) == -1
            if step.strategy > 3:
                assert hidden_single(cand, NINE.groups)[0] == -1
            if step.strategy > 4:
                assert not naked_pair(cand.copy(), NINE.groups, NINE.group_of)
            if step.strategy > 6:
                assert not locked_candidate(cand.copy(), NINE.groups, NINE.group_of, SOUND)
            if step.cell is not None and step.digit is not None:
                grid[step.cell] = step.digit
                bit = 1 << (step.digit - 1)
                cand[step.cell], cand[NINE.peers[step.cell]] = 0, cand[NINE.peers[step.cell]] & ~bit
                continue
            made = {
                4: lambda c: naked_pair(c, NINE.groups, NINE.group_of),
                5: lambda c: naked_triplet(c, NINE.groups, NINE.group_of, SOUND),
                6: lambda c: locked_candidate(c, NINE.groups, NINE.group_of, SOUND),
                7: lambda c: xy_wing(c, NINE.sees, SOUND),
                8: lambda c: unique_rectangle(c, NINE.group_of, NINE.sees),
            }[step.strategy](cand)
            assert made


def test_whether_singles_suffice_does_not_depend_on_the_image():
    """The closure under singles is unique, whatever the order; the other levels may move with ties."""
    rng = np.random.default_rng(0)
    rows = SudokuSource().rows(2, 0, 60)
    before = solve_by_strategies(rows.puzzles).levels <= 3
    after = solve_by_strategies(random_symmetry(NINE, rng).apply(rows.puzzles)).levels <= 3
    assert 0 < before.sum() < 60
    assert (before == after).all()


def test_a_full_grid_takes_nothing_and_an_empty_one_is_stuck_at_once():
    solution = SudokuSource().rows(0, 0, 1).solutions
    done = solve_by_strategies(solution)
    assert done.solved.tolist() == [True]
    assert done.levels.tolist() == [0]
    assert explain(np.zeros(81, dtype=np.uint8)) == []


def test_bad_puzzles_and_dialects_are_refused():
    twice = np.zeros((2, 81), dtype=np.uint8)
    twice[1, [0, 8]] = 5
    with pytest.raises(ValueError, match="puzzle 1: 5 stands twice in row 1"):
        solve_by_strategies(twice)
    with pytest.raises(ValueError, match="5 stands twice in row 1"):
        explain(twice[1])
    with pytest.raises((ValueError, TypeError), match="'french'"):
        explain(parse_grid("." * 81), "french")  # pyright: ignore[reportArgumentType]
