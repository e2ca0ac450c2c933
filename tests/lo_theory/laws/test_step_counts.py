"""What parallel steps lose: the formula against the enumerated sampler, the best schedule against all of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from generators.distribution import LODistribution
from generators.observations import named_tables as named
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.laws.information_curve import InformationCurve, curve_of_law, exact_curve
from lo_theory.laws.step_counts import (
    best_counts,
    dual_total_correlation_counts,
    independent_kl,
    parallel_kl,
    total_correlation_counts,
)
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.named_decoders import random_counts
from lo_theory.samplers.reveal import reveal_probability
from lo_theory.schedules import COSINE, LINEAR, polynomial

BIT = math.log(2)


def noisy() -> LODistribution:
    """Two latents of three values and two noisy observations, both of three values: every sequence is possible."""
    total = Noisy(Predicate(named.parity(arity=2, latent_alphabet=3), np.array([[1, 0], [0, 1]]), 3), 0.1)
    return LODistribution(np.array([0.5, 0.3, 0.2]), 2, (total,), np.array([2, 0, 3, 1]))


def table(distribution: LODistribution) -> np.ndarray:
    """The joint law, one axis per position."""
    shape = (distribution.vocabulary,) * distribution.length
    rows = np.indices(shape).reshape(len(shape), -1).T
    return np.exp(distribution.log_prob(rows)).reshape(shape)


def conditional(law: np.ndarray, position: int, visible: set[int]) -> np.ndarray:
    """p(x_position | x_visible) as a table that broadcasts against the joint; 0 where the visible are impossible."""
    axes = range(law.ndim)
    both = law.sum(axis=tuple(a for a in axes if a != position and a not in visible), keepdims=True)
    given_visible = both.sum(axis=position, keepdims=True)
    return np.divide(both, given_visible, out=np.zeros_like(both), where=given_visible > 0)


def sampled_in(law: np.ndarray, parts: list[set[int]]) -> np.ndarray:
    """The law of the sampler that reveals these sets of positions one after the other."""
    out, visible = np.ones_like(law), set()
    for part in parts:
        for position in part:
            out = out * conditional(law, position, visible)
        visible = visible | part
    return out


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    return float((p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum())


def partitions(positions: frozenset[int], counts: tuple[int, ...]) -> Iterator[list[set[int]]]:
    if not counts:
        yield []
        return
    for first in itertools.combinations(sorted(positions), counts[0]):
        for rest in partitions(positions - set(first), counts[1:]):
            yield [set(first), *rest]


def compositions(length: int, steps: int) -> Iterator[tuple[int, ...]]:
    for cuts in itertools.combinations(range(1, length), steps - 1):
        edges = (0, *cuts, length)
        yield tuple(b - a for a, b in itertools.pairwise(edges))


@st.composite
def joint_laws(draw):
    """Joint laws of 2 or 3 positions of 3 values, or 4 of 2, many sequences impossible."""
    shape = draw(st.sampled_from([(3, 3), (2, 2, 2), (3, 3, 3), (2, 2, 2, 2)]))
    size = math.prod(shape)
    weights = draw(st.lists(st.integers(0, 4), min_size=size, max_size=size).filter(any))
    return np.array(weights).reshape(shape) / sum(weights)


def curve_of(law: np.ndarray) -> InformationCurve:
    return curve_of_law(np.indices(law.shape).reshape(law.ndim, -1).T, law.ravel())


@settings(max_examples=30)
@given(law=joint_laws(), data=st.data())
def test_the_loss_is_that_of_the_enumerated_sampler(law, data):
    """Mean KL over all ordered partitions; the mixture over them, the law of the sequences, is no further away."""
    steps = data.draw(st.integers(1, law.ndim))
    counts = data.draw(st.sampled_from(list(compositions(law.ndim, steps))))
    laws = [sampled_in(law, parts) for parts in partitions(frozenset(range(law.ndim)), counts)]
    loss = parallel_kl(curve_of(law), counts)
    assert loss.value == pytest.approx(float(np.mean([divergence(law, q) for q in laws])), abs=1e-9)
    assert loss.standard_error == 0.0
    assert divergence(law, np.mean(laws, axis=0)) <= loss.value + 1e-9


def test_the_law_of_the_sequences_alone_can_be_nearer():
    """Two bits in one of three orders of (2, 1): the formula prices (order, sequence), the mixture loses less."""
    law = np.zeros((2, 2, 2))
    law[0, 0, 0] = law[1, 1, 0] = law[0, 1, 1] = law[1, 0, 1] = 0.25  # x2 = x0 xor x1
    law = 0.7 * law + 0.3 * np.array([[[0.5, 0], [0, 0]], [[0, 0], [0, 0.5]]])
    laws = [sampled_in(law, parts) for parts in partitions(frozenset(range(3)), (2, 1))]
    loss = parallel_kl(curve_of(law), (2, 1)).value
    assert loss == pytest.approx(float(np.mean([divergence(law, q) for q in laws])))
    assert divergence(law, np.mean(laws, axis=0)) < 0.999 * loss


def test_the_decoder_with_counts_samples_the_enumerated_law():
    """Exact posterior, 2 + 1 + 1 random positions: chi-square of 20,000 rows to the mixture, false alarm 1e-5."""
    distribution, counts = noisy(), (2, 1, 1)
    law = table(distribution)
    assert (law > 0).all(), "no step may meet impossible evidence"
    mixture = np.mean([sampled_in(law, parts) for parts in partitions(frozenset(range(4)), counts)], axis=0)
    masks = torch.full((20_000, 4), distribution.mask_id)
    denoiser = PosteriorDenoiser(EnumeratedPosterior(distribution))
    rows = decode(denoiser, masks, random_counts(counts), torch.Generator().manual_seed(1)).tokens.numpy()
    seen = np.bincount(rows @ 3 ** np.arange(4)[::-1], minlength=81)
    assert chisquare(seen, len(rows) * mixture.ravel()).pvalue > 1e-5
    assert chisquare(seen, len(rows) * law.ravel()).pvalue < 1e-10, "negative control: the truth"


def test_one_token_per_step_loses_nothing_and_all_at_once_the_total_correlation():
    curve = exact_curve(noisy())
    assert parallel_kl(curve, [1] * 4).value == pytest.approx(0, abs=1e-12)
    assert parallel_kl(curve, [4]).value == pytest.approx(curve.total_correlation().value)
    assert parallel_kl(curve, [0, 4, 0]).value == pytest.approx(curve.total_correlation().value), "0 is an idle step"
    assert independent_kl(curve, 1).value == pytest.approx(curve.total_correlation().value)
    few, many = independent_kl(curve, 30).value, independent_kl(curve, 300).value
    assert many == pytest.approx(few / 10, rel=0.1), "it falls as 1 / steps"


@pytest.mark.parametrize("schedule", [LINEAR, COSINE, polynomial(2.0)], ids=lambda schedule: schedule.name)
def test_the_vanilla_process_loses_the_mean_over_its_numbers_of_reveals(schedule):
    """Every sequence of reveals of 4 positions in 3 steps, weighed with its probability."""
    curve, steps = exact_curve(noisy()), 3
    shares = [reveal_probability(step, steps, schedule) for step in range(steps)]
    total, weight_sum = 0.0, 0.0
    for when in itertools.product(range(steps), repeat=4):  # the step at which each position is revealed
        weight = math.prod(shares[t] * math.prod(1 - p for p in shares[:t]) for t in when)
        total += weight * parallel_kl(curve, [when.count(t) for t in range(steps)]).value
        weight_sum += weight
    assert weight_sum == pytest.approx(1.0)
    assert independent_kl(curve, steps, schedule).value == pytest.approx(total, abs=1e-12)


falling = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8).map(lambda h: np.sort(np.array(h))[::-1].copy())


@settings(max_examples=50)
@given(nats=falling, data=st.data())
def test_no_schedule_of_as_many_steps_is_better(nats, data):
    """Dynamic programming against every composition of L."""
    curve = InformationCurve(nats[None], "exact")
    steps = data.draw(st.integers(1, len(nats)))
    counts = best_counts(curve, steps)
    assert len(counts) == steps
    assert min(counts) >= 1
    assert sum(counts) == len(nats)
    best = min(parallel_kl(curve, other).value for other in compositions(len(nats), steps))
    assert parallel_kl(curve, counts).value == pytest.approx(best, abs=1e-12)


@settings(max_examples=50)
@given(nats=falling)
def test_more_steps_lose_less(nats):
    curve = InformationCurve(nats[None], "exact")
    losses = [parallel_kl(curve, best_counts(curve, steps)).value for steps in range(1, len(nats) + 1)]
    assert (np.diff(losses) <= 1e-12).all()
    assert losses[-1] == pytest.approx(0, abs=1e-12)


@settings(max_examples=50)
@given(nats=falling, k=st.integers(1, 8))
def test_even_steps_of_k_lose_at_most_k_minus_one_times_the_fall(nats, k):
    """The bound of Lavenant and Zanella for even schedules, free of the length of the sequence."""
    counts = [min(k, len(nats) - start) for start in range(0, len(nats), k)]
    loss = parallel_kl(InformationCurve(nats[None], "exact"), counts).value
    assert loss <= (k - 1) * (nats[0] - nats[-1]) + 1e-12


def test_the_best_schedule_puts_its_steps_where_the_curve_falls():
    """One coin copied eight times: one token first. Parity of eight coins: one token last."""
    copied = InformationCurve(np.array([[BIT] + [0.0] * 7]), "exact")
    assert best_counts(copied, 2) == (1, 7)
    parity = InformationCurve(np.array([[BIT] * 7 + [0.0]]), "exact")
    assert best_counts(parity, 2) == (7, 1)
    for curve in (copied, parity):
        assert parallel_kl(curve, best_counts(curve, 2)).value == pytest.approx(0, abs=1e-12)
        assert parallel_kl(curve, (4, 4)).value > 0.5, "where even steps lose a bit or more"


@settings(max_examples=100)
@given(nats=falling, share=st.floats(0.0, 1.0))
def test_proportional_steps_lose_at_most_their_share_of_the_correlations(nats, share):
    """For any falling curve, so for any distribution."""
    curve = InformationCurve(nats[None], "exact")
    total, dual = curve.total_correlation().value, curve.dual_total_correlation().value
    for counts, correlation in (
        (total_correlation_counts(len(nats), share), total),
        (dual_total_correlation_counts(len(nats), share), dual),
    ):
        assert sum(counts) == len(nats)
        assert min(counts) >= 1
        assert parallel_kl(curve, counts).value <= share * correlation + 1e-9


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_each_bound_needs_its_own_steps(share):
    """Negative control: shrinking steps do not hold the dual bound on every curve, nor growing ones the other."""
    copied, parity = np.zeros((1, 50)), np.full((1, 50), BIT)
    copied[0, 0], parity[0, -1] = BIT, 0.0
    shrinking, growing = total_correlation_counts(50, share), dual_total_correlation_counts(50, share)
    curve = InformationCurve(copied, "exact")
    assert parallel_kl(curve, shrinking).value > share * curve.dual_total_correlation().value
    curve = InformationCurve(parity, "exact")
    assert parallel_kl(curve, growing).value > share * curve.total_correlation().value


@pytest.mark.parametrize("counts_of", [total_correlation_counts, dual_total_correlation_counts])
def test_proportional_steps_are_logarithmically_many(counts_of):
    """Doubling the length adds about log(2) / share steps."""
    for share in (0.1, 0.5, 1.0):
        added = len(counts_of(4000, share)) - len(counts_of(2000, share))
        assert 0 <= added <= math.log(2) / math.log1p(share) + 2
    assert counts_of(5, 0.0) == (1,) * 5
    assert total_correlation_counts(5, 1.0) == (5,)
    assert dual_total_correlation_counts(7, 1.0) == (2, 4, 1)


def test_what_is_no_schedule_is_refused():
    curve = InformationCurve(np.array([[1.0, 0.5]]), "exact")
    for counts in ((1,), (3,), (3, -1)):
        with pytest.raises(ValueError, match="add up to L = 2"):
            parallel_kl(curve, counts)
    for steps in (0, 3):
        with pytest.raises(ValueError, match=f"got steps = {steps}"):
            best_counts(curve, steps)
    with pytest.raises(ValueError, match="at least one step"):
        independent_kl(curve, 0)
    for length, share in ((0, 0.5), (3, 1.5), (3, math.nan)):
        with pytest.raises(ValueError, match="share in"):
            total_correlation_counts(length, share)
