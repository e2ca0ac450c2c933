"""The socket: everything that answers "what is at the masked positions?"."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor


@runtime_checkable
class Denoiser(Protocol):
    """Tokens with masks in, log-probabilities out.

    A trained network, the exact posterior and any other model plug into the same likelihood, the same decoding and the
    same figures through this protocol.
    """

    @property
    def length(self) -> int:
        """Positions of a sequence, L."""
        ...

    @property
    def vocabulary(self) -> int:
        """Data symbols, V; the mask id is V and the pad id V + 1."""
        ...

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """Log-probabilities in nats, float32 from a network and float64 from an oracle; ``-inf`` is an allowed answer.

        Only entries at masked positions are answers; what stands at visible positions is up to the denoiser. A masked
        position for which it has no answer (an autoregressive model asked out of order) holds NaN.
        """
        ...


def answer_entropy(log_probs: Float[Tensor, "*at V"]) -> Float64[Tensor, "*at"]:
    """Entropy of each answer in nats; impossible values count zero, rounding never makes it negative."""
    return torch.special.entr(log_probs.double().exp()).sum(dim=-1).clamp_min(0.0)
