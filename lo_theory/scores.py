"""Which hidden position goes first: a higher score is revealed earlier, ties go to the lower position.

A score is a function of (log-probabilities, hidden, generator). What it says of visible positions is ignored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from lo_theory.noise import gumbel_noise, uniform_noise
from lo_theory.orders import check_order

Score = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""(log_probs (B, L, V) float64, hidden (B, L) bool, generator) -> (B, L) float64."""


def random_score(
    log_probs: Float64[Tensor, "B L V"], hidden: Bool[Tensor, "B L"], generator: torch.Generator
) -> Float64[Tensor, "B L"]:
    """Uniform noise: a uniformly random order, whatever the denoiser thinks."""
    return uniform_noise(tuple(hidden.shape), generator, hidden.device)


def top_probability_score(
    log_probs: Float64[Tensor, "B L V"], hidden: Bool[Tensor, "B L"], generator: torch.Generator
) -> Float64[Tensor, "B L"]:
    """Probability of the most likely value, max_j p(x_i = j). Source: Zheng et al. 2023, arXiv 2302.05737."""
    return log_probs.amax(dim=-1).exp()


def margin_score(
    log_probs: Float64[Tensor, "B L V"], hidden: Bool[Tensor, "B L"], generator: torch.Generator
) -> Float64[Tensor, "B L"]:
    """Top-1 minus top-2 probability: the paper's "top probability margin" (section 4)."""
    top2 = log_probs.topk(2, dim=-1).values.exp()
    return top2[..., 0] - top2[..., 1]


def order_score(order: Sequence[int] | np.ndarray) -> Score:
    """A fixed order: ``order[0]`` first. Never reads the log-probabilities, so a denoiser with one order can be asked.

    Raises:
        ValueError: ``order`` is no permutation; at the call, one of another length than the sequences.
    """
    checked = check_order(np.asarray(order).tolist(), len(order))
    earliness = torch.empty(len(checked), dtype=torch.float64)
    earliness[torch.from_numpy(checked)] = -torch.arange(len(checked), dtype=torch.float64)

    def score(
        log_probs: Float64[Tensor, "B L V"], hidden: Bool[Tensor, "B L"], generator: torch.Generator
    ) -> Float64[Tensor, "B L"]:
        if hidden.shape[1] != len(earliness):
            raise ValueError(f"this order has {len(earliness)} positions, the sequences have {hidden.shape[1]}.")
        return earliness.to(hidden.device).expand(hidden.shape)

    return score


def with_gumbel(score: Score, scale: float) -> Score:
    """``score`` plus Gumbel noise with a constant coefficient: softer choices of position.

    With log p as score this draws the position with weight p^(1/scale). The paper adds noise to its scores before the
    top k (section 4); the puzzle code it builds on anneals the coefficient, this does not.

    Raises:
        ValueError: ``scale`` is negative or not finite.
    """
    if not 0 <= scale < math.inf:
        raise ValueError(f"the scale of Gumbel noise must be >= 0 and finite; got {scale!r}.")

    def noisy(
        log_probs: Float64[Tensor, "B L V"], hidden: Bool[Tensor, "B L"], generator: torch.Generator
    ) -> Float64[Tensor, "B L"]:
        noise = gumbel_noise(tuple(hidden.shape), generator, hidden.device)
        return score(log_probs, hidden, generator) + scale * noise

    return noisy
