"""Which token stands at a position that is being revealed."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from lo_theory.noise import gumbel, uniform_noise

TokenRule = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""(log_probs (M, V) float64 at the chosen positions, chosen (B, L) bool with M True, generator) -> tokens (M,) int64.

The M positions stand in row-major order. Rules see no other position: a denoiser need not have an answer there.
"""


def sample_token(temperature: float = 1.0) -> TokenRule:
    """Draw from p(.)^(1/temperature), normalised, by the Gumbel-max trick in float64; impossible values never come out.

    Raises:
        ValueError: the temperature is not positive and finite; for its limit 0 use :func:`argmax_token`.
    """
    if not 0 < temperature < math.inf:
        raise ValueError(f"the temperature must be positive and finite; got {temperature!r}. For 0 use argmax_token.")

    def draw(
        log_probs: Float64[Tensor, "M V"], chosen: Bool[Tensor, "B L"], generator: torch.Generator
    ) -> Int64[Tensor, " M"]:
        uniform = uniform_noise((*chosen.shape, log_probs.shape[-1]), generator, chosen.device)
        return (log_probs / temperature + gumbel(uniform[chosen])).argmax(dim=-1)

    return draw


def argmax_token(
    log_probs: Float64[Tensor, "M V"], chosen: Bool[Tensor, "B L"], generator: torch.Generator
) -> Int64[Tensor, " M"]:
    """The most likely value; of equally likely ones the lowest."""
    return log_probs.argmax(dim=-1)
