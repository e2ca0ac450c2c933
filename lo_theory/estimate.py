"""Numbers that say how they were obtained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import norm, t

Method = Literal["exact", "chain", "monte_carlo"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its error and its origin.

    Attributes:
        value: the estimate.
        standard_error: one standard deviation of its sampling error; 0 when nothing was sampled.
        samples: number of independent draws behind it.
        method: ``exact`` (every mask or state was visited), ``chain`` (exact along given orders, averaged over data) or
            ``monte_carlo`` (masks or samples were drawn).
    """

    value: float
    standard_error: float
    samples: int
    method: Method

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Normal confidence interval of the given level."""
        half = float(norm.ppf(0.5 + confidence / 2)) * self.standard_error
        return self.value - half, self.value + half

    def __str__(self) -> str:
        """For people: value, error, draws and method."""
        return f"{self.value:.4f} +- {self.standard_error:.4f} ({self.method}, n={self.samples})"


def mean_estimate(values: Float[np.ndarray, "n"], method: Method = "monte_carlo") -> Estimate:
    """Mean of independent draws with the standard error of the mean; one draw alone has no error estimate (NaN).

    Raises:
        ValueError: no values.
    """
    if not len(values):
        raise ValueError("a mean needs at least one value; got none. Draw more samples.")
    n = len(values)
    error = float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return Estimate(value=float(np.mean(values)), standard_error=error, samples=n, method=method)


def exact_estimate(value: float) -> Estimate:
    """A number that nothing was sampled for."""
    return Estimate(value=value, standard_error=0.0, samples=1, method="exact")


def ratio_estimate(
    totals: Float[np.ndarray, "n"], cells: Float[np.ndarray, "n"], method: Method = "monte_carlo"
) -> Estimate:
    """Mean over cells that come in n independent clusters: ``sum(totals) / sum(cells)``.

    Args:
        totals: sum of the values in each cluster, such as the masked tokens of a sequence.
        cells: number of values in each cluster, all positive.
    Returns:
        the standard error is that of the linearised ratio (Cochran 1977, ch. 6); NaN for a single cluster or a value
        that is not finite.
    Raises:
        ValueError: no clusters.
    """
    n = len(totals)
    if not n:
        raise ValueError("a ratio needs at least one cluster; got none. Draw more samples.")
    value, error = float(totals.sum() / cells.sum()), math.nan
    if n > 1 and math.isfinite(value):
        residual = totals - value * cells
        error = float(np.sqrt((residual**2).sum() / (n * (n - 1))) / cells.mean())
    return Estimate(value=value, standard_error=error, samples=n, method=method)


def ratio_interval(
    numerators: Float[np.ndarray, "n"], denominators: Float[np.ndarray, "n"], confidence: float = 0.95
) -> tuple[float, float]:
    """Fieller's interval of a ratio of two means over n independent pairs, exact for normal ones, however few.

    Returns:
        both ends; all numbers, ``(-inf, inf)``, where the mean of the denominators may be zero at this confidence, or
        with a single pair or values that are not finite.
    Raises:
        ValueError: no pairs, or not as many of the one as of the other.
    Source: Fieller 1954; the t-test of every value r of the ratio on the differences a - r b, with n - 1 degrees of
    freedom.
    """
    n = len(numerators)
    if not n or len(denominators) != n:
        raise ValueError(f"a ratio of means has as many numerators as denominators; got {n} and {len(denominators)}.")
    if n < 2 or not (np.isfinite(numerators).all() and np.isfinite(denominators).all()):
        return -math.inf, math.inf
    above, below = float(numerators.mean()), float(denominators.mean())
    (v_above, both), (_, v_below) = np.cov(numerators, denominators) / n
    reach = float(t.ppf(0.5 + confidence / 2, n - 1)) ** 2
    # |above - r below| <= sqrt(reach (v_above - 2 r both + r^2 v_below)): a quadratic in r
    square, linear, constant = below**2 - reach * v_below, above * below - reach * both, above**2 - reach * v_above
    if square <= 0:
        return -math.inf, math.inf
    half = math.sqrt(max(0.0, linear**2 - square * constant))
    return (linear - half) / square, (linear + half) / square


def share_estimate(successes: int, trials: int) -> Estimate:
    """Share of independent trials that succeeded; its error is zero where all did, or none: an interval is not.

    Raises:
        ValueError: as :func:`wilson_interval`, which goes with it.
    """
    _check_counts(successes, trials)
    share = successes / trials
    error = math.sqrt(share * (1 - share) / trials)
    return Estimate(value=share, standard_error=error, samples=trials, method="monte_carlo")


def wilson_interval(successes: int | float, trials: int | float, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927); sensible also at 0 and 1, where the normal interval has no width.

    Args:
        successes, trials: whole numbers, or effective ones.
    Raises:
        ValueError: not ``0 <= successes <= trials`` with at least one trial.
    """
    _check_counts(successes, trials)
    return _score_interval(successes / trials, trials, confidence)


def effective_interval(share: float, error: float, clusters: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share over tokens that come in independent clusters, of any sizes.

    The number of trials is the effective one, ``share (1 - share) / error**2`` (Korn and Graubard 1998). It is at least
    the number of clusters, and is set to that where the error is zero or unknown (NaN), so a share of 100% in n
    clusters has the lower end of n successes in n trials.

    Args:
        error: a standard error that counts a cluster as one draw.
    """
    trials = max(float(clusters), share * (1 - share) / error**2) if error > 0 else float(clusters)
    return _score_interval(share, trials, confidence)


def clustered_interval(hits: Bool[np.ndarray, "n P"], confidence: float = 0.95) -> tuple[float, float]:
    """Interval of the mean of ``hits``, when the tokens of a sequence depend on each other and sequences do not."""
    mean = mean_estimate(hits.mean(axis=1))
    return effective_interval(mean.value, mean.standard_error, mean.samples, confidence)


def _score_interval(share: float, trials: int | float, confidence: float) -> tuple[float, float]:
    z = float(norm.ppf(0.5 + confidence / 2))
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / scale
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))  # rounding moves no exact end


def _check_counts(successes: int | float, trials: int | float) -> None:
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"a proportion needs 0 <= successes <= trials, trials >= 1; got {successes} of {trials}.")
