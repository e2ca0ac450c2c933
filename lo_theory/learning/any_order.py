"""Autoregression along many orders with one causal network, which is told where it reads and where it is asked.

Position t of the network reads the token at ``order[t - 1]`` and predicts the one at ``order[t]``; an embedding of each
of the two says so (Pannatier et al. 2024, arXiv 2404.09562). Nothing is masked: every position of a row is predicted,
as by an ARM. Between that and masked diffusion lies what masking costs, between one order and all what orders cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import shift_right
from lo_theory.orders import check_order


@dataclass(frozen=True, eq=False)
class AnyOrderObjective:
    """-sum_t log p(x[order[t]] | x[order[:t]]), each row along one of several orders, drawn anew at every step.

    In one process: a team's network is not told orders.

    Attributes:
        orders: (K, L), each as likely; None: any of the L! orders.
    Raises:
        ValueError: no orders, or one that is no permutation.
    """

    orders: Int64[np.ndarray, "K L"] | None

    def __post_init__(self) -> None:
        if self.orders is None:
            return
        if not len(self.orders):
            raise ValueError("an any-order objective needs at least one order; got none. None stands for all of them.")
        checked = np.stack([check_order(order, len(self.orders[0])) for order in self.orders])
        object.__setattr__(self, "orders", checked)

    @property
    def causal(self) -> bool:
        """It never sees the tokens that it has yet to predict."""
        return True

    def check(self, network: NetworkConfig) -> None:
        """Raise ValueError unless the network is causal, is told orders, and has their length."""
        if not (network.causal and network.any_order):
            raise ValueError(
                "any-order autoregression trains a causal network that is told orders; build it with "
                "NetworkConfig(causal=True, any_order=True)."
            )
        if self.orders is not None and self.orders.shape[1] != network.length:
            raise ValueError(
                f"the orders have {self.orders.shape[1]} entries, the network reads {network.length} tokens."
            )

    def loss(
        self, network: Transformer, rows: Int64[Tensor, "B L"], generator: torch.Generator, *, progress: float = 1.0
    ) -> Float[Tensor, ""]:
        """-log p of each row along its order, averaged over rows, in nats per sequence."""
        orders = self._drawn(rows.shape, generator).to(rows.device)
        permuted = rows.gather(1, orders)
        logits = network(shift_right(permuted, network.config.mask_id), order=orders)  # (B, L, V)
        return functional.cross_entropy(logits.flatten(0, 1), permuted.flatten(), reduction="sum") / len(rows)

    def to_json(self) -> dict[str, Any]:
        """The orders; null for all."""
        return {"objective": "any-order", "orders": None if self.orders is None else self.orders.tolist()}

    def _drawn(self, shape: torch.Size, generator: torch.Generator) -> Int64[Tensor, "B L"]:
        if self.orders is None:
            keys = torch.rand(shape, generator=generator, device=generator.device)
            return keys.argsort(dim=1, stable=True)
        number = torch.randint(len(self.orders), (shape[0],), generator=generator, device=generator.device)
        return torch.from_numpy(self.orders).to(generator.device)[number]


@torch.no_grad()
def any_order_log_probs(
    network: Transformer, rows: Int64[Tensor, "B L"], orders: Int64[np.ndarray, "B L"]
) -> Float[Tensor, "B L"]:
    """log p of every token of clean rows given those before it in its row's order, in one pass.

    Entry t belongs to position ``orders[row, t]``; a row sums to its log-likelihood along that order, in nats.

    Raises:
        ValueError: rows of another length; orders that are not one permutation for each row; a network that is not told
            orders.
    """
    if orders.shape != tuple(rows.shape) or (np.sort(orders, axis=1) != np.arange(rows.shape[1])).any():
        raise ValueError(
            f"every row wants an order of its own, a permutation of range({rows.shape[1]}); got orders of shape "
            f"{orders.shape} for rows of shape {tuple(rows.shape)}."
        )
    device = network.head.device
    places = torch.from_numpy(orders).to(device)
    permuted = rows.to(device).gather(1, places)
    logits = network(shift_right(permuted, network.config.mask_id), order=places)
    return logits.log_softmax(dim=-1).gather(2, permuted[..., None]).squeeze(2).to(rows.device)
