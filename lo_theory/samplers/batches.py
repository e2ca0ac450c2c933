"""Many sequences, batch by batch: one loop around :func:`~lo_theory.samplers.decoding.decode`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import Decoded, decode


@dataclass(frozen=True, eq=False)
class Sequences:
    """Decoded sequences and how they came about.

    Attributes:
        tokens: (n, L), without masks.
        revealed_at: (n, L), the step at which each token was revealed, from 0; -1 where it was given.
        remasked: (n,), how often tokens of each sequence were masked again.
        batch_calls: of the denoiser, per batch that a sequence was in; the mean over sequences.
        calls: of the denoiser on a sequence, the mean over sequences; a finished one leaves its batch.
    """

    tokens: Int64[np.ndarray, "n L"]
    revealed_at: Int64[np.ndarray, "n L"]
    remasked: Int64[np.ndarray, "n"]
    batch_calls: float
    calls: float


def decode_batches(
    denoiser: Denoiser, prompts: Iterable[Int64[Tensor, "_ L"]], decoder: Decoder, generator: torch.Generator
) -> Sequences:
    """Fill in every batch of prompts, one after another with the same generator.

    Raises:
        ValueError: no batches; what ``decode`` raises is passed on.
    """
    return gather(decode(denoiser, prompt, decoder, generator) for prompt in prompts)


def generate(
    denoiser: Denoiser, decoder: Decoder, samples: int, generator: torch.Generator, *, batch_size: int = 1024
) -> Sequences:
    """``samples`` sequences from all masks.

    Raises:
        ValueError: no samples, or none per batch; what ``decode`` raises is passed on.
    """
    if samples < 1 or batch_size < 1:
        raise ValueError(
            f"generate at least one sequence, in batches of at least one; got samples = {samples}, batch_size = "
            f"{batch_size}."
        )
    return decode_batches(denoiser, _all_masked(denoiser, samples, batch_size), decoder, generator)


def gather(batches: Iterable[Decoded]) -> Sequences:
    """The sequences of several batches as one.

    Raises:
        ValueError: no batches.
    """
    tokens, revealed_at, remasked, batch_calls, calls = [], [], [], 0, 0
    for decoded in batches:
        tokens.append(decoded.tokens.cpu().numpy())
        revealed_at.append(decoded.trace.revealed_at().numpy())
        remasked.append(decoded.trace.remasked().sum(dim=1).numpy())
        batch_calls += decoded.trace.calls * len(decoded.tokens)
        calls += decoded.trace.row_calls
    if not tokens:
        raise ValueError("there is nothing to decode: pass at least one batch.")
    rows = np.concatenate(tokens)
    count = max(1, len(rows))  # no sequences take no calls
    return Sequences(rows, np.concatenate(revealed_at), np.concatenate(remasked), batch_calls / count, calls / count)


def _all_masked(denoiser: Denoiser, samples: int, batch_size: int) -> Iterator[Int64[Tensor, "_ L"]]:
    for start in range(0, samples, batch_size):
        count = min(batch_size, samples - start)
        yield torch.full((count, denoiser.length), denoiser.vocabulary, dtype=torch.int64)
