"""The decoding rules that Table 1 compares: some keep to a number of calls, others set it themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lo_theory.samplers.decoder import Decoder, full_rewrite, path_planning, remdm, vanilla
from lo_theory.samplers.named_decoders import (
    binomial_score,
    entropy_bound,
    klass,
    left_to_right,
    scheduled_score,
    threshold,
)
from lo_theory.samplers.scores import margin_score, negative_entropy_score, top_probability_score

THRESHOLDS = (0.99, 0.9, 0.8, 0.7)
ENTROPY_BOUNDS = (0.01, 0.1, 0.5, 1.0)
DIVERGENCES = (0.001, 0.01, 0.1)


@dataclass(frozen=True)
class SamplingRule:
    """A decoder and what was varied to get it.

    Attributes:
        name: in rows and figures.
        swept, at: the parameter that sets the cost, and its value.
    """

    name: str
    decoder: Decoder
    swept: str
    at: float


def budgeted_rules(length: int, steps: int) -> list[SamplingRule]:
    """Rules that take ``steps`` network calls for a sequence of ``length`` masks.

    With one token per step vanilla is its limit of infinitely many steps, so that no two tokens come together.

    Raises:
        ValueError: steps outside 1..length.
    """
    if not 1 <= steps <= length:
        raise ValueError(f"steps lie in 1..{length}, the tokens of a sequence; got {steps}.")
    decoders = {
        "vanilla": vanilla(None if steps == length else steps),
        "top probability": scheduled_score(steps, top_probability_score),
        "margin": scheduled_score(steps, margin_score),
        "negative entropy": scheduled_score(steps, negative_entropy_score),
        "margin, binomial K": binomial_score(steps, margin_score),
        "left to right": left_to_right(math.ceil(length / steps)),
        "remdm": remdm(steps),
        "path planning": path_planning(steps),
        "full rewrite": full_rewrite(steps, noise=0.5),
    }
    return [SamplingRule(name, decoder, "steps", float(steps)) for name, decoder in decoders.items()]


def adaptive_rules() -> list[SamplingRule]:
    """Rules that reveal as many tokens as they trust; each at several settings of its own parameter."""
    return [
        *(SamplingRule("threshold", threshold(p), "probability", p) for p in THRESHOLDS),
        *(SamplingRule("entropy bound", entropy_bound(gamma), "nats", gamma) for gamma in ENTROPY_BOUNDS),
        *(SamplingRule("klass", klass(eps, 0.9), "divergence", eps) for eps in DIVERGENCES),
    ]
