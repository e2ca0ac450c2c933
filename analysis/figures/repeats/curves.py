"""Curves over epochs from rows, and the crossings among them."""

from __future__ import annotations

from analysis.figures.repeats.crossing import Crossover, Curve, crossover
from analysis.figures.repeats.units import ARM, EXPERIMENT_NAME, SWEPT
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import MDM, Rows
from analysis.measures.text_networks import EXCESS, LOSS


def shown(rows: Rows, text: str) -> str:
    """What a text's curves are of: the excess over the entropy where that is known."""
    return EXCESS if rows.where(experiment=EXPERIMENT_NAME, distribution=text, metric=EXCESS) else LOSS


def averaged(rows: Rows, text: str, model: str, metric: str) -> Rows:
    """Means over seeds, by epochs. Every seed draws rows of its own, of one text."""
    own = rows.where(experiment=EXPERIMENT_NAME, distribution=text, model=model, metric=metric, swept=SWEPT)
    return Rows(sorted(combine_seeds(own), key=lambda row: row.at or 0.0))


def curve(rows: Rows, text: str, model: str) -> Curve:
    """The loss of every run, by epochs."""
    own = rows.where(experiment=EXPERIMENT_NAME, distribution=text, model=model, metric=LOSS)
    found = dict[float, list[tuple[float, float]]]()
    for row in own:
        assert row.at is not None  # every row of the experiment has its epochs
        found.setdefault(row.at, []).append((row.value, row.standard_error))
    return dict(sorted(found.items()))


def overtakes(rows: Rows, text: str, challenger: str = MDM, other: str = ARM) -> Crossover | None:
    """Where the MDM falls below the ARM; None where one of them is not trained yet."""
    curves = [curve(rows, text, model) for model in (challenger, other)]
    return crossover(*curves) if set(curves[0]) & set(curves[1]) else None


def lowest(rows: Rows, text: str, model: str) -> tuple[float, float] | None:
    """The lowest mean loss over epochs, and where it is; None if nothing is trained."""
    found = [(row.value, row.at or 0.0) for row in averaged(rows, text, model, LOSS)]
    return min(found, default=None)
