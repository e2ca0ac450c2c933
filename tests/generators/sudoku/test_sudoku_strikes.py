"""Short cuts of the strikes are the long way: groups in common, and groups that need no second look."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from generators.sudoku import SIZES, SudokuSource
from generators.sudoku.strategies import UNIQUE_RECTANGLE
from generators.sudoku.strikes import strike, strike_shared
from generators.sudoku.waves import board_candidates, hidden_singles, single_bits, strike_all, strike_once


@pytest.mark.parametrize("side", SIZES)
def test_whoever_sees_two_cells_of_a_group_shares_a_group_with_both(side):
    size = SIZES[side]
    for group in size.groups:
        for a, b in combinations(group.tolist(), 2):
            seen = np.flatnonzero(size.sees[a] & size.sees[b])
            common = np.flatnonzero(size.group_of[a] == size.group_of[b])
            shared = set(size.groups[size.group_of[a][common]].ravel().tolist()) - {a, b}
            assert set(seen.tolist()) == shared


@pytest.mark.parametrize("side", SIZES)
def test_striking_by_groups_is_striking_by_sight(side):
    size, rng = SIZES[side], np.random.default_rng(side)
    for _ in range(300):
        cand = rng.integers(0, 1 << side, size=size.cells).astype(np.int32)
        group = size.groups[rng.integers(len(size.groups))]
        count = int(rng.integers(2, side + 1))
        chosen = rng.permutation(group)[:count].astype(np.int64)
        bits = int(rng.integers(1, 1 << side))
        one, other = cand.copy(), cand.copy()
        struck = strike(one, chosen, bits, size.sees)
        assert strike_shared(other, chosen, count, bits, size.groups, size.group_of) == struck
        assert (one == other).all()


def boards(side: int, seed: int) -> np.ndarray:
    """Puzzles, boards on the way to the solution, and some with a wrong digit."""
    rng = np.random.default_rng(seed)
    made = SudokuSource(side=side).rows(seed, 0, 3 if side == 16 else 24)
    shown = np.where(rng.random(made.puzzles.shape) < rng.random((len(made.puzzles), 1)), made.solutions, made.puzzles)
    wrong = shown.copy()
    wrong[np.arange(len(wrong)), rng.integers(0, side * side, len(wrong))] = rng.integers(1, side + 1, len(wrong))
    return np.concatenate([made.puzzles, shown, wrong])


@pytest.mark.parametrize("side", SIZES)
def test_all_strikes_are_one_after_the_other(side):
    size, struck = SIZES[side], 0
    for grid in boards(side, 3):
        cand = np.empty(size.cells, np.int32)
        board_candidates(grid, size.peers, side, cand)
        one, other = cand.copy(), cand.copy()
        while strike_once(one, UNIQUE_RECTANGLE, size.groups, size.group_of, size.sees):
            struck += 1
        strike_all(other, size.groups, size.group_of, size.sees)
        assert (one == other).all()
    assert struck > 10 or side == 4


@pytest.mark.parametrize("side", SIZES)
def test_hidden_singles_of_all_groups_are_those_of_each_cell(side):
    size = SIZES[side]
    for grid in boards(side, 4):
        cand, hidden = np.empty(size.cells, np.int32), np.empty(len(size.groups), np.int32)
        board_candidates(grid, size.peers, side, cand)
        hidden_singles(cand, size.groups, hidden)
        for cell in range(size.cells):
            _, bits = single_bits(cand, cell, size.groups, size.group_of)
            alone = cand[cell] & np.bitwise_or.reduce(hidden[size.group_of[cell]])
            lone = cand[cell] and cand[cell] & (cand[cell] - 1) == 0
            assert bits == (cand[cell] if lone else alone)
