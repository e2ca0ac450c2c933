"""Puzzles behind one face: what is written is read, what is judged is right, and no test puzzle was trained on."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from analysis.puzzles.judging import Judgement
from analysis.puzzles.problems import Form, SudokuBoards, SudokuProblem, ZebraBoards, ZebraProblem
from generators.ground.codec import fingerprint
from generators.prompted import split_given
from generators.sudoku import solve_by_strategies, symmetry_key
from generators.zebra import solve_by_strategies as solve_zebra
from generators.zebra import symmetry_key as zebra_key
from lo_theory.learning.coordinates import token_places

FOUR = SudokuProblem(side=4, clues=5, test_share=0.25)
SIX = SudokuProblem(side=6, levels=(2, 3), hard=(4, 9))
ZEBRA = ZebraProblem(houses=(3, 3), attributes=(3, 3), hard=(6, 6), most_tokens=64)
SIZES = ZebraProblem(houses=(3, 4), attributes=(3, 4))
COMPACT = ZebraProblem(houses=(3, 4), attributes=(3, 4), compact=True)
HOUSES = tuple(replace(problem, asks="house") for problem in (ZEBRA, SIZES, COMPACT))
PROBLEMS = (FOUR, SIX, ZEBRA, SIZES, COMPACT, *HOUSES)
ORDERS = (None, "fixed", "solver", "random")
SEED = 5


def named(problem: SudokuProblem | ZebraProblem) -> str:
    """For the names of tests."""
    return " ".join([problem.name, *(str(getattr(problem, field, "")) for field in ("compact", "asks"))])


def right_tokens(form: Form, boards: SudokuBoards | ZebraBoards) -> np.ndarray:
    """The solutions, as the form writes them."""
    return split_given(form.encode(boards.puzzles, boards.solutions))[0]


def trained_keys(problem: SudokuProblem, seed: int, n: int) -> set[int]:
    """Classes of the puzzles in training rows."""
    tokens, given = split_given(problem.form(None).rows(seed, 0, n))
    solutions = (tokens + 1).astype(np.uint8)
    return set(symmetry_key(np.where(given, solutions, 0).astype(np.uint8), solutions).tolist())


@pytest.mark.parametrize("problem", [FOUR, SudokuProblem(side=4, levels=(2, 2), test_share=0.5)])
def test_no_test_board_is_a_training_board_up_to_symmetry(problem):
    """4x4: so few classes that other training seeds meet them again (the control), and a leak could not hide."""
    boards = problem.boards(problem.levels, SEED, 500)
    tested = set(symmetry_key(boards.puzzles, boards.solutions).tolist())
    trained = trained_keys(problem, SEED, 2000)
    assert not tested & trained
    assert len(trained_keys(problem, SEED + 1, 2000) & trained) > 0.9 * len(trained)


def test_hard_boards_are_apart_from_training_boards_too():
    boards = SIX.boards((4, 9), SEED, 15)
    assert not set(symmetry_key(boards.puzzles, boards.solutions).tolist()) & trained_keys(SIX, SEED, 300)


def test_no_zebra_to_test_on_is_trained_on():
    source = ZEBRA.form(None).source
    made = source.rows(SEED, 0, 800)
    again = source.rows(SEED + 1, 0, 800)
    boards = ZEBRA.boards(ZEBRA.levels, SEED, 200)
    tested, trained, more = (set(zebra_key(x.puzzles, x.solutions).tolist()) for x in (boards, made, again))
    assert not tested & trained
    assert not tested & more
    assert len(tested) > 100


def test_boards_have_the_levels_of_their_test_set():
    for levels in SIX.tests.values():
        found = solve_by_strategies(SIX.boards(levels, SEED, 15).puzzles).levels
        assert ((levels[0] <= found) & (found <= levels[1])).all()
    assert list(SIX.tests) == ["6x6 Sudoku", "6x6 Sudoku, hard"]
    assert list(FOUR.tests) == ["4x4 Sudoku"]
    assert list(ZEBRA.tests) == ["3x3 Zebra", "3x3 Zebra, hard"]
    assert not solve_zebra(ZEBRA.boards((6, 6), SEED, 20).puzzles).solved.any()


@pytest.mark.parametrize("problem", PROBLEMS, ids=named)
@pytest.mark.parametrize("order", ORDERS)
def test_solutions_are_judged_right_in_every_form(problem, order):
    boards, form = problem.boards(problem.levels, SEED, 12), problem.form(order)
    prompt, tokens = boards.prompt(form, 0, 12), right_tokens(form, boards)
    judged = boards.judge(form, tokens)
    assert judged.solved.all()
    assert judged.valid.all()
    np.testing.assert_array_equal(boards.prompt(form, 3, 9), prompt[3:9])
    hidden = prompt == form.vocabulary
    assert (hidden.sum(axis=1) == judged.asked.sum(axis=1) * (1 if order is None else 3)).all()
    if order != "random":  # there the givens of a training row stand in an order of their own
        np.testing.assert_array_equal(prompt[~hidden], tokens[~hidden])


@pytest.mark.parametrize("problem", PROBLEMS, ids=named)
@pytest.mark.parametrize("order", ORDERS)
def test_one_wrong_answer_is_one_wrong_cell(problem, order):
    boards, form = problem.boards(problem.levels, SEED, 12), problem.form(order)
    tokens = right_tokens(form, boards)
    last = np.array([np.flatnonzero(row == form.vocabulary)[-1] for row in boards.prompt(form, 0, 12)])
    rows = np.arange(12)
    other = np.where(tokens[rows, last] == tokens[rows, last].min(), tokens[rows, last].max(), tokens[rows, last].min())
    tokens[rows, last] = other
    judged = boards.judge(form, tokens)
    assert not judged.solved.any()
    assert not judged.valid.any()
    expected = np.ones(12)
    if isinstance(problem, ZebraProblem) and problem.asks == "house":  # then one house is claimed twice, and one never
        expected = np.where(other < boards.puzzles.houses, 2, 1)
        assert (expected == 2).any()
    assert missed(judged).tolist() == expected.tolist()


@pytest.mark.parametrize("own_digit", [True, False])
def test_who_names_a_given_cell_is_wrong_and_no_error(own_digit):
    """An ARM may write where it likes; the triple is lost, the given stands, and the cell it forgot is missed."""
    form, boards = FOUR.form("solver"), FOUR.boards(FOUR.levels, SEED, 30)
    tokens = right_tokens(form, boards)
    triple = tokens[:, :3].copy()  # the first given
    triple[:, 2] = triple[:, 2] if own_digit else (triple[:, 2] + 1) % 4
    tokens[:, -3:] = triple
    judged = boards.judge(form, tokens)
    assert not judged.solved.any()
    assert not judged.valid.any()
    assert (missed(judged) == 1).all()


def test_who_names_an_empty_cell_twice_misses_two_or_one():
    """With the same digit only the forgotten cell is missed, with two digits both cells."""
    form, boards = FOUR.form("fixed"), FOUR.boards(FOUR.levels, SEED, 30)
    for shift, expected in ((0, 1), (1, 2)):
        tokens = right_tokens(form, boards)
        tokens[:, -3:] = tokens[:, -6:-3]
        tokens[:, -1] = (tokens[:, -1] + shift) % 4
        assert (missed(boards.judge(form, tokens)) == expected).all()


def test_forms_of_the_other_kind_are_refused():
    sudoku, zebra = FOUR.boards((2, 8), SEED, 2), ZEBRA.boards((1, 5), SEED, 2)
    for boards, form in ((sudoku, ZEBRA.form(None)), (zebra, FOUR.form(None))):
        with pytest.raises(TypeError, match="written as"):
            boards.prompt(form, 0, 2)
        with pytest.raises(TypeError, match="written as"):
            boards.judge(form, np.zeros((2, form.length), dtype=np.int64))


@pytest.mark.parametrize("problem", PROBLEMS, ids=named)
def test_coordinates_say_where_the_cells_stand(problem):
    """Row and column numbers of training rows are read off the tokens, and cells follow one another row by row."""
    cells, triples = (problem.coordinates(triples=told) for told in (False, True))
    form = problem.form(None)
    cells.check(form.length, form.vocabulary)
    assert cells.stop == form.length
    places = token_places(cells, torch.zeros(1, form.length, dtype=torch.int64), causal=False)
    counted = (places["row"] * cells.columns + places["column"])[0, cells.start :]
    assert counted.tolist() == list(range(cells.rows * cells.columns))
    written = problem.form("random")
    triples.check(written.length, written.vocabulary)
    assert triples.stop == written.length
    tokens, _ = split_given(written.rows(SEED, 0, 6))
    answers = tokens[:, triples.start :].reshape(6, -1, 3)
    present = (answers != written.vocabulary + 1).all(axis=2)  # no pads
    places = token_places(triples, torch.from_numpy(tokens), causal=False)
    for kind, column in (("row", 0), ("column", 1)):
        told = places[kind][:, triples.start :].reshape(6, -1, 3).numpy()
        assert (told == answers[:, :, column : column + 1])[present].all()


def test_what_is_asked_changes_no_puzzle():
    for asked in (SIZES, replace(SIZES, asks="house")):
        assert asked.name == SIZES.name
        assert asked.coordinates(triples=True) == SIZES.coordinates(triples=True)
        assert (asked.boards((1, 5), SEED, 9).solutions == SIZES.boards((1, 5), SEED, 9).solutions).all()
    assert SIZES.form(None).fingerprint != replace(SIZES, asks="house").form(None).fingerprint


def test_sudokus_keep_the_names_of_their_rows():
    """Recorded results are found by them."""
    form = {"problem": asdict(FOUR), "levels": list(FOUR.levels)}
    assert fingerprint(form) == "175c5b840b0f22cb"


@pytest.mark.parametrize("problem", [SIZES, COMPACT, *HOUSES[1:]], ids=named)
def test_steps_of_tokens_become_steps_of_the_cells_that_they_answer(problem):
    """Each token's step is its position; a loop over the written answer says which cell that is."""
    boards, form = problem.boards(problem.levels, SEED, 12), problem.form(None)
    prompt = boards.prompt(form, 0, 12)
    steps = np.where(prompt == form.vocabulary, np.arange(form.length), -1)
    cells = boards.by_cell(form, steps).reshape(12, 6, 6)
    tokens = right_tokens(form, boards)
    for board, attribute, house in np.ndindex(12, 6, 6):
        value, at = int(boards.solutions[board, attribute, house]), cells[board, attribute, house]
        if value < 0:
            assert at == -1
            continue
        first = 0 if problem.asks == "house" else 6 * (attribute + 1) if problem.compact else 0
        assert tokens[board, at] == first + (house if problem.asks == "house" else value)
        column = value if problem.asks == "house" else house
        assert at - form.prompt_length == attribute * 4 + column
    assert ((cells >= 0).sum(axis=(1, 2)) == (prompt == form.vocabulary).sum(axis=1)).all()
    with pytest.raises(TypeError, match="only ZebraCells have one token per cell; got ZebraTriples"):
        boards.by_cell(problem.form("fixed"), steps)


def test_a_sudoku_has_a_cell_for_each_token():
    boards, form = FOUR.boards(FOUR.levels, SEED, 9), FOUR.form(None)
    steps = np.where(boards.prompt(form, 0, 9) == form.vocabulary, 3, -1).astype(np.int64)
    assert (boards.by_cell(form, steps) == np.where(boards.puzzles == 0, 3, -1)).all()
    assert ((boards.solver_order().steps >= 0) == (boards.puzzles == 0)).all()
    with pytest.raises(TypeError, match="only SudokuCells have one token per cell; got SudokuTriples"):
        boards.by_cell(FOUR.form("fixed"), steps)


def missed(judged: Judgement) -> np.ndarray:
    """Cells of each board that are not right, (n,)."""
    return (judged.asked & ~judged.right).sum(axis=1)
