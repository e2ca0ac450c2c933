"""Chains fitted to a corpus: counts by hand, what expectation maximization may not lower, and a law found again."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.text.corpus import Corpus
from generators.text.fitting import expected_counts, fit_hidden, fit_markov, maximized
from generators.text.random_chains import random_hidden, random_markov
from generators.text.units import Characters
from tests.lo_theory.posteriors.chain_examples import probability

ABC = Characters("abc")


def corpus(text: str) -> Corpus:
    return Corpus.of([text], units=ABC, name="letters")


def test_counts_by_hand():
    chain = fit_markov(corpus("aabab"), 4, smoothing=0.5)
    np.testing.assert_allclose(chain.initial, np.array([3.5, 2.5, 0.5]) / 6.5)
    np.testing.assert_allclose(
        chain.transition, [[1.5 / 4.5, 2.5 / 4.5, 0.5 / 4.5], [1.5 / 2.5, 0.2, 0.2], [1 / 3] * 3]
    )
    plain = fit_markov(corpus("aabab"), 4, smoothing=0.0)
    assert (plain.transition == [[1 / 3, 2 / 3, 0], [1, 0, 0], [1 / 3] * 3]).all()


@settings(max_examples=30)
@given(
    text=st.text("abc", min_size=4, max_size=60), memory=st.integers(1, 2), smoothing=st.sampled_from([0.0, 0.5, 2.0])
)
def test_counts_are_those_of_a_plain_loop(text, memory, smoothing):
    chain = fit_markov(corpus(text), 5, memory=memory, smoothing=smoothing)
    for past in itertools.product("abc", repeat=memory):
        here = [text[i + memory] for i in range(len(text) - memory) if tuple(text[i : i + memory]) == past]
        at = tuple("abc".index(letter) for letter in past)
        for token, letter in enumerate("abc"):
            total = len(here) + 3 * smoothing
            expected = (here.count(letter) + smoothing) / total if total else 1 / 3
            assert abs(chain.transition[*at, token] - expected) < 1e-15
        runs = [tuple(text[i : i + memory]) for i in range(len(text) - memory + 1)]
        share = (runs.count(past) + smoothing) / (len(runs) + smoothing * 3**memory)
        assert abs(chain.initial[at] - share) < 1e-15


def test_a_chain_is_found_again_in_its_own_text():
    """A text of 2 * 10^5 tokens: all shares within 5 standard errors, a false alarm in 10^4 such tests."""
    law = random_markov(3, 200_000, structure_seed=1)
    text = Corpus("a chain", law.rows(0, 0, 1)[0], ABC)
    found = fit_markov(text, 8, smoothing=0.0)
    counts = np.bincount(text.tokens, minlength=3)[:, None]
    assert (abs(found.transition - law.transition) < 5 * np.sqrt(law.transition / counts)).all()


def test_expected_counts_are_sums_over_all_hidden_paths():
    law = random_hidden(2, 3, 4, structure_seed=5)
    rows = law.rows(0, 0, 3).astype(np.int64)
    initial, moves, emissions, log_likelihood = expected_counts(law, rows)
    true = np.zeros(2), np.zeros((2, 2)), np.zeros((2, 3))
    for row in rows.tolist():
        seen = probability(law, row)
        for path in itertools.product(range(2), repeat=4):
            weight = law.initial[path[0]] * np.prod([law.transition[pair] for pair in itertools.pairwise(path)])
            weight *= np.prod([law.emission[state, token] for state, token in zip(path, row, strict=True)]) / seen
            true[0][path[0]] += weight
            for pair in itertools.pairwise(path):
                true[1][pair] += weight
            for state, token in zip(path, row, strict=True):
                true[2][state, token] += weight
    for found, expected in zip((initial, moves, emissions), true, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert abs(log_likelihood - law.log_prob(rows).sum()) < 1e-12


def test_no_step_of_expectation_maximization_is_a_step_back():
    text = Corpus("a model", random_hidden(3, 3, 5000, structure_seed=2).rows(0, 0, 1)[0], ABC)
    steps = maximized(text, 30, states=3, structure_seed=0, windows=40, smoothing=0.1)
    values = [value for _, value in itertools.islice(steps, 15)]
    assert (np.diff(values) > -1e-9).all()
    assert values[-1] > values[0] + 10


def test_a_fitted_model_is_a_function_of_its_seed():
    text = corpus("abcab" * 40)
    one, same = (fit_hidden(text, 10, states=2, structure_seed=0, windows=8, iterations=3) for _ in range(2))
    other = fit_hidden(text, 10, states=2, structure_seed=1, windows=8, iterations=3)
    assert one == same
    assert one != other
    assert (one.emission > 0).all()


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (lambda text: fit_markov(text, 4, memory=3), "memory must be at most 2; got 3."),
        (lambda text: fit_markov(text, 4, smoothing=-1.0), "a number >= 0; got -1.0."),
        (lambda text: fit_markov(text, 4, smoothing=float("nan")), "a number >= 0; got nan."),
        (lambda text: fit_markov(corpus("a"), 4), "letters has 1 tokens; counting needs more than 1."),
        (lambda text: fit_hidden(text, 4, states=0, structure_seed=0), "states must be at least 1; got 0."),
        (lambda text: fit_hidden(text, 4, states=2, structure_seed=0, smoothing=0.0), "a number > 0; got 0.0."),
        (lambda text: fit_hidden(text, 9, states=2, structure_seed=0), "a window of 9 tokens is longer than letters"),
    ],
)
def test_what_cannot_be_fitted_is_refused(fit, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        fit(corpus("abcabc"))
