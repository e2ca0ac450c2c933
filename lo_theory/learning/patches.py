"""A prompt read several tokens at a time: each patch of it is one position of the network.

As an image is cut into patches (Dosovitskiy et al. 2021), so a prompt is cut into records of a fixed number of tokens,
say a clue into its type and its entities. A record enters as the sum of one embedding per token, a table for each place
in the record; attention then begins with whole clues, and has a fraction of the positions to look at.

A prompt is given, so nothing is predicted inside it. A causal network reads its inputs shifted right by one: there the
start symbol stands before the patches, and the last patch predicts the first answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class PromptPatches:
    """Where the prompt is and how it is cut.

    Attributes:
        tokens: of the prompt, at the beginning of every sequence.
        size: tokens per patch.
    Raises:
        ValueError: no tokens, or patches that do not fill the prompt.
    """

    tokens: int
    size: int

    def __post_init__(self) -> None:
        if self.tokens < 1 or self.size < 1 or self.tokens % self.size:
            raise ValueError(
                f"patches of {self.size} tokens do not fill a prompt of {self.tokens}; take a size that divides it."
            )

    @property
    def number(self) -> int:
        """Patches per prompt."""
        return self.tokens // self.size

    def check(self, length: int, grid: int | None = None) -> None:
        """Raise ValueError unless sequences of this length have a token after the prompt, and no grid begins in it."""
        if self.tokens >= length:
            raise ValueError(f"the prompt has {self.tokens} tokens, sequences {length}; no answer is left.")
        if grid is not None and grid < self.tokens:
            raise ValueError(
                f"the grid begins at position {grid}, inside a prompt of {self.tokens} tokens that is read in patches; "
                "a grid of answers begins behind it."
            )

    def check_asked(self, where: Bool[Tensor, "B T"]) -> None:
        """Raise ValueError if a token of the prompt is asked for."""
        if where[:, : self.tokens].any():
            raise ValueError(
                f"the first {self.tokens} tokens are a prompt that is read in patches, and there are no answers there; "
                "give all of them."
            )


class PatchEmbedding(nn.Module):
    """The sum of the embeddings of a patch's tokens, each drawn from ``generator`` at N(0, 1), as other tokens'."""

    def __init__(self, patches: PromptPatches, vocabulary: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.patches = patches
        self.tables = nn.Parameter(torch.randn(patches.size, vocabulary, width, generator=generator))
        self.offsets: Tensor
        self.register_buffer("offsets", torch.arange(patches.size) * vocabulary, persistent=False)

    def forward(self, prompts: Int64[Tensor, "B P"]) -> Float[Tensor, "B patches W"]:
        """One vector per patch.

        Raises:
            IndexError: an id out of range (CPU; a GPU aborts).
        """
        records = prompts.unflatten(1, (self.patches.number, self.patches.size))
        return functional.embedding(records + self.offsets, self.tables.flatten(0, 1)).sum(dim=2)
