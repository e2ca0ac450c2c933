"""The likeliest completions against all completions with their exact weights, and the rule that settles ties."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.distribution import LODistribution
from generators.families import nae_sat, sparse_parity
from generators.testing.strategies import distributions
from lo_theory.posteriors.elimination.best import digits
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.enumeration import EnumeratedPosterior, ImpossibleEvidence
from tests.lo_theory.posteriors.completion_table import SMALL, log, masked, shuffled, weights

KINDS = [EliminatedPosterior, EnumeratedPosterior]


def in_order(distribution: LODistribution, table: dict[tuple[int, ...], Fraction]) -> list[tuple[int, ...]]:
    """Likeliest first; of equal ones those with smaller latents, then those with smaller observations."""
    spots = [*distribution.latent_positions, *distribution.observation_positions]
    return sorted(table, key=lambda x: (-table[x], [x[i] for i in spots]))


@pytest.mark.parametrize("name", SMALL)
def test_the_best_completions_and_their_order_are_those_of_the_full_table(name):
    distribution = shuffled(SMALL[name])
    tokens = masked(distribution, 4, 0)
    tokens[0] = distribution.mask_id
    tables = [weights(distribution, row) for row in tokens]
    for exact, k in itertools.product([kind(distribution) for kind in KINDS], (1, 2, 9)):
        found = exact.k_most_probable(tokens, k)
        assert found.tokens.shape == (4, k, distribution.length)
        for row, table, lines, logs in zip(tokens, tables, found.tokens, found.log_probabilities, strict=True):
            best, total = in_order(distribution, table)[:k], sum(table.values(), Fraction(0))
            assert [tuple(line) for line in lines[: len(best)].tolist()] == best
            np.testing.assert_allclose(logs[: len(best)], [log(table[x] / total) for x in best], atol=1e-12)
            assert (logs[len(best) :] == -math.inf).all()
            assert (lines[len(best) :] == row).all()


@settings(max_examples=25)
@given(distribution=distributions(max_length=6), seed=st.integers(0, 2**32), k=st.integers(1, 12))
def test_both_kinds_give_different_completions_of_the_largest_weights(distribution, seed, k):
    tokens = masked(distribution, 2, seed)
    found = [kind(distribution).k_most_probable(tokens, k) for kind in KINDS]
    np.testing.assert_array_equal(found[0].tokens, found[1].tokens)
    for row, lines, logs in zip(tokens, found[0].tokens, found[0].log_probabilities, strict=True):
        table = weights(distribution, row)
        total, there = sum(table.values(), Fraction(0)), min(k, len(table))
        chosen = [tuple(line) for line in lines[:there].tolist()]
        assert len(set(chosen)) == there
        np.testing.assert_allclose([log(table[x] / total) for x in chosen], logs[:there], atol=1e-12)
        largest = sorted(table.values(), reverse=True)[:there]
        np.testing.assert_allclose(logs[:there], [log(p / total) for p in largest], atol=1e-11)


def test_all_completions_together_have_probability_one():
    distribution = nae_sat(12, 20, structure_seed=0)
    tokens = np.full((1, distribution.length), distribution.mask_id)
    tokens[0, distribution.observation_positions[:12]] = 1
    found = EliminatedPosterior(distribution).k_most_probable(tokens, 1000)
    there = found.log_probabilities[0] > -math.inf
    assert 10 < there.sum() < 1000
    assert np.exp(found.log_probabilities[0]).sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("latents", [70, 200])
def test_codes_of_several_words_keep_the_order_of_the_latents(latents):
    """Without any visible token all completions are equal: the first is zero, the next counts up from the last."""
    distribution = nae_sat(latents, 3, structure_seed=0)
    tokens = np.full((1, distribution.length), distribution.mask_id)
    found = EliminatedPosterior(distribution).k_most_probable(tokens, 4).tokens[0]
    expected = np.zeros((4, latents), dtype=np.int64)
    expected[:, -2:] = [[0, 0], [0, 1], [1, 0], [1, 1]]
    np.testing.assert_array_equal(found[:, distribution.latent_positions], expected)
    assert digits(2).words(latents) == -(-latents // 62)


def test_the_likeliest_sequence_of_noisy_parities_at_full_size_beats_its_neighbours():
    distribution = sparse_parity(60, 90, arity=2, noise=0.05, structure_seed=0)
    rows = distribution.sample(2, np.random.default_rng(0)).astype(np.int64)
    tokens = rows.copy()
    tokens[:, distribution.latent_positions] = distribution.mask_id
    tokens[0, distribution.latent_positions[::3]] = rows[0, distribution.latent_positions[::3]]
    exact = EliminatedPosterior(distribution)
    best = exact.most_probable(tokens)
    assert best.tokens.shape == tokens.shape
    assert (best.tokens[tokens != distribution.mask_id] == tokens[tokens != distribution.mask_id]).all()
    posterior = distribution.log_prob(best.tokens) - exact.log_evidence(tokens)
    np.testing.assert_allclose(best.log_probabilities, posterior, atol=1e-12)
    for row, line in zip(tokens, best.tokens, strict=True):
        hidden = np.flatnonzero(row == distribution.mask_id)
        near = np.tile(line, (len(hidden), 1))
        near[np.arange(len(hidden)), hidden] ^= 1
        assert (distribution.log_prob(near) <= distribution.log_prob(line[None])[0] + 1e-12).all()
    drawn = exact.sample(np.repeat(tokens, 50, axis=0), np.random.default_rng(1))
    assert (distribution.log_prob(drawn).reshape(2, 50) <= distribution.log_prob(best.tokens)[:, None] + 1e-9).all()


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_completed_is_refused(kind):
    distribution = SMALL["NAE-3"]
    exact, row = kind(distribution), distribution.sample(1, np.random.default_rng(0)).astype(np.int64)
    with pytest.raises(ValueError, match="at least one"):
        exact.k_most_probable(row, 0)
    with pytest.raises(TypeError, match=r"integers|int"):
        exact.k_most_probable(row, 2.0)
    with pytest.raises(TypeError, match=r"integers|Integer"):
        exact.most_probable(row.astype(float))
    row[0, distribution.observation_positions[0]] ^= 1
    with pytest.raises(ImpossibleEvidence, match="row 0"):
        exact.most_probable(row)


def test_more_choices_than_there_is_memory_for_are_refused_before_any_table():
    distribution = nae_sat(12, 30, structure_seed=0)
    tokens = distribution.sample(1, np.random.default_rng(0)).astype(np.int64)
    tokens[0, distribution.latent_positions] = distribution.mask_id
    exact = EliminatedPosterior(distribution, max_bytes=2**20)
    assert exact.k_most_probable(tokens, 3).tokens.shape == (1, 3, 42)
    with pytest.raises(ValueError, match=r"row 0: .* choices in each entry .* max_bytes = 1048576"):
        exact.k_most_probable(tokens, 10**5)
    with pytest.raises(ValueError, match=r"free\. Ask for fewer"):
        exact.k_most_probable(tokens, 10**12)
