"""Reveal rules that look at the denoiser's answers: as many positions per step as it is sure of.

Each reveals at least one position of every unfinished row per step, whatever its threshold, so decoding always ends.
Each sees the answers alone, never a token that was drawn from them. A position without an answer (NaN) is sure of
nothing.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from lo_theory.denoisers.denoiser import answer_entropy
from lo_theory.samplers.reveal import RevealRule, reveal_top_k
from lo_theory.samplers.running_sum import running_sum
from lo_theory.samplers.scores import spread
from lo_theory.samplers.situation import Situation


def confidence_threshold(threshold: float) -> RevealRule:
    """Every position whose most likely value has at least probability ``threshold``; if none has, the best by score.

    Source: Wu et al. 2025, "Fast-dLLM", arXiv 2505.22618, there with the top probability as score. Above 1 it is one
    token per step, at 0 everything at once.

    Raises:
        ValueError: ``threshold`` is negative or NaN.
    """
    _check_bound(threshold, "a threshold of probability")

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        return at_least(1, now, now.log_probs.amax(dim=-1).double().exp() >= threshold)

    return RevealRule(choose)


def entropy_bounded(gamma: float) -> RevealRule:
    """The longest prefix of the positions by score whose entropies, but for their largest, add up to at most ``gamma``.

    The sum without the largest bounds from above what the tokens of one step know of each other, in nats: the joint
    entropy is at least the largest of them. At ``gamma = 0`` all that is certain is revealed and one uncertain token.
    Source: Ben-Hamu et al. 2025, "EB-Sampler", arXiv 2505.24857. (``cummax`` returns the running largest entropy and
    the index at which it stands; public code has been seen to subtract the index.)

    Raises:
        ValueError: ``gamma`` is negative or NaN.
    """
    _check_bound(gamma, "a bound on entropies")

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        by_score = now.score.argsort(dim=1, descending=True, stable=True)
        eligible = now.hidden.gather(1, by_score)
        entropy = spread(answer_entropy(now.log_probs[now.hidden]), now.hidden).gather(1, by_score)
        known = running_sum(entropy) - entropy.cummax(dim=1).values  # nondecreasing along the row
        within = torch.zeros_like(now.hidden).scatter(1, by_score, eligible & (known <= gamma))
        return at_least(1, now, within)

    return RevealRule(choose)


def stable_and_confident(divergence: float, confidence: float, k: int = 1) -> RevealRule:
    """Every position whose answer is stable and confident; if there is none, the k best by score.

    Stable: the KL divergence of the answer from that of the step before, KL(now || before), is below ``divergence``
    nats. Confident: the most likely value has more than probability ``confidence``. At the first step nothing is
    stable. Source: Kim et al. 2025, "KLASS", arXiv 2511.05664, with a history of one divergence (their code looks back
    over two). Where an answer moves mass onto a value that was impossible before, it is not stable.

    Raises:
        ValueError: a bound is negative or NaN, ``k < 1``.
    """
    _check_bound(divergence, "a bound on divergences")
    _check_bound(confidence, "a threshold of probability")
    if k < 1:
        raise ValueError(f"a step must reveal at least one token; got k = {k}.")

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        if now.previous is None:
            return at_least(k, now, torch.zeros_like(now.hidden))
        moved = spread(answer_divergence(now.log_probs[now.hidden], now.previous[now.hidden]), now.hidden)
        confident = now.log_probs.amax(dim=-1).double().exp() > confidence
        return at_least(k, now, (moved < divergence) & confident)

    return RevealRule(choose)


def answer_divergence(now: Float[Tensor, "*at V"], before: Float[Tensor, "*at V"]) -> Float64[Tensor, "*at"]:
    """KL(now || before) of each answer in nats; ``inf`` where a value has become possible, NaN without an answer."""
    now, before = now.double(), before.double()
    terms = now.exp() * (now - before)
    return torch.where(now == -math.inf, 0.0, terms).sum(dim=-1)


def at_least(k: int, now: Situation, passing: Bool[Tensor, "B L"]) -> Bool[Tensor, "B L"]:
    """The hidden positions that pass; in rows where none does, the k best by score."""
    passing = passing & now.hidden
    fallback = torch.where(passing.any(dim=1), 0, k)
    return passing | reveal_top_k(now.score, now.hidden, fallback)


def _check_bound(bound: float, name: str) -> None:
    if not bound >= 0:
        raise ValueError(f"{name} is at least 0; got {bound!r}.")
