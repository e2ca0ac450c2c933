"""Reasoners of fixed depth: chances along the solution against all draws, noise against its law, and the experiment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.figures.reasoners.checks import reasoner_checks
from analysis.figures.reasoners.menu import (
    ORDERS,
    RANDOM_TIES,
    SAME_AS_TOP,
    SETS,
    SOLVABLE,
    PromptedReasoner,
    call_rules,
)
from analysis.figures.reasoners.plot import draw_reasoner_noise, draw_reasoner_orders
from analysis.figures.reasoners.report import EXPERIMENT, PAPER
from analysis.figures.reasoners.rows import (
    ANNEALED,
    CONSTANT,
    EARLY_EXCESS,
    FIRST_RIGHT,
    LATER_RIGHT,
    NEEDING,
    REMASKED,
    SAMPLED_EXCESS,
    TOP_EXCESS,
    crossing,
)
from analysis.figures.reasoners.solution_path import ScoreNoise, follow_solution
from analysis.figures.reasoners.units import SIZES, CallsUnit, NoiseUnit, OrderUnit, units
from analysis.lab.experiment import UNITS
from analysis.lab.rows import Rows
from analysis.lab.store import RowStore
from analysis.puzzles.judging import BOARD
from analysis.puzzles.paper import TABLE_2
from generators.sudoku.create import SudokuSource
from generators.sudoku.forms import SudokuCells
from lo_theory.puzzles.candidates import CandidateDenoiser
from lo_theory.samplers.decoder import Decoder, full_rewrite
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.menu import MARGIN, ONE_EACH, TOP, VANILLA
from lo_theory.samplers.reveal import one_per_step
from lo_theory.samplers.scores import margin_score, top_probability_score
from lo_theory.samplers.tokens import sample_token


def boards(source, n, seed=0):
    """Tokens with masks, and tokens of the solutions."""
    made = source.rows(seed, 0, n)
    return SudokuCells(source).prompt(made.puzzles), made.solutions.astype(np.int64) - 1


def ambiguous(shown, n, seed=0):
    """4x4 boards that show so many cells of a grid, at random places: most have several solutions."""
    _, solutions = boards(SMALL, n, seed)
    places = np.random.default_rng(seed).random(solutions.shape).argsort(axis=1)
    return np.where(places < shown, solutions, 4), solutions


SMALL = SudokuSource(side=4, clues=4)
NINE = SudokuSource(levels=(2, 8))
PEERS = CandidateDenoiser(SMALL.size, "peers")
SINGLES = CandidateDenoiser(NINE.size, "singles")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Report and rows of the experiment with a unit of every kind, all on the same few puzzles."""
    solvable = SETS[SOLVABLE]
    few = [
        OrderUnit(reasoning="singles", levels=solvable, boards=5),
        OrderUnit(reasoning="strategies", levels=solvable, boards=2, everything=False),
        NoiseUnit(reasoning="singles", levels=solvable, boards=5, schedule=CONSTANT, coefficients=(0.0, 0.5)),
        NoiseUnit(reasoning="singles", levels=solvable, boards=5, schedule=ANNEALED, coefficients=(0.5,)),
        CallsUnit(reasoning="singles", levels=solvable, boards=5, calls=()),
    ]
    directory = tmp_path_factory.mktemp("reasoners")
    report = replace(EXPERIMENT, units=lambda size: few).reproduce("smoke", directory, jobs=1)
    return report, RowStore(directory / UNITS).rows()


@pytest.fixture(scope="module")
def measured(finished):
    return finished[1]


def solved_by_every_draw(tokens, solution, score):
    """Sum over all digits that may be drawn, in the order of the score, of the probability of the solution."""
    hidden = tokens == PEERS.vocabulary
    if not hidden.any():
        return float((tokens == solution).all())
    batch, generator = torch.from_numpy(tokens[None]), torch.Generator()
    answers = PEERS(batch)
    values = score(answers, torch.from_numpy(hidden[None]), generator)[0].numpy()
    cell = int(np.where(hidden, values, -np.inf).argmax())
    total = 0.0
    for digit, log_prob in enumerate(answers[0, cell].tolist()):
        if log_prob > -np.inf:
            after = tokens.copy()
            after[cell] = digit
            total += np.exp(log_prob) * solved_by_every_draw(after, solution, score)
    return total


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), name=st.sampled_from([TOP, MARGIN, "negative entropy"]))
def test_the_chance_along_the_solution_is_the_sum_over_all_draws(seed, name):
    tokens, solutions = ambiguous(7, 1, seed)
    path = follow_solution(PEERS, tokens, solutions, ORDERS[name], 0)
    assert path.solved[0] == pytest.approx(solved_by_every_draw(tokens[0], solutions[0], ORDERS[name]), abs=1e-12)


@pytest.mark.parametrize("name", [VANILLA, MARGIN])
def test_boards_are_solved_as_often_as_the_chances_say(name):
    """Four standard errors, one false alarm in 16,000; the other order's chances are told apart."""
    tokens, solutions = ambiguous(5, 1000)
    path = follow_solution(PEERS, tokens, solutions, ORDERS[name], 0)
    decoder = Decoder(ORDERS[name], one_per_step(), sample_token())
    drawn = decode(PEERS, torch.from_numpy(tokens), decoder, torch.Generator().manual_seed(1)).tokens.numpy()
    solved = (drawn == solutions).all(axis=1)
    other = follow_solution(PEERS, tokens, solutions, ORDERS[MARGIN if name == VANILLA else VANILLA], 0)

    def z(chances):
        return (solved - chances).mean() / (solved - chances).std() * len(solved) ** 0.5

    assert abs(z(path.solved)) < 4 < abs(z(other.solved))


@pytest.mark.parametrize("over", [None, 60])
@pytest.mark.parametrize("name", [TOP, MARGIN, "log-probability"])
def test_early_guesses_have_the_law_of_the_weights(name, over):
    """Four standard errors; a prediction with half the noise is refused."""
    tokens, solutions = boards(NINE, 25)
    path = follow_solution(SINGLES, tokens, solutions, ORDERS[name], 0, ScoreNoise(0.5, over))
    halved = follow_solution(SINGLES, tokens, solutions, ORDERS[name], 0, ScoreNoise(0.25, over))
    counted = path.early_guesses.sum()
    error = np.sqrt((path.early * (1 - path.early)).sum())
    assert abs(counted - path.early.sum()) < 4 * error < abs(counted - halved.early.sum())


def test_without_noise_adaptive_rules_guess_only_when_nothing_is_certain():
    tokens, solutions = boards(NINE, 20)
    for name in ORDERS:
        path = follow_solution(SINGLES, tokens, solutions, ORDERS[name], 0)
        assert path.early_guesses.any() == (name in (VANILLA, "left to right")), name
        assert (path.early == 0).all()


def test_a_path_accounts_for_every_cell():
    tokens, solutions = boards(NINE, 12)
    path = follow_solution(SINGLES, tokens, solutions, margin_score, 0)
    masks = (tokens == 9).sum(axis=1)
    assert ((path.candidates > 0).sum(axis=1) == masks).all()
    assert (np.sort(path.revealed_at, axis=1)[:, ::-1][:, 0] == masks - 1).all()
    assert ((path.revealed_at == -1) == (tokens != 9)).all()
    np.testing.assert_array_equal(path.first_guess > 0, path.guesses.any(axis=1))
    np.testing.assert_allclose(path.solved, 1 / np.maximum(path.candidates, 1).prod(axis=1))


def test_boards_do_not_depend_on_their_batch():
    tokens, solutions = boards(NINE, 7)
    whole = follow_solution(SINGLES, tokens, solutions, margin_score, 0)
    parts = follow_solution(SINGLES, tokens, solutions, margin_score, 0, batch_size=3)
    np.testing.assert_array_equal(whole.revealed_at, parts.revealed_at)
    np.testing.assert_array_equal(whole.candidates, parts.candidates)


def test_rules_that_are_one_on_uniform_answers():
    tokens, solutions = boards(SudokuSource(levels=(4, 8)), 15)
    paths = {name: follow_solution(SINGLES, tokens, solutions, ORDERS[name], 0) for name in ORDERS}
    for name in SAME_AS_TOP:
        np.testing.assert_array_equal(paths[name].revealed_at, paths[TOP].revealed_at)
    for name in (MARGIN, RANDOM_TIES):
        assert (paths[name].revealed_at != paths[TOP].revealed_at).any()
    assert (paths[TOP].first_guess == 2).mean() > 0.9 > (paths[MARGIN].first_guess == 2).mean()


def test_annealed_noise_has_its_full_scale_at_all_masks():
    hidden = torch.tensor([[True, True, True, True], [True, False, False, False]])
    assert ScoreNoise(0.5, 4).scale(hidden).tolist() == [[0.5], [0.125]]
    assert ScoreNoise(0.5).scale(hidden).tolist() == [[0.5], [0.5]]
    assert ScoreNoise().around(top_probability_score) is top_probability_score


def test_what_a_path_refuses():
    tokens, solutions = boards(SMALL, 3)
    swapped = solutions[[1, 2, 0]]
    with pytest.raises(ValueError, match=r"board \d: the solution contradicts"):
        follow_solution(PEERS, tokens, swapped, top_probability_score, 0)
    other = np.where(tokens == 4, (solutions + 1) % 4, solutions)
    with pytest.raises(ValueError, match="excludes the solution's digit"):
        follow_solution(PEERS, tokens, other, top_probability_score, 0)


def test_a_prompted_reasoner_sees_the_givens_and_answers_them():
    tokens, _ = boards(SMALL, 5)
    prompt, empty = torch.from_numpy(tokens), torch.full((5, 16), 4)
    prompted = PromptedReasoner(PEERS, prompt)
    torch.testing.assert_close(prompted(empty), PEERS(prompt))
    filled = decode(prompted, empty, full_rewrite(16), torch.Generator().manual_seed(0), keep_finished=True).tokens
    assert (filled[prompt < 4] == prompt[prompt < 4]).all()
    with pytest.raises(ValueError, match="own prompt"):
        prompted(empty[:2])


def test_a_reasoner_never_overwrites_a_digit():
    """It is certain of what stands on the board, right or wrong: a digit goes only by being masked again."""
    tokens, _ = boards(SMALL, 20)
    trace = decode(PEERS, torch.from_numpy(tokens), full_rewrite(12, noise=0.5), torch.Generator().manual_seed(0)).trace
    standing = torch.from_numpy(tokens) != 4
    for step in trace.steps:
        assert not standing[step.row, step.position].any()
        standing[step.row, step.position] = True
        if step.remasked is not None and len(step.remasked):
            assert standing[tuple(step.remasked.T)].all()
            standing[tuple(step.remasked.T)] = False
    assert trace.remasked().sum() > 0


def test_every_budgeted_rule_has_its_calls():
    rules = call_rules(10, 60)
    assert {rule.at for rule in rules} == {10.0}
    assert len({rule.name for rule in rules}) == len(rules)


def test_rows_fit_together(measured):
    singles = [r for r in measured if r.model == "singles"]
    found = {(r.decoder, r.metric): r for r in singles if r.swept == ONE_EACH and r.method == "chain"}
    assert found[TOP, TOP_EXCESS].value == 0
    difference = found[TOP, BOARD].value - found[MARGIN, BOARD].value
    assert found[MARGIN, TOP_EXCESS].value == pytest.approx(difference)
    for name in (TOP, MARGIN):
        needing = found[name, NEEDING].value
        solved = needing * found[name, FIRST_RIGHT].value * found[name, LATER_RIGHT].value + 1 - needing
        assert found[name, BOARD].value == pytest.approx(solved)
    quiet = [r for r in singles if r.at == 0.0 and r.metric in (BOARD, EARLY_EXCESS)]
    assert {r.value for r in quiet if r.metric == EARLY_EXCESS} == {0.0}
    for row in (r for r in quiet if r.metric == BOARD):
        assert row.value == pytest.approx(found[row.decoder or "", BOARD].value)
    assert all(r.value >= 0 for r in measured if r.metric == REMASKED)
    assert all(r.method == "monte_carlo" for r in measured if r.metric in (REMASKED, SAMPLED_EXCESS, EARLY_EXCESS))


def test_checks_see_what_is_wrong(measured):
    checks = {check.text: check for check in reasoner_checks(measured)}
    assert checks["without noise an adaptive rule never guesses while a cell is certain"].met
    assert reasoner_checks(Rows())[0].met is None
    broken = Rows(replace(r, value=0.0) if r.decoder in SAME_AS_TOP else r for r in measured)
    assert sum(c.met is False for c in reasoner_checks(broken)) > sum(c.met is False for c in checks.values())
    shifted = Rows(replace(r, value=1.0, standard_error=0.1) if r.metric == SAMPLED_EXCESS else r for r in measured)
    assert any("drawn digits" in c.text and c.met is False for c in reasoner_checks(shifted))


def test_a_crossing_is_found_and_interpolated(measured):
    one = next(r for r in measured if r.metric == TOP_EXCESS and r.decoder == MARGIN and r.swept == CONSTANT)
    line = Rows(
        replace(one, at=at, value=value, standard_error=0.01)
        for at, value in ((0.01, 0.1), (0.1, 0.05), (1.0, -0.05), (10.0, -0.2))
    )
    found = crossing(line, CONSTANT)
    assert found is not None
    assert (found.below, found.above) == (0.1, 1.0)
    assert found.between == pytest.approx(10**-0.5)
    assert crossing(line, ANNEALED) is None
    assert crossing(line[:2], CONSTANT) is None
    touching = Rows(replace(row, value=0.0) if row.at == 1.0 else row for row in line)  # zero at a coefficient itself
    found = crossing(touching, CONSTANT)
    assert found is not None
    assert (found.above, found.between) == (10.0, pytest.approx(1.0))
    zero_first = Rows(replace(row, value=0.0) if row.at == 0.1 else row for row in line)
    found = crossing(zero_first, CONSTANT)
    assert found is not None
    assert found.between == pytest.approx(0.1)


def test_the_experiment_goes_from_nothing_to_its_report(finished):
    report, _ = finished
    assert report.read_text().count("<figure>") == 2
    assert len(list((report.parent / "figures").iterdir())) == 4


def test_units_are_named_once_and_share_their_puzzles():
    asked = units(SIZES["smoke"])
    assert len({unit.label for unit in asked}) == len(asked)
    assert {unit.seed for unit in asked} == {0}


def test_figures_need_their_rows(measured):
    assert set(PAPER[SOLVABLE]) == set(TABLE_2)
    with pytest.raises(ValueError, match="no rows of reasoners"):
        draw_reasoner_orders(Rows(), PAPER)
    with pytest.raises(ValueError, match="under noise"):
        draw_reasoner_noise(measured.where(swept=ONE_EACH))
