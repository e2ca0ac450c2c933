"""Approximate message passing for random slabs: Bayes-optimal inference on one instance, N in the thousands.

The iteration (generalised AMP of Rangan 2011, in the form of Zdeborova and Krzakala 2016, Algorithm 3) keeps a mean m
of every latent and an estimate w of every observation's field,

    V = 1 - <m^2>,   w = F m - V g,   g = g_y(w, V),   r = -<dg/dw> P / N,   m = tanh(F^T g + r m + prior field)

with F the directions over sqrt(N). Its overlap with the teacher follows :mod:`~lo_theory.phases.slab_evolution` as N
grows. Slabs are even, so m = 0 is a fixed point and the teacher is found up to one sign: a start that knows nothing is
a small random vector. There is no damping: the correction V g belongs to the undamped mean, and with a mean that lags
behind it the iteration stays near m = 0 at densities where state evolution, and the undamped iteration, leave it. It
ends when sqrt(V) N is of order one: then hardly an observation has its edge within the uncertainty of its field, what
they say is no longer an average, and one more step could forget everything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Integer
from scipy.stats import norm

from generators.planted.slabs import SlabInstance
from lo_theory.phases.slab_evolution import gate

_NOTHING = 1e-8  # mean square at which no latent is known
_CERTAIN = 1e-5  # variance at which every latent counts as known; 10 / N^2 where that is smaller
_RANDOM_START = 1e-3  # standard deviation of m: the part along the teacher needs time to outgrow the rest


@dataclass(frozen=True, kw_only=True)
class AmpSettings:
    """How to iterate.

    Attributes:
        max_iterations: give up after so many.
        tolerance: converged when the root mean square change of m is below this share of its own (of 1e-4 where m is
            smaller than that).
    Raises:
        ValueError: a value out of range.
    """

    max_iterations: int = 500
    tolerance: float = 1e-3

    def __post_init__(self) -> None:
        """Check every value."""
        if self.max_iterations < 1 or not self.tolerance > 0:
            raise ValueError(
                f"AMP needs max_iterations >= 1 and tolerance > 0; got {self.max_iterations} and {self.tolerance}."
            )


@dataclass(frozen=True, kw_only=True)
class AmpResult:
    """Where the iteration ended.

    Attributes:
        means: (N,) posterior means of the spins 2x - 1.
        self_overlap: mean of their squares, which equals the overlap with the teacher where the iteration is
            Bayes-optimal (Nishimori).
        precision: r at the end.
        iterations, converged: how many, and whether it came to rest.
    """

    means: Float64[np.ndarray, "N"]
    self_overlap: float
    precision: float
    iterations: int
    converged: bool

    def overlap(self, latents: Integer[np.ndarray, "N"]) -> float:
        """|<m, sigma>| / N with the spins of ``latents``, in [0, 1]: up to the sign, which no slab tells."""
        return abs(float(self.means @ (2.0 * latents - 1.0))) / len(latents)


def random_start(n_latents: int, rng: np.random.Generator) -> Float64[np.ndarray, "N"]:
    """Small random means that know nothing."""
    return np.tanh(_RANDOM_START * rng.standard_normal(n_latents))


def planted_start(
    latents: Integer[np.ndarray, "N"], rng: np.random.Generator, precision: float = 10.0
) -> Float64[np.ndarray, "N"]:
    """Means of latents seen through Gaussian noise of the given precision: nearly the teacher, and calibrated."""
    spins = 2.0 * latents - 1.0
    return np.tanh(precision * spins + math.sqrt(precision) * rng.standard_normal(len(latents)))


def run_amp(
    instance: SlabInstance,
    width: float,
    start: Float64[np.ndarray, "N"],
    settings: AmpSettings | None = None,
    prior_field: Float64[np.ndarray, "N"] | None = None,
) -> AmpResult:
    """Iterate from ``start`` until it comes to rest; it does not see ``instance.latents``.

    Args:
        width: kappa, half the slab's width in units of sqrt(N).
        prior_field: half the log odds of each latent before any observation; uniform bits if not given.
    Raises:
        ValueError: a start or a prior field of another length than N, or a width that is not positive.
    Cost: O(P N) per iteration, two products with the directions (in float32).
    """
    settings = settings or AmpSettings()
    n = instance.directions.shape[1]
    field = np.zeros(n) if prior_field is None else prior_field
    if len(start) != n or len(field) != n or not width > 0:
        raise ValueError(
            f"start and prior field need N = {n} entries and the width is positive; "
            f"got {len(start)}, {len(field)} and {width}."
        )
    matrix = (instance.directions / math.sqrt(n)).astype(np.float32)
    certain = min(_CERTAIN, 10.0 / n**2)
    means, scores, precision = start, np.zeros(len(matrix)), 0.0
    for iteration in range(1, settings.max_iterations + 1):
        variance = 1.0 - float(np.square(means).mean())
        if variance < certain:
            return _result(means, precision, iteration, converged=True)
        estimate = matrix @ means.astype(np.float32) - variance * scores
        scores, curvature = observation_scores(instance.values, width, variance, estimate.astype(np.float64))
        precision = -float(curvature.sum()) / n
        new = np.tanh((scores.astype(np.float32) @ matrix).astype(np.float64) + precision * means + field)
        change = float(np.square(new - means).mean())
        means = new
        if change < settings.tolerance**2 * max(float(np.square(means).mean()), _NOTHING):
            return _result(means, precision, iteration, converged=True)
    return _result(means, precision, settings.max_iterations, converged=False)


def observation_scores(
    values: Integer[np.ndarray, "P"], width: float, variance: float, estimate: Float64[np.ndarray, "P"]
) -> tuple[Float64[np.ndarray, "P"], Float64[np.ndarray, "P"]]:
    """g = d log p_y / dw and dg / dw at fields ``estimate`` known up to ``variance``."""
    log_p, log_slope = gate(width, variance, estimate)
    log_seen = np.take_along_axis(log_p, values[None].astype(np.int64), axis=0)[0]
    towards = np.where(values == 1, -1.0, 1.0)  # a field further out makes y = 1 less likely
    scores = towards * np.sign(estimate) * np.exp(log_slope - log_seen)
    deviation, size = math.sqrt(variance), np.abs(estimate)
    low, high = (-width - size) / deviation, (width - size) / deviation
    bend = low * np.exp(norm.logpdf(low) - log_seen) - high * np.exp(norm.logpdf(high) - log_seen)
    return scores, -towards * bend / variance - np.square(scores)


def _result(means: Float64[np.ndarray, "N"], precision: float, iterations: int, *, converged: bool) -> AmpResult:
    return AmpResult(
        means=means,
        self_overlap=float(np.square(means).mean()),
        precision=precision,
        iterations=iterations,
        converged=converged,
    )
