"""Exact laws of samplers: against identities, against what the decoder draws, and against each other."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float, Int64
from scipy.stats import binom, chisquare
from torch import Tensor

from generators.distribution import LODistribution
from generators.families import local_hash, nae_sat
from generators.testing.strategies import distributions
from lo_theory.denoisers.noised import NoisedDenoiser, uniform_hardness
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.denoisers.tabulated import TabulatedDenoiser
from lo_theory.laws.choice_law import certain, plackett_luce, uniform_order
from lo_theory.laws.information_curve import exact_curve
from lo_theory.laws.known_samplers import (
    known,
    known_binomial,
    known_gumbel,
    known_random,
    known_remdm,
    known_vanilla,
)
from lo_theory.laws.sampler_law import KnownSampler, all_sequences, law_error, sampler_law, true_law
from lo_theory.laws.step_counts import best_counts, parallel_kl
from lo_theory.laws.step_law import Moves, certain_token, revealing, sampled
from lo_theory.posteriors.contradiction import ForgivingPosterior
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.samplers.decoder import Decoder, full_rewrite, in_order, margin, path_planning
from lo_theory.samplers.decoding import DecodingStalledError, decode
from lo_theory.samplers.drawn_confidence import low_confidence
from lo_theory.samplers.named_decoders import blocks, doubtful_start, entropy_bound, klass, negative_entropy, threshold
from lo_theory.samplers.remask import capped, rescaled
from lo_theory.samplers.reveal import RevealRule, counted, k_per_step, one_per_step
from lo_theory.samplers.scores import margin_score, negative_entropy_score, random_score, top_probability_score
from lo_theory.samplers.situation import Situation
from lo_theory.samplers.tokens import argmax_token, sample_token
from lo_theory.schedules import COSINE

FALSE_ALARM = 1e-5  # of each chi-square test; seeds are fixed, so a run either always passes or never
THREE = local_hash(2, 3, arity=2, alphabet=3, latent_alphabet=3, structure_seed=0)  # L = 5, 243 sequences


def exact(distribution: LODistribution) -> TabulatedDenoiser:
    return TabulatedDenoiser(PosteriorDenoiser(ForgivingPosterior(EliminatedPosterior(distribution))))


def wrong(distribution: LODistribution) -> TabulatedDenoiser:
    """No symmetry, no certainty: every path of a rule is taken."""
    return TabulatedDenoiser(NoisedDenoiser(exact(distribution), uniform_hardness, noise=1.0, doubt=0.1))


class Fixed:
    """Answers that do not depend on the tokens."""

    def __init__(self, probs: list[list[float]]) -> None:
        self.log_probs = torch.tensor(probs, dtype=torch.float64).log()
        self.length, self.vocabulary = self.log_probs.shape

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        return self.log_probs.expand(len(tokens), -1, -1).clone()


SINGLY = {
    "random": known_vanilla(),
    "margin": known(margin()),
    "top probability": known(Decoder(top_probability_score, one_per_step(), sample_token())),
    "negative entropy": known(negative_entropy()),
    "margin with noise": known_gumbel(margin_score, 0.3, one_per_step()),
    "entropy bound of zero": known(entropy_bound(0.0)),
}


@settings(max_examples=12)
@given(distribution=distributions(max_latents=3, max_length=4), data=st.data())
def test_one_token_per_call_is_exact_for_every_rule_that_sees_visible_tokens_alone(distribution, data):
    order = data.draw(st.permutations(range(distribution.length)))
    truth, denoiser = true_law(distribution), exact(distribution)
    for name, sampler in {**SINGLY, "fixed order": known(in_order(order))}.items():
        law = sampler_law(denoiser, sampler)
        error = law_error(truth, law.probability)
        assert abs(error.kl_from_truth) < 1e-12, name
        assert error.off_support == 0.0, name
        assert law.calls <= distribution.length + 1e-12


SAMPLERS = {
    "vanilla": known_vanilla(),
    "tau-leaping": known_vanilla(3),
    "tau-leaping, cosine": known_vanilla(2, schedule=COSINE),
    "random pairs": known_random(k_per_step(2)),
    "random counts": known_random(counted((1, 3, 1))),
    "noisy margin": known_gumbel(margin_score, 0.3, k_per_step(2)),
    "binomial": known_binomial(margin_score, 3),
    "margin": known(margin(2)),
    "negative entropy": known(negative_entropy(2)),
    "threshold": known(threshold(0.6)),
    "entropy bound": known(entropy_bound(0.4)),
    "KLASS": known(klass(0.3, 0.5), remembers=True),
    "blocks": known(blocks(margin(), 2, 5)),
    "doubtful start": known(doubtful_start(margin(2), 2)),
    "temperature": known(replace(margin(2), token=sample_token(0.5)), sampled(0.5)),
    "argmax": known(replace(margin(2), token=argmax_token), certain_token(argmax_token)),
    "ReMDM-cap": known_remdm(4, capped(0.3)),
    "ReMDM-rescale": known_remdm(3, rescaled(1.0)),
    "path planning": known(path_planning(3)),
    "full rewrite": known(full_rewrite(3), certain_token(argmax_token)),
    "low confidence": known(low_confidence(3)),
    "low confidence, one per call": known(low_confidence(5)),
}


def p_value(law: np.ndarray, rows: np.ndarray, vocabulary: int) -> float:
    """Chi-square of rows against a law, cells of less than five expected rows joined; 0 if one cannot come out."""
    n, index = len(rows), rows @ vocabulary ** np.arange(rows.shape[1])[::-1]
    counts = np.bincount(index, minlength=len(law))
    if counts[law == 0].any():
        return 0.0
    large = n * law >= 5
    seen, expected = np.append(counts[large], counts[~large].sum()), n * np.append(law[large], law[~large].sum())
    kept = expected > 0
    return float(chisquare(seen[kept], expected[kept]).pvalue) if kept.sum() > 1 else 1.0


def drawn(sampler: KnownSampler, n: int) -> tuple[np.ndarray, float]:
    masks = torch.full((n, THREE.length), THREE.mask_id)
    decoded = decode(WRONG, masks, sampler.decoder, torch.Generator().manual_seed(1))
    return decoded.tokens.numpy(), decoded.trace.row_calls / n


WRONG = wrong(THREE)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS.keys())
def test_the_decoder_draws_from_its_law(sampler):
    """20,000 rows over up to 243 sequences; false alarm 1e-5 per sampler. Calls within six standard errors at most."""
    law = sampler_law(WRONG, sampler)
    rows, calls = drawn(sampler, 20_000)
    assert math.isclose(law.probability.sum(), 1.0, abs_tol=1e-12)
    assert p_value(law.probability, rows, 3) > FALSE_ALARM
    assert abs(calls - law.calls) < 6 * THREE.length / math.sqrt(20_000)


@pytest.mark.parametrize(
    ("decoder", "law"),
    [("margin", "negative entropy"), ("random pairs", "margin"), ("KLASS", "threshold"), ("tau-leaping", "binomial")],
)
def test_and_from_no_other(decoder, law):
    """Negative control of the test above."""
    rows, _ = drawn(SAMPLERS[decoder], 20_000)
    assert p_value(sampler_law(WRONG, SAMPLERS[law]).probability, rows, 3) < 1e-10


def test_all_at_once_is_the_product_of_the_marginals():
    marginals = WRONG(torch.full((1, 5), 3))[0].exp().numpy()
    expected = marginals[np.arange(5), all_sequences(5, 3)].prod(axis=1)
    for sampler in (known_vanilla(1), known(margin(5)), known_random(k_per_step(5)), known(low_confidence(1))):
        law = sampler_law(WRONG, sampler)
        np.testing.assert_allclose(law.probability, expected, atol=1e-15)
        assert law.calls == 1.0


def test_tau_leaping_is_a_mixture_of_random_counts():
    """Two steps reveal K ~ Binomial(L, 1/2) random positions, then the rest: another path through the code."""
    mixture = sum(
        binom.pmf(k, 5, 0.5) * sampler_law(WRONG, known_random(counted((k, 5 - k) if 0 < k < 5 else (5,)))).probability
        for k in range(6)
    )
    np.testing.assert_allclose(sampler_law(WRONG, known_vanilla(2)).probability, mixture, atol=1e-15)


def test_equal_weights_make_a_uniform_subset_and_little_noise_the_best_ones():
    def constant(log_probs: Tensor, hidden: Tensor, generator: torch.Generator) -> Tensor:
        return torch.zeros_like(log_probs[..., 0])

    rule = k_per_step(2)
    uniform = sampler_law(WRONG, known_random(rule)).probability
    same = KnownSampler(known_random(rule).decoder, revealing(plackett_luce(constant, 0.7, rule)))
    np.testing.assert_allclose(sampler_law(WRONG, same).probability, uniform, atol=1e-15)
    cold = sampler_law(WRONG, known_gumbel(negative_entropy_score, 1e-6, rule)).probability
    np.testing.assert_allclose(cold, sampler_law(WRONG, known(negative_entropy(2))).probability, atol=1e-9)


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-300])
def test_plackett_luce_at_the_smallest_scales_ranks_and_shares_ties(scale):
    """Whatever the scale: the best are drawn first, equals in any order, and no probability is lost."""
    now = Situation(
        step=0,
        tokens=torch.full((1, 4), 2),
        given=torch.zeros(1, 4, dtype=torch.bool),
        hidden=torch.ones(1, 4, dtype=torch.bool),
        score=torch.zeros(1, 4, dtype=torch.float64),
        log_probs=torch.zeros(1, 4, 2, dtype=torch.float64),
    )
    scores = torch.tensor([[-0.5, -0.1, -0.5, -0.9]], dtype=torch.float64)
    choices = plackett_luce(lambda *_: scores, scale, k_per_step(2))(now)
    law = {
        tuple(c.nonzero().squeeze(1).tolist()): p
        for c, p in zip(choices.chosen, choices.probability.tolist(), strict=True)
        if p
    }
    assert law == {(0, 1): 0.5, (1, 2): 0.5}


def test_plackett_luce_by_hand():
    """Weights 1, 2, 5: {0, 1} first has probability 1/8 * 2/7 + 2/8 * 1/6."""

    def score(log_probs: Tensor, hidden: Tensor, generator: torch.Generator) -> Tensor:
        return torch.tensor([[1.0, 2.0, 5.0]], dtype=torch.float64).log().expand(hidden.shape)

    hidden = torch.ones(1, 3, dtype=torch.bool)
    now = Situation(
        step=0, tokens=torch.full((1, 3), 2), given=~hidden, hidden=hidden, score=torch.zeros(1, 3).double(),
        log_probs=torch.zeros(1, 3, 2).double(),
    )  # fmt: skip
    choices = plackett_luce(score, 1.0, k_per_step(2))(now)
    found = {
        tuple(c.nonzero().flatten().tolist()): float(p)
        for c, p in zip(choices.chosen, choices.probability, strict=True)
    }
    assert found[0, 1] == pytest.approx(1 / 8 * 2 / 7 + 2 / 8 * 1 / 6)
    assert sum(found.values()) == pytest.approx(1.0)


def test_ranking_by_drawn_tokens_is_biased_even_where_tokens_are_independent():
    """P(x0 = 1) = 0.9, P(x1 = 1) = 0.6. x0 = 1 goes first; x0 = 0 never does and is drawn again: 0.9 + 0.1 * 0.9.

    P(x1 = 1) = 0.9 * 0.6 + 0.1 * 0.6 is right. Ranking by the top probability, the same law is the product.
    """
    denoiser = Fixed([[0.1, 0.9], [0.4, 0.6]])
    law = sampler_law(denoiser, known(low_confidence(2))).probability.reshape(2, 2)
    assert law[1].sum() == pytest.approx(0.99)
    assert law[:, 1].sum() == pytest.approx(0.6)
    fair = sampler_law(denoiser, known(Decoder(top_probability_score, one_per_step(), sample_token()))).probability
    np.testing.assert_allclose(fair.reshape(2, 2), np.outer([0.1, 0.9], [0.4, 0.6]), atol=1e-15)


def test_low_confidence_never_takes_a_token_back():
    masks = torch.full((200, 5), 3)
    decoded = decode(WRONG, masks, low_confidence(5), torch.Generator().manual_seed(0))
    assert not decoded.trace.remasked().any()
    assert [len(step.row) for step in decoded.trace.steps] == [200] * 5


def test_random_counts_lose_at_most_what_the_information_curve_says():
    distribution = nae_sat(4, 3, structure_seed=0)
    curve, truth, denoiser = exact_curve(distribution), true_law(distribution), exact(distribution)
    for steps in range(1, 8):
        counts = best_counts(curve, steps)
        loss = law_error(truth, sampler_law(denoiser, known_random(counted(counts))).probability).kl_from_truth
        assert -1e-12 < loss < parallel_kl(curve, counts).value + 1e-12
    assert parallel_kl(curve, (7,)).value == pytest.approx(
        law_error(truth, sampler_law(denoiser, known_vanilla(1)).probability).kl_from_truth
    )  # one step has one order only


def test_given_tokens_stay_and_the_rest_follows_the_conditional_law():
    seen = THREE.sample(1, np.random.default_rng(0)).astype(np.int64)[0]
    start = torch.full((5,), 3)
    start[[1, 4]] = torch.from_numpy(seen[[1, 4]])
    kept = (all_sequences(5, 3)[:, [1, 4]] == seen[[1, 4]]).all(axis=1)
    expected = np.where(kept, true_law(THREE), 0.0)
    law = sampler_law(exact(THREE), known(margin()), start)
    np.testing.assert_allclose(law.probability, expected / expected.sum(), atol=1e-14)
    assert law.calls == pytest.approx(3.0)


@pytest.mark.parametrize("limit", [20, 128])
def test_a_step_meets_every_sequence_once_in_pieces_as_large_as_the_limit_allows(limit, monkeypatch):
    """However the work is cut, the law is the same; only a single sequence may have more moves than the limit."""

    def moves(tokens: Tensor) -> int:
        return int((4 ** (tokens == 3).sum(dim=1)).sum())

    sampler = SAMPLERS["random pairs"]
    whole = sampler_law(WRONG, sampler)
    met: dict[int, list[Tensor]] = {}

    def step(now: Situation) -> Moves:
        met.setdefault(now.step, []).append(now.tokens)
        return sampler.step(now)

    monkeypatch.setattr("lo_theory.laws.sampler_law._MOVES_AT_ONCE", limit)
    cut = sampler_law(WRONG, KnownSampler(sampler.decoder, step))
    np.testing.assert_allclose(cut.probability, whole.probability, atol=1e-15)
    assert cut.calls == pytest.approx(whole.calls, abs=1e-12)
    for pieces in met.values():
        assert all(len(tokens) == 1 or moves(tokens) <= limit for tokens in pieces)
        assert all(moves(tokens) + moves(after[:1]) > limit for tokens, after in itertools.pairwise(pieces))
        every = torch.cat(pieces)
        assert len(every.unique(dim=0)) == len(every)
    assert [len(pieces) > 1 for pieces in met.values()] == [False, True, True], "negative control"


def test_errors_of_laws_by_hand():
    truth, law = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.5, 0.25])
    error = law_error(truth, law)
    assert error.kl_from_truth == pytest.approx(0.5 * math.log(2))
    assert error.kl_from_sampler == math.inf
    assert (error.total_variation, error.off_support) == (0.25, 0.25)
    assert law_error(np.array([0.5, 0.5]), np.array([1.0, 0.0])).kl_from_truth == math.inf


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (known(Decoder(random_score, one_per_step(), sample_token())), "this score draws"),
        (known_random(entropy_bound(0.4).reveal), "k best by score"),
        (known_random(blocks(margin(), 2, 5).reveal), "k best by score"),
        (
            KnownSampler(margin(), revealing(certain(margin_score, known_vanilla(2).decoder.reveal))),
            "reveal rule draws",
        ),
        (KnownSampler(margin(), revealing(uniform_order(one_per_step()), certain_token(sample_token()))), "token rule"),
    ],
    ids=["random score", "counts by score", "blocks", "random rule", "random token"],
)
def test_randomness_that_the_law_does_not_know_is_refused(sampler, message):
    with pytest.raises(ValueError, match=message):
        sampler_law(WRONG, sampler)


def test_what_cannot_be_done_is_refused():
    with pytest.raises(ValueError, match=r"\(V \+ 1\)\*\*L = 3\*\*13"):
        TabulatedDenoiser(Fixed([[0.5, 0.5]] * 13))
    with pytest.raises(ValueError, match="known_remdm"):
        known(known_remdm(3, capped(0.1)).decoder)
    lazy = RevealRule(lambda now, generator: torch.zeros_like(now.hidden), 2)
    with pytest.raises(DecodingStalledError, match="after 2 steps with probability 1"):
        sampler_law(Fixed([[0.5, 0.5]]), known(Decoder(margin_score, lazy, sample_token())))


def test_a_grid_makes_equal_answers_equal_and_changes_no_law():
    rounded = TabulatedDenoiser(WRONG, grid=2.0**-32)
    for name in ("random pairs", "margin", "low confidence"):
        before, after = (sampler_law(denoiser, SAMPLERS[name]).probability for denoiser in (WRONG, rounded))
        assert 0 < np.abs(before - after).max() < 1e-9
        assert abs(law_error(before, after).kl_from_truth) < 1e-15
    nearly = Fixed([[0.5, 0.5], [0.5 + 1e-15, 0.5 - 1e-15]])
    masks = torch.full((1, 2), 2)
    assert margin_score(nearly(masks), masks == 2, torch.Generator())[0].unique().numel() == 2
    gridded = TabulatedDenoiser(nearly, grid=2.0**-32)(masks)
    assert margin_score(gridded, masks == 2, torch.Generator())[0].unique().numel() == 1
    with pytest.raises(ValueError, match="grid"):
        TabulatedDenoiser(nearly, grid=-1.0)


def test_a_table_asks_each_question_once():
    asked: list[int] = []

    class Counting(Fixed):
        def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
            asked.append(len(tokens))
            return super().__call__(tokens)

    table = TabulatedDenoiser(Counting([[0.3, 0.7]] * 3))
    tokens = torch.tensor([[0, 2, 1], [0, 2, 1], [2, 2, 2]])
    first = table(tokens)
    assert torch.equal(table(tokens), first)
    assert sum(asked) == 2
    assert torch.equal(table.tokens(table.number(tokens)), tokens)
