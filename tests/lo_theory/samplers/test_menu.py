"""The menu: who knows the answer needs no order, calls are counted, puzzles draw tokens only where a name says so."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from generators.sudoku import SIZES, SudokuCells, SudokuSource
from lo_theory.puzzles.candidates import CandidateDenoiser
from lo_theory.puzzles.completions import CompletionsDenoiser
from lo_theory.samplers.batches import Sequences, decode_batches, generate
from lo_theory.samplers.menu import (
    FULL_REWRITE,
    IN_STEPS,
    MARGIN,
    ONE_EACH,
    ONE_TOKEN,
    SWEPT,
    TOP,
    TRUST,
    VANILLA,
    board_rules,
    one_cell_rules,
    own_order_rule,
    paper_rules,
    per_call_rules,
    sequence_rules,
    trusting_rules,
)
from lo_theory.samplers.named_decoders import NAMED_DECODERS
from lo_theory.samplers.tokens import argmax_token

SOURCE = SudokuSource(side=4, levels=(2, 8))
FORM = SudokuCells(SOURCE)
BOARDS = SOURCE.rows(3, 0, 20)
OPEN = (BOARDS.puzzles == 0).sum(axis=1)
BUDGETED = [*board_rules(3), *board_rules(30), *trusting_rules(token=argmax_token)]
RULES = [*one_cell_rules(int(OPEN.max())), *BUDGETED]


class Indifferent:
    """Every digit alike, everywhere: the argmax is always the first."""

    vocabulary = 4

    def __init__(self, length: int = 16) -> None:
        self.length = length

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        return torch.full((*tokens.shape, 4), 0.25).log()


def answer(denoiser, rule, batch_size=500) -> Sequences:
    prompts = torch.from_numpy(FORM.prompt(BOARDS.puzzles)).split(batch_size)
    return decode_batches(denoiser, prompts, rule.decoder, torch.Generator().manual_seed(0))


def solved(denoiser, rule) -> float:
    return float((FORM.read(answer(denoiser, rule).tokens) == BOARDS.solutions).all(axis=1).mean())


@pytest.mark.parametrize("rule", RULES, ids=lambda r: f"{r.name} {r.at:g}")
def test_who_knows_the_solution_needs_no_order(rule):
    assert solved(CompletionsDenoiser(SIZES[4]), rule) == 1.0


def test_who_sees_singles_needs_one():
    """The control: with one look at the peers of a cell, a random order fails where the sure cells first succeed."""
    found = {rule.name: solved(CandidateDenoiser(SIZES[4], "singles"), rule) for rule in one_cell_rules(12)}
    assert found[MARGIN] == found[TOP] == 1.0
    assert found[VANILLA] < 0.9


def test_names_are_not_shared_within_a_budget():
    for rules in (one_cell_rules(12), board_rules(3), trusting_rules(token=argmax_token)):
        assert len({rule.name for rule in rules}) == len(rules)


@pytest.mark.parametrize("rule", one_cell_rules(12), ids=lambda r: r.name)
def test_one_cell_per_call_takes_as_many_calls_as_cells(rule):
    answered = answer(CandidateDenoiser(SIZES[4]), rule)
    assert answered.calls == pytest.approx(OPEN.mean())
    assert rule.swept == ONE_EACH
    steps = [sorted(row[row >= 0].tolist()) for row in answered.revealed_at]
    assert steps == [list(range(n)) for n in OPEN]
    np.testing.assert_array_equal(answered.revealed_at < 0, BOARDS.puzzles > 0)


@pytest.mark.parametrize("steps", [1, 3, 30])
def test_a_budget_is_kept(steps):
    for rule in board_rules(steps):
        assert answer(CandidateDenoiser(SIZES[4]), rule).calls <= steps
    with pytest.raises(ValueError, match="at least one call; got 0"):
        board_rules(0)


@pytest.mark.parametrize("steps", [1, 4, 10])
def test_sequences_take_the_steps_that_they_are_given(steps):
    for rule in sequence_rules(10, steps):
        drawn = generate(Indifferent(10), rule.decoder, 30, torch.Generator().manual_seed(0))
        assert drawn.batch_calls == steps
        assert (rule.swept, rule.at) == (IN_STEPS, float(steps))
    assert list(paper_rules(10, steps)) == [VANILLA, TOP, MARGIN]
    for bad in (0, 11):
        with pytest.raises(ValueError, match=rf"1\.\.10, .* got {bad}"):
            sequence_rules(10, bad)


@pytest.mark.parametrize("tokens", [1, 3, 10, 100])
def test_so_many_tokens_per_call(tokens):
    for rule in per_call_rules(10, tokens):
        drawn = generate(Indifferent(10), rule.decoder, 30, torch.Generator().manual_seed(0))
        assert (drawn.tokens < 4).all()
        assert rule.name in NAMED_DECODERS
        if rule.swept == ONE_TOKEN:
            assert drawn.batch_calls == math.ceil(10 / tokens)


def test_trust_has_its_own_dial():
    for settings in (SWEPT, {name: positions[:1] for name, positions in SWEPT.items()}):
        found = [(rule.name, rule.swept, rule.at) for rule in trusting_rules(settings)]
        assert found == [(name, TRUST[name], at) for name, positions in settings.items() for at in positions]


def test_a_full_rewrite_is_noised_where_sequences_are_drawn_and_for_puzzles_if_it_says_so():
    drawn = {rule.name: rule.decoder for rule in sequence_rules(10, 5)}
    boards = {rule.name: rule.decoder for rule in board_rules(5)}
    for decoder, noised in ((drawn[FULL_REWRITE], True), (boards[FULL_REWRITE], False)):
        one, two = (
            generate(Indifferent(10), decoder, 30, torch.Generator().manual_seed(seed)).revealed_at for seed in (0, 1)
        )
        assert (one != two).any() == noised


@pytest.mark.parametrize("rule", RULES, ids=lambda r: f"{r.name} {r.at:g}")
def test_tokens_are_the_likeliest_unless_the_name_says_otherwise(rule):
    answered = answer(Indifferent(), rule)
    likeliest = (answered.tokens[BOARDS.puzzles == 0] == 0).all()
    assert likeliest == ("sampled" not in rule.name)


def test_a_batch_does_not_change_what_is_in_it():
    rule = one_cell_rules(12)[2]
    whole = answer(CandidateDenoiser(SIZES[4], "peers"), rule)
    cut = answer(CandidateDenoiser(SIZES[4], "peers"), rule, batch_size=7)
    assert rule.name == MARGIN
    np.testing.assert_array_equal(whole.tokens, cut.tokens)
    np.testing.assert_array_equal(whole.revealed_at, cut.revealed_at)
    assert whole.calls == pytest.approx(cut.calls)


def test_an_order_of_its_own_goes_from_left_to_right():
    answered = answer(Indifferent(), own_order_rule())
    for row, n in zip(answered.revealed_at, OPEN, strict=True):
        assert row[row >= 0].tolist() == list(range(n))
