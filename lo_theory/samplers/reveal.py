"""How many hidden positions are revealed at a step, and which, once they are scored.

The rules here count; those that look at the denoiser's confidence are in :mod:`~lo_theory.samplers.confidence_reveal`,
those that go block by block in :mod:`lo_theory.samplers.blocks`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from lo_theory.samplers.noise import uniform_noise
from lo_theory.samplers.situation import Situation
from lo_theory.schedules import LINEAR, NoiseSchedule

_ROUNDING_SLACK = 1e-9  # an expectation of one half that floating point puts a hair below still counts as one half


@dataclass(frozen=True)
class RevealRule:
    """How positions are chosen, and for how many steps at most.

    Attributes:
        choose: (situation, generator) -> (B, L) bool, True where a token is revealed; visible positions are ignored.
        steps: the rule leaves nothing hidden after this many steps. None: it reveals at least one token of every
            unfinished row per step, so a row ends after as many steps as it has masks.
    """

    choose: Callable[[Situation, torch.Generator], Tensor]
    steps: int | None = None


def reveal_top_k(
    score: Float64[Tensor, "B L"], hidden: Bool[Tensor, "B L"], k: Int64[Tensor, " B"]
) -> Bool[Tensor, "B L"]:
    """The ``k[b]`` hidden positions of row b with the highest scores, ties to the lower position.

    All that are hidden if they are fewer than k; never a visible one, even where every hidden score is ``-inf``.
    """
    by_score = score.argsort(dim=1, descending=True, stable=True)  # (B, L)
    eligible = hidden.gather(1, by_score)
    taken = eligible & (eligible.cumsum(dim=1) <= k[:, None])
    return torch.zeros_like(hidden).scatter(1, by_score, taken)


def k_per_step(k: int) -> RevealRule:
    """The k best positions of every row, or all that are left.

    Raises:
        ValueError: ``k < 1``.
    """
    if k < 1:
        raise ValueError(f"a step must reveal at least one token; got k = {k}.")

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        return reveal_top_k(now.score, now.hidden, torch.full_like(now.hidden[:, 0], k, dtype=torch.int64))

    return RevealRule(choose)


def one_per_step() -> RevealRule:
    """The best position of every row. With exact conditionals the sampled law is exact (chain rule)."""
    return k_per_step(1)


def scheduled(steps: int, schedule: NoiseSchedule = LINEAR) -> RevealRule:
    """The K best positions, K the expectation of the reverse process, ``masks * (alpha_s - alpha_t) / (1 - alpha_t)``.

    Rounded half up to an integer, per row, from the masks that the row still has; the paper (section 4) leaves the
    rounding open. A step may therefore reveal nothing; the last one reveals all that is left. Time runs from 1 to 0 in
    equal steps.

    Raises:
        ValueError: ``steps < 1``.
    """
    _check_steps(steps)

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        expected = now.hidden.sum(dim=1).double() * reveal_probability(now.step, steps, schedule)  # (B,)
        return reveal_top_k(now.score, now.hidden, _rounded(expected))

    return RevealRule(choose, steps)


def scheduled_counts(masks: int, steps: int, schedule: NoiseSchedule = LINEAR) -> tuple[int, ...]:
    """What :func:`scheduled` reveals of a row with so many masks at each of its steps; some may be 0.

    Raises:
        ValueError: ``steps < 1``.
    """
    _check_steps(steps)
    counts = []
    for step in range(steps):
        expected = torch.tensor(masks - sum(counts), dtype=torch.float64) * reveal_probability(step, steps, schedule)
        counts.append(int(_rounded(expected)))
    return tuple(counts)


def independent(steps: int, schedule: NoiseSchedule = LINEAR) -> RevealRule:
    """Each hidden position with probability ``(alpha_s - alpha_t) / (1 - alpha_t)``: the vanilla reverse process.

    Tau-leaping; scores are ignored. Tokens of one step are drawn as if independent, so few steps leave the
    distribution even with exact conditionals. The last step reveals all that is left. Source: paper, section 4.

    Raises:
        ValueError: ``steps < 1``.
    """
    _check_steps(steps)

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        uniform = uniform_noise(tuple(now.hidden.shape), generator, now.hidden.device)
        return now.hidden & (uniform < reveal_probability(now.step, steps, schedule))

    return RevealRule(choose, steps)


def binomial(steps: int, schedule: NoiseSchedule = LINEAR) -> RevealRule:
    """The K best positions, K ~ Binomial(masks, (alpha_s - alpha_t) / (1 - alpha_t)), drawn anew per row and step.

    The number of reveals has the law of :func:`independent`, the positions are the score's; with random scores the two
    are one rule. A step may reveal nothing, the last one reveals all that is left. Source: paper, section 4.

    Raises:
        ValueError: ``steps < 1``.
    """
    blind = independent(steps, schedule)

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        return reveal_top_k(now.score, now.hidden, blind.choose(now, generator).sum(dim=1))

    return RevealRule(choose, steps)


def counted(counts: Sequence[int]) -> RevealRule:
    """The ``counts[t]`` best positions at step t: a schedule as numbers (:mod:`lo_theory.laws.step_counts`).

    A row with fewer masks than all counts together is finished early; one with more is finished by the last step, which
    reveals all that is left.

    Raises:
        ValueError: no counts, or one below 1.
    """
    numbers = tuple(int(count) for count in counts)
    if not numbers or min(numbers) < 1:
        raise ValueError(f"counts are at least one number, each at least 1; got {numbers}.")

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        last = now.step >= len(numbers) - 1
        k = now.hidden.shape[1] if last else numbers[now.step]
        return reveal_top_k(now.score, now.hidden, torch.full_like(now.hidden[:, 0], k, dtype=torch.int64))

    return RevealRule(choose, len(numbers))


def least_confident_first(rule: RevealRule, tokens: int) -> RevealRule:
    """At each of the first steps the *worst* position of every row, alone; then ``rule``.

    Where nothing visible tells of a token, its answer is its prior, which is easily learned, and the token that is
    drawn gives the others something to follow from. With exact conditionals nothing changes in the law (chain rule).
    For generation: where a prompt decides the answer, as in a puzzle, a guess is only a guess.

    Args:
        rule: sees its own count of steps, the ones before included.
        tokens: of them.
    Raises:
        ValueError: ``tokens < 0``; ``rule`` names its steps, and not more of them than that.
    """
    if tokens < 0:
        raise ValueError(f"no fewer than 0 tokens come first; got {tokens}.")
    if rule.steps is not None and rule.steps <= tokens:
        raise ValueError(
            f"this rule reveals everything in {rule.steps} steps, so fewer tokens come first; got {tokens}."
        )

    alone = one_per_step()

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        if now.step >= tokens:
            return rule.choose(now, generator)
        return alone.choose(replace(now, score=-now.score), generator)

    return RevealRule(choose, rule.steps)


def reveal_probability(step: int, steps: int, schedule: NoiseSchedule) -> float:
    """``(alpha_s - alpha_t) / (1 - alpha_t)`` of the step from t = 1 - step/steps to s = t - 1/steps; 1 at the last."""
    if step >= steps - 1:
        return 1.0
    times = torch.tensor([steps - step - 1, steps - step], dtype=torch.float64) / steps
    after, before = schedule.masked(times).tolist()
    return 1.0 - after / before


def _rounded(expected: Tensor) -> Tensor:
    """To the nearest integer, halves upwards."""
    return (expected + 0.5 + _ROUNDING_SLACK).floor().long()


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise ValueError(f"decoding needs at least one step; got steps = {steps}.")
