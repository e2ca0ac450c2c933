"""A loss at the inner layers of a network, or after each of its loops, beside that at its end."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float, Int64
from torch import Tensor, stack

from lo_theory.learning.network import NetworkConfig, Transformer

_FEWEST_LAYERS = 3  # for one between the first and the last


@dataclass(frozen=True)
class DeepSupervision:
    """The inner layers are asked too (Lee et al. 2015, arXiv 1409.5185), through the head of the last one.

    The loss is that of the last layer plus ``weight`` times the mean of those of the inner ones. The first is left out:
    it has read the prompt once and cannot have followed anything from it. What is trained is the same posterior,
    earlier; a network that reasons in steps is told at each whether it is on the way.

    In a network with loops the end of every loop is asked instead, the first too: its weights are those of all others,
    and what it has to learn there it needs everywhere.

    Cost: a head per inner layer or loop, 1 to 2% of the operations of the small networks here;
    :mod:`lo_theory.learning.flops` does not count it.

    Attributes:
        weight: of the inner layers; 0: they are not asked.
    Raises:
        ValueError: a negative weight.
    """

    weight: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"the weight of the inner layers must be finite and at least 0; got {self.weight}.")

    def check(self, network: NetworkConfig) -> None:
        """Raise ValueError if the inner layers shall be asked and there are none."""
        if self.weight and network.loops == 1 and network.layers < _FEWEST_LAYERS:
            raise ValueError(
                f"deep supervision asks the layers between the first and the last; the network has {network.layers}. "
                f"Take {_FEWEST_LAYERS} or more, or loops, or weight 0."
            )

    def loss(
        self,
        network: Transformer,
        inputs: Int64[Tensor, "B L"],
        where: Bool[Tensor, "B L"],
        loss: Callable[[Float[Tensor, "M V"]], Float[Tensor, ""]],
        keys: Bool[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, ""]:
        """``loss`` of the logits at the selected positions, of the last layer and of the inner ones.

        Args:
            keys: which tokens are keys for all, see ``Transformer.forward``.
        """
        if not self.weight:
            return loss(network(inputs, where, keys=keys))
        *inner, last = network.layer_logits(inputs, where, keys)
        if network.config.loops == 1:
            del inner[0]
        return loss(last) + self.weight * stack([loss(logits) for logits in inner]).mean()

    def to_json(self) -> dict[str, Any]:
        """The weight, if there is one."""
        return {"deep_supervision": self.weight} if self.weight else {}


LAST_ALONE = DeepSupervision()
"""The inner layers are not asked."""
