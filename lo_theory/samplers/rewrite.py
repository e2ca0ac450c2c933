"""Planners: every answer is decided anew at every step, the least trusted ones are masked again.

A planner scores a *draft*, the token that would stand at each position that was not given. The best of the whole
draft are kept, everything else is masked. The denoiser is asked at visible positions too; a masked diffusion network
was not trained to answer there, it copies or corrects as it pleases. The exact posterior answers with certainty there:
it never doubts a token, and a planner with it masks only what it is tied with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from lo_theory.samplers.noise import gumbel_noise
from lo_theory.samplers.reveal import RevealRule, reveal_top_k
from lo_theory.samplers.situation import Situation
from lo_theory.schedules import LINEAR, NoiseSchedule

_ROUNDING_SLACK = 1e-9  # a product that floating point puts a hair below an integer still counts as the integer


@dataclass(frozen=True)
class Planner:
    """A score of drafts, in a decoder's place of a score.

    Attributes:
        plan: (situation with a draft, generator) -> (B, L) float64, the trust in each draft token; higher is kept.
        rewrites: generated tokens are drafted anew like masked ones. Else each is its own draft.
    """

    plan: Callable[[Situation, torch.Generator], Tensor]
    rewrites: bool


def draft_log_prob(now: Situation) -> Float64[Tensor, "B L"]:
    """Log-probability of each draft token under the denoiser, in nats; anything where nothing is hidden.

    Raises:
        ValueError: no draft: the decoder has no planner.
    """
    if now.draft is None:
        raise ValueError("there is no draft: give the decoder a Planner for its score.")
    known = now.draft.clamp_max(now.log_probs.shape[-1] - 1)  # a given pad has no probability
    return now.log_probs.gather(2, known[..., None]).squeeze(2).double()


def doubting_planner(doubt: float = 1.0) -> Planner:
    """Self-planning of P2 (Peng et al. 2025, arXiv 2502.03540): the denoiser judges its own tokens.

    Args:
        doubt: their eta; log-probabilities of tokens generated before are multiplied by it. 0 trusts them wholly and
            nothing is ever masked again, 1 ranks them like new ones, more than 1 masks them sooner.
    Raises:
        ValueError: doubt is negative.
    """
    if not doubt >= 0:
        raise ValueError(f"doubt multiplies log-probabilities and is at least 0; got {doubt!r}.")

    def plan(now: Situation, generator: torch.Generator) -> Float64[Tensor, "B L"]:
        log_prob = draft_log_prob(now)
        doubted = doubt * log_prob if doubt > 0 else torch.zeros_like(log_prob)  # 0 * -inf is no number
        return torch.where(now.generated, doubted, log_prob)

    return Planner(plan, rewrites=False)


def rewriting_planner(steps: int, noise: float = 0.0) -> Planner:
    """The reference puzzle code's ranking: log-probability of the draft plus Gumbel noise that dies out.

    Args:
        steps: T; the noise of step i has the coefficient ``noise * (T - 1 - i) / T``.
        noise: 0.5 is "stochastic0.5-linear" of Ye et al. 2024 (HKUNLP/diffusion-vs-ar), 0 its "deterministic-linear".
    Raises:
        ValueError: noise is negative.
    """
    if not noise >= 0:
        raise ValueError(f"the coefficient of the noise is at least 0; got {noise!r}.")

    def plan(now: Situation, generator: torch.Generator) -> Float64[Tensor, "B L"]:
        log_prob = draft_log_prob(now)
        scale = noise * (steps - 1 - now.step) / steps
        if scale <= 0:
            return log_prob
        return log_prob + scale * gumbel_noise(tuple(log_prob.shape), generator, log_prob.device)

    return Planner(plan, rewrites=True)


def keep_scheduled(steps: int, schedule: NoiseSchedule = LINEAR) -> RevealRule:
    """All of a row's n answers but the worst ``floor(n (1 - alpha_s))``, s the time after the step.

    With the linear schedule these are the ``floor(n t / T)`` of the reference puzzle code and of P2, counted down from
    t = T - 1 to 0. It counts answers, not masks, so it is for planners.

    Raises:
        ValueError: ``steps < 1``.
    """
    if steps < 1:
        raise ValueError(f"decoding needs at least one step; got steps = {steps}.")

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        left = max(steps - 1 - now.step, 0)
        share = float(schedule.masked(torch.tensor(left / steps, dtype=torch.float64))) if left else 0.0
        answers = now.hidden.sum(dim=1)
        dropped = (answers * share + _ROUNDING_SLACK).floor().long()
        return reveal_top_k(now.score, now.hidden, answers - dropped)

    return RevealRule(choose, steps)
