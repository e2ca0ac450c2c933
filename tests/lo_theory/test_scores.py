"""Scores and their noise: which way round they are, and the laws that they sample."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from lo_theory.noise import gumbel, gumbel_noise, uniform_noise
from lo_theory.scores import margin_score, order_score, random_score, top_probability_score, with_gumbel
from lo_theory.tokens import argmax_token, sample_token

CPU = torch.device("cpu")
PROBS = torch.tensor(
    [[[0.5, 0.5, 0.0], [0.4, 0.3, 0.3], [0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.1, 0.2, 0.7]]], dtype=torch.float64
)
HIDDEN = torch.ones(1, 5, dtype=torch.bool)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_top_probability_and_margin_are_what_they_say():
    torch.testing.assert_close(
        top_probability_score(PROBS.log(), HIDDEN, seeded()), torch.tensor([[0.5, 0.4, 1.0, 1 / 3, 0.7]]).double()
    )
    torch.testing.assert_close(
        margin_score(PROBS.log(), HIDDEN, seeded()), torch.tensor([[0.0, 0.1, 1.0, 0.0, 0.5]]).double()
    )


@pytest.mark.parametrize("score", [top_probability_score, margin_score])
def test_the_certain_position_scores_highest_and_the_uniform_one_lowest(score):
    values = score(PROBS.log(), HIDDEN, seeded())
    assert values.argmax() == 2
    assert values.min() == values[0, 3]


def test_the_two_rank_differently():
    """(1/2, 1/2, 0) beats (0.4, 0.3, 0.3) by its top probability and loses by its margin."""
    top, gap = (score(PROBS.log(), HIDDEN, seeded())[0] for score in (top_probability_score, margin_score))
    assert top[0] > top[1]
    assert gap[0] < gap[1]


def test_an_order_scores_its_first_position_highest_and_never_reads_the_answers():
    order = [3, 0, 4, 1, 2]
    scores = order_score(order)(torch.full_like(PROBS, math.nan), HIDDEN, seeded())
    assert scores.shape == (1, 5)
    assert scores[0].argsort(descending=True).tolist() == order


def test_bad_orders_are_refused():
    with pytest.raises(ValueError, match="permutation"):
        order_score([0, 0, 1])
    with pytest.raises(ValueError, match="3 positions, the sequences have 5"):
        order_score(np.arange(3))(PROBS.log(), HIDDEN, seeded())


def test_random_scores_make_uniform_orders():
    """Chi-square over the 3! orders of 6000 rows; false alarm 1e-5."""
    scores = random_score(torch.zeros(6000, 3, 2).double(), torch.ones(6000, 3, dtype=torch.bool), seeded())
    orders = [tuple(order) for order in scores.argsort(dim=1).tolist()]
    counts = [orders.count(order) for order in itertools.permutations(range(3))]
    assert chisquare(counts).pvalue > 1e-5


def test_gumbel_noise_on_log_probabilities_draws_positions_by_their_weight():
    """Position i comes first with probability w_i^(1/s); chi-square of 20,000 rows, false alarm 1e-5."""
    weights, scale = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64), 0.5
    noisy = with_gumbel(lambda log_probs, hidden, generator: log_probs[..., 0], scale)
    log_probs = weights.log()[None, :, None].expand(20_000, 4, 2)
    first = noisy(log_probs, torch.ones(20_000, 4, dtype=torch.bool), seeded()).argmax(dim=1)
    law = (weights ** (1 / scale)).numpy()
    counts = np.bincount(first.numpy(), minlength=4)
    assert chisquare(counts, 20_000 * law / law.sum()).pvalue > 1e-5
    assert chisquare(counts, 20_000 * weights.numpy()).pvalue < 1e-10, "negative control: another scale, another law"


def test_noise_of_scale_zero_changes_nothing_and_a_negative_one_is_refused():
    quiet = with_gumbel(margin_score, 0.0)(PROBS.log(), HIDDEN, seeded())
    torch.testing.assert_close(quiet, margin_score(PROBS.log(), HIDDEN, seeded()))
    for scale in (-0.5, math.inf, math.nan):
        with pytest.raises(ValueError, match="scale"):
            with_gumbel(margin_score, scale)


def test_noise_is_float64_finite_and_of_the_gumbel_law():
    """Kolmogorov-Smirnov on 20,000 draws; false alarm 1e-5."""
    draws = gumbel_noise((20_000,), seeded(), CPU)
    assert draws.dtype == uniform_noise((1,), seeded(), CPU).dtype == torch.float64
    assert kstest(draws.numpy(), "gumbel_r").pvalue > 1e-5
    grid = uniform_noise((1000,), seeded(), CPU) * 2.0**24
    assert (grid != grid.floor()).any(), "float32 draws that are cast afterwards lie on a grid of 2^-24"
    edges = gumbel(torch.tensor([0.0, 1 - 2.0**-53], dtype=torch.float64))
    assert edges.isfinite().all(), "the ends of the uniform grid give no infinities"
    assert edges[1] > 36, "float32 would end at 17 and sharpen the sampled law"


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_sampled_tokens_follow_the_tempered_law(temperature):
    """Chi-square of 20,000 draws; false alarm 1e-5. A value of probability zero never comes out."""
    probs = np.array([0.02, 0.08, 0.0, 0.3, 0.6])
    log_probs = torch.from_numpy(np.log(probs, out=np.full(5, -np.inf), where=probs > 0)).expand(20_000, 5)
    chosen = torch.ones(10_000, 2, dtype=torch.bool)
    counts = np.bincount(sample_token(temperature)(log_probs, chosen, seeded()).numpy(), minlength=5)
    assert counts[2] == 0
    law = np.where(probs > 0, probs ** (1 / temperature), 0)
    keep = probs > 0
    assert chisquare(counts[keep], 20_000 * law[keep] / law.sum()).pvalue > 1e-5
    if temperature != 1.0:
        assert chisquare(counts[keep], 20_000 * probs[keep]).pvalue < 1e-10, "negative control"


def test_tokens_of_a_row_do_not_depend_on_which_positions_other_rows_reveal():
    log_probs = torch.randn(2, 4, 6, generator=seeded(), dtype=torch.float64).log_softmax(-1)
    few = torch.tensor([[False, True, False, False], [True, False, True, True]])
    many = torch.tensor([[True, True, True, True], [True, False, True, True]])
    rule = sample_token()
    torch.testing.assert_close(rule(log_probs[few], few, seeded(5))[1:], rule(log_probs[many], many, seeded(5))[4:])


def test_argmax_takes_the_lowest_of_equally_likely_values():
    chosen = torch.ones(1, 5, dtype=torch.bool)
    assert argmax_token(PROBS[0].log(), chosen, seeded()).tolist() == [0, 0, 1, 0, 2]


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_impossible_temperatures_are_refused(temperature):
    with pytest.raises(ValueError, match="argmax_token"):
        sample_token(temperature)
