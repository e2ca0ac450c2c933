"""The search solver against plain enumeration, and what it says of puzzles with none, one and more solutions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from generators.ground.draws import words
from generators.sudoku import SIZES, completes, full_grids, parse_grid, random_symmetry, solve


def count_plainly(grid: list[int], side: int, limit: int) -> int:
    """Solutions up to ``limit``, cell after cell without any inference."""
    size = SIZES[side]
    if 0 not in grid:
        return 1
    cell = grid.index(0)
    taken = {grid[peer] for peer in size.peers[cell].tolist()}
    found = 0
    for digit in range(1, side + 1):
        if digit not in taken and found < limit:
            found += count_plainly([*grid[:cell], digit, *grid[cell + 1 :]], side, limit - found)
    return found


def consistent(grid: np.ndarray, side: int) -> bool:
    return all(grid[p] != grid[c] for c in np.flatnonzero(grid) for p in SIZES[side].peers[c])


@given(grid=hnp.arrays(np.uint8, 16, elements=st.sampled_from([0, 0, 0, 1, 2, 3, 4])))
def test_four_by_four_counts_are_those_of_enumeration(grid):
    expected = count_plainly(grid.tolist(), 4, 2) if consistent(grid, 4) else 0
    result = solve(grid[None])
    assert result.counts.tolist() == [expected]
    if expected:
        assert completes(result.solutions, grid[None]).all()
    else:
        assert not result.solutions.any()


@settings(max_examples=40)
@given(side=st.sampled_from([6, 9]), seed=st.integers(0, 2**32), holes=st.integers(3, 20), spoiled=st.booleans())
def test_larger_grids_with_holes_are_counted_right(side, seed, holes, spoiled):
    rng = np.random.default_rng(seed)
    grid = full_grids(SIZES[side], rng.integers(2**63, size=1).astype(np.uint64))[0]
    cells = rng.permutation(len(grid))
    grid[cells[:holes]] = 0
    if spoiled:
        grid[cells[0]] = 1 + rng.integers(side)
    expected = count_plainly(grid.tolist(), side, 2) if consistent(grid, side) else 0
    assert solve(grid[None]).counts.tolist() == [expected]


HARD = {
    "golden nugget": "000000039000001005003050800008090006070002000100400000009080050020000600400700000",
    "easter monster": "100000002090400050006000700050903000000070000000850040700000600030009080002000001",
}


@pytest.mark.parametrize("name", HARD)
def test_hard_puzzles_have_one_solution(name):
    puzzle = parse_grid(HARD[name])[None]
    result = solve(puzzle)
    assert result.counts.tolist() == [1]
    assert result.branches[0] > 0
    assert completes(result.solutions, puzzle).all()


def test_the_number_of_solutions_is_the_same_for_every_image():
    puzzle = parse_grid(HARD["golden nugget"])[None]
    fewer = puzzle.copy()
    fewer[0, 7] = 0
    rng = np.random.default_rng(0)
    for grids, count in ((puzzle, 1), (fewer, 2)):
        for _ in range(20):
            assert solve(random_symmetry(SIZES[9], rng).apply(grids)).counts.tolist() == [count]


def test_empty_grids_of_all_sizes_have_several_solutions():
    for size in SIZES.values():
        empty = np.zeros((1, size.cells), dtype=np.uint8)
        result = solve(empty)
        assert result.counts.tolist() == [2]
        assert completes(result.solutions, empty).all()


def test_rows_of_a_batch_do_not_depend_on_each_other():
    rng = np.random.default_rng(1)
    puzzles = full_grids(SIZES[9], words(0, 0, 0, 30))
    puzzles[rng.random(puzzles.shape) < 0.6] = 0
    together, alone = solve(puzzles), [solve(puzzle[None]) for puzzle in puzzles]
    assert together.counts.tolist() == [int(one.counts[0]) for one in alone]
    assert together.branches.tolist() == [int(one.branches[0]) for one in alone]
    assert (together.solutions == np.concatenate([one.solutions for one in alone])).all()
    assert solve(puzzles[:0]).counts.shape == (0,)


def test_the_argument_is_not_changed():
    puzzle = parse_grid(HARD["easter monster"])[None]
    before = puzzle.copy()
    solve(puzzle)
    assert (puzzle == before).all()
