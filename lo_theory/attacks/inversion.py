"""What inverting costs: the outcome of one attack, the typical cost of many, its growth with the number of latents.

An attack is given up at a budget. A run that was given up is counted, never dropped: it has cost *at least* its budget
(right-censored), and each statistic says what that does to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Integer

Statistic = Literal["mean", "median"]
MIN_SOLVED = 0.75
"""Share of solved runs below which a size is a lower bound and no point of a fit."""

MIN_SIZES = 3
"""Points that a fit needs."""


@dataclass(frozen=True, eq=False)
class Attempt:
    """One run of an attack.

    Attributes:
        latents: (N,) what was recovered, after it passed the verification of the attack; None if it was given up.
        costs: work done, by the name of its unit, such as "trials"; machine-independent counts.
        seconds: wall clock, which is not.
    """

    latents: Integer[np.ndarray, "N"] | None
    costs: Mapping[str, int]
    seconds: float

    @property
    def solved(self) -> bool:
        """Whether something was recovered."""
        return self.latents is not None


@dataclass(frozen=True)
class Growth:
    """``log2(typical cost) = intercept + bits_per_latent N``, beside ``cost ~ N**power`` on the same points.

    Attributes:
        bits_per_latent: fitted slope; 1 doubles the cost with every latent.
        standard_error: of the slope, by resampling the runs of every size.
        low, high: 95% percentile interval of the same resamples.
        intercept: log2 of the cost at N = 0.
        power: slope of log2 cost against log2 N.
        misfit, power_misfit: root mean square residual of either fit, in bits: which of the two describes the points.
        sizes: the values of N that were fitted, those with at least ``MIN_SOLVED`` of their runs solved.
        lower_bounds: the others.
    """

    bits_per_latent: float
    standard_error: float
    low: float
    high: float
    intercept: float
    power: float
    misfit: float
    power_misfit: float
    sizes: tuple[int, ...]
    lower_bounds: tuple[int, ...]


def typical_cost(cost: Float[np.ndarray, "runs"], solved: Bool[np.ndarray, "runs"], statistic: Statistic) -> float:
    """Mean or median cost of a solution.

    Args:
        cost: of every run, at the budget if it was given up.
        statistic: "mean" is all work over the number of solutions, the maximum-likelihood estimate for memoryless
            attacks whatever the budget (``inf`` without a solution). "median" takes given-up runs as dearer than all
            others; it is the median as long as more than half are solved, else a lower bound.
    Raises:
        ValueError: no runs.
    """
    if not len(cost) or cost.shape != solved.shape:
        raise ValueError(f"one cost and one outcome per run, at least one run; got {cost.shape} and {solved.shape}.")
    if statistic == "mean":
        return float(cost.sum() / solved.sum()) if solved.any() else np.inf
    return float(np.median(np.where(solved, cost, cost.max())))


def fit_growth(
    sizes: Integer[np.ndarray, "runs"],
    cost: Float[np.ndarray, "runs"],
    solved: Bool[np.ndarray, "runs"],
    statistic: Statistic,
    rng: np.random.Generator,
    *,
    resamples: int = 400,
) -> Growth:
    """Least squares through log2 of the typical cost of every size, and its error from a bootstrap of the runs.

    The error covers the spread between runs at these sizes. It does not cover whether the growth is exponential
    beyond them: compare the two misfits.

    Args:
        sizes: N of every run.
        cost, solved: as in :func:`typical_cost`; costs below one count as one.
    Raises:
        ValueError: fewer than ``MIN_SIZES`` sizes with enough solved runs.
    """
    cost = np.maximum(cost.astype(np.float64), 1.0)
    groups = {int(n): np.flatnonzero(sizes == n) for n in np.unique(sizes)}
    used = {n: at for n, at in groups.items() if solved[at].mean() >= MIN_SOLVED}
    if len(used) < MIN_SIZES:
        raise ValueError(
            f"a growth needs {MIN_SIZES} sizes with {MIN_SOLVED:.0%} of their runs solved; got "
            f"{ {n: round(float(solved[at].mean()), 2) for n, at in groups.items()} }. "
            "Raise the budget or take smaller sizes."
        )
    n = np.array(list(used), dtype=np.float64)
    bits = np.array([np.log2(typical_cost(cost[at], solved[at], statistic)) for at in used.values()])
    slopes = []
    for _ in range(resamples):
        drawn = [rng.choice(at, len(at)) for at in used.values()]
        again = [typical_cost(cost[at], solved[at], statistic) for at in drawn]
        if np.isfinite(again).all():  # a resample without any solution has no mean
            slopes.append(_line(n, np.log2(again))[0])
    slope, intercept, misfit = _line(n, bits)
    power, _, power_misfit = _line(np.log2(n), bits)
    low, high = np.percentile(slopes, [2.5, 97.5])
    left = tuple(size for size in groups if size not in used)
    return Growth(
        slope, float(np.std(slopes, ddof=1)), float(low), float(high), intercept, power, misfit, power_misfit,
        tuple(used), left,
    )  # fmt: skip


def _line(x: Float[np.ndarray, "n"], y: Float[np.ndarray, "n"]) -> tuple[float, float, float]:
    """Slope, intercept and root mean square residual."""
    slope, intercept = np.polyfit(x, y, 1)
    return float(slope), float(intercept), float(np.sqrt(np.mean((y - slope * x - intercept) ** 2)))
