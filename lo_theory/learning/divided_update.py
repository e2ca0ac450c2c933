"""An update by several processes: AdamW by all of them alike, Muon's matrices divided among them.

AdamW's arithmetic takes less time than an exchange would. Muon's products may take a quarter of a step, and each matrix
has its own: one process updates it, and the others get the result. What Muon remembers of a matrix is then with that
process alone, and brought together for a checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lo_theory.learning.distributed import Team
from lo_theory.learning.optimizer import WeightOptimizer, update_weights

_MOMENTUM = "momentum_buffer"


def update_divided(team: Team, optimizers: Sequence[WeightOptimizer], step: int) -> None:
    """:func:`~lo_theory.learning.optimizer.update_weights` from gradients that are the same everywhere.

    Raises:
        MemberLost: another process has ended.
    """
    if team.size == 1:
        update_weights(optimizers, step)
        return
    divided = [weights for part in optimizers if (weights := _divided(part))]
    for weights in divided:
        for weight, owner in zip(weights, owners(weights, team.size), strict=True):
            if owner != team.rank:
                weight.grad = None  # the optimizer passes it over
    update_weights(optimizers, step)
    for weights in divided:
        _collect(team, weights, weights)


def complete_state(team: Team, optimizers: Sequence[WeightOptimizer]) -> None:
    """Let every process have all that the optimizers remember, as :func:`optimizer_tensors` wants it.

    Raises:
        MemberLost: another process has ended.
    """
    if team.size == 1:
        return
    for part in optimizers:
        if weights := _divided(part):
            states = [part.optimizer.state[weight] for weight in weights]
            for weight, state in zip(weights, states, strict=True):
                state.setdefault(_MOMENTUM, torch.zeros_like(weight))
            _collect(team, weights, [state[_MOMENTUM] for state in states])


def owners(weights: Sequence[Tensor], size: int) -> list[int]:
    """The rank that updates each matrix: one after the other goes to whoever has the least to do."""
    work, found = [0] * size, list[int]()
    for weight in weights:
        found.append(work.index(min(work)))
        work[found[-1]] += min(weight.shape) * weight.numel()
    return found


def _divided(part: WeightOptimizer) -> list[Tensor]:
    """The matrices of Muon; none of another optimizer."""
    if _MOMENTUM not in part.state:
        return []
    return [weight for group in part.optimizer.param_groups for weight in group["params"]]


@torch.no_grad()
def _collect(team: Team, weights: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Replace each value by that of the process that updates its weight."""
    own = [owner == team.rank for owner in owners(weights, team.size)]
    parts = [value if mine else torch.zeros_like(value) for value, mine in zip(values, own, strict=True)]
    flat = torch.cat([part.reshape(-1) for part in parts])
    team.sum(flat)
    for value, part in zip(values, flat.split([value.numel() for value in values]), strict=True):
        value.copy_(part.view_as(value))
