"""IsoFLOP analysis: at each budget the best size, and power laws of that size and its loss in the budget.

At one budget losses of several sizes lie near a parabola in log N (Hoffmann et al. 2022, arXiv 2203.15556, approach 2);
its lowest point is the best size. That is known only where the best of the measured sizes is neither the smallest nor
the largest, and a law only if it is known at every budget. Intervals are percentiles over resampled runs (seeds, or
permutations), drawn anew for each budget and size and stretched by sqrt(S / (S - 1)), as resampling S runs has so much
too little variance; with three runs they are rough, and they say nothing of whether the law holds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

RESAMPLES = 1000

Losses = Mapping[float, Mapping[float, Sequence[float]]]
"""By budget and size, the losses of the runs there; above a known floor where one is known."""


@dataclass(frozen=True)
class Best:
    """The best size at one budget.

    Attributes:
        budget: C.
        size: N, the lowest point of the parabola; of the measured sizes the best if it is not known.
        loss: there.
        interior: whether it is known.
    """

    budget: float
    size: float
    loss: float
    interior: bool


@dataclass(frozen=True, eq=False)
class ScalingLaw:
    """``N = exp(size[0]) C^size[1]`` and ``L = exp(loss[0]) C^loss[1]``, of the best size at each budget.

    Attributes:
        size, loss: intercept and exponent of each.
        resampled: (R, 2, 2), the same of resampled runs, stretched; none where a size has a single run.
    """

    size: tuple[float, float]
    loss: tuple[float, float]
    resampled: Float64[np.ndarray, "R 2 2"]

    def budget(self, loss: float) -> float:
        """C at which the law has this loss."""
        return float(_budget(np.array(self.loss), loss))

    @property
    def size_interval(self) -> tuple[float, float]:
        """95% of the exponent of N."""
        return percentiles(self.resampled[:, 0, 1])

    @property
    def loss_interval(self) -> tuple[float, float]:
        """95% of the exponent of L."""
        return percentiles(self.resampled[:, 1, 1])


def best_size(budget: float, losses: Mapping[float, float]) -> Best:
    """The best size at one budget from the mean loss of each size.

    Raises:
        ValueError: no size.
    """
    if not losses:
        raise ValueError(f"there is no size at budget {budget:.3g}; measure at least three.")
    sizes = np.array(sorted(losses))
    log_size, loss, interior = _lowest(np.log(sizes), np.array([[losses[size] for size in sizes]]))
    return Best(budget, float(np.exp(log_size[0])), float(loss[0]), interior=bool(interior[0]))


def best_sizes(losses: Losses) -> list[Best]:
    """:func:`best_size` at every budget, ascending."""
    means = {
        budget: {size: float(np.mean(runs)) for size, runs in sizes.items()} for budget, sizes in sorted(losses.items())
    }
    return [best_size(budget, sizes) for budget, sizes in means.items()]


def fit_scaling_law(losses: Losses, *, resamples: int = RESAMPLES, seed: int = 0) -> ScalingLaw | None:
    """The law through the best sizes; None with one budget, or unless the best size is an interior one at each.

    Losses are to be positive: a loss in nats, or what is left of it above a floor.
    """
    bests = best_sizes(losses)
    if len(bests) < 2 or not all(best.interior and best.loss > 0 for best in bests):
        return None
    budgets = np.log([best.budget for best in bests])
    centre = _laws(budgets, np.log([[[best.size], [best.loss]] for best in bests]))[0]
    fewest = min(len(runs) for sizes in losses.values() for runs in sizes.values())
    found = _resampled(losses, resamples, np.random.default_rng(seed)) if fewest > 1 else np.empty((0, 2, 2))
    stretch = math.sqrt(fewest / (fewest - 1)) if fewest > 1 else 0.0
    resampled = centre + stretch * (found - centre)
    (size_a, size_b), (loss_a, loss_b) = centre.tolist()
    return ScalingLaw((size_a, size_b), (loss_a, loss_b), resampled)


@dataclass(frozen=True)
class Multiplier:
    """How many times the compute one learner needs for a loss that another has: a horizontal gap.

    Attributes:
        value: the ratio of budgets.
        low, high: 95% over resampled runs of both, NaN where they have one each.
        loss: at which it holds; the laws may have different exponents.
        measured: whether that loss lies within what both have reached, rather than on a continued line.
    """

    value: float
    low: float
    high: float
    loss: float
    measured: bool


def compute_multiplier(cheap: Losses, dear: Losses, *, resamples: int = RESAMPLES) -> Multiplier | None:
    """Budget of ``dear`` over that of ``cheap`` at the geometric middle of the losses that ``dear`` reached.

    None unless both have a law whose loss falls.
    """
    laws = [fit_scaling_law(losses, resamples=resamples, seed=i) for i, losses in enumerate((cheap, dear))]
    first, second = laws
    if first is None or second is None or first.loss[1] >= 0 or second.loss[1] >= 0:
        return None
    reached = [[best.loss for best in best_sizes(losses)] for losses in (cheap, dear)]
    level = math.exp(float(np.mean(np.log(reached[1]))))
    ratios = np.empty(0)
    count = min(len(first.resampled), len(second.resampled))
    if count:
        parts = [_budget(law.resampled[:count, 1].T, level) for law in (first, second)]
        ratios = parts[1] / parts[0]
    low, high = percentiles(ratios)
    measured = all(min(losses) <= level <= max(losses) for losses in reached)
    return Multiplier(second.budget(level) / first.budget(level), low, high, level, measured)


def percentiles(values: Float64[np.ndarray, "R"]) -> tuple[float, float]:
    """The middle 95% of resampled numbers; NaN if there are none."""
    if not len(values):
        return math.nan, math.nan
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _lowest(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lowest point of the parabola through losses y (R, n) at log sizes x (n,), by least squares: where and what.

    Where the best loss is at an edge, or the parabola has no lowest point between the sizes: that loss, and False.
    """
    at = y.argmin(axis=1)
    where, what = x[at], y.min(axis=1)
    if len(x) < 3:
        return where, what, np.zeros(len(y), dtype=bool)
    middle = float(x.mean())
    curve, slope, height = np.polyfit(x - middle, y.T, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex, lowest = middle - slope / (2 * curve), height - slope**2 / (4 * curve)
    interior = (at > 0) & (at < len(x) - 1) & (curve > 0) & (x[0] < vertex) & (vertex < x[-1])
    return np.where(interior, vertex, where), np.where(interior, lowest, what), interior


def _resampled(losses: Losses, resamples: int, rng: np.random.Generator) -> Float64[np.ndarray, "R 2 2"]:
    """Laws of resampled runs; those of which a loss is not positive are left out."""
    points = []
    for sizes in dict(sorted(losses.items())).values():
        ordered = dict(sorted(sizes.items()))
        drawn = [rng.choice(runs, size=(resamples, len(runs))).mean(axis=1) for runs in ordered.values()]
        points.append(_lowest(np.log(list(ordered)), np.stack(drawn, axis=1))[:2])
    sizes, values = np.stack([size for size, _ in points]), np.stack([loss for _, loss in points])  # (C, R)
    kept = (values > 0).all(axis=0)
    return _laws(np.log(sorted(losses)), np.stack([sizes[:, kept], np.log(values[:, kept])], axis=1))


def _laws(x: np.ndarray, y: np.ndarray) -> Float64[np.ndarray, "R 2 2"]:
    """Intercepts and exponents of size and loss by least squares: log budgets (C,), logarithms (C, 2, R)."""
    columns = np.stack([np.ones_like(x), x], axis=1)
    fitted = np.linalg.lstsq(columns, y.reshape(len(x), -1), rcond=None)[0]  # (2, 2 R)
    return fitted.reshape(2, 2, -1).transpose(2, 1, 0)


def _budget(law: np.ndarray, loss: float) -> np.ndarray:
    intercept, exponent = law
    return np.asarray(np.exp((math.log(loss) - intercept) / exponent))
