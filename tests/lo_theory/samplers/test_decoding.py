"""Decoding: with the exact posterior and one token per step it reproduces the distribution; what is given stays."""

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
from scipy.stats import chisquare
from torch import Tensor

from generators.distribution import LODistribution
from generators.observations import named_tables as named
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.observations.scopes import random_scopes
from lo_theory.agreement import observation_agreement
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.samplers.decoding import (
    Decoder,
    DecodingStalledError,
    decode,
    in_order,
    margin,
    top_probability,
    vanilla,
)
from lo_theory.samplers.drawn_confidence import low_confidence
from lo_theory.samplers.reveal import RevealRule, k_per_step, one_per_step, scheduled
from lo_theory.samplers.scores import margin_score, random_score, with_gumbel
from lo_theory.samplers.tokens import argmax_token, sample_token


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(noise: float = 0.25) -> LODistribution:
    """Two latents of three values, two observations, one of them noisy and one of three values; in a mixed order."""
    either = Predicate(named.nae(arity=2, latent_alphabet=3), np.array([[0, 1]]))
    total = Predicate(named.parity(arity=2, latent_alphabet=3), np.array([[1, 0]]), 3)
    functions = (Noisy(either, noise) if noise else either, total)
    return LODistribution(np.array([0.5, 0.3, 0.2]), 2, functions, np.array([2, 0, 3, 1]))


def nae(n_latents: int = 6, n_observations: int = 18) -> LODistribution:
    scopes = random_scopes(n_latents, n_observations, arity=3, structure_seed=0)
    return LODistribution(np.array([0.5, 0.5]), n_latents, (Predicate(named.nae(arity=3), scopes),))


def oracle(distribution: LODistribution) -> PosteriorDenoiser:
    return PosteriorDenoiser(EnumeratedPosterior(distribution))


def blank(distribution: LODistribution, n: int) -> Tensor:
    return torch.full((n, distribution.length), distribution.mask_id)


class Fixed:
    """Answers that do not depend on the tokens, (L, V) probabilities."""

    def __init__(self, probs: list[list[float]]) -> None:
        self.log_probs = torch.tensor(probs, dtype=torch.float64).log()
        self.length, self.vocabulary = self.log_probs.shape

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        return self.log_probs.expand(len(tokens), -1, -1).clone()


class LeftToRight(Fixed):
    """As an autoregressive network: NaN at every hidden position but the first."""

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        blind = (tokens == self.vocabulary).cumsum(dim=1) != 1
        return super().__call__(tokens).masked_fill(blind[..., None], math.nan)


ONE_BY_ONE = {
    "vanilla": vanilla(),
    "fixed order": in_order([1, 3, 0, 2]),
    "top probability": top_probability(),
    "margin": margin(),
    "margin with noise": Decoder(with_gumbel(margin_score, 0.3), one_per_step(), sample_token()),
}


def chi_square_to(distribution: LODistribution, rows: np.ndarray) -> float:
    """p-value of rows under the distribution; 0 if one lies off the support."""
    everything = np.array(list(itertools.product(range(distribution.vocabulary), repeat=distribution.length)))
    law = np.exp(distribution.log_prob(everything))
    index = rows @ distribution.vocabulary ** np.arange(distribution.length)[::-1]
    counts = np.bincount(index, minlength=len(law))
    if counts[law == 0].any():
        return 0.0
    return float(chisquare(counts[law > 0], len(rows) * law[law > 0]).pvalue)


@pytest.mark.parametrize("decoder", ONE_BY_ONE.values(), ids=ONE_BY_ONE.keys())
def test_one_token_per_step_from_exact_conditionals_reproduces_the_distribution(decoder):
    """Chi-square over the 18 sequences of the support, 8000 rows; false alarm 1e-5 per method."""
    distribution = small()
    decoded = decode(oracle(distribution), blank(distribution, 8000), decoder, seeded(3))
    assert chi_square_to(distribution, decoded.tokens.numpy()) > 1e-5


@pytest.mark.parametrize(
    "decoder",
    [vanilla(1), margin(4), replace(margin(), token=sample_token(0.7))],
    ids=["one step", "all at once", "temperature 0.7"],
)
def test_many_tokens_per_step_or_another_temperature_do_not(decoder):
    """Negative control of the test above, with the same numbers of rows and cells."""
    distribution = small()
    decoded = decode(oracle(distribution), blank(distribution, 8000), decoder, seeded(3))
    assert chi_square_to(distribution, decoded.tokens.numpy()) < 1e-10


def test_completions_of_given_tokens_follow_the_conditional_law():
    """Chi-square against the posterior given the observation of three values; false alarm 1e-5."""
    distribution = small()
    tokens = blank(distribution, 8000)
    tokens[:, 1] = 2  # the second observation: the sum of both latents modulo 3
    decoded = decode(oracle(distribution), tokens, margin(), seeded()).tokens.numpy()
    everything = np.array(list(itertools.product(range(3), repeat=4)))
    law = np.exp(distribution.log_prob(everything)) * (everything[:, 1] == 2)
    counts = np.bincount(decoded @ 3 ** np.arange(4)[::-1], minlength=81)
    assert not counts[law == 0].any()
    assert chisquare(counts[law > 0], 8000 * (law / law.sum())[law > 0]).pvalue > 1e-5


@pytest.mark.parametrize(
    "decoder",
    [vanilla(), margin(), top_probability(), in_order(np.arange(24)[::-1]), replace(margin(), token=argmax_token)],
    ids=["vanilla", "margin", "top probability", "reverse", "margin at temperature 0"],
)
def test_with_the_exact_posterior_one_token_per_step_never_leaves_the_support(decoder):
    distribution = nae()
    rows = decode(oracle(distribution), blank(distribution, 100), decoder, seeded()).tokens.numpy()
    assert np.isfinite(distribution.log_prob(rows)).all()
    assert observation_agreement(distribution, rows).all()


def test_vanilla_in_one_step_leaves_the_support():
    """Negative control: all tokens from their marginals agree in 0.75^2 + 0.25^2 = 0.625 of the observations."""
    distribution = nae()
    rows = decode(oracle(distribution), blank(distribution, 2000), vanilla(1), seeded()).tokens.numpy()
    assert np.isneginf(distribution.log_prob(rows)).any()
    agreement = observation_agreement(distribution, rows).mean(axis=1)
    assert abs(agreement.mean() - 0.625) < 5 * agreement.std() / math.sqrt(2000)  # false alarm 6e-7


DECODERS = [
    vanilla(),
    vanilla(3),
    margin(2),
    top_probability(3),
    Decoder(random_score, scheduled(4), argmax_token),
    in_order([4, 2, 0, 1, 3]),
]


@settings(max_examples=40)
@given(data=st.data(), decoder=st.sampled_from(DECODERS))
def test_given_tokens_never_change_and_everything_else_is_filled(data, decoder):
    denoiser = Fixed([[0.2, 0.5, 0.3]] * 5)
    cell = st.sampled_from([0, 1, 2, 3, 3, 3, 4])  # 3 is the mask, 4 a pad
    rows = data.draw(st.lists(st.lists(cell, min_size=5, max_size=5), min_size=1, max_size=4))
    tokens = torch.tensor(rows)
    before = tokens.clone()
    decoded = decode(denoiser, tokens, decoder, seeded())
    assert torch.equal(tokens, before), "the input is left alone"
    given_here = before != 3
    assert torch.equal(decoded.tokens[given_here], before[given_here])
    assert (decoded.tokens[~given_here] < 3).all()
    revealed = decoded.trace.revealed_at()
    assert torch.equal(revealed >= 0, ~given_here), "each hidden position is revealed once, a given one never"
    assert decoded.trace.calls == len(decoded.trace.steps) <= max(5, decoder.reveal.steps or 0)


def test_the_number_of_calls_is_the_number_of_steps():
    denoiser, tokens = Fixed([[0.2, 0.8]] * 7), torch.full((3, 7), 2)
    tokens[1, :3] = 0
    tokens[2] = 1
    for k in (1, 2, 3, 7):
        trace = decode(denoiser, tokens, margin(k), seeded()).trace
        assert trace.calls == math.ceil(7 / k)
        assert [len(step.row) for step in trace.steps] == [
            min(k, max(0, 7 - k * t)) + min(k, max(0, 4 - k * t)) for t in range(trace.calls)
        ]
    assert decode(denoiser, torch.ones(2, 7, dtype=torch.int64), margin(), seeded()).trace.calls == 0


PROBS = [[0.5, 0.5, 0.0], [0.4, 0.3, 0.3], [0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.1, 0.2, 0.7]]


@pytest.mark.parametrize(
    ("decoder", "expected"),
    [(margin(), [2, 4, 1, 0, 3]), (top_probability(), [2, 4, 0, 1, 3]), (in_order([3, 1, 4, 0, 2]), [3, 1, 4, 0, 2])],
    ids=["margin", "top probability", "order"],
)
def test_the_most_certain_position_is_revealed_first(decoder, expected):
    """An upside-down score would reveal position 3 first; equal margins (0 and 3) go from the left."""
    trace = decode(Fixed(PROBS), torch.full((2, 5), 3), decoder, seeded()).trace
    assert [step.position.tolist() for step in trace.steps] == [[i, i] for i in expected]


def test_the_trace_says_what_was_revealed_and_how_sure_the_denoiser_was():
    decoded = decode(Fixed(PROBS), torch.full((4, 5), 3), margin(2), seeded())
    probs = torch.tensor(PROBS, dtype=torch.float64)
    margins = probs.sort(dim=1).values[:, -1] - probs.sort(dim=1).values[:, -2]
    for step in decoded.trace.steps:
        torch.testing.assert_close(step.token, decoded.tokens[step.row, step.position])
        torch.testing.assert_close(step.log_prob, probs[step.position, step.token].log())
        torch.testing.assert_close(step.score, margins[step.position])
        torch.testing.assert_close(step.entropy, torch.special.entr(probs[step.position]).sum(dim=1))
    chain = probs[torch.arange(5), decoded.tokens].log().sum(dim=1)
    torch.testing.assert_close(decoded.trace.log_prob(), chain)


def test_the_log_probability_of_a_run_is_that_of_the_sequence():
    """Chain rule: with the exact posterior, whatever the order in which the score led."""
    distribution = small()
    decoded = decode(oracle(distribution), blank(distribution, 200), margin(), seeded())
    np.testing.assert_allclose(
        decoded.trace.log_prob().numpy(), distribution.log_prob(decoded.tokens.numpy()), atol=1e-12
    )


@pytest.mark.parametrize("decoder", [*ONE_BY_ONE.values(), vanilla(3), margin(2)])
def test_a_row_does_not_depend_on_what_the_others_contain(decoder):
    """Rows with unequal numbers of masks; the second batch differs in every row but one."""
    distribution = small(noise=0.25)
    denoiser = Fixed([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.3, 0.3, 0.4], [0.1, 0.1, 0.8]])
    first = torch.from_numpy(distribution.rows(1, 0, 10).astype(np.int64))
    second = torch.from_numpy(distribution.rows(2, 0, 10).astype(np.int64))
    masks = torch.rand(2, 10, 4, generator=seeded(9))
    first[masks[0] < 0.7] = 3
    second[masks[1] < 0.3] = 3
    first[4] = second[4] = 3
    one, two = (decode(denoiser, batch, decoder, seeded(5)) for batch in (first, second))
    assert torch.equal(one.tokens[4], two.tokens[4])
    assert torch.equal(one.trace.revealed_at()[4], two.trace.revealed_at()[4])
    assert not torch.equal(one.tokens, two.tokens)


class Watched(Fixed):
    """Remembers how many rows each call saw."""

    def __init__(self, probs: list[list[float]]) -> None:
        super().__init__(probs)
        self.seen: list[int] = []

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        assert (tokens == self.vocabulary).any(), "a call without a question"
        self.seen.append(len(tokens))
        return super().__call__(tokens)


@pytest.mark.parametrize("decoder", [*ONE_BY_ONE.values(), vanilla(3), margin(2)])
def test_finished_rows_leave_and_nothing_else_changes(decoder):
    """Bit for bit the same tokens and trace as with the finished rows kept in the batch."""
    probs = [[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.3, 0.3, 0.4], [0.1, 0.1, 0.8]]
    tokens = torch.full((6, 4), 3)
    tokens[1, :2], tokens[3, 1:], tokens[4] = 0, 1, 2  # 4, 2, 4, 1, 0 and 4 masks
    short, full = Watched(probs), Watched(probs)
    left = decode(short, tokens, decoder, seeded(5))
    kept = decode(full, tokens, decoder, seeded(5), keep_finished=True)
    assert torch.equal(left.tokens, kept.tokens)
    for one, two in zip(left.trace.steps, kept.trace.steps, strict=True):
        for name in ("row", "position", "token", "score", "log_prob", "entropy"):
            assert torch.equal(getattr(one, name), getattr(two, name))
    assert set(full.seen) == {6}
    assert short.seen[0] == 5, "the row without masks is never asked"
    assert short.seen == sorted(short.seen, reverse=True)
    assert short.seen == [step.rows for step in left.trace.steps]
    assert left.trace.row_calls == sum(short.seen) < sum(full.seen) == kept.trace.row_calls
    assert left.trace.calls == kept.trace.calls == len(short.seen)


def test_a_row_costs_as_many_calls_as_it_has_masks():
    denoiser, tokens = Watched([[0.2, 0.8]] * 7), torch.full((3, 7), 2)
    tokens[1, :3], tokens[2] = 0, 1
    trace = decode(denoiser, tokens, margin(), seeded()).trace
    assert (trace.calls, trace.row_calls, denoiser.seen) == (7, 11, [2, 2, 2, 2, 1, 1, 1])


def test_rules_see_the_whole_batch_and_no_answers_in_finished_rows():
    """What keeps the noise of a row the same whatever becomes of the others."""
    shapes = []

    def spy(now, generator):
        shapes.append(tuple(now.hidden.shape))
        assert now.log_probs[~now.hidden.any(dim=1)].isnan().all()
        assert now.log_probs[now.hidden].isfinite().all()
        assert (now.score[~now.hidden] == -math.inf).all()
        return one_per_step().choose(now, generator)

    tokens = torch.full((3, 4), 2)
    tokens[0, 1:] = 0
    decode(Fixed([[0.4, 0.6]] * 4), tokens, Decoder(random_score, RevealRule(spy), sample_token()), seeded())
    assert shapes == [(3, 4)] * 4


def test_the_same_seed_gives_the_same_run_and_another_one_another():
    distribution = small()
    runs = [decode(oracle(distribution), blank(distribution, 30), vanilla(), seeded(s)).tokens for s in (1, 1, 2)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_a_denoiser_that_answers_along_one_order_only_is_decoded_along_it():
    denoiser, tokens = LeftToRight([[0.2, 0.8]] * 4), torch.full((3, 4), 2)
    tokens[1, :2] = 0
    assert (decode(denoiser, tokens, in_order(range(4)), seeded()).tokens < 2).all()
    for decoder in (margin(), top_probability()):
        with pytest.raises(ValueError, match=r"score of row 0, position 1 is NaN.*in_order"):
            decode(denoiser, tokens, decoder, seeded())
    with pytest.raises(ValueError, match="no answer for row 0, position 3"):
        decode(denoiser, tokens, in_order([3, 2, 1, 0]), seeded())


@pytest.mark.parametrize("values", [2, 13, 20])
@pytest.mark.parametrize("decoder", [vanilla(), low_confidence(1)], ids=["vanilla", "low confidence"])
def test_a_position_where_every_value_is_impossible_is_reported(decoder, values):
    with pytest.raises(ValueError, match="no answer for row 0, position 1"):
        decode(Fixed([[1 / values] * values, [0.0] * values]), torch.full((1, 2), values), decoder, seeded())


def test_a_rule_that_chooses_nothing_is_stopped():
    idle = RevealRule(lambda now, generator: torch.zeros_like(now.hidden))
    denoiser, tokens = Fixed([[0.5, 0.5]] * 3), torch.full((2, 3), 2)
    with pytest.raises(DecodingStalledError, match="6 positions are still hidden after 3 steps"):
        decode(denoiser, tokens, Decoder(random_score, idle, sample_token()), seeded())
    with pytest.raises(DecodingStalledError, match="2 positions are still hidden after 2 steps"):
        decode(denoiser, tokens, margin(), seeded(), limit=2)


def test_a_rule_that_chooses_given_positions_cannot_overwrite_them():
    greedy = RevealRule(lambda now, generator: torch.ones_like(now.hidden))
    tokens = torch.tensor([[0, 2, 0]])
    decoded = decode(Fixed([[0.0, 1.0]] * 3), tokens, Decoder(random_score, greedy, sample_token()), seeded())
    assert decoded.tokens.tolist() == [[0, 1, 0]]


@pytest.mark.parametrize(
    ("tokens", "message"), [([[0, 2, 4, 1]], "range"), ([[0, -1, 1, 1]], "range"), ([[0, 1]], r"shape \(B, 4\)")]
)
def test_bad_tokens_are_refused(tokens, message):
    with pytest.raises(ValueError, match=message):
        decode(Fixed([[0.5, 0.5]] * 4), torch.tensor(tokens), margin(), seeded())


def test_decoders_are_values():
    assert replace(margin(), token=argmax_token).score is margin_score
    assert k_per_step(3).steps is None
    assert vanilla(7).reveal.steps == 7


def test_agreement_compares_with_the_generated_latents_and_ignores_noise():
    distribution = small()  # natural order: latents at 2 and 0, observations at 3 (not equal) and 1 (sum mod 3)
    rows = np.array([[1, 0, 2, 1], [1, 0, 2, 0], [1, 1, 1, 1]])
    assert observation_agreement(distribution, rows).tolist() == [[True, True], [False, True], [False, False]]
    with pytest.raises(ValueError, match=r"shape \(n, 4\); got \(3, 3\)"):
        observation_agreement(distribution, rows[:, :3])


def test_a_latent_outside_its_alphabet_agrees_with_nothing_that_reads_it():
    wide = Predicate(np.array([[0, 1], [2, 0]]), np.array([[0, 1], [1, 2]]), 3)
    distribution = LODistribution(np.array([0.5, 0.5]), 3, (wide,))
    assert observation_agreement(distribution, np.array([[2, 0, 1, 0, 1]])).tolist() == [[False, True]]


def test_samples_agree_unless_there_is_noise():
    assert observation_agreement(nae(), nae().rows(0, 0, 50)).all()
    share = observation_agreement(small(0.25), small(0.25).rows(0, 0, 4000)).mean(axis=0)
    assert share[1] == 1.0
    assert abs(share[0] - 0.75) < 5 * math.sqrt(0.75 * 0.25 / 4000)  # false alarm 6e-7
