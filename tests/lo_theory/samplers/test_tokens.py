"""Token rules: the laws that they sample."""

from __future__ import annotations

import math
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from lo_theory.denoisers.denoiser import tempered
from lo_theory.laws.step_law import sampled
from lo_theory.samplers.noise import gumbel, uniform_noise
from lo_theory.samplers.tokens import argmax_token, inverted, sample_token, top_k_token, top_p_token

PROBS = torch.tensor(
    [[0.5, 0.5, 0.0], [0.4, 0.3, 0.3], [0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.1, 0.2, 0.7]], dtype=torch.float64
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draws_of(rule, probs: np.ndarray, n: int = 20_000, seed: int = 0) -> np.ndarray:
    log_probs = torch.from_numpy(np.log(probs, out=np.full(len(probs), -np.inf), where=probs > 0)).expand(n, len(probs))
    return rule(log_probs, torch.ones(n // 2, 2, dtype=torch.bool), seeded(seed)).numpy()


def fits(draws: np.ndarray, law: np.ndarray) -> float:
    """Chi-square p-value; 0 if an impossible value came out."""
    counts = np.bincount(draws, minlength=len(law))
    if counts[law == 0].any():
        return 0.0
    return 1.0 if (law > 0).sum() == 1 else float(chisquare(counts[law > 0], len(draws) * law[law > 0]).pvalue)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_sampled_tokens_follow_the_tempered_law(temperature):
    """Chi-square of 20,000 draws; false alarm 1e-5. A value of probability zero never comes out."""
    probs = np.array([0.02, 0.08, 0.0, 0.3, 0.6])
    law = np.where(probs > 0, probs ** (1 / temperature), 0)
    draws = draws_of(sample_token(temperature), probs)
    assert fits(draws, law / law.sum()) > 1e-5
    if temperature != 1.0:
        assert fits(draws, probs) < 1e-10, "negative control"


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_so_do_those_of_many_values(temperature):
    """As above with 23 values, by inversion; every third is impossible."""
    probs = np.where(np.arange(23) % 3 == 0, 0.0, np.arange(1, 24) ** 2.0)
    probs /= probs.sum()
    law = np.where(probs > 0, probs ** (1 / temperature), 0)
    draws = draws_of(sample_token(temperature), probs)
    assert fits(draws, law / law.sum()) > 1e-5
    if temperature != 1.0:
        assert fits(draws, probs) < 1e-10, "negative control"


@pytest.mark.parametrize(("values", "shape"), [(2, (4, 5, 2)), (8, (4, 5, 8)), (9, (4, 5))])
def test_up_to_eight_values_each_has_a_uniform_and_with_more_each_position(values, shape):
    """Recorded runs over few values hold only as long as their draws stay what they are."""
    log_probs = torch.randn(20, values, generator=seeded(), dtype=torch.float64).log_softmax(-1)
    uniform = uniform_noise(shape, seeded(3), log_probs.device).reshape(20, *shape[2:])
    expected = (log_probs + gumbel(uniform)).argmax(-1) if values <= 8 else inverted(log_probs, uniform)
    assert torch.equal(sample_token()(log_probs, torch.ones(4, 5, dtype=torch.bool), seeded(3)), expected)


@settings(max_examples=50)
@given(
    weights=st.lists(st.integers(0, 2**20), min_size=1, max_size=40).filter(any),
    place=st.one_of(st.floats(0, 1, exclude_max=True), st.sampled_from([0.0, 2.0**-53, 0.5, 1 - 2.0**-53])),
)
def test_inversion_against_fractions(weights, place):
    """The value at which exact sums first exceed the draw, or its possible neighbour within 1e-14 of an edge."""
    drawn = int(inverted(torch.tensor([weights], dtype=torch.float64).log(), torch.tensor([place]).double()))
    below = Fraction(sum(weights[:drawn]), sum(weights))
    above = below + Fraction(weights[drawn], sum(weights))
    assert weights[drawn] > 0
    assert below - Fraction(1e-14) <= Fraction(place) < above + Fraction(1e-14)


@pytest.mark.parametrize("where", [[0], [5], [0, 1, 2], [19], [0, 19], [7, 8]])
def test_the_ends_of_the_uniforms_draw_no_impossible_value(where):
    """0, the last below 1, and 1 itself, which a cast may round to."""
    log_probs = torch.full((4, 20), -math.inf, dtype=torch.float64)
    log_probs[:, where] = -math.log(len(where))
    ends = torch.tensor([0.0, 2.0**-53, 1 - 2.0**-53, 1.0], dtype=torch.float64)
    first, last = where[0], where[-1]
    assert inverted(log_probs, ends).tolist() == [first, first, last, last]
    assert inverted(log_probs + 500.0, ends).tolist() == [first, first, last, last], "weights need not be normalised"


def in_single_sums(log_weights: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Inversion with float32 sums: what :func:`inverted` must not be."""
    reached = log_weights.softmax(-1).float().cumsum(-1)
    drawn = torch.searchsorted(reached, uniform.float()[:, None], right=True).squeeze(1)
    return drawn.clamp_max(log_weights.shape[-1] - 1)


def test_unlikely_values_behind_a_likely_one_keep_their_law():
    """Chi-square of 20,000 draws among those that fall into a tail of 2^-20, 30 values of 1e-10 to 6e-8; false alarm
    1e-5. Float32 sums have stopped growing there by more than their step of 6e-8."""
    tail = 2.0**-20 * np.arange(1, 31) ** 2.0 / (np.arange(1, 31) ** 2.0).sum()
    log_probs = torch.from_numpy(np.log(np.concatenate([[1 - 2.0**-20], tail]))).expand(20_000, -1)
    uniform = 1 - 2.0**-20 * (1 - torch.rand(20_000, generator=seeded(), dtype=torch.float64))
    law = np.concatenate([[0.0], tail / tail.sum()])
    assert fits(inverted(log_probs, uniform).numpy(), law) > 1e-5
    assert fits(in_single_sums(log_probs, uniform).numpy(), law) < 1e-10, "negative control"


SHAPE = np.array([0.15, 0.3, 0.05, 0.3, 0.0, 0.2])  # by probability: 1, 3, 5, 0, 2, never 4


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (top_k_token(1), [1]),
        (top_k_token(3), [1, 3, 5]),
        (top_k_token(99), [0, 1, 2, 3, 5]),
        (top_p_token(0.3), [1]),
        (top_p_token(0.31), [1, 3]),
        (top_p_token(0.6), [1, 3]),
        (top_p_token(0.8), [1, 3, 5]),
        (top_p_token(0.81), [0, 1, 3, 5]),
        (top_p_token(1.0), [0, 1, 2, 3, 5]),
    ],
)
def test_truncated_tokens_follow_the_law_given_those_that_are_kept(rule, kept):
    """Chi-square of 20,000 draws, false alarm 1e-5; 0.3 + 0.3 + 0.2 reaches 0.8 although its float sum may not."""
    law = np.zeros(6)
    law[kept] = SHAPE[kept] / SHAPE[kept].sum()
    draws = draws_of(rule, SHAPE)
    assert fits(draws, law) > 1e-5
    assert set(draws) == set(kept)
    if len(kept) < 5:
        assert fits(draws, SHAPE) < 1e-10, "negative control"


def test_the_nucleus_is_that_of_the_tempered_law():
    """0.2^2 : 0.8^2 is 1 : 16, so the nucleus of 0.9 is one value at temperature 1/2 and two at temperature 1."""
    probs = np.array([0.2, 0.8])
    assert set(draws_of(top_p_token(0.9, temperature=0.5), probs)) == {1}
    assert fits(draws_of(top_p_token(0.9), probs), probs) > 1e-5


def test_the_most_likely_values_are_drawn_at_the_temperature():
    """Chi-square of 20,000 draws; false alarm 1e-5."""
    probs, law = np.array([0.4, 0.1, 0.1, 0.4]), np.sqrt([0.4, 0.1, 0.0, 0.4])
    draws = draws_of(top_k_token(3, temperature=2.0), probs)
    assert fits(draws, law / law.sum()) > 1e-5
    assert fits(draws, np.array([4, 1, 0, 4]) / 9) < 1e-10, "negative control: temperature 1"


def nucleus(probs: list[float], mass: float) -> set[int]:
    """In plain Python: the fewest most likely values that reach the mass."""
    ranked, kept, total = sorted(range(len(probs)), key=lambda v: (-probs[v], v)), set(), 0.0
    for value in ranked:
        kept.add(value)
        total += probs[value]
        if total >= mass - 1e-12:
            break
    return kept


@settings(max_examples=50)
@given(
    weights=st.lists(st.integers(0, 4), min_size=1, max_size=6).filter(any),
    k=st.integers(1, 7),
    mass=st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9, 1.0]),
    seed=st.integers(0, 1000),
)
def test_truncation_changes_the_draws_outside_only(weights, k, mass, seed):
    """Exact coupling: with the same noise a draw that is kept is the draw, any other one becomes a kept one.

    Where a Gumbel-max lies in a set it is the maximum of the set, so this holds draw by draw, with ties in the weights.
    """
    probs = np.array(weights) / sum(weights)
    free = draws_of(sample_token(), probs, 400, seed)
    ranked = sorted(range(len(probs)), key=lambda v: (-probs[v], v))
    for rule, kept in ((top_k_token(k), set(ranked[:k])), (top_p_token(mass), nucleus(probs.tolist(), mass))):
        drawn = draws_of(rule, probs, 400, seed)
        inside = np.isin(free, list(kept))
        assert (drawn[inside] == free[inside]).all()
        assert np.isin(drawn, list(kept)).all()
        assert (probs[drawn] > 0).all()


@pytest.mark.parametrize("values", [6, 30])
@pytest.mark.parametrize("rule", [sample_token(), top_k_token(3), top_p_token(0.7)])
def test_tokens_of_a_row_do_not_depend_on_which_positions_other_rows_reveal(rule, values):
    log_probs = torch.randn(2, 4, values, generator=seeded(), dtype=torch.float64).log_softmax(-1)
    few = torch.tensor([[False, True, False, False], [True, False, True, True]])
    many = torch.tensor([[True, True, True, True], [True, False, True, True]])
    torch.testing.assert_close(rule(log_probs[few], few, seeded(5))[1:], rule(log_probs[many], many, seeded(5))[4:])


@pytest.mark.parametrize("values", [3, 30])
@pytest.mark.parametrize("rule", [sample_token(), argmax_token, top_k_token(3), top_p_token(0.7)])
def test_nothing_is_drawn_where_nothing_is_revealed(rule, values):
    assert rule(torch.zeros(0, values).double(), torch.zeros(2, 4, dtype=torch.bool), seeded()).shape == (0,)


def test_argmax_takes_the_lowest_of_equally_likely_values():
    chosen = torch.ones(1, 5, dtype=torch.bool)
    assert argmax_token(PROBS.log(), chosen, seeded()).tolist() == [0, 0, 1, 0, 2]
    assert top_k_token(1)(PROBS.log(), chosen, seeded()).tolist() == [0, 0, 1, 0, 2]


@settings(max_examples=50)
@given(
    weights=st.lists(st.integers(0, 4), min_size=9, max_size=20).filter(any),
    k=st.integers(1, 21),
    mass=st.sampled_from([0.1, 0.5, 0.9]),
)
def test_of_many_values_the_kept_are_drawn_and_no_others(weights, k, mass):
    """With ties. Each has probability 1/80 at least, so one is missed in 4000 draws once in 10^20 (the false alarm)."""
    probs = np.array(weights) / sum(weights)
    ranked = sorted(range(len(probs)), key=lambda v: (-probs[v], v))
    for rule, kept in ((top_k_token(k), set(ranked[:k])), (top_p_token(mass), nucleus(probs.tolist(), mass))):
        assert set(draws_of(rule, probs, 4000, seed=k)) == {v for v in kept if probs[v] > 0}


SMALLEST = [5e-324, 1e-310, sys.float_info.min, 1e-300, 1e-200, 1e-30, 1e-15]
"""Down to the smallest float. Divided by most of them any log-probability but 0 is -inf, and all values are equal."""


@pytest.mark.parametrize("temperature", SMALLEST)
@pytest.mark.parametrize("make", [sample_token, lambda t: top_k_token(3, t), lambda t: top_p_token(0.9, t)])
@given(
    levels=st.lists(st.integers(0, 5), min_size=2, max_size=20).filter(any),
    shift=st.sampled_from([0.0, -0.7, -700.0, 3.0]),
    unit=st.sampled_from([1.0, 1e-3, 40.0]),
)
@settings(max_examples=20)
def test_at_the_smallest_temperatures_a_likeliest_value_is_drawn(temperature, make, levels, shift, unit):
    """Normalised or not, with ties; level 0 is impossible."""
    log_probs = torch.tensor([unit * level if level else -math.inf for level in levels], dtype=torch.float64) + shift
    draws = make(temperature)(log_probs.expand(40, -1), torch.ones(20, 2, dtype=torch.bool), seeded())
    assert {levels[value] for value in draws.tolist()} == {max(levels)}


@pytest.mark.parametrize("temperature", SMALLEST)
@pytest.mark.parametrize("values", [5, 23])
def test_equally_likely_values_stay_so_at_the_smallest_temperatures(temperature, values):
    """Chi-square of 20,000 draws, false alarm 1e-5; the law of the samplers says the same."""
    probs = np.zeros(values)
    probs[[1, 2, 4]] = 0.3, 0.3, 0.1
    draws = draws_of(sample_token(temperature), probs)
    law = np.zeros(values)
    law[[1, 2]] = 0.5
    assert fits(draws, law) > 1e-5
    log_probs = torch.from_numpy(np.log(probs, out=np.full(values, -np.inf), where=probs > 0))[None]
    assert sampled(temperature)(log_probs)[0].tolist() == law.tolist()


@pytest.mark.parametrize("values", [5, 23])
def test_at_temperature_one_the_log_probabilities_are_not_touched(values):
    """So that every promised stream of draws stays what it was; at others the draws are those of the plain quotient."""
    log_probs = torch.randn(2000, values, generator=seeded(1), dtype=torch.float64).log_softmax(dim=-1)
    chosen = torch.ones(1000, 2, dtype=torch.bool)
    assert tempered(log_probs, 1.0) is log_probs
    for temperature in (0.5, 0.7, 2.0):
        plain = sample_token()(log_probs / temperature, chosen, seeded())
        assert torch.equal(sample_token(temperature)(log_probs, chosen, seeded()), plain)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
@pytest.mark.parametrize("make", [sample_token, lambda t: top_k_token(2, t), lambda t: top_p_token(0.5, t), sampled])
def test_impossible_temperatures_are_refused(make, temperature):
    with pytest.raises(ValueError, match="argmax_token"):
        make(temperature)


@pytest.mark.parametrize("mass", [0.0, -0.1, 1.5, math.nan])
def test_impossible_truncations_are_refused(mass):
    with pytest.raises(ValueError, match=r"\(0, 1\]"):
        top_p_token(mass)
    with pytest.raises(ValueError, match="k = 0"):
        top_k_token(0)
