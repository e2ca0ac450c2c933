"""Random slabs in the limit of many latents: state evolution and free entropy of Bayes-optimal inference.

Teacher: sigma uniform in {-1, 1}^N, directions z_j ~ N(0, I_N), y_j = 1 where |<z_j, sigma>| < kappa sqrt(N) (Example
B.4 of the paper, the symmetric binary perceptron). Seen are P = alpha N pairs (z_j, y_j): those of both values, or, as
in the planted problem of Def. B.6, satisfied ones alone. Everything follows from one overlap q = <m, sigma> / N of the
posterior mean m with the teacher:

    precision of the latents' field   r = alpha E sum_y p_y g_y^2         (what the observations say)
    overlap                           q = E tanh(r + sqrt(r) Z)           (what the prior makes of it)

where p_y(w) = P(y | field w) of a field known up to the variance 1 - q, g_y its logarithmic derivative and w ~ N(0, q);
with satisfied observations alone the mean is over fields given y = 1. Fixed points are the stationary points of the
free entropy. That the largest of them is the truth is a theorem for generalised linear models whose observations are
independent given the latents (both values: Barbier, Krzakala, Macris, Miolane, Zdeborova 2019); for satisfied ones it
is the planted form of the same formula. That no polynomial-time algorithm beats the iteration from q = 0 is conjecture.

All integrals are deterministic (Gauss-Legendre panels), no symbol is sampled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.special import log_ndtr, xlogy
from scipy.stats import norm

from generators.planted.constraints import Shown

LOG_2 = math.log(2.0)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)
_NOTHING = 1e-300  # an overlap whose inverse is no number
_PANELS = np.array([0.0, 0.5, 1.5, 3.5, 6.0, 9.0])  # in units of the width of what changes; beyond nine is nothing
_LARGEST_PRECISION = 600.0  # 1 - q is below e^-300 there


@dataclass(frozen=True, kw_only=True)
class Slabs:
    """One problem: half the slab's width in units of sqrt(N), and which observations are seen.

    Raises:
        ValueError: a width that is not positive and finite.
    """

    width: float
    shown: Shown = "both"

    def __post_init__(self) -> None:
        """Check the width."""
        if not (math.isfinite(self.width) and self.width > 0):
            raise ValueError(f"the width of a slab is positive and finite; got {self.width}.")

    @property
    def satisfied_rate(self) -> float:
        """``P(|Z| < width)``: the share of observations that are 1."""
        return math.erf(self.width / math.sqrt(2))

    @property
    def information(self) -> float:
        """Nats that a visible observation says at most about all latents: H(y) of both values, -log p of y = 1."""
        p = self.satisfied_rate
        return -math.log(p) if self.shown == "satisfied" else float(-xlogy(p, p) - xlogy(1 - p, 1 - p))


def weak_recovery_density(slabs: Slabs) -> float:
    """Observations per latent above which q = 0 is unstable, closed form.

    ``(p / (2 kappa phi))^2`` for satisfied ones alone, ``1 / ((2 kappa phi)^2 (1/p + 1/(1 - p)))`` for both values: the
    slab is even in the field, so the first thing it says is about the field's square.
    """
    p, slope = slabs.satisfied_rate, 2 * slabs.width * float(norm.pdf(slabs.width))
    return (p / slope) ** 2 if slabs.shown == "satisfied" else 1 / (slope**2 * (1 / p + 1 / (1 - p)))


def first_moment_density(slabs: Slabs) -> float:
    """Observations per latent whose information equals the latents' entropy log 2: ``log 2 / H(y)``, ``-log 2/log p``.

    For satisfied observations it is the capacity of the symmetric binary perceptron (Aubin, Perkins, Zdeborova 2019).
    Where q = 0 is still the best point, teacher and chance change places here.
    """
    return LOG_2 / slabs.information


def precision(slabs: Slabs, density: float, q: float) -> float:
    """r: what the observations say about one latent at overlap q; 0 at q = 0, infinite at 1."""
    if q >= 1.0:
        return math.inf
    field, weight = _fields(slabs, q)
    log_p, log_slope = gate(slabs.width, 1 - q, field)
    squares = np.exp(2 * log_slope - log_p)  # p_y g_y^2 of y = 0, 1
    mean = squares[1] / slabs.satisfied_rate if slabs.shown == "satisfied" else squares.sum(axis=0)
    return density * float(weight @ mean)


def remaining(r: float) -> float:
    """1 - q of a latent seen through Gaussian noise of precision r, without loss of digits where q is nearly 1.

    ``1 - E tanh(r + sqrt(r) Z) = e^(-r/2) E 1 / cosh(sqrt(r) Z)``, by the change of measure between the two signs.
    """
    if r >= _LARGEST_PRECISION:
        return 0.0
    scale = math.sqrt(r)
    widths = _PANELS if scale < 1 else np.unique([*_PANELS, *(np.array([0.5, 1.5, 4, 10, 25, 40]) / scale)])
    t, weight = _panels(widths[widths <= _PANELS[-1]])
    return math.exp(-r / 2) * float(2 * weight @ (norm.pdf(t) / np.cosh(scale * t)))


def step(slabs: Slabs, density: float, q: float) -> float:
    """One step of state evolution."""
    return 1.0 - remaining(precision(slabs, density, q))


def entropy_per_latent(slabs: Slabs, density: float, r: float) -> float:
    """log 2 + free entropy at precision r, nats: the log number of latent vectors left, per latent, if r is the truth.

    r = 0 (q = 0): ``log 2 - density * information``; r infinite (q = 1): zero, the teacher alone. The largest value
    among the fixed points is the truth. Stationary in r exactly at the fixed points.
    """
    q = 1.0 - remaining(r)
    if q >= 1.0:
        return 0.0
    field, weight = _fields(slabs, q)
    log_p, _ = gate(slabs.width, 1 - q, field)
    terms = np.exp(log_p) * log_p
    said = terms[1] / slabs.satisfied_rate if slabs.shown == "satisfied" else terms.sum(axis=0)
    return density * float(weight @ said) + _latent_entropy(r) + r * (1 - q) / 2


def gate(
    width: float, variance: float, field: Float64[np.ndarray, "n"]
) -> tuple[Float64[np.ndarray, "2 n"], Float64[np.ndarray, "n"]]:
    """What a field known up to ``variance`` > 0 says about the observation: log p_y for y = 0, 1, and log |dp_y / dw|.

    The slope is the same for both values but for its sign, and falls with |w| for y = 1. No digits are lost in the
    tails, where a value is all but impossible.
    """
    deviation, size = math.sqrt(variance), np.abs(field)
    low, high = (-width - size) / deviation, (width - size) / deviation
    log_inside = log_ndtr(high) + np.log1p(-np.exp(log_ndtr(low) - log_ndtr(high)))
    log_outside = np.logaddexp(log_ndtr(low), log_ndtr(-high))
    with np.errstate(divide="ignore"):
        log_slope = norm.logpdf(high) + np.log(-np.expm1(norm.logpdf(low) - norm.logpdf(high))) - math.log(deviation)
    return np.stack([log_outside, log_inside]), log_slope


def _fields(slabs: Slabs, q: float) -> tuple[Float64[np.ndarray, "n"], Float64[np.ndarray, "n"]]:
    """Positive fields w and the weights of |w|, w ~ N(0, q): panels are fine where the gate turns, at w = width."""
    if q < _NOTHING:
        return np.zeros(1), np.ones(1)
    scale = math.sqrt(q)
    turn, sharpness = slabs.width / scale, math.sqrt((1 - q) / q)
    edges = np.concatenate([_PANELS, turn + sharpness * _PANELS, turn - sharpness * _PANELS])
    v, weight = _panels(np.unique(edges[(edges >= 0) & (edges <= _PANELS[-1])]))
    return scale * v, 2 * weight * norm.pdf(v)


def _panels(edges: Float64[np.ndarray, "e"]) -> tuple[Float64[np.ndarray, "n"], Float64[np.ndarray, "n"]]:
    """Nodes and weights of Gauss-Legendre on each interval between neighbouring edges."""
    half, middle = np.diff(edges)[:, None] / 2, (edges[1:] + edges[:-1])[:, None] / 2
    return (middle + half * _NODES).ravel(), (half * _WEIGHTS).ravel()


def _latent_entropy(r: float) -> float:
    """E log(1 + e^(-2u)) with u ~ N(r, r): the entropy of a latent seen through noise of precision r, in nats."""
    scale = math.sqrt(r)
    if scale == 0.0:
        return LOG_2
    turn = np.array([-10.0, -5.0, -2.0, -0.5, 0.0, 0.5, 2.0, 5.0, 10.0, 20.0]) / scale - scale  # near u = 0
    edges = np.concatenate([-_PANELS, _PANELS, turn])
    t, weight = _panels(np.unique(edges[np.abs(edges) <= _PANELS[-1]]))
    return float((weight * norm.pdf(t)) @ np.logaddexp(0.0, -2 * (r + scale * t)))
