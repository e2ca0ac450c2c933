"""What happened while decoding."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class StepRecord:
    """The M tokens that one step revealed, in row-major order, over all rows of the batch.

    Attributes:
        row, position: where.
        token: what.
        score: what it was ranked by, noise included.
        log_prob: of the token under the denoiser, in nats, whatever the temperature.
        entropy: of the denoiser's answer there, in nats.
        calls: of the denoiser.
    """

    row: Int64[Tensor, " M"]
    position: Int64[Tensor, " M"]
    token: Int64[Tensor, " M"]
    score: Float64[Tensor, " M"]
    log_prob: Float64[Tensor, " M"]
    entropy: Float64[Tensor, " M"]
    calls: int = 1


@dataclass(frozen=True, eq=False)
class Trace:
    """All steps of a run over a batch of ``rows`` sequences of ``length`` tokens."""

    steps: tuple[StepRecord, ...]
    rows: int
    length: int

    @property
    def calls(self) -> int:
        """Number of denoiser calls, each on the whole batch."""
        return sum(step.calls for step in self.steps)

    def revealed_at(self) -> Int64[Tensor, "B L"]:
        """The step at which each position was revealed, counted from 0; -1 where the token was given."""
        table = torch.full((self.rows, self.length), -1)
        for number, step in enumerate(self.steps):
            table[step.row.cpu(), step.position.cpu()] = number
        return table

    def log_prob(self) -> Float64[Tensor, " B"]:
        """Sum of the revealed tokens' log-probabilities in nats.

        With one token per step this is the chain rule along the row's order: the denoiser's log-likelihood of the row.
        """
        total = torch.zeros(self.rows, dtype=torch.float64)
        for step in self.steps:
            total.index_add_(0, step.row.cpu(), step.log_prob.cpu())
        return total
