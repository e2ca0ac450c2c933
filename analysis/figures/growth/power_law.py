"""Power laws through budgets, of which some were too small: censored regression, and intervals over seeds.

``log T = a + b log N`` with normal residuals. Where a learner never got there its T is larger than its largest budget,
and where it was there at once smaller than its smallest: such a run counts with the probability of that (Tobin 1958),
by expectation and maximisation. Without them this is least squares. Intervals are percentiles over resampled seeds
(Efron 1979), drawn anew for each N and stretched by sqrt(S / (S - 1)), as resampling S runs has so much too little
variance. With few seeds they are rough, and they say nothing of whether the law holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import log_ndtr

RESAMPLES = 1000
_ROUNDS, _SETTLED = 300, 1e-5  # of expectation and maximisation, until no log T moves more than that
_LEAST_SPREAD = 0.02  # of log T: budgets tell no more apart


@dataclass(frozen=True)
class Reached:
    """When a run reached what was asked of it.

    Attributes:
        n_latents: N.
        cost: steps or operations; of a run that never got there its largest budget, of one that was there at once its
            smallest.
        known: 0 if ``cost`` is where it happened, 1 if it is later, -1 if it is earlier.
    """

    n_latents: int
    cost: float
    known: int = 0


@dataclass(frozen=True)
class PowerLaw:
    """``T = exp(intercept) N^exponent``, fitted to runs, and what resampled seeds make of it.

    Attributes:
        resampled: (R, 2) intercepts and exponents of those that could be fitted, stretched; none if an N has one run.
        spread: standard deviation of the residuals of log T.
    """

    intercept: float
    exponent: float
    spread: float
    resampled: Float64[np.ndarray, "R 2"]

    def cost(self, n_latents: float | int) -> float:
        """T at N."""
        return math.exp(self.intercept + self.exponent * math.log(n_latents))

    def exponent_interval(self) -> tuple[float, float]:
        """95% over resampled seeds."""
        return _percentiles(self.resampled[:, 1])

    def cost_interval(self, n_latents: float | int) -> tuple[float, float]:
        """95% over resampled seeds, of the law at N; that it is a power law is taken for granted."""
        low, high = _percentiles(self.resampled @ np.array([1.0, math.log(n_latents)]))
        return math.exp(low), math.exp(high)


def fit_power_law(runs: Sequence[Reached], *, resamples: int = RESAMPLES, seed: int = 0) -> PowerLaw | None:
    """The law through the runs; None unless it happened within the budgets at two values of N."""
    every = np.arange(len(runs))[None]
    x = np.log([run.n_latents for run in runs])
    y, known = np.log([run.cost for run in runs]), np.array([run.known for run in runs])
    if not len(runs) or not _fittable(x, known, every)[0]:
        return None
    intercept, exponent, spread = (float(number[0]) for number in _fit(x[every], y[every], known[every]))
    rng = np.random.default_rng(seed)
    of_size = [np.flatnonzero(x == value) for value in np.unique(x)]
    drawn = np.concatenate([rng.choice(own, size=(resamples, len(own))) for own in of_size], axis=1)
    drawn = drawn[_fittable(x, known, drawn)]
    fewest = min(map(len, of_size))
    if fewest < 2 or not len(drawn):
        return PowerLaw(intercept, exponent, spread, np.empty((0, 2)))
    found, centre = np.stack(_fit(x[drawn], y[drawn], known[drawn])[:2], axis=1), np.array([intercept, exponent])
    return PowerLaw(intercept, exponent, spread, centre + math.sqrt(fewest / (fewest - 1)) * (found - centre))


def _fittable(
    x: Float64[np.ndarray, "n"], known: Int64[np.ndarray, "n"], drawn: Int64[np.ndarray, "R n"]
) -> np.ndarray:
    """Which samples have runs of two sizes that got there within the budgets."""
    seen = np.where(known[drawn] == 0, x[drawn], np.nan)
    there = ~np.isnan(seen).all(axis=1)
    low = np.where(np.isnan(seen), np.inf, seen).min(axis=1)
    high = np.where(np.isnan(seen), -np.inf, seen).max(axis=1)
    return there & (high > low)


def _fit(
    x: Float64[np.ndarray, "R n"], y: Float64[np.ndarray, "R n"], known: Int64[np.ndarray, "R n"]
) -> tuple[Float64[np.ndarray, "R"], Float64[np.ndarray, "R"], Float64[np.ndarray, "R"]]:
    """Intercept, exponent and spread of every sample."""
    expected, extra = y, np.zeros_like(y)
    for _ in range(_ROUNDS if (known != 0).any() else 0):
        mean, spread, *_ = _maximised(x, expected, extra)
        before = expected
        expected, extra = _beyond(y, known, mean, spread[:, None])
        if np.abs(expected - before).max() < _SETTLED:
            break
    _, spread, intercept, exponent = _maximised(x, expected, extra)
    return intercept, exponent, spread


def _maximised(x: np.ndarray, y: np.ndarray, extra: np.ndarray) -> tuple[np.ndarray, ...]:
    """Fitted log T of every run, and of every sample its spread, intercept and exponent."""
    intercept, exponent = _least_squares(x, y)
    mean = intercept[:, None] + exponent[:, None] * x
    spread = np.sqrt(((y - mean) ** 2 + extra).mean(axis=1)).clip(_LEAST_SPREAD)
    return mean, spread, intercept, exponent


def _least_squares(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    centred = x - x.mean(axis=1, keepdims=True)
    exponent = (centred * y).sum(axis=1) / (centred**2).sum(axis=1)
    return y.mean(axis=1) - exponent * x.mean(axis=1), exponent


def _beyond(y: np.ndarray, known: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of log T given what is known of it: itself, or that it is larger or smaller than y."""
    z = known * (y - mean) / spread  # the bound, in a direction in which the truth lies beyond
    hazard = np.exp(-0.5 * z**2 - 0.5 * math.log(2 * math.pi) - log_ndtr(-z))
    expected = np.where(known == 0, y, mean + known * spread * hazard)
    variance = np.where(known == 0, 0.0, spread**2 * (1 + z * hazard - hazard**2).clip(0.0))
    return expected, variance


def _percentiles(values: Float64[np.ndarray, "R"]) -> tuple[float, float]:
    if not len(values):
        return math.nan, math.nan
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def bracket(ends: tuple[float, float], form: str) -> str:
    """An interval behind its number, as ``[1.2, 1.5]`` by ``.1f``; nothing where it is not known."""
    return "" if math.isnan(ends[0]) else f" [{ends[0]:{form}}, {ends[1]:{form}}]"
