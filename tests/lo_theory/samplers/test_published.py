"""Decoding against plain re-implementations of the published sampling loops: the same token, at the same step.

A loop here works on one sequence of the model's own ids, position by position. In trained models the mask is never the
likeliest token; a random model may well answer with it, so the loops leave out what the data tokens leave out, as
LLaDA's own switch does for its end of text.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lo_theory.denoisers.data_tokens import DataTokens
from lo_theory.denoisers.hugging_face import HuggingFaceDenoiser
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.published import DREAM_SCORES, dream, each_with_share, llada, rounded_down, split_evenly
from lo_theory.samplers.scores import left_to_right_score
from lo_theory.samplers.tokens import argmax_token

LLADA = DataTokens(tuple(range(126080)), mask=126336, pad=126081)
LLADA_IDS = 126464
DREAM = DataTokens(tuple(range(151643)), mask=151666, pad=151643)
DREAM_IDS = 152064
SMALL = DataTokens(tuple(range(1, 50)), mask=51, pad=0)


class Answers:
    def __init__(self, logits):
        self.logits = logits


class Tiny(nn.Module):
    """Each position sees all others a little: enough for the order of reveals to matter."""

    def __init__(self, ids, length, seed):
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.words = nn.Parameter(torch.randn(ids, 6, generator=draw, dtype=torch.float64))
        self.mix = nn.Parameter(torch.randn(length, length, generator=draw, dtype=torch.float64))
        self.head = nn.Linear(6, ids, bias=False, dtype=torch.float64)
        with torch.no_grad():
            self.head.weight.copy_(torch.randn(ids, 6, generator=draw, dtype=torch.float64))

    def get_output_embeddings(self):
        return self.head

    def forward(self, input_ids):
        seen = self.mix @ self.words[input_ids]
        return Answers(logits=self.head(seen.tanh()))


def probabilities(model, x, words, *, shifted=False):
    """(L, ids) of one sequence of the model's ids, nothing for what is no data token."""
    with torch.no_grad():
        logits = model(torch.tensor([x])).logits[0]
    if shifted:
        logits = torch.cat([logits[:1], logits[:-1]])
    data = torch.zeros(logits.shape[-1], dtype=torch.bool)
    data[list(words.ids)] = True
    return logits.masked_fill(~data, -np.inf).softmax(dim=-1).numpy()


def llada_loop(model, words, prompt, gen_length, steps, block_length):
    """``generate`` of LLaDA, low-confidence remasking at temperature 0; also at which step each token came."""
    x, when, clock = [*prompt, *[words.mask] * gen_length], {}, 0
    blocks = gen_length // block_length
    for number in range(blocks):
        inside = range(len(prompt) + number * block_length, len(prompt) + (number + 1) * block_length)
        base, remainder = divmod(sum(x[i] == words.mask for i in inside), steps // blocks)
        for step in range(steps // blocks):
            p = probabilities(model, x, words)
            open_ = sorted((i for i in inside if x[i] == words.mask), key=lambda i: -p[i].max())
            for i in open_[: base + (step < remainder)]:
                x[i], when[i] = int(p[i].argmax()), clock
            clock += 1
    return x, when


def dream_loop(model, words, prompt, gen_length, steps, algorithm, eps=1e-3):
    """``diffusion_generate`` of Dream at temperature 0, its answers shifted."""
    x, when = [*prompt, *[words.mask] * gen_length], {}
    times = torch.linspace(1, eps, steps + 1)
    for step in range(steps):
        masked = [i for i in range(len(x)) if x[i] == words.mask]
        if not masked:
            break
        p = probabilities(model, x, words, shifted=True)
        ranked = np.sort(p, axis=1)
        confidence = {
            "maskgit_plus": ranked[:, -1],
            "topk_margin": ranked[:, -1] - ranked[:, -2],
            "entropy": (p * np.log(p + 1e-10)).sum(axis=1),
        }[algorithm]
        last = step == steps - 1
        count = len(masked) if last else int(torch.tensor(len(masked)) * (1 - times[step + 1] / times[step]))
        for i in sorted(masked, key=lambda i: -confidence[i])[:count]:
            x[i], when[i] = int(p[i].argmax()), step
    return x, when


def same(model, words, prompts, gen_length, decoder, loop, *, shifted=False):
    """One batch of ours against the loop, row by row."""
    length = len(prompts[0]) + gen_length
    denoiser = HuggingFaceDenoiser(model, words, length, shifted=shifted)
    start = words.from_model(torch.tensor([[*prompt, *[words.mask] * gen_length] for prompt in prompts]))
    decoded = decode(denoiser, start, decoder, torch.Generator().manual_seed(0))
    found, steps = words.to_model(decoded.tokens), decoded.trace.revealed_at()
    for row, at, prompt in zip(found.tolist(), steps.tolist(), prompts, strict=True):
        x, when = loop(prompt)
        assert row == x
        assert {i: step for i, step in enumerate(at) if step >= 0} == when
    return found


def prompts_of(words, count, length, seed=0):
    draw = np.random.default_rng(seed)
    return [draw.choice(words.ids, length).tolist() for _ in range(count)]


@pytest.mark.parametrize(("steps", "block"), [(32, 32), (32, 8), (20, 8), (8, 32), (12, 8), (4, 8)])
def test_llada_token_by_token(steps, block):
    model = Tiny(55, 37, seed=steps)
    same(
        model, SMALL, prompts_of(SMALL, 2, 5), 32, llada(steps, block, 37, prompt=5),
        lambda prompt: llada_loop(model, SMALL, prompt, 32, steps, block),
    )  # fmt: skip


def test_llada_with_its_published_ids():
    model = Tiny(LLADA_IDS, 11, seed=1)
    same(
        model, LLADA, prompts_of(LLADA, 1, 3), 8, llada(4, 4, 11, prompt=3),
        lambda prompt: llada_loop(model, LLADA, prompt, 8, 4, 4),
    )  # fmt: skip


@pytest.mark.soak
def test_llada_with_its_published_settings():
    """128 tokens in 128 steps and blocks of 32, mask 126336."""
    model = Tiny(LLADA_IDS, 138, seed=2)
    same(
        model, LLADA, prompts_of(LLADA, 1, 10), 128, llada(128, 32, 138, prompt=10),
        lambda prompt: llada_loop(model, LLADA, prompt, 128, 128, 32),
    )  # fmt: skip


@pytest.mark.parametrize("algorithm", DREAM_SCORES)
@pytest.mark.parametrize("steps", [24, 9, 1, 40])
def test_dream_token_by_token(algorithm, steps):
    model = Tiny(55, 28, seed=steps)
    same(
        model, SMALL, prompts_of(SMALL, 2, 4), 24, dream(steps, algorithm),
        lambda prompt: dream_loop(model, SMALL, prompt, 24, steps, algorithm), shifted=True,
    )  # fmt: skip


def test_dream_with_its_published_ids():
    model = Tiny(DREAM_IDS, 10, seed=3)
    same(
        model, DREAM, prompts_of(DREAM, 1, 2), 8, dream(3, "entropy"),
        lambda prompt: dream_loop(model, DREAM, prompt, 8, 3, "entropy"), shifted=True,
    )  # fmt: skip


def test_another_loop_is_told_apart():
    """The negative control: the two loops differ from each other, and a wrong shift or block from both."""
    model, prompts = Tiny(55, 28, seed=4), prompts_of(SMALL, 2, 4)

    def loop(prompt):
        return dream_loop(model, SMALL, prompt, 24, 8, "maskgit_plus")

    same(model, SMALL, prompts, 24, dream(8, "maskgit_plus"), loop, shifted=True)
    for decoder, shifted in ((dream(8, "maskgit_plus"), False), (llada(8, 24, 28, prompt=4), True)):
        with pytest.raises(AssertionError):
            same(model, SMALL, prompts, 24, decoder, loop, shifted=shifted)


def counts(rule, masks):
    """How many tokens the rule reveals at each step of a row with so many masks."""
    decoder = Decoder(left_to_right_score, rule, argmax_token)
    model = Tiny(55, masks, seed=0)
    start = torch.full((1, masks), SMALL.vocabulary)
    trace = decode(HuggingFaceDenoiser(model, SMALL, masks), start, decoder, torch.Generator().manual_seed(0)).trace
    return [len(step.position) for step in trace.steps]


@settings(max_examples=25)
@given(masks=st.integers(1, 12), steps=st.integers(1, 12))
def test_an_even_split_is_the_published_one(masks, steps):
    base, remainder = divmod(masks, steps)
    assert counts(split_evenly(steps), masks) == [n for i in range(steps) if (n := base + (i < remainder))]


def test_numbers_of_the_docstrings():
    assert counts(split_evenly(4), 5) == [2, 1, 1, 1]
    assert counts(rounded_down(4), 8) == [1, 2, 2, 3]


def test_vanilla_of_both_reveals_everything():
    model = Tiny(55, 12, seed=5)
    denoiser = HuggingFaceDenoiser(model, SMALL, 12)
    start = torch.full((4, 12), SMALL.vocabulary)
    for decoder in (llada(6, 4, 12, remasking="random", temperature=1.0), dream(6, "origin", temperature=0.5)):
        tokens = decode(denoiser, start, decoder, torch.Generator().manual_seed(0)).tokens
        assert (tokens < SMALL.vocabulary).all()


def test_shares_of_vanilla():
    """At step 0 of T each position goes with probability 1 - s / t = (1 - eps) / T: 400 positions, five deviations."""
    rule, n, share = each_with_share(4), 400, 0.999 / 4
    model = Tiny(55, n, seed=6)
    start = torch.full((1, n), SMALL.vocabulary)
    denoiser = HuggingFaceDenoiser(model, SMALL, n)
    decoder = Decoder(left_to_right_score, rule, argmax_token)
    trace = decode(denoiser, start, decoder, torch.Generator().manual_seed(0)).trace
    assert abs(len(trace.steps[0].position) - n * share) < 5 * np.sqrt(n * share * (1 - share))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: llada(8, 5, 12), "blocks of 5 must fill"),
        (lambda: llada(7, 6, 12), "7 steps"),
        (lambda: llada(8, 6, 6, prompt=6), "must fill the 0 tokens"),
        (lambda: llada(8, 6, 12, temperature=1.0), "ranks drawn tokens"),
        (lambda: dream(0), "at least one step"),
        (lambda: dream(3, eps=1.0), "eps = 1.0"),
        (lambda: split_evenly(0), "at least one step"),
    ],
)
def test_refusals(make, match):
    with pytest.raises(ValueError, match=match):
        make()
