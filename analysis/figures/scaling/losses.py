"""From rows to losses by learner, budget and size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.figures.scaling.iso_flop import Best, Losses, best_sizes
from analysis.figures.scaling.units import ARM, BUDGET, EXPERIMENT_NAME, KINDS, WEIGHTS
from analysis.lab.rows import CONTROL, MDM, Row, Rows
from analysis.measures.text_learners import is_any_order
from analysis.measures.text_networks import EXCESS, LOSS

Curve = dict[float, dict[float, list[Row]]]
"""By budget and weights, the rows of the runs there."""


def kind_of(model: str) -> str:
    """The learner, without the number of its permutation: runs of a kind are drawn in one curve."""
    return next((f"pi {kind}" for kind in KINDS if model.startswith(f"pi {kind} ")), model)


def kinds(rows: Rows, text: str, *, any_order: bool = False) -> list[str]:
    """The trained kinds of learners on a text, ARM and MDM first; those of several orders alone if asked for."""
    names = dict.fromkeys(map(kind_of, rows.where(experiment=EXPERIMENT_NAME, distribution=text).values("model")))
    names.pop(CONTROL, None)
    first = [name for name in (ARM, MDM) if name in names]
    ordered = [*first, *(name for name in names if name not in first)]
    return [name for name in ordered if is_any_order(name) == any_order]


def texts(rows: Rows) -> list[str]:
    """Those with trained learners."""
    names = rows.where(experiment=EXPERIMENT_NAME, swept=BUDGET).values("distribution")
    return [name for name in names if kinds(rows, name)]


def curve(rows: Rows, text: str, kind: str, metric: str = LOSS) -> Curve:
    """The rows of a kind of learner by budget and weights, ascending; unfinished points are not there."""
    own = rows.where(experiment=EXPERIMENT_NAME, distribution=text)
    mine = Rows(row for row in own if kind_of(row.model) == kind)
    found: Curve = {}
    for row in mine.where(metric=WEIGHTS):
        loss = mine.get(metric=metric, model=row.model, seed=row.seed, at=row.at, step=row.step)
        if loss is not None and row.at is not None:
            found.setdefault(row.at, {}).setdefault(row.value, []).append(loss)
    return {budget: dict(sorted(sizes.items())) for budget, sizes in sorted(found.items())}


def mean_loss(rows: Sequence[Row]) -> tuple[float, float]:
    """Mean over the runs of a point, and half its 95% interval: all are measured on the same windows."""
    return float(np.mean([row.value for row in rows])), 1.96 * float(np.mean([row.standard_error for row in rows]))


def losses(points: Curve) -> Losses:
    """The values alone."""
    return {
        budget: {size: [row.value for row in rows] for size, rows in sizes.items()} for budget, sizes in points.items()
    }


def lawful(rows: Rows, text: str) -> str:
    """What laws are fitted to: what is left above the floor where one is known, else the loss itself."""
    return EXCESS if rows.where(experiment=EXPERIMENT_NAME, distribution=text, metric=EXCESS) else LOSS


def bests(rows: Rows, text: str, kind: str, metric: str = LOSS) -> Sequence[Best]:
    """The best size at every budget."""
    return best_sizes(losses(curve(rows, text, kind, metric)))
