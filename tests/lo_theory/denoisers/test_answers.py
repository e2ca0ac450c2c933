"""What is no answer is refused by everybody who asks, with the row, the position and the value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import jaxtyping
import numpy as np
import pytest
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from generators.families import nae_sat
from lo_theory.denoisers.denoiser import ask, require_answers
from lo_theory.denoisers.noised import NoisedDenoiser, uniform_hardness
from lo_theory.denoisers.tabulated import TabulatedDenoiser
from lo_theory.laws.information_curve import sampled_curve
from lo_theory.laws.known_samplers import known, known_gumbel, known_random, known_vanilla
from lo_theory.laws.sampler_law import KnownSampler, sampler_law
from lo_theory.laws.step_law import certain_token
from lo_theory.likelihood import chain_nelbo, chain_nll, exact_nelbo, monte_carlo_nelbo
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.samplers import menu
from lo_theory.samplers.decoder import Decoder, in_order, margin, path_planning, top_probability, vanilla
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.drawn_confidence import low_confidence
from lo_theory.samplers.named_decoders import NAMED_DECODERS
from lo_theory.samplers.reveal import k_per_step
from lo_theory.samplers.scores import margin_score
from lo_theory.samplers.tokens import argmax_token, top_k_token, top_p_token

LENGTH = 4
NEEDED: dict[str, Callable[..., Decoder]] = {
    "fixed order": lambda make: make(range(LENGTH)),
    "blocks": lambda make: make(margin(), 2, LENGTH),
    "doubtful start": lambda make: make(margin(), 2),
    "random counts": lambda make: make([1, 2, 1]),
    **dict.fromkeys(("scheduled", "binomial", "remdm", "path planning", "full rewrite"), lambda make: make(3)),
}
"""How those are made that cannot be made from nothing."""


def all_decoders() -> Iterator[tuple[str, Decoder]]:
    for name, make in NAMED_DECODERS.items():
        yield name, NEEDED.get(name, lambda make: make())(make)
    menus = (
        menu.sequence_rules(LENGTH, 2),
        menu.sequence_rules(LENGTH, LENGTH),
        menu.per_call_rules(LENGTH, 2),
        menu.one_cell_rules(LENGTH),
        menu.board_rules(2),
        [menu.own_order_rule()],
    )
    for rule in (rule for one in menus for rule in one):
        yield f"{rule.name}, {rule.swept} {rule.at}", rule.decoder
    yield "low confidence", low_confidence(2)
    for name, token in (("argmax", argmax_token), ("top k", top_k_token(2)), ("top p", top_p_token(0.8, 1e-310))):
        yield f"{name} tokens", Decoder(margin_score, k_per_step(2), token)


DECODERS = dict(all_decoders())
BAD = {
    "NaN": ([math.nan, math.nan], "no answer"),
    "one NaN": ([-1.0, math.nan], "no answer"),
    "one +inf": ([-1.0, math.inf], "no distribution: [+]inf as the log-probability of value 1.*log_softmax"),
    "two +inf": ([math.inf, math.inf], "no distribution: [+]inf as the log-probability of value 0.*log_softmax"),
    "nothing possible": ([-math.inf, -math.inf], "no answer.*impossible"),
}


class Flawed:
    """Uniform answers but for one in the last row, at ``position``; float32 as a network's."""

    def __init__(self, flaw: list[float], vocabulary: int = 2, position: int = 2) -> None:
        self.length, self.vocabulary, self.position = LENGTH, vocabulary, position
        self.flaw = torch.tensor([*flaw, *[flaw[-1] if flaw[0] == flaw[1] else -2.0] * (vocabulary - 2)])

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        answers = torch.full((*tokens.shape, self.vocabulary), -math.log(self.vocabulary))
        answers[-1:, self.position] = self.flaw
        return answers


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("vocabulary", [2, 12])
def test_no_decoder_makes_a_token_of_what_is_no_answer(name, vocabulary):
    for flaw, message in BAD.values():
        with pytest.raises(ValueError, match=message) as caught:
            decode(Flawed(flaw, vocabulary), torch.full((2, LENGTH), vocabulary), DECODERS[name], seeded(1))
        assert "row 1, position 2" in str(caught.value)


@pytest.mark.parametrize("name", DECODERS)
def test_every_decoder_takes_the_same_answers_without_the_flaw(name):
    """Negative control; one value may be impossible, and a visible position may hold anything."""
    sound = Flawed([-math.inf, 0.0], position=2)
    tokens = decode(sound, torch.full((2, LENGTH), 2), DECODERS[name], seeded(1)).tokens
    assert (tokens < 2).all()
    assert tokens[1, 2] == 1
    given = torch.tensor([[2, 2, 0, 2]])
    if DECODERS[name].planner is None:
        assert decode(NaNWhereVisible(), given, DECODERS[name], seeded()).tokens[0, 2] == 0


class NaNWhereVisible(Flawed):
    def __init__(self) -> None:
        super().__init__([0.0, 0.0])

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        answers = torch.full((*tokens.shape, 2), -math.log(2))
        return torch.where((tokens == 2)[..., None], answers, math.nan)


def test_a_row_that_has_left_the_batch_does_not_change_the_number_in_the_message():
    tokens = torch.tensor([[0, 0, 0, 0], [2, 2, 2, 2]])
    with pytest.raises(ValueError, match="row 1, position 2"):
        decode(Flawed([0.0, math.inf]), tokens, vanilla(), seeded())


@pytest.mark.parametrize(("flaw", "message"), BAD.values(), ids=BAD)
def test_no_likelihood_is_made_of_what_is_no_answer(flaw, message):
    rows = torch.tensor([[0, 1, 0, 1], [1, 1, 0, 0]])
    order = np.array([3, 0, 1, 2])
    for measure in (
        lambda denoiser: exact_nelbo(denoiser, rows, batch_size=3),
        lambda denoiser: monte_carlo_nelbo(denoiser, rows, 8, seeded()),
        lambda denoiser: chain_nll(denoiser, rows, order, batch_size=2),
        lambda denoiser: chain_nll(denoiser, rows, np.stack([order, order[::-1]])),
        lambda denoiser: chain_nelbo(denoiser, rows, order[None]),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            measure(Flawed(flaw))
        assert "position 2" in str(caught.value)
        assert measure(Flawed([-0.7, -0.7])) is not None


def test_a_likelihood_names_the_row_that_its_user_gave():
    rows = torch.tensor([[0, 1, 0, 1]] * 3)
    with pytest.raises(ValueError, match="row 2, position 2"):
        chain_nll(Flawed([0.0, math.inf]), rows, np.arange(4), batch_size=100)
    with pytest.raises(ValueError, match="row 1, position 2"):
        chain_nll(Flawed([0.0, math.inf]), rows, np.arange(4), batch_size=2)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_the_short_way_along_a_denoisers_own_order_is_no_way_around_it(wrong):
    class Chain(Flawed):
        order = np.array([2, 0, 1, 3])

        def chain_log_probs(self, rows: Int64[Tensor, "n L"]) -> Float[Tensor, "n L"]:
            answers = torch.full(rows.shape, -0.7)
            answers[-1, 1] = wrong
            return answers

    with pytest.raises(ValueError, match=f"row 1, position 0: {wrong} as"):
        chain_nll(Chain([0.0, 0.0]), torch.zeros(2, 4, dtype=torch.int64), Chain.order)


SAMPLERS: dict[str, KnownSampler] = {
    "margin": known(margin()),
    "top two": known(top_probability(2)),
    "argmax": known(Decoder(margin_score, k_per_step(2), argmax_token), certain_token(argmax_token)),
    "vanilla": known_vanilla(2),
    "one by one": known_vanilla(),
    "random": known_random(k_per_step(2)),
    "noisy margin": known_gumbel(margin_score, 0.3, k_per_step(2)),
    "planner": known(path_planning(2)),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_no_law_is_made_of_what_is_no_answer(name):
    for flaw, message in BAD.values():
        with pytest.raises(ValueError, match=message):
            sampler_law(Flawed(flaw), SAMPLERS[name])
    assert sampler_law(Flawed([-0.7, -0.7]), SAMPLERS[name]).probability.sum() == pytest.approx(1, abs=1e-6)


def test_a_law_loses_no_mass_where_an_answer_that_is_not_needed_is_missing():
    class OneByOne(Flawed):
        def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
            later = (tokens == 2).cumsum(dim=1) > 1
            return super().__call__(tokens).masked_fill(later[..., None], math.nan)

    denoiser = OneByOne([-0.7, -0.7])
    assert sampler_law(denoiser, known(in_order(range(4)))).probability.sum() == pytest.approx(1, abs=1e-6)
    with pytest.raises(ValueError, match="no answer for row 0, position 3"):
        sampler_law(denoiser, known(in_order([3, 2, 1, 0])))


@pytest.mark.parametrize("name", ["one +inf", "two +inf", "nothing possible"])
def test_noise_on_purpose_makes_no_answer_of_it(name):
    flaw, message = BAD[name]
    noised = NoisedDenoiser(Flawed(flaw), uniform_hardness, noise=1.0, doubt=0.5)
    with pytest.raises(ValueError, match=message):
        noised(torch.full((2, LENGTH), 2))
    missing = NoisedDenoiser(Flawed([math.nan] * 2), uniform_hardness, noise=1.0, doubt=0.5)(torch.full((2, LENGTH), 2))
    assert missing.isnan().any(dim=-1).nonzero().tolist() == [[1, 2]]


def test_a_curve_of_a_posterior_without_answers_is_refused():
    distribution = nae_sat(3, 2, structure_seed=0)

    class Broken(EnumeratedPosterior):
        def log_marginals(self, tokens):
            answers = super().log_marginals(tokens)
            answers[0, 1] = np.inf
            return answers

    rows = distribution.rows(0, 0, 3)
    assert np.isfinite(sampled_curve(EnumeratedPosterior(distribution), rows, np.random.default_rng(0)).nats).all()
    with pytest.raises(ValueError, match="row 0, position 1 is no distribution"):
        sampled_curve(Broken(distribution), rows, np.random.default_rng(0))


@pytest.mark.parametrize(
    "answers", [torch.zeros(2, 4, 3), torch.zeros(2, 3, 2), torch.zeros(1, 4, 2), torch.zeros(2, 4)]
)
def test_answers_of_another_shape_are_refused(monkeypatch, answers):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    denoiser = answering(answers)
    with pytest.raises(ValueError, match=r"\(B, L, V\) = \(2, 4, 2\); got"):
        decode(denoiser, torch.full((2, 4), 2), margin(), seeded())
    with pytest.raises(ValueError, match=r"\(B, L, V\)"):
        chain_nll(denoiser, torch.zeros(2, 4, dtype=torch.int64), np.arange(4))
    with pytest.raises(ValueError, match=r"\(B, L, V\)"):
        TabulatedDenoiser(denoiser)(torch.tensor([[0, 0, 0, 2], [0, 0, 2, 0]]))


@pytest.mark.parametrize("answers", [torch.zeros(2, 4, 2, dtype=torch.int64), np.zeros((2, 4, 2)), None])
def test_answers_that_are_no_floats_are_refused(monkeypatch, answers):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(TypeError, match="a denoiser answers with a tensor of log-probabilities"):
        ask(answering(answers), torch.full((2, 4), 2))


def answering(answers: object) -> Flawed:
    denoiser = Flawed([0.0, 0.0])
    denoiser.__class__ = type("Answering", (Flawed,), {"__call__": lambda self, tokens: answers})
    return denoiser


def test_only_asked_positions_are_looked_at():
    answers = torch.tensor([[[math.inf, 0.0], [math.nan, 0.0], [-1.0, -0.5]]])
    require_answers(answers, torch.tensor([[False, False, True]]))
    require_answers(answers, torch.tensor([[False, True, True]]), torch.tensor([[False, False, True]]))
    with pytest.raises(ValueError, match="row 7, position 1: NaN as the log-probability of value 0"):
        require_answers(answers, torch.tensor([[False, True, True]]), rows=torch.tensor([7]))
    with pytest.raises(ValueError, match="position 0 is no distribution"):
        require_answers(answers, torch.tensor([[True, True, True]]), torch.zeros(1, 3, dtype=torch.bool))
