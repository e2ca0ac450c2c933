"""Probabilities below the smallest float64, against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from generators.distribution import LODistribution
from generators.families import nae_sat, predicate_csp
from generators.observations import named_tables as named
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.posteriors.faint import FAINT, spread
from tests.lo_theory.posteriors.completion_table import log, masked, weights

KINDS = [EliminatedPosterior, EnumeratedPosterior]
AND = np.array([[0, 0], [0, 1]])
PAIRS = np.array([[0, 1], [1, 2], [2, 3], [0, 3]])


def faint_prior(p: float) -> LODistribution:
    """A value that is rarer than any product of two of them can be told."""
    return LODistribution(np.array([1 - p, p]), 4, (Predicate(AND, PAIRS),))


def faint_noise(rate: float) -> LODistribution:
    """Observations that are all but never wrong, beside some that never are."""
    hard = Predicate(named.parity(arity=2), PAIRS[:2])
    return LODistribution(np.array([0.3, 0.7]), 4, (Noisy(Predicate(AND, PAIRS), rate), hard))


CASES = {
    "prior 1e-200": faint_prior(1e-200),
    "noise 1e-300": faint_noise(1e-300),
    "three values": LODistribution(
        np.array([1.0, 1e-150, 1e-300]), 3, (Predicate(named.nae(arity=2, latent_alphabet=3), PAIRS[[0, 1, 0]]),)
    ),
}


def rows_of(distribution: LODistribution) -> np.ndarray:
    """Masked samples, and rows whose observations are unlikely together but possible."""
    tokens = masked(distribution, 5, 0)
    tokens[0] = distribution.mask_id
    positions = distribution.observation_positions
    tokens[1:3] = distribution.mask_id
    tokens[1, positions[:3]], tokens[2, positions[:3]] = [1, 0, 0], 1
    return np.array([row for row in tokens if weights(distribution, row)])


@pytest.mark.parametrize("name", CASES)
def test_evidence_and_marginals_of_any_size_equal_fractions(name):
    distribution = CASES[name]
    tokens = rows_of(distribution)
    evidence, marginals = np.empty(len(tokens)), np.empty((*tokens.shape, distribution.vocabulary))
    for number, row in enumerate(tokens):
        table = weights(distribution, row)
        every = sum(table.values(), Fraction(0))
        evidence[number] = log(every)
        for i, value in np.ndindex(marginals.shape[1:]):
            marginals[number, i, value] = log(sum((w for x, w in table.items() if x[i] == value), Fraction(0)) / every)
    assert (marginals[marginals > -np.inf] < -750).any()
    for exact in (kind(distribution) for kind in KINDS):
        answers = exact.answers(tokens)
        np.testing.assert_allclose(answers.log_marginals, marginals, rtol=1e-12, atol=1e-9)
        np.testing.assert_allclose(answers.log_evidence, evidence, rtol=1e-12, atol=1e-9)
        np.testing.assert_array_equal(exact.log_marginals(tokens), answers.log_marginals)


def test_many_observations_against_one_latent():
    """300 noisy witnesses out of the sight of each other: 1e-6 to the power 300, beside values ruled out for good."""
    scopes = np.array([[0]] * 300)
    hard = Predicate(named.parity(arity=2), np.array([[1, 2]]))
    distribution = LODistribution(np.full(2, 0.5), 3, (Noisy(Predicate(np.array([0, 1]), scopes), 1e-6), hard))
    tokens = np.full((1, distribution.length), distribution.mask_id)
    tokens[0, 3:-1], tokens[0, 1], tokens[0, -1] = 0, 1, 0
    for kind in KINDS:
        found = kind(distribution).log_marginals(tokens)[0]
        assert found[0, 1] == pytest.approx(300 * (np.log(1e-6) - np.log1p(-1e-6)), rel=1e-12)
        assert found[2].tolist() == [-np.inf, 0.0]


def test_nothing_is_asked_again_where_nothing_can_be_faint(monkeypatch):
    for distribution in (
        nae_sat(100, 200, structure_seed=0),
        predicate_csp(named.nae(arity=3), 9, 14, noise=0.1, structure_seed=0),
    ):
        bound = spread(distribution)
        assert not bound.reaches(np.zeros((1, distribution.length), dtype=bool)).any()
        assert not bound.reaches(np.ones((1, distribution.length), dtype=bool)).any()
    bound = spread(CASES["prior 1e-200"])
    assert bound.reaches(np.zeros((1, 8), dtype=bool)).all()
    tokens = masked(CASES["prior 1e-200"], 6, 0)
    exact = EliminatedPosterior(CASES["prior 1e-200"])
    monkeypatch.setattr("lo_theory.posteriors.faint.Spread.reaches", lambda *_: np.zeros(6, dtype=bool))
    untouched = exact.log_marginals(tokens)
    monkeypatch.undo()
    restored = exact.log_marginals(tokens)
    np.testing.assert_array_equal(restored[untouched > FAINT], untouched[untouched > FAINT])
    assert (restored > untouched).any()
