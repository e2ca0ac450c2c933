"""Which positions a rule may choose in a situation, each set with its exact probability.

A rule of :mod:`lo_theory.samplers.reveal` draws one set of positions; a choice law beside it lists them all. Nothing of
a rule is written twice: scores and reveal rules are called themselves, only their randomness is replaced by a sum. A
rule that should draw nothing is held to it: the generator that it gets must come back untouched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial

import torch
from jaxtyping import Bool, Float64, Int64
from scipy.stats import binom
from torch import Tensor

from lo_theory.samplers.reveal import RevealRule, reveal_probability, reveal_top_k
from lo_theory.samplers.scores import Score, require_scores
from lo_theory.samplers.situation import Situation
from lo_theory.schedules import LINEAR, NoiseSchedule


@dataclass(frozen=True, eq=False)
class Choices:
    """All sets of positions that may be chosen in the B rows of a situation, M in all.

    Attributes:
        row: whose set it is.
        chosen: True at the positions of the set; hidden ones only, maybe none.
        probability: of the set, given its row; the sets of a row are distinct and add up to one.
    """

    row: Int64[Tensor, " M"]
    chosen: Bool[Tensor, "M L"]
    probability: Float64[Tensor, " M"]


ChoiceLaw = Callable[[Situation], Choices]
"""The scores of the situation are not looked at: a law knows the score that it belongs to."""


def certain(score: Score, reveal: RevealRule) -> ChoiceLaw:
    """One set with probability one, the rule's own, for a score and a rule without randomness.

    Raises:
        ValueError: at the call, if either draws random numbers.
    """

    def law(now: Situation) -> Choices:
        chosen = _chosen(now, _scored(now, score), reveal)
        return Choices(torch.arange(len(chosen)), chosen, torch.ones(len(chosen), dtype=torch.float64))

    return law


def plackett_luce(score: Score, scale: float, reveal: RevealRule) -> ChoiceLaw:
    """The law of ``with_gumbel(score, scale)`` under a rule whose number of tokens does not depend on the scores.

    Ranking ``score + scale * Gumbel`` draws positions without replacement, the next one with weight exp(score / scale)
    among those left (Plackett 1975, Luce 1959). The probability of a set is the sum over its orders, by recursion on
    its subsets.

    Raises:
        ValueError: the scale is not positive and finite; at the call, a rule that counts by the scores or draws
            random numbers.
    """
    if not 0 < scale < math.inf:
        raise ValueError(f"the scale of Gumbel noise must be positive and finite; got {scale!r}. For 0 use certain().")
    return lambda now: _ranked_sets(now, _scored(now, score), reveal, partial(_first_drawn, scale=scale))


def uniform_order(reveal: RevealRule) -> ChoiceLaw:
    """The law of ``random_score`` under a rule whose number of tokens does not depend on the scores: uniform subsets.

    Raises:
        ValueError: at the call, as :func:`plackett_luce`.
    """
    return lambda now: _ranked_sets(now, torch.zeros(now.hidden.shape, dtype=torch.float64), reveal, _equal)


def bernoulli(probability: Callable[[int], float]) -> ChoiceLaw:
    """Every hidden position by itself with probability ``probability(step)``, whatever the score.

    The law of ``independent(steps, schedule)`` with ``lambda step: reveal_probability(step, steps, schedule)``, and of
    ``reveal_against_remasking(timing)`` with ``timing.reveal_probability``.
    """
    return lambda now: _independently(now.hidden, probability(now.step))


def remasked_bernoulli(probability: Callable[[int], float]) -> ChoiceLaw:
    """Every generated token by itself: the law of ``remask_independently(timing)`` with ``timing.sigma``."""
    return lambda now: _independently(now.generated, probability(now.step))


def binomial_top(score: Score, steps: int, schedule: NoiseSchedule = LINEAR) -> ChoiceLaw:
    """The K best positions, K binomial as in the reverse process: the law of ``binomial(steps, schedule)``."""

    def law(now: Situation) -> Choices:
        ranked, masks = _scored(now, score), now.hidden.sum(dim=1)
        p = reveal_probability(now.step, steps, schedule)
        parts = []
        for k in range(int(masks.max()) + 1):
            weight = torch.from_numpy(binom.pmf(k, masks.numpy(), p))
            rows = ((k <= masks) & (weight > 0)).nonzero().squeeze(1)
            chosen = reveal_top_k(ranked[rows], now.hidden[rows], torch.full((len(rows),), k))
            parts.append(Choices(rows, chosen, weight[rows]))
        return _joined(parts)

    return law


def _ranked_sets(
    now: Situation, score: Float64[Tensor, "B L"], reveal: RevealRule, probabilities: Callable[[Tensor, int], Tensor]
) -> Choices:
    """All sets of as many positions as the rule reveals; ``probabilities``: (scores (n, h), k) -> (n, sets of k)."""
    count = _count(now, score, reveal)
    parts = []
    for rows, positions in _by_pattern(now.hidden):
        for k in count[rows].unique().tolist():
            of_size = rows[count[rows] == k]
            inside = _subsets_of_size(len(positions), k)
            parts.append(
                _spread(of_size, positions, inside, probabilities(score[of_size][:, positions], k), now.hidden)
            )
    return _joined(parts)


def _independently(eligible: Bool[Tensor, "B L"], p: float) -> Choices:
    """Every subset of the eligible positions, each of which is in it with probability p."""
    parts = []
    for rows, positions in _by_pattern(eligible):
        inside = _subsets(len(positions))  # (S, h)
        size = inside.sum(dim=1).double()
        probability = p**size * (1 - p) ** (len(positions) - size)
        possible = probability > 0
        parts.append(_spread(rows, positions, inside[possible], probability[possible].expand(len(rows), -1), eligible))
    return _joined(parts)


def _count(now: Situation, score: Float64[Tensor, "B L"], reveal: RevealRule) -> Int64[Tensor, " B"]:
    """How many positions the rule reveals, once it is seen to reveal the best by score and no other number of them."""
    count = _chosen(now, score.masked_fill(~now.hidden, -math.inf), reveal).sum(dim=1)
    place = torch.arange(score.shape[1], dtype=torch.float64).expand(score.shape)
    for probe in (score, -score, place, -place):
        ranked = probe.masked_fill(~now.hidden, -math.inf)
        if not torch.equal(_chosen(now, ranked, reveal), reveal_top_k(ranked, now.hidden, count)):
            raise ValueError(
                "this reveal rule does not reveal the k best by score with a k that does not depend on the scores, so "
                "its sets under a random score have no simple law here. Pair it with a score without noise, by "
                "certain()."
            )
    return count


def _equal(score: Float64[Tensor, "n h"], k: int) -> Float64[Tensor, "n S"]:
    count = math.comb(score.shape[1], k)
    return torch.full((len(score), count), 1 / count, dtype=torch.float64)


def _first_drawn(score: Float64[Tensor, "n h"], k: int, scale: float) -> Float64[Tensor, "n S"]:
    """For every subset of k out of h positions the probability that they are drawn first, in any order.

    The best score that is left is subtracted before all are divided by the scale, which may be the smallest float.
    """
    n, h = score.shape
    probability = torch.zeros(n, 2**h, dtype=torch.float64)
    probability[:, 0] = 1.0
    for size in range(k):
        before = _subset_numbers(h, size)
        inside = _subsets(h)[before]
        undrawn_scores = score[:, None, :].masked_fill(inside, -math.inf)  # (n, S, h)
        best = undrawn_scores.amax(dim=2, keepdim=True)
        drawn_next = ((undrawn_scores - best) / scale).softmax(dim=2)
        for i in range(h):
            may = ~inside[:, i]
            step = probability[:, before[may]] * drawn_next[:, may, i]
            probability[:, before[may] + (1 << i)] += step
    return probability[:, _subset_numbers(h, k)]


def _scored(now: Situation, score: Score) -> Float64[Tensor, "B L"]:
    scores = undrawn(lambda generator: score(now.log_probs, now.hidden, generator), "score")
    scores = scores.masked_fill(~now.hidden, -math.inf)
    require_scores(scores)
    return scores


def _chosen(now: Situation, score: Float64[Tensor, "B L"], reveal: RevealRule) -> Bool[Tensor, "B L"]:
    seen = replace(now, score=score)
    return undrawn(lambda generator: reveal.choose(seen, generator), "reveal rule") & now.hidden


def undrawn(function: Callable[[torch.Generator], Tensor], name: str) -> Tensor:
    """What the function returns, once its generator is seen to be as it was before."""
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    answer = function(generator)
    if not torch.equal(before, generator.get_state()):
        raise ValueError(
            f"this {name} draws random numbers, so it has more than one outcome. Give the law of its draws: "
            "uniform_order, plackett_luce, bernoulli or binomial_top for positions, sampled for tokens."
        )
    return answer


@cache
def _subsets(size: int) -> Bool[Tensor, "S h"]:
    """All subsets of ``range(size)``, (2**size, size); subset number b holds i where bit i of b is set."""
    return (torch.arange(2**size)[:, None] >> torch.arange(size)) % 2 == 1


@cache
def _subset_numbers(size: int, k: int) -> Int64[Tensor, " S"]:
    """Numbers of the subsets of ``range(size)`` with k elements, ascending."""
    return (_subsets(size).sum(dim=1) == k).nonzero().squeeze(1)


def _subsets_of_size(size: int, k: int) -> Bool[Tensor, "S h"]:
    return _subsets(size)[_subset_numbers(size, k)]


def _by_pattern(eligible: Bool[Tensor, "B L"]) -> Iterator[tuple[Int64[Tensor, " n"], Int64[Tensor, " h"]]]:
    """Rows that share their eligible positions, and those positions."""
    number = (eligible.long() << torch.arange(eligible.shape[1])).sum(dim=1)
    by_number = number.argsort(stable=True)
    for rows in by_number.split(number[by_number].unique_consecutive(return_counts=True)[1].tolist()):
        yield rows, eligible[rows[0]].nonzero().squeeze(1)


def _spread(
    rows: Int64[Tensor, " n"],
    positions: Int64[Tensor, " h"],
    inside: Bool[Tensor, "S h"],
    probability: Float64[Tensor, "n S"],
    eligible: Bool[Tensor, "B L"],
) -> Choices:
    """The same subsets of ``positions`` for several rows, as choices."""
    chosen = torch.zeros(len(inside), eligible.shape[1], dtype=torch.bool)
    chosen[:, positions] = inside
    return Choices(rows.repeat_interleave(len(inside)), chosen.repeat(len(rows), 1), probability.reshape(-1))


def _joined(parts: list[Choices]) -> Choices:
    return Choices(
        torch.cat([part.row for part in parts]),
        torch.cat([part.chosen for part in parts]),
        torch.cat([part.probability for part in parts]),
    )
