"""Likelihood along a row's own path: it is a law, it is the sampler's, and along a fixed order it is the chain rule."""

from __future__ import annotations

import math
from dataclasses import replace

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float64, Int64
from torch import Tensor

from generators.families import local_hash
from generators.testing.strategies import distributions
from lo_theory.denoisers.noised import NoisedDenoiser, uniform_hardness
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.denoisers.tabulated import TabulatedDenoiser
from lo_theory.laws.decoder_likelihood import decoder_nll
from lo_theory.laws.known_samplers import known
from lo_theory.laws.sampler_law import all_sequences, sampler_law, true_law
from lo_theory.laws.step_law import TokenLaw, certain_token, sampled
from lo_theory.likelihood import chain_nll, chain_nll_by_order
from lo_theory.posteriors.contradiction import ForgivingPosterior
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.samplers.decoder import (
    Decoder,
    full_rewrite,
    in_order,
    margin,
    path_planning,
    remdm,
    top_probability,
    vanilla,
)
from lo_theory.samplers.decoding import DecodingStalledError, decode
from lo_theory.samplers.drawn_confidence import low_confidence
from lo_theory.samplers.named_decoders import (
    NAMED_DECODERS,
    binomial_score,
    blocks,
    doubtful_start,
    entropy_bound,
    klass,
    left_to_right,
    negative_entropy,
    noisy_log_probability,
    random_counts,
    scheduled_score,
    threshold,
)
from lo_theory.samplers.reveal import RevealRule, counted, k_per_step
from lo_theory.samplers.scores import margin_score
from lo_theory.samplers.tokens import argmax_token, sample_token
from lo_theory.schedules import COSINE

THREE = local_hash(2, 3, arity=2, alphabet=3, latent_alphabet=3, structure_seed=0)  # L = 5, 243 sequences
EXACT = TabulatedDenoiser(PosteriorDenoiser(ForgivingPosterior(EliminatedPosterior(THREE))))
NOISED = TabulatedDenoiser(NoisedDenoiser(EXACT, uniform_hardness, noise=1.0, doubt=0.1))


class RandomTable:
    """Answers without any structure, another one for every sequence with masks; some values impossible."""

    def __init__(self, length: int, vocabulary: int, seed: int) -> None:
        self.length, self.vocabulary = length, vocabulary
        rng, states = np.random.default_rng(seed), (vocabulary + 1) ** length
        logits = 2 * rng.standard_normal((states, length, vocabulary))
        logits[rng.random((states, length)) < 0.2, 0] = -math.inf
        self.log_probs = torch.from_numpy(logits).log_softmax(dim=-1)

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float64[Tensor, "B L V"]:
        place = (self.vocabulary + 1) ** torch.arange(self.length).flip(0)
        return self.log_probs[(tokens * place).sum(dim=1)].clone()


DETERMINISTIC: dict[str, list[Decoder]] = {
    "top probability": [top_probability(), top_probability(2), top_probability(9)],
    "margin": [margin(), margin(2), margin(3)],
    "fixed order": [in_order([3, 1, 4, 0, 2]), replace(in_order([3, 1, 4, 0, 2]), reveal=k_per_step(2))],
    "left to right": [left_to_right(), left_to_right(2)],
    "negative entropy": [negative_entropy(), negative_entropy(2)],
    "scheduled": [scheduled_score(3), scheduled_score(4, schedule=COSINE), scheduled_score(9)],
    "threshold": [threshold(0.6), threshold(0.0)],
    "entropy bound": [entropy_bound(0.4), entropy_bound(0.0)],
    "klass": [klass(0.3, 0.5)],
    "doubtful start": [doubtful_start(margin()), doubtful_start(negative_entropy(2), 2)],
    "blocks": [blocks(margin(), 2, 5), blocks(scheduled_score(2), 2, 5)],
}
"""Every decoder of the suite that draws nothing but tokens, at one token per call and at several."""
REFUSED: dict[str, tuple[Decoder, str]] = {
    "vanilla": (vanilla(), "score 'random_score' draws"),
    "noisy log-probability": (noisy_log_probability(), "score 'with_annealed_gumbel' draws"),
    "binomial": (binomial_score(3), "reveal rule 'binomial' draws"),
    "random counts": (random_counts((2, 3)), "score 'random_score' draws"),
    "remdm": (remdm(3), "remask rule 'remask_independently' masks"),
    "path planning": (path_planning(3), "planner 'doubting_planner' ranks"),
    "full rewrite": (full_rewrite(3), "planner 'rewriting_planner' ranks"),
}
SUITE = {
    f"{name} {i}": decoder
    for name, decoders in {
        **DETERMINISTIC,
        "counts": [Decoder(margin_score, counted((1, 3, 1)), sample_token())],
    }.items()
    for i, decoder in enumerate(decoders)
}
EVERY = torch.from_numpy(all_sequences(5, 3))


def test_the_suite_is_whole():
    assert DETERMINISTIC.keys() | REFUSED.keys() == NAMED_DECODERS.keys()


@pytest.mark.parametrize("denoiser", [EXACT, NOISED, RandomTable(5, 3, 0)], ids=["exact", "noised", "random table"])
@pytest.mark.parametrize("decoder", SUITE.values(), ids=SUITE.keys())
def test_it_is_the_law_of_the_sampler(decoder, denoiser):
    probability = np.exp(-decoder_nll(denoiser, EVERY, decoder).rows().nats)
    assert abs(probability.sum() - 1) < 1e-12
    law = sampler_law(denoiser, known(decoder, remembers=True)).probability
    np.testing.assert_allclose(probability, law, rtol=1e-11, atol=1e-15)


@settings(max_examples=10)
@given(distribution=distributions(max_latents=3, max_length=4), name=st.sampled_from(["margin", "negative entropy"]))
def test_with_the_posterior_and_one_token_per_call_it_is_the_distribution(distribution, name):
    denoiser = PosteriorDenoiser(EliminatedPosterior(distribution))
    rows = torch.from_numpy(all_sequences(distribution.length, distribution.vocabulary))
    nats = decoder_nll(denoiser, rows, DETERMINISTIC[name][0]).rows().nats
    np.testing.assert_allclose(np.exp(-nats), true_law(distribution), atol=1e-12)


@settings(max_examples=8)
@given(order=st.permutations(range(5)), seed=st.integers(0, 5))
def test_along_a_fixed_order_it_is_the_chain_rule(order, seed):
    table, along = RandomTable(5, 3, seed), np.array(order)
    paths = decoder_nll(table, EVERY, in_order(order))
    np.testing.assert_allclose(paths.rows().nats, chain_nll_by_order(table, EVERY, along[None])[:, 0], rtol=1e-14)
    np.testing.assert_array_equal(paths.nats[:, along], chain_nll(table, EVERY, along))
    possible = np.isfinite(paths.nats).all(axis=1)
    count = int(possible.sum())
    assert 0 < count < len(EVERY)
    np.testing.assert_array_equal(paths.revealed_at[possible][:, along], np.tile(np.arange(5), (count, 1)))


@pytest.mark.parametrize("batch_size", [7, 100])
def test_a_row_does_not_depend_on_the_others(batch_size):
    table = RandomTable(5, 3, 1)
    whole, cut = (decoder_nll(table, EVERY, klass(0.3, 0.5), batch_size=size) for size in (4096, batch_size))
    np.testing.assert_array_equal(whole.nats, cut.nats)
    np.testing.assert_array_equal(whole.revealed_at, cut.revealed_at)
    assert len(np.unique(whole.revealed_at, axis=0)) > 10  # rows take their own paths


@pytest.mark.parametrize("decoder", [margin(2), klass(0.3, 0.5), scheduled_score(3)])
def test_what_was_decoded_has_the_likelihood_of_its_trace(decoder):
    decoded = decode(NOISED, torch.full((200, 5), 3), decoder, torch.Generator().manual_seed(0))
    paths = decoder_nll(NOISED, decoded.tokens, decoder)
    np.testing.assert_allclose(paths.rows().nats, -decoded.trace.log_prob().numpy(), rtol=1e-13)
    np.testing.assert_array_equal(paths.revealed_at, decoded.trace.revealed_at().numpy())


@pytest.mark.parametrize(
    ("rule", "law"), [(sample_token(0.5), sampled(0.5)), (argmax_token, certain_token(argmax_token))]
)
def test_another_token_rule_has_another_law(rule, law: TokenLaw):
    decoder = replace(margin(2), token=rule)
    probability = np.exp(-decoder_nll(NOISED, EVERY, decoder, token=law).rows().nats)
    np.testing.assert_allclose(probability, sampler_law(NOISED, known(decoder, law)).probability, atol=1e-13)
    assert abs(probability - np.exp(-decoder_nll(NOISED, EVERY, decoder).rows().nats)).max() > 1e-3


def test_given_tokens_cost_nothing_and_the_rest_has_the_conditional_law():
    seen = torch.tensor([True, False, False, True, False])
    start = torch.where(seen, EVERY[77], 3)
    rows = EVERY[(EVERY[:, seen] == EVERY[77][seen]).all(dim=1)]
    paths = decoder_nll(NOISED, rows, margin(2), given=seen.expand(len(rows), 5))
    assert (paths.nats[:, seen.numpy()] == 0).all()
    assert (paths.revealed_at[:, seen.numpy()] == -1).all()
    law = sampler_law(NOISED, known(margin(2)), start).probability
    number = (rows * 3 ** torch.arange(5).flip(0)).sum(dim=1).numpy()
    np.testing.assert_allclose(np.exp(-paths.rows().nats), law[number], rtol=1e-12)
    assert abs(law[number].sum() - 1) < 1e-12
    everything = decoder_nll(NOISED, rows, margin(2), given=torch.ones(len(rows), 5, dtype=torch.bool))
    assert not everything.nats.any()


@pytest.mark.parametrize(("decoder", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_a_decoder_with_many_paths_is_named(decoder, named):
    with pytest.raises(ValueError, match=named) as refused:
        decoder_nll(NOISED, EVERY[:3], decoder)
    assert "\n" not in str(refused.value)


def test_what_cannot_be_done_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="planner 'drawn_confidence_planner'"):
        decoder_nll(NOISED, EVERY, low_confidence(3))
    with pytest.raises(ValueError, match=r"range\(3\), no mask or pad; got 3"):
        decoder_nll(NOISED, torch.full((1, 5), 3), margin())
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=r"given is a bool per token, \(1, 5\); got torch.bool \(5,\)"):
        decoder_nll(NOISED, EVERY[:1], margin(), given=torch.zeros(5, dtype=torch.bool))
    with pytest.raises(ValueError, match="batch_size = 0"):
        decoder_nll(NOISED, EVERY, margin(), batch_size=0)
    lazy = RevealRule(lambda now, generator: torch.zeros_like(now.hidden), 2)
    with pytest.raises(DecodingStalledError, match="243 rows have hidden positions after 2 steps"):
        decoder_nll(NOISED, EVERY, Decoder(margin_score, lazy, sample_token()))
    assert decoder_nll(NOISED, EVERY[:0], margin()).nats.shape == (0, 5)
