"""The distribution knows its own truth: probabilities, entropy, streams, JSON, and what it refuses."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from generators.distribution import LODistribution
from generators.observations.named_tables import nae, parity
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.observations.scopes import random_scopes
from generators.testing import arbitrary_sequences, distributions, observation_functions, orders, priors, sequences

FAIR = np.array([0.5, 0.5])
SCOPES = np.array([[0, 1, 2], [3, 1, 0]])


def everything(distribution: LODistribution) -> np.ndarray:
    """All sequences over the vocabulary."""
    shape = (distribution.vocabulary,) * distribution.length
    return np.indices(shape).reshape(distribution.length, -1).T


@settings(max_examples=50)
@given(distribution=distributions(max_length=7))
def test_probabilities_sum_to_one_and_give_the_entropy(distribution):
    values = distribution.log_prob(everything(distribution))
    possible = values[values > -np.inf]
    assert math.fsum(np.exp(possible)) == pytest.approx(1.0, abs=1e-12)
    assert distribution.entropy() == pytest.approx(-math.fsum(np.exp(possible) * possible), abs=1e-9)


@settings(max_examples=50)
@given(data=st.data())
def test_log_prob_is_prior_times_channel(data):
    distribution = data.draw(distributions())
    x = data.draw(sequences(distribution) | arbitrary_sequences(distribution))
    for row, value in zip(x, distribution.log_prob(x), strict=True):
        assert value == pytest.approx(log_prob_by_hand(distribution, row.tolist()), abs=1e-9)


def log_prob_by_hand(distribution: LODistribution, x: list[int]) -> float:
    """Def. 3.1, one token at a time."""
    order, m = distribution.order.tolist(), distribution.alphabet
    latents = [x[order[i]] for i in range(distribution.n_latents)]
    if any(z >= m for z in latents):
        return -math.inf
    probability = math.prod(float(distribution.prior[z]) for z in latents)
    at = distribution.n_latents
    for function in distribution.functions:
        honest = function.evaluate(np.array(latents)[:, None])[:, 0].tolist()
        for value in honest:
            seen, at = x[order[at]], at + 1
            if seen == value:
                probability *= 1.0 - function.noise
            else:
                probability *= function.noise / (function.alphabet - 1) if seen < function.alphabet else 0.0
    return math.log(probability) if probability > 0 else -math.inf


@settings(max_examples=30)
@given(data=st.data())
def test_split_and_join_are_inverse(data):
    distribution = data.draw(distributions())
    x = data.draw(arbitrary_sequences(distribution))
    latents, observations = distribution.split(x)
    assert latents.shape == (len(x), distribution.n_latents)
    assert observations.shape == (len(x), distribution.n_observations)
    assert (distribution.join(latents, observations) == x).all()


def test_the_order_says_where_a_token_stands():
    order = np.array([4, 0, 3, 5, 1, 2])
    distribution = LODistribution(FAIR, 4, (Predicate(nae(arity=3), SCOPES),), order)
    x = distribution.sample(50, np.random.default_rng(0))
    bits = x[:, order]
    for row in bits.tolist():
        assert row[4] == int(len({row[0], row[1], row[2]}) > 1)
        assert row[5] == int(len({row[3], row[1], row[0]}) > 1)
    assert distribution.latent_positions.tolist() == [4, 0, 3, 5]
    assert distribution.observation_positions.tolist() == [1, 2]


@settings(max_examples=50)
@given(distribution=distributions())
def test_the_json_form_round_trips(distribution):
    back = LODistribution.from_json(json.loads(json.dumps(distribution.to_json())))
    assert back == distribution
    assert hash(back) == hash(distribution)
    assert back.fingerprint == distribution.fingerprint
    assert (back.rows(3, 0, 20) == distribution.rows(3, 0, 20)).all()


@settings(max_examples=50)
@given(data=st.data())
def test_the_fingerprint_tells_distributions_apart(data):
    distribution = data.draw(distributions(max_length=6))
    other = dataclasses.replace(
        distribution,
        **data.draw(
            st.sampled_from(["prior", "order", "functions"]).flatmap(lambda part: changed_part(part, distribution))
        ),
    )
    assert (other.fingerprint == distribution.fingerprint) == (other.to_json() == distribution.to_json())
    assert (other == distribution) == (other.fingerprint == distribution.fingerprint)


def changed_part(part: str, distribution: LODistribution):
    m = distribution.alphabet
    if part == "prior":
        return priors(min_alphabet=m, max_alphabet=m).map(lambda prior: {"prior": prior})
    if part == "order":
        return orders(distribution.length).map(lambda order: {"order": order})
    function = observation_functions(distribution.n_latents, latent_alphabet=m, max_observations=1)
    return function.map(lambda f: {"functions": (*distribution.functions[:-1], f), "order": None})


def test_the_fingerprint_is_the_same_on_every_machine():
    distribution = LODistribution(FAIR, 4, (Noisy(Predicate(nae(arity=3), SCOPES), 0.1),))
    canonical = json.dumps(distribution.to_json(), sort_keys=True, separators=(",", ":"))
    assert canonical == (
        '{"format":"lo-theory/distribution/1","functions":[{"base":{"alphabet":2,"kind":"predicate",'
        '"scopes":[[0,1,2],[3,1,0]],"table":[[[0,1],[1,1]],[[1,1],[1,0]]]},"kind":"noisy","noise":0.1}],'
        '"n_latents":4,"order":[0,1,2,3,4,5],"prior":[0.5,0.5]}'
    )
    assert len(distribution.fingerprint) == 16


@settings(max_examples=40)
@given(distribution=distributions(), cuts=st.lists(st.integers(0, 150), max_size=4), seed=st.integers(0, 2**40))
def test_the_stream_may_be_cut_anywhere(distribution, cuts, seed):
    whole = distribution.rows(seed, 0, 150)
    edges = sorted({0, *cuts, 150})
    pieces = [distribution.rows(seed, a, b) for a, b in reversed([*itertools.pairwise(edges)])][::-1]
    assert (np.concatenate(pieces) == whole).all()
    assert distribution.rows(seed, 7, 7).shape == (0, distribution.length)


def test_the_stream_crosses_its_chunks():
    scopes = random_scopes(5, 9, arity=3, structure_seed=0)
    distribution = LODistribution(FAIR, 5, (Noisy(Predicate(nae(arity=3), scopes), 0.3),))
    whole = distribution.rows(1, 0, 9000)
    for start, stop in [(0, 4096), (4096, 4097), (4095, 8193), (1, 9000), (8999, 9000)]:
        assert (distribution.rows(1, start, stop) == whole[start:stop]).all()


@pytest.mark.parametrize("n", range(18))
def test_a_sample_has_as_many_rows_as_asked_for(n):
    distribution = LODistribution(FAIR, 4, (Predicate(nae(arity=3), SCOPES),))
    assert distribution.sample(n, np.random.default_rng(n)).shape == (n, 6)


@settings(max_examples=30)
@given(distribution=distributions(), seed=st.integers(0, 2**40))
def test_samples_lie_on_the_support_and_name_their_stream(distribution, seed):
    x = distribution.sample(40, np.random.default_rng(seed))
    assert np.isfinite(distribution.log_prob(x)).all()
    assert (x == distribution.rows(int(np.random.default_rng(seed).integers(2**63)), 0, 40)).all()
    assert (x < distribution.alphabets).all()
    assert distribution.mask_id == distribution.vocabulary
    assert distribution.pad_id == distribution.vocabulary + 1
    assert np.iinfo(x.dtype).max >= distribution.pad_id


def test_noise_is_drawn_apart_from_the_latents_and_from_other_noise():
    """20,000 rows against ``log_prob`` of all 64 sequences (false alarm 1e-5); a row has as many words as latents."""
    copies = (Noisy(Predicate(parity(arity=1), np.array([[0], [1]])), rate) for rate in (0.5, 0.3))
    distribution = LODistribution(np.array([0.4, 0.6]), 2, tuple(copies))
    every = everything(distribution)
    counts = np.bincount(distribution.rows(0, 0, 20_000) @ (1 << np.arange(6)), minlength=64)
    expected = 20_000 * np.exp(distribution.log_prob(every))[np.argsort(every @ (1 << np.arange(6)))]
    assert chisquare(counts, expected).pvalue > 1e-5


@settings(max_examples=30)
@given(distribution=distributions(noise=False), seeds=st.tuples(st.integers(0, 99), st.integers(100, 199)))
def test_sample_seeds_share_every_scope_key_and_rule(distribution, seeds):
    """A public re-implementation drew the scopes anew for every sample; then one truth table cannot fit two samples."""
    tables: dict[tuple[int, ...], list[int]] = {}
    for seed in seeds:
        latents, observations = distribution.split(distribution.rows(seed, 0, 60))
        for z, o in zip(latents.tolist(), observations.tolist(), strict=True):
            assert tables.setdefault(tuple(z), o) == o


def test_sample_seeds_are_different_draws():
    distribution = LODistribution(FAIR, 40, ())
    assert (distribution.rows(0, 0, 50) != distribution.rows(1, 0, 50)).any(axis=1).all()


@settings(max_examples=30)
@given(data=st.data())
def test_values_outside_the_alphabet_are_impossible(data):
    distribution = data.draw(distributions(max_length=6))
    x = data.draw(sequences(distribution, max_rows=1))
    position = data.draw(st.integers(0, distribution.length - 1))
    for value in (-1, distribution.alphabets[position], distribution.mask_id, distribution.pad_id, 255):
        changed = x.copy()
        changed[0, position] = value
        assert distribution.log_prob(changed)[0] == -np.inf


def test_alphabets_may_differ_by_position():
    colours = Predicate(parity(arity=2, latent_alphabet=3), np.array([[0, 1]]), 3)
    bits = Predicate(nae(arity=2, latent_alphabet=3), np.array([[1, 2]]))
    distribution = LODistribution(np.full(3, 1 / 3), 3, (colours, bits), np.array([4, 3, 2, 1, 0]))
    assert distribution.alphabets.tolist() == [2, 3, 3, 3, 3]
    assert distribution.vocabulary == 3
    assert distribution.noise.tolist() == [0.0, 0.0]


def test_a_distribution_without_observations_is_its_prior():
    distribution = LODistribution(np.array([0.2, 0.8]), 2, ())
    assert distribution.n_observations == 0
    assert distribution.observe(np.array([[0, 1]])).shape == (1, 0)
    assert np.exp(distribution.log_prob(np.array([[0, 1]]))) == pytest.approx([0.16])
    assert distribution.noise.shape == (0,)


def test_a_value_of_probability_zero_never_occurs():
    distribution = LODistribution(np.array([0.0, 0.3, 0.0, 0.7, 0.0]), 3, ())
    assert set(np.unique(distribution.rows(0, 0, 2000)).tolist()) == {1, 3}
    assert distribution.log_prob(np.array([[1, 1, 0]]))[0] == -np.inf


def test_a_distribution_cannot_be_edited():
    distribution = LODistribution(FAIR, 4, (Predicate(nae(arity=3), SCOPES),))
    with pytest.raises(dataclasses.FrozenInstanceError):
        distribution.n_latents = 5
    for array in (distribution.prior, distribution.order, distribution.functions[0].scopes):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    source = np.array([0.5, 0.5])
    kept = LODistribution(source, 1, ())
    source[0] = 0.9
    assert kept.prior.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prior": np.array([0.5, 0.6])}, "sums to 1.1"),
        ({"prior": np.array([1.0])}, r"m >= 2 values; got shape \(1,\)"),
        ({"prior": np.array([1.5, -0.5])}, "-0.5"),
        ({"prior": np.array([np.nan, 1.0])}, "nan"),
        ({"prior": np.full(3, 1 / 3)}, "2 values, the prior has 3"),
        ({"n_latents": 0}, "n_latents = 0"),
        ({"n_latents": 3}, "reads latent 3, but there are only N = 3"),
        ({"order": np.arange(5)}, r"range\(6\); got shape \(5,\)"),
        ({"order": np.array([0, 1, 2, 3, 4, 4])}, "first offender 4"),
        ({"order": np.array([0, 1, 2, 3, 4, 6])}, "first offender 6"),
        ({"order": np.array([0, 1, 2, 3, 4, -1])}, "first offender -1"),
    ],
)
def test_bad_parts_are_refused(change, message):
    parts = {"prior": FAIR, "n_latents": 4, "functions": (Predicate(nae(arity=3), SCOPES),), **change}
    with pytest.raises(ValueError, match=message):
        LODistribution(**parts)


def test_bad_questions_are_refused():
    distribution = LODistribution(FAIR, 4, (Predicate(nae(arity=3), SCOPES),))
    with pytest.raises(ValueError, match=r"shape \(n, 6\); got \(2, 5\)"):
        distribution.log_prob(np.zeros((2, 5), dtype=np.int64))
    with pytest.raises(ValueError, match=r"shape \(n, 4\); got \(2, 5\)"):
        distribution.observe(np.zeros((2, 5), dtype=np.int64))
    with pytest.raises(ValueError, match=r"range\(2\); got values from 0 to 2"):
        distribution.observe(np.array([[0, 1, 2, 0]]))
    with pytest.raises(ValueError, match="-3"):
        distribution.rows(-3, 0, 2)
    with pytest.raises(ValueError, match="start=5, stop=2"):
        distribution.rows(0, 5, 2)
    with pytest.raises(ValueError, match="start=-1, stop=2"):
        distribution.rows(0, -1, 2)
    with pytest.raises(ValueError, match="start=-1, stop=-1"):
        distribution.rows(0, -1, -1)
    with pytest.raises(ValueError, match="-1"):
        distribution.sample(-1, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"orders": [0]}, "unknown field 'orders'; the nearest known one is 'order'"),
        ({"format": "lo-theory/distribution/9"}, "distribution/9"),
        ({"functions": [{"kind": "predicat"}]}, "'predicat'.*is 'predicate'"),
        ({"functions": [{"table": [0, 1]}]}, "'kind'"),
        ({"functions": [{"kind": "predicate", "table": [0, 1], "scopes": [[0]]}]}, "lacks the field 'alphabet'"),
        ({"order": [0, 1, 2, 3, 4]}, "permutation"),
        ({"order": [0.5, 1, 2, 3, 4, 5]}, "must hold integers"),
        ({"order": [[0, 1], [2]]}, "rectangular"),
        ({"prior": [0.5, 0.4]}, "sums to 0.9"),
    ],
)
def test_a_bad_json_form_is_refused(change, message):
    form = LODistribution(FAIR, 4, (Predicate(nae(arity=3), SCOPES),)).to_json()
    with pytest.raises(ValueError, match=message):
        LODistribution.from_json({**form, **change})


@pytest.mark.parametrize("field", ["format", "prior", "n_latents", "functions", "order"])
def test_every_field_of_the_json_form_is_needed(field):
    form = LODistribution(FAIR, 4, (Predicate(nae(arity=3), SCOPES),)).to_json()
    del form[field]
    with pytest.raises(ValueError, match=f"lacks the field '{field}'"):
        LODistribution.from_json(form)
