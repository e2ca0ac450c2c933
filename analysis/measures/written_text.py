"""What a decoder writes, and how probable the model held it: likelihoods that cost no call more than the writing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64, Integer
from torch import Tensor

from lo_theory.denoisers.denoiser import Denoiser, ask, check_temperature, tempered
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import decode


@dataclass(frozen=True, eq=False)
class Written:
    """Sequences that were written from nothing.

    Attributes:
        tokens: (n, L), without masks.
        path_nats: (n,), minus the log-probability of each sequence on the path that it was written on, in nats: the sum
            over its tokens, each as the model had it when it was drawn.
        calls: of the denoiser on a sequence, the mean.

    Where score and reveal rule draw nothing the sequence determines its path, and ``path_nats`` is minus the logarithm
    of the probability with which the decoder writes it ("DUEL", arXiv 2603.01367). Where positions are drawn it is that
    given them, so that its mean bounds the entropy of what is written from above only after their entropy is added, and
    :func:`path_excess` bounds a divergence.
    """

    tokens: Int64[np.ndarray, "n L"]
    path_nats: Float64[np.ndarray, " n"]
    calls: float


def write(denoiser: Denoiser, decoder: Decoder, count: int, seed: int, *, batch_size: int = 256) -> Written:
    """``count`` sequences from all masks.

    Args:
        decoder: one that never masks a generated token again; its tokens are drawn at temperature 1.
    Raises:
        ValueError: no sequences; a decoder that revises, whose path has no likelihood; what ``decode`` raises.
    """
    if count < 1:
        raise ValueError(f"write at least one sequence; got {count}.")
    if decoder.revises:
        raise ValueError("a decoder that masks generated tokens again has no likelihood of its path; take another one.")
    generator, parts, calls = torch.Generator().manual_seed(seed), [], 0
    for start in range(0, count, batch_size):
        masks = torch.full((min(batch_size, count - start), denoiser.length), denoiser.vocabulary)
        done = decode(denoiser, masks, decoder, generator)
        parts.append((done.tokens.numpy(), -done.trace.log_prob().numpy()))
        calls += done.trace.row_calls
    tokens, nats = (np.concatenate(some) for some in zip(*parts, strict=True))
    return Written(tokens, nats, calls / count)


def path_excess(written: Written, truth_nats: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Per sequence ``log q(path) - log p(x)``, whose mean over what q writes bounds KL(q || p) from above, in nats.

    The same decoder with the exact posterior, and the tokens of a call drawn jointly, would write p along the same
    positions; dropping the positions from both can only bring two laws closer. Where positions are a function of the
    visible tokens nothing is dropped and the mean is the divergence itself. Zero row by row for the exact posterior
    with one token per call.

    Args:
        truth_nats: ``-log p(x)`` of the sequences.
    Raises:
        ValueError: of another number of sequences.
    """
    if truth_nats.shape != written.path_nats.shape:
        raise ValueError(
            f"{len(written.path_nats)} sequences were written; got likelihoods of shape {truth_nats.shape}."
        )
    return truth_nats - written.path_nats


class TemperedDenoiser:
    """A denoiser whose answers are those of another at a temperature, so that they are what tokens are drawn by.

    Args:
        temperature: below 1 likelier values become likelier.
    Raises:
        ValueError: the temperature is not positive and finite.
    """

    def __init__(self, denoiser: Denoiser, temperature: float) -> None:
        check_temperature(temperature)
        self.denoiser, self.temperature = denoiser, temperature
        self.length, self.vocabulary = denoiser.length, denoiser.vocabulary

    def __call__(self, tokens: Integer[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """Log-probabilities in nats; NaN where ``denoiser`` has no answer."""
        return tempered(ask(self.denoiser, tokens), self.temperature).log_softmax(dim=-1)
