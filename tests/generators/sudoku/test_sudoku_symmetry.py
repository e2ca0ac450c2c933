"""Symmetries keep what they should, keys and canonical forms do not see them, and both see everything else."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.ground.draws import words
from generators.sudoku import (
    SIZES,
    SudokuSource,
    canonical_form,
    completes,
    full_grids,
    group_order,
    held_out,
    random_symmetry,
    shared_up_to_symmetry,
    symmetry_key,
)
from generators.sudoku.symmetry import check_solutions

SIDES = st.sampled_from([4, 6, 9])


def test_the_orders_of_the_groups():
    assert group_order(SIZES[9]) == 1_218_998_108_160  # 362,880 labels times 3,359,232 movements
    assert group_order(SIZES[4]) == 24 * 128
    assert group_order(SIZES[6]) == 720 * 3456


@settings(max_examples=50)
@given(side=st.sampled_from([4, 6, 9, 16]), seed=st.integers(0, 2**32))
def test_images_of_grids_are_grids_and_keys_do_not_change(side, seed):
    rng = np.random.default_rng(seed)
    solutions = full_grids(SIZES[side], rng.integers(2**63, size=3).astype(np.uint64))
    puzzles = np.where(rng.random(solutions.shape) < 0.4, solutions, 0)
    symmetry = random_symmetry(SIZES[side], rng)
    images, shown = symmetry.apply(solutions), symmetry.apply(puzzles)
    assert completes(images, shown).all()
    assert ((shown > 0).sum(axis=1) == (puzzles > 0).sum(axis=1)).all()
    assert (symmetry_key(shown, images) == symmetry_key(puzzles, solutions)).all()


@settings(max_examples=30)
@given(side=SIDES, seed=st.integers(0, 2**32))
def test_canonical_forms_are_images_that_do_not_depend_on_the_image_they_came_from(side, seed):
    rng = np.random.default_rng(seed)
    rows = SudokuSource(side=side).rows(int(rng.integers(2**32)), 0, 2)
    form = canonical_form(rows.puzzles, rows.solutions)
    assert completes(form.solutions, form.puzzles).all()
    assert (symmetry_key(form.puzzles, form.solutions) == symmetry_key(rows.puzzles, rows.solutions)).all()
    assert (form.solutions[:, :side] == np.arange(1, side + 1)).all()
    symmetry = random_symmetry(SIZES[side], rng)
    other = canonical_form(symmetry.apply(rows.puzzles), symmetry.apply(rows.solutions))
    assert (other.puzzles == form.puzzles).all()
    assert (other.solutions == form.solutions).all()
    assert (other.automorphisms == form.automorphisms).all()


def orbit(puzzle: np.ndarray) -> set[bytes]:
    """All images of a 4x4 grid under the 128 movements and 24 labellings, the slow way."""
    lines = [(*a, *b) for a in ((0, 1), (1, 0)) for b in ((2, 3), (3, 2))]
    lines += [(*b, *a) for a in ((0, 1), (1, 0)) for b in ((2, 3), (3, 2))]
    square = puzzle.reshape(4, 4)
    images = set()
    for labels in itertools.permutations(range(1, 5)):
        renamed = np.array([0, *labels], dtype=np.uint8)[square]
        for rows, columns in itertools.product(lines, lines):
            moved = renamed[list(rows)][:, list(columns)]
            images |= {moved.tobytes(), np.ascontiguousarray(moved.T).tobytes()}
    return images


def test_four_by_four_puzzles_are_equivalent_exactly_if_one_lies_in_the_orbit_of_the_other():
    rows = SudokuSource(side=4).rows(3, 0, 40)
    form = canonical_form(rows.puzzles, rows.solutions)
    keys = symmetry_key(rows.puzzles, rows.solutions)
    orbits = [orbit(puzzle) for puzzle in rows.puzzles]
    equal = 0
    for i, j in itertools.combinations(range(40), 2):
        same = rows.puzzles[j].tobytes() in orbits[i]
        assert same == bool((form.puzzles[i] == form.puzzles[j]).all())
        assert not same or keys[i] == keys[j]
        equal += same
    assert 0 < equal < 780


def test_automorphisms_are_what_the_orbit_lacks():
    grids = full_grids(SIZES[4], words(0, 0, 0, 10))
    form = canonical_form(grids, grids)
    for grid, automorphisms in zip(grids, form.automorphisms.tolist(), strict=True):
        assert len(orbit(grid)) * automorphisms == group_order(SIZES[4])


def test_moving_one_clue_is_seen():
    """The same solution and number of clues, one given elsewhere: other keys, other forms."""
    rows = SudokuSource(clues=30).rows(0, 0, 20)
    moved = rows.puzzles.copy()
    for puzzle, solution in zip(moved, rows.solutions, strict=True):
        out, into = np.flatnonzero(puzzle)[0], np.flatnonzero(puzzle == 0)[-1]
        puzzle[out], puzzle[into] = 0, solution[into]
    assert (symmetry_key(moved, rows.solutions) != symmetry_key(rows.puzzles, rows.solutions)).all()
    ours, theirs = canonical_form(moved, rows.solutions), canonical_form(rows.puzzles, rows.solutions)
    assert (ours.puzzles != theirs.puzzles).any(axis=1).all()
    assert (ours.solutions == theirs.solutions).all()


@pytest.mark.parametrize("side", [9, 16])
def test_shared_puzzles_are_found_behind_any_symmetry(side):
    clues = {9: 28, 16: 180}[side]
    left = SudokuSource(side=side, clues=clues).rows(0, 0, 12)
    symmetry = random_symmetry(SIZES[side], np.random.default_rng(4))
    fresh = SudokuSource(side=side, clues=clues).rows(1, 0, 6)
    puzzles = np.concatenate([fresh.puzzles[:3], symmetry.apply(left.puzzles[[5, 2]]), fresh.puzzles[3:]])
    solutions = np.concatenate([fresh.solutions[:3], symmetry.apply(left.solutions[[5, 2]]), fresh.solutions[3:]])
    assert shared_up_to_symmetry((left.puzzles, left.solutions), (puzzles, solutions)).tolist() == [[5, 3], [2, 4]]


def test_held_out_takes_its_share():
    rows = SudokuSource(side=9, clues=40).rows(0, 0, 2000)
    keys = symmetry_key(rows.puzzles, rows.solutions)
    assert abs(held_out(keys, 0.3).mean() - 0.3) < 0.06  # 6 standard deviations
    assert (held_out(keys, 0.5) | ~held_out(keys, 0.3)).all()
    for share in (0.0, 1.0, -1.0):
        with pytest.raises(ValueError, match=f"got {share}"):
            held_out(keys, share)


def test_bad_solutions_and_sizes_are_refused():
    rows = SudokuSource(side=16, clues=200).rows(0, 0, 2)
    with pytest.raises(ValueError, match="up to side 9; got 16"):
        canonical_form(rows.puzzles, rows.solutions)
    with pytest.raises(ValueError, match="solution 0 has empty cells"):
        symmetry_key(rows.puzzles, rows.puzzles)
    with pytest.raises(ValueError, match="one solution per puzzle"):
        check_solutions(rows.puzzles, rows.solutions[:1])
