"""The optimizers of a network, their state as named tensors, and the learning rate of each step.

``adamw`` is AdamW on all weights. ``muon`` is Muon on the matrices inside the blocks and AdamW on everything else:
embeddings, positions, coordinates, patches, head and gains. Muon (Jordan et al. 2024,
https://kellerjordan.github.io/posts/muon/) moves a matrix by its momentum with all singular values brought near one,
here scaled so that an entry moves as far as by AdamW (Liu et al. 2025, arXiv 2502.16982): both take one learning rate.
Weight decay is on all matrices under ``adamw``, on those of the blocks alone under ``muon``: what it is there for is to
keep the updates, which have one size, from growing small beside the weights, and tokens that are rarely met would fade.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor, nn

from lo_theory.learning.choices import OptimizerName
from lo_theory.learning.network import Transformer

Rate = Callable[[int], float]

_MOMENTUM = 0.95  # Jordan et al. 2024, with Nesterov's step


def warmup_cosine(step: int, *, steps: int, warmup: int, peak: float, min_ratio: float) -> float:
    """Learning rate of ``step``, counted from 0.

    It rises linearly and first reaches ``peak`` at step ``warmup``; step 0 is not zero. The last step, ``steps - 1``,
    has ``min_ratio * peak`` if it comes behind that.
    """
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(steps - 1 - warmup, 1)
    return peak * (min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))


@dataclass(frozen=True)
class WeightOptimizer:
    """A torch optimizer of some of a network's weights.

    Attributes:
        names: its weights, in the order in which it counts them.
        state: what it remembers of each weight.
        rate: the learning rate of each step, counted from 0.
    """

    optimizer: torch.optim.Optimizer
    names: tuple[str, ...]
    state: tuple[str, ...]
    rate: Rate

    def tensor_names(self) -> list[str]:
        """The names of its state in a checkpoint, ``optimizer.<weight>.<key>``."""
        return [f"optimizer.{name}.{key}" for name in self.names for key in self.state]


def check_optimizer(name: str) -> None:
    """Raise ValueError if there is no such optimizer, or none in the installed torch."""
    if name not in get_args(OptimizerName):
        raise ValueError(f"optimizer must be 'adamw' or 'muon'; got {name!r}.")
    if name == "muon" and not hasattr(torch.optim, "Muon"):
        raise ValueError(
            f"optimizer='muon' needs torch 2.9 or newer; torch {torch.__version__} is installed. Upgrade torch, or "
            "train with optimizer='adamw'."
        )


def build_optimizers(
    network: Transformer,
    name: OptimizerName,
    *,
    rate: Rate,
    betas: tuple[float, float],
    weight_decay: float,
) -> tuple[WeightOptimizer, ...]:
    """The optimizers that ``name`` stands for; each weight of ``network`` belongs to exactly one.

    Args:
        rate: learning rate at each step.
        betas: AdamW's.
        weight_decay: on all matrices, under "muon" on those that Muon updates; gains are not decayed.
    Raises:
        ValueError: as :func:`check_optimizer`.
    """
    check_optimizer(name)
    weights = dict(network.named_parameters())
    if name == "adamw":
        return (_adamw(weights, rate, betas, weight_decay),)
    matrices = {key: weight for key, weight in weights.items() if key.startswith("blocks.") and weight.ndim == 2}
    others = {key: weight for key, weight in weights.items() if key not in matrices}
    return (_muon(matrices, rate, weight_decay), _adamw(others, rate, betas, weight_decay=0.0))


def update_weights(optimizers: Sequence[WeightOptimizer], step: int) -> None:
    """One update of all weights from their gradients, at the learning rates of ``step``, counted from 0."""
    for part in optimizers:
        for group in part.optimizer.param_groups:
            group["lr"] = part.rate(step)
        part.optimizer.step()


def optimizer_tensors(optimizers: Sequence[WeightOptimizer]) -> dict[str, Tensor]:
    """The state of all weights under its names in a checkpoint; copies on the CPU."""
    tensors: dict[str, Tensor] = {}
    for part in optimizers:
        state = part.optimizer.state_dict()["state"]
        values = [state[number][key] for number in range(len(part.names)) for key in part.state]
        tensors |= {n: value.detach().cpu().clone() for n, value in zip(part.tensor_names(), values, strict=True)}
    return tensors


def restore_optimizers(optimizers: Sequence[WeightOptimizer], tensors: Mapping[str, Tensor]) -> None:
    """Put the state of a checkpoint back.

    Raises:
        ValueError: the state of a weight is missing; nothing has been put back then.
    """
    missing = [name for part in optimizers for name in part.tensor_names() if name not in tensors]
    if missing:
        raise ValueError(f"the checkpoint has no {missing[0]!r}: its weights can be used, but training cannot resume.")
    for part in optimizers:
        state = {
            number: {key: tensors[f"optimizer.{name}.{key}"] for key in part.state}
            for number, name in enumerate(part.names)
        }
        groups = part.optimizer.state_dict()["param_groups"]
        part.optimizer.load_state_dict({"state": state, "param_groups": groups})


def _adamw(
    weights: Mapping[str, nn.Parameter], rate: Rate, betas: tuple[float, float], weight_decay: float
) -> WeightOptimizer:
    """AdamW; the gains of the norms are not decayed."""
    names = sorted(weights, key=lambda name: weights[name].ndim < 2)  # matrices first, as the groups
    decayed = [weights[name] for name in names if weights[name].ndim >= 2]
    others = [weights[name] for name in names if weights[name].ndim < 2]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate(0), betas=betas, fused=True)
    return WeightOptimizer(optimizer, tuple(names), ("step", "exp_avg", "exp_avg_sq"), rate)


def _muon(weights: Mapping[str, nn.Parameter], rate: Rate, weight_decay: float) -> WeightOptimizer:
    """Muon; a (rows, columns) matrix moves by ``0.2 * rate * sqrt(max(rows, columns))`` along each singular direction.

    Queries, keys and values are one matrix in our blocks and share one orthogonal update; Jordan et al. prefer three.
    Cost: 15 products per matrix and step in bfloat16, whatever the batch; slow on a CPU without bfloat16 units.
    """
    optimizer = torch.optim.Muon(
        weights.values(), lr=rate(0), momentum=_MOMENTUM, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    return WeightOptimizer(optimizer, tuple(weights), ("momentum_buffer",), rate)
