"""Ranking positions by the token that was drawn for them: LLaDA's "low confidence remasking".

A token is drawn at every masked position, and those with the likeliest tokens stay; the others are masked again. It
looks like :func:`~lo_theory.samplers.scores.top_probability_score`, but a position goes first *because* it drew a
likely value, so likely values are drawn too often. One token per step from exact conditionals is not exact here.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float64
from torch import Tensor

from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.rewrite import Planner, draft_log_prob, keep_scheduled
from lo_theory.samplers.situation import Situation
from lo_theory.samplers.tokens import TokenRule, sample_token
from lo_theory.schedules import LINEAR, NoiseSchedule


def low_confidence(steps: int, *, schedule: NoiseSchedule = LINEAR, token: TokenRule | None = None) -> Decoder:
    """LLaDA's decoding in one block: keep the draft tokens of highest probability, revealed ones for good.

    Args:
        steps: as many tokens are kept after each step as the schedule wants visible, rounded up.
        token: how drafts are drawn; None samples at temperature 1. With ``argmax_token`` (LLaDA's default temperature
            of 0) the ranking is that of the top probability.
    Source: Nie et al. 2025, arXiv 2502.09992, ``generate.py``; Chang et al. 2022 (MaskGIT), arXiv 2202.04200.
    """
    return Decoder(drawn_confidence_planner(), keep_scheduled(steps, schedule), token or sample_token())


def drawn_confidence_planner() -> Planner:
    """Log-probability of each new draft token; generated tokens come before all of them and never change."""

    def plan(now: Situation, generator: torch.Generator) -> Float64[Tensor, "B L"]:
        return draft_log_prob(now).masked_fill(now.generated, math.inf)

    return Planner(plan, rewrites=False)
