"""Ready-made distributions: each is what its name says, and its structure belongs to ``structure_seed`` alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binomtest

from generators import families
from generators.distribution import LODistribution
from generators.observations import named_tables as named

FALSE_ALARM = 1e-6
FAMILIES: dict[str, Callable[[int], LODistribution]] = {
    "nae": lambda seed: families.nae_sat(6, 18, structure_seed=seed),
    "nae-3": lambda seed: families.nae_sat(6, 18, arity=4, latent_alphabet=3, structure_seed=seed),
    "csp": lambda seed: families.predicate_csp(named.p5(), 8, 20, noise=0.1, structure_seed=seed),
    "parity": lambda seed: families.sparse_parity(8, 20, arity=4, noise=0.2, structure_seed=seed),
    "slabs": lambda seed: families.random_slabs(6, 12, 0.8, structure_seed=seed),
    "local hash": lambda seed: families.local_hash(
        6, 18, alphabet=5, latent_alphabet=3, structure_seed=seed, noise=0.3
    ),
    "whole hash": lambda seed: families.whole_hash(14, 18, structure_seed=seed),
    "logic": lambda seed: families.random_logic(6, 18, structure_seed=seed, noise=0.05),
}


NOISE = {"csp": 0.1, "parity": 0.2, "local hash": 0.3, "logic": 0.05}


@pytest.mark.parametrize("name", FAMILIES)
def test_structure_belongs_to_the_structure_seed(name):
    make = FAMILIES[name]
    distribution, again, other = make(1), make(1), make(2)
    assert distribution.fingerprint == again.fingerprint
    assert distribution.fingerprint != other.fingerprint
    assert LODistribution.from_json(distribution.to_json()).fingerprint == distribution.fingerprint
    train, test = (distribution.rows(sample_seed, 0, 4000) for sample_seed in (0, 1))
    assert not np.array_equal(train, test)
    assert distribution.fingerprint == again.fingerprint  # drawing rows changed nothing
    for rows in (train, test):
        latents, observations = distribution.split(rows)
        assert np.isfinite(distribution.log_prob(rows)).all()
        wrong = int((again.observe(latents) != observations).sum())
        rate = NOISE.get(name, 0.0)
        assert (
            binomtest(wrong, observations.size, rate).pvalue > FALSE_ALARM / (2 * len(FAMILIES)) if rate else wrong == 0
        )


@pytest.mark.parametrize("name", ["csp", "parity", "logic"])
def test_another_structure_is_seen(name):
    rows = FAMILIES[name](1).rows(0, 0, 2000)
    other = FAMILIES[name](2)
    latents, observations = other.split(rows)
    wrong = int((other.observe(latents) != observations).sum())
    assert binomtest(wrong, observations.size, other.functions[0].noise).pvalue < FALSE_ALARM


def test_nae_sat_is_that_of_the_paper():
    distribution = families.nae_sat(20, 280, structure_seed=0)
    assert (distribution.n_latents, distribution.n_observations, distribution.length) == (20, 280, 300)
    assert (distribution.vocabulary, distribution.mask_id, distribution.pad_id) == (2, 2, 3)
    assert distribution.entropy() == pytest.approx(20 * math.log(2), abs=1e-12)
    scopes = distribution.functions[0].scopes
    latents, observations = distribution.split(distribution.rows(0, 0, 500))
    assert np.array_equal(observations, (latents[:, scopes].min(axis=2) != latents[:, scopes].max(axis=2)))


def test_the_rate_of_ones_needs_distinct_latents():
    scopes = np.concatenate([families.nae_sat(20, 280, structure_seed=s).functions[0].scopes for s in range(40)])
    latents = np.random.default_rng(0).integers(2, size=(len(scopes), 20))  # fresh latents for every scope
    drawn = np.take_along_axis(latents, scopes, axis=1)
    ones = int((drawn != drawn[:, :1]).any(axis=1).sum())
    assert binomtest(ones, len(scopes), 0.75).pvalue > FALSE_ALARM
    assert binomtest(ones, len(scopes), 0.7125).pvalue < FALSE_ALARM  # the rate with replacement


def test_every_subset_and_default_alphabet():
    distribution = families.every_subset(named.not_equal(5), 6)
    assert distribution.n_observations == 30
    latents, observations = distribution.split(distribution.rows(1, 0, 100))
    for j, (a, b) in enumerate(distribution.functions[0].scopes.tolist()):
        assert np.array_equal(observations[:, j], latents[:, a] != latents[:, b])
    assert families.predicate_csp(named.parity(arity=3, latent_alphabet=5), 6, 4, structure_seed=0).vocabulary == 5
    assert families.predicate_csp(named.nae(arity=3), 6, 4, alphabet=7, structure_seed=0).vocabulary == 7


def test_prior_order_and_written_rules():
    order = np.random.default_rng(0).permutation(5)
    distribution = families.logic_rules(
        ["rain implies wet", "not wet"], 3, names=["rain", "wet", "sun"], prior=np.array([0.9, 0.1]), order=order
    )
    assert np.array_equal(distribution.order, order)
    latents, observations = distribution.split(distribution.rows(0, 0, 200))
    assert np.array_equal(observations[:, 0], (latents[:, 0] == 0) | (latents[:, 1] == 1))
    assert np.array_equal(observations[:, 1], latents[:, 1] == 0)
    assert latents.mean() < 0.25


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: families.nae_sat(2, 5, structure_seed=0), "arity k = 3"),
        (lambda: families.nae_sat(5, 5, latent_alphabet=1, structure_seed=0), "alphabet 1"),
        (lambda: families.predicate_csp(np.zeros((), dtype=int), 5, 5, structure_seed=0), "truth table"),
        (lambda: families.predicate_csp(np.zeros((2, 3), dtype=int), 5, 5, structure_seed=0), "truth table"),
        (
            lambda: families.predicate_csp(named.nae(arity=3), 5, 5, noise=1.5, structure_seed=0),
            "rate is a probability",
        ),
        (lambda: families.predicate_csp(named.nae(arity=3), 5, 5, prior=np.ones(2), structure_seed=0), "sum to 1"),
        (lambda: families.predicate_csp(named.nae(arity=3), 5, 5, prior=np.ones(3) / 3, structure_seed=0), "2 values"),
        (lambda: families.nae_sat(5, 5, structure_seed=0, order=np.zeros(10, dtype=int)), "permutation"),
        (lambda: families.random_slabs(5, 5, -1.0, structure_seed=0), "positive and finite"),
        (lambda: families.local_hash(5, 5, alphabet=1, structure_seed=0), "alphabet must be"),
        (lambda: families.every_subset(named.nae(arity=3), 2), "arity k = 3"),
        (lambda: families.logic_rules(["x0 and"], 3), r"\^"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
