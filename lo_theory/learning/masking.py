"""Random masks and the weights that make a sum of cross-entropies the paper's loss, in nats per sequence.

Two ways to draw (masks, weights) with one expectation (Prop. 2.1): each subproblem (M, i) with i in M is met with
probability times weight 1 / (|M| C(L, |M|)).

- by count: n uniform on 1..L, a uniform subset of size n, weight L / n (paper, App. E.1);
- by time: t uniform on (0, 1), every position hidden with probability 1 - alpha(t), weight -alpha'(t) / (1 - alpha(t)).

Neither depends on the row, so a batch may spread its n, or its t, evenly over rows ("stratified", low discrepancy):
the draws u + b/B modulo 1 share one uniform u. Each row alone keeps its law, hence the estimate its expectation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lo_theory.schedules import LINEAR, NoiseSchedule


@dataclass(frozen=True)
class WeightedMasks:
    """Masks of a batch and what a cross-entropy below each of them counts.

    Attributes:
        hidden: (B, L), True where the token is masked.
        weight: (B,), factor on the row's sum of cross-entropies; the mean over rows of the products is the loss.
        keys: (B, L), True where the token is a key of attention for all; None: as the network has it.
    """

    hidden: Bool[Tensor, "B L"]
    weight: Float[Tensor, " B"]
    keys: Bool[Tensor, "B L"] | None = None

    def to(self, device: torch.device) -> WeightedMasks:
        """The same masks on ``device``."""
        keys = None if self.keys is None else self.keys.to(device)
        return WeightedMasks(self.hidden.to(device), self.weight.to(device), keys)


Masker = Callable[[int, int, torch.Generator], WeightedMasks]
"""(batch size, length, generator) -> masks on the generator's device."""


def subproblem_weight(n_masked: int, length: int) -> float:
    """Coefficient of one subproblem (M, i), i in M with |M| = ``n_masked``, in the paper's loss: 1 / (|M| C(L, |M|)).

    Over all subproblems they add up to L. Source: Prop. 2.1.

    Raises:
        ValueError: ``n_masked`` is not in 1..length.
    """
    if not 1 <= n_masked <= length:
        raise ValueError(f"a subproblem of length {length} has 1..{length} masked positions; got {n_masked}.")
    return 1 / (n_masked * math.comb(length, n_masked))


def subsets_of_size(counts: Int[Tensor, " B"], length: int, generator: torch.Generator) -> Bool[Tensor, "B L"]:
    """For each row a subset of ``range(length)``, uniform among those of the row's size; True inside."""
    keys = torch.rand(len(counts), length, generator=generator, device=generator.device)
    rank = keys.argsort(dim=1, stable=True).argsort(dim=1)
    return rank < counts[:, None]


def count_masks(
    batch_size: int, length: int, generator: torch.Generator, *, stratified: bool = False, most: int | None = None
) -> WeightedMasks:
    """Masks of n positions, n uniform on 1..L and the subset uniform given n; weight L / n.

    Args:
        most: n is uniform on 1..most instead, for a curriculum; the weighted sum is then no longer the paper's loss.
    Raises:
        ValueError: ``most`` outside 1..L.
    """
    _check_shape(batch_size, length)
    largest = length if most is None else most
    if not 1 <= largest <= length:
        raise ValueError(f"masks of a sequence of length {length} hide at most 1..{length} positions; got {most}.")
    uniform = _uniform(batch_size, generator, stratified)
    counts = (uniform * largest).long().clamp(max=largest - 1) + 1
    return WeightedMasks(subsets_of_size(counts, length, generator), length / counts.to(torch.float32))


def stratified_count_masks(batch_size: int, length: int, generator: torch.Generator) -> WeightedMasks:
    """:func:`count_masks` with n spread evenly over the batch: the same expectation, less variance."""
    return count_masks(batch_size, length, generator, stratified=True)


def check_draws(draws: int) -> None:
    """Raise ValueError if the number of masks of :func:`answer_masks` is the largest of no draw at all."""
    if draws < 1:
        raise ValueError(f"draws of the number of masks must be at least 1; got {draws}.")


def answer_masks(answers: Bool[Tensor, "B L"], generator: torch.Generator, *, draws: int = 1) -> WeightedMasks:
    """:func:`stratified_count_masks` among the answers of each row: n uniform on 1..A, weight A / n.

    Rows may differ in their number of answers A: the evenly spread u give n = floor(u A) + 1. A
    row without answers has no mask and weight 0. With answers everywhere these are the masks of
    :func:`stratified_count_masks` for the same generator.

    Args:
        answers: where a token may be masked, on the generator's device.
        draws: u is the largest of so many uniform ones, so that more is hidden: P(n <= k) = (k / A)^draws. With more
            than one the weighted sum is no longer the paper's loss.
    Raises:
        ValueError: no draw.
    """
    _check_shape(*answers.shape)
    check_draws(draws)
    totals = answers.sum(dim=1)  # (B,)
    uniform = _uniform(len(answers), generator, stratified=True) ** (1 / draws)
    counts = torch.minimum((uniform * totals).long() + 1, totals)  # 0 where there is no answer
    keys = torch.rand(answers.shape, generator=generator, device=generator.device)
    rank = keys.masked_fill(~answers, math.inf).argsort(dim=1, stable=True).argsort(dim=1)
    weight = totals.to(torch.float32) / counts.clamp(min=1).to(torch.float32)
    return WeightedMasks(rank < counts[:, None], weight)


def time_masks(
    batch_size: int,
    length: int,
    generator: torch.Generator,
    *,
    schedule: NoiseSchedule = LINEAR,
    stratified: bool = False,
) -> WeightedMasks:
    """Each position hidden independently with probability 1 - alpha(t), t uniform on (0, 1], one t per row.

    A row may have no mask at all (linear schedule: one in L + 1); it contributes zero. Large weights at small t make
    this form noisier than :func:`count_masks`.
    """
    _check_shape(batch_size, length)
    time = 1 - _uniform(batch_size, generator, stratified)
    keys = torch.rand(batch_size, length, generator=generator, device=generator.device, dtype=torch.float64)
    return WeightedMasks(keys < schedule.masked(time)[:, None], schedule.weight(time).to(torch.float32))


def _uniform(batch_size: int, generator: torch.Generator, stratified: bool) -> Tensor:
    """(B,) float64 in [0, 1): independent, or evenly spaced after one common uniform shift."""
    n_draws = 1 if stratified else batch_size
    draws = torch.rand(n_draws, generator=generator, device=generator.device, dtype=torch.float64)
    if not stratified:
        return draws
    return (draws + torch.arange(batch_size, device=generator.device) / batch_size) % 1


def _check_shape(batch_size: int, length: int) -> None:
    if batch_size < 1 or length < 1:
        raise ValueError(f"masks need at least one row and one position; got batch_size {batch_size}, length {length}.")
