"""Grids: four sizes, their text, and errors that name the cell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from generators.sudoku import SIZES, check_givens, completes, contradicting, grid_text, parse_grid, size_of
from generators.sudoku.grid import check_grids

EASY = "004300209005009001070060043006002087190007400050083000600000105003508690042910300"
SOLUTION = "864371259325849761971265843436192587198657432257483916689734125713528694542916378"


@pytest.mark.parametrize("side", SIZES)
def test_groups_partition_the_cells_three_times(side):
    size = SIZES[side]
    for kind in size.groups.reshape(3, side, side):
        assert sorted(kind.ravel().tolist()) == list(range(size.cells))
    for number, group in enumerate(size.groups):
        assert (size.group_of[group, number // side] == number).all()
    assert (size.peers == [[j for j in range(size.cells) if size.sees[i, j]] for i in range(size.cells)]).all()
    assert (size.sees == size.sees.T).all()


def test_a_six_by_six_box_is_two_rows_by_three_columns():
    assert SIZES[6].groups[12].tolist() == [0, 1, 2, 6, 7, 8]
    assert SIZES[6].groups[15].tolist() == [15, 16, 17, 21, 22, 23]


@given(side=st.sampled_from(sorted(SIZES)), data=st.data())
def test_text_and_grid_are_inverse(side, data):
    grid = data.draw(hnp.arrays(np.uint8, side * side, elements=st.integers(0, side)))
    assert (parse_grid(grid_text(grid)) == grid).all()
    square = "\n".join(grid_text(row) for row in grid.reshape(side, side))
    assert (parse_grid(square.replace(".", "0").lower()) == grid).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (EASY[:-1], ["81", "got 80"]),
        ("", ["got 0"]),
        (EASY[:10] + "x" + EASY[11:], ["row 2, column 2", "'x'", "123456789"]),
        ("1234" + "5" + "0" * 11, ["row 2, column 1", "'5'", "1234"]),
    ],
)
def test_bad_text_is_refused_with_its_place(text, words):
    with pytest.raises(ValueError, match=r"got|holds") as caught:
        parse_grid(text)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({0: 5, 8: 5}, "5 stands twice in row 1: at row 1, column 1 and at row 1, column 9"),
        ({3: 2, 75: 2}, "2 stands twice in column 4: at row 1, column 4 and at row 9, column 4"),
        ({30: 7, 50: 7}, "7 stands twice in box 5: at row 4, column 4 and at row 6, column 6"),
    ],
)
def test_contradicting_givens_are_named(cells, words):
    grid = np.zeros(81, dtype=np.uint8)
    grid[list(cells)] = list(cells.values())
    with pytest.raises(ValueError, match=words):
        check_givens(grid)
    assert contradicting(grid[None]).tolist() == [True]


@given(side=st.sampled_from([4, 6, 9]), data=st.data())
def test_the_fast_look_for_contradictions_agrees_with_the_one_that_names_them(side, data):
    digits = st.integers(0, 3 * side).map(lambda digit: digit if digit <= side else 0)
    grid = data.draw(hnp.arrays(np.uint8, side * side, elements=digits))
    try:
        check_givens(grid)
    except ValueError:
        assert contradicting(grid[None])[0]
    else:
        assert not contradicting(grid[None])[0]


def test_digits_out_of_range_and_other_shapes_are_refused():
    grids = np.zeros((3, 16), dtype=np.int64)
    grids[1, 6] = 5
    with pytest.raises(ValueError, match="grid 1, row 2, column 3 holds 5"):
        check_grids(grids)
    with pytest.raises(ValueError, match=r"shape \(16,\)"):
        check_grids(grids[0])
    with pytest.raises(ValueError, match="float64"):
        check_grids(grids * 1.0)
    with pytest.raises(ValueError, match="got 80"):
        size_of(80)


def test_a_solution_is_full_valid_and_keeps_the_givens():
    puzzle, solution = parse_grid(EASY)[None], parse_grid(SOLUTION)[None]
    assert completes(solution, puzzle).all()
    hole, other_given, repeated = solution.copy(), solution.copy(), solution.copy()
    hole[0, 0] = 0
    other_given[0, [2, 3]] = solution[0, [3, 2]]
    repeated[0, 0] = solution[0, 1]
    assert not completes(np.concatenate([hole, other_given, repeated]), np.repeat(puzzle, 3, axis=0)).any()
