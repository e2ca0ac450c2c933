"""Orders of each kind, and what rows cost a denoiser along them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float64, Int64, Integer

from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.likelihood import chain_nll
from lo_theory.orders import OrderName, identity, named_order

EXPERIMENT_NAME = "order_imbalance"
NLL = "nats_per_token"
IDENTITY, CLOSER, UNIFORM = "natural", "closer", "uniform"
KINDS: tuple[OrderName, ...] = (IDENTITY, CLOSER, UNIFORM)
_ORDERS = 31  # stream of the orders
_AT_ONCE = 128


def nats_along(
    denoiser: Denoiser, rows: Integer[np.ndarray, "n L"], draws: Mapping[OrderName, int], seed: int
) -> dict[OrderName, Float64[np.ndarray, "n K"]]:
    """Nats per token of each row along K orders of each kind, exact along each by the chain rule.

    The orders of row i are a function of (seed, kind, number of the draw) and i.
    """
    tokens = torch.from_numpy(rows.astype(np.int64))
    found: dict[OrderName, Float64[np.ndarray, "n K"]] = {}
    for kind, count in draws.items():
        drawn = [orders(kind, len(rows), rows.shape[1], seed, number) for number in range(count)]
        totals = [chain_nll(denoiser, tokens, order, batch_size=_AT_ONCE).sum(axis=1) for order in drawn]
        found[kind] = np.stack(totals, axis=1) / rows.shape[1]
    return found


def orders(kind: OrderName, count: int, length: int, seed: int, number: int) -> Int64[np.ndarray, "..."]:
    """An order of that kind for each of ``count`` rows, (count, L); the identity is one for all, (L,)."""
    natural = identity(length)
    if kind == IDENTITY:
        return natural
    each = [np.random.default_rng([seed, _ORDERS, KINDS.index(kind), number, row]) for row in range(count)]
    return np.stack([named_order(kind, natural, rng) for rng in each])
