"""How many positions a step reveals, and which."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, chisquare

from lo_theory.samplers.reveal import (
    RevealRule,
    binomial,
    counted,
    independent,
    k_per_step,
    least_confident_first,
    one_per_step,
    reveal_probability,
    reveal_top_k,
    scheduled,
    scheduled_counts,
)
from lo_theory.samplers.situation import Situation
from lo_theory.schedules import COSINE, LINEAR, NoiseSchedule, polynomial

SCHEDULES = [LINEAR, COSINE, polynomial(2.0), polynomial(0.5)]
ids = [schedule.name for schedule in SCHEDULES]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blank(step: int, hidden: torch.Tensor, score: torch.Tensor | None = None) -> Situation:
    """A moment of decoding in which every hidden position is scored alike, unless scores are given."""
    score = torch.zeros(hidden.shape) if score is None else score
    return Situation(
        step=step,
        tokens=torch.where(hidden, 2, 0),
        given=torch.zeros_like(hidden),
        hidden=hidden,
        score=score.double().masked_fill(~hidden, -math.inf),
        log_probs=torch.zeros(*hidden.shape, 2, dtype=torch.float64),
    )


def run(rule: RevealRule, hidden: torch.Tensor, generator: torch.Generator) -> list[torch.Tensor]:
    """Chosen positions of each step, scores all equal."""
    steps, hidden = [], hidden.clone()
    while hidden.any():
        chosen = rule.choose(blank(len(steps), hidden), generator)
        assert not (chosen & ~hidden).any(), "a rule never chooses a visible position"
        steps.append(chosen)
        hidden = hidden & ~chosen
        assert len(steps) <= 1000
    return steps


@given(data=st.data())
def test_top_k_takes_the_best_hidden_positions_ties_to_the_lower(data):
    """Against sorting in plain Python; scores with many ties and infinities."""
    rows, length = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 6))
    cell = st.sampled_from([-math.inf, -1.0, 0.0, 0.5, math.inf])
    score = data.draw(st.lists(st.lists(cell, min_size=length, max_size=length), min_size=rows, max_size=rows))
    hidden = data.draw(
        st.lists(st.lists(st.booleans(), min_size=length, max_size=length), min_size=rows, max_size=rows)
    )
    k = data.draw(st.lists(st.integers(0, length + 1), min_size=rows, max_size=rows))
    chosen = reveal_top_k(torch.tensor(score, dtype=torch.float64), torch.tensor(hidden), torch.tensor(k))
    for b in range(rows):
        ranked = sorted((i for i in range(length) if hidden[b][i]), key=lambda i: (-score[b][i], i))
        assert chosen[b].nonzero().squeeze(1).tolist() == sorted(ranked[: k[b]])


@pytest.mark.parametrize("k", [1, 2, 5])
def test_k_per_step_reveals_k_of_every_row_and_then_the_rest(k):
    hidden = torch.tensor([[True] * 7, [True, False, True, False, True, False, False], [False] * 7])
    steps = run(k_per_step(k), hidden, seeded())
    assert len(steps) == math.ceil(7 / k)
    for row, total in enumerate((7, 3, 0)):
        counts = [int(chosen[row].sum()) for chosen in steps]
        assert counts == [min(k, max(0, total - k * step)) for step in range(len(steps))]


def test_one_per_step_takes_equal_scores_from_the_left():
    steps = run(one_per_step(), torch.tensor([[True, False, True, True]]), seeded())
    assert [chosen[0].nonzero().item() for chosen in steps] == [0, 2, 3]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=ids)
@pytest.mark.parametrize("steps", [1, 3, 7, 40])
def test_the_number_of_reveals_equals_the_schedule(schedule, steps):
    """K of every step from alpha, for rows with unequal numbers of masks; nothing is left after the last step."""
    hidden = torch.zeros(4, 20, dtype=torch.bool)
    for row, masks in enumerate((20, 13, 1, 0)):
        hidden[row, :masks] = True
    chosen = run(scheduled(steps, schedule), hidden, seeded())
    assert len(chosen) <= steps
    for row, masks in enumerate((20, 13, 1, 0)):
        for step in range(len(chosen)):
            times = torch.tensor([1 - step / steps, 1 - (step + 1) / steps], dtype=torch.float64)
            alpha_t, alpha_s = schedule.alpha(times).tolist()
            share = 1.0 if step == steps - 1 else (alpha_s - alpha_t) / (1 - alpha_t)
            expected = math.floor(masks * share + 0.5 + 1e-9)
            assert int(chosen[step][row].sum()) == expected
            masks -= expected
        assert masks == 0
        counts = scheduled_counts((20, 13, 1, 0)[row], steps, schedule)
        assert list(counts[: len(chosen)]) == [int(c[row].sum()) for c in chosen]
        assert sum(counts) == (20, 13, 1, 0)[row]
        assert len(counts) == steps


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_the_last_step_takes_all_and_does_not_ask_the_schedule_at_time_zero(steps):
    """Schedules are defined on (0, 1]."""
    positive = NoiseSchedule("positive", lambda t: torch.where(t > 0, t, math.nan), LINEAR.weight)
    shares = [reveal_probability(step, steps, positive) for step in range(steps + 1)]
    assert shares == pytest.approx([*(1 / (steps - step) for step in range(steps)), 1.0], abs=1e-12)
    assert shares[steps - 1] == 1.0


def test_a_linear_schedule_reveals_evenly():
    chosen = run(scheduled(5), torch.ones(1, 20, dtype=torch.bool), seeded())
    assert [int(c.sum()) for c in chosen] == [4, 4, 4, 4, 4]


def test_halves_are_rounded_up():
    chosen = run(scheduled(2), torch.ones(1, 5, dtype=torch.bool), seeded())
    assert [int(c.sum()) for c in chosen] == [3, 2]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=ids)
def test_the_reverse_process_reveals_independently_with_the_stated_probability(schedule):
    """The number revealed in a step is binomial: chi-square of 5000 rows, false alarm 1e-5; the last step takes all."""
    hidden, steps = torch.ones(5000, 4, dtype=torch.bool), 3
    chosen = independent(steps, schedule).choose(blank(1, hidden), seeded(1))
    alpha_t, alpha_s = schedule.alpha(torch.tensor([2 / 3, 1 / 3], dtype=torch.float64)).tolist()
    p = (alpha_s - alpha_t) / (1 - alpha_t)
    assert reveal_probability(1, steps, schedule) == pytest.approx(p, abs=1e-12)
    counts = np.bincount(chosen.sum(dim=1).numpy(), minlength=5)
    assert chisquare(counts, 5000 * binom.pmf(range(5), 4, p)).pvalue > 1e-5
    assert chisquare(counts, 5000 * binom.pmf(range(5), 4, 0.8 * p)).pvalue < 1e-10, "negative control"
    assert len(run(independent(steps, schedule), hidden, seeded())) == steps


@pytest.mark.parametrize("schedule", SCHEDULES, ids=ids)
def test_binomial_reveals_the_best_with_a_binomial_number(schedule):
    """The set is a function of its size, and the size is binomial: chi-square of 5000 rows, false alarm 1e-5."""
    hidden = torch.tensor([True, True, False, True, True]).expand(5000, 5)
    score = torch.tensor([0.1, 0.9, 5.0, 0.3, 0.9]).expand(5000, 5)  # best first: 1, 4, 3, 0
    chosen = binomial(3, schedule).choose(blank(1, hidden, score), seeded(2))
    sets = {0: [], 1: [1], 2: [1, 4], 3: [1, 3, 4], 4: [0, 1, 3, 4]}
    for row in chosen.unique(dim=0):
        assert row.nonzero().squeeze(1).tolist() == sets[int(row.sum())]
    p = reveal_probability(1, 3, schedule)
    counts = np.bincount(chosen.sum(dim=1).numpy(), minlength=5)
    assert chisquare(counts, 5000 * binom.pmf(range(5), 4, p)).pvalue > 1e-5
    assert chisquare(counts, 5000 * binom.pmf(range(5), 4, 0.8 * p)).pvalue < 1e-10, "negative control"
    assert len(run(binomial(3, schedule), hidden[:50], seeded())) <= 3


@pytest.mark.parametrize("make", [binomial, independent])
def test_what_is_drawn_for_a_row_does_not_depend_on_the_masks_of_others(make):
    some = torch.tensor([[True, False, True, False], [True, True, True, False]])
    more = torch.tensor([[True, True, True, True], [True, True, True, False]])
    for seed in range(20):
        one, two = (make(3).choose(blank(0, hidden), seeded(seed))[1] for hidden in (some, more))
        assert torch.equal(one, two)


def test_counts_are_followed_and_the_last_step_takes_the_rest():
    hidden = torch.tensor([[True] * 9, [True, False, True] * 3, [True] * 2 + [False] * 7])
    steps = run(counted([1, 4, 2]), hidden, seeded())
    assert [[int(chosen[row].sum()) for chosen in steps] for row in range(3)] == [[1, 4, 4], [1, 4, 1], [1, 1, 0]]
    assert counted([1, 4, 2]).steps == 3
    score = torch.arange(9.0).expand(3, 9)
    assert counted([3, 1]).choose(blank(0, hidden, score), seeded())[1].nonzero().squeeze(1).tolist() == [5, 6, 8]


def test_the_worst_come_first_one_per_step_and_then_the_rule_goes_on():
    hidden = torch.tensor([[True] * 5, [False, True, True, False, True]])
    score = torch.tensor([3.0, 1.0, 1.0, 5.0, 4.0]).double().expand(2, 5)
    started = least_confident_first(k_per_step(2), 2)
    chosen = [started.choose(blank(step, hidden, score), seeded()) for step in range(3)]
    assert [[row.nonzero().squeeze(1).tolist() for row in one] for one in chosen] == [
        [[1], [1]], [[1], [1]], [[3, 4], [1, 4]]
    ]  # fmt: skip
    for rule in (k_per_step(2), scheduled(4), counted([2, 2, 2])):
        for tokens in (0, 2):
            steps = run(least_confident_first(rule, tokens), hidden, seeded())
            assert [int(one[0].sum()) for one in steps[:tokens]] == [1] * tokens
            assert torch.equal(torch.stack(steps).sum(dim=0), hidden.long())  # every one once
        assert least_confident_first(rule, 2).steps == rule.steps
        same = [run(one, hidden, seeded()) for one in (rule, least_confident_first(rule, 0))]
        assert all(torch.equal(*pair) for pair in zip(*same, strict=True))
    with pytest.raises(ValueError, match="no fewer than 0 tokens come first; got -1"):
        least_confident_first(k_per_step(1), -1)
    with pytest.raises(ValueError, match="everything in 3 steps, so fewer tokens come first; got 3"):
        least_confident_first(scheduled(3), 3)


@pytest.mark.parametrize("counts", [[], [1, 0, 2], [-1]])
def test_counts_that_reveal_nothing_are_refused(counts):
    with pytest.raises(ValueError, match="at least 1"):
        counted(counts)


def test_with_one_step_everything_is_revealed_at_once():
    for rule in (scheduled(1), independent(1), binomial(1), counted([2])):
        assert len(run(rule, torch.ones(3, 9, dtype=torch.bool), seeded())) == 1


@pytest.mark.parametrize("make", [k_per_step, scheduled, independent, binomial])
@pytest.mark.parametrize("number", [0, -3])
def test_rules_that_reveal_nothing_are_refused(make, number):
    with pytest.raises(ValueError, match=f"got (k|steps) = {number}"):
        make(number)


def test_halves_are_revealed_upwards_however_many_masks_there_are():
    """An expectation of exactly 3.5: single precision would lose what decides, and reveal 3 or 4 by accident."""
    assert scheduled_counts(287, 82)[0] == 4
    for masks in range(1, 400):
        assert scheduled_counts(masks, 2)[0] == (masks + 1) // 2
    hidden = torch.ones((1, 287), dtype=torch.bool)
    assert int(run(scheduled(82), hidden, seeded())[0].sum()) == 4
