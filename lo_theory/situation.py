"""What a rule sees when it decides: one moment of decoding."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float64, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Situation:
    """A batch of partly revealed sequences, before a step.

    Attributes:
        step: finished steps, 0 at first.
        tokens: (B, L), with masks.
        given: (B, L), True where the token was there before decoding began; such a token never changes.
        hidden: (B, L), True where the token is masked.
        score: (B, L), higher is revealed earlier; ``-inf`` at visible positions.
        log_probs: (B, L, V) of the denoiser, in nats; meaningful where hidden.
        previous: the denoiser's answers of the step before; None at the first step.
    """

    step: int
    tokens: Int64[Tensor, "B L"]
    given: Bool[Tensor, "B L"]
    hidden: Bool[Tensor, "B L"]
    score: Float64[Tensor, "B L"]
    log_probs: Float64[Tensor, "B L V"]
    previous: Float64[Tensor, "B L V"] | None = None
