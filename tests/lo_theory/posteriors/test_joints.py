"""Joints of a few positions and mutual information against tables of all completions, and identities."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.families import nae_sat, predicate_csp
from generators.observations import named_tables as named
from generators.testing.strategies import distributions
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.enumeration import EnumeratedPosterior, ImpossibleEvidence
from tests.lo_theory.posteriors.completion_table import SMALL, joint, masked, shuffled, weights

KINDS = [EliminatedPosterior, EnumeratedPosterior]


def information(table: np.ndarray) -> float:
    """Of a table of two variables."""
    product = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True)
    there = table > 0
    return float((table[there] * np.log(table[there] / product[there])).sum())


@settings(max_examples=25)
@given(distribution=distributions(max_length=6), data=st.data())
def test_joints_of_any_positions_equal_the_full_table(distribution, data):
    tokens = masked(distribution, 2, data.draw(st.integers(0, 2**32)))
    positions = data.draw(st.permutations(range(distribution.length)))[: data.draw(st.integers(1, 3))]
    positions = positions[: distribution.length]
    for kind in KINDS:
        found = kind(distribution).log_joint(tokens, positions)
        assert found.shape == (2, *(distribution.vocabulary,) * len(positions))
        for row, table in zip(tokens, found, strict=True):
            expected = joint(weights(distribution, row), positions, distribution.vocabulary)
            np.testing.assert_allclose(np.exp(table), expected, rtol=1e-11)


@pytest.mark.parametrize("name", SMALL)
def test_the_information_of_all_pairs_is_that_of_their_joints(name):
    distribution = shuffled(SMALL[name])
    tokens, length = masked(distribution, 3, 1), distribution.length
    found = [kind(distribution).mutual_information(tokens) for kind in KINDS]
    assert found[0].shape == (3, length, length)
    np.testing.assert_allclose(found[0], found[1], atol=1e-12)
    for row, table in zip(tokens, found[0], strict=True):
        completions = weights(distribution, row)
        np.testing.assert_array_equal(table, table.T)
        for i, j in itertools.combinations_with_replacement(range(length), 2):
            expected = information(joint(completions, [i, j], distribution.vocabulary))
            assert table[i, j] == pytest.approx(expected, abs=1e-12)


def test_pairs_are_entries_of_the_table_of_all():
    distribution = nae_sat(12, 30, structure_seed=0)
    tokens = masked(distribution, 4, 0)
    exact = EliminatedPosterior(distribution)
    pairs = np.array([[0, 1], [41, 3], [5, 5], [40, 41], [1, 0]])
    every, some = exact.mutual_information(tokens), exact.mutual_information(tokens, pairs)
    np.testing.assert_allclose(some, every[:, pairs[:, 0], pairs[:, 1]], atol=1e-13)
    assert (every >= 0).all()
    p = np.exp(exact.log_marginals(tokens))
    entropy = -np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0).sum(axis=-1)
    np.testing.assert_allclose(every[:, np.arange(42), np.arange(42)], entropy, atol=1e-12)
    assert (every <= np.minimum(entropy[:, :, None], entropy[:, None]) + 1e-12).all()
    assert (every[:, np.arange(42), np.arange(42)][tokens != distribution.mask_id] == 0).all()


def test_joints_sum_to_the_marginals_at_full_size():
    distribution = nae_sat(100, 200, structure_seed=0)
    tokens = masked(distribution, 3, 0)
    exact = EliminatedPosterior(distribution)
    positions = [3, 250, 101]
    table, marginals = np.exp(exact.log_joint(tokens, positions)), np.exp(exact.log_marginals(tokens))
    for axis, position in enumerate(positions):
        others = tuple(1 + a for a in range(3) if a != axis)
        np.testing.assert_allclose(table.sum(axis=others), marginals[:, position], atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_bad_positions_and_pairs_are_refused(kind):
    distribution = SMALL["NAE-3"]
    exact, tokens = kind(distribution), masked(distribution, 2, 0)
    for positions in ([], [1, 1], [11], [-1], [[0, 1]]):
        with pytest.raises((ValueError, TypeError), match=r"positions|integers"):
            exact.log_joint(tokens, positions)
    for pairs in ([[0, 1, 2]], [[0, 11]], [0, 1]):
        with pytest.raises((ValueError, TypeError), match=r"pairs|range"):
            exact.mutual_information(tokens, pairs)
    with pytest.raises(TypeError, match=r"integers|Integer"):
        exact.mutual_information(tokens, [[0.0, 1.0]])
    assert exact.mutual_information(tokens[:0]).shape == (0, 11, 11)
    assert exact.log_joint(tokens[:0], [0, 1]).shape == (0, 2, 2)
    assert exact.mutual_information(tokens, np.empty((0, 2), dtype=int)).shape == (2, 0)
    row = distribution.sample(2, np.random.default_rng(0)).astype(np.int64)
    row[1, distribution.observation_positions[0]] ^= 1
    for ask in (lambda: exact.log_joint(row, [0]), lambda: exact.mutual_information(row)):
        with pytest.raises(ImpossibleEvidence, match="row 1"):
            ask()


def test_a_joint_that_is_too_wide_names_the_row_that_was_asked_for():
    """A hidden observation, once it is set, joins all the latents that it reads."""
    distribution = predicate_csp(named.parity(arity=8), 8, 1, noise=0.2, structure_seed=0)
    tokens = np.full((2, 9), distribution.mask_id)
    tokens[0, :7] = 0
    exact = EliminatedPosterior(distribution, max_width=3)
    with pytest.raises(ValueError, match=r"^row 1: the elimination order found has width 7 or more"):
        exact.log_joint(tokens, distribution.observation_positions)


def test_tables_beyond_the_memory_are_refused():
    distribution = nae_sat(100, 200, structure_seed=0)
    exact, tokens = EliminatedPosterior(distribution), np.full((1, 300), distribution.mask_id)
    with pytest.raises(ValueError, match=r"the joint of 60 positions .* Ask for fewer positions"):
        exact.log_joint(tokens, range(60))
