"""Decoding: a score says which position is next, a reveal rule how many, a token rule what stands there.

A method is a value made of these three, a new one from the literature is one function more. The named ones are the
paper's (section 4): :func:`vanilla`, :func:`top_probability`, :func:`margin`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from lo_theory.denoiser import Denoiser
from lo_theory.reveal import RevealRule, independent, k_per_step, one_per_step
from lo_theory.schedules import LINEAR, NoiseSchedule
from lo_theory.scores import Score, margin_score, order_score, random_score, top_probability_score
from lo_theory.situation import Situation
from lo_theory.tokens import TokenRule, sample_token
from lo_theory.trace import StepRecord, Trace


@dataclass(frozen=True)
class Decoder:
    """A decoding method.

    Attributes:
        score: which hidden position goes first (:mod:`lo_theory.scores`).
        reveal: how many go at once (:mod:`lo_theory.reveal`).
        token: what stands there (:mod:`lo_theory.tokens`).
    """

    score: Score
    reveal: RevealRule
    token: TokenRule


def vanilla(steps: int | None = None, *, schedule: NoiseSchedule = LINEAR) -> Decoder:
    """The reverse process of the diffusion, blind to the denoiser's confidence.

    Args:
        steps: tau-leaping in this many steps. None is its limit of infinitely many: one token per step in uniformly
            random order (the first-hitting sampler of Zheng et al. 2024, arXiv 2409.02908), whatever the schedule.
    """
    rule = one_per_step() if steps is None else independent(steps, schedule)
    return Decoder(random_score, rule, sample_token())


def top_probability(k: int = 1) -> Decoder:
    """The k positions whose most likely value is most likely, tokens sampled."""
    return Decoder(top_probability_score, k_per_step(k), sample_token())


def margin(k: int = 1) -> Decoder:
    """The k positions with the largest gap between the two most likely values, tokens sampled: the paper's proposal."""
    return Decoder(margin_score, k_per_step(k), sample_token())


def in_order(order: Sequence[int] | np.ndarray) -> Decoder:
    """One token per step along a fixed order, tokens sampled: how a pi-learner generates."""
    return Decoder(order_score(order), one_per_step(), sample_token())


@dataclass(frozen=True, eq=False)
class DecodingState:
    """Tokens with masks, which of them were given, the number of finished steps, and the denoiser's last answers."""

    tokens: Int64[Tensor, "B L"]
    given: Bool[Tensor, "B L"]
    step: int = 0
    previous: Float64[Tensor, "B L V"] | None = None


@dataclass(frozen=True, eq=False)
class Decoded:
    """Finished sequences and how they came about."""

    tokens: Int64[Tensor, "B L"]
    trace: Trace


class DecodingStalledError(RuntimeError):
    """The steps are used up and positions are still hidden."""


def decode(
    denoiser: Denoiser,
    tokens: Int64[Tensor, "B L"],
    decoder: Decoder,
    generator: torch.Generator,
    *,
    limit: int | None = None,
) -> Decoded:
    """Fill in every masked position of ``tokens``; given tokens never change and ``tokens`` itself is left alone.

    It always ends: after ``limit`` steps, by default the reveal rule's own number of steps or, for a rule that reveals
    at least one token per step, the largest number of masks in a row. Row i does not depend on what row j contains.

    Args:
        tokens: data tokens, masks (``vocabulary``) and pads (``vocabulary + 1``); for free generation all masks.
        generator: all randomness, on any device.
    Raises:
        ValueError: tokens of the wrong length or out of range; the denoiser has no answer (NaN, or every value
            impossible) where one is needed.
        DecodingStalledError: positions are still hidden after the last step.
    Cost: one denoiser call on the whole batch per step; finished rows stay in it.
    """
    _check_tokens(denoiser, tokens)
    masks = (tokens == denoiser.vocabulary).sum(dim=1).tolist()
    allowed = next(n for n in (limit, decoder.reveal.steps, max(masks, default=0)) if n is not None)
    state, steps = DecodingState(tokens, tokens != denoiser.vocabulary), []
    while (state.tokens == denoiser.vocabulary).any():
        if state.step >= allowed:
            left = int((state.tokens == denoiser.vocabulary).sum())
            raise DecodingStalledError(
                f"{left} positions are still hidden after {allowed} steps. A reveal rule must choose at least one "
                "hidden position of every unfinished row per step, or name its number of steps and finish in them. "
                "If limit was given, raise it."
            )
        state, record = advance(denoiser, state, decoder, generator)
        steps.append(record)
    return Decoded(state.tokens, Trace(tuple(steps), *tokens.shape))


@torch.no_grad()
def advance(
    denoiser: Denoiser, state: DecodingState, decoder: Decoder, generator: torch.Generator
) -> tuple[DecodingState, StepRecord]:
    """One step: score the hidden positions, choose among them, draw tokens at the chosen ones only.

    Raises:
        ValueError: as :func:`decode`.
    """
    hidden = state.tokens == denoiser.vocabulary
    log_probs = denoiser(state.tokens).to(torch.float64)
    score = _ranked(decoder.score(log_probs, hidden, generator), hidden)
    now = Situation(
        step=state.step,
        tokens=state.tokens,
        given=state.given,
        hidden=hidden,
        score=score,
        log_probs=log_probs,
        previous=state.previous,
    )
    chosen = decoder.reveal.choose(now, generator) & hidden
    answers = log_probs[chosen]  # (M, V)
    _require_answers(answers, chosen)
    drawn = decoder.token(answers, chosen, generator)
    tokens = state.tokens.clone()
    tokens[chosen] = drawn
    row, position = chosen.nonzero(as_tuple=True)
    record = StepRecord(
        row=row,
        position=position,
        token=drawn,
        score=score[chosen],
        log_prob=answers.gather(1, drawn[:, None]).squeeze(1),
        entropy=torch.special.entr(answers.exp()).sum(dim=1),
    )
    return DecodingState(tokens, state.given, state.step + 1, log_probs), record


def _ranked(score: Float64[Tensor, "B L"], hidden: Bool[Tensor, "B L"]) -> Float64[Tensor, "B L"]:
    """The scores with ``-inf`` at visible positions, once no hidden position has NaN."""
    unscored = (score.isnan() & hidden).nonzero()
    if len(unscored):
        row, position = unscored[0].tolist()
        raise ValueError(
            f"the score of row {row}, position {position} is NaN: the denoiser has no answer there. A denoiser that "
            "answers along one order only is decoded with in_order(order)."
        )
    return score.masked_fill(~hidden, -math.inf)


def _require_answers(answers: Float64[Tensor, "M V"], chosen: Bool[Tensor, "B L"]) -> None:
    missing = (answers.isnan().any(dim=1) | (answers.amax(dim=1) == -math.inf)).nonzero()
    if len(missing):
        row, position = chosen.nonzero()[missing[0, 0]].tolist()
        raise ValueError(
            f"the denoiser has no answer for row {row}, position {position}: {answers[missing[0, 0]].tolist()}. Reveal "
            "positions in an order that it can follow, such as in_order(order) for an autoregressive one."
        )


def _check_tokens(denoiser: Denoiser, tokens: Int64[Tensor, "B L"]) -> None:
    if tokens.ndim != 2 or tokens.shape[1] != denoiser.length:
        raise ValueError(f"tokens must have shape (B, {denoiser.length}); got {tuple(tokens.shape)}.")
    outside = (tokens < 0) | (tokens > denoiser.vocabulary + 1)
    if outside.any():
        raise ValueError(
            f"tokens lie in range({denoiser.vocabulary}), or are the mask id {denoiser.vocabulary} or the pad id "
            f"{denoiser.vocabulary + 1}; got {int(tokens[outside][0])}."
        )
