"""Reveal rules that look at the answers, against plain Python; none of them stalls."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lo_theory.samplers.confidence_reveal import (
    answer_divergence,
    confidence_threshold,
    entropy_bounded,
    stable_and_confident,
)
from lo_theory.samplers.situation import Situation

V = 3
RULES = {
    "threshold never reached": confidence_threshold(1.1),
    "threshold": confidence_threshold(0.6),
    "entropy, no slack": entropy_bounded(0.0),
    "entropy": entropy_bounded(0.7),
    "never stable": stable_and_confident(0.0, 0.0),
    "klass": stable_and_confident(0.05, 0.6),
    "klass, three": stable_and_confident(0.05, 0.6, 3),
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moment(probs, hidden, score, previous=None) -> Situation:
    """One moment of decoding from lists: answers (B, L, V), hidden (B, L), scores (B, L)."""
    hidden, log_probs = torch.tensor(hidden), torch.tensor(probs, dtype=torch.float64).log()
    return Situation(
        step=0,
        tokens=torch.where(hidden, V, 0),
        given=~hidden,
        hidden=hidden,
        score=torch.tensor(score, dtype=torch.float64).masked_fill(~hidden, -math.inf),
        log_probs=log_probs,
        previous=None if previous is None else torch.tensor(previous, dtype=torch.float64).log(),
    )


ANSWERS = [[1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.6, 0.4, 0.0], [0.2, 0.2, 0.6], [0.1, 0.8, 0.1], [1 / 3] * 3]


@st.composite
def moments(draw, most_rows: int = 3):
    rows, length = draw(st.integers(1, most_rows)), draw(st.integers(1, 5))

    def table(cell):
        return draw(st.lists(st.lists(cell, min_size=length, max_size=length), min_size=rows, max_size=rows))

    answer = st.sampled_from(ANSWERS)
    previous = draw(st.booleans())
    return (
        table(answer),
        table(st.booleans()),
        table(st.sampled_from([0.0, 0.5, 1.0])),
        table(answer) if previous else None,
    )


def ranked(hidden, score):
    return sorted((i for i, h in enumerate(hidden) if h), key=lambda i: (-score[i], i))


def entropy(p):
    return -sum(q * math.log(q) for q in p if q > 0)


def divergence(p, q):
    if any(a > 0 and b == 0 for a, b in zip(p, q, strict=True)):
        return math.inf
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def expected_threshold(threshold, probs, hidden, score, previous):
    return {i for i in ranked(hidden, score) if max(probs[i]) >= threshold} or set(ranked(hidden, score)[:1])


def expected_entropy(gamma, probs, hidden, score, previous):
    """Every prefix is tried; they are nested, so the longest is the union."""
    order = ranked(hidden, score)
    allowed = set()
    for n in range(1, len(order) + 1):
        entropies = [entropy(probs[i]) for i in order[:n]]
        if sum(entropies) - max(entropies) <= gamma:
            allowed = set(order[:n])
    return allowed


def expected_klass(bounds, probs, hidden, score, previous):
    eps, tau, k = bounds
    order = ranked(hidden, score)
    ready = {i for i in order if previous and divergence(probs[i], previous[i]) < eps and max(probs[i]) > tau}
    return ready or set(order[:k])


EXPECTED = [
    (confidence_threshold(0.6), expected_threshold, 0.6),
    (confidence_threshold(0.7), expected_threshold, 0.7),
    (confidence_threshold(0.0), expected_threshold, 0.0),
    (confidence_threshold(1.5), expected_threshold, 1.5),
    (entropy_bounded(0.0), expected_entropy, 0.0),
    (entropy_bounded(0.75), expected_entropy, 0.75),
    (entropy_bounded(1.5), expected_entropy, 1.5),
    (entropy_bounded(math.inf), expected_entropy, math.inf),
    (stable_and_confident(0.05, 0.5), expected_klass, (0.05, 0.5, 1)),
    (stable_and_confident(0.3, 0.5, 2), expected_klass, (0.3, 0.5, 2)),
    (stable_and_confident(1.0, 0.9, 3), expected_klass, (1.0, 0.9, 3)),
]


@settings(max_examples=50)
@given(case=moments())
@pytest.mark.parametrize(("rule", "expected", "bound"), EXPECTED)
def test_the_rule_chooses_what_it_says(rule, expected, bound, case):
    """Row by row in plain Python, rows with unequal numbers of masks and many ties; finished rows choose nothing."""
    probs, hidden, score, previous = case
    chosen = rule.choose(moment(*case), seeded())
    for b in range(len(probs)):
        before = None if previous is None else previous[b]
        assert set(chosen[b].nonzero().squeeze(1).tolist()) == expected(bound, probs[b], hidden[b], score[b], before)


@settings(max_examples=30)
@given(case=moments())
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_every_unfinished_row_reveals_something_and_no_row_a_visible_position(rule, case):
    """An endless loop is what a rule without a fallback ends in when nothing passes its threshold."""
    now = moment(*case)
    chosen = rule.choose(now, seeded())
    assert not (chosen & ~now.hidden).any()
    assert torch.equal(chosen.any(dim=1), now.hidden.any(dim=1))
    assert rule.steps is None


@settings(max_examples=30)
@given(case=moments(most_rows=1), others=moments())
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_a_row_is_decided_by_itself(rule, case, others):
    """The same row above rows of other lengths' content: cut or padded to its length with visible positions."""
    length = len(case[0][0])

    def fit(row, filler):
        return (row + [filler] * length)[:length]

    before = case[3] or [[[1 / 3] * 3] * length]
    alone = (case[0], case[1], case[2], before)
    joined = (
        case[0] + [fit(row, ANSWERS[1]) for row in others[0]],
        case[1] + [fit(row, False) for row in others[1]],
        case[2] + [fit(row, 0.0) for row in others[2]],
        before + [fit(row, ANSWERS[0]) for row in others[0]],
    )
    assert torch.equal(rule.choose(moment(*alone), seeded())[0], rule.choose(moment(*joined), seeded())[0])


def test_the_running_largest_entropy_is_a_number_of_nats_and_not_an_index():
    """By score: 0.5, 0.5, 0.5 nats. Without the largest, two of them are 1.0; minus an index it is less and less."""
    p = next(q / 1e5 for q in range(1, 50_000) if entropy([q / 1e5, 1 - q / 1e5]) >= 0.5)
    probs, hidden = [[[p, 1 - p, 0.0]] * 4], [[True] * 4]
    score = [[0.4, 0.3, 0.2, 0.1]]
    for gamma, number in ((0.49, 1), (0.51, 2), (0.99, 2), (1.01, 3), (1.51, 4)):
        assert int(entropy_bounded(gamma).choose(moment(probs, hidden, score), seeded()).sum()) == number


def test_without_slack_all_certain_tokens_go_with_one_uncertain():
    probs, hidden = [[ANSWERS[0], ANSWERS[1], ANSWERS[0], ANSWERS[5], ANSWERS[0]]], [[True] * 5]
    by_entropy = [[-entropy(p) for p in probs[0]]]
    chosen = entropy_bounded(0.0).choose(moment(probs, hidden, by_entropy), seeded())
    assert chosen[0].nonzero().squeeze(1).tolist() == [0, 1, 2, 4]


def test_the_bound_holds_the_correlation_of_the_tokens_of_a_step():
    """The total correlation of any joint law is at most the sum of its marginal entropies without the largest.

    So what a step of the rule loses, the KL from the product of the answers to the joint law, is at most gamma.
    """
    generator = seeded(3)
    for _ in range(50):
        joint = torch.rand(V, V, V, generator=generator, dtype=torch.float64) ** 4
        joint /= joint.sum()
        marginals = [joint.sum(dim=[a for a in range(3) if a != i]) for i in range(3)]
        entropies = [float(torch.special.entr(m).sum()) for m in marginals]
        lost = sum(entropies) - float(torch.special.entr(joint).sum())
        case = moment([[m.tolist() for m in marginals]], [[True] * 3], [[-h for h in entropies]])
        gamma = sum(entropies) - max(entropies)
        assert lost <= gamma + 1e-12
        assert int(entropy_bounded(gamma + 1e-9).choose(case, seeded()).sum()) == 3
        assert int(entropy_bounded(gamma - 1e-9).choose(case, seeded()).sum()) < 3


def test_divergences_are_those_of_kullback_and_leibler_the_right_way_round():
    for p, q in itertools.product(ANSWERS, repeat=2):
        now, before = (torch.tensor([[x]], dtype=torch.float64).log() for x in (p, q))
        torch.testing.assert_close(answer_divergence(now, before).item(), divergence(p, q), atol=1e-12, rtol=0)
    nothing = torch.full((1, 1, V), math.nan, dtype=torch.float64)
    assert answer_divergence(nothing, nothing).isnan().all()


def test_an_answer_may_become_sharper_and_stay_stable_but_not_wider():
    """KL(now || before) is log(1 / 0.9) when a tail of 0.1 dies, and infinite when it comes to life."""
    sharp, wide = [[[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]], [[[0.9, 0.1, 0.0], [0.5, 0.5, 0.0]]]
    rule, scores = stable_and_confident(0.2, 0.8), [[0.0, 1.0]]
    assert rule.choose(moment(sharp, [[True] * 2], scores, wide), seeded()).tolist() == [[True, False]]
    assert rule.choose(moment(wide, [[True] * 2], scores, sharp), seeded()).tolist() == [[False, True]]


def test_a_position_without_an_answer_passes_no_threshold():
    """A network that answers along one order only: NaN but at the first mask, which its score puts first."""
    now = moment([[[math.nan] * 3, ANSWERS[0], [math.nan] * 3]], [[False, True, True]], [[0.0, -1.0, -2.0]])
    for rule in RULES.values():
        assert rule.choose(now, seeded())[0, :2].tolist() == [False, True]
    for rule in (confidence_threshold(0.0), entropy_bounded(9.0), stable_and_confident(9.0, 0.0)):
        assert rule.choose(now, seeded()).tolist() == [[False, True, False]]


@pytest.mark.parametrize("bound", [-0.1, math.nan])
def test_bounds_below_zero_are_refused(bound):
    for make in (
        confidence_threshold,
        entropy_bounded,
        lambda b: stable_and_confident(b, 0.9),
        lambda b: stable_and_confident(0.1, b),
    ):
        with pytest.raises(ValueError, match="at least 0; got"):
            make(bound)
    with pytest.raises(ValueError, match="k = 0"):
        stable_and_confident(0.1, 0.9, 0)
