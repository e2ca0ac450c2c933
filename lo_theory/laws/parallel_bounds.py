"""Bounds on what parallel steps lose, and schedules from the literature, all read off the information curve.

The loss of a schedule (:func:`~lo_theory.laws.step_counts.parallel_kl`) is linear in the falls of the curve,
``d(j) = h(j - 1) - h(j)`` for j = 1, ..., L - 1: the j-th token, at the place j - n of a step that begins with n
visible tokens and ends with n', is not seen by the n' - j tokens after it in the step, so its fall is lost n' - j
times. Three numbers count the same falls:

    total correlation        sum_j (L - j) d(j)
    dual total correlation   sum_j j d(j)
    their sum                sum_j L d(j) = sum_i I(X_i; all other tokens)

A schedule therefore loses at most the largest ratio of the two counts times that number, and no smaller factor will
do: a maximum distance separable code has one fall alone, at any j.

Proofs and constants here are ours. The forms were published: the sum of mutual informations over the number of steps
(Li and Cai 2025, arXiv 2505.21400), the tokens per step times the height of the curve (Lavenant and Zanella 2025,
arXiv 2510.25544), total and dual total correlation with O(log L) steps (Chen, Cong and Li 2025, arXiv 2511.04647).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64

from lo_theory.estimate import Estimate
from lo_theory.laws.information_curve import InformationCurve
from lo_theory.laws.step_counts import block_losses, dual_total_correlation_counts, total_correlation_counts

_ROUNDING = 1e-12  # nats


@dataclass(frozen=True)
class LossBounds:
    """The least that is sure of a schedule's loss if one number about the distribution is known, in nats.

    Attributes:
        mutual: the sum over tokens of the mutual information with all others is known.
        total: the total correlation is.
        dual: the dual total correlation is.
    """

    mutual: Estimate
    total: Estimate
    dual: Estimate


def mutual_information_sum(curve: InformationCurve) -> Estimate:
    """``sum_i I(X_i; all others)``: total and dual total correlation together."""
    ends = np.eye(curve.length)
    return curve.linear(curve.length * (ends[0] - ends[-1]))


def fall_weights(counts: Sequence[int]) -> Int64[np.ndarray, " F"]:
    """How often the fall at j = 1, ..., L - 1 is lost: the tokens that follow the j-th in its own step.

    >>> fall_weights((3, 1, 2)).tolist()
    [2, 1, 0, 0, 1]
    """
    numbers = _checked(counts)
    ends = np.repeat(numbers.cumsum(), numbers)  # of the step of each token
    return (ends - np.arange(1, len(ends) + 1))[:-1]


def loss_bounds(curve: InformationCurve, counts: Sequence[int]) -> LossBounds:
    """What a schedule loses at most, from each of three numbers alone; equality for the worst distribution.

    Raises:
        ValueError: a negative count, or counts that do not add up to L.
    """
    if sum(counts) != curve.length:
        raise ValueError(f"counts must add up to L = {curve.length}; got {list(counts)}.")
    length = curve.length
    weights, at = fall_weights(counts), np.arange(1, length)

    def most(ratios: Float64[np.ndarray, " F"], number: Estimate) -> Estimate:
        factor = float(ratios.max(initial=0.0))
        return replace(number, value=factor * number.value, standard_error=factor * number.standard_error)

    return LossBounds(
        mutual=most(weights / length, mutual_information_sum(curve)),
        total=most(weights / (length - at), curve.total_correlation()),
        dual=most(weights / at, curve.dual_total_correlation()),
    )


def logarithmic_bound(curve: InformationCurve, steps: int) -> float:
    """What the best schedule of so many steps loses at most, in nats, by its total or dual total correlation alone.

    Steps that are a share of the masks take ``2 + ln(L - 1) / share`` calls at most and lose that share of the total
    correlation; steps that grow with the visible tokens take ``1 + ln(L) (1 / share + 1 / 2)`` and lose that share of
    the dual one. Turned round: O(log L / accuracy) calls lose the accuracy times the smaller of the two.

    Raises:
        ValueError: ``steps`` is not in 1..L.
    """
    length = curve.length
    _check(steps, length)
    total, dual = curve.total_correlation().value, curve.dual_total_correlation().value
    share = math.log(max(length - 1, 1)) / (steps - 2) if steps > 2 else 1.0
    slack = (steps - 1) / math.log(length) - 0.5 if length > 1 else math.inf
    return min(total * min(share, 1.0), dual / slack if slack >= 1 else math.inf)


def total_correlation_steps(length: int, steps: int) -> tuple[int, ...]:
    """At most ``steps`` steps that lose the least share of the total correlation, whatever the distribution.

    Source of the rate: arXiv 2511.04647. That no other counts have a smaller share is ours: the first token of a step
    is its costliest, so the longest step that a share allows is the best.

    Raises:
        ValueError: ``steps`` is not in 1..L.
    """
    return _least_share(length, steps, total_correlation_counts)


def dual_total_correlation_steps(length: int, steps: int) -> tuple[int, ...]:
    """The same for the dual total correlation; where no share below 1 takes few enough steps, equal ones.

    Raises:
        ValueError: ``steps`` is not in 1..L.
    """
    return _least_share(length, steps, dual_total_correlation_counts)


def square_root_counts(curve: InformationCurve, steps: int) -> tuple[int, ...]:
    """Steps over each of which the square roots of the falls add up to about the same.

    A step of K tokens where the curve falls by d per token loses about ``d K^2 / 2``; for a given number of steps the
    sum is least where K is inversely proportional to the square root of d. Right for many small falls; a derivation
    like that of optimal quantisers, ours, after the continuous limit in arXiv 2510.25544.

    Raises:
        ValueError: ``steps`` is not in 1..L.
    """
    length = curve.length
    _check(steps, length)
    roots = np.sqrt(np.maximum(-np.diff(curve.nats), 0.0))
    if not roots.any():
        roots = np.ones(max(length - 1, 1))
    mass = np.concatenate([[0.0], roots, roots[-1:]]).cumsum()  # before each token; the last one has no fall of its own
    starts = [0]
    for step in range(1, steps):
        wanted = mass[-1] * step / steps
        start = int(np.abs(mass[:length] - wanted).argmin())
        starts.append(min(max(start, starts[-1] + 1), length - (steps - step)))
    return tuple(int(k) for k in np.diff([*starts, length]))


def growth_counts(curve: InformationCurve, steps: int) -> tuple[int, ...]:
    """Steps of which the costliest loses as little as possible: each takes tokens until it would lose more.

    A rule by the growth of mutual information: the nats that a step may lose are the same for all, and the fewest with
    which so few steps suffice.

    Raises:
        ValueError: ``steps`` is not in 1..L.
    """
    length = curve.length
    _check(steps, length)
    loss = np.maximum(block_losses(curve.nats), 0.0)
    loss[np.arange(length), np.arange(1, length + 1)] = 0.0  # a token alone, whatever the rounding
    allowed = np.unique(loss[np.isfinite(loss)])
    few = bisect_left(allowed, True, hi=len(allowed) - 1, key=lambda nats: len(_greedy(loss, nats)) <= steps)
    return _greedy(loss, allowed[few])


def _greedy(loss: Float64[np.ndarray, "n n"], allowed: float) -> tuple[int, ...]:
    counts, visible, length = [], 0, len(loss) - 1
    while visible < length:
        fits = np.flatnonzero(loss[visible, visible + 1 :] <= allowed + _ROUNDING)
        counts.append(int(fits[-1]) + 1)
        visible += counts[-1]
    return tuple(counts)


def _least_share(length: int, steps: int, counts_of: Callable[[int, float], tuple[int, ...]]) -> tuple[int, ...]:
    """Counts of the least share, of all k / m at which a count changes, that takes at most so many steps."""
    _check(steps, length)
    ratios = sorted({(k / m, k == m) for m in range(1, length + 1) for k in range(m + 1)})
    shares = [share if whole else float(np.nextafter(share, 2.0)) for share, whole in ratios]  # k / m times m is k
    few = bisect_left(shares, True, key=lambda share: len(counts_of(length, share)) <= steps)
    if few == len(shares):
        return tuple(len(part) for part in np.array_split(np.arange(length), steps))
    return counts_of(length, shares[few])


def _checked(counts: Sequence[int]) -> Int64[np.ndarray, " T"]:
    numbers = np.asarray(counts, dtype=np.int64)
    if numbers.ndim != 1 or not numbers.sum() or (numbers < 0).any():
        raise ValueError(f"counts must be >= 0 and reveal at least one token; got {numbers.tolist()}.")
    return numbers


def _check(steps: int, length: int) -> None:
    if not 1 <= steps <= length:
        raise ValueError(f"between 1 and L = {length} steps reveal at least one token each; got steps = {steps}.")
