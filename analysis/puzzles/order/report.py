"""What a puzzle report says about the order of reveals: correlations as a table, figures where they are of Sudokus."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from scipy.stats import norm

from analysis.lab.report import FigureItem, Section, TableItem, show
from analysis.lab.rows import Row, Rows
from analysis.puzzles.order.measures import EXPERIMENT_NAME, KENDALL, NULL, order_means

_CAPTION = (
    "Kendall's tau-b between the order of reveals and that of a person's solver, mean over boards: a learner on those "
    "that it solved, the controls on all (the solver itself on those that it finishes). By chance: where the mean of "
    "random orders lies in 95 of 100 cases. The solver's order is one of many, since what follows at once may be "
    "filled in any order; so less than 1 is no fault."
)


def order_sections(rows: Rows, figures: Sequence[FigureItem]) -> list[Section]:
    """Kendall's tau of learners and controls, and the figures; nothing where no order was compared."""
    taus = rows.where(experiment=EXPERIMENT_NAME, metric=(KENDALL, KENDALL + NULL))
    if not taus:
        return []
    table = TableItem(
        caption=_CAPTION,
        header=["puzzles", "learner", "rule", "boards", "tau", "by chance"],
        rows=[
            [row.distribution, row.model, row.decoder or "-", *_against_chance(row, taus)]
            for row in order_means(taus).where(metric=KENDALL)
            if math.isfinite(row.value)
        ],
    )
    return [Section(title="The order of reasoning", figures=figures, tables=[table])]


def order_item(path: Path, name: str) -> FigureItem:
    """The figure of a set of Sudokus, with its caption."""
    alt = f"{name}: the order of reveals beside the human solver's."
    caption = (
        f"{alt} Each learner on the boards that it solved; the two controls, the solver itself and a uniformly random "
        "order, on all boards (the solver on those that it finishes)."
    )
    return FigureItem(path=path, caption=caption, alt=alt)


def _against_chance(tau: Row, rows: Rows) -> tuple[str, str, str]:
    """Boards of all seeds, tau, and how far from 0 as many random orders would be."""
    about = {"distribution": tau.distribution, "model": tau.model, "decoder": tau.decoder}
    nulls = rows.where(metric=KENDALL + NULL, **about)
    half = float(norm.ppf(0.975)) * math.hypot(*(row.value for row in nulls)) / len(nulls)
    return f"{sum(row.samples for row in nulls):,}", show(tau, 3), f"[{-half:.3f}, {half:.3f}]"
