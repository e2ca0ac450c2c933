"""Contradictory tokens: the greedy consistent subset against plain search, and nothing else touched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.distribution import LODistribution
from generators.families import logic_rules, nae_sat, whole_hash
from generators.observations import named_tables as named
from generators.observations.predicate import Predicate
from generators.testing.strategies import distributions
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.phases.belief_posterior import BeliefPropagationPosterior
from lo_theory.posteriors import contradiction
from lo_theory.posteriors.contradiction import ForgivingPosterior
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.enumeration import EnumeratedPosterior, ImpossibleEvidence, way_out
from lo_theory.posteriors.exact import forgiving_posterior
from lo_theory.posteriors.parities import ParityPosterior
from lo_theory.samplers.decoder import Decoder, in_order, margin, vanilla
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.reveal import k_per_step
from lo_theory.samplers.scores import order_score
from lo_theory.samplers.tokens import sample_token


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def arbitrary(distribution: LODistribution, n: int, seed: int) -> np.ndarray:
    """Any tokens and masks, most rows contradictory."""
    rng = np.random.default_rng(seed)
    hidden = rng.random((n, distribution.length)) < rng.random((n, 1))
    return np.where(hidden, distribution.mask_id, rng.integers(distribution.vocabulary, size=hidden.shape))


def consistent(posterior: EnumeratedPosterior, row: np.ndarray) -> bool:
    try:
        posterior.log_evidence(row[None])
    except ImpossibleEvidence:
        return False
    return True


def greedy(distribution: LODistribution, row: np.ndarray) -> np.ndarray:
    """The stated fallback, word by word."""
    posterior, kept = EnumeratedPosterior(distribution), np.full_like(row, distribution.mask_id)
    for position in [*sorted(distribution.latent_positions), *sorted(distribution.observation_positions)]:
        kept[position] = row[position]
        if not consistent(posterior, kept):
            kept[position] = distribution.mask_id
    return kept


@settings(max_examples=40)
@given(distribution=distributions(max_length=9), seed=st.integers(0, 2**32))
def test_what_is_kept_is_what_a_plain_search_keeps(distribution, seed):
    tokens = arbitrary(distribution, 4, seed)
    forgiving = ForgivingPosterior(EliminatedPosterior(distribution))
    expected = np.stack([greedy(distribution, row) for row in tokens])
    np.testing.assert_array_equal(forgiving.kept(tokens), expected)
    answers = forgiving.log_marginals(tokens)
    np.testing.assert_allclose(
        np.exp(answers), np.exp(EnumeratedPosterior(distribution).log_marginals(expected)), atol=1e-9
    )
    assert np.isfinite(answers.max(axis=-1)).all()


@settings(max_examples=20)
@given(distribution=distributions(max_length=9), seed=st.integers(0, 2**32))
def test_consistent_rows_are_answered_to_the_bit(distribution, seed):
    rng = np.random.default_rng(seed)
    rows = distribution.sample(6, rng).astype(np.int64)
    tokens = np.where(rng.random(rows.shape) < 0.5, distribution.mask_id, rows)
    for exact in (EliminatedPosterior(distribution), EnumeratedPosterior(distribution)):
        forgiving = ForgivingPosterior(exact)
        assert forgiving.possible(tokens).all()
        np.testing.assert_array_equal(forgiving.log_marginals(tokens), exact.log_marginals(tokens))


def test_a_row_does_not_depend_on_the_others():
    distribution = nae_sat(8, 24, structure_seed=0)
    tokens = arbitrary(distribution, 12, 1)
    forgiving = ForgivingPosterior(EliminatedPosterior(distribution))
    together = forgiving.log_marginals(tokens)
    for i in range(len(tokens)):
        np.testing.assert_array_equal(forgiving.log_marginals(tokens[i : i + 1])[0], together[i])


def test_a_contradiction_that_no_single_token_shows():
    """x0+x1, x1+x2, x0+x2 with an odd sum: any two of them are fine, the third is left out."""
    pairs = Predicate(named.parity(arity=2), np.array([[0, 1], [1, 2], [0, 2]]))
    distribution = LODistribution(np.array([0.5, 0.5]), 3, (pairs,))
    forgiving = ForgivingPosterior(EliminatedPosterior(distribution))
    tokens = np.array([[2, 2, 2, 1, 1, 1], [2, 2, 2, 1, 1, 0]])
    assert forgiving.possible(tokens).tolist() == [False, True]
    assert forgiving.kept(tokens).tolist() == [[2, 2, 2, 1, 1, 2], [2, 2, 2, 1, 1, 0]]
    assert np.exp(forgiving.log_marginals(tokens))[0, 5].tolist() == [1.0, 0.0]  # what the first two say of the third


def test_visible_latents_are_believed_and_wrong_observations_are_not():
    distribution = nae_sat(25, 275, structure_seed=0)
    rows = distribution.sample(4, np.random.default_rng(0)).astype(np.int64)
    wrong = np.random.default_rng(1).random(rows.shape) < 0.2
    wrong[:, distribution.latent_positions] = False
    tokens = np.where(wrong, 1 - rows, rows)
    kept = ForgivingPosterior(EliminatedPosterior(distribution)).kept(tokens)
    np.testing.assert_array_equal(kept, np.where(wrong, distribution.mask_id, rows))


@pytest.mark.parametrize("decoder", [vanilla(3), margin(8)], ids=["vanilla", "margin"])
def test_parallel_decoding_with_the_exact_posterior_goes_through(decoder):
    distribution = nae_sat(12, 60, structure_seed=0)
    masks = torch.full((8, distribution.length), distribution.mask_id)
    exact = EliminatedPosterior(distribution)
    with pytest.raises(ImpossibleEvidence):
        decode(PosteriorDenoiser(exact), masks, decoder, torch.Generator().manual_seed(0))
    rows = decode(PosteriorDenoiser(ForgivingPosterior(exact)), masks, decoder, torch.Generator().manual_seed(0))
    assert (rows.tokens < distribution.vocabulary).all()


def test_a_hash_of_all_latents_is_judged_too():
    distribution = whole_hash(4, 5, structure_seed=0)
    tokens = arbitrary(distribution, 8, 0)
    forgiving = ForgivingPosterior(EnumeratedPosterior(distribution))
    np.testing.assert_array_equal(forgiving.kept(tokens), np.stack([greedy(distribution, row) for row in tokens]))


def test_limits_and_wrong_tokens_are_refused():
    distribution = nae_sat(12, 30, structure_seed=0)
    narrow = ForgivingPosterior(EliminatedPosterior(distribution), max_width=1)
    rows = distribution.sample(2, np.random.default_rng(0)).astype(np.int64)
    rows[1, distribution.latent_positions] = distribution.mask_id
    rows[1, -25:] = distribution.mask_id
    with pytest.raises(ValueError, match=r"row 1: .*max_width = 1"):
        narrow.possible(rows)
    with pytest.raises(ValueError, match="range"):
        narrow.kept(np.full((1, distribution.length), 7))
    assert isinstance(EliminatedPosterior(distribution), contradiction.PosteriorOfDistribution)


WAY_OUT = r"several tokens per step leaves the support: ask PosteriorDenoiser\(forgiving_posterior\(distribution\)\)"
PARITY = logic_rules(["x0 != x1", "x1 != x2", "x0 != x2"], n_latents=3)


@pytest.mark.parametrize(
    "make",
    [EnumeratedPosterior, EliminatedPosterior, ParityPosterior, BeliefPropagationPosterior],
    ids=lambda m: m.__name__,
)
def test_where_several_tokens_per_step_contradict_each_other_the_error_names_the_posterior_that_forgives(make):
    """Two bits and whether they differ, drawn at once. What the message says works."""
    tokens = torch.full((40, PARITY.length), PARITY.mask_id)
    exact = PosteriorDenoiser(make(PARITY))
    with pytest.raises(ImpossibleEvidence, match=WAY_OUT) as caught:
        decode(exact, tokens, Decoder(order_score([3, 0, 1, 4, 5, 2]), k_per_step(3), sample_token()), seeded())
    assert "\n" not in str(caught.value)
    forgiving = PosteriorDenoiser(forgiving_posterior(PARITY))
    decoder = Decoder(order_score([3, 0, 1, 4, 5, 2]), k_per_step(3), sample_token())
    assert (decode(forgiving, tokens, decoder, seeded()).tokens < 2).all()
    assert (decode(exact, tokens, in_order([3, 0, 1, 4, 5, 2]), seeded()).tokens < 2).all(), "one token per step"


def test_where_no_posterior_forgives_none_is_named():
    """A hash of all of many latents is not local."""
    wide = whole_hash(17, 3, structure_seed=0)
    message = way_out(wide)
    assert "forgiving" not in message
    assert "one token per step" in message
    assert forgiving_posterior(wide).__class__ is EnumeratedPosterior
