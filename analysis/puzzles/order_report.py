"""What a puzzle report says about the order of reveals: correlations as a table, figures where they are of Sudokus."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from scipy.stats import norm

from analysis.plots.reasoning_order import draw_reasoning_order
from analysis.plots.style import save_figure
from analysis.puzzles.reasoning_order import AVAILABLE, EXPERIMENT, KENDALL, NULL
from analysis.report import FigureItem, Section, TableItem, show
from analysis.rows import Row, combine_seeds, mean_calls

_CAPTION = (
    "Kendall's tau-b between the order of reveals and that of a person's solver, mean over boards: a learner on those "
    "that it solved, the controls on all (the solver itself on those that it finishes). By chance: where the mean of "
    "random orders lies in 95 of 100 cases. The solver's order is one of many, since what follows at once may be "
    "filled in any order; so less than 1 is no fault."
)


def order_sections(rows: Sequence[Row], figures: Sequence[FigureItem]) -> list[Section]:
    """Kendall's tau of learners and controls, and the figures; nothing where no order was compared."""
    taus = [row for row in rows if row.experiment == EXPERIMENT and row.metric in (KENDALL, KENDALL + NULL)]
    if not taus:
        return []
    means = combine_seeds([*mean_calls(r for r in taus if r.calls is not None), *(r for r in taus if r.calls is None)])
    table = TableItem(
        caption=_CAPTION,
        header=["puzzles", "learner", "rule", "boards", "tau", "by chance"],
        rows=[
            [row.distribution, row.model, row.decoder or "-", *_against_chance(row, taus)]
            for row in means
            if row.metric == KENDALL and math.isfinite(row.value)
        ],
    )
    return [Section(title="The order of reasoning", figures=figures, tables=[table])]


def order_figures(rows: Sequence[Row], directory: Path, table: str) -> list[FigureItem]:
    """One for each set of Sudokus: the figure is about singles, which other puzzles have not."""
    names = dict.fromkeys(row.distribution for row in rows if row.metric == AVAILABLE)
    return [_order_figure(rows, name, directory, table) for name in names]


def _order_figure(rows: Sequence[Row], name: str, directory: Path, table: str) -> FigureItem:
    drawn = draw_reasoning_order([row for row in rows if row.experiment == EXPERIMENT], name)
    hard = "_hard" if name.endswith("hard") else ""
    alt = f"{name}: the order of reveals beside the human solver's."
    caption = (
        f"{alt} Each learner on the boards that it solved; the two controls, the solver itself and a uniformly random "
        "order, on all boards (the solver on those that it finishes)."
    )
    return FigureItem(
        path=save_figure(drawn, directory, f"{table}_reasoning_order{hard}").svg, caption=caption, alt=alt
    )


def _against_chance(tau: Row, rows: Sequence[Row]) -> tuple[str, str, str]:
    """Boards of all seeds, tau, and how far from 0 as many random orders would be."""
    about = (tau.distribution, tau.model, tau.decoder)
    nulls = [r for r in rows if r.metric == KENDALL + NULL and (r.distribution, r.model, r.decoder) == about]
    half = float(norm.ppf(0.975)) * math.hypot(*(row.value for row in nulls)) / len(nulls)
    return f"{sum(row.samples for row in nulls):,}", show(tau, 3), f"[{-half:.3f}, {half:.3f}]"
