"""Which hidden position goes first: a higher score is revealed earlier, ties go to the lower position.

A score is a function of (log-probabilities, hidden, generator). What it says of visible positions is ignored. It picks
what it needs of the log-probabilities in the denoiser's precision and computes with that in float64. Noise is put
around a score by a wrapper; it is float64, and a row's noise does not depend on the other rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from lo_theory.denoisers.denoiser import answer_entropy
from lo_theory.orders import check_order
from lo_theory.samplers.noise import gaussian_noise, gumbel_noise, uniform_noise

Score = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""(log_probs (B, L, V) as the denoiser gives them, hidden (B, L) bool, generator) -> (B, L) float64."""

Noise = Callable[[tuple[int, ...], torch.Generator, torch.device], Tensor]
"""(shape, generator, device) -> float64 draws of that shape."""


def random_score(
    log_probs: Float[Tensor, "B L V"], hidden: Bool[Tensor, "B L"], generator: torch.Generator
) -> Float64[Tensor, "B L"]:
    """Uniform noise: a uniformly random order, whatever the denoiser thinks."""
    return uniform_noise(tuple(hidden.shape), generator, hidden.device)


def left_to_right_score(
    log_probs: Float[Tensor, "B L V"], hidden: Bool[Tensor, "B L"], generator: torch.Generator
) -> Float64[Tensor, "B L"]:
    """Minus the position: the order of an autoregressive model, for sequences of any length."""
    position = torch.arange(hidden.shape[1], dtype=torch.float64, device=hidden.device)
    return (-position).expand(hidden.shape)


def order_score(order: Sequence[int] | np.ndarray) -> Score:
    """A fixed order: ``order[0]`` first. Never reads the log-probabilities, so a denoiser with one order can be asked.

    Raises:
        ValueError: ``order`` is no permutation; at the call, one of another length than the sequences.
    """
    checked = check_order(np.asarray(order).tolist(), len(order))
    earliness = torch.empty(len(checked), dtype=torch.float64)
    earliness[torch.from_numpy(checked)] = -torch.arange(len(checked), dtype=torch.float64)

    def score(
        log_probs: Float[Tensor, "B L V"], hidden: Bool[Tensor, "B L"], generator: torch.Generator
    ) -> Float64[Tensor, "B L"]:
        if hidden.shape[1] != len(earliness):
            raise ValueError(f"this order has {len(earliness)} positions, the sequences have {hidden.shape[1]}.")
        return earliness.to(hidden.device).expand(hidden.shape)

    return score


def top_probability_score(
    log_probs: Float[Tensor, "B L V"], hidden: Bool[Tensor, "B L"], generator: torch.Generator
) -> Float64[Tensor, "B L"]:
    """Probability of the most likely value, max_j p(x_i = j). Source: Zheng et al. 2023, arXiv 2302.05737."""
    return log_probs.amax(dim=-1).double().exp()


def log_probability_score(
    log_probs: Float[Tensor, "B L V"], hidden: Bool[Tensor, "B L"], generator: torch.Generator
) -> Float64[Tensor, "B L"]:
    """Log-probability of the most likely value: the order of :func:`top_probability_score` on the scale of logs.

    Alone the two are one rule. With noise they are not: the puzzle code that the paper builds on (Ye et al. 2024,
    arXiv 2410.14157) adds its Gumbel noise on this scale, where it draws positions by a power of the probability.
    """
    return log_probs.amax(dim=-1).double()


def margin_score(
    log_probs: Float[Tensor, "B L V"], hidden: Bool[Tensor, "B L"], generator: torch.Generator
) -> Float64[Tensor, "B L"]:
    """Top-1 minus top-2 probability: the paper's "top probability margin" (section 4)."""
    top2 = log_probs.topk(min(2, log_probs.shape[-1]), dim=-1).values.double().exp()
    return top2[..., 0] - top2[..., 1:].sum(dim=-1)  # of a single symbol there is no second


def negative_entropy_score(
    log_probs: Float[Tensor, "B L V"], hidden: Bool[Tensor, "B L"], generator: torch.Generator
) -> Float64[Tensor, "B L"]:
    """Minus the entropy of the answer in nats, so that the most certain position goes first.

    The sign is the point: public decoders that pass the entropy itself as a confidence reveal the *least* certain
    position first. Source: error proxy "entropy" of Ben-Hamu et al. 2025, arXiv 2505.24857.
    """
    return -spread(answer_entropy(log_probs[hidden]), hidden)


def spread(values: Float64[Tensor, " M"], hidden: Bool[Tensor, "B L"]) -> Float64[Tensor, "B L"]:
    """One value for each hidden position, in row-major order, put where it belongs; 0 elsewhere."""
    return torch.zeros_like(hidden, dtype=torch.float64).masked_scatter(hidden, values)


def with_gumbel(score: Score, scale: float) -> Score:
    """``score`` plus Gumbel noise with a constant coefficient: softer choices of position.

    With log p as score this draws the position with weight p^(1/scale). The paper adds noise to its scores before the
    top k (section 4).

    Raises:
        ValueError: ``scale`` is negative or not finite.
    """
    return _with_noise(score, scale, gumbel_noise, "Gumbel")


def with_gaussian(score: Score, scale: float) -> Score:
    """``score`` plus Gaussian noise of standard deviation ``scale``: what the paper does on text (section 4).

    Raises:
        ValueError: ``scale`` is negative or not finite.
    """
    return _with_noise(score, scale, gaussian_noise, "Gaussian")


def with_annealed_gumbel(score: Score, scale: float, total: int | None = None) -> Score:
    """``score`` plus Gumbel noise whose coefficient falls with the row's masks, ``scale * masks / total``.

    ``with_annealed_gumbel(log_probability_score, 0.5)`` is "stochastic0.5-linear" of the puzzle code that the paper
    builds on. That code multiplies by t/T, the share that is still hidden *after* the step; here it is the share
    before it, which needs neither T nor the step: 1 at the first step where the code has (T-1)/T, 1/T at the last.

    Args:
        total: number of masks at which the noise has its full scale; None is the length of the sequence. With a
            prompt in front pass the number of positions to be generated.
    Raises:
        ValueError: ``scale`` is negative or not finite, ``total < 1``.
    """
    _check_scale(scale, "Gumbel")
    if total is not None and total < 1:
        raise ValueError(f"noise is annealed over at least one position; got total = {total}.")

    def noisy(
        log_probs: Float[Tensor, "B L V"], hidden: Bool[Tensor, "B L"], generator: torch.Generator
    ) -> Float64[Tensor, "B L"]:
        noise = gumbel_noise(tuple(hidden.shape), generator, hidden.device)
        share = hidden.sum(dim=1, keepdim=True, dtype=torch.float64) / (total or hidden.shape[1])  # (B, 1)
        return score(log_probs, hidden, generator) + scale * share * noise

    return noisy


def _with_noise(score: Score, scale: float, draw: Noise, name: str) -> Score:
    _check_scale(scale, name)

    def noisy(
        log_probs: Float[Tensor, "B L V"], hidden: Bool[Tensor, "B L"], generator: torch.Generator
    ) -> Float64[Tensor, "B L"]:
        noise = draw(tuple(hidden.shape), generator, hidden.device)
        return score(log_probs, hidden, generator) + scale * noise

    return noisy


def require_scores(score: Float64[Tensor, "B L"]) -> None:
    """ValueError where a score is NaN; it is ``-inf`` where nothing is hidden."""
    if not score.isnan().any():
        return
    row, position = score.isnan().nonzero()[0].tolist()
    raise ValueError(
        f"the score of row {row}, position {position} is NaN: the denoiser has no answer there. A denoiser that "
        "answers along one order only is decoded with in_order(order); a planner needs one that answers at visible "
        "positions too, such as MaskedDenoiser(network, everywhere=True)."
    )


def _check_scale(scale: float, name: str) -> None:
    if not 0 <= scale < math.inf:
        raise ValueError(f"the scale of {name} noise must be >= 0 and finite; got {scale!r}.")
