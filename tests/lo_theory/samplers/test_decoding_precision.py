"""Decoding computes in float64, whatever precision the denoiser answers in, without a float64 copy of all answers."""

from __future__ import annotations

import math

import pytest
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lo_theory.samplers.decoder import Decoder, margin, remdm, top_probability, vanilla
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.drawn_confidence import low_confidence
from lo_theory.samplers.named_decoders import entropy_bound, klass, negative_entropy, noisy_log_probability, threshold
from lo_theory.samplers.reveal import one_per_step
from lo_theory.samplers.scores import margin_score, with_gumbel
from lo_theory.samplers.tokens import sample_token


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Single:
    """As a network: float32, no answer at visible positions, answers that move with the number of masks."""

    def __init__(self, probs: Tensor) -> None:
        self.log_probs, (self.length, self.vocabulary) = probs.log(), probs.shape

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        hidden = tokens == self.vocabulary
        warmth = 1 + hidden.double().mean(dim=1)[:, None, None]
        return (self.log_probs * warmth).log_softmax(-1).masked_fill(~hidden[..., None], math.nan).float()


class Double(Single):
    """The same answers in float64."""

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        return super().__call__(tokens).double()


AT_MASKS = {
    "vanilla": vanilla(3),
    "top probability": top_probability(),
    "margin": margin(),
    "margin with noise": Decoder(with_gumbel(margin_score, 0.3), one_per_step(), sample_token()),
    "margin of two": margin(2),
    "negative entropy": negative_entropy(2),
    "log-probability": noisy_log_probability(2),
    "threshold": threshold(0.3),
    "entropy bound": entropy_bound(1.0),
    "klass": klass(0.2, 0.2),
    "low confidence": low_confidence(3),
    "remdm": remdm(6, doubted=True),
}


@pytest.mark.parametrize("values", [3, 20])
@pytest.mark.parametrize("decoder", AT_MASKS.values(), ids=AT_MASKS.keys())
def test_every_probability_is_computed_in_float64_whatever_the_denoiser_answers_in(decoder, values):
    """Bit for bit the run that a float64 copy of all the answers leads to."""
    probs = torch.rand(4, values, generator=seeded(1), dtype=torch.float64)
    tokens = torch.full((30, 4), values)
    tokens[3, 1:], tokens[7] = 0, 1
    single, double = (decode(kind(probs), tokens, decoder, seeded(5)) for kind in (Single, Double))
    assert torch.equal(single.tokens, double.tokens)
    for one, two in zip(single.trace.steps, double.trace.steps, strict=True):
        for name in ("row", "position", "token", "score", "log_prob", "entropy"):
            assert torch.equal(getattr(one, name), getattr(two, name))
        assert one.log_prob.dtype == one.score.dtype == one.entropy.dtype == torch.float64


def test_rounding_to_float32_would_be_seen():
    """Negative control of the above: exponentials of float32 answers, cast afterwards, are other scores."""

    def hasty(log_probs, hidden, generator):
        return log_probs.amax(dim=-1).exp()

    probs, tokens = torch.rand(4, 20, generator=seeded(1), dtype=torch.float64), torch.full((30, 4), 20)
    decoder = Decoder(hasty, one_per_step(), sample_token())
    single, double = (decode(kind(probs), tokens, decoder, seeded(5)).trace.steps[0] for kind in (Single, Double))
    assert single.score.dtype == torch.float64
    assert not torch.equal(single.score, double.score)
