"""Markov chains and hidden Markov models as distributions: identities, exact sums, and the examiner's checks."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.testing import check_invariants
from generators.text.hidden import HiddenMarkov
from generators.text.markov import MarkovChain
from generators.text.passing import distribution_function
from generators.text.random_chains import random_hidden, random_markov
from tests.lo_theory.posteriors.chain_examples import chains, joint

HALF, EVEN = np.array([0.5, 0.5]), np.full((2, 2), 0.5)


@settings(max_examples=60)
@given(law=chains())
def test_probabilities_and_entropy_are_those_of_the_definition(law):
    sequences, true = joint(law)
    log_prob = law.log_prob(sequences)
    assert abs(np.exp(log_prob) - true).max() < 1e-12
    assert ((log_prob == -np.inf) == (true == 0)).all()
    assert abs(np.exp(log_prob).sum() - 1) < 1e-12
    possible = true[true > 0]
    assert abs(law.entropy() + (possible * np.log(possible)).sum()) < 1e-12


@settings(max_examples=30)
@given(law=chains(), seed=st.integers(0, 2**40), start=st.integers(0, 10**9), cut=st.integers(0, 7))
def test_rows_are_a_stream_that_can_be_cut_anywhere(law, seed, start, cut):
    rows = law.rows(seed, start, start + 7)
    pieces = [law.rows(seed, start, start + cut), law.rows(seed, start + cut, start + 7)]
    assert (np.concatenate(pieces) == rows).all()
    assert rows.shape == (7, law.length)
    assert rows.dtype == np.uint8
    assert (law.log_prob(rows) > -np.inf).all()


@settings(max_examples=30)
@given(law=chains())
def test_the_form_is_read_back_exactly(law):
    back = type(law).from_json(json.loads(json.dumps(law.to_json())))
    assert back == law
    assert hash(back) == hash(law)
    assert back.fingerprint == law.fingerprint
    assert (back.rows(1, 0, 5) == law.rows(1, 0, 5)).all()


@pytest.mark.parametrize(
    "law",
    [
        random_markov(3, 5, structure_seed=0),
        random_markov(4, 5, structure_seed=1, successors=2),
        random_markov(3, 5, structure_seed=2, memory=2),
        random_hidden(3, 3, 5, structure_seed=3),
        random_hidden(4, 4, 5, structure_seed=4, successors=2),
    ],
    ids=["memory 1", "zeros", "memory 2", "hidden", "hidden zeros"],
)
def test_the_examiner_finds_nothing(law):
    report = check_invariants(law)  # false-alarm rate 1e-6 for each statistical check
    assert report.violated == ()
    for name in ("support", "stream", "json_round_trip", "log_prob_sums_to_one", "entropy", "sample_frequencies"):
        assert report[name].status == "passed", report[name]


def test_the_examiner_finds_a_chain_that_is_not_what_it_says():
    class Wrong(MarkovChain):
        def log_prob(self, x):
            return random_markov(3, 5, structure_seed=1).log_prob(x)

    true = random_markov(3, 5, structure_seed=0)
    wrong = Wrong(true.initial, true.transition, 5)
    with pytest.raises(Exception, match=r"sample_frequencies|entropy"):
        check_invariants(wrong)


def test_a_long_chain_has_the_frequencies_of_its_moves():
    """10^6 moves; each of the 9 shares is within 5 standard errors, a false alarm in 10^5 such tests."""
    law = random_markov(3, 1001, structure_seed=7)
    rows = law.rows(0, 0, 1000).astype(np.int64)
    counts = np.bincount((rows[:, :-1] * 3 + rows[:, 1:]).ravel(), minlength=9).reshape(3, 3)
    totals = counts.sum(axis=1, keepdims=True)
    errors = np.sqrt(law.transition * (1 - law.transition) / totals)
    assert (abs(counts / totals - law.transition) < 5 * errors).all()


def test_values_that_are_no_tokens_are_impossible():
    for law in (random_markov(3, 4, structure_seed=0), random_hidden(2, 3, 4, structure_seed=0)):
        x = np.array([[0, 1, 2, 0], [0, 1, 3, 0], [0, 1, -1, 0]])
        assert (np.isfinite(law.log_prob(x)) == [True, False, False]).all()


def test_the_entropy_of_a_long_hidden_model_is_sampled():
    law = random_hidden(3, 3, 8, structure_seed=1)
    mean, error = law.sampled_entropy(4000, np.random.default_rng(0))
    assert abs(mean - law.entropy()) < 5 * error
    with pytest.raises(
        ValueError, match=re.escape("3**100; at most 1048576 are added up. Use sampled_entropy(n, rng)")
    ):
        random_hidden(3, 3, 100, structure_seed=1).entropy()
    with pytest.raises(ValueError, match="n must be at least 2; got 1"):
        law.sampled_entropy(1, np.random.default_rng(0))


@given(st.integers(0, 10**6))
def test_a_distribution_function_opens_no_impossible_value(seed):
    rng = np.random.default_rng(seed)
    weights = rng.random((4, 6)) * (rng.random((4, 6)) < 0.4)
    weights[:, 2] += weights.sum(axis=1) == 0
    weights /= weights.sum(axis=1, keepdims=True)
    for edges, row in zip(distribution_function(weights), weights, strict=True):
        for draw in (0.0, 0.5, 1 - 2.0**-53):
            assert row[np.searchsorted(edges, draw, side="right")] > 0


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((HALF, EVEN, 0), "length must be at least 1; got 0."),
        ((np.full((2, 2), 0.25), np.full((2, 2, 2), 0.5), 1), "length must be at least 2; got 1."),
        ((HALF, np.full((3, 3), 1 / 3), 4), "got (2,) and (3, 3)."),
        ((np.full((2, 2, 2), 1 / 8), np.full((2,) * 4, 0.5), 4), "got (2, 2, 2) and (2, 2, 2, 2)."),
        ((np.ones(1), np.ones((1, 1)), 4), "a chain needs at least two tokens; got V = 1."),
        ((HALF, np.array([[0.5, 0.5], [0.5, 0.6]]), 4), "transition[1] must sum to 1; it sums to 1.1. Divide it"),
        ((np.array([0.5, 0.4]), EVEN, 4), "initial must sum to 1; it sums to 0.9. Divide it by its sum."),
        ((np.array([1.5, -0.5]), EVEN, 4), "initial holds probabilities, finite and >= 0; got [1.5, -0.5]."),
        ((np.array([np.nan, 1.0]), EVEN, 4), "initial holds probabilities, finite and >= 0"),
    ],
)
def test_what_is_no_chain_is_refused(parts, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        MarkovChain(*parts)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((HALF, EVEN, np.full((3, 2), 0.5), 4), "got (2,), (2, 2), (3, 2)."),
        ((HALF, EVEN, np.ones((2, 1)), 4), "at least two tokens; got V = 1."),
        ((HALF, EVEN, np.array([[1.0, 0.0], [0.2, 0.2]]), 4), "emission[1] must sum to 1; it sums to 0.4."),
    ],
)
def test_what_is_no_hidden_model_is_refused(parts, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        HiddenMarkov(*parts)


@pytest.mark.parametrize("law", [random_markov(3, 4, structure_seed=0), random_hidden(2, 3, 4, structure_seed=0)])
def test_bad_questions_are_refused(law):
    with pytest.raises(ValueError, match="start=3, stop=1"):
        law.rows(0, 3, 1)
    with pytest.raises(ValueError, match="sample_seed must be a non-negative integer; got -1"):
        law.rows(-1, 0, 1)
    with pytest.raises(ValueError, match=re.escape("sequences must have shape (n, 4); got (1, 3).")):
        law.log_prob(np.zeros((1, 3), dtype=int))
    with pytest.raises(ValueError, match="unknown field 'extra'"):
        type(law).from_json(law.to_json() | {"extra": 1})
    with pytest.raises(ValueError, match=r"in format 'lo-theory/.*markov/1'; got 'lo-theory/other'"):
        type(law).from_json(law.to_json() | {"format": "lo-theory/other"})


def test_random_chains_have_the_zeros_that_were_asked_for():
    chain = random_markov(9, 12, structure_seed=3, successors=2, memory=2)
    assert ((chain.transition > 0).sum(axis=-1) == 2).all()
    hidden = random_hidden(2, 9, 12, structure_seed=3, successors=4)
    assert ((hidden.emission > 0).sum(axis=-1) == 4).all()
    assert ((hidden.transition > 0).sum(axis=-1) == 2).all()
    with pytest.raises(ValueError, match="successors must be at most 9; got 10"):
        random_markov(9, 12, structure_seed=3, successors=10)
    with pytest.raises(ValueError, match=re.escape("concentration must be positive and finite; got 0.0.")):
        random_markov(9, 12, structure_seed=3, concentration=0.0)
    with pytest.raises(ValueError, match="memory must be at most 2; got 3"):
        random_markov(9, 12, structure_seed=3, memory=3)
