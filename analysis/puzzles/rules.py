"""The decoding rules of the puzzle tables, and what each was varied by.

Tokens are the most likely ones unless a rule says otherwise: a puzzle has one answer, and the published code takes the
argmax too. What differs between the rules is which cells are answered when.
"""

from __future__ import annotations

from dataclasses import replace

from analysis.planning.table1_rules import SamplingRule
from lo_theory.samplers.decoder import Decoder, full_rewrite, path_planning, remdm, vanilla
from lo_theory.samplers.named_decoders import entropy_bound, klass, left_to_right, threshold
from lo_theory.samplers.reveal import one_per_step, scheduled
from lo_theory.samplers.scores import (
    Score,
    left_to_right_score,
    log_probability_score,
    margin_score,
    negative_entropy_score,
    random_score,
    top_probability_score,
    with_annealed_gumbel,
    with_gumbel,
)
from lo_theory.samplers.tokens import argmax_token, sample_token

ONE_EACH, ONE_TOKEN, STEPS = "cells per call", "tokens per call", "calls"
VANILLA, TOP, MARGIN = "vanilla", "top probability", "margin"
PAPERS = (VANILLA, TOP, MARGIN)
"""The rules of the paper's tables."""
OWN_ORDER = "own order"
_GUMBEL = 0.5  # the paper's coefficient (appendix on puzzles)

_SCORES: dict[str, Score] = {
    VANILLA: random_score,
    TOP: top_probability_score,
    MARGIN: margin_score,
    "negative entropy": negative_entropy_score,
}


def one_cell_rules(answers: int) -> list[SamplingRule]:
    """One cell per call: the order alone is compared.

    Args:
        answers: largest number of cells to be filled, over which annealed noise dies out.
    """
    decoders = {name: Decoder(score, one_per_step(), argmax_token) for name, score in _SCORES.items()}
    decoders |= {
        "left to right": replace(left_to_right(), token=argmax_token),
        "vanilla, sampled": vanilla(),
        "top probability, sampled": Decoder(top_probability_score, one_per_step(), sample_token()),
        "margin, sampled": Decoder(margin_score, one_per_step(), sample_token()),
        "top probability, Gumbel 0.5": Decoder(
            with_gumbel(top_probability_score, _GUMBEL), one_per_step(), argmax_token
        ),
        "margin, Gumbel 0.5": Decoder(with_gumbel(margin_score, _GUMBEL), one_per_step(), argmax_token),
        "log-probability, annealed Gumbel 0.5": Decoder(
            with_annealed_gumbel(log_probability_score, _GUMBEL, answers), one_per_step(), argmax_token
        ),
    }
    return [SamplingRule(name, decoder, ONE_EACH, 1.0) for name, decoder in decoders.items()]


def budgeted_rules(steps: int) -> list[SamplingRule]:
    """``steps`` calls whatever the number of cells, several cells per call.

    Raises:
        ValueError: no steps.
    """
    if steps < 1:
        raise ValueError(f"decoding takes at least one call; got {steps}.")
    decoders = {name: Decoder(score, scheduled(steps), argmax_token) for name, score in _SCORES.items()}
    decoders |= {
        "top probability, Gumbel 0.5": Decoder(
            with_gumbel(top_probability_score, _GUMBEL), scheduled(steps), argmax_token
        ),
        "margin, Gumbel 0.5": Decoder(with_gumbel(margin_score, _GUMBEL), scheduled(steps), argmax_token),
        "full rewrite": full_rewrite(steps),
        "full rewrite, Gumbel 0.5": full_rewrite(steps, noise=_GUMBEL),
        "path planning": path_planning(steps, token=argmax_token),
        "remdm": replace(remdm(steps), token=argmax_token),
    }
    return [SamplingRule(name, decoder, STEPS, float(steps)) for name, decoder in decoders.items()]


def adaptive_rules() -> list[SamplingRule]:
    """As many cells per call as the rule trusts."""
    found = [
        SamplingRule("threshold", threshold(0.9), "probability", 0.9),
        SamplingRule("entropy bound", entropy_bound(0.1), "nats", 0.1),
        SamplingRule("klass", klass(0.01, 0.9), "divergence", 0.01),
    ]
    return [replace(rule, decoder=replace(rule.decoder, token=argmax_token)) for rule in found]


def own_order_rule() -> SamplingRule:
    """One token per call from the first to the last: where an autoregressive network writes is its own decision."""
    return SamplingRule(OWN_ORDER, Decoder(left_to_right_score, one_per_step(), argmax_token), ONE_TOKEN, 1.0)
