"""One puzzle as a person gives it: read in any writing, refused where it has several solutions."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.cli.sudoku.one_puzzle import read_puzzle, unique_solution
from generators.sudoku import SIZES, SudokuSource, parse_grid

SMALL = parse_grid("...12...42......")


def test_one_line_a_square_and_a_file_are_the_same(tmp_path):
    square = "... 1\n2 ...\n42..\n....\n".replace(" ", "")
    (tmp_path / "mine.txt").write_text(square)
    for words in ("...12...42......", square, str(tmp_path / "mine.txt")):
        np.testing.assert_array_equal(read_puzzle(words), SMALL)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20)
def test_the_cell_of_an_ambiguity_has_both_digits_in_some_solution(seed):
    made = SudokuSource(side=4).rows(seed, 0, 1)
    puzzle = made.puzzles[0].copy()
    puzzle[np.flatnonzero(puzzle)[seed % 4]] = 0  # no clue was superfluous
    with pytest.raises(ValueError, match="several solutions") as caught:
        unique_solution(puzzle)
    row, column, first, second = map(int, re.findall(r"\d", str(caught.value)))
    assert first != second
    cell = (row - 1) * 4 + column - 1
    grids = all_solutions(puzzle)
    assert {first, second} <= {grid[cell] for grid in grids}
    assert len({grid[:cell] for grid in grids}) == 1  # none differs before that cell


def test_the_solution_completes():
    made = SudokuSource(side=9).rows(0, 0, 5)
    for puzzle, solution in zip(made.puzzles, made.solutions, strict=True):
        np.testing.assert_array_equal(unique_solution(puzzle), solution)


def all_solutions(puzzle: np.ndarray) -> set[tuple[int, ...]]:
    """Of a 4x4 puzzle, by trying everything."""
    empty = np.flatnonzero(puzzle == 0)
    if not len(empty):
        return {tuple(puzzle.tolist())}
    cell, found = int(empty[0]), set[tuple[int, ...]]()
    for digit in range(1, 5):
        if digit not in puzzle[SIZES[4].peers[cell]]:
            trial = puzzle.copy()
            trial[cell] = digit
            found |= all_solutions(trial)
    return found
