"""Where inference of random slabs changes: every fixed point of state evolution on one curve, and what follows from it.

A fixed point of overlap q exists at exactly one density, ``alpha(q)``: the precision r that gives a latent the overlap
q, over the precision that one observation per latent gives at q. The iteration rises where the density is above
``alpha(q)`` and falls where it is below, so stable fixed points lie where the curve rises, and

    alpha(0) = weak recovery        max alpha = the iteration from q = 0 reaches the teacher        alpha(1) = 0,

the last because the slab's edge is sharp: the teacher is a stable fixed point at every density ("frozen" solutions).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy.optimize import brentq, minimize_scalar

from lo_theory.phases.slab_evolution import (
    LOG_2,
    Slabs,
    entropy_per_latent,
    first_moment_density,
    precision,
    remaining,
    weak_recovery_density,
)

_PRECISIONS = np.geomspace(1e-5, 50.0, 240)  # of a latent: overlaps from 1e-5 to 1 - 2e-12
_TOLERANCE = 1e-7  # of a density


@dataclass(frozen=True, kw_only=True)
class SlabThresholds:
    """Observations per latent at which something changes in state evolution.

    Attributes:
        weak_recovery: q = 0 becomes unstable; the iteration learns something (closed form).
        first_moment: the information bound (closed form).
        informative: the best fixed point leaves q = 0; below it nothing can be learned about the latents.
        exact: the teacher becomes the best fixed point; below it, it is possible but not determined.
        algorithmic: the iteration from q = 0 reaches the teacher.
    """

    weak_recovery: float
    first_moment: float
    informative: float
    exact: float
    algorithmic: float

    @property
    def hard_window(self) -> tuple[float, float] | None:
        """Densities at which the teacher is determined and the iteration does not reach it; None if there are none.

        Conjectured hard for all polynomial-time algorithms, proven for none but those that state evolution describes.
        """
        return (self.exact, self.algorithmic) if self.algorithmic > self.exact else None


def fixed_point_density(slabs: Slabs, r: float) -> float:
    """The one density at which a latent's precision r is a fixed point of state evolution."""
    return r / precision(slabs, 1.0, 1.0 - remaining(r))


def fixed_point(slabs: Slabs, density: float, start: float) -> float:
    """Overlap at which the iteration from overlap ``start`` comes to rest; 0 and 1 are fixed points themselves.

    The iteration is monotone, so it ends at the first crossing of the curve in the direction in which it sets out.

    Raises:
        ValueError: a start outside [0, 1] or a negative density.
    """
    if not 0 <= start <= 1 or not (math.isfinite(density) and density >= 0):
        raise ValueError(f"start in [0, 1] and density >= 0 are needed; got {start} and {density}.")
    _, overlaps, densities = _curve(slabs)
    if start <= 0.0 or start >= 1.0:
        return float(start)
    if start > overlaps[-1]:
        return 1.0 if density > densities[-1] else _first_below(slabs, density, len(overlaps) - 1)
    here = int(np.searchsorted(overlaps, start))
    if density > np.interp(start, overlaps, densities):
        above = np.flatnonzero(densities[here:] >= density)
        return _overlap_between(slabs, density, here + int(above[0]) - 1) if len(above) else 1.0
    return _first_below(slabs, density, here)


def stable_overlaps(slabs: Slabs, density: float) -> list[float]:
    """All stable fixed points, in rising order: q = 0 below weak recovery, those where the curve rises, and q = 1."""
    densities = _curve(slabs).densities
    rising = np.flatnonzero((densities[:-1] < density) & (densities[1:] >= density))
    inner = [_overlap_between(slabs, density, int(i)) for i in rising]
    return [*([0.0] if density <= weak_recovery_density(slabs) else []), *inner, 1.0]


def best_overlap(slabs: Slabs, density: float) -> float:
    """Overlap of the Bayes-optimal estimate: the stable fixed point of the largest free entropy."""
    return max(stable_overlaps(slabs, density), key=lambda q: fixed_point_entropy(slabs, density, q))


def fixed_point_entropy(slabs: Slabs, density: float, q: float) -> float:
    """:func:`~lo_theory.phases.slab_evolution.entropy_per_latent` as a function of the overlap."""
    if q <= 0.0:
        return LOG_2 - density * slabs.information
    if q >= 1.0:
        return 0.0
    return entropy_per_latent(slabs, density, conjugate(q))


def conjugate(q: float) -> float:
    """The precision r at which a latent has overlap q in (0, 1)."""
    return _root(lambda r: 1 - q - remaining(r), 0.0, 600.0)


def slab_thresholds(slabs: Slabs) -> SlabThresholds:
    """All five; ``informative`` and ``exact`` by bisection over the best fixed point. About a second."""
    weak, first = weak_recovery_density(slabs), first_moment_density(slabs)
    algorithmic = max(weak, float(_curve(slabs).densities.max()))
    top = max(first, algorithmic) * (1 + 1e-3)
    return SlabThresholds(
        weak_recovery=weak,
        first_moment=first,
        informative=min(weak, _switch(slabs, 0.0, top, lambda q: q > 0.0)),
        exact=_switch(slabs, 0.0, top, lambda q: q >= 1.0),
        algorithmic=algorithmic,
    )


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    root: Any = brentq(function, low, high, xtol=1e-14)
    return float(root)


def _switch(slabs: Slabs, low: float, high: float, reached: Callable[[float], bool]) -> float:
    while high - low > _TOLERANCE:
        middle = (low + high) / 2
        low, high = (low, middle) if reached(best_overlap(slabs, middle)) else (middle, high)
    return (low + high) / 2


class _Curve(NamedTuple):
    """Precisions and overlaps in rising order, and the density at which each is a fixed point."""

    precisions: Float64[np.ndarray, "n"]
    overlaps: Float64[np.ndarray, "n"]
    densities: Float64[np.ndarray, "n"]


@lru_cache(maxsize=32)
def _curve(slabs: Slabs) -> _Curve:
    """The curve on a grid, and at its maximum, where the iteration from q = 0 turns to the teacher."""
    densities = np.array([fixed_point_density(slabs, r) for r in _PRECISIONS])
    top = int(densities.argmax())
    low, high = _PRECISIONS[max(top - 1, 0)], _PRECISIONS[min(top + 1, len(_PRECISIONS) - 1)]
    peak = minimize_scalar(lambda r: -fixed_point_density(slabs, r), bounds=(low, high), method="bounded").x
    precisions = np.unique([*_PRECISIONS, peak])
    overlaps = np.array([1.0 - remaining(r) for r in precisions])
    return _Curve(precisions, overlaps, np.array([fixed_point_density(slabs, r) for r in precisions]))


def _overlap_between(slabs: Slabs, density: float, i: int) -> float:
    """Overlap of the crossing between grid points i and i + 1; i = -1: between 0 and the first."""
    if i < 0:
        return 0.0
    low, high = _curve(slabs).precisions[i : i + 2].tolist()
    return 1.0 - remaining(_root(lambda r: fixed_point_density(slabs, r) - density, low, high))


def _first_below(slabs: Slabs, density: float, here: int) -> float:
    """Where an iteration that falls from grid point ``here`` comes to rest."""
    densities = _curve(slabs).densities
    below = np.flatnonzero(densities[:here] < density)
    return _overlap_between(slabs, density, int(below[-1])) if len(below) else 0.0
