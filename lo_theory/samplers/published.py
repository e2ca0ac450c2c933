"""The sampling loops that LLaDA and Dream were published with, as decoders: token by token the same at temperature 0.

Two things in them are their own: how many tokens a step reveals, and where blocks begin. Their models also answer with
special tokens; ours do only if these were named (:mod:`lo_theory.denoisers.data_tokens`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from lo_theory.samplers.blocks import in_blocks
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.noise import uniform_noise
from lo_theory.samplers.reveal import RevealRule, reveal_top_k
from lo_theory.samplers.scores import (
    Score,
    margin_score,
    negative_entropy_score,
    random_score,
    top_probability_score,
)
from lo_theory.samplers.situation import Situation
from lo_theory.samplers.tokens import TokenRule, argmax_token, sample_token

DreamAlgorithm = Literal["origin", "maskgit_plus", "topk_margin", "entropy"]
DREAM_SCORES: Mapping[str, Score] = MappingProxyType(
    {"maskgit_plus": top_probability_score, "topk_margin": margin_score, "entropy": negative_entropy_score}
)


def split_evenly(steps: int) -> RevealRule:
    """The K best positions, K the row's masks split evenly over the steps, the larger numbers first.

    Five masks in four steps are 2, 1, 1, 1 (:func:`~lo_theory.samplers.reveal.scheduled` rounds to 1, 1, 2, 1).

    Raises:
        ValueError: ``steps < 1``.
    """
    _check_steps(steps)

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        left = max(1, steps - now.step)
        return reveal_top_k(now.score, now.hidden, (now.hidden.sum(dim=1) + left - 1) // left)

    return RevealRule(choose, steps)


def rounded_down(steps: int, eps: float = 1e-3) -> RevealRule:
    """The K best positions, K = floor(masks (1 - s / t)), on times from 1 to ``eps``; the last step reveals the rest.

    Since eps is above 0, steps that would reveal a whole number reveal one less, and the last ones make up for it:
    eight masks in four steps are 1, 2, 2, 3. Times are float32, as published; there K is of the mean over the batch,
    here of each row, which is the same where rows have equally many masks.

    Raises:
        ValueError: ``steps < 1``, eps outside (0, 1).
    """
    share = _shares(steps, eps)

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        expected = now.hidden.sum(dim=1).float() * share[min(now.step, steps - 1)].to(now.hidden.device)
        return reveal_top_k(now.score, now.hidden, expected.long())

    return RevealRule(choose, steps)


def each_with_share(steps: int, eps: float = 1e-3) -> RevealRule:
    """Each masked position with probability 1 - s / t, on times from 1 to ``eps``; the last step reveals the rest.

    Raises:
        ValueError: ``steps < 1``, eps outside (0, 1).
    """
    share = _shares(steps, eps).tolist()

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        uniform = uniform_noise(tuple(now.hidden.shape), generator, now.hidden.device)
        return now.hidden & (uniform < share[min(now.step, steps - 1)])

    return RevealRule(choose, steps)


def llada(
    steps: int,
    block: int,
    length: int,
    *,
    prompt: int = 0,
    remasking: Literal["low_confidence", "random"] = "low_confidence",
    temperature: float = 0.0,
) -> Decoder:
    """``generate`` of LLaDA (Nie et al. 2025, arXiv 2502.09992): blocks after the prompt, an even split inside each.

    Args:
        steps: in all, split over the blocks; published: as many as tokens.
        block: length of a block; published: 32 of 128 tokens, one block for infilling.
        length: of the sequences, the prompt with them.
        prompt: tokens before the first block, the same for all rows.
        remasking: "low_confidence" is the top probability, "random" the paper's vanilla.
        temperature: of the tokens. Above 0 "low_confidence" ranks what was drawn, which
            :func:`~lo_theory.samplers.drawn_confidence.low_confidence` does in one block.
    Raises:
        ValueError: the tokens are no whole number of blocks, or the steps no whole number per block; "low_confidence"
            at a temperature above 0.
    """
    blocks, rest = divmod(length - prompt, block)
    if rest or blocks < 1 or steps % blocks:
        raise ValueError(
            f"blocks of {block} must fill the {length - prompt} tokens, and {steps} steps be split over them evenly."
        )
    if remasking == "low_confidence" and temperature > 0:
        raise ValueError(
            "above temperature 0 LLaDA ranks drawn tokens: use drawn_confidence.low_confidence(steps, "
            "token=sample_token(temperature)), in one block."
        )
    score = top_probability_score if remasking == "low_confidence" else random_score
    rule = in_blocks(split_evenly(steps // blocks), block, length, start=prompt)
    return Decoder(score, rule, _token(temperature))


def dream(steps: int, algorithm: DreamAlgorithm = "entropy", *, eps: float = 1e-3, temperature: float = 0.0) -> Decoder:
    """``diffusion_generate`` of Dream (Ye et al. 2025, arXiv 2508.15487), without top-p, top-k and ``alg_temp``.

    Args:
        algorithm: "origin" is vanilla, "maskgit_plus" the top probability, "topk_margin" the paper's margin.
        temperature: of the tokens. Theirs also scores at this temperature, and by the drawn token in "maskgit_plus";
            here scores are those of temperature 1, so only 0 is the same for algorithms that rank.
    Raises:
        ValueError: as :func:`rounded_down`.
    """
    if algorithm == "origin":
        return Decoder(random_score, each_with_share(steps, eps), _token(temperature))
    return Decoder(DREAM_SCORES[algorithm], rounded_down(steps, eps), _token(temperature))


def _token(temperature: float) -> TokenRule:
    return argmax_token if temperature == 0 else sample_token(temperature)


def _shares(steps: int, eps: float) -> Tensor:
    """1 - s / t of every step, float32; 1 at the last."""
    _check_steps(steps)
    if not 0 < eps < 1:
        raise ValueError(f"the last time lies in (0, 1); got eps = {eps!r}.")
    times = torch.linspace(1, eps, steps + 1, dtype=torch.float32)
    return torch.cat([1 - times[1:-1] / times[:-2], torch.ones(1)])


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise ValueError(f"decoding needs at least one step; got steps = {steps}.")
