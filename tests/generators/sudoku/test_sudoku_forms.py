"""Sudokus as prompted rows: what is written is read back, orders are what they say, and bad input is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.prompted import split_given
from generators.sudoku import STUCK, SudokuCells, SudokuSource, SudokuTriples, explain, solve_by_strategies

ORDERS = ("fixed", "solver", "random")
CLUES = {4: (None, 5, 12), 6: (None, 12, 20), 9: (None, 26, 40)}
SOURCE = SudokuSource(levels=(2, 8))
MADE = SOURCE.rows(4, 0, 12)
FORMS = {"cells": SudokuCells(SOURCE)} | {order: SudokuTriples(SOURCE, order) for order in ORDERS}


@st.composite
def forms(draw):
    side = draw(st.sampled_from(sorted(CLUES)))
    part = draw(st.sampled_from(["all", "test"]))
    source = SudokuSource(side=side, clues=draw(st.sampled_from(CLUES[side])), levels=(2, 8), part=part)
    name = draw(st.sampled_from(["cells", *ORDERS]))
    return SudokuCells(source) if name == "cells" else SudokuTriples(source, name)


def triples_of(tokens: np.ndarray, side: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Cells and digits, (n, cells) each, of rows of triples."""
    row, column, digit = np.moveaxis(tokens.reshape(len(tokens), -1, 3), 2, 0)
    return side * row + column, digit + 1


@settings(max_examples=40)
@given(form=forms(), seed=st.integers(0, 2**40), start=st.integers(0, 10**6))
def test_what_is_written_is_read_back(form, seed, start):
    made = form.source.rows(seed, start, start + 5)
    rows = form.rows(seed, start, start + 5)
    tokens, shown = split_given(rows)
    assert rows.shape == (5, form.length)
    assert ((tokens >= 0) & (tokens < form.vocabulary)).all()
    assert (form.read(tokens) == made.solutions).all()
    prompt = np.where(shown, tokens, form.vocabulary)
    assert (form.read(prompt) == made.puzzles).all()
    keys = {"seed": seed, "start": start} if isinstance(form, SudokuTriples) else {}
    assert (form.prompt(made.puzzles, **keys) == prompt).all()
    assert (form.encode(made.puzzles, made.solutions, **keys) == rows).all()
    assert (form.rows(seed, start + 2, start + 3) == rows[2:3]).all()


@pytest.mark.parametrize("name", FORMS)
def test_sixteen_by_sixteen_and_empty_batches(name):
    source = SudokuSource(side=16, clues=160, levels=(2, 8))
    form = SudokuCells(source) if name == "cells" else SudokuTriples(source, name)
    made = source.rows(0, 0, 2)
    assert (form.read(split_given(form.rows(0, 0, 2))[0]) == made.solutions).all()
    none = form.rows(0, 4, 4)
    assert none.shape == (0, form.length)
    assert form.read(none).shape == form.prompt(made.puzzles[:0])[:, :256].shape == (0, 256)


def test_cells_in_one_example():
    puzzles, solutions = MADE.puzzles[:1], MADE.solutions[:1]
    tokens, shown = split_given(FORMS["cells"].encode(puzzles, solutions))
    assert (tokens == solutions.astype(int) - 1).all()
    assert (shown == (puzzles > 0)).all()
    assert FORMS["cells"].length == 81
    assert FORMS["cells"].vocabulary == 9


@pytest.mark.parametrize("order", ORDERS)
def test_triples_name_every_cell_once_and_the_givens_first(order):
    tokens, shown = split_given(FORMS[order].rows(4, 0, 12))
    cells, digits = triples_of(tokens)
    assert (np.sort(cells, axis=1) == np.arange(81)).all()
    assert (digits == np.take_along_axis(MADE.solutions, cells, axis=1)).all()
    assert (np.diff(shown.astype(int), axis=1) <= 0).all()
    assert (shown[:, ::3] == (np.take_along_axis(MADE.puzzles, cells, axis=1) > 0)).all()


def test_the_three_orders():
    for number, puzzle in enumerate(MADE.puzzles):
        givens, empty = np.flatnonzero(puzzle).tolist(), np.flatnonzero(puzzle == 0).tolist()
        cells = {order: triples_of(split_given(FORMS[order].rows(4, 0, 12))[0])[0][number].tolist() for order in ORDERS}
        assert cells["fixed"] == givens + empty
        fills = [step.cell for step in explain(puzzle) if step.cell is not None]
        assert cells["solver"] == givens + fills
        assert cells["random"][: len(givens)] != givens
        assert fills != empty  # three different orders, so that the lines above can fail
        assert cells["random"][len(givens) :] not in (fills, empty)


def test_random_orders_belong_to_their_row():
    form = FORMS["random"]
    rows = form.rows(4, 0, 12)
    assert (form.encode(MADE.puzzles[5:7], MADE.solutions[5:7], seed=4, start=5) == rows[5:7]).all()
    assert (form.encode(MADE.puzzles[5:7], MADE.solutions[5:7], seed=4, start=6) != rows[5:7]).any(axis=1).all()
    assert (form.encode(MADE.puzzles, MADE.solutions, seed=5) != rows).any(axis=1).all()
    twice = np.repeat(MADE.puzzles[:1], 2, axis=0)
    prompts = form.prompt(twice, seed=4)
    assert (prompts[0] != prompts[1]).any()
    assert (form.read(prompts) == twice).all()


def test_masks_and_strange_tokens_are_no_digits():
    cells, fixed = FORMS["cells"], FORMS["fixed"]
    tokens = split_given(cells.rows(4, 0, 1))[0]
    tokens[0, [3, 4, 5, 6]] = [9, 10, -2, 200]
    assert np.flatnonzero(cells.read(tokens)[0] == 0).tolist() == [3, 4, 5, 6]
    tokens = split_given(fixed.rows(4, 0, 1))[0]
    named = triples_of(tokens)[0][0]
    for part in range(3):
        broken = tokens.copy()
        broken[0, 3 * 50 + part] = 9
        grid = fixed.read(broken)[0]
        assert np.flatnonzero(grid == 0).tolist() == [named[50]]
        assert np.delete(grid, named[50]).tolist() == np.delete(MADE.solutions[0], named[50]).tolist()


def test_a_cell_that_is_named_twice_counts_only_if_both_agree():
    fixed = FORMS["fixed"]
    tokens = split_given(fixed.rows(4, 0, 1))[0]
    named = triples_of(tokens)[0][0]
    tokens[0, 150:153] = tokens[0, 60:63]
    assert np.flatnonzero(fixed.read(tokens)[0] == 0).tolist() == [named[50]]
    tokens[0, 152] = (tokens[0, 152] + 1) % 9
    assert np.flatnonzero(fixed.read(tokens)[0] == 0).tolist() == sorted([named[50], named[20]])


def test_another_side_than_the_sources_is_refused():
    small = SudokuSource(side=4).rows(0, 0, 2)
    for form in FORMS.values():
        with pytest.raises(ValueError, match=r"puzzles have side 4; those of the source have 9.*side=4"):
            form.encode(small.puzzles, small.solutions)
        with pytest.raises(ValueError, match="side 4; those of the source have 9"):
            form.prompt(small.puzzles)
        with pytest.raises(ValueError, match=rf"shape \(n, {form.length}\); got \(2, 16\)"):
            form.read(small.puzzles)


@pytest.mark.parametrize("name", FORMS)
def test_contradictions_are_refused_with_their_place(name):
    form = FORMS[name]
    puzzles, solutions = MADE.puzzles.copy(), MADE.solutions.copy()
    puzzles[3, :2] = 7
    for call in (lambda: form.prompt(puzzles), lambda: form.encode(puzzles, solutions)):
        with pytest.raises(ValueError, match=r"puzzle 3: 7 stands twice in row 1: at row 1, column 1 and"):
            call()
    empty = int(np.flatnonzero(MADE.puzzles[2] == 0)[0])
    solutions[2, empty] = 0
    with pytest.raises(
        ValueError, match=rf"solution 2 has nothing at row {empty // 9 + 1}, column {empty % 9 + 1}, its"
    ):
        form.encode(MADE.puzzles, solutions)
    with pytest.raises(ValueError, match=r"solution 0 has \d at row \d, column \d, its puzzle \d\."):
        form.encode(MADE.puzzles, np.roll(MADE.solutions, 1, axis=0))
    solutions[2, empty] = 1 + MADE.solutions[2, empty] % 9
    with pytest.raises(ValueError, match=r"solution 2: \d stands twice in"):
        form.encode(MADE.puzzles, solutions)
    with pytest.raises((ValueError, TypeError), match=r"need one solution per puzzle; got 3 for 12|encode"):
        form.encode(MADE.puzzles, MADE.solutions[:3])


def test_a_puzzle_without_a_solvers_order_is_refused_early_or_by_its_row():
    hard = SudokuSource(levels=(STUCK, STUCK)).rows(0, 0, 3)
    assert not solve_by_strategies(hard.puzzles).solved.any()
    mixed = [
        np.concatenate([easy[:2], bad])
        for easy, bad in zip((MADE.puzzles, MADE.solutions), (hard.puzzles, hard.solutions), strict=True)
    ]
    with pytest.raises(ValueError, match=r"row 2: .*no solver's order.*levels=\(2, 8\)"):
        FORMS["solver"].encode(*mixed)
    assert (FORMS["solver"].read(FORMS["solver"].prompt(hard.puzzles)) == hard.puzzles).all()
    for levels in (None, (2, STUCK)):
        with pytest.raises(ValueError, match=r"get stuck in some puzzles.*levels=\(2, 8\)"):
            SudokuTriples(SudokuSource(levels=levels), "solver")
    with pytest.raises((ValueError, TypeError), match="'sorted'"):
        SudokuTriples(SOURCE, "sorted")  # pyright: ignore[reportArgumentType]


def test_fingerprints_tell_forms_apart():
    every = [*FORMS.values(), SudokuCells(SudokuSource()), SudokuCells(replace(SOURCE, part="train"))]
    assert len({form.fingerprint for form in every}) == len(every)
    assert SudokuCells(SudokuSource(levels=(2, 8))).fingerprint == FORMS["cells"].fingerprint
