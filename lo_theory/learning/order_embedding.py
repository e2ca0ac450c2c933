"""What a network that reads in any order is told: where the token stands that it has read, and where it is asked."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from lo_theory.learning.block import normal_weights


class OrderEmbedding(nn.Module):
    """The sum of an embedding of each, N(0, 1) at the start, the scale of tokens; the start symbol stands nowhere."""

    def __init__(self, length: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.read = normal_weights(generator, length + 1, width, std=0.5**0.5)
        self.asked = normal_weights(generator, length, width, std=0.5**0.5)

    def forward(self, order: Int64[Tensor, "B T"]) -> Float[Tensor, "B T W"]:
        """For each place the position that it predicts, ``order``, and the one before, which it has read."""
        before = functional.pad(order[:, :-1], (1, 0), value=len(self.asked))
        return functional.embedding(before, self.read) + functional.embedding(order, self.asked)
