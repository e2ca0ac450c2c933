"""Noise schedules: the probability alpha(t) that a token is still visible at time t, from alpha(0) = 1 to alpha(1) = 0.

The paper (section 2.1, Prop. 2.1) shows that with a network that does not see the time every such schedule has the same
expected loss; they differ in variance only. The names follow Shi et al. 2024 (MD4), arXiv 2406.04329.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

TimeFunction = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class NoiseSchedule:
    """A schedule, given by what the loss needs of it. Both functions map times in (0, 1] elementwise.

    Attributes:
        name: what logs and checkpoints call it.
        masked: 1 - alpha(t), the probability that a token is hidden; increasing from 0 to 1. It is given in place of
            alpha because near t = 0 the difference would lose its digits.
        weight: -alpha'(t) / (1 - alpha(t)), the loss weight. The paper prints it without the minus sign, which would
            make the loss negative.
    """

    name: str
    masked: TimeFunction
    weight: TimeFunction

    def alpha(self, time: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """The probability that a token is visible at ``time``."""
        return 1 - self.masked(time)


def polynomial(exponent: float) -> NoiseSchedule:
    """alpha(t) = 1 - t^exponent, weight exponent / t. Larger exponents spend more time at few masks.

    Raises:
        ValueError: ``exponent`` is not positive and finite.
    """
    if not 0 < exponent < math.inf:
        raise ValueError(f"the exponent of a polynomial schedule must be positive and finite; got {exponent!r}.")
    return NoiseSchedule(f"polynomial({exponent:g})", lambda t: t**exponent, lambda t: exponent / t)


LINEAR = NoiseSchedule("linear", lambda t: t, lambda t: 1 / t)
"""alpha(t) = 1 - t: the number of masks is uniform on 0..L."""

COSINE = NoiseSchedule(
    "cosine",
    lambda t: torch.sin(t * (math.pi / 2)),
    lambda t: (math.pi / 2) / torch.tan(t * (math.pi / 2)),
)
"""alpha(t) = 1 - cos(pi (1 - t) / 2): few tokens stay visible for most of the time."""
