"""Overlap of message passing on random slabs against density, with the lines of state evolution."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.slabs.units import (
    ALGORITHMIC,
    AMP,
    EVOLUTION,
    EXACT,
    EXPERIMENT_NAME,
    FIRST_MOMENT,
    NO_TEACHER,
    OVERLAP,
    WEAK_RECOVERY,
)
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import Row, Rows
from analysis.lab.style import BLUE, GREY, INK, VERMILION, bars, claim, headline, paper_style

_COLUMNS = 3
_MARKS = {
    WEAK_RECOVERY: ("leaves zero", (0, (1, 2))),
    FIRST_MOMENT: ("information bound", (0, (5, 3))),
    ALGORITHMIC: ("reaches the latents", "-"),
}
_LINES = {"best": (BLUE, "posterior, N to infinity"), "random": (VERMILION, "AMP, N to infinity")}
_POINTS = {AMP: (INK, "o", "AMP, instances"), NO_TEACHER: (GREY, "x", "control: no teacher")}
_WINDOW = "#FBE6D8"


def draw_slabs(rows: Rows) -> Figure:
    """A panel per width and kind of visible observations, in order of first appearance, three in a row.

    Args:
        rows: of ``slabs``; each instance is a pale point, their mean a dark one with its 95% interval.
    Raises:
        ValueError: no row of this experiment.
    """
    mine = rows.of(EXPERIMENT_NAME)
    means = combine_seeds(mine)
    names = means.where(model=EVOLUTION).values("distribution")
    lines = -(-len(names) // _COLUMNS)
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(3.2 * _COLUMNS, 1.2 + 2.8 * lines), layout="constrained")
        grid = figure.subplots(lines, _COLUMNS, squeeze=False, sharey=True)
        for axes in grid.ravel()[len(names) :]:
            axes.set_visible(False)
        for axes, name in zip(grid.ravel(), names, strict=False):
            own = means.where(distribution=name)
            marks = {row.metric: row.value for row in own.where(model=EVOLUTION, at=None)}
            _instances(axes, mine.where(distribution=name))
            _panel(axes, own, marks)
            headline(axes, name, _message(marks))
        for row in grid:
            row[0].set_ylabel("overlap with the latents")
        grid[0, 0].set_ylim(-0.03, 1.06)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
        claim(figure, _claim([means.where(distribution=name, model=EVOLUTION, at=None) for name in names]))
        return figure


def _panel(axes: Axes, rows: Rows, marks: dict[str, float]) -> None:
    axes.axvspan(
        marks[EXACT], marks[ALGORITHMIC], color=_WINDOW, linewidth=0, zorder=0, label="determined, not reached"
    )
    for metric, (label, dashes) in _MARKS.items():
        axes.axvline(marks[metric], color=GREY, linewidth=0.9, linestyle=dashes, zorder=1, label=label)
    for start, (colour, label) in _LINES.items():
        line = _sorted(rows, EVOLUTION, start)
        axes.plot([r.at or 0.0 for r in line], [r.value for r in line], color=colour, label=label, zorder=2)
    for model, (colour, marker, label) in _POINTS.items():
        points = _sorted(rows, model, "random")
        values = [r.value for r in points]
        axes.errorbar(
            [r.at or 0.0 for r in points], values, yerr=bars(points, most=1.0), color=colour, marker=marker,
            markersize=4.0, linestyle="none", ecolor=GREY, elinewidth=0.8, capsize=1.5, label=label, zorder=3,
        )  # fmt: skip
    axes.set_xlabel("visible observations per latent, P / N")
    axes.grid(axis="y")


def _instances(axes: Axes, rows: Rows) -> None:
    """Far from normal where some find the latents and some do not: a mean alone would hide it."""
    points = _sorted(rows, AMP, "random")
    axes.scatter(
        [r.at or 0.0 for r in points], [r.value for r in points], s=16, color=INK, alpha=0.3, linewidths=0, zorder=3
    )


def _sorted(rows: Rows, model: str, start: str) -> list[Row]:
    return sorted(rows.where(model=model, start=start, metric=OVERLAP), key=lambda row: row.at or 0.0)


def _claim(panels: Sequence[Rows]) -> str:
    """Whether every panel has a window."""
    if all(own.one(metric=EXACT).value < own.one(metric=ALGORITHMIC).value for own in panels):
        return "Random slabs: between what determines the latents and what message passing reaches lies a window"
    return "Random slabs: what determines the latents, and what message passing reaches"


def _message(marks: dict[str, float]) -> str:
    """The window between what is determined and what the iteration reaches, and whether it learns something in it."""
    low, weak, high = marks[EXACT], marks[WEAK_RECOVERY], marks[ALGORITHMIC]
    if weak < low:
        return f"learns from {weak:.2f}; window {low:.2f} to {high:.2f}"
    return f"window {low:.2f} to {high:.2f}, blind to {weak:.2f}"
