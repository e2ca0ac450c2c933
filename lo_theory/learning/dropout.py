"""Dropout as a value of a call: what a step of training leaves out is drawn from its own generator.

A network knows nothing of it, so its weights, its checkpoints and what it answers are the same with and without.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Dropout:
    """Sets a share of the numbers that blocks write to the residual stream to zero, and scales the others up.

    Srivastava et al. (2014); at the places of GPT-2's: behind attention and behind the MLP.

    Attributes:
        share: in [0, 1).
        generator: of what is left out, on the device of the network.
    Raises:
        ValueError: another share.
    """

    share: float
    generator: torch.Generator

    def __post_init__(self) -> None:
        check_dropout(self.share)

    def __call__(self, x: Float[Tensor, "*at W"]) -> Float[Tensor, "*at W"]:
        """Some of ``x``, its expectation unchanged."""
        kept = torch.rand(x.shape, generator=self.generator, device=x.device) >= self.share
        return (x * (kept / (1 - self.share))).to(x.dtype)  # the factor in float32: rounded to eight bits it is biased


def check_dropout(share: float) -> None:
    """Raise ValueError unless it is a share of what may be left out."""
    if not 0 <= share < 1:
        raise ValueError(f"dropout is a share in [0, 1) of what blocks write; got {share}.")
