"""Infilling: how many hidden tokens of real rows a decoder gives back, and what any denoiser says along any order.

The truth need not be known: rows are data, and a token counts as right where it is the row's own. Several fillings may
be as good, so a share of right tokens is no probability of being right in any other sense.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Integer

from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.learning.masking import subsets_of_size
from lo_theory.likelihood import chain_nll_by_order
from lo_theory.orders import uniform
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import decode

LEFT_TO_RIGHT, RIGHT_TO_LEFT, UNIFORM = "left to right", "right to left", "uniform"
NATS, SPREAD = "nats_per_token", "order_spread_nats_per_token"
RIGHT = "infilled_right"


@dataclass(frozen=True, eq=False)
class Infilled:
    """Rows filled in by one decoder.

    Attributes:
        hits: (n, k), whether each hidden token came back, by position.
        calls: of the denoiser, per row.
        seconds: of the whole decoding.
    """

    hits: Bool[np.ndarray, "n k"]
    calls: float
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens, those of the prompt not among them."""
        return self.hits.size / max(self.seconds, 1e-9)


def hidden_at_random(count: int, length: int, n_hidden: int, seed: int) -> Bool[np.ndarray, "n L"]:
    """``n_hidden`` uniformly drawn positions of each row.

    Raises:
        ValueError: more than there are, or none.
    """
    if not 1 <= n_hidden <= length:
        raise ValueError(f"hidden tokens lie in 1..{length}, the tokens of a row; got {n_hidden}.")
    generator = torch.Generator().manual_seed(seed)
    return subsets_of_size(torch.full((count,), n_hidden), length, generator).numpy()


def infill(
    denoiser: Denoiser,
    rows: Integer[np.ndarray, "n L"],
    hidden: Bool[np.ndarray, "n L"],
    decoder: Decoder,
    seed: int,
    *,
    batch_size: int = 64,
) -> Infilled:
    """Hide, decode and compare.

    Args:
        hidden: equally many in every row.
        batch_size: rows that are decoded together.
    """
    whole, where = torch.from_numpy(rows.astype(np.int64)), torch.from_numpy(hidden)
    generator = torch.Generator().manual_seed(seed)
    begun, calls, found = time.perf_counter(), 0, []
    for part, gone in zip(whole.split(batch_size), where.split(batch_size), strict=True):
        decoded = decode(denoiser, part.masked_fill(gone, denoiser.vocabulary), decoder, generator)
        found.append(decoded.tokens.cpu())
        calls += decoded.trace.row_calls
    hits = (torch.cat(found) == whole)[where].view(len(whole), -1)
    return Infilled(hits.numpy(), calls / len(whole), time.perf_counter() - begun)


def named_orders(length: int, drawn: int, seed: int) -> dict[str, Integer[np.ndarray, "K L"]]:
    """Left to right, right to left, and ``drawn`` uniform ones."""
    rng, forward = np.random.default_rng(seed), np.arange(length)
    orders = {LEFT_TO_RIGHT: forward[None], RIGHT_TO_LEFT: forward[None, ::-1].copy()}
    return orders | ({UNIFORM: np.stack([uniform(length, rng) for _ in range(drawn)])} if drawn else {})


def nats_by_order(
    denoiser: Denoiser,
    rows: Integer[np.ndarray, "n L"],
    orders: Mapping[str, Integer[np.ndarray, "K L"]],
    *,
    batch_size: int = 256,
) -> dict[str, Float64[np.ndarray, "n K"]]:
    """Negative log-likelihood of every row along every order, in nats per token.

    Of one consistent joint distribution all numbers of a row are equal, whatever the order.
    """
    whole = torch.from_numpy(rows.astype(np.int64))
    return {
        name: chain_nll_by_order(denoiser, whole, some, batch_size=batch_size) / rows.shape[1]
        for name, some in orders.items()
    }


def order_spread(nats: Mapping[str, Float64[np.ndarray, "n K"]]) -> Float64[np.ndarray, " n"]:
    """Standard deviation of each row over all its orders, in nats per token; 0 for one consistent joint.

    Raises:
        ValueError: a single order.
    """
    together = np.concatenate(list(nats.values()), axis=1)
    if together.shape[1] < 2:
        raise ValueError("a spread over orders needs at least two of them.")
    return together.std(axis=1, ddof=1)
