"""Decoding: from tokens with masks to finished sequences, one step of a :class:`Decoder` after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Float64, Int64, Integer
from torch import Tensor

from lo_theory.denoisers.denoiser import Denoiser, ask, refusal, require_answers, unusable, whole_tokens
from lo_theory.denoisers.row_pieces import by_rows
from lo_theory.samplers.decoder import Decoder, in_order, margin, top_probability, vanilla
from lo_theory.samplers.rewrite import Planner
from lo_theory.samplers.scores import require_scores
from lo_theory.samplers.situation import Situation
from lo_theory.samplers.trace import StepRecord, Trace

__all__ = [
    "Decoded",
    "Decoder",
    "DecodingStalledError",
    "DecodingState",
    "advance",
    "decode",
    "in_order",
    "margin",
    "top_probability",
    "vanilla",
]


@dataclass(frozen=True, eq=False)
class DecodingState:
    """Where decoding stands.

    Attributes:
        tokens: (B, L), with masks.
        given: (B, L), True where the token was there before decoding began.
        step: finished steps.
        previous: the denoiser's answers of the step before.
        revealed_log_prob: (B, L), of each generated token when it was revealed; kept for a remask rule only.
    """

    tokens: Int64[Tensor, "B L"]
    given: Bool[Tensor, "B L"]
    step: int = 0
    previous: Float[Tensor, "B L V"] | None = None
    revealed_log_prob: Float64[Tensor, "B L"] | None = None


@dataclass(frozen=True, eq=False)
class Decoded:
    """Finished sequences and how they came about."""

    tokens: Int64[Tensor, "B L"]
    trace: Trace


class DecodingStalledError(RuntimeError):
    """The steps are used up and positions are still hidden."""


def decode(
    denoiser: Denoiser,
    tokens: Integer[Tensor, "B L"],
    decoder: Decoder,
    generator: torch.Generator,
    *,
    limit: int | None = None,
    keep_finished: bool = False,
    top: int = 0,
) -> Decoded:
    """Fill in every masked position of ``tokens``; given tokens never change and ``tokens`` itself is left alone.

    It always ends: after ``limit`` steps, by default the reveal rule's own number of steps or, for a rule that reveals
    at least one token per step, the largest number of masks in a row. A decoder that masks generated tokens again runs
    for all its steps; others end with the last mask. Row i does not depend on what row j contains.

    Args:
        tokens: data tokens, masks (``vocabulary``) and pads (``vocabulary + 1``), integers of any width, decoded as
            int64; for free generation all masks.
        generator: all randomness, on any device.
        keep_finished: let the denoiser see finished rows too, for one whose batch size must not change. The result is
            the same but for the rounding of a network whose kernels depend on the batch size.
        top: how many of the likeliest values of each revealed position the trace keeps.
    Raises:
        TypeError: tokens that are no integers; a denoiser that does not answer with floats.
        ValueError: tokens of the wrong length or out of range; the denoiser has no answer (NaN) where one is needed, or
            at a hidden position one that is no distribution (``+inf``, or every value impossible).
        DecodingStalledError: positions are still hidden after the last step.
    Cost: one denoiser call per step on the rows that are not finished.

    >>> from generators import logic_rules
    >>> from lo_theory import PosteriorDenoiser, exact_posterior
    >>> truth = PosteriorDenoiser(exact_posterior(logic_rules(["x0 and x1"], n_latents=2)))
    >>> decode(truth, torch.tensor([[2, 2, 1]]), margin(), torch.Generator().manual_seed(0)).tokens.tolist()
    [[1, 1, 1]]
    """
    tokens = _checked_tokens(denoiser, tokens)
    hidden = tokens == denoiser.vocabulary
    most = int(hidden.sum(dim=1).max()) if tokens.numel() else 0
    allowed = next(n for n in (limit, decoder.reveal.steps, most) if n is not None)
    state, records = DecodingState(tokens, ~hidden), []
    while True:
        masked = state.tokens == denoiser.vocabulary
        goes_on = (hidden if decoder.revises and state.step < allowed else masked).any(dim=1)  # (B,)
        count = int(goes_on.sum())
        if count == 0:
            return Decoded(state.tokens, Trace(tuple(records), *tokens.shape))
        if state.step >= allowed:
            raise _stalled(int(masked.sum()), allowed)
        rows = None if keep_finished or count == len(tokens) else goes_on.nonzero().squeeze(1)
        state, record = advance(denoiser, state, decoder, generator, rows=rows, top=top)
        records.append(record)


@torch.no_grad()
def advance(
    denoiser: Denoiser,
    state: DecodingState,
    decoder: Decoder,
    generator: torch.Generator,
    *,
    rows: Int64[Tensor, " R"] | None = None,
    top: int = 0,
) -> tuple[DecodingState, StepRecord]:
    """One step: score what is hidden, choose among it, draw tokens, and mask again what the decoder takes back.

    Args:
        rows: which rows the denoiser sees, every unfinished one among them; None is all.
        top: as :func:`decode`.
    Raises:
        ValueError: as :func:`decode`.
    """
    now = _situation(_ask(denoiser, state.tokens, rows), state, decoder, generator)
    chosen = decoder.reveal.choose(now, generator) & now.hidden
    revealed = chosen if now.draft is None else chosen & (now.draft != now.tokens)
    row, position = revealed.nonzero(as_tuple=True)
    answers = now.log_probs[row, position].to(torch.float64)  # (M, V)
    drawn = decoder.token(answers, revealed, generator) if now.draft is None else now.draft[row, position]
    _require_answers(now, revealed)
    log_prob = answers.gather(1, drawn[:, None]).squeeze(1)
    tokens = state.tokens.clone()
    tokens[row, position] = drawn
    dropped = _taken_back(now, chosen, decoder, generator)
    if dropped is not None:
        tokens.masked_fill_(dropped, denoiser.vocabulary)
    likeliest = _likeliest(answers, top)
    record = StepRecord(
        row=row,
        position=position,
        token=drawn,
        score=now.score[row, position],
        log_prob=log_prob,
        entropy=by_rows(lambda rows: torch.special.entr(rows.exp()).sum(dim=1), answers),
        rows=len(state.tokens) if rows is None else len(rows),
        remasked=None if dropped is None else dropped.nonzero(),
        top_token=likeliest[0],
        top_log_prob=likeliest[1],
    )
    kept = now.revealed_log_prob
    if kept is not None and dropped is not None:
        kept = kept.index_put((row, position), log_prob).masked_fill(dropped, 0.0)
    return DecodingState(tokens, state.given, state.step + 1, now.log_probs, kept), record


def _ask(denoiser: Denoiser, tokens: Int64[Tensor, "B L"], rows: Int64[Tensor, " R"] | None) -> Float[Tensor, "B L V"]:
    """The denoiser's answers as it gives them, NaN in rows that it does not see."""
    answers = ask(denoiser, tokens if rows is None else tokens[rows])
    if rows is None:
        return answers
    return answers.new_full((len(tokens), *answers.shape[1:]), math.nan).index_copy(0, rows, answers)


def _situation(
    log_probs: Float[Tensor, "B L V"], state: DecodingState, decoder: Decoder, generator: torch.Generator
) -> Situation:
    """The moment before the choice, scored; under a planner with a draft."""
    masked = state.tokens == log_probs.shape[-1]
    planner = decoder.planner
    hidden = masked if planner is None else ~state.given
    log_prob = state.revealed_log_prob
    if decoder.remask is not None and log_prob is None:
        log_prob = torch.zeros(masked.shape, dtype=torch.float64, device=masked.device)
    now = Situation(
        step=state.step,
        tokens=state.tokens,
        given=state.given,
        hidden=hidden,
        score=torch.zeros(masked.shape, dtype=torch.float64, device=masked.device),
        log_probs=log_probs,
        previous=state.previous,
        revealed_log_prob=log_prob,
    )
    if isinstance(decoder.score, Planner):
        drafted = hidden if decoder.score.rewrites else masked
        answers = log_probs[drafted].to(torch.float64)
        draft = state.tokens.masked_scatter(drafted, decoder.token(answers, drafted, generator))
        now = replace(now, draft=draft)
        score = decoder.score.plan(now, generator)
    else:
        score = decoder.score(log_probs, hidden, generator)
    return replace(now, score=torch.where(hidden, score.to(torch.float64), -math.inf))


def _likeliest(
    answers: Float64[Tensor, "M V"], top: int
) -> tuple[Int64[Tensor, "M k"], Float64[Tensor, "M k"]] | tuple[None, None]:
    """The ``top`` likeliest values of each answer and their log-probabilities; of equals the lower first."""
    if top < 1:
        return None, None
    ordered = answers.sort(dim=1, descending=True, stable=True)
    return ordered.indices[:, :top], ordered.values[:, :top]


def _taken_back(
    now: Situation, chosen: Bool[Tensor, "B L"], decoder: Decoder, generator: torch.Generator
) -> Bool[Tensor, "B L"] | None:
    """Generated tokens that are masked again; None if this decoder never does that."""
    if not decoder.revises:
        return None
    dropped = torch.zeros_like(chosen) if decoder.planner is None else ~chosen
    if decoder.remask is not None:
        dropped = dropped | decoder.remask.choose(now, generator)
    return dropped & now.generated


def _require_answers(now: Situation, revealed: Bool[Tensor, "B L"]) -> None:
    """One look at the device for both checks: no hidden position scores NaN, what is revealed has an answer."""
    unscored = now.score.isnan()  # -inf where nothing is hidden
    wrong = unusable(now.log_probs, now.hidden, revealed)
    if not (unscored | wrong).any():
        return
    require_answers(now.log_probs, now.hidden, torch.zeros_like(revealed))  # an infinite one may be why it scores NaN
    require_scores(now.score)
    raise ValueError(refusal(now.log_probs, wrong))


def _stalled(left: int, allowed: int) -> DecodingStalledError:
    return DecodingStalledError(
        f"{left} positions are still hidden after {allowed} steps. A reveal rule must choose at least one hidden "
        "position of every unfinished row per step, or name its number of steps and finish in them; a remask rule must "
        "leave the last step alone. If limit was given, raise it."
    )


def _checked_tokens(denoiser: Denoiser, tokens: Integer[Tensor, "B L"]) -> Int64[Tensor, "B L"]:
    tokens = whole_tokens(tokens, denoiser.length)
    outside = (tokens < 0) | (tokens > denoiser.vocabulary + 1)
    if outside.any():
        raise ValueError(
            f"tokens lie in range({denoiser.vocabulary}), or are the mask id {denoiser.vocabulary} or the pad id "
            f"{denoiser.vocabulary + 1}; got {int(tokens[outside][0])}."
        )
    return tokens
