"""Overlap of belief propagation with the planted latents against degree, from two starts, in both units."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from analysis.figures.overlap.units import ARITY, EXPERIMENT_NAME, KESTEN_STIGUM, VALUES, thresholds
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import Rows
from analysis.lab.style import BLUE, GREY, INK, SMALL, VERMILION, bars, claim, headline, paper_style
from analysis.planted.curve import OVERLAP

_LOOKS = {"planted": (BLUE, "s", "planted start"), "random": (VERMILION, "o", "random start")}
_LOG_TICKS = [1, 2, 4, 8, 16, 32]
_WIDE = 4.0  # ratio of degrees beyond which a panel has a logarithmic axis
_KEPT, _LOST = 0.8, 0.6  # overlap above which a start knows the latents, and below which it does not


def draw_overlap(rows: Rows) -> Figure:
    """A panel per kind of visible constraints, its thresholds marked; instances are averaged first.

    Raises:
        ValueError: no row of this experiment.
    """
    each = rows.of(EXPERIMENT_NAME).where(metric=OVERLAP)
    means = combine_seeds(each)
    marks, panels = thresholds(), means.by("distribution")
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(0.9 + 4.5 * len(panels), 4.3), layout="constrained")
        axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for panel, (name, here) in zip(axes, panels.items(), strict=True):
            _panel(panel, here, each.where(distribution=name), marks[name])
            headline(panel, name, _message(here), lift=36.0)
        axes[0].set_ylabel("overlap with the planted latents")
        axes[0].set_ylim(0.0, 1.04)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        claim(figure, _claim(panels))
        return figure


def _panel(axes: Axes, means: Rows, each: Rows, marks: Mapping[str, float]) -> None:
    for start, (colour, marker, label) in _LOOKS.items():
        line = sorted(means.where(start=start), key=lambda row: row.degree or 0.0)
        x, y = [row.degree or 0.0 for row in line], [row.value for row in line]
        axes.errorbar(
            x, y, yerr=bars(line, most=1.0), color=colour, marker=marker, capsize=2.0, elinewidth=1.0, label=label
        )
        own = each.where(start=start)
        axes.plot([r.degree or 0.0 for r in own], [r.value for r in own], marker, color=colour, alpha=0.5, ms=4, mew=0)
    degrees = means.values("degree")
    if max(degrees) / min(degrees) > _WIDE:
        axes.set_xscale("log")
        axes.set_xticks(_LOG_TICKS, [str(tick) for tick in _LOG_TICKS])
        axes.xaxis.set_minor_locator(NullLocator())
    axes.axhline(1 / VALUES, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
    axes.annotate(
        "chance", (1.0, 1 / VALUES), xycoords=("axes fraction", "data"), xytext=(-2, -2), textcoords="offset points",
        ha="right", va="top", fontsize=SMALL, color=GREY,
    )  # fmt: skip
    for name, degree in marks.items():
        style = "-" if name == KESTEN_STIGUM else (0, (4, 2))
        axes.axvline(degree, color=GREY, linewidth=0.9, linestyle=style, zorder=1)
        axes.annotate(
            name, (degree, 0.02), xycoords=("data", "axes fraction"), xytext=(3, 0), textcoords="offset points",
            rotation=90, fontsize=SMALL, color=INK, va="bottom",
        )  # fmt: skip
    axes.set_xlabel("degree k P / N of the visible constraints")
    axes.grid(axis="y")
    _upper_axis(axes)


def _upper_axis(axes: Axes) -> None:
    scale = math.factorial(ARITY - 1)
    top = axes.secondary_xaxis("top", functions=(lambda d: np.multiply(d, scale), lambda d: np.divide(d, scale)))
    top.set_xlabel("the paper's D / k", fontsize=9.0)
    top.xaxis.set_minor_locator(NullLocator())
    top.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if axes.get_xscale() == "log":
        ticks = [scale * tick for tick in _LOG_TICKS]
        top.set_xticks(ticks, [str(tick) for tick in ticks])


def _claim(panels: Mapping[str, Rows]) -> str:
    """With which visible constraints there is a window, and with which there is none."""
    missed = [name for name, means in panels.items() if _missed(means)]
    rest = [name for name in panels if name not in missed]
    if not (missed and rest):
        return "Overlap with the planted latents, from two starts"
    return f"Belief propagation misses what is possible with {', '.join(missed)}, not with {', '.join(rest)}"


def _missed(means: Rows) -> list[float]:
    """Degrees at which the planted start knows the latents and the random start does not."""
    known = [row.degree for row in means.where(start="planted") if row.value > _KEPT and row.degree is not None]
    return [d for d in known if any(row.value < _LOST for row in means.where(start="random", degree=d))]


def _message(means: Rows) -> str:
    lost = _missed(means)
    return f"possible, not found: degree {min(lost):g} to {max(lost):g}" if lost else "found wherever it is possible"
