"""Planted instances: what is shown agrees with the latents, at the asked degree, uniformly over what may be shown."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chisquare

from generators.observations import named_tables as named
from generators.planted.constraints import PlantedEnsemble

FALSE_ALARM = 1e-6
UNIFORM2, UNIFORM3 = np.full(2, 1 / 2), np.full(3, 1 / 3)


TABLES = [
    named.nae(arity=3, latent_alphabet=3),
    named.nae(arity=2, latent_alphabet=3),
    named.parity(arity=3),
    named.clause([True, False]),
]


@st.composite
def ensembles(draw: st.DrawFn) -> PlantedEnsemble:
    table = draw(st.sampled_from(TABLES))
    m, k = table.shape[0], table.ndim
    weights = np.array(draw(st.lists(st.integers(1, 5), min_size=m, max_size=m)))
    n_latents, shown = draw(st.integers(k + 1, 12)), draw(st.sampled_from(["satisfied", "both"]))
    one = PlantedEnsemble(weights / weights.sum(), n_latents, table, 1e-9, shown)
    degree = draw(st.floats(0, 1)) * 1e-9 / one.probability * 0.99
    return PlantedEnsemble(one.prior, n_latents, table, degree, shown)


@given(ensemble=ensembles(), seed=st.integers(0, 2**32))
@settings(max_examples=50)
def test_values_agree_with_the_latents_and_no_tuple_repeats(ensemble, seed):
    instance = ensemble.sample(np.random.default_rng(seed))
    assert instance.scopes.shape == (len(instance.values), ensemble.arity)
    for scope, value in zip(instance.scopes.tolist(), instance.values.tolist(), strict=True):
        assert len(set(scope)) == ensemble.arity
        assert value == ensemble.table[tuple(instance.latents[scope])]
    if ensemble.shown == "satisfied":
        assert instance.values.all()
    assert len({tuple(s) for s in instance.scopes.tolist()}) == len(instance.scopes)


@given(ensemble=ensembles(), seed=st.integers(0, 2**32))
@settings(max_examples=30)
def test_number_of_eligible_tuples_is_exact(ensemble, seed):
    latents = np.random.default_rng(seed).integers(len(ensemble.prior), size=ensemble.n_latents)
    tuples = itertools.permutations(range(ensemble.n_latents), ensemble.arity)
    expected = sum(ensemble.shown == "both" or int(ensemble.table[tuple(latents[list(t)])]) for t in tuples)
    assert ensemble._eligible(latents) == expected


def test_the_largest_degree_shows_every_eligible_tuple():
    satisfied = PlantedEnsemble(UNIFORM2, 6, named.nae(arity=3), 1.0)
    instance = PlantedEnsemble(UNIFORM2, 6, named.nae(arity=3), 1.0 / satisfied.probability * (1 - 1e-12)).sample(
        np.random.default_rng(0)
    )
    assert len(instance.scopes) >= satisfied._eligible(instance.latents) - 1
    both = PlantedEnsemble(UNIFORM2, 6, named.nae(arity=3), 60.0, "both")
    assert both.probability == 1.0
    assert len(both.sample(np.random.default_rng(0)).scopes) == math.perm(6, 3)


@pytest.mark.parametrize(
    ("shown", "prior"), [("satisfied", UNIFORM3), ("satisfied", np.array([0.6, 0.3, 0.1])), ("both", UNIFORM3)]
)
def test_expected_degree(shown, prior):
    ensemble = PlantedEnsemble(prior, 30, named.nae(arity=3, latent_alphabet=3), 7.0, shown)
    draws, rng = 1000, np.random.default_rng(3)
    counts = np.array([len(ensemble.sample(rng).scopes) for _ in range(draws)])
    assert ensemble.expected_constraints == 70.0
    z = (counts.mean() - 70.0) / (counts.std(ddof=1) / math.sqrt(draws))
    assert abs(z) < 4.9  # 1e-6, two sides
    given_tuples = ensemble.probability * math.perm(30, 3)
    assert abs((counts.mean() - given_tuples) / (counts.std(ddof=1) / math.sqrt(draws))) > 4.9 or shown == "both"


def test_both_values_appear_at_their_rate():
    instance = PlantedEnsemble(UNIFORM2, 3000, named.nae(arity=3), 20.0, "both").sample(np.random.default_rng(0))
    share = instance.latents.mean()
    rate = 1 - share**3 - (1 - share) ** 3  # of triples satisfied, given these latents
    assert binomtest(int(instance.values.sum()), len(instance.values), float(rate)).pvalue > FALSE_ALARM


def tuple_counts(scopes: np.ndarray, latents: np.ndarray, table: np.ndarray) -> np.ndarray:
    n, k = len(latents), scopes.shape[1]
    eligible = [t for t in itertools.permutations(range(n), k) if table[tuple(latents[list(t)])]]
    place = {t: i for i, t in enumerate(eligible)}
    return np.bincount([place[tuple(s)] for s in scopes.tolist()], minlength=len(eligible))


def test_satisfied_tuples_are_shown_uniformly_and_independently():
    table, rng = named.nae(arity=3), np.random.default_rng(11)
    ensemble = PlantedEnsemble(UNIFORM2, 5, table, 0.9)
    latents = np.array([0, 1, 0, 1, 1], dtype=np.uint8)
    eligible = ensemble._eligible(latents)
    drawn = [ensemble._tuples(latents, 2, eligible, rng) for _ in range(6000)]
    counts = tuple_counts(np.concatenate([d[:1] for d in drawn]), latents, table)
    assert len(counts) == eligible
    assert chisquare(counts).pvalue > FALSE_ALARM
    second = tuple_counts(np.concatenate([d[1:] for d in drawn]), latents, table)
    assert chisquare(second).pvalue > FALSE_ALARM
    biased = np.concatenate([np.sort(d[:1], axis=1) for d in drawn])  # a draw of unordered tuples is seen
    assert chisquare(tuple_counts(biased, latents, table)).pvalue < FALSE_ALARM


def test_latents_have_the_frequencies_of_the_prior():
    prior = np.array([0.6, 0.3, 0.1])
    latents = (
        PlantedEnsemble(prior, 5000, named.nae(arity=3, latent_alphabet=3), 0.0)
        .sample(np.random.default_rng(1))
        .latents
    )
    counts = np.bincount(latents, minlength=3)
    assert chisquare(counts, 5000 * prior).pvalue > FALSE_ALARM
    assert chisquare(counts, 5000 * np.array([0.55, 0.35, 0.1])).pvalue < FALSE_ALARM


def test_fixed_count_and_reproducibility():
    ensemble = PlantedEnsemble(UNIFORM3, 50, named.nae(arity=3, latent_alphabet=3), 6.0, count="fixed")
    first, again = (ensemble.sample(np.random.default_rng(5)) for _ in range(2))
    assert first.degree == 6.0
    assert np.array_equal(first.scopes, again.scopes)
    other = ensemble.sample(np.random.default_rng(6))
    assert not np.array_equal(first.scopes, other.scopes)


def test_the_size_of_the_figure():
    instance = PlantedEnsemble(UNIFORM3, 10_000, named.nae(arity=3, latent_alphabet=3), 30.0).sample(
        np.random.default_rng(0)
    )
    assert instance.values.all()
    assert abs(instance.degree - 30) < 6 * 30 / math.sqrt(100_000)
    wide = PlantedEnsemble(UNIFORM2, 10_000, named.p5(), 5.0).sample(np.random.default_rng(0))  # N**k is beyond 2**63
    assert wide.values.all()


@given(ensemble=ensembles())
@settings(max_examples=20)
def test_json_round_trip(ensemble):
    again = PlantedEnsemble.from_json(json.loads(json.dumps(ensemble.to_json())))
    assert again == ensemble
    assert hash(again) == hash(ensemble)
    first, second = (e.sample(np.random.default_rng(2)) for e in (ensemble, again))
    assert np.array_equal(first.scopes, second.scopes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.array([0.5, 0.6]), 5, named.nae(arity=3), 1.0), "sum to 1"),
        ((UNIFORM3, 5, named.nae(arity=3), 1.0), "must hold 2 probabilities"),
        ((UNIFORM2, 2, named.nae(arity=3), 1.0), "k = 3 must be at most N = 2"),
        ((UNIFORM2, 5, named.nae(arity=3), -1.0), "at least 0; got -1.0"),
        ((UNIFORM2, 5, named.nae(arity=3), math.nan), "at least 0; got nan"),
        ((UNIFORM2, 5, named.nae(arity=3), 40.0), "largest degree is 27"),
        ((UNIFORM2, 5, np.zeros((2, 2), dtype=np.uint8), 1.0), "never holds"),
        ((np.array([1.0, 0.0]), 5, named.nae(arity=3), 1.0), "never holds"),
        ((UNIFORM3, 5, named.parity(arity=3, latent_alphabet=3), 1.0), "outside range"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        PlantedEnsemble(*arguments)


def test_bad_words_and_json():
    for name in ("shown", "count"):
        with pytest.raises((ValueError, TypeError)):  # the tests check the annotations first
            PlantedEnsemble(UNIFORM2, 5, named.nae(arity=3), 1.0, **{name: "all"})
    form = PlantedEnsemble(UNIFORM2, 5, named.nae(arity=3), 1.0).to_json()
    with pytest.raises(ValueError, match="unknown field 'arity'"):
        PlantedEnsemble.from_json(form | {"arity": 3})
    with pytest.raises(ValueError, match="expected a planted ensemble in format"):
        PlantedEnsemble.from_json(form | {"format": "planted/0"})


def test_fixed_count_beyond_what_the_latents_allow():
    ensemble = PlantedEnsemble(UNIFORM2, 4, named.clause([True, True]), 2.9 * 0.75, count="fixed")
    with pytest.raises(ValueError, match="latents drawn satisfy only"):
        _ = [ensemble.sample(np.random.default_rng(seed)) for seed in range(200)]
