"""What a network is trained on: rows in, a loss in nats per sequence out.

``MaskedObjective`` is masked diffusion (the paper's loss in section 2.1), ``AutoregressiveObjective`` the pi-learner
(eq. 3); an ARM is the pi-learner of the identity order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from lo_theory.learning.curriculum import Curriculum, LatentsFirst
from lo_theory.learning.deep_supervision import LAST_ALONE, DeepSupervision
from lo_theory.learning.dropout import Dropout, check_dropout
from lo_theory.learning.masking import Masker, WeightedMasks, stratified_count_masks
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.orders import check_order


@runtime_checkable
class Objective(Protocol):
    """A loss on clean rows. ``causal`` says which kind of network it trains."""

    @property
    def causal(self) -> bool:
        """Whether the network must be causal."""
        ...

    def check(self, network: NetworkConfig) -> None:
        """Raise ValueError unless a network of this shape can be trained on this objective."""
        ...

    def loss(
        self, network: Transformer, rows: Int64[Tensor, "B L"], generator: torch.Generator, *, progress: float = 1.0
    ) -> Float[Tensor, ""]:
        """Mean over the rows, in nats per sequence; all its randomness comes from ``generator``.

        Args:
            progress: share of the training that is done, in [0, 1], for objectives that change on the way.
        """
        ...

    def to_json(self) -> dict[str, Any]:
        """What checkpoints record, and compare before they resume."""
        ...


Reduction = Callable[[Tensor, WeightedMasks], Tensor]
"""(cross-entropies of the M masked tokens, in row-major order; their masks) -> scalar in nats per sequence."""


def likelihood(cross_entropy: Float[Tensor, " M"], masks: WeightedMasks) -> Float[Tensor, ""]:
    """The paper's loss: each row's sum times its weight, averaged over rows. Its expectation bounds -log p."""
    weight = masks.weight[:, None].expand(masks.hidden.shape)[masks.hidden]
    return (weight * cross_entropy).sum() / len(masks.hidden)


def per_mask(cross_entropy: Float[Tensor, " M"], masks: WeightedMasks) -> Float[Tensor, ""]:
    """L times the mean over all masked tokens of the batch: every one counts alike, so rows with many masks count more.

    No likelihood, but steadier gradients; the minimiser over all functions is the same posterior.
    """
    return cross_entropy.sum() * (masks.hidden.shape[1] / max(len(cross_entropy), 1))


def require_tokens(network: NetworkConfig) -> None:
    """Raise ValueError if a prompt is read in patches: an objective that asks for every token cannot train that."""
    if network.patches is not None:
        raise ValueError(
            f"the first {network.patches.tokens} tokens of this network are a prompt, read in patches, and never asked "
            "for; train it by AnswerObjective or ContinuationObjective on prompted rows, or leave patches out."
        )


def require_both_ways(network: NetworkConfig) -> None:
    """Raise ValueError if the network is causal: masked diffusion cannot train it."""
    if network.causal:
        raise ValueError("masked diffusion trains a network that sees both ways; pass NetworkConfig(causal=False).")


@dataclass(frozen=True)
class MaskedObjective:
    """Masked diffusion: hide positions at random, predict them from the rest.

    Attributes:
        reduction: :func:`likelihood` or :func:`per_mask`.
        masker: draws the masks, from :mod:`lo_theory.learning.masking`.
        curriculum: changes what is hidden while it lasts; None: the masker throughout.
        deep: whether inner layers are asked too.
    """

    reduction: Reduction = likelihood
    masker: Masker = stratified_count_masks
    curriculum: Curriculum | LatentsFirst | None = None
    deep: DeepSupervision = LAST_ALONE

    @property
    def causal(self) -> bool:
        """Masked diffusion looks both ways."""
        return False

    def check(self, network: NetworkConfig) -> None:
        """Raise ValueError if the network is causal, reads patches, lacks the latents or inner layers to be asked."""
        require_both_ways(network)
        require_tokens(network)
        self.deep.check(network)
        if isinstance(self.curriculum, LatentsFirst):
            self.curriculum.check(network.length)

    def loss(
        self, network: Transformer, rows: Int64[Tensor, "B L"], generator: torch.Generator, *, progress: float = 1.0
    ) -> Float[Tensor, ""]:
        """The reduced cross-entropy at the masked positions, in nats per sequence."""
        masks = self._masks(rows.shape[0], rows.shape[1], generator, progress).to(rows.device)
        asked = rows[masks.hidden]  # (M,)
        return self.deep.loss(
            network,
            rows.masked_fill(masks.hidden, network.config.mask_id),
            masks.hidden,
            lambda logits: self.reduction(functional.cross_entropy(logits, asked, reduction="none"), masks),
            masks.keys,
        )

    def to_json(self) -> dict[str, Any]:
        """Names of the reduction and of the masker, and what else is not as usual."""
        form = {"objective": "masked", "reduction": named(self.reduction), "masker": named(self.masker)}
        curriculum = {} if self.curriculum is None else self.curriculum.to_json()
        return form | curriculum | self.deep.to_json()

    def _masks(self, batch_size: int, length: int, generator: torch.Generator, progress: float) -> WeightedMasks:
        if self.curriculum is not None:
            early = self.curriculum.masks(batch_size, length, generator, progress)
            if early is not None:
                return early
        return self.masker(batch_size, length, generator)


@dataclass(frozen=True, eq=False)
class AutoregressiveObjective:
    """The pi-learner: a causal network on the permuted sequence, -sum_t log p(x[order[t]] | x[order[:t]]).

    The input is the mask as start symbol followed by all but the last token in order; position t of the network is
    step t of the order.

    Attributes:
        order: (L,).
        dropout: share of what blocks write that a step of training leaves out; in one process alone.
    Raises:
        ValueError: an order that is no permutation, or a share outside [0, 1).
    """

    order: np.ndarray
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_dropout(self.dropout)
        object.__setattr__(self, "order", check_order(self.order, len(self.order)))

    @property
    def causal(self) -> bool:
        """A pi-learner never sees the tokens that it has yet to predict."""
        return True

    def check(self, network: NetworkConfig) -> None:
        """Raise ValueError if the network is bidirectional, reads patches, or has another length than the order."""
        if not network.causal:
            raise ValueError("a pi-learner is a causal network; build it with NetworkConfig(causal=True).")
        require_tokens(network)
        if network.length != len(self.order):
            raise ValueError(f"the order has {len(self.order)} entries, the network reads {network.length} tokens.")

    def loss(
        self, network: Transformer, rows: Int64[Tensor, "B L"], generator: torch.Generator, *, progress: float = 1.0
    ) -> Float[Tensor, ""]:
        """-log p along the order, averaged over rows, the same throughout the training; random with dropout alone."""
        permuted = rows[:, self._index.to(rows.device)]
        inputs = shift_right(permuted, network.config.mask_id)
        left_out = {"dropout": Dropout(self.dropout, generator)} if self.dropout else {}
        logits = network(inputs, **left_out)  # (B, L, V)
        return functional.cross_entropy(logits.flatten(0, 1), permuted.flatten(), reduction="sum") / len(rows)

    def to_json(self) -> dict[str, Any]:
        """The order, and the dropout if there is any."""
        form = {"objective": "autoregressive", "order": self.order.tolist()}
        return form | {"dropout": self.dropout} if self.dropout else form

    @cached_property
    def _index(self) -> Tensor:
        return torch.from_numpy(self.order)


def shift_right(permuted: Int64[Tensor, "B L"], start: int) -> Int64[Tensor, "B L"]:
    """The input of a causal network: ``start``, then all but the last token of each row."""
    return torch.cat((torch.full_like(permuted[:, :1], start), permuted[:, :-1]), dim=1)


def named(function: Callable[..., Any]) -> str:
    """The function's name, with the bound arguments of a partial application: what tells two objectives apart.

    Raises:
        ValueError: it has no name of its own, so another one could not be told from it when a training goes on.
    """
    inner, bound = (function.func, function) if isinstance(function, partial) else (function, None)
    name = getattr(inner, "__name__", "<nameless>")
    if name.startswith("<"):
        raise ValueError(
            f"a checkpoint tells objectives apart by the names of their functions; {inner!r} has none. Use def."
        )
    if bound is None:
        return name
    values = [str(value) for value in bound.args]
    values += [f"{key}={getattr(value, 'name', value)}" for key, value in sorted(bound.keywords.items())]
    return f"{name}({', '.join(values)})"
