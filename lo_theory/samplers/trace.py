"""What happened while decoding."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class StepRecord:
    """The M tokens that one step revealed, in row-major order, over all rows of the batch.

    Under a planner a token that replaces another one counts as revealed, one that is kept does not. Nothing is copied
    from the device of the tokens while decoding runs.

    Attributes:
        row, position: where.
        token: what.
        score: what it was ranked by, noise included.
        log_prob: of the token under the denoiser, in nats, whatever the temperature.
        entropy: of the denoiser's answer there, in nats.
        calls: of the denoiser.
        rows: how many sequences each call saw; finished ones have left the batch.
        remasked: (K, 2) rows and positions whose generated tokens were masked again; None if the decoder never does.
        top_token, top_log_prob: (M, k) the k likeliest values of the denoiser's answer there, the likeliest first, and
            their log-probabilities in nats; None unless they were asked for.
    """

    row: Int64[Tensor, " M"]
    position: Int64[Tensor, " M"]
    token: Int64[Tensor, " M"]
    score: Float64[Tensor, " M"]
    log_prob: Float64[Tensor, " M"]
    entropy: Float64[Tensor, " M"]
    calls: int = 1
    rows: int = 0
    remasked: Int64[Tensor, "K 2"] | None = None
    top_token: Int64[Tensor, "M k"] | None = None
    top_log_prob: Float64[Tensor, "M k"] | None = None


@dataclass(frozen=True, eq=False)
class Trace:
    """All steps of a run over a batch of ``rows`` sequences of ``length`` tokens."""

    steps: tuple[StepRecord, ...]
    rows: int
    length: int

    @property
    def calls(self) -> int:
        """Number of denoiser calls, however many rows they saw."""
        return sum(step.calls for step in self.steps)

    @property
    def row_calls(self) -> int:
        """Sequences that went through the denoiser, summed over calls: the cost. Over ``rows``, calls per sequence."""
        return sum(step.calls * step.rows for step in self.steps)

    def revealed_at(self) -> Int64[Tensor, "B L"]:
        """The step at which each token was revealed, for the last time, counted from 0; -1 where it was given.

        Only the last time counts if a position was masked again or rewritten: it is when the token that stands there
        in the end appeared.
        """
        table = torch.full((self.rows * self.length,), -1)
        place, step = self._reveals()
        return table.scatter_reduce(0, place, step, "amax").view(self.rows, self.length)

    def remasked(self) -> Int64[Tensor, "B L"]:
        """How often each position was masked again."""
        table = torch.zeros(self.rows * self.length, dtype=torch.int64)
        for record in self.steps:
            if record.remasked is not None:
                row, position = record.remasked.cpu().unbind(dim=1)
                table[row * self.length + position] += 1
        return table.view(self.rows, self.length)

    def log_prob(self) -> Float64[Tensor, " B"]:
        """Sum over generated positions of the token's log-probability when it was last revealed, in nats.

        With one token per step and nothing masked again this is the chain rule along the row's order: the denoiser's
        log-likelihood of the row. With several tokens per step it is the log-probability of the run given its order
        of reveals, since they are drawn independently. With remasking or a planner it is neither: later tokens were
        drawn given some that are no longer there.
        """
        if not self.steps:
            return torch.zeros(self.rows, dtype=torch.float64)
        place, step = self._reveals()
        value = torch.cat([record.log_prob for record in self.steps]).cpu()
        last = self.revealed_at().flatten()[place] == step
        total = torch.zeros(self.rows, dtype=torch.float64)
        return total.index_add(0, place[last] // self.length, value[last])

    def _reveals(self) -> tuple[Int64[Tensor, " E"], Int64[Tensor, " E"]]:
        """(place, step) of every revealed token, place = row * length + position."""
        if not self.steps:
            return torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)
        place = torch.cat([record.row * self.length + record.position for record in self.steps]).cpu()
        sizes = torch.tensor([len(record.row) for record in self.steps])
        return place, torch.arange(len(self.steps)).repeat_interleave(sizes)
