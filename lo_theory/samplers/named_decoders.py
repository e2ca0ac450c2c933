"""The decoding methods of the literature by name: each is a score, a reveal rule and a token rule, and one line below.

Tokens are sampled at temperature 1 unless the method says otherwise; ``dataclasses.replace(decoder, token=...)`` makes
another variant. The paper's own methods, and those that correct what they generated, are in
:mod:`lo_theory.samplers.decoder`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from lo_theory.samplers.blocks import in_blocks
from lo_theory.samplers.confidence_reveal import confidence_threshold, entropy_bounded, stable_and_confident
from lo_theory.samplers.decoder import (
    Decoder,
    full_rewrite,
    in_order,
    margin,
    path_planning,
    remdm,
    top_probability,
    vanilla,
)
from lo_theory.samplers.reveal import binomial, counted, k_per_step, least_confident_first, scheduled
from lo_theory.samplers.scores import (
    Score,
    left_to_right_score,
    log_probability_score,
    margin_score,
    negative_entropy_score,
    random_score,
    top_probability_score,
    with_annealed_gumbel,
)
from lo_theory.samplers.tokens import sample_token
from lo_theory.schedules import LINEAR, NoiseSchedule


def left_to_right(k: int = 1) -> Decoder:
    """The k leftmost masks: an autoregressive model's order, in a network that knows all of them."""
    return Decoder(left_to_right_score, k_per_step(k), sample_token())


def negative_entropy(k: int = 1) -> Decoder:
    """The k positions whose answers have the least entropy."""
    return Decoder(negative_entropy_score, k_per_step(k), sample_token())


def noisy_log_probability(k: int = 1, *, scale: float = 0.5, total: int | None = None) -> Decoder:
    """The k best by log-probability plus annealed Gumbel noise: the puzzle code's score without its remasking."""
    return Decoder(with_annealed_gumbel(log_probability_score, scale, total), k_per_step(k), sample_token())


def scheduled_score(steps: int, score: Score = margin_score, *, schedule: NoiseSchedule = LINEAR) -> Decoder:
    """The K best, K the expectation of the vanilla process: the paper's adaptive inference in ``steps`` steps."""
    return Decoder(score, scheduled(steps, schedule), sample_token())


def binomial_score(steps: int, score: Score = margin_score, *, schedule: NoiseSchedule = LINEAR) -> Decoder:
    """The K best, K binomial as in the vanilla process: the paper's alternative."""
    return Decoder(score, binomial(steps, schedule), sample_token())


def threshold(probability: float = 0.9) -> Decoder:
    """All positions whose top probability reaches the threshold, or the best: Fast-dLLM, arXiv 2505.22618."""
    return Decoder(top_probability_score, confidence_threshold(probability), sample_token())


def entropy_bound(gamma: float = 0.1, score: Score = negative_entropy_score) -> Decoder:
    """As many positions as know at most ``gamma`` nats of each other: EB-Sampler, arXiv 2505.24857."""
    return Decoder(score, entropy_bounded(gamma), sample_token())


def klass(divergence: float = 0.01, confidence: float = 0.9, k: int = 1) -> Decoder:
    """All positions whose answers are stable and confident, or the k best: KLASS, arXiv 2511.05664."""
    return Decoder(top_probability_score, stable_and_confident(divergence, confidence, k), sample_token())


def blocks(inner: Decoder, size: int, length: int) -> Decoder:
    """``inner`` in blocks of ``size`` from left to right: semi-autoregressive, as LLaDA, arXiv 2502.09992.

    Raises:
        ValueError: ``inner`` decides tokens of finished blocks anew, by a planner or by masking them again; as
            :func:`~lo_theory.samplers.blocks.in_blocks`.
    """
    if inner.planner is not None or inner.remask is not None:
        raise ValueError(
            "a decoder that takes tokens back does not stay inside a block; blocks() wants one without planner and "
            "remask, such as margin()."
        )
    return replace(inner, reveal=in_blocks(inner.reveal, size, length))


def doubtful_start(inner: Decoder, tokens: int = 1) -> Decoder:
    """``inner`` from so many tokens of the *lowest* score, one per step: what nothing visible tells of is drawn first.

    Raises:
        ValueError: ``inner`` has a planner, which decides every token anew; as ``least_confident_first``.
    """
    if inner.planner is not None:
        raise ValueError("a planner decides every token anew at each step, so none of them comes first.")
    return replace(inner, reveal=least_confident_first(inner.reveal, tokens))


def random_counts(counts: Sequence[int]) -> Decoder:
    """``counts[t]`` random positions at step t: the sampler that the information curve prices exactly."""
    return Decoder(random_score, counted(counts), sample_token())


NAMED_DECODERS: Mapping[str, Callable[..., Decoder]] = MappingProxyType(
    {
        "vanilla": vanilla,
        "top probability": top_probability,
        "margin": margin,
        "fixed order": in_order,
        "left to right": left_to_right,
        "negative entropy": negative_entropy,
        "noisy log-probability": noisy_log_probability,
        "scheduled": scheduled_score,
        "binomial": binomial_score,
        "threshold": threshold,
        "entropy bound": entropy_bound,
        "klass": klass,
        "blocks": blocks,
        "doubtful start": doubtful_start,
        "random counts": random_counts,
        "remdm": remdm,
        "path planning": path_planning,
        "full rewrite": full_rewrite,
    }
)
"""Name -> constructor. A method from the literature is one function above and one line here."""
