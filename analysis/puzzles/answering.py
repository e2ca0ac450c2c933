"""Boards filled in by a denoiser, batch by batch, whichever form it reads them in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from analysis.puzzles.problems import Boards, Form
from lo_theory.denoiser import Denoiser
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import decode


@dataclass(frozen=True, eq=False)
class Answered:
    """Boards filled in.

    Attributes:
        tokens: (n, L), without masks.
        revealed_at: (n, L), the step at which each token was revealed, from 0; -1 where it was given.
        calls: network calls per board, mean over boards.
    """

    tokens: Int64[np.ndarray, "n L"]
    revealed_at: Int64[np.ndarray, "n L"]
    calls: float


def answer(
    denoiser: Denoiser, form: Form, boards: Boards, decoder: Decoder, seed: int, *, batch_size: int = 500
) -> Answered:
    """Fill in every board, ``batch_size`` at a time; given tokens stay as they are."""
    generator = torch.Generator().manual_seed(seed)
    tokens, steps, calls = [], [], 0
    for start in range(0, len(boards), batch_size):
        prompt = torch.from_numpy(boards.prompt(form, start, min(start + batch_size, len(boards))))
        decoded = decode(denoiser, prompt, decoder, generator)
        tokens.append(decoded.tokens.numpy())
        steps.append(decoded.trace.revealed_at().numpy())
        calls += decoded.trace.row_calls
    return Answered(np.concatenate(tokens), np.concatenate(steps), calls / len(boards))


@dataclass(frozen=True, eq=False)
class PadsBehind:
    """A left-to-right model for rows that end with pads, as those of a puzzle smaller than the largest do.

    Pads stand there from the start, and a causal network refuses rows with something visible behind what is hidden.
    It never looks that far, so it is shown masks in their place.

    Attributes:
        inner: the model.
    """

    inner: Denoiser

    @property
    def length(self) -> int:
        """Tokens per row, L."""
        return self.inner.length

    @property
    def vocabulary(self) -> int:
        """Number of tokens, V; the mask id, below the pad id."""
        return self.inner.vocabulary

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """What ``inner`` answers."""
        open_ = (tokens == self.vocabulary).cumsum(dim=1) > 0  # from the first mask on
        return self.inner(tokens.masked_fill(open_ & (tokens == self.vocabulary + 1), self.vocabulary))
