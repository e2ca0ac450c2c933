"""Where one learner overtakes another as epochs go on, and how well that is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000

Curve = Mapping[float, Sequence[tuple[float, float]]]
"""By epochs, value and standard error of each run."""


@dataclass(frozen=True)
class Crossover:
    """From which epoch on the challenger is below the other.

    Attributes:
        epoch: between two that were trained, by a straight line in log epochs; None: nowhere.
        low, high: middle 95% of the resamples that have one, NaN without.
        share: of the resamples that have one.
    """

    epoch: float | None
    low: float
    high: float
    share: float


def first_crossing(epochs: Sequence[float], difference: Sequence[float]) -> float | None:
    """The first epoch at which a difference falls from above zero to zero or below; None if it never does.

    A challenger that is below from the first epoch on does not overtake: None.

    Args:
        epochs: ascending and positive.
    """
    for (before, high), (after, low) in zip(
        zip(epochs, difference, strict=True), zip(epochs[1:], difference[1:], strict=True), strict=False
    ):
        if high > 0 >= low:
            return float(before * (after / before) ** (high / (high - low)))
    return None


def crossover(challenger: Curve, other: Curve, *, resamples: int = RESAMPLES, seed: int = 0) -> Crossover:
    """Where the challenger's mean loss falls below the other's, over the epochs that both have.

    Each resample draws the runs of every point anew and adds to each the error of its measurement, as if the windows of
    the two were not the same: the interval is rather too wide. With one run it is that of the measurement alone.

    Raises:
        ValueError: no epoch that both have.
    """
    epochs = sorted(set(challenger) & set(other))
    if not epochs:
        raise ValueError("two learners cross at epochs that both were trained for; they have none in common.")
    rng, found = np.random.default_rng(seed), list[float]()
    for _ in range(resamples):
        drawn = [_drawn(challenger[at], rng) - _drawn(other[at], rng) for at in epochs]
        crossed = first_crossing(epochs, drawn)
        found += [] if crossed is None else [crossed]
    means = [_mean(challenger[at]) - _mean(other[at]) for at in epochs]
    low, high = np.percentile(found, [2.5, 97.5]) if found else (math.nan, math.nan)
    return Crossover(first_crossing(epochs, means), float(low), float(high), len(found) / max(resamples, 1))


def _mean(runs: Sequence[tuple[float, float]]) -> float:
    return float(np.mean([value for value, _ in runs]))


def _drawn(runs: Sequence[tuple[float, float]], rng: np.random.Generator) -> float:
    picked = [runs[i] for i in rng.integers(len(runs), size=len(runs))]
    return float(np.mean([value + error * rng.standard_normal() for value, error in picked]))
