"""Created grids and puzzles: the law that is claimed, uniqueness, targets, and a stream that can be cut anywhere."""

from __future__ import annotations

import numpy as np
import pytest

from generators.ground.draws import words
from generators.sudoku import (
    SIZES,
    STUCK,
    SudokuSource,
    canonical_form,
    completes,
    full_grids,
    group_order,
    held_out,
    shared_up_to_symmetry,
    solve,
    solve_by_strategies,
    symmetry_key,
)
from generators.testing.statistics import multinomial_p_value

ALARM = 1e-9  # false-alarm rate of each statistical test here; seeds are fixed, so a pass stays a pass
GRIDS = {4: 288, 6: 28_200_960}  # full grids, by enumeration
CLASSES = {4: 2, 6: 49}


@pytest.mark.parametrize("side", SIZES)
def test_full_grids_are_valid_and_functions_of_their_key(side):
    keys = words(3, 0, 0, 20)
    grids = full_grids(SIZES[side], keys)
    assert completes(grids, np.zeros_like(grids)).all()
    assert (full_grids(SIZES[side], keys[7:9]) == grids[7:9]).all()
    assert len(np.unique(grids, axis=0)) > 1


def counts_of_four(moves: int | None) -> np.ndarray:
    grids = full_grids(SIZES[4], words(11, 0, 0, 60_000), moves).astype(np.int64)
    _, counts = np.unique((grids - 1) @ 4 ** np.arange(16), return_counts=True)
    return np.pad(counts, (0, GRIDS[4] - len(counts)))


def test_four_by_four_grids_are_uniform_over_all_288():
    uniform = np.full(GRIDS[4], 1 / GRIDS[4])
    assert multinomial_p_value(counts_of_four(None), uniform) > ALARM
    assert multinomial_p_value(counts_of_four(0), uniform) < ALARM  # the search alone is not


def class_counts(side: int, moves: int | None, n: int = 15_000) -> tuple[np.ndarray, np.ndarray]:
    """How often each class was met, and its share of all grids: the group's order over the automorphisms."""
    grids = full_grids(SIZES[side], words(12, 0, 0, n), moves)
    form = canonical_form(grids, grids)
    _, first, counts = np.unique(form.solutions, axis=0, return_index=True, return_counts=True)
    return counts, group_order(SIZES[side]) / form.automorphisms[first] / GRIDS[side]


def test_six_by_six_grids_are_uniform_over_their_49_classes():
    counts, shares = class_counts(6, None)
    assert len(counts) == CLASSES[6]
    assert shares.sum() == pytest.approx(1.0, abs=1e-12)  # canonical forms and automorphisms account for every grid
    assert multinomial_p_value(counts, shares) > ALARM
    few, shares = class_counts(6, 8)
    assert multinomial_p_value(few, shares / shares.sum()) < ALARM


def test_moves_keep_a_grid_of_nine_valid_and_change_it():
    keys = words(1, 0, 0, 50)
    grids = [full_grids(SIZES[9], keys, moves) for moves in (0, 1, 500)]
    assert all(completes(g, np.zeros_like(g)).all() for g in grids)
    assert (grids[0] != grids[2]).any(axis=1).all()


CASES = {
    "minimal": SudokuSource(),
    "30 clues": SudokuSource(clues=30),
    "24 clues": SudokuSource(clues=24),
    "strategies": SudokuSource(levels=(4, 8)),
    "stuck": SudokuSource(levels=(STUCK, STUCK)),
    "4x4": SudokuSource(side=4, clues=5),
    "6x6": SudokuSource(side=6),
    "16x16": SudokuSource(side=16, clues=160),
    "test": SudokuSource(part="test", test_share=0.4, clues=28),
}


@pytest.mark.parametrize("name", CASES)
def test_puzzles_are_unique_and_as_asked_for(name):
    source = CASES[name]
    rows = source.rows(5, 0, 12 if source.side == 16 else 60)
    result = solve(rows.puzzles)
    assert (result.counts == 1).all()
    assert (result.solutions == rows.solutions).all()
    if source.clues:
        assert ((rows.puzzles > 0).sum(axis=1) == source.clues).all()
    if source.levels:
        levels = solve_by_strategies(rows.puzzles).levels
        assert ((levels >= source.levels[0]) & (levels <= source.levels[1])).all()
    if source.part == "test":
        assert held_out(symmetry_key(rows.puzzles, rows.solutions), source.test_share).all()


def test_no_clue_of_a_minimal_puzzle_is_superfluous():
    for puzzle in SudokuSource().rows(0, 0, 20).puzzles:
        fewer = np.repeat(puzzle[None], (puzzle > 0).sum(), axis=0)
        fewer[np.arange(len(fewer)), np.flatnonzero(puzzle)] = 0
        assert (solve(fewer).counts == 2).all()


@pytest.mark.parametrize("name", ["24 clues", "stuck", "4x4", "test"])
def test_the_stream_may_be_cut_anywhere(name):
    source = CASES[name]
    whole = source.rows(9, 0, 30)
    pieces = [source.rows(9, *piece) for piece in ((0, 7), (7, 8), (8, 30))]
    assert (np.concatenate([p.puzzles for p in pieces]) == whole.puzzles).all()
    assert (np.concatenate([p.solutions for p in pieces]) == whole.solutions).all()
    assert (source.rows(10, 0, 30).puzzles != whole.puzzles).any()
    assert source.rows(9, 3, 3).puzzles.shape == (0, source.size.cells)


@pytest.mark.parametrize("side", [4, 6])
def test_train_and_test_have_no_puzzle_in_common_up_to_symmetry(side):
    """At 4x4 two streams without parts share nearly all their classes, so the split has work to do."""
    n = 500
    train = SudokuSource(side=side, part="train", test_share=0.3).rows(1, 0, n)
    test = SudokuSource(side=side, part="test", test_share=0.3).rows(2, 0, n)
    pairs = shared_up_to_symmetry((train.puzzles, train.solutions), (test.puzzles, test.solutions))
    assert len(pairs) == 0
    whole = SudokuSource(side=side).rows(2, 0, n)
    careless = shared_up_to_symmetry((train.puzzles, train.solutions), (whole.puzzles, whole.solutions))
    assert len(careless) > n // 2 or side == 6


@pytest.mark.parametrize(
    ("fields", "words_"),
    [
        ({"side": 8}, r"\[4, 6, 9, 16\]; got 8"),
        ({"clues": 16}, "between 17 and 81 here; got 16"),
        ({"side": 4, "clues": 17}, "between 4 and 16 here; got 17"),
        ({"levels": (1, 8)}, r"8 unique rectangle.*got \(1, 8\)"),
        ({"levels": (8, 2)}, r"got \(8, 2\)"),
        ({"part": "valid"}, "'valid'"),
        ({"test_share": 1.0}, "got 1.0"),
    ],
)
def test_impossible_sources_are_refused(fields, words_):
    with pytest.raises((ValueError, TypeError), match=words_):
        SudokuSource(**fields)


def test_a_target_that_no_draw_meets_ends_with_an_error():
    with pytest.raises(ValueError, match=r"row 3: none of 10000 draws"):
        SudokuSource(side=4, clues=16, levels=(8, 8)).rows(0, 3, 4)


def test_bad_ranges_and_seeds_are_refused():
    with pytest.raises(ValueError, match="start=3, stop=2"):
        SudokuSource().rows(0, 3, 2)
    with pytest.raises(ValueError, match="-1"):
        SudokuSource().rows(-1, 0, 1)
