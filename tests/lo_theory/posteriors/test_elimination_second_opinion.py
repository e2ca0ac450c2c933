"""The exact posterior against another method by other people: pyAgrum, at sizes that enumeration cannot reach."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.distribution import LODistribution
from generators.families import local_hash, nae_sat, predicate_csp
from generators.observations import named_tables as named
from generators.testing.strategies import distributions
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.posteriors.second_opinion import LibraryPosterior

pytest.importorskip("pyagrum", reason="the second opinion needs pyAgrum: pip install -e '.[bench]'")

TOLERANCE = 1e-9


def masked(distribution: LODistribution, n: int, seed: int, share: float) -> np.ndarray:
    """Sequences of which each token is hidden with probability ``share``."""
    rng = np.random.default_rng(seed)
    rows = distribution.sample(n, rng).astype(np.int64)
    return np.where(rng.random(rows.shape) < share, distribution.mask_id, rows)


@settings(max_examples=25)
@given(distribution=distributions(max_latents=4, max_length=10), data=st.data())
def test_the_network_is_the_distribution(distribution, data):
    """Skewed priors, noise, three and more values, functions that are not symmetric: against enumeration."""
    tokens = masked(distribution, 2, data.draw(st.integers(0, 2**32)), 0.6)
    expected = np.exp(EnumeratedPosterior(distribution).log_marginals(tokens))
    for method in ("elimination", "propagation"):
        got = np.exp(LibraryPosterior(distribution, method).log_marginals(tokens))
        np.testing.assert_allclose(got, expected, atol=TOLERANCE)


@pytest.mark.parametrize("size", [(20, 280), (50, 250)])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_latents_at_full_size(size, share):
    distribution = nae_sat(*size, structure_seed=5)
    tokens = masked(distribution, 4, round(100 * share), share)
    ours = np.exp(EliminatedPosterior(distribution).log_marginals(tokens))
    library = LibraryPosterior(distribution, "propagation")
    for row, answer in zip(tokens, ours, strict=True):
        hidden = np.intersect1d(np.flatnonzero(row == distribution.mask_id), distribution.latent_positions)
        np.testing.assert_allclose(answer[hidden], library.marginals(row, hidden), atol=TOLERANCE)


@pytest.mark.parametrize("size", [(20, 280), (50, 250)])
def test_all_masked_tokens_at_full_size(size):
    """Observations too, each the joint of its scope; the interesting masks are those that leave it undetermined."""
    distribution = nae_sat(*size, structure_seed=6)
    tokens = masked(distribution, 2, 0, 0.9)
    ours = np.exp(EliminatedPosterior(distribution).log_marginals(tokens))
    undecided = (ours > 0.01).sum(axis=-1) > 1
    assert undecided[:, distribution.observation_positions].any(axis=1).all()
    theirs = np.exp(LibraryPosterior(distribution).log_marginals(tokens))
    np.testing.assert_allclose(ours, theirs, atol=TOLERANCE)


LARGE = {
    "noisy NAE-3": predicate_csp(named.nae(arity=3), 30, 40, noise=0.1, structure_seed=0),
    "hash of three values": local_hash(25, 30, latent_alphabet=3, alphabet=3, noise=0.2, structure_seed=1),
    "2-in-4": predicate_csp(named.t_in_k(2, arity=4), 30, 30, structure_seed=2),
}


@pytest.mark.parametrize("name", LARGE)
def test_other_predicates_beyond_enumeration(name):
    distribution = LARGE[name]
    tokens = masked(distribution, 3, 1, 0.6)
    ours = np.exp(EliminatedPosterior(distribution).log_marginals(tokens))
    np.testing.assert_allclose(ours, np.exp(LibraryPosterior(distribution).log_marginals(tokens)), atol=TOLERANCE)


def test_another_distribution_is_told_apart():
    """The control: one visible observation of value 0 ties other latents in another structure."""
    distribution, other = (nae_sat(20, 280, structure_seed=seed) for seed in (6, 7))
    tokens = np.full((1, distribution.length), distribution.mask_id)
    tokens[0, distribution.observation_positions[0]] = 0
    ours = np.exp(EliminatedPosterior(distribution).log_marginals(tokens))
    np.testing.assert_allclose(ours, np.exp(LibraryPosterior(distribution).log_marginals(tokens)), atol=TOLERANCE)
    assert np.abs(ours - np.exp(LibraryPosterior(other).log_marginals(tokens))).max() > 0.2


def test_a_wide_junction_tree_is_refused_with_the_way_out():
    distribution = nae_sat(50, 250, structure_seed=0)
    tokens = masked(distribution, 1, 0, 0.7)
    with pytest.raises(ValueError, match=r"width \d+, more than max_width = 8.*elimination"):
        LibraryPosterior(distribution, "propagation", max_width=8).log_marginals(tokens)
