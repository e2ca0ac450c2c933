"""Waves and reveal levels: a slow solver written twice, symmetry, what the solvers' own orders must give."""

from __future__ import annotations

import jaxtyping
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.sudoku import SIZES, SudokuSource, explain, random_symmetry, solve, solve_by_strategies
from generators.sudoku.reveal_levels import BEYOND, reveal_levels
from generators.sudoku.waves import solve_in_waves


def singles(grid: np.ndarray) -> dict[int, int]:
    """Cells that are singles on a board, 2 lone or 3 hidden, by sets."""
    size = SIZES[int(len(grid) ** 0.5)]
    possible = {
        cell: set(range(1, size.side + 1)) - {int(grid[peer]) for peer in size.peers[cell]}
        for cell in np.flatnonzero(grid == 0).tolist()
    }
    found = {}
    for cell, digits in possible.items():
        for group in size.group_of[cell]:
            others = [possible[o] for o in size.groups[group].tolist() if o != cell and o in possible]
            if digits - set().union(*others):
                found[cell] = 3
        if len(digits) == 1:
            found[cell] = 2
    return found


def slow_waves(puzzle: np.ndarray, solution: np.ndarray) -> list[int]:
    grid, waves = puzzle.copy(), np.full(len(puzzle), -1)
    for wave in range(len(puzzle)):
        now = list(singles(grid))
        waves[now] = wave
        grid[now] = solution[now]
    return waves.tolist()


def steps_of(order: np.ndarray, cells: int) -> np.ndarray:
    steps = np.full((len(order), cells), -1)
    for row, fills in zip(steps, order, strict=True):
        row[fills[fills >= 0]] = np.arange((fills >= 0).sum())
    return steps


def random_steps(puzzles: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.where(puzzles == 0, rng.integers(40, size=puzzles.shape), -1)  # with ties


@given(side=st.sampled_from([4, 6, 9]), seed=st.integers(0, 10**6))
@settings(max_examples=15)
def test_waves_of_singles_are_those_of_a_slow_solver(side, seed):
    rows = SudokuSource(side=side, levels=(2, 3)).rows(seed, 0, 1)
    expected = [slow_waves(p, s) for p, s in zip(rows.puzzles, rows.solutions, strict=True)]
    assert solve_in_waves(rows.puzzles).tolist() == expected


@given(side=st.sampled_from([4, 6]), seed=st.integers(0, 10**6))
@settings(max_examples=30)
def test_reveals_of_singles_are_those_of_a_slow_solver(side, seed):
    rows = SudokuSource(side=side).rows(seed, 0, 1)
    steps = random_steps(rows.puzzles, np.random.default_rng(seed))
    levels = reveal_levels(rows.puzzles, rows.solutions, steps)[0]
    for cell in np.flatnonzero(rows.puzzles[0] == 0).tolist():
        board = np.where(steps[0] < steps[0, cell], rows.solutions[0], 0)
        expected = singles(board).get(cell)
        assert levels[cell] == expected if expected else levels[cell] > 3
    assert (levels == 0).tolist() == (rows.puzzles[0] > 0).tolist()


def test_no_symmetry_changes_the_waves_of_puzzles_that_singles_solve():
    rng = np.random.default_rng(0)
    puzzles = SudokuSource(levels=(2, 3)).rows(3, 0, 100).puzzles
    waves = solve_in_waves(puzzles)
    for _ in range(3):
        symmetry = random_symmetry(SIZES[9], rng)
        square = np.arange(81).reshape(9, 9)
        cells = (square.T if symmetry.turned else square)[symmetry.rows][:, symmetry.columns].ravel()
        assert (solve_in_waves(symmetry.apply(puzzles)) == waves[:, cells]).all()


def test_waves_fill_what_the_human_solver_fills_and_never_later():
    for levels in ((2, 3), (4, 8), (9, 9)):
        puzzles = SudokuSource(levels=levels).rows(1, 0, 100).puzzles
        found = solve_by_strategies(puzzles)
        waves, steps = solve_in_waves(puzzles), steps_of(found.order, 81)
        assert ((waves >= 0) == (steps >= 0)).all()
        assert (waves.max(axis=1) <= steps.max(axis=1)).all()
        ordered = np.sort(waves, axis=1)
        assert (np.diff(ordered, axis=1) <= 1).all()  # no round without a fill


def test_the_level_of_the_next_fill_is_the_hardest_strategy_that_explain_uses_for_it():
    """The first fill of a puzzle starts without memory, so there both agree on which fill is within reach."""
    rows = SudokuSource(levels=(4, 8)).rows(5, 0, 60)
    checked = 0
    for puzzle, solution in zip(rows.puzzles, rows.solutions, strict=True):
        board = puzzle.copy()
        while singles(board):  # to a board where a person must strike first
            cell = next(iter(singles(board)))
            board[cell] = solution[cell]
        if (board > 0).all():
            continue
        made = explain(board)
        fill = next(i for i, step in enumerate(made) if step.cell is not None)
        hardest = max(step.strategy for step in made[:fill])
        steps = np.where(board == 0, 1, -1)
        steps[made[fill].cell] = 0
        level = int(reveal_levels(board[None], solution[None], steps[None])[0, made[fill].cell])
        assert level == hardest
        assert level >= 4
        checked += 1
    assert checked > 40


def test_the_solvers_own_reveals_have_reasons_and_guesses_have_none():
    rows = SudokuSource(levels=(2, 3)).rows(0, 0, 60)
    order = steps_of(solve_by_strategies(rows.puzzles).order, 81)
    for steps in (order, solve_in_waves(rows.puzzles).astype(np.int64)):
        levels = reveal_levels(rows.puzzles, rows.solutions, steps)
        assert set(np.unique(levels)) == {0, 2, 3}
    at_once = np.where(rows.puzzles == 0, 0, -1)
    assert (reveal_levels(rows.puzzles, rows.solutions, at_once) == BEYOND).any()
    stuck = SudokuSource(levels=(9, 9)).rows(0, 0, 20)
    last = np.where(solve_by_strategies(stuck.puzzles).grids == 0, 10, np.where(stuck.puzzles == 0, 0, -1))
    levels = reveal_levels(stuck.puzzles, stuck.solutions, last)
    assert (levels[last == 10] == BEYOND).all()  # where the solver is stuck, no strategy fills the next cell


def test_a_wrong_digit_is_believed():
    rows = SudokuSource(side=4).rows(0, 0, 1)
    puzzle, wrong = rows.puzzles[0], rows.solutions[0].copy()
    first, *others = np.flatnonzero(puzzle == 0).tolist()
    wrong[first] = 1 + wrong[first] % 4
    steps = np.where(puzzle == 0, 1, -1)
    steps[first] = 0
    expected = singles(np.where(steps == 1, 0, wrong))
    levels = reveal_levels(puzzle[None], wrong[None], steps[None])[0]
    for cell in others:
        assert levels[cell] == expected[cell] if cell in expected else levels[cell] > 3


def test_a_board_without_solution_ends_too():
    puzzle = np.zeros((1, 16), dtype=np.uint8)
    puzzle[0, [0, 1, 2]] = 1, 2, 3  # the last of row 1 is 4
    puzzle[0, 11] = 4  # and cannot be
    waves = solve_in_waves(puzzle)
    assert solve(puzzle).counts[0] == 0
    assert waves[0, 3] == -1


def test_bad_input_is_named():
    rows = SudokuSource(side=4).rows(0, 0, 2)
    puzzles, grids, steps = rows.puzzles, rows.solutions, np.where(rows.puzzles == 0, 0, -1)
    with pytest.raises(ValueError, match="puzzle 1: "):
        solve_in_waves(np.stack([puzzles[0], np.ones(16, dtype=np.uint8)]))
    with pytest.raises(ValueError, match="full"):
        reveal_levels(puzzles, puzzles, steps)
    with pytest.raises(ValueError, match="keep every given"):
        reveal_levels(puzzles, 1 + grids % 4, steps)
    with pytest.raises(ValueError, match=r"board 1, row \d, column \d: the puzzle holds"):
        reveal_levels(puzzles, grids, np.concatenate([steps[:1], np.zeros((1, 16), dtype=np.int64)]))


def test_shapes_that_differ_are_named(monkeypatch):
    rows = SudokuSource(side=4).rows(0, 0, 2)
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="belong together"):
        reveal_levels(rows.puzzles, rows.solutions, np.where(rows.puzzles == 0, 0, -1)[:1])
