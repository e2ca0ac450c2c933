"""The information curve: from its definition, from entropies of sets, and from draws, it is one curve."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.distribution import LODistribution
from generators.observations import named_tables as named
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.observations.scopes import random_scopes
from lo_theory.laws.information_curve import InformationCurve, curve_of_law, exact_curve, sampled_curve
from lo_theory.posteriors.enumeration import EnumeratedPosterior


def small(noise: float = 0.25) -> LODistribution:
    """Two latents of three values, two observations, one of them noisy; in a mixed order."""
    either = Predicate(named.nae(arity=2, latent_alphabet=3), np.array([[0, 1]]))
    total = Predicate(named.parity(arity=2, latent_alphabet=3), np.array([[1, 0]]), 3)
    functions = (Noisy(either, noise) if noise else either, total)
    return LODistribution(np.array([0.5, 0.3, 0.2]), 2, functions, np.array([2, 0, 3, 1]))


def nae(n_latents: int = 4, n_observations: int = 6) -> LODistribution:
    scopes = random_scopes(n_latents, n_observations, arity=3, structure_seed=0)
    return LODistribution(np.array([0.5, 0.5]), n_latents, (Predicate(named.nae(arity=3), scopes),))


@st.composite
def laws(draw, vocabulary: int = 2, most: int = 4):
    """Any law over V^L sequences, many of them impossible."""
    length = draw(st.integers(1, most))
    rows = np.array(list(itertools.product(range(vocabulary), repeat=length)))
    weights = draw(st.lists(st.integers(0, 5), min_size=len(rows), max_size=len(rows)).filter(any))
    return rows, np.array(weights) / sum(weights)


def by_definition(rows: np.ndarray, probability: np.ndarray) -> list[float]:
    """E H(X_i | X_S), every set, every position outside, every value of the visible tokens."""
    length = rows.shape[1]
    curve = []
    for size in range(length):
        values = []
        for visible in itertools.combinations(range(length), size):
            for position in set(range(length)) - set(visible):
                total = 0.0
                for context in {tuple(row[list(visible)]) for row in rows}:
                    fits = (rows[:, list(visible)] == np.array(context)).all(axis=1)
                    mass = probability[fits].sum()
                    for value in set(rows[:, position]):
                        both = probability[fits & (rows[:, position] == value)].sum()
                        if both > 0:
                            total -= both * math.log(both / mass)
                values.append(total)
        curve.append(float(np.mean(values)))
    return curve


@settings(max_examples=30)
@given(law=laws())
def test_the_curve_is_the_mean_conditional_entropy(law):
    np.testing.assert_allclose(curve_of_law(*law).nats, by_definition(*law), atol=1e-9)


@settings(max_examples=50)
@given(law=laws(vocabulary=3, most=3))
def test_the_curve_never_rises_and_adds_up_to_the_entropy(law):
    rows, probability = law
    curve = curve_of_law(rows, probability)
    assert (np.diff(curve.nats) <= 1e-12).all()
    assert (curve.nats >= -1e-12).all()
    positive = probability[probability > 0]
    assert curve.entropy().value == pytest.approx(-(positive * np.log(positive)).sum(), abs=1e-9)
    assert curve.total_correlation().value >= -1e-12
    assert curve.dual_total_correlation().value >= -1e-12


def test_known_curves():
    """Independent coins: flat, no correlation. One coin copied: log 2, then 0. Parity: log 2, 0 at last."""
    everything = np.array(list(itertools.product((0, 1), repeat=4)))
    bit = math.log(2)
    coins = curve_of_law(everything, np.full(16, 1 / 16))
    np.testing.assert_allclose(coins.nats, [bit] * 4, atol=1e-12)
    assert coins.total_correlation().value == pytest.approx(0, abs=1e-12)
    copied = curve_of_law(everything[[0, 15]], np.array([0.5, 0.5]))
    np.testing.assert_allclose(copied.nats, [bit, 0, 0, 0], atol=1e-12)
    assert copied.total_correlation().value == pytest.approx(3 * bit)
    assert copied.dual_total_correlation().value == pytest.approx(bit)
    even = everything[everything.sum(axis=1) % 2 == 0]
    parity = curve_of_law(even, np.full(8, 1 / 8))
    np.testing.assert_allclose(parity.nats, [bit, bit, bit, 0], atol=1e-12)
    assert parity.total_correlation().value == pytest.approx(bit)
    assert parity.dual_total_correlation().value == pytest.approx(3 * bit)


@pytest.mark.parametrize("distribution", [small(), small(0.0), nae()], ids=["noisy", "three values", "nae"])
def test_the_exact_curve_adds_up_to_the_entropy_of_the_distribution(distribution):
    curve = exact_curve(distribution)
    assert curve.method == "exact"
    assert curve.length == distribution.length
    assert curve.entropy().value == pytest.approx(distribution.entropy(), abs=1e-9)
    assert curve.entropy().standard_error == 0.0
    assert curve.at(0).value == curve.nats[0]


@pytest.mark.parametrize("distribution", [small(), nae()], ids=["noisy", "nae"])
def test_the_sampled_curve_is_the_exact_one_within_its_error(distribution):
    """z-scores of all L points of 2000 rows; false alarm 6e-6 per point (4.5 sigma), 1e-12 for points without error."""
    exact = exact_curve(distribution).nats
    rows = distribution.rows(5, 0, 2000)
    sampled = sampled_curve(EnumeratedPosterior(distribution), rows, np.random.default_rng(0))
    assert sampled.method == "monte_carlo"
    for visible in range(distribution.length):
        estimate = sampled.at(visible)
        assert abs(estimate.value - exact[visible]) <= 4.5 * estimate.standard_error + 1e-12
    assert sampled.at(0).standard_error < 1e-12, "before anything is visible there is nothing to vary"
    wrong = sampled.at(1)
    assert abs(wrong.value - exact[2]) > 10 * wrong.standard_error, "negative control: the neighbouring point"


def test_errors_of_what_is_linear_in_the_curve_come_from_its_rows():
    """Columns of a row depend on each other: the entropy's error is not that of independent points."""
    draws = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    curve = InformationCurve(draws, "monte_carlo")
    assert curve.at(0).standard_error > 0.2
    assert curve.entropy().standard_error == 0.0
    assert curve.entropy().value == 1.0
    assert curve.entropy().samples == 4


def test_the_batch_size_changes_nothing():
    posterior, rows = EnumeratedPosterior(nae()), nae().rows(1, 0, 30)
    curves = [sampled_curve(posterior, rows, np.random.default_rng(3), batch_size=size) for size in (1, 7, 30)]
    for other in curves[1:]:
        np.testing.assert_allclose(other.draws, curves[0].draws, atol=1e-12)


def test_what_a_posterior_says_of_visible_tokens_is_not_asked():
    class Babbling(EnumeratedPosterior):
        def log_marginals(self, tokens):
            visible = (tokens != self.mask_id)[..., None]
            return np.where(visible, -math.log(self.vocabulary), super().log_marginals(tokens))

    rows = nae().rows(1, 0, 10)
    curves = [sampled_curve(kind(nae()), rows, np.random.default_rng(3)) for kind in (EnumeratedPosterior, Babbling)]
    np.testing.assert_allclose(curves[0].draws, curves[1].draws, atol=1e-12)


def test_what_cannot_be_done_is_refused():
    with pytest.raises(ValueError, match="sampled_curve"):
        exact_curve(nae(6, 18))
    with pytest.raises(ValueError, match="add up to"):
        curve_of_law(np.array([[0], [1]]), np.array([0.5, 0.6]))
    with pytest.raises(ValueError, match="too many"):
        curve_of_law(np.zeros((1, 29), dtype=np.int64), np.array([1.0]))
    with pytest.raises(ValueError, match="at least one row"):
        sampled_curve(EnumeratedPosterior(nae()), nae().rows(0, 0, 0), np.random.default_rng(0))
    with pytest.raises(ValueError, match="between 0 and 9"):
        exact_curve(nae()).at(10)
