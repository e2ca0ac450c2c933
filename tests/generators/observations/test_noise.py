"""The symmetric channel: its law, its entropy, its rate in samples, what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.distribution import LODistribution
from generators.observations.function import channel_entropy, channel_log_prob
from generators.observations.kinds import function_from_json
from generators.observations.named_tables import nae, parity
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.testing import predicates
from generators.testing.statistics import binomial_p_value, independence_p_value

SCOPES = np.array([[0, 1, 2]])
RATES = st.floats(0.0, 1.0)


@given(alphabet=st.integers(2, 6), noise=RATES, sent=st.integers(0, 5))
def test_the_channel_sums_to_one_and_has_its_entropy(alphabet, noise, sent):
    values = np.arange(alphabet)[None]
    log_q = channel_log_prob(values, np.full_like(values, sent % alphabet), noise, alphabet)[0]
    possible = log_q[log_q > -np.inf]
    assert math.fsum(np.exp(possible)) == pytest.approx(1.0, abs=1e-12)
    assert channel_entropy(noise, alphabet) == pytest.approx(-math.fsum(np.exp(possible) * possible), abs=1e-12)


def test_the_channel_for_bits_is_a_flip():
    seen, sent = np.array([[0, 1, 0, 1]]), np.array([[0, 0, 1, 1]])
    assert np.exp(channel_log_prob(seen, sent, 0.2, 2)) == pytest.approx(np.array([[0.8, 0.2, 0.2, 0.8]]))
    assert channel_entropy(0.5, 2) == pytest.approx(math.log(2))


def test_without_noise_the_channel_is_exact():
    seen, sent = np.array([[0, 1, 2, -1, 3]]), np.array([[0, 0, 2, 0, 0]])
    assert channel_log_prob(seen, sent, 0.0, 3).tolist() == [[0.0, -math.inf, 0.0, -math.inf, -math.inf]]
    assert channel_entropy(0.0, 3) == 0.0


def test_values_outside_the_alphabet_are_impossible_with_noise_too():
    assert (channel_log_prob(np.array([[-1, 2, 7]]), np.zeros((1, 3), dtype=int), 0.5, 2) == -np.inf).all()


@settings(max_examples=50)
@given(base=predicates(4), noise=RATES)
def test_noise_leaves_the_noiseless_values_alone(base, noise):
    columns = np.indices((2,) * 4).reshape(4, -1).astype(np.uint8)
    noisy = Noisy(base, noise)
    assert (noisy.evaluate(columns) == base.evaluate(columns)).all()
    assert (noisy.scopes == base.scopes).all()
    assert (noisy.alphabet, noisy.latent_alphabet, noisy.noise) == (base.alphabet, base.latent_alphabet, noise)
    assert Noisy.from_json(noisy.to_json(), function_from_json) == noisy


@pytest.mark.parametrize("noise", [0.01, 0.25, 0.5, 1.0])
def test_observations_are_replaced_at_the_rate_independently(noise):
    """Exact binomial per observation and independence per pair, at 1e-9 each. Control: a rate off by a quarter."""
    base = Predicate(parity(arity=2), np.array([[0, 1], [1, 2], [0, 2]]))
    distribution = LODistribution(
        np.array([0.5, 0.5]), 3, (Noisy(base, noise), Noisy(Predicate(nae(arity=3), SCOPES), noise))
    )
    n = 100_000
    latents, seen = distribution.split(distribution.rows(5, 0, n))
    wrong = seen != distribution.observe(latents)
    for j, count in enumerate(wrong.sum(axis=0).tolist()):
        assert binomial_p_value(count, n, noise) > 1e-9
        assert binomial_p_value(int(count * 0.75), n, noise) < 1e-9
        for other in wrong.T[:j]:
            table = np.bincount(2 * wrong[:, j] + other, minlength=4).reshape(2, 2)
            assert independence_p_value(table) > 1e-9


def test_noise_of_rate_zero_is_the_base():
    base = Predicate(nae(arity=3), SCOPES)
    prior = np.array([0.5, 0.5])
    quiet, plain = (LODistribution(prior, 3, (f,)) for f in (Noisy(base, 0.0), base))
    assert (quiet.rows(0, 0, 50) == plain.rows(0, 0, 50)).all()
    assert quiet.entropy() == plain.entropy()


@pytest.mark.parametrize("noise", [-0.1, 1.5, math.nan, math.inf])
def test_a_rate_that_is_no_probability_is_refused(noise):
    with pytest.raises(ValueError, match=f"got {noise}"):
        Noisy(Predicate(nae(arity=3), SCOPES), noise)


def test_noise_on_noise_is_refused():
    noisy = Noisy(Predicate(nae(arity=3), SCOPES), 0.1)
    with pytest.raises(ValueError, match=r"already has noise 0\.1"):
        Noisy(noisy, 0.2)
