"""Judging puzzles: validity is equality where the solution is unique, givens are no merit, and no given may change."""

from __future__ import annotations

import jaxtyping
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.lab.rows import Subject
from analysis.puzzles.judging import BOARD, CELL, VALIDITY, judge_sudoku, judge_zebra, puzzle_rows, satisfies_clues
from generators.sudoku import SIZES, SudokuSource, full_grids, random_symmetry, solve
from generators.zebra import ZebraPuzzle, ZebraSource, contradicting_clues
from generators.zebra.clue import MOST, NOTHING, TYPE_NUMBERS
from lo_theory.estimate import wilson_interval

ABOUT = Subject(distribution="sudoku", fingerprint="f", model="mdm", seed=0)


def values(judgement) -> dict[str, float]:
    return {row.metric: row.value for row in puzzle_rows(judgement, about=ABOUT, decoder="margin", calls=50.0)}


def some_wrong(rows, rng: np.random.Generator, share: float) -> np.ndarray:
    """Solutions with a share of the boards spoilt: one open cell, another digit."""
    grids = rows.solutions.copy()
    for board in np.flatnonzero(rng.random(len(grids)) < share):
        cell = rng.choice(np.flatnonzero(rows.puzzles[board] == 0))
        side = int(grids.shape[1] ** 0.5)
        grids[board, cell] = 1 + (grids[board, cell] + rng.integers(side - 1)) % side
    return grids


@given(side=st.sampled_from([4, 6, 9]), seed=st.integers(0, 10**6), share=st.floats(0, 1))
@settings(max_examples=30)
def test_with_a_unique_solution_validity_is_board_accuracy(side, seed, share):
    rows, rng = SudokuSource(side=side).rows(seed, 0, 20), np.random.default_rng(seed)
    judgement = judge_sudoku(rows.puzzles, rows.solutions, some_wrong(rows, rng, share))
    assert (judgement.solved == judgement.valid).all()
    assert values(judgement)[BOARD] == values(judgement)[VALIDITY]


def test_with_several_solutions_a_board_may_be_valid_and_not_right():
    grids = full_grids(SIZES[4], np.arange(40, dtype=np.uint64))
    puzzles = np.where(np.arange(16) < 4, grids, 0)  # the first row alone
    assert (solve(puzzles).counts == 2).all()
    answers = solve(puzzles).solutions
    judgement = judge_sudoku(puzzles, grids, answers)
    assert judgement.valid.all()
    assert 0 < judgement.right.sum() < judgement.asked.sum()
    assert values(judgement)[BOARD] < values(judgement)[VALIDITY] == 1.0


def test_a_valid_grid_that_is_another_puzzles_answer_is_an_error_and_no_success():
    """The public mistake: agreement with the givens by ``any`` counts every valid grid that keeps one of them."""
    rows = SudokuSource(side=9).rows(0, 0, 2)
    foreign = full_grids(SIZES[9], np.arange(200, dtype=np.uint64))
    given = rows.puzzles[0] > 0
    kept = (foreign == rows.puzzles[0]) & given
    foreign = foreign[kept.any(axis=1) & ~(kept == given).all(axis=1)]
    assert len(foreign) > 100  # all of them would pass there
    for grid in foreign[:20]:
        cell = int(np.flatnonzero((grid != rows.puzzles[0]) & given)[0])
        with pytest.raises(ValueError, match=f"board 1, row {cell // 9 + 1}, column {cell % 9 + 1}: the given"):
            judge_sudoku(rows.puzzles[[1, 0]], rows.solutions[[1, 0]], np.stack([rows.solutions[1], grid]))


def test_cells_are_those_that_the_puzzle_leaves_open():
    rows = SudokuSource(side=4).rows(0, 0, 30)
    nothing = judge_sudoku(rows.puzzles, rows.solutions, rows.puzzles)
    assert values(nothing) == {BOARD: 0.0, CELL: 0.0, VALIDITY: 0.0}  # the givens alone earn nothing
    half = rows.solutions.copy()
    for board, puzzle in zip(half, rows.puzzles, strict=True):
        open_ = np.flatnonzero(puzzle == 0)
        board[open_[: len(open_) // 2]] = 0
    wanted = sum((p == 0).sum() - (p == 0).sum() // 2 for p in rows.puzzles) / (rows.puzzles == 0).sum()
    assert values(judge_sudoku(rows.puzzles, rows.solutions, half))[CELL] == pytest.approx(wanted)
    assert values(judge_sudoku(rows.puzzles, rows.solutions, rows.solutions)) == {BOARD: 1.0, CELL: 1.0, VALIDITY: 1.0}


def test_no_symmetry_of_the_board_changes_a_number():
    rows, rng = SudokuSource(side=9).rows(0, 0, 30), np.random.default_rng(0)
    grids, symmetry = some_wrong(rows, rng, 0.5), random_symmetry(SIZES[9], rng)
    moved = judge_sudoku(*(symmetry.apply(array) for array in (rows.puzzles, rows.solutions, grids)))
    assert values(moved) == values(judge_sudoku(rows.puzzles, rows.solutions, grids))


def test_rows_say_what_was_judged_and_how_well_it_is_known():
    rows = SudokuSource(side=4).rows(0, 0, 40)
    judgement = judge_sudoku(rows.puzzles, rows.solutions, some_wrong(rows, np.random.default_rng(0), 0.4))
    made = puzzle_rows(judgement, about=ABOUT, decoder="margin", calls=8.0, swept="clues", at=5.0, experiment="table2")
    for row in made:
        assert (row.model, row.decoder, row.calls, row.samples, row.method) == ("mdm", "margin", 8.0, 40, "monte_carlo")
        assert (row.swept, row.at, row.experiment) == ("clues", 5.0, "table2")
        assert row.interval[0] < row.value < row.interval[1]
    solved = int(judgement.solved.sum())
    assert made[0].interval == wilson_interval(solved, 40)


def test_the_cells_interval_covers_when_boards_are_right_or_wrong_as_a_whole():
    rng, source = np.random.default_rng(0), SudokuSource(side=4)
    boards = source.rows(0, 0, 400)
    inside = naive = 0
    for _ in range(300):
        chosen = rng.integers(400, size=50)
        puzzles, solutions = boards.puzzles[chosen], boards.solutions[chosen]
        guessed = rng.random((50, 1)) < 0.15
        judgement = judge_sudoku(puzzles, solutions, np.where(guessed & (puzzles == 0), 0, solutions))
        low, high = next(r.interval for r in puzzle_rows(judgement, about=ABOUT, decoder=None, calls=None)[1:2])
        inside += low <= 0.85 <= high
        low, high = wilson_interval(int(judgement.right.sum()), int(judgement.asked.sum()))
        naive += low <= 0.85 <= high
    assert inside >= 269  # 95% of 300 are 285, standard deviation 3.8: false alarm below 1e-4
    assert naive < 200  # the negative control: cells as trials


def test_bad_sudoku_input_is_named(monkeypatch):
    rows = SudokuSource(side=4).rows(0, 0, 2)
    with pytest.raises(ValueError, match="stored solution of board 0"):
        judge_sudoku(rows.puzzles, rows.solutions[::-1].copy(), rows.solutions)
    with pytest.raises(ValueError, match="board 1 has no empty cell"):
        judge_sudoku(np.stack([rows.puzzles[0], rows.solutions[1]]), rows.solutions, rows.solutions)
    with pytest.raises(ValueError, match="grid 0, row 1, column 1 holds 5"):
        judge_sudoku(rows.puzzles, rows.solutions, np.full((2, 16), 5))
    none = judge_sudoku(rows.puzzles[:0], rows.solutions[:0], rows.solutions[:0])
    with pytest.raises(ValueError, match="at least one board"):
        puzzle_rows(none, about=ABOUT, decoder=None, calls=None)
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="belong together"):
        judge_sudoku(rows.puzzles, rows.solutions, rows.solutions[:1])


def with_answer(puzzle: ZebraPuzzle, answer: np.ndarray) -> ZebraPuzzle:
    """The puzzle with one more clue per cell, which places the answer's value there."""
    found = [
        [TYPE_NUMBERS["found-at"], MOST * (attribute + 1) + int(answer[attribute, house]), house, NOTHING]
        for attribute in range(puzzle.attributes)
        for house in range(puzzle.houses)
    ]
    return ZebraPuzzle(puzzle.houses, puzzle.attributes, np.concatenate([puzzle.clues, np.array(found, np.int8)]))


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30)
def test_a_zebra_answer_is_valid_if_it_contradicts_no_clue(seed):
    """The oracle: a search over the puzzle with the answer's cells as further clues."""
    rng = np.random.default_rng(seed)
    rows = ZebraSource(houses=(3, 6), attributes=(3, 6)).rows(seed, 0, 4)
    answers = rows.solutions.copy()
    for board in range(1, 4):
        puzzle = rows.puzzles[board]
        # Without most of its clues a puzzle has many answers, so that some of the answers below are valid.
        rows.puzzles.clues[board, rng.integers(3) :] = -1
        one, two = rng.integers(puzzle.houses, size=2)
        row = answers[board, rng.integers(puzzle.attributes)]
        if rng.random() < 0.3:
            row[one] = row[two]
        else:
            row[[one, two]] = row[[two, one]]
    expected = [
        not contradicting_clues(with_answer(rows.puzzles[board], answers[board])) for board in range(len(answers))
    ]
    assert satisfies_clues(rows.puzzles, answers).tolist() == expected


def test_a_zebra_answer_is_compared_cell_by_cell_within_its_size():
    rows = ZebraSource(houses=(3, 6), attributes=(3, 6)).rows(0, 0, 60)
    perfect = judge_zebra(rows.puzzles, rows.solutions, rows.solutions)
    assert values(perfect) == {BOARD: 1.0, CELL: 1.0, VALIDITY: 1.0}
    assert (perfect.asked.sum(axis=1) == rows.puzzles.houses * rows.puzzles.attributes).all()
    answers = rows.solutions.copy()
    answers[:20, 0, 0] = -1
    answers[20:30, 0, [0, 1]] = answers[20:30, 0, [1, 0]]
    judgement = judge_zebra(rows.puzzles, rows.solutions, answers)
    assert (judgement.solved == judgement.valid).all()  # unique solutions
    cells = int(perfect.asked.sum())
    assert values(judgement) == pytest.approx({BOARD: 0.5, CELL: 1 - 40 / cells, VALIDITY: 0.5})


def test_a_value_that_only_larger_puzzles_have_is_a_wrong_answer():
    rows = ZebraSource(houses=(3, 3), attributes=(3, 3)).rows(0, 0, 1)
    answers = rows.solutions.copy()
    answers[0, 0, 0] = 5
    judgement = judge_zebra(rows.puzzles, rows.solutions, answers)
    assert not judgement.valid[0]
    assert judgement.right.sum() == 8


def test_bad_zebra_input_is_named():
    rows = ZebraSource(houses=(3, 3), attributes=(4, 4)).rows(0, 0, 2)
    beyond, strange = rows.solutions.copy(), rows.solutions.copy()
    beyond[1, 2, 3], strange[1, 2, 2] = 0, 6
    with pytest.raises(ValueError, match=r"board 1, attribute 2, house 3 holds 0, but .* 4 attributes and 3 houses"):
        judge_zebra(rows.puzzles, rows.solutions, beyond)
    with pytest.raises(ValueError, match="board 1, attribute 2, house 2 holds 6"):
        judge_zebra(rows.puzzles, rows.solutions, strange)
    with pytest.raises(ValueError, match="stored solution of board 0"):
        judge_zebra(rows.puzzles, rows.solutions[::-1].copy(), rows.solutions)
