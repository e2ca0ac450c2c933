"""Orders compared: SciPy as oracle, the solver against itself, a random order within its null, decoded boards."""

from __future__ import annotations

import dataclasses
import itertools
import math

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text
from scipy.stats import kendalltau, spearmanr

from analysis.lab.rows import Row, Rows, Subject
from analysis.puzzles.order.correlation import correlate, mid_ranks
from analysis.puzzles.order.measures import (
    AVAILABLE,
    AVAILABLE_BOARDS,
    EXPLAINED,
    EXPLAINED_BOARDS,
    KENDALL,
    KENDALL_WAVES,
    LEVEL_SHARE,
    NULL,
    RANDOM,
    REVEAL_RANK,
    SOLVER,
    SPEARMAN,
    availability_rows,
    control_rows,
    order_control_rows,
    order_rows,
)
from analysis.puzzles.order.plot import draw_reasoning_order
from analysis.puzzles.order.solver import SolverOrder, random_order, sudoku_solver_order, zebra_solver_order
from generators.sudoku import SIZES, SudokuSource, solve_by_strategies
from generators.zebra import ZebraSource
from generators.zebra import solve_by_strategies as solve_zebra_by_strategies
from lo_theory.puzzles.candidates import CandidateDenoiser
from lo_theory.samplers.decoding import Decoder, decode
from lo_theory.samplers.reveal import one_per_step
from lo_theory.samplers.scores import margin_score, random_score
from lo_theory.samplers.tokens import argmax_token

ABOUT = Subject(distribution="sudoku", fingerprint="f", model="mdm", seed=0)
SAID = {"about": ABOUT, "decoder": "margin", "calls": 50.0}
EASY = SudokuSource(levels=(2, 3)).rows(0, 0, 60)
HARD = SudokuSource(levels=(4, 8)).rows(0, 0, 60)


def value(rows: list[Row], metric: str, at: float | None = None, model: str | None = None) -> Row:
    (found,) = (r for r in rows if r.metric == metric and r.at == at and model in (None, r.model))
    return found


@given(
    data=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), min_size=1, max_size=12),
)
@settings(max_examples=50)
def test_correlations_are_those_of_scipy(data):
    first, second, shared = (np.array([column]) for column in zip(*data, strict=True))
    found = correlate(first, second, shared)
    a, b = first[shared], second[shared]
    if len(set(a.tolist())) < 2 or len(set(b.tolist())) < 2:
        assert np.isnan([found.kendall, found.spearman, found.kendall_null, found.spearman_null]).all()
        return
    assert found.kendall[0] == pytest.approx(kendalltau(a, b).statistic, abs=1e-12)
    assert found.spearman[0] == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)


@given(data=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=6))
@settings(max_examples=30)
def test_the_null_is_that_of_all_permutations(data):
    first, second = (np.array(column) for column in zip(*data, strict=True))
    every = np.array(list(itertools.permutations(second)))
    firsts = np.repeat(first[None], len(every), axis=0)
    found = correlate(firsts, every, np.ones(every.shape, dtype=bool))
    if np.isnan(found.kendall[0]):
        return
    assert found.kendall.mean() == pytest.approx(0, abs=1e-9)
    assert found.spearman.mean() == pytest.approx(0, abs=1e-9)
    assert found.kendall.std() == pytest.approx(found.kendall_null[0])
    assert found.spearman.std() == pytest.approx(found.spearman_null[0])


def test_boards_do_not_depend_on_each_other_and_unshared_cells_on_nothing():
    rng = np.random.default_rng(0)
    first, second = rng.integers(9, size=(2, 300, 20))
    shared = rng.random((300, 20)) < 0.7
    whole = correlate(first, second, shared)
    for board in (0, 127, 128, 299):
        one = slice(board, board + 1)
        assert correlate(first[one], second[one], shared[one]).kendall[0] == whole.kendall[board]
    assert (correlate(np.where(shared, first, 99), second, shared).kendall == whole.kendall).all()
    assert mid_ranks(np.array([[5, 2, 2, 7]]), np.array([[True, True, True, False]])).tolist() == [[3.0, 1.5, 1.5, 0.0]]


@pytest.mark.parametrize("boards", [EASY, HARD], ids=["easy", "hard"])
def test_the_solvers_own_order_is_its_own_order(boards):
    solver = sudoku_solver_order(boards.puzzles)
    rows = order_rows(solver.steps, solver, **SAID)
    assert value(rows, KENDALL).value == pytest.approx(1.0)
    assert value(rows, SPEARMAN).value == pytest.approx(1.0)
    assert value(order_rows(solver.waves, solver, **SAID), KENDALL_WAVES).value == pytest.approx(1.0)
    assert 0.3 < value(rows, KENDALL_WAVES).value < 1.0  # it fills a wave's cells among those of later waves
    backwards = np.where(solver.steps >= 0, 100 - solver.steps, -1)
    rows = order_rows(backwards, solver, **SAID)
    assert value(rows, KENDALL).value == pytest.approx(-1.0)
    assert value(rows, SPEARMAN).value == pytest.approx(-1.0)
    assert value(rows, KENDALL_WAVES).value < -0.3


def test_the_solvers_order_is_what_the_solver_returns():
    for dim, solver, found in (
        (1, sudoku_solver_order(HARD.puzzles), solve_by_strategies(HARD.puzzles)),
        (3, *_zebra()),
    ):
        for board in range(10):
            fills = found.order[board][(found.order[board] >= 0).reshape(len(found.order[board]), dim).all(axis=1)]
            cells = fills if dim == 1 else 6 * fills[:, 0] + fills[:, 1]
            assert solver.steps[board, cells].tolist() == list(range(len(cells)))
            assert (solver.steps[board] >= 0).sum() == len(cells)
            hardest = [int(mask).bit_length() - 1 for mask in found.strategies[board, : len(cells)]]
            assert solver.strategies[board, cells].tolist() == hardest
    assert _zebra()[0].waves is None


def _zebra():
    puzzles = ZebraSource(houses=(3, 5), attributes=(3, 5), levels=(1, 5)).rows(0, 0, 30).puzzles
    return zebra_solver_order(puzzles), solve_zebra_by_strategies(puzzles)


def test_a_zebra_trace_is_measured_likewise():
    solver, _ = _zebra()
    rows = order_rows(solver.steps, solver, **SAID)
    assert value(rows, KENDALL).value == pytest.approx(1.0)
    assert not [row for row in rows if row.metric.startswith(KENDALL_WAVES)]
    ranks = [row for row in rows if row.metric == REVEAL_RANK]
    assert {row.at for row in ranks} <= {1.0, 2.0, 3.0, 4.0, 5.0}


@pytest.mark.parametrize("boards", [EASY, HARD], ids=["easy", "hard"])
def test_a_random_order_is_within_its_null(boards):
    rng = np.random.default_rng(0)
    puzzles = np.tile(boards.puzzles, (5, 1))
    solver, steps = sudoku_solver_order(puzzles), random_order(puzzles == 0, rng)
    steps = np.where(puzzles == 0, steps // 3, -1)  # three cells a step
    rows = order_rows(steps, solver, **SAID)
    for metric in (KENDALL, SPEARMAN, KENDALL_WAVES):
        deviation = value(rows, metric + NULL)
        assert (deviation.method, deviation.samples) == ("exact", 300)
        assert abs(value(rows, metric).value) < 4 * deviation.value  # false alarm below 1e-4
        assert value(rows, metric).standard_error == pytest.approx(deviation.value, rel=0.25)
    for row in (row for row in rows if row.metric == REVEAL_RANK):
        assert abs(row.value - 0.5) < 4.5 * max(row.standard_error, 1e-3)
    assert abs(value(order_rows(solver.steps, solver, **SAID), KENDALL).value) > 50 * deviation.value


def test_rows_are_means_over_boards_of_every_cell_that_the_solver_fills():
    steps = random_order(HARD.puzzles == 0, np.random.default_rng(1))
    solver = sudoku_solver_order(HARD.puzzles)
    rows = order_rows(steps, solver, **SAID)
    for metric, order in ((KENDALL, solver.steps), (KENDALL_WAVES, solver.waves)):
        taus = [kendalltau(s[s >= 0], o[o >= 0]).statistic for s, o in zip(steps, order, strict=True)]
        assert value(rows, metric).value == pytest.approx(np.mean(taus))
        assert value(rows, metric).standard_error == pytest.approx(np.std(taus, ddof=1) / math.sqrt(len(taus)))


def test_all_cells_in_one_step_have_no_order():
    solver = sudoku_solver_order(EASY.puzzles)
    rows = order_rows(np.where(EASY.puzzles == 0, 0, -1), solver, **SAID)
    assert math.isnan(value(rows, KENDALL).value)
    assert value(rows, KENDALL).samples == 0
    assert value(rows, REVEAL_RANK, at=2.0).value == 0.5


def test_reveal_ranks_are_means_over_the_cells_of_a_strategy():
    solver = sudoku_solver_order(HARD.puzzles)
    rows = order_rows(solver.steps, solver, **SAID)
    ranks = solver.steps / np.maximum((HARD.puzzles == 0).sum(axis=1, keepdims=True) - 1, 1)
    for row in (row for row in rows if row.metric == REVEAL_RANK):
        assert row.value == pytest.approx(ranks[solver.strategies == row.at].mean())
        assert row.samples == (solver.strategies == row.at).any(axis=1).sum()
        assert row.interval[0] <= row.value <= row.interval[1]


def test_reasons_of_the_two_controls():
    rows = control_rows(EASY.puzzles, EASY.solutions, np.random.default_rng(0), about=ABOUT)
    assert {(row.model, row.seed, row.experiment) for row in rows} == {
        (SOLVER, None, "reasoning_order"),
        (RANDOM, None, "reasoning_order"),
    }
    assert value(rows, AVAILABLE, model=SOLVER).value == 1.0
    assert value(rows, AVAILABLE_BOARDS, model=SOLVER).value == 1.0
    assert value(rows, AVAILABLE, model=RANDOM).interval[1] < 0.85
    assert value(rows, AVAILABLE_BOARDS, model=RANDOM).value == 0.0
    for model in (SOLVER, RANDOM):
        levels = {row.at: row.value for row in rows if row.metric == LEVEL_SHARE and row.model == model}
        assert sum(levels.values()) == pytest.approx(1.0)
        assert levels[2.0] + levels[3.0] == pytest.approx(value(rows, AVAILABLE, model=model).value)
        assert 1 - levels[9.0] == pytest.approx(value(rows, EXPLAINED, model=model).value)
    assert value(rows, EXPLAINED_BOARDS, model=SOLVER).value == 1.0
    assert value(rows, EXPLAINED_BOARDS, model=RANDOM).interval[1] < 0.5


def test_puzzles_that_the_solver_does_not_finish_have_no_control_of_their_own():
    stuck = SudokuSource(levels=(9, 9)).rows(0, 0, 10)
    rows = control_rows(stuck.puzzles, stuck.solutions, np.random.default_rng(0), about=ABOUT)
    assert {row.model for row in rows} == {RANDOM}
    both = [np.concatenate([getattr(stuck, name), getattr(EASY, name)]) for name in ("puzzles", "solutions")]
    rows = control_rows(*both, np.random.default_rng(0), about=ABOUT)
    assert value(rows, AVAILABLE, model=SOLVER).samples == 60
    assert value(rows, AVAILABLE, model=RANDOM).samples == 70


def test_controls_of_zebra_puzzles_are_of_orders_alone():
    made = ZebraSource(houses=(3, 5), attributes=(3, 5)).rows(0, 0, 400)
    solver, open_ = zebra_solver_order(made.puzzles), (made.solutions >= 0).reshape(400, -1)
    rows = order_control_rows(solver, open_, np.random.default_rng(0), about=ABOUT)
    finished = int(solve_zebra_by_strategies(made.puzzles).solved.sum())
    assert 200 < finished < 390  # of all levels, so that some are not finished
    assert {(row.model, row.seed) for row in rows} == {(SOLVER, 0), (RANDOM, 0)}
    assert {row.metric for row in rows} == {KENDALL, KENDALL + NULL, SPEARMAN, SPEARMAN + NULL, REVEAL_RANK}
    own, random = (value(rows, KENDALL, model=model) for model in (SOLVER, RANDOM))
    assert own.value == pytest.approx(1.0)
    assert own.samples == finished < random.samples
    deviation = value(rows, KENDALL + NULL, model=RANDOM)
    assert abs(random.value) < 4 * deviation.value < 0.1  # false alarm below 1e-4
    for row in (row for row in rows if row.metric == REVEAL_RANK and row.model == RANDOM):
        assert abs(row.value - 0.5) < 4.5 * max(row.standard_error, 1e-3)


def test_sudoku_controls_have_the_same_orders_and_no_seed():
    alone = order_control_rows(
        sudoku_solver_order(EASY.puzzles), EASY.puzzles == 0, np.random.default_rng(0), about=ABOUT
    )
    whole = control_rows(EASY.puzzles, EASY.solutions, np.random.default_rng(0), about=ABOUT)
    assert len(alone) < len(whole)
    assert [dataclasses.replace(row, seed=None) for row in alone] == [r for r in whole if r in _seedless(alone)]


def _seedless(rows: list[Row]) -> list[Row]:
    return [dataclasses.replace(row, seed=None) for row in rows]


def decoded(boards, score, reasoning="singles"):
    reasoner = CandidateDenoiser(SIZES[9], reasoning)
    tokens = torch.from_numpy(np.where(boards.puzzles == 0, 9, boards.puzzles.astype(np.int64) - 1))
    decoder = Decoder(score, one_per_step(), argmax_token)
    found = decode(reasoner, tokens, decoder, torch.Generator().manual_seed(0))
    return (found.tokens.numpy() + 1).astype(np.uint8), found.trace.revealed_at().numpy()


def test_a_reasoner_that_sees_singles_reveals_singles_by_margin_and_not_at_random():
    solver = sudoku_solver_order(EASY.puzzles)
    grids, steps = decoded(EASY, margin_score)
    assert (grids == EASY.solutions).all()
    rows = availability_rows(EASY.puzzles, grids, steps, **SAID)
    assert value(rows, AVAILABLE).value == 1.0
    assert value(rows, AVAILABLE_BOARDS).value == 1.0
    assert value(order_rows(steps, solver, **SAID), KENDALL).value > 0.2
    grids, steps = decoded(EASY, random_score)
    rows = order_rows(steps, solver, **SAID)
    assert abs(value(rows, KENDALL).value) < 4 * value(rows, KENDALL + NULL).value
    assert value(availability_rows(EASY.puzzles, grids, steps, **SAID), AVAILABLE_BOARDS).value == 0.0


def test_a_reasoner_that_sees_lone_singles_alone_repeats_the_solver_on_their_puzzles():
    """Both fill the first cell in reading order that has one candidate, so the two orders are one."""
    boards = SudokuSource(clues=40, levels=(2, 2)).rows(0, 0, 40)
    _, steps = decoded(boards, margin_score, "peers")
    rows = order_rows(steps, sudoku_solver_order(boards.puzzles), **SAID)
    assert value(rows, KENDALL).value == pytest.approx(1.0)


def test_bad_input_is_named(monkeypatch):
    solver = sudoku_solver_order(EASY.puzzles)
    with pytest.raises(ValueError, match="board 0, cell"):
        order_rows(np.full(EASY.puzzles.shape, -1), solver, **SAID)
    part = solver.of(np.arange(60) < 5)
    assert isinstance(part, SolverOrder)
    assert (part.waves == solver.waves[:5]).all()
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="are needed"):
        order_rows(solver.steps, part, **SAID)
    with pytest.raises(ValueError, match="two orders"):
        correlate(solver.steps, solver.steps[:5], solver.steps >= 0)


def texts(figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(match=Text))


def test_the_figure_is_drawn_from_rows_of_several_seeds_and_from_controls_alone():
    controls = control_rows(HARD.puzzles, HARD.solutions, np.random.default_rng(0), about=ABOUT)
    solver, rows = sudoku_solver_order(HARD.puzzles), list(controls)
    for seed, decoder in itertools.product(range(3), ("margin", "vanilla", "own rule")):
        steps = solver.steps if decoder == "margin" else random_order(HARD.puzzles == 0, np.random.default_rng(seed))
        said = {"about": dataclasses.replace(ABOUT, seed=seed), "decoder": decoder, "calls": 50.0 + seed}
        rows += order_rows(steps, solver, **said)
        rows += availability_rows(HARD.puzzles, HARD.solutions, steps, **said)
    drawn = texts(draw_reasoning_order(Rows(rows)))
    assert "mean distance from the solver's ranks: mdm, margin 0.00, a random order" in drawn
    single = value(controls, AVAILABLE, model=SOLVER).value
    assert f"singles: mdm, margin {100 * single:.0f}%, random order" in drawn
    assert "unique\nrectangle" in drawn
    assert "not measured" in texts(draw_reasoning_order(Rows(controls).where(model=RANDOM)))
    elsewhere = [dataclasses.replace(row, distribution="other") for row in controls]
    with pytest.raises(ValueError, match="choose one of them"):
        draw_reasoning_order(Rows(controls + elsewhere))
    assert draw_reasoning_order(Rows(controls + elsewhere), "other")
    with pytest.raises(ValueError, match="twice for one seed"):
        draw_reasoning_order(Rows(controls + controls))
    at_once = order_rows(np.where(HARD.puzzles == 0, 0, -1), solver, **SAID)  # no correlation is defined
    assert draw_reasoning_order(Rows(at_once))
