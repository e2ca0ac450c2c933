"""Where knowledge begins: the spinodal degree D_d and the condensation degree D_cond of an ensemble, with errors.

D_d is the first degree at which the planted start does not collapse; D_cond the first at which the state that it
reaches has positive free entropy, so that the visible constraints determine the latents in part. Two routes lead to
D_cond: the zero of the Bethe free entropy, and the area theorem, ``phi(c) = c I1 - H(prior) + int_c^inf h_inf dc'``,
which reads only the entropy of a fresh observation. They share the populations' finite size and nothing else.

Everything here is one replica: independent populations from one generator. Errors come from the scatter of replicas.
The two thresholds are those of the Bethe (replica symmetric) state, conjectured to be exact for Bayes-optimal inference
and proven for many of these ensembles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lo_theory.estimate import Estimate, mean_estimate
from lo_theory.phases.ensemble import Ensemble
from lo_theory.phases.population_dynamics import Estimates, History, evolve, informed_population, planted_population
from lo_theory.phases.thresholds import (
    constraint_information,
    first_moment_degree,
    imbalance,
    is_balanced,
    kesten_stigum_degree,
    prior_entropy,
)

COLLAPSED = 0.05
"""A magnetisation below this counts as knowing nothing; jumps exceed 0.3, the noise of a population is 0.01."""

BELOW_KESTEN_STIGUM = 0.97
"""A transition is called continuous if the planted start collapses at this share of D_KS: no state jumps up before."""

_FAR = 5.0  # times D_1st, where the area begins: the neglected tail of h_inf moves D_cond by less than 1e-4
_NARROWEST = 0.002  # half a window, relative, where D_d is so near D_cond that half way down to it is nothing
_FEWEST_SWEEPS, _SHORTEST_BURN_IN = 20, 15
_NEWTON_STEPS = 4
_STEP_DOWN = 0.95


@dataclass(frozen=True, kw_only=True)
class Effort:
    """Sizes of a replica.

    Attributes:
        size: messages per planted value; thresholds of finite populations are off by O(1 / size).
        burn_in: sweeps before anything is measured.
        sweeps: measured ones, at each degree.
        patience: sweeps that a planted start must survive.
        resolution: relative width of the bracket of D_d.
        window: half the range of degrees of the straight line, relative; at most half way down to D_d.
        points: degrees of the straight line.
        nodes: degrees of the integral.
    """

    size: int
    burn_in: int = 40
    sweeps: int = 100
    patience: int = 250
    resolution: float = 0.004
    window: float = 0.015
    points: int = 5
    nodes: int = 8

    def at(self, degree: float, start: float) -> Effort:
        """For the integral: nodes at all degrees cost the same, as far above ``start`` there is little noise."""
        share = start / degree
        return replace(
            self,
            burn_in=max(_SHORTEST_BURN_IN, round(share * self.burn_in)),
            sweeps=max(_FEWEST_SWEEPS, round(share * self.sweeps)),
        )


@dataclass(frozen=True, kw_only=True)
class Transition:
    """What one replica found.

    Attributes:
        continuous: the planted start collapses at 0.97 D_KS: no jump below D_KS, which is then D_cond. The other fields
            are NaN.
        spinodal: degrees between which D_d lies: collapsed at the first, kept at the second.
        bethe, area: D_cond by the two routes.
    """

    continuous: bool
    spinodal: tuple[float, float] = (math.nan, math.nan)
    bethe: float = math.nan
    area: float = math.nan


def find_transition(ensemble: Ensemble, effort: Effort, rng: np.random.Generator) -> Transition:
    """D_d and D_cond of a balanced ensemble.

    Raises:
        ValueError: not balanced: there any degree informs, and nothing condenses; or values that say nothing.
    Cost: about 40 runs of ``burn_in + sweeps`` sweeps; a minute for bits with four latents per constraint, size 5,000.
    """
    _require_balance(ensemble)
    if is_continuous(ensemble, effort, rng):
        return Transition(continuous=True)
    zero = pilot_zero(ensemble, effort, rng)
    while _collapses(ensemble, zero, effort, rng):  # where D_d is near, noise may have carried the pilot below it
        zero *= 1.0 + effort.resolution
    low, high = spinodal_bracket(ensemble, zero, effort, rng)
    half_width = max(_NARROWEST * zero, min(effort.window * zero, (zero - high) / 2))
    return Transition(
        continuous=False,
        spinodal=(low, high),
        bethe=bethe_zero(ensemble, zero, half_width, effort, rng),
        area=area_zero(ensemble, zero, effort, rng),
    )


def is_continuous(ensemble: Ensemble, effort: Effort, rng: np.random.Generator) -> bool:
    """Whether the planted start collapses a little below D_KS. Where D_KS > D_1st it cannot: that is a theorem."""
    kesten_stigum = kesten_stigum_degree(ensemble)
    if kesten_stigum > first_moment_degree(ensemble):
        return False
    return _collapses(ensemble, BELOW_KESTEN_STIGUM * kesten_stigum, effort, rng)


def pilot_zero(ensemble: Ensemble, effort: Effort, rng: np.random.Generator) -> float:
    """The zero of phi by Newton's method from D_1st downwards, stopped at the noise.

    phi is convex in the degree and not negative at D_1st, so the steps stay above the zero and the planted state, whose
    slope d phi / d D = E log Z_a / k is measured along, never collapses.
    """
    degree = first_moment_degree(ensemble)
    for _ in range(_NEWTON_STEPS):
        ends = measure(ensemble, degree, effort, rng).estimates()
        step = ensemble.arity * ends.free_entropy.value / ends.evidence.value
        degree -= step
        if abs(step) < 0.002 * degree:
            break
    return degree


def spinodal_bracket(ensemble: Ensemble, kept: float, effort: Effort, rng: np.random.Generator) -> tuple[float, float]:
    """Two degrees, the planted start collapsing at the lower and surviving at the upper one, by bisection.

    Args:
        kept: a degree at which it survives; the search goes down from there.
    """
    high, low = kept, _STEP_DOWN * kept
    while not _collapses(ensemble, low, effort, rng):
        high, low = low, _STEP_DOWN * low
    while high - low > effort.resolution * high:
        middle = (low + high) / 2
        if _collapses(ensemble, middle, effort, rng):
            low = middle
        else:
            high = middle
    return low, high


def bethe_zero(ensemble: Ensemble, around: float, half_width: float, effort: Effort, rng: np.random.Generator) -> float:
    """Where a straight line through phi at degrees ``around`` +- ``half_width`` vanishes.

    Degrees at which the planted start collapses after all are left out; NaN if fewer than three are left.
    """
    degrees = around + half_width * np.linspace(-1.0, 1.0, effort.points)
    ends = [measure(ensemble, float(degree), effort, rng).estimates() for degree in degrees]
    kept = [end.magnetisation.value > COLLAPSED for end in ends]
    phi = np.array([end.free_entropy.value for end in ends])
    if sum(kept) < 3:
        return math.nan
    slope, offset = np.polyfit(degrees[kept] - around, phi[kept], 1)
    return float(around - offset / slope)


def area_zero(ensemble: Ensemble, start: float, effort: Effort, rng: np.random.Generator) -> float:
    """D_cond from phi at ``start``, which must be near, by the area theorem, and one Newton step from there.

    NaN if the planted start collapses at ``start``: the integral must not cross D_d.
    """
    ends = measure(ensemble, start, effort, rng).estimates()
    if ends.magnetisation.value < COLLAPSED:
        return math.nan
    phi = area_free_entropy(ensemble, start, effort, rng)
    return start - ensemble.arity * phi / ends.evidence.value


def area_free_entropy(ensemble: Ensemble, start: float, effort: Effort, rng: np.random.Generator) -> float:
    """phi at degree ``start`` from h_inf at higher degrees, in nats per latent.

    Gauss-Legendre in the cube root of the distance from ``start``, where h_inf may still bend like the square root of
    the distance from D_d.
    """
    far = _FAR * first_moment_degree(ensemble)
    nodes, weights = np.polynomial.legendre.leggauss(effort.nodes)
    place, weights = (nodes + 1.0) / 2.0, weights / 2.0
    degrees = start + (far - start) * place**3
    histories = [measure(ensemble, float(d), effort.at(float(d), start), rng) for d in degrees]
    fresh = np.array([history.estimates().fresh_entropy.value for history in histories])
    area = float((weights * 3.0 * place**2) @ fresh) * (far - start)
    return (start * constraint_information(ensemble) + area) / ensemble.arity - prior_entropy(ensemble)


def kesten_stigum_free_entropy(
    ensemble: Ensemble, effort: Effort, rng: np.random.Generator, replicas: int = 4
) -> Estimate:
    """phi at D_KS in the state of the planted start, in nats per latent: the computational gap of an ELBO (theory: I3).

    The area between the loss of a learner that is confined to what belief propagation finds and the Bayes loss, over
    all numbers of visible constraints; 0 for a continuous transition. The error is that of the mean of replicas.

    Raises:
        ValueError: D_KS is infinite or 0.
    """
    degree = kesten_stigum_degree(ensemble)
    if not 0.0 < degree < math.inf:
        raise ValueError(f"phi at D_KS needs a finite, positive D_KS; this ensemble has {degree}.")
    return mean_estimate(
        np.array([measure(ensemble, degree, effort, rng).estimates().free_entropy.value for _ in range(replicas)])
    )


def both_starts(
    ensemble: Ensemble, degree: float, effort: Effort, rng: np.random.Generator, share: float = 0.1
) -> tuple[Estimates, Estimates]:
    """Where the planted start ends, and one that knows little (:func:`informed_population`), one after the other.

    The hint must exceed the noise of a symmetric population, which may else end at a relabelling of the latents. Above
    D_KS two different ends mean a jump above D_KS, a hard phase of another kind.
    """
    hint = informed_population(ensemble, effort.size, share)
    hint, _ = evolve(ensemble, degree, hint, effort.patience, rng)
    _, history = evolve(ensemble, degree, hint, effort.sweeps, rng)
    return measure(ensemble, degree, effort, rng).estimates(), history.estimates()


def measure(ensemble: Ensemble, degree: float, effort: Effort, rng: np.random.Generator) -> History:
    """The sweeps of a planted start after the burn-in."""
    population, _ = evolve(ensemble, degree, planted_population(ensemble, effort.size), effort.burn_in, rng)
    return evolve(ensemble, degree, population, effort.sweeps, rng)[1]


def spinodal_interval(brackets: Sequence[tuple[float, float]], size: int) -> tuple[float, float]:
    """The interval that holds every replica's bracket of D_d, its lower end moved down for finite populations.

    Noise of order ``size**-1/2`` carries a population out of a state that is about to vanish. Balanced against the
    drift near a saddle-node bifurcation this raises D_d by about ``size**(-2/3)`` of it, the allowance made here.
    """
    lows, highs = zip(*brackets, strict=True)
    return min(lows) * (1.0 - size ** (-2 / 3)), max(highs)


def affordable_size(ensemble: Ensemble, updates: float, most: int) -> int:
    """Messages per planted value so that a sweep at D_1st costs ``updates`` operations, but at most ``most``.

    A constraint costs a contraction of its table, and about as much as 20 operations for its random numbers.
    """
    m, k = ensemble.alphabet, ensemble.arity
    per_constraint = 20.0 + m ** (k + 1) / (m - 1)
    return int(min(most, max(200.0, updates / (m * first_moment_degree(ensemble) * per_constraint))))


def _collapses(ensemble: Ensemble, degree: float, effort: Effort, rng: np.random.Generator) -> bool:
    start = planted_population(ensemble, effort.size)
    _, history = evolve(ensemble, degree, start, effort.patience, rng, until_below=COLLAPSED)
    return bool(history.magnetisation[-1] < COLLAPSED)


def _require_balance(ensemble: Ensemble) -> None:
    if not is_balanced(ensemble) or not first_moment_degree(ensemble) < math.inf:
        raise ValueError(
            "a transition needs a balanced ensemble whose values say something; otherwise latents are known in part at "
            f"every degree, or at none. Got imbalance {imbalance(ensemble):.3g}, first-moment degree "
            f"{first_moment_degree(ensemble)}."
        )
