"""Which generated tokens are masked again: the remasking samplers of ReMDM (Wang et al. 2025, arXiv 2503.00307).

A step goes from time t to s < t; 1 - alpha is the share of masks that the schedule wants. A generated token is masked
again with probability sigma, and a masked one is revealed with

    (alpha_s - (1 - sigma) alpha_t) / (1 - alpha_t),

larger than without remasking by just so much that a token is masked with probability 1 - alpha_s after the step
(their Theorem 3.1). That holds for sigma up to (1 - alpha_s) / alpha_t, so at the last step, where alpha_s = 1,
nothing is masked again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from lo_theory.samplers.noise import uniform_noise
from lo_theory.samplers.reveal import RevealRule
from lo_theory.samplers.situation import Situation
from lo_theory.schedules import NoiseSchedule

Strength = Callable[[float], float]
"""The largest sigma that keeps the schedule, in [0, 1] -> the sigma that is used, at most as large."""


@dataclass(frozen=True)
class RemaskRule:
    """How positions are sent back to mask, after the reveals of the same step are chosen.

    Attributes:
        choose: (situation, generator) -> (B, L) bool, True where a token is to be masked again. Positions that were
            given, are masked, or are revealed in this very step are ignored.
    """

    choose: Callable[[Situation, torch.Generator], Tensor]


def capped(eta: float) -> Strength:
    """``min(eta, largest)``: ReMDM-cap.

    Raises:
        ValueError: eta outside [0, 1].
    """
    _check_eta(eta)
    return lambda largest: min(eta, largest)


def rescaled(eta: float) -> Strength:
    """``eta * largest``: ReMDM-rescale.

    Raises:
        ValueError: eta outside [0, 1].
    """
    _check_eta(eta)
    return lambda largest: eta * largest


@dataclass(frozen=True)
class RemaskSchedule:
    """When and how much is masked again, over ``steps`` equal steps of time from 1 to 0.

    Attributes:
        steps: of decoding.
        schedule: the share of masks at each time; a plateau (:func:`plateau`) makes ReMDM-loop.
        strength: sigma, from the largest that keeps the schedule.
        window: (off, on): nothing is masked again but at times ``off < t <= on``. (0, t_switch) is ReMDM-switch.
    Raises:
        ValueError: ``steps < 1``, or a window that is not within [0, 1] in this order.
    """

    steps: int
    schedule: NoiseSchedule
    strength: Strength
    window: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"decoding needs at least one step; got steps = {self.steps}.")
        if not 0 <= self.window[0] <= self.window[1] <= 1:
            raise ValueError(f"the window is (off, on) with 0 <= off <= on <= 1; got {self.window}.")

    def masked(self, step: int) -> tuple[float, float]:
        """1 - alpha before and after ``step``; past the last step as at the last."""
        step = min(step, self.steps - 1)
        times = torch.tensor([self.steps - step, self.steps - step - 1], dtype=torch.float64) / self.steps
        before, after = self.schedule.masked(times).tolist()
        return before, 0.0 if step >= self.steps - 1 else after

    def sigma(self, step: int) -> float:
        """Probability that a generated token is masked again at ``step``."""
        before, after = self.masked(step)
        off, on = self.window
        if not off < (self.steps - step) / self.steps <= on:
            return 0.0
        largest = min(1.0, after / (1 - before)) if before < 1 else 1.0
        return min(self.strength(largest), largest)

    def reveal_probability(self, step: int) -> float:
        """Probability that a masked token is revealed at ``step``; 1 at the last."""
        before, after = self.masked(step)
        return min(1.0, max(0.0, 1 - (after - self.sigma(step) * (1 - before)) / before))


def remask_independently(timing: RemaskSchedule) -> RemaskRule:
    """Every generated token with the same probability ``timing.sigma(step)``."""

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        return uniform_noise(tuple(now.tokens.shape), generator, now.tokens.device) < timing.sigma(now.step)

    return RemaskRule(choose)


def reveal_against_remasking(timing: RemaskSchedule) -> RevealRule:
    """Every masked token with the same probability ``timing.reveal_probability(step)``; scores are ignored."""

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        uniform = uniform_noise(tuple(now.hidden.shape), generator, now.hidden.device)
        return uniform < timing.reveal_probability(now.step)

    return RevealRule(choose, timing.steps)


def remask_doubted(timing: RemaskSchedule) -> RemaskRule:
    """A generated token with probability sigma times its weight, the weights of a row summing to one: ReMDM-conf.

    The weights are a softmax of -p, p the token's probability when it was revealed: less certain tokens go first. At
    most sigma tokens of a row are expected to go. In the paper and its code masked tokens have weight 0 and are
    revealed as if nothing were masked again, so with this rule the masks run above the schedule: after each step
    their expected number is (1 - alpha_s) / (1 - alpha_t) of the number before, plus sigma if a token was generated.
    """

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        assert now.revealed_log_prob is not None  # the decoder keeps it for its remask rule
        doubt = (-now.revealed_log_prob.exp()).masked_fill(~now.generated, -math.inf)
        weights = doubt.softmax(dim=1)  # NaN in rows without generated tokens; NaN is below nothing
        uniform = uniform_noise(tuple(now.tokens.shape), generator, now.tokens.device)
        return uniform < timing.sigma(now.step) * weights

    return RemaskRule(choose)


def plateau(alpha: float, on: float, off: float) -> NoiseSchedule:
    """Alpha rises linearly from 0 to ``alpha`` at time ``on``, stays until ``off``, and rises to 1: for ReMDM-loop.

    With ``window=(off, on)`` the tokens are revealed, then for a while replaced at a constant number of masks, then
    completed (section 4.3 of the ReMDM paper). For decoding only: the loss weight of a plateau is 0 there.

    Raises:
        ValueError: not ``0 < alpha < 1`` or not ``0 < off <= on < 1``.
    """
    if not (0 < alpha < 1 and 0 < off <= on < 1):
        raise ValueError(f"a plateau needs 0 < alpha < 1 and 0 < off <= on < 1; got alpha {alpha}, on {on}, off {off}.")

    def masked(t: Float64[Tensor, "*B"]) -> Float64[Tensor, "*B"]:
        early, late = 1 - (1 - t) * alpha / (1 - on), t * (1 - alpha) / off
        return torch.where(t > on, early, torch.where(t < off, late, torch.full_like(t, 1 - alpha)))

    def weight(t: Float64[Tensor, "*B"]) -> Float64[Tensor, "*B"]:
        return torch.where(t > on, alpha / (1 - on) / masked(t), torch.where(t <= off, 1 / t, torch.zeros_like(t)))

    return NoiseSchedule(f"plateau({alpha:g}, {on:g}, {off:g})", masked, weight)


def _check_eta(eta: float) -> None:
    if not 0 <= eta <= 1:
        raise ValueError(f"eta of a remasking strength lies in [0, 1]; got {eta!r}.")
