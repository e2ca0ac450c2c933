"""On the boundary itself: a threshold that is just met, a probability of zero, a bound that is reached.

A rule that says "at least" reveals there and one that says "more than" does not, a draw of [0, 1) lies below a
probability or it does not: so no event of probability zero ever happens and none of probability one fails to.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from generators.ground.draws import replace_noisily, uniforms
from lo_theory.denoisers.denoiser import answer_entropy
from lo_theory.samplers import remask, reveal
from lo_theory.samplers.blocks import in_blocks
from lo_theory.samplers.confidence_reveal import (
    answer_divergence,
    confidence_threshold,
    entropy_bounded,
    stable_and_confident,
)
from lo_theory.samplers.remask import (
    RemaskSchedule,
    plateau,
    remask_doubted,
    remask_independently,
    rescaled,
    reveal_against_remasking,
)
from lo_theory.samplers.reveal import binomial, independent, one_per_step, reveal_probability
from lo_theory.samplers.rewrite import doubting_planner, rewriting_planner
from lo_theory.samplers.situation import Situation
from lo_theory.schedules import LINEAR, NoiseSchedule


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def moment(probs: Any, previous: Any = None, step: int = 0, generated: bool = False) -> Situation:
    """One row, its positions scored from left to right; all hidden, or all generated before."""
    log_probs = torch.tensor([probs], dtype=torch.float64).log()
    hidden = torch.full(log_probs.shape[:2], not generated)
    return Situation(
        step=step,
        tokens=torch.where(hidden, log_probs.shape[2], 0),
        given=torch.zeros_like(hidden),
        hidden=hidden,
        score=-torch.arange(hidden.shape[1], dtype=torch.float64)[None].masked_fill(~hidden, math.inf),
        log_probs=log_probs,
        previous=None if previous is None else torch.tensor([previous], dtype=torch.float64).log(),
        revealed_log_prob=torch.zeros(hidden.shape, dtype=torch.float64),
    )


def chosen(rule: Any, now: Situation) -> list[int]:
    return rule.choose(now, seeded())[0].nonzero().squeeze(1).tolist()


def above(bound: float) -> float:
    return math.nextafter(bound, math.inf)


def below(bound: float) -> float:
    return math.nextafter(bound, -math.inf)


UNSURE, SURE, CERTAIN = [0.4, 0.3, 0.3], [0.1, 0.7, 0.2], [0.0, 1.0, 0.0]


def test_a_probability_at_the_threshold_reaches_it():
    """It says "at least"; the first position by score is the one that goes if none reaches it."""
    now = moment([UNSURE, SURE, UNSURE, CERTAIN])
    top = float(now.log_probs.amax(dim=-1).exp()[0, 1])
    assert chosen(confidence_threshold(below(top)), now) == [1, 3]
    assert chosen(confidence_threshold(top), now) == [1, 3]
    assert chosen(confidence_threshold(above(top)), now) == [3]
    assert chosen(confidence_threshold(1.0), now) == [3]
    assert chosen(confidence_threshold(above(1.0)), now) == [0]


def test_entropies_that_add_up_to_the_bound_are_within_it():
    """It says "at most"; of two equal entropies all but the largest are one of them, exactly."""
    now = moment([SURE] * 4)
    one = float(answer_entropy(now.log_probs[0])[0])
    assert chosen(entropy_bounded(below(one)), now) == [0]
    assert chosen(entropy_bounded(one), now) == [0, 1]
    assert chosen(entropy_bounded(0.0), moment([CERTAIN, SURE, CERTAIN, SURE])) == [0, 1, 2]


def test_an_answer_that_moved_by_the_bound_is_not_stable():
    """It says "below"; an answer that has not moved at all has moved by 0."""
    now = moment([UNSURE, SURE], previous=[CERTAIN, [0.2, 0.7, 0.1]])
    moved = float(answer_divergence(now.log_probs, now.previous)[0, 1])
    assert moved > 0
    assert chosen(stable_and_confident(moved, 0.5), now) == [0]
    assert chosen(stable_and_confident(above(moved), 0.5), now) == [1]
    still = moment([UNSURE, SURE], previous=[CERTAIN, SURE])
    assert chosen(stable_and_confident(0.0, 0.5), still) == [0]
    assert chosen(stable_and_confident(5e-324, 0.5), still) == [1]


def test_an_answer_at_the_threshold_of_klass_is_not_confident():
    """It says "more than", other than :func:`confidence_threshold`; nothing is more probable than 1."""
    now = moment([UNSURE, SURE, CERTAIN], previous=[UNSURE, SURE, CERTAIN])
    top = float(now.log_probs.amax(dim=-1).exp()[0, 1])
    assert chosen(stable_and_confident(0.1, below(top)), now) == [1, 2]
    assert chosen(stable_and_confident(0.1, top), now) == [2]
    assert chosen(stable_and_confident(0.1, 1.0), now) == [0]


def drawing(monkeypatch: pytest.MonkeyPatch, uniform: float) -> None:
    """Every uniform number that a rule draws is this one."""
    for module in (reveal, remask):
        monkeypatch.setattr(module, "uniform_noise", lambda shape, *_: torch.full(shape, uniform, dtype=torch.float64))


WITHOUT_MASKS = NoiseSchedule("constant", lambda t: torch.full_like(t, 0.5), lambda t: torch.zeros_like(t))
"""As many masks at every time: the probability to reveal is 0 before the last step."""


@pytest.mark.parametrize("rule", [independent, binomial])
def test_what_is_drawn_at_the_probability_itself_is_not_revealed(monkeypatch, rule):
    now = moment([SURE] * 3)
    share = reveal_probability(0, 4, LINEAR)
    for uniform, expected in ((below(share), [0, 1, 2]), (share, []), (above(share), [])):
        drawing(monkeypatch, uniform)
        assert chosen(rule(4), now) == expected


@pytest.mark.parametrize("rule", [independent, binomial])
def test_at_probability_zero_nothing_is_revealed_and_at_one_everything(monkeypatch, rule):
    drawing(monkeypatch, 0.0)
    assert reveal_probability(0, 4, WITHOUT_MASKS) == 0
    assert chosen(rule(4, WITHOUT_MASKS), moment([SURE] * 3)) == []
    drawing(monkeypatch, below(1.0))
    assert chosen(rule(4, WITHOUT_MASKS), moment([SURE] * 3, step=3)) == [0, 1, 2]


def test_the_last_step_leaves_nothing_hidden_whatever_the_schedule_says_of_time_zero():
    timing = RemaskSchedule(4, WITHOUT_MASKS, rescaled(1.0))
    assert reveal_probability(3, 4, WITHOUT_MASKS) == timing.reveal_probability(3) == 1
    assert (timing.masked(3), timing.sigma(3)) == ((0.5, 0.0), 0.0)
    assert timing.masked(2) == (0.5, 0.5)


CLOSED = RemaskSchedule(4, LINEAR, rescaled(1.0), window=(0.5, 0.75))
"""Tokens return at the second step alone, t = 3/4, with probability (1/2) / (1/4), so all of them."""


def test_what_is_drawn_at_the_strength_itself_is_not_masked_again(monkeypatch):
    timing = RemaskSchedule(4, LINEAR, rescaled(0.25))
    now = moment([SURE] * 3, step=2, generated=True)
    sigma = timing.sigma(2)
    assert 0 < sigma < 1
    for uniform, expected in ((below(sigma), [0, 1, 2]), (sigma, [])):
        drawing(monkeypatch, uniform)
        assert chosen(remask_independently(timing), now) == expected
    shared = float(sigma * torch.zeros(3, dtype=torch.float64).softmax(dim=0)[0])  # equal doubts, equal weights
    for uniform, expected in ((below(shared), [0, 1, 2]), (shared, [])):
        drawing(monkeypatch, uniform)
        assert chosen(remask_doubted(timing), now) == expected


def test_where_the_window_is_closed_nothing_is_masked_again(monkeypatch):
    drawing(monkeypatch, 0.0)
    assert [CLOSED.sigma(step) for step in range(4)] == [0.0, 1.0, 0.0, 0.0]
    for rule in (remask_independently(CLOSED), remask_doubted(CLOSED)):
        assert [chosen(rule, moment([SURE] * 3, step=step, generated=True)) for step in (0, 2, 3)] == [[], [], []]
        assert chosen(rule, moment([SURE] * 3, step=1, generated=True)) == [0, 1, 2]


def test_what_is_drawn_at_the_probability_against_remasking_stays_hidden(monkeypatch):
    timing = RemaskSchedule(4, LINEAR, rescaled(0.25))
    now, share = moment([SURE] * 3, step=1), timing.reveal_probability(1)
    assert 0 < share < 1
    for uniform, expected in ((below(share), [0, 1, 2]), (share, [])):
        drawing(monkeypatch, uniform)
        assert chosen(reveal_against_remasking(timing), now) == expected


def test_a_plateau_is_level_at_both_its_ends_and_weighs_nothing_there_but_at_the_lower_one():
    schedule = plateau(0.5, 0.75, 0.25)
    times = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    assert schedule.masked(times).tolist() == [0.5, 0.5, 0.5]
    assert schedule.weight(times).tolist() == [4.0, 0.0, 0.0]


@pytest.mark.parametrize("wrong", [(0.0, 0.5, 0.2), (1.0, 0.5, 0.2), (0.5, 0.5, 0.0), (0.5, 1.0, 0.2), (0.5, 0.2, 0.5)])
def test_a_plateau_of_no_height_or_no_slope_is_refused(wrong):
    with pytest.raises(ValueError, match="a plateau needs"):
        plateau(*wrong)
    plateau(0.5, 0.5, 0.5)  # but it may have no length


def test_where_its_noise_has_died_out_a_planner_draws_nothing():
    """So that what is drawn next does not depend on it."""
    now, draws = with_draft(CERTAIN), seeded()
    before = draws.get_state()
    for noise, step in ((0.5, 3), (0.5, 4), (0.0, 0)):
        rewriting_planner(4, noise).plan(replace(now, step=step), draws)
        assert torch.equal(draws.get_state(), before)
    rewriting_planner(4, 0.5).plan(replace(now, step=2), draws)
    assert not torch.equal(draws.get_state(), before)


def test_without_doubt_a_token_that_has_become_impossible_is_trusted():
    plans = {
        doubt: doubting_planner(doubt).plan(with_draft(CERTAIN), seeded()).tolist() for doubt in (0.0, 5e-324, 1.0)
    }
    assert plans == {0.0: [[0.0]], 5e-324: [[-math.inf]], 1.0: [[-math.inf]]}


def with_draft(answer: list[float]) -> Situation:
    """One position where a 0 was generated, and would stay."""
    now = moment([answer], generated=True)
    return replace(now, draft=now.tokens)


def test_the_smallest_blocks_are_single_positions():
    assert chosen(in_blocks(one_per_step(), 1, 1), moment([SURE])) == [0]
    with pytest.raises(ValueError, match="length 0"):
        in_blocks(one_per_step(), 1, 0)


@pytest.mark.parametrize("alphabet", [2, 3])
def test_noise_replaces_below_its_rate_and_not_at_it(alphabet):
    """The words around a rate that is a multiple of 2**-53, and those around 0 and 1."""
    edge = int(0.3 * 2**53) << 11
    raw = np.array([[edge - 1, edge]], dtype=np.uint64)
    rate = float(uniforms(raw)[0, 1])
    values = np.zeros((1, 2), dtype=np.uint8)
    assert (replace_noisily(values, rate, alphabet, raw) != 0).tolist() == [[True, False]]
    ends = np.array([[0, 2**64 - 1]], dtype=np.uint64)
    assert (replace_noisily(values, 1.0, alphabet, ends) != 0).all()
    assert not replace_noisily(values, 0.0, alphabet, ends).any()
