"""Strategies draw what they say, reach every kind, and shrink to something simple."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from generators.distribution import LODistribution
from generators.observations.kinds import function_from_json
from generators.observations.named_tables import nae
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.testing import (
    arbitrary_sequences,
    distributions,
    keyed_hashes,
    logic_rules,
    masks,
    observation_functions,
    orders,
    parities,
    predicates,
    priors,
    random_slabs,
    scopes,
    sequences,
)

CERTAIN_FLIP = LODistribution(np.array([0.5, 0.5]), 3, (Noisy(Predicate(nae(arity=3), np.array([[0, 1, 2]])), 1.0),))
SEARCH = settings(max_examples=200, phases=[Phase.generate, Phase.shrink])  # explaining an example costs the most


def _find(strategy, condition):
    return find(strategy, condition, settings=SEARCH)


@given(prior=priors(max_alphabet=5), positive=priors(zeros=False))
def test_priors_are_distributions(prior, positive):
    assert 2 <= len(prior) <= 5
    assert prior.sum() == pytest.approx(1.0, abs=1e-12)
    assert (prior >= 0).all()
    assert (positive > 0).all()


@given(reads=scopes(5, max_observations=4, min_arity=2, max_arity=3))
def test_scopes_are_distinct(reads):
    assert reads.shape[1] in (2, 3)
    assert 1 <= len(reads) <= 4
    assert all(len(set(row)) == len(row) and set(row) <= set(range(5)) for row in reads.tolist())


@settings(max_examples=40)
@given(data=st.data(), m=st.integers(2, 4), n_latents=st.integers(1, 5))
def test_functions_fit_their_latents(data, m, n_latents):
    function = data.draw(observation_functions(n_latents, latent_alphabet=m, max_observations=3, max_alphabet=4))
    assert function.latent_alphabet == m
    assert function.scopes.max() < n_latents
    assert 1 <= len(function.scopes) <= 3
    assert function_from_json(function.to_json()) == function


@settings(max_examples=40)
@given(distribution=distributions(max_latents=3, max_length=6, max_alphabet=3))
def test_distributions_keep_their_limits(distribution):
    assert distribution.n_latents <= 3
    assert distribution.n_latents <= distribution.length <= 6
    assert distribution.vocabulary <= 3


@settings(max_examples=40)
@given(distribution=distributions(noise=False, orders=False, zeros=False))
def test_what_is_switched_off_is_absent(distribution):
    assert not any(function.noise for function in distribution.functions)
    assert distribution.order.tolist() == list(range(distribution.length))
    assert (distribution.prior > 0).all()


@pytest.mark.parametrize("kind", ["predicate", "keyed_hash", "logic_rule", "random_slab", "parity", "noisy"])
def test_every_kind_is_reached(kind):
    assert _find(distributions(), lambda d: any(f.to_json()["kind"] == kind for f in d.functions)).functions


@pytest.mark.parametrize("strategy", [predicates, keyed_hashes, logic_rules, random_slabs, parities])
def test_each_kind_alone(strategy):
    function = _find(strategy(4), lambda _: True)
    assert len(function.scopes) == 1
    assert function.noise == 0.0


def test_a_distribution_shrinks_to_one_fair_bit():
    smallest = _find(distributions(), lambda _: True)
    assert smallest.length == 1
    assert smallest.prior.tolist() == [0.5, 0.5]


def test_an_order_shrinks_to_the_identity():
    assert _find(orders(4), lambda _: True).tolist() == [0, 1, 2, 3]


@given(order=orders(6), mask=masks(3, 5))
def test_orders_and_masks(order, mask):
    assert sorted(order.tolist()) == list(range(6))
    assert mask.shape == (3, 5)
    assert mask.dtype == np.bool_


@settings(max_examples=40)
@given(data=st.data())
def test_sequences_lie_on_the_support(data):
    distribution = data.draw(distributions())
    assert np.isfinite(distribution.log_prob(data.draw(sequences(distribution)))).all()


@settings(max_examples=40)
@given(data=st.data())
def test_arbitrary_sequences_lie_in_the_vocabulary(data):
    distribution = data.draw(distributions())
    x = data.draw(arbitrary_sequences(distribution, max_rows=2))
    assert x.shape[1] == distribution.length
    assert x.min() >= 0
    assert x.max() < distribution.vocabulary


def test_sequences_reach_noise_and_arbitrary_ones_leave_the_support():
    def moved(pair):
        distribution, x = pair
        latents, observations = distribution.split(x)
        return (distribution.observe(latents) != observations).any()

    pairs = distributions().flatmap(lambda d: st.tuples(st.just(d), sequences(d)))
    assert any(f.noise for f in _find(pairs, moved)[0].functions)
    loose = distributions(noise=False).flatmap(lambda d: st.tuples(st.just(d), arbitrary_sequences(d)))
    distribution, x = _find(loose, lambda pair: (pair[0].log_prob(pair[1]) == -np.inf).any())
    assert (distribution.log_prob(x) == -np.inf).any()


@settings(max_examples=20)
@given(x=sequences(CERTAIN_FLIP))
def test_noise_of_rate_one_always_replaces(x):
    assert np.isfinite(CERTAIN_FLIP.log_prob(x)).all()
