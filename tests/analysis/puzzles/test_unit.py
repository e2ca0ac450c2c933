"""Units of learners: equal operations, equal test boards, rows of each kind where they belong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.lab.experiment import finish
from analysis.lab.rows import MDM
from analysis.puzzles.judging import BOARD, CELL, VALIDITY
from analysis.puzzles.learner import ARM_FIXED, ARM_RANDOM, ARM_SOLVER, MASKED, PEERS, SINGLES, PuzzleLearner
from analysis.puzzles.order.measures import EXPERIMENT_NAME as ORDER
from analysis.puzzles.order.measures import KENDALL, NULL, RANDOM, REVEAL_RANK, SOLVER
from analysis.puzzles.problems import SudokuProblem, ZebraBoards, ZebraProblem, prompt_batches
from analysis.puzzles.training_rows import PooledRows, training_rows
from analysis.puzzles.unit import PadsBehind, PuzzleSetting, PuzzleUnit
from generators.ground.draws import derived_seed
from generators.prompted import split_given
from generators.sudoku import solve_by_strategies as solve_sudokus
from generators.sudoku.human import STUCK
from generators.zebra import solve_by_strategies
from lo_theory.denoisers.network import CausalDenoiser
from lo_theory.learning.checkpoint import load_checkpoint
from lo_theory.learning.flops import training_flops
from lo_theory.learning.network import Shape, Transformer
from lo_theory.learning.patches import PromptPatches
from lo_theory.learning.source import FixedRows, RowSource
from lo_theory.samplers.batches import decode_batches
from lo_theory.samplers.menu import (
    MARGIN,
    NOISY,
    ONE_EACH,
    OWN_ORDER,
    TOP,
    VANILLA,
    board_rules,
    one_cell_rules,
    own_order_rule,
    trusting_rules,
)
from lo_theory.samplers.tokens import argmax_token

TINY = Shape(layers=1, width=16, heads=2)
SETTING = PuzzleSetting(shape=TINY, large=replace(TINY, width=32), steps=2, batch_size=4, boards=20, calls=(3,))
FOUR = SudokuProblem(side=4, clues=5, test_share=0.25)
SIZES = ZebraProblem(houses=(3, 4), attributes=(3, 3))
HOUSES = replace(SIZES, asks="house")
ARMS = (ARM_FIXED, ARM_SOLVER, ARM_RANDOM)
LONG = replace(MASKED, times=10)
LARGE = replace(ARM_FIXED, large=True)


def told(learner: PuzzleLearner) -> PuzzleLearner:
    return replace(learner, grid=True)


def unit(learner: PuzzleLearner, problem: SudokuProblem | ZebraProblem = FOUR, **setting: object) -> PuzzleUnit:
    return PuzzleUnit(problem=problem, model=learner.name, seed=0, setting=replace(SETTING, **setting))


def measured(learner: PuzzleLearner, directory, problem: SudokuProblem | ZebraProblem = FOUR, **setting: object):
    return finish(unit(learner, problem, **setting), directory)


def operations(one: PuzzleUnit) -> tuple[float, float]:
    """Per training row: of the whole training, and of one step."""
    step = training_flops(one.network(one.problem.form(one.order)))
    return one.steps * step, step


@pytest.mark.parametrize("problem", [FOUR, SudokuProblem(side=9), SIZES], ids=lambda p: p.name)
@pytest.mark.parametrize("grid", [False, True])
@pytest.mark.parametrize("times", [1, 10])
def test_learners_of_equal_size_take_equal_operations(problem, grid, times):
    masked, _ = operations(unit(MASKED, problem, steps=1000))
    for learner in ARMS:
        arm, step = operations(unit(replace(learner, grid=grid, times=times), problem, steps=1000))
        assert abs(arm - times * masked) <= step / 2 + 1e-6 * arm
        assert arm != masked * times + step  # the half step is sharp enough to see one step more


def test_triples_take_fewer_steps_and_a_large_model_as_many_as_the_small():
    assert unit(LONG, steps=100).steps == 1000
    assert unit(ARM_FIXED, steps=1000).steps < 1000 / 3
    assert unit(LARGE, steps=1000).steps == unit(ARM_FIXED, steps=1000).steps
    assert operations(unit(LARGE))[1] > operations(unit(ARM_FIXED))[1]


def test_learners_that_are_none_are_refused():
    for model in ("arm", "mdm, grid", "mdm, 10 times the operations, grid embeddings", told(SINGLES).name, ""):
        with pytest.raises(ValueError, match="unknown learner"):
            PuzzleUnit(problem=FOUR, model=model, seed=0, setting=SETTING)
    with pytest.raises(ValueError, match="names no large shape"):
        unit(LARGE, large=None)
    with pytest.raises(ValueError, match="knows Sudoku alone; got 3-4x3 Zebra"):
        unit(SINGLES, SIZES)
    for problem in (FOUR, SIZES):
        with pytest.raises(ValueError, match="has no clues of one length"):
            unit(MASKED, problem, whole_clues=True)


@pytest.mark.parametrize("learner", [MASKED, told(ARM_FIXED)], ids=lambda one: one.name)
def test_whole_clues_are_patches_and_the_optimizer_is_the_one_asked_for(learner, tmp_path):
    compact = replace(HOUSES, compact=True)
    one = unit(learner, compact, whole_clues=True, optimizer="muon")
    form = compact.form(one.order)
    assert one.network(form).patches == PromptPatches(tokens=form.prompt_length, size=4)
    assert one.network(form).places == form.length - form.prompt_length * 3 // 4
    rows = finish(one, tmp_path)
    assert {row.metric for row in rows} >= {BOARD, CELL, VALIDITY}
    (checkpoint,) = tmp_path.rglob("checkpoint.safetensors")
    assert load_checkpoint(checkpoint).training["optimizer"] == "muon"
    assert load_checkpoint(checkpoint).network == one.network(form)


def test_streams_of_seeds_do_not_meet():
    assert len({derived_seed(stream, seed) for stream in (1, 2, 3) for seed in range(500)}) == 1500
    assert all(0 <= derived_seed(stream, 0) < 2**63 for stream in (1, 2, 3))


@pytest.mark.parametrize("order", [None, "random"])
def test_a_pool_holds_the_rows_that_would_be_made_afresh(order):
    """Longer than a thread's piece, so that cutting and order of the pieces are seen."""
    form, n = FOUR.form(order), 2100
    pool = training_rows(form, 7, batch_size=n, pool=n)
    made = training_rows(form, 7, batch_size=n, pool=None).batch(0).numpy()
    expected = FixedRows(made, vocabulary=form.vocabulary, fingerprint=form.fingerprint, shuffle_seed=7, batch_size=n)
    assert isinstance(pool, RowSource)
    for step in (0, 1, 5):
        assert torch.equal(pool.batch(step), expected.batch(step))
    threaded = training_rows(form, 7, batch_size=n, pool=n, threads=3)
    assert torch.equal(threaded.batch(0), pool.batch(0))
    assert threaded.to_json() == pool.to_json()
    assert training_rows(form, 8, batch_size=n, pool=n).to_json() != pool.to_json()
    assert training_rows(form, 7, batch_size=n, pool=n - 1).to_json() != pool.to_json()
    assert (pool.length, pool.vocabulary, pool.fingerprint) == (form.length, form.vocabulary, form.fingerprint)
    with pytest.raises(ValueError, match="at least one puzzle; got 0"):
        training_rows(form, 7, batch_size=4, pool=0)


def test_a_finished_training_makes_no_pool_again(tmp_path, monkeypatch):
    one = unit(MASKED, pool=50)
    rows = finish(one, tmp_path)
    monkeypatch.setattr(PooledRows, "batch", lambda *_: pytest.fail("a batch was asked for"))
    assert [r.value for r in one.measure(tmp_path, torch.device("cpu"))] == [r.value for r in rows]
    with pytest.raises(pytest.fail.Exception, match="a batch was asked for"):
        finish(unit(MASKED, pool=51), tmp_path)


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    return measured(MASKED, tmp_path_factory.mktemp("masked"))


@pytest.fixture(scope="module")
def singles(tmp_path_factory):
    directory = tmp_path_factory.mktemp("singles")
    rows = measured(SINGLES, directory, SudokuProblem(side=4, levels=(2, 3)))
    assert not (directory / "training").exists()
    return rows


def test_masked_diffusion_is_judged_by_every_rule(masked):
    boards = FOUR.boards(FOUR.levels, derived_seed(2, 0), 20)
    most = int((boards.puzzles == 0).sum(axis=1).max())
    expected = {
        (r.name, r.swept, r.at) for r in (*one_cell_rules(most), *board_rules(3), *trusting_rules(token=argmax_token))
    }
    for metric in (BOARD, CELL, VALIDITY):
        assert {(r.decoder, r.swept, r.at) for r in masked if r.metric == metric} == expected
    assert {(r.distribution, r.model, r.seed) for r in masked} == {("4x4 Sudoku", MDM, 0)}
    assert {r.samples for r in masked if r.metric == BOARD} == {20}


@pytest.mark.parametrize("learner", [ARM_SOLVER, told(ARM_RANDOM)], ids=lambda one: one.name)
def test_an_autoregressive_model_has_its_own_order_and_no_other(learner, tmp_path, masked):
    rows = measured(learner, tmp_path)
    assert {row.decoder for row in rows} == {OWN_ORDER}
    assert {row.metric for row in rows} == {BOARD, CELL, VALIDITY}
    assert {row.fingerprint for row in rows} == {row.fingerprint for row in masked}
    assert rows[0].calls == 3 * 11
    assert (tmp_path / "training").exists()


def test_orders_are_compared_on_solved_boards_alone(singles, masked):
    for rows in (singles, masked):
        for rule in (VANILLA, TOP, MARGIN):
            single = [r for r in rows if r.decoder == rule and r.swept == ONE_EACH]
            (solved,) = (r.value for r in single if r.metric == BOARD)
            samples = [r.samples for r in rows if r.metric == KENDALL and r.decoder == rule]
            assert samples == ([round(20 * solved)] if solved else [])
    assert {r.decoder for r in singles if r.experiment == ORDER} == {VANILLA, TOP, MARGIN, None}


def test_reasoners_need_no_training_and_bring_the_controls(singles, tmp_path):
    found = {r.decoder: r for r in singles if r.metric == BOARD}
    assert set(found) == {VANILLA, TOP, MARGIN}
    assert found[MARGIN].value == found[TOP].value == 1.0
    assert found[VANILLA].value < 0.9
    assert {r.seed for r in singles} == {None}
    assert {r.model for r in singles} == {SINGLES.name, SOLVER, RANDOM}
    peers = measured(PEERS, tmp_path, SudokuProblem(side=4, levels=(2, 3)))
    assert {r.model for r in peers} == {PEERS.name}, "the controls are there once"


@pytest.mark.parametrize("problem", [FOUR, HOUSES], ids=lambda p: p.name)
def test_the_papers_rules_are_judged_on_more_boards(problem, tmp_path):
    """Of the first test set; the first boards are those of the other rules, and all that an ARM is asked."""
    two_sets = replace(problem, hard=problem.levels)
    rows = [row for row in measured(MASKED, tmp_path, two_sets, paper_boards=30) if row.metric == BOARD]
    samples = {(row.distribution, row.decoder, row.swept): row.samples for row in rows}
    papers = {(problem.name, rule, ONE_EACH) for rule in (VANILLA, TOP, MARGIN)}
    assert {key for key, number in samples.items() if number == 30} == papers
    assert {number for key, number in samples.items() if key not in papers} == {20}
    arm = [row for row in measured(ARM_FIXED, tmp_path, two_sets, paper_boards=30) if row.metric == BOARD]
    assert [row.samples for row in arm] == [20, 20]
    form = problem.form(None)
    some, many = (problem.boards(problem.levels, 5, number) for number in (20, 30))
    assert np.array_equal(some.prompt(form, 0, 20), many.prompt(form, 0, 20))
    assert not np.array_equal(some.prompt(form, 0, 10), many.prompt(form, 20, 30)), "not one board again and again"


def test_a_paper_setting_has_the_papers_rules(tmp_path):
    rows = measured(MASKED, tmp_path, rules="paper", pool=50)
    assert {r.decoder for r in rows if r.metric == BOARD} == {VANILLA, TOP, MARGIN}


def test_a_setting_with_noise_has_the_papers_rules_and_their_noise(tmp_path):
    rows = measured(MASKED, tmp_path, rules="noise", pool=50)
    solved = [r for r in rows if r.metric == BOARD]
    assert {r.decoder for r in solved} == {VANILLA, TOP, MARGIN, *NOISY}
    assert {r.swept for r in solved} == {ONE_EACH}


def test_harder_puzzles_are_trained_on_and_no_other_test_is_taken(tmp_path):
    """The hard test set and the usual one stay what they are; of training puzzles some are as hard."""
    problem = SudokuProblem(side=6, hard=(9, 9))
    usual, harder = (unit(replace(MASKED, harder=there), problem) for there in (False, True))
    for one, stuck in ((usual, range(1)), (harder, range(1, 300))):
        tokens, given = split_given(one.form.rows(5, 0, 300))
        assert (solve_sudokus(np.where(given, tokens + 1, 0)).levels == STUCK).sum() in stuck
    assert (harder.steps, harder.network(harder.form)) == (usual.steps, usual.network(usual.form))
    found = [measured(one.learner, tmp_path / one.model, problem, rules="paper", pool=50) for one in (usual, harder)]
    first, second = [[(r.distribution, r.fingerprint, r.samples) for r in rows if r.metric == BOARD] for rows in found]
    assert len(first) == 6
    assert first == second


def test_harder_puzzles_must_exist_and_have_the_order_that_is_written():
    problem = SudokuProblem(side=6, hard=(9, 9))
    assert unit(replace(ARM_FIXED, harder=True), problem).form.source.levels == (2, 9)
    with pytest.raises(ValueError, match="4x4 Sudoku has no harder puzzles here"):
        unit(replace(MASKED, harder=True))
    with pytest.raises(ValueError, match="solver"):
        unit(replace(ARM_SOLVER, harder=True), problem)


def test_puzzles_of_several_sizes_end_with_pads_that_an_arm_cannot_see():
    """Pads behind the answers change nothing of what it writes; without the wrapper they are refused."""
    one = unit(ARM_FIXED, SIZES)
    form, boards = SIZES.form("fixed"), SIZES.boards(SIZES.levels, 1, 12)
    prompt = torch.from_numpy(boards.prompt(form, 0, 12))
    assert len({int(n) for n in (prompt == form.vocabulary).sum(dim=1)}) == 2
    network = Transformer(one.network(form), torch.Generator().manual_seed(0))
    inner = CausalDenoiser(network, np.arange(form.length))
    with pytest.raises(ValueError, match="answers only along its order"):
        decode_batches(inner, prompt_batches(boards, form), own_order_rule().decoder, torch.Generator())
    answered = decode_batches(
        PadsBehind(inner), prompt_batches(boards, form), own_order_rule().decoder, torch.Generator()
    )
    written, hidden = torch.from_numpy(answered.tokens), prompt == form.vocabulary
    assert (written[~hidden] == prompt[~hidden]).all()
    pads = written == form.vocabulary + 1
    causal = network(torch.cat([torch.full((12, 1), form.vocabulary), written[:, :-1]], dim=1)).argmax(dim=-1)
    assert (causal[hidden] == written[hidden]).all()
    assert (pads[:, -1]).any()
    assert boards.judge(form, answered.tokens).asked.sum() * 3 == hidden.sum()


@pytest.mark.parametrize("problem", [SIZES, HOUSES], ids=["value", "house"])
def test_zebra_learners_run_in_both_forms(problem, tmp_path):
    for learner in (MASKED, ARM_SOLVER):
        rows = measured(told(learner), tmp_path, problem, rules="paper")
        assert {row.metric for row in rows} == {BOARD, CELL, VALIDITY}, "of orders on boards that nobody solved"


class Solver:
    """Knows the solution of every board, and is the surer of a cell the earlier the solver fills it."""

    def __init__(self, problem: ZebraProblem, boards: ZebraBoards, spoilt: int = 0) -> None:
        form, n = problem.form(None), len(boards)
        self.length, self.vocabulary = form.length, form.vocabulary
        self.prompt_length = form.prompt_length
        answers, _ = split_given(form.encode(boards.puzzles, boards.solutions))
        self.log_probs = torch.full((n, form.length, form.vocabulary), -20.0, dtype=torch.float64)
        fills = solve_by_strategies(boards.puzzles).order
        for board in range(n):
            for step, (attribute, house, value) in enumerate(fills[board].tolist()):
                if attribute < 0:
                    break
                column = value if problem.asks == "house" else house
                at = form.prompt_length + attribute * problem.houses[1] + column
                answer = (answers[board, at] + (board < spoilt)) % form.vocabulary
                self.log_probs[board, at, answer] = -0.01 * (step + 1)
        self.boards = {self._key(row): board for board, row in enumerate(boards.prompt(form, 0, n))}

    def _key(self, row: np.ndarray) -> bytes:
        return row[: self.prompt_length].tobytes()

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.log_probs[[self.boards[self._key(row)] for row in tokens.numpy()]]


@pytest.mark.parametrize("problem", [SIZES, HOUSES, replace(HOUSES, compact=True)], ids=["value", "house", "compact"])
@pytest.mark.parametrize("spoilt", [0, 60])
def test_who_is_surest_of_what_the_solver_fills_first_has_its_order(problem, spoilt, monkeypatch, tmp_path):
    boards = problem.boards(problem.levels, derived_seed(2, 0), 200)
    monkeypatch.setattr(PuzzleUnit, "_denoiser", lambda self, *_: Solver(problem, boards, spoilt))
    rows = measured(MASKED, tmp_path, problem, rules="paper", boards=200)
    found = {(r.model, r.decoder, r.metric): r for r in rows if r.at in (None, 1.0)}
    for rule in (TOP, MARGIN):
        assert found[MDM, rule, BOARD].value == 1 - spoilt / 200
        assert found[MDM, rule, KENDALL].value == pytest.approx(1.0)
        assert found[MDM, rule, KENDALL].samples == 200 - spoilt
    chance = found[MDM, VANILLA, KENDALL + NULL].value
    assert abs(found[MDM, VANILLA, KENDALL].value) < 4 * chance < 0.1  # false alarm below 1e-4
    assert found[SOLVER, None, KENDALL].value == pytest.approx(1.0)
    assert abs(found[RANDOM, None, KENDALL].value) < 4 * chance
    assert {found[model, None, KENDALL].samples for model in (SOLVER, RANDOM)} == {200}, "controls on every board"
    assert len([r for r in rows if (r.model, r.metric) == (SOLVER, KENDALL)]) == 1, "and once"
    ranks = {r.at: r.value for r in rows if r.metric == REVEAL_RANK and (r.model, r.decoder) == (MDM, MARGIN)}
    own = {r.at: r.value for r in rows if r.metric == REVEAL_RANK and r.model == SOLVER}
    assert spoilt or ranks == pytest.approx(own)


def test_controls_come_with_the_plain_masked_model_alone(tmp_path):
    for learner, controls in ((MASKED, {SOLVER, RANDOM}), (told(MASKED), set()), (ARM_FIXED, set())):
        assert {row.model for row in measured(learner, tmp_path, HOUSES, rules="paper")} == {learner.name, *controls}
