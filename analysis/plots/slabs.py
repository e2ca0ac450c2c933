"""Overlap of message passing on random slabs against density, with the lines of state evolution."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.plots.style import BLUE, GREY, INK, VERMILION, headline, paper_style
from analysis.rows import Row, combine_seeds

_COLUMNS = 3
_MARKS = {
    "weak_recovery_density": ("leaves zero", (0, (1, 2))),
    "first_moment_density": ("information bound", (0, (5, 3))),
    "algorithmic_density": ("reaches the latents", "-"),
}
_WINDOW = "#FBE6D8"


def draw_slabs(rows: Sequence[Row]) -> Figure:
    """A panel per width and kind of visible observations, in order of first appearance, three in a row.

    Args:
        rows: of ``slabs``; each instance is a pale point, their mean a dark one with its 95% interval.
    Raises:
        ValueError: no row of state evolution of this experiment.
    """
    means = combine_seeds([row for row in rows if row.experiment == "slabs"])
    names = list(dict.fromkeys(row.distribution for row in means if row.model == "state evolution"))
    if not names:
        raise ValueError("no rows of state evolution of slabs; run analysis.theory.slabs first.")
    lines = -(-len(names) // _COLUMNS)
    with paper_style("slabs"):
        figure = Figure(figsize=(3.2 * _COLUMNS, 0.8 + 2.75 * lines), layout="constrained")
        grid = figure.subplots(lines, _COLUMNS, squeeze=False, sharey=True)
        for axes in grid.ravel()[len(names) :]:
            axes.set_visible(False)
        for axes, name in zip(grid.ravel(), names, strict=False):
            own = [row for row in means if row.distribution == name]
            _instances(axes, [row for row in rows if row.distribution == name])
            _panel(axes, own)
            headline(axes, name, _message(own))
        for row in grid:
            row[0].set_ylabel("overlap with the latents")
        grid[0, 0].set_ylim(-0.03, 1.06)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
        return figure


def _panel(axes: Axes, rows: Sequence[Row]) -> None:
    marks = {row.metric: row.value for row in rows if row.metric.endswith("_density")}
    axes.axvspan(
        marks["exact_density"], marks["algorithmic_density"], color=_WINDOW, linewidth=0, zorder=0,
        label="determined, not reached",
    )  # fmt: skip
    for metric, (label, dashes) in _MARKS.items():
        axes.axvline(marks[metric], color=GREY, linewidth=0.9, linestyle=dashes, zorder=1, label=label)
    for start, colour, label in (
        ("best", BLUE, "posterior, N to infinity"),
        ("random", VERMILION, "AMP, N to infinity"),
    ):
        line = _sorted(rows, "state evolution", start)
        axes.plot([r.at or 0.0 for r in line], [r.value for r in line], color=colour, label=label, zorder=2)
    for model, start, colour, marker, label in (
        ("AMP", "random", INK, "o", "AMP, instances"),
        ("AMP, no teacher", "random", GREY, "x", "control: no teacher"),
    ):
        points = _sorted(rows, model, start)
        values = [r.value for r in points]
        below = [max(r.value - max(r.interval[0], 0.0), 0.0) for r in points]
        above = [max(min(r.interval[1], 1.0) - r.value, 0.0) for r in points]
        axes.errorbar(
            [r.at or 0.0 for r in points], values, yerr=[below, above], color=colour, marker=marker, markersize=4.0,
            linestyle="none", ecolor=GREY, elinewidth=0.8, capsize=1.5, label=label, zorder=3,
        )  # fmt: skip
    axes.set_xlabel("visible observations per latent, P / N")
    axes.grid(axis="y")


def _instances(axes: Axes, rows: Sequence[Row]) -> None:
    """Far from normal where some find the latents and some do not: a mean alone would hide it."""
    points = _sorted(rows, "AMP", "random")
    axes.scatter(
        [r.at or 0.0 for r in points], [r.value for r in points], s=16, color=INK, alpha=0.3, linewidths=0, zorder=3
    )


def _sorted(rows: Sequence[Row], model: str, start: str) -> list[Row]:
    found = [r for r in rows if (r.model, r.start, r.metric) == (model, start, "overlap")]
    return sorted(found, key=lambda r: r.at or 0.0)


def _message(rows: Sequence[Row]) -> str:
    """The window between what is determined and what the iteration reaches, and whether it learns something in it."""
    marks = {row.metric: row.value for row in rows if row.metric.endswith("_density")}
    low, weak, high = (marks[f"{name}_density"] for name in ("exact", "weak_recovery", "algorithmic"))
    if weak < low:
        return f"learns from {weak:.2f}; window {low:.2f} to {high:.2f}"
    return f"window {low:.2f} to {high:.2f}, blind to {weak:.2f}"
