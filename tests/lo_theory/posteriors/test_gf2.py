"""Gaussian elimination over GF(2) against enumeration, against elimination of variables, and at sizes of its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from generators.distribution import LODistribution
from generators.families import nae_sat, sparse_parity
from generators.observations import named_tables as named
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.observations.rules.rule import compile_rules
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.enumeration import EnumeratedPosterior, ImpossibleEvidence
from lo_theory.posteriors.parities import ParityPosterior
from tests.lo_theory.posteriors.conflicts import check_minimal_conflict

FALSE_ALARM = 1e-5


@st.composite
def parities(draw: st.DrawFn) -> LODistribution:
    """Parities and complements of several arities over few bits, also degenerate ones, in any order."""
    n = draw(st.integers(1, 6))
    functions = []
    for _ in range(draw(st.integers(0, 3))):
        arity = draw(st.integers(1, n))
        coefficients = draw(st.lists(st.integers(0, 1), min_size=arity, max_size=arity))
        grid = np.indices((2,) * arity).reshape(arity, -1)
        table = ((np.array(coefficients) @ grid + draw(st.integers(0, 1))) % 2).reshape((2,) * arity)
        rows = st.lists(st.permutations(range(n)), min_size=1, max_size=4)
        functions.append(Predicate(table, np.array(draw(rows))[:, :arity]))
    length = n + sum(len(f.scopes) for f in functions)
    return LODistribution(np.full(2, 0.5), n, tuple(functions), np.array(draw(st.permutations(range(length)))))


def masked(distribution: LODistribution, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = distribution.sample(n, rng).astype(np.int64)
    return np.where(rng.random(rows.shape) < rng.random((n, 1)), distribution.mask_id, rows)


def assert_same(got: ParityPosterior, expected: EnumeratedPosterior | EliminatedPosterior, tokens: np.ndarray) -> None:
    np.testing.assert_allclose(got.log_evidence(tokens), expected.log_evidence(tokens), atol=1e-9)
    np.testing.assert_allclose(
        np.exp(got.log_marginals(tokens)), np.exp(expected.log_marginals(tokens)), atol=1e-9, rtol=0
    )


@settings(max_examples=60)
@given(distribution=parities(), seed=st.integers(0, 2**32))
def test_answers_equal_enumeration(distribution, seed):
    assert_same(ParityPosterior(distribution), EnumeratedPosterior(distribution), masked(distribution, 8, seed))


@pytest.mark.parametrize("arity", [2, 3, 4])
def test_answers_equal_elimination_of_variables(arity):
    distribution = sparse_parity(70, 50, arity=arity, noise=0.0, structure_seed=arity)
    assert_same(ParityPosterior(distribution), EliminatedPosterior(distribution), masked(distribution, 30, 0))


def test_rules_that_happen_to_be_parities_are_accepted():
    rules = compile_rules(["x0 xor x1", "x2 iff x1", "not x3", "true", "x0 or x0"], 4)
    distribution = LODistribution(np.full(2, 0.5), 4, (rules,))
    assert_same(ParityPosterior(distribution), EnumeratedPosterior(distribution), masked(distribution, 40, 1))


@settings(max_examples=60)
@given(distribution=parities(), data=st.data())
def test_impossible_evidence_raises_and_names_a_minimal_conflict(distribution, data):
    row = np.array([[data.draw(st.integers(0, 2)) for _ in range(distribution.length)]])
    expected, exact = EnumeratedPosterior(distribution), ParityPosterior(distribution)
    try:
        expected.log_evidence(row)
    except ImpossibleEvidence:
        pass
    else:
        assert np.isfinite(exact.log_evidence(row)).all()
        return
    with pytest.raises(ImpossibleEvidence, match=r"row 0.*probability zero") as caught:
        exact.log_marginals(row)
    check_minimal_conflict(caught.value, row, expected)


def test_any_order_gives_the_joint_likelihood_where_no_table_would_fit():
    distribution = sparse_parity(400, 600, arity=5, noise=0.0, structure_seed=0)
    exact, row = ParityPosterior(distribution), distribution.sample(1, np.random.default_rng(0))[0].astype(np.int64)
    order = np.random.default_rng(1).permutation(distribution.length)
    times = np.arange(0, distribution.length + 1, 50)
    steps = np.stack([np.where(np.argsort(order) < t, row, distribution.mask_id) for t in times])
    evidence = exact.log_evidence(steps)
    np.testing.assert_allclose(evidence[-1], distribution.log_prob(row[None])[0], atol=1e-9)
    for t, before in zip(times[3::5], evidence[3::5], strict=True):  # one more token, at a few of the times
        tokens = np.where(np.argsort(order) < t, row, distribution.mask_id)[None]
        conditional = exact.log_marginals(tokens)[0, order[t], row[order[t]]]
        tokens[0, order[t]] = row[order[t]]
        np.testing.assert_allclose(exact.log_evidence(tokens)[0] - before, conditional, atol=1e-9)


def test_samples_complete_the_given_tokens_and_are_uniform_on_the_solutions():
    distribution = sparse_parity(6, 5, arity=3, noise=0.0, structure_seed=2)
    tokens = np.full(distribution.length, distribution.mask_id)
    tokens[[6, 8]] = [1, 0]
    draws = ParityPosterior(distribution).sample(np.tile(tokens, (3200, 1)), np.random.default_rng(0))
    assert np.isfinite(distribution.log_prob(draws)).all()
    assert (draws[:, [6, 8]] == [1, 0]).all()
    solutions, counts = np.unique(draws, axis=0, return_counts=True)
    assert len(solutions) == 2**4
    assert chisquare(counts).pvalue > FALSE_ALARM
    large = sparse_parity(300, 300, arity=3, noise=0.0, structure_seed=0)
    hidden = masked(large, 5, 3)
    drawn = ParityPosterior(large).sample(hidden, np.random.default_rng(1))
    assert np.isfinite(large.log_prob(drawn)).all()
    assert ((drawn == hidden) | (hidden == large.mask_id)).all()


def test_what_is_no_uniform_parity_is_refused():
    parity = Predicate(named.parity(arity=2), np.array([[0, 1]]))
    for distribution, message in [
        (nae_sat(4, 3, structure_seed=0), "observation 0 is no parity"),
        (LODistribution(np.array([0.4, 0.6]), 2, (parity,)), "uniform prior"),
        (
            LODistribution(
                np.full(3, 1 / 3), 2, (Predicate(named.parity(arity=2, latent_alphabet=3), np.array([[0, 1]]), 3),)
            ),
            "latent bits",
        ),
        (LODistribution(np.full(2, 0.5), 2, (Noisy(parity, 0.1),)), "without noise"),
    ]:
        with pytest.raises(ValueError, match=message):
            ParityPosterior(distribution)
