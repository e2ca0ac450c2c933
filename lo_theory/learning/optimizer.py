"""AdamW, its state as named tensors, and the learning rate of each step."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from lo_theory.learning.network import Transformer

_STATE = ("step", "exp_avg", "exp_avg_sq")


def warmup_cosine(step: int, *, steps: int, warmup: int, peak: float, min_ratio: float) -> float:
    """Learning rate of ``step``, counted from 0.

    It rises linearly and first reaches ``peak`` at step ``warmup``; step 0 is not zero. The last step, ``steps - 1``,
    has ``min_ratio * peak``.
    """
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(steps - 1 - warmup, 1)
    return peak * (min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))


def adamw(
    network: Transformer, learning_rate: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.AdamW:
    """AdamW over all weights; the gains of the norms are not decayed."""
    weights = dict(network.named_parameters())
    decayed = [weights[name] for name in _ordered_names(network) if weights[name].ndim >= 2]
    others = [weights[name] for name in _ordered_names(network) if weights[name].ndim < 2]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=betas, fused=True)


def optimizer_tensors(optimizer: torch.optim.AdamW, network: Transformer) -> dict[str, Tensor]:
    """AdamW's state under the names of a checkpoint, ``optimizer.<weight>.<key>``; copies on the CPU."""
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer.{name}.{key}": state[number][key].detach().cpu().clone()
        for number, name in enumerate(_ordered_names(network))
        for key in _STATE
    }


def restore_optimizer(optimizer: torch.optim.AdamW, network: Transformer, tensors: Mapping[str, Tensor]) -> None:
    """Put the state of a checkpoint back.

    Raises:
        ValueError: the state of a weight is missing.
    """
    names = _ordered_names(network)
    missing = [
        f"optimizer.{name}.{key}" for name in names for key in _STATE if f"optimizer.{name}.{key}" not in tensors
    ]
    if missing:
        raise ValueError(f"the checkpoint has no {missing[0]!r}: its weights can be used, but training cannot resume.")
    state = {n: {key: tensors[f"optimizer.{name}.{key}"] for key in _STATE} for n, name in enumerate(names)}
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _ordered_names(network: Transformer) -> list[str]:
    """The weights in the order in which the optimizer counts them: matrices first, as the groups in :func:`adamw`."""
    return [name for name, _ in sorted(network.named_parameters(), key=lambda entry: entry[1].ndim < 2)]
