"""Scores and their noise: which way round they are, and the laws that they sample."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, norm

from lo_theory.denoisers.denoiser import answer_entropy
from lo_theory.denoisers.noised import entropy_hardness
from lo_theory.samplers.scores import (
    left_to_right_score,
    log_probability_score,
    margin_score,
    negative_entropy_score,
    order_score,
    random_score,
    top_probability_score,
    with_annealed_gumbel,
    with_gaussian,
    with_gumbel,
)

CONFIDENCES = [top_probability_score, margin_score, negative_entropy_score, log_probability_score]
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


@pytest.mark.parametrize("score", CONFIDENCES)
def test_the_certain_position_scores_highest_and_the_uniform_one_lowest(score):
    values = score(PROBS.log(), HIDDEN, seeded())
    assert values.argmax() == 2
    assert values.min() == values[0, 3]


def test_the_two_rank_differently():
    """(1/2, 1/2, 0) beats (0.4, 0.3, 0.3) by its top probability and loses by its margin."""
    top, gap = (score(PROBS.log(), HIDDEN, seeded())[0] for score in (top_probability_score, margin_score))
    assert top[0] > top[1]
    assert gap[0] < gap[1]


def test_negative_entropy_and_log_probability_are_what_they_say():
    probs = PROBS[0].tolist()
    entropy = [-sum(p * math.log(p) for p in row if p > 0) for row in probs]
    torch.testing.assert_close(
        negative_entropy_score(PROBS.log(), HIDDEN, seeded()), -torch.tensor([entropy], dtype=torch.float64)
    )
    best = torch.tensor([[math.log(max(row)) for row in probs]], dtype=torch.float64)
    torch.testing.assert_close(log_probability_score(PROBS.log(), HIDDEN, seeded()), best)


def test_entropy_has_no_nan_at_impossible_values_and_never_drops_below_zero():
    """log_softmax of large logits rounds to a probability a hair above one, whose p log p has the wrong sign."""
    above_one = torch.tensor([[[2e-16, -80.0]]], dtype=torch.float64)
    certain = torch.tensor([[[0.0, -math.inf]]], dtype=torch.float64)
    for log_probs in (above_one, certain):
        assert answer_entropy(log_probs).item() >= 0.0
        assert negative_entropy_score(log_probs, HIDDEN[:, :1], seeded()).item() <= 0.0
    assert answer_entropy(certain).item() == 0.0
    assert answer_entropy(torch.full((1, 1, 2), math.nan).double()).isnan().all(), "no answer stays no answer"


@given(p=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6, unique=True))
def test_for_bits_all_confidences_rank_alike(p):
    """From p and 1 - p no score can tell more than max(p, 1 - p); an upside-down one ranks the other way round."""
    log_probs = torch.tensor([[[q, 1 - q] for q in p]], dtype=torch.float64).log()
    hidden = torch.ones(1, len(p), dtype=torch.bool)
    top = top_probability_score(log_probs, hidden, seeded())[0]
    for score in CONFIDENCES:
        values = score(log_probs, hidden, seeded())[0]
        for i, j in itertools.combinations(range(len(p)), 2):
            if abs(top[i] - top[j]) > 1e-6:
                assert (values[i] > values[j]) == (top[i] > top[j])


def test_left_to_right_scores_fall_with_the_position_and_never_read_the_answers():
    scores = left_to_right_score(torch.full_like(PROBS, math.nan), HIDDEN, seeded())
    assert scores.shape == (1, 5)
    assert scores[0].argsort(descending=True).tolist() == [0, 1, 2, 3, 4]


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


def first_of_two(noisy, gap: float, masks: int, rows: int = 20_000) -> int:
    """How often position 0 wins that scores ``gap`` above position 1, in rows of 4 with so many masks."""
    base = torch.tensor([gap, 0.0, -math.inf, -math.inf], dtype=torch.float64)
    hidden = torch.tensor([True, True, True, True]) & (torch.arange(4) < masks)
    scores = noisy(base[None, :, None].expand(rows, 4, 2), hidden.expand(rows, 4), seeded())
    return int((scores[:, 0] > scores[:, 1]).sum())


def plain(log_probs, hidden, generator):
    return log_probs[..., 0]


@pytest.mark.parametrize(("masks", "total", "share"), [(4, None, 1.0), (2, None, 0.5), (2, 2, 1.0), (3, 6, 0.5)])
def test_annealed_noise_falls_with_the_share_of_masks(masks, total, share):
    """The better of two wins with probability sigmoid(gap / (scale * share)); 20,000 rows, false alarm 1e-5 each."""
    gap, scale, rows = 0.6, 0.5, 20_000
    wins = first_of_two(with_annealed_gumbel(plain, scale, total), gap, masks)
    p = 1 / (1 + math.exp(-gap / (scale * share)))
    assert chisquare([wins, rows - wins], [rows * p, rows * (1 - p)]).pvalue > 1e-5
    other = 1 / (1 + math.exp(-gap / (scale * (1.5 - share))))
    assert chisquare([wins, rows - wins], [rows * other, rows * (1 - other)]).pvalue < 1e-10, "negative control"


def test_annealing_goes_by_the_masks_of_each_row():
    """A row's noise does not depend on how many masks other rows have."""
    noisy = with_annealed_gumbel(margin_score, 1.0)
    log_probs, hidden = PROBS.log().expand(3, 5, 3), torch.ones(3, 5, dtype=torch.bool)
    fewer = hidden.clone()
    fewer[1, 2:] = False
    one, two = noisy(log_probs, hidden, seeded()), noisy(log_probs, fewer, seeded())
    assert torch.equal(one[[0, 2]], two[[0, 2]])
    quiet = margin_score(log_probs, hidden, seeded())
    torch.testing.assert_close((two - quiet)[1], 0.4 * (one - quiet)[1])


def test_gaussian_noise_swaps_two_scores_with_the_probability_of_the_normal_law():
    """The better of two wins with probability Phi(gap / (scale sqrt 2)); 20,000 rows, false alarm 1e-5."""
    gap, scale, rows = 0.6, 0.5, 20_000
    wins = first_of_two(with_gaussian(plain, scale), gap, 4)
    p = norm.cdf(gap / (scale * math.sqrt(2)))
    assert chisquare([wins, rows - wins], [rows * p, rows * (1 - p)]).pvalue > 1e-5
    gumbel = 1 / (1 + math.exp(-gap / scale))
    assert chisquare([wins, rows - wins], [rows * gumbel, rows * (1 - gumbel)]).pvalue < 1e-10, "negative control"


@pytest.mark.parametrize("wrap", [with_gumbel, with_gaussian, with_annealed_gumbel])
def test_noise_of_scale_zero_changes_nothing_and_a_negative_one_is_refused(wrap):
    quiet = wrap(margin_score, 0.0)(PROBS.log(), HIDDEN, seeded())
    torch.testing.assert_close(quiet, margin_score(PROBS.log(), HIDDEN, seeded()))
    for scale in (-0.5, math.inf, math.nan):
        with pytest.raises(ValueError, match="scale"):
            wrap(margin_score, scale)
    with pytest.raises(ValueError, match="total = 0"):
        with_annealed_gumbel(margin_score, 0.5, 0)


def test_of_a_single_symbol_everything_is_sure():
    alone = torch.zeros(1, 5, 1, dtype=torch.float64)
    assert margin_score(alone, HIDDEN, seeded()).tolist() == [[1.0] * 5]
    assert entropy_hardness(torch.zeros(1, 5, dtype=torch.int64), alone).tolist() == [[0.0] * 5]
