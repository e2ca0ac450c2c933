"""Overlap of belief propagation with the planted latents against degree, from two starts, in both units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from analysis.plots.style import BLUE, GREY, VERMILION, headline, paper_style
from analysis.rows import Row, combine_seeds

_LOOKS = {"planted": (BLUE, "s", "planted start"), "random": (VERMILION, "o", "random start")}
_CHANCE, _ARITY = 1 / 3, 3
_LOG_TICKS = [1, 2, 4, 8, 16, 32]
_WIDE = 4.0  # ratio of degrees beyond which a panel has a logarithmic axis


def draw_overlap(rows: Sequence[Row], thresholds: Mapping[str, Mapping[str, float]]) -> Figure:
    """A panel per kind of visible constraints.

    Args:
        rows: of ``overlap``; instances are averaged first.
        thresholds: per panel, degrees to mark, by name.
    Raises:
        ValueError: no row of this experiment.
    """
    means = combine_seeds([row for row in rows if row.experiment == "overlap" and row.metric == "overlap"])
    if not means:
        raise ValueError("no rows of overlap; run analysis.theory.overlap first.")
    names = list(dict.fromkeys(row.distribution for row in means))
    with paper_style("overlap"):
        figure = Figure(figsize=(0.9 + 3.9 * len(names), 3.7), layout="constrained")
        axes = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
        for panel, name in zip(axes, names, strict=True):
            _panel(panel, [row for row in means if row.distribution == name], thresholds[name])
            headline(panel, name, _message([r for r in means if r.distribution == name]), lift=36.0)
        axes[0].set_ylabel("overlap with the planted latents")
        axes[0].set_ylim(0.25, 1.04)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        return figure


def _panel(axes: Axes, rows: Sequence[Row], marks: Mapping[str, float]) -> None:
    for start, (colour, marker, label) in _LOOKS.items():
        line = sorted((row for row in rows if row.start == start), key=lambda row: row.degree or 0.0)
        x, y = [row.degree or 0.0 for row in line], [row.value for row in line]
        below = [max(r.value - r.interval[0], 0.0) for r in line]
        above = [max(r.interval[1] - r.value, 0.0) for r in line]
        axes.errorbar(x, y, yerr=[below, above], color=colour, marker=marker, capsize=2.0, elinewidth=1.0, label=label)
    degrees = [row.degree or 0.0 for row in rows]
    if max(degrees) / min(degrees) > _WIDE:
        axes.set_xscale("log")
        axes.set_xticks(_LOG_TICKS, [str(tick) for tick in _LOG_TICKS])
        axes.xaxis.set_minor_locator(NullLocator())
    axes.axhline(_CHANCE, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
    for name, degree in marks.items():
        axes.axvline(degree, color=GREY, linewidth=0.9, linestyle="-" if name == "KS" else (0, (4, 2)), zorder=1)
        axes.annotate(
            name, (degree, 0.02), xycoords=("data", "axes fraction"), xytext=(3, 0), textcoords="offset points",
            rotation=90, fontsize=7.5, color=GREY, va="bottom",
        )  # fmt: skip
    axes.set_xlabel("degree k P / N of the visible constraints")
    scale = math.factorial(_ARITY - 1)
    top = axes.secondary_xaxis("top", functions=(lambda d: np.multiply(d, scale), lambda d: np.divide(d, scale)))
    top.set_xlabel("the paper's D / k", fontsize=8)
    top.xaxis.set_minor_locator(NullLocator())
    top.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if axes.get_xscale() == "log":
        ticks = [scale * tick for tick in _LOG_TICKS]
        top.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.grid(axis="y")


def _message(rows: Sequence[Row]) -> str:
    """The range of degrees at which the planted start knows the latents and the random start does not."""
    by_start = {start: {row.degree: row.value for row in rows if row.start == start} for start in _LOOKS}
    gap = [d for d, value in by_start["planted"].items() if value > 0.8 and by_start["random"].get(d, 1.0) < 0.6]
    known = sorted(d for d in gap if d is not None)
    return f"possible, not found: degree {known[0]:g} to {known[-1]:g}" if known else "found wherever it is possible"
