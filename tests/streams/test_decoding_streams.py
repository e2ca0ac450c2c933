"""Streams of decoding: which tokens are drawn and which positions are revealed, by every decoder that has a name.

PyTorch's generator on a CPU draws float64 numbers, and what is decided by them are comparisons that lie far from
rounding: the same on any machine, for the same answers of the denoiser. A network's answers depend on the machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from lo_theory.samplers.batches import generate
from lo_theory.samplers.decoder import Decoder, full_rewrite, path_planning, remdm, vanilla
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.drawn_confidence import low_confidence
from lo_theory.samplers.named_decoders import NAMED_DECODERS as NAMED
from lo_theory.samplers.remask import capped, rescaled
from lo_theory.samplers.reveal import k_per_step
from lo_theory.samplers.scores import margin_score, random_score, with_annealed_gumbel, with_gaussian, with_gumbel
from lo_theory.samplers.tokens import TokenRule, argmax_token, sample_token, top_k_token, top_p_token


def draws() -> torch.Generator:
    return torch.Generator().manual_seed(0)


class Arithmetic:
    """Answers at every position, made of whole numbers and of everything that is visible."""

    def __init__(self, length: int = 6, vocabulary: int = 3) -> None:
        self.length, self.vocabulary = length, vocabulary

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float64[Tensor, "B L V"]:
        position, value = torch.arange(self.length)[:, None], torch.arange(self.vocabulary)
        visible = (tokens * torch.arange(1, self.length + 1) * (tokens < self.vocabulary)).sum(dim=1)[:, None, None]
        weight = 1 + (7919 * position + 4507 * value + 6007 * visible) % 10007
        return (weight / weight.sum(dim=-1, keepdim=True).double()).log()


def decoded(decoder: Decoder, denoiser: Arithmetic) -> np.ndarray:
    """Tokens of each row, then the steps that revealed them, from 1; in every other row a token is given."""
    prompts = torch.full((20, denoiser.length), denoiser.vocabulary)
    prompts[1::2, 2] = 1
    done = decode(denoiser, prompts, decoder, draws())
    return np.concatenate([done.tokens, done.trace.revealed_at() + 1], axis=1)


def noisy(score: Any) -> Decoder:
    return Decoder(score, k_per_step(2), argmax_token)


def drawing(token: TokenRule) -> Decoder:
    return Decoder(random_score, k_per_step(2), token)


DECODERS: dict[str, tuple[Decoder, str]] = {
    "vanilla": (vanilla(), "101000165324 2012102 #52f47d01"),
    "vanilla, three steps": (vanilla(3), "220212131213 2011201 #826576cd"),
    "top probability": (NAMED["top probability"](), "220111265413 0111024 #2a9f0b09"),
    "margin": (NAMED["margin"](2), "101211122313 1011122 #9d28c5e7"),
    "fixed order": (NAMED["fixed order"]([3, 0, 5, 1, 4, 2]), "222112246153 1011122 #44b9261a"),
    "left to right": (NAMED["left to right"](2), "101121112233 0011221 #ff149149"),
    "negative entropy": (NAMED["negative entropy"](), "120220153642 0111225 #c752fa81"),
    "noisy log-probability": (NAMED["noisy log-probability"](), "101000165324 1011202 #c27f89bd"),
    "scheduled": (NAMED["scheduled"](4), "111011132413 2111223 #f74aec72"),
    "binomial": (NAMED["binomial"](3), "122112232223 1011223 #122030ab"),
    "threshold": (NAMED["threshold"](0.5), "102110121112 1011222 #3039b0bd"),
    "entropy bound": (NAMED["entropy bound"](0.9), "111210132312 1011122 #fe766e7c"),
    "klass": (NAMED["klass"](0.1, 0.5), "222111242213 2111023 #5258aa68"),
    "blocks": (NAMED["blocks"](vanilla(2), 3, 6), "210201121434 2011011 #21acbedc"),
    "doubtful start": (NAMED["doubtful start"](NAMED["margin"](2), 2), "100010324431 2110012 #233f3029"),
    "random counts": (NAMED["random counts"]([1, 2, 3]), "110101123323 2112122 #fdc67e51"),
    "remdm": (remdm(4, capped(0.3)), "101010224313 1111203 #618d5663"),
    "remdm, doubted": (remdm(4, rescaled(1.0), doubted=True), "101010224414 1111103 #9ca36960"),
    "path planning": (path_planning(4), "122220342332 1010212 #6be47ec9"),
    "full rewrite": (full_rewrite(4, noise=0.5), "100011343233 1110014 #c2f9a2a7"),
    "low confidence": (low_confidence(4), "010112423113 1011122 #d9b047c9"),
    "Gumbel noise": (noisy(with_gumbel(margin_score, 0.5)), "211100123132 1011002 #9c0870b1"),
    "annealed Gumbel noise": (noisy(with_annealed_gumbel(margin_score, 0.5)), "211100123132 1111012 #5477624a"),
    "Gaussian noise": (noisy(with_gaussian(margin_score, 0.5)), "100110232113 1011102 #4b57b8db"),
    "sampled tokens": (drawing(sample_token()), "100111123123 2012122 #3fd07bf1"),
    "half the temperature": (drawing(sample_token(0.5)), "100111123123 2012222 #99113e04"),
    "the two most likely tokens": (drawing(top_k_token(2)), "100112123123 2012222 #2bc0f328"),
    "a nucleus of tokens": (drawing(top_p_token(0.7)), "100112123123 2012222 #5946f45b"),
    "the most likely tokens": (drawing(argmax_token), "211100123132 0011002 #0d10fe3b"),
}


@pytest.mark.parametrize("name", DECODERS)
def test_decoders(seen, name):
    decoder, golden = DECODERS[name]
    assert seen(decoded(decoder, Arithmetic())) == golden


def test_every_named_decoder_is_in_the_table():
    assert {*NAMED} <= {*DECODERS}


@pytest.mark.parametrize(
    ("values", "golden"), [(8, "346733132132 2513242 #54de290c"), (9, "325851122133 0512522 #9eacd030")]
)
def test_tokens_of_few_and_of_many_values(seen, values, golden):
    """With more than eight values a position has one uniform number."""
    assert seen(decoded(drawing(sample_token()), Arithmetic(6, values))) == golden


def test_batches_share_a_generator(seen):
    made = generate(Arithmetic(), vanilla(), 20, draws(), batch_size=7)
    assert seen(np.concatenate([made.tokens, made.revealed_at + 1], axis=1)) == "200101146352 0001203 #945e10e6"
