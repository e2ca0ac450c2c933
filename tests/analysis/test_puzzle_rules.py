"""Rules of the puzzle tables: with exact answers all are perfect, calls are counted, only "sampled" draws tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis.puzzles.answering import answer
from analysis.puzzles.problems import SudokuProblem
from analysis.puzzles.rules import (
    MARGIN,
    ONE_EACH,
    TOP,
    VANILLA,
    adaptive_rules,
    budgeted_rules,
    one_cell_rules,
    own_order_rule,
)
from generators.sudoku import SIZES
from lo_theory.puzzles.candidates import CandidateDenoiser
from lo_theory.puzzles.completions import CompletionsDenoiser

PROBLEM = SudokuProblem(side=4, levels=(2, 8))
FORM = PROBLEM.form(None)
BOARDS = PROBLEM.boards((2, 8), 3, 20)
OPEN = (BOARDS.puzzles == 0).sum(axis=1)
RULES = [*one_cell_rules(int(OPEN.max())), *budgeted_rules(3), *budgeted_rules(30), *adaptive_rules()]


class Indifferent:
    """Every digit alike, everywhere: the argmax is always the first."""

    length, vocabulary = 16, 4

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        return torch.full((*tokens.shape, 4), 0.25).log()


def solved(denoiser, rule) -> float:
    answered = answer(denoiser, FORM, BOARDS, rule.decoder, 0)
    return float(BOARDS.judge(FORM, answered.tokens).solved.mean())


@pytest.mark.parametrize("rule", RULES, ids=lambda r: f"{r.name} {r.at:g}")
def test_who_knows_the_solution_needs_no_order(rule):
    assert solved(CompletionsDenoiser(SIZES[4]), rule) == 1.0


def test_who_sees_singles_needs_one():
    """The control: with one look at the peers of a cell, a random order fails where the sure cells first succeed."""
    found = {rule.name: solved(CandidateDenoiser(SIZES[4], "singles"), rule) for rule in one_cell_rules(12)}
    assert found[MARGIN] == found[TOP] == 1.0
    assert found[VANILLA] < 0.9


def test_names_are_not_shared_within_a_budget():
    for rules in (one_cell_rules(12), budgeted_rules(3), adaptive_rules()):
        assert len({rule.name for rule in rules}) == len(rules)


@pytest.mark.parametrize("rule", one_cell_rules(12), ids=lambda r: r.name)
def test_one_cell_per_call_takes_as_many_calls_as_cells(rule):
    answered = answer(CandidateDenoiser(SIZES[4]), FORM, BOARDS, rule.decoder, 0)
    assert answered.calls == pytest.approx(OPEN.mean())
    assert rule.swept == ONE_EACH
    steps = [sorted(row[row >= 0].tolist()) for row in answered.revealed_at]
    assert steps == [list(range(n)) for n in OPEN]
    np.testing.assert_array_equal(answered.revealed_at < 0, BOARDS.puzzles > 0)


@pytest.mark.parametrize("steps", [1, 3, 30])
def test_a_budget_is_kept(steps):
    for rule in budgeted_rules(steps):
        assert answer(CandidateDenoiser(SIZES[4]), FORM, BOARDS, rule.decoder, 0).calls <= steps
    with pytest.raises(ValueError, match="at least one call; got 0"):
        budgeted_rules(0)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: f"{r.name} {r.at:g}")
def test_tokens_are_the_likeliest_unless_the_name_says_otherwise(rule):
    answered = answer(Indifferent(), FORM, BOARDS, rule.decoder, 0)
    likeliest = (answered.tokens[BOARDS.puzzles == 0] == 0).all()
    assert likeliest == ("sampled" not in rule.name)


def test_a_batch_does_not_change_what_is_in_it():
    rule = one_cell_rules(12)[2]
    whole = answer(CandidateDenoiser(SIZES[4], "peers"), FORM, BOARDS, rule.decoder, 0)
    cut = answer(CandidateDenoiser(SIZES[4], "peers"), FORM, BOARDS, rule.decoder, 0, batch_size=7)
    assert rule.name == MARGIN
    np.testing.assert_array_equal(whole.tokens, cut.tokens)
    np.testing.assert_array_equal(whole.revealed_at, cut.revealed_at)
    assert whole.calls == pytest.approx(cut.calls)


def test_an_order_of_its_own_goes_from_left_to_right():
    answered = answer(Indifferent(), FORM, BOARDS, own_order_rule().decoder, 0)
    for row, n in zip(answered.revealed_at, OPEN, strict=True):
        assert row[row >= 0].tolist() == list(range(n))
