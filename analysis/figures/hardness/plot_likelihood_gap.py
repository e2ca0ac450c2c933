"""Figure 2: what each learner spends per token above the exact entropy."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.lab.averages import combine_seeds
from analysis.lab.rows import CONTROL, MDM, Row, Rows
from analysis.lab.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SMALL,
    VERMILION,
    band,
    claim,
    headline,
    note,
    paper_style,
)
from analysis.measures.learner import read_learner
from analysis.measures.likelihood_gap import EXPERIMENT_NAME, GAP
from lo_theory.orders import OrderName

_ANY_ORDER = {MDM: BLUE, CONTROL: INK}
_IN_ORDER: dict[OrderName, str] = {
    "natural": GREEN, "reversed": VERMILION, "closer": PURPLE, "much-closer": PURPLE, "uniform": ORANGE
}  # fmt: skip
_SYMLOG_ABOVE = 30.0  # ratio of largest to smallest gap beyond which a linear axis hides the small ones


def draw_likelihood_gap(rows: Rows) -> Figure:
    """Dot plot: models as rows in the order of their first appearance, a panel per distribution, 95% intervals.

    Large dots are means over seeds, small ones the seeds; the exact posterior is hollow. The axis is linear, or linear
    up to the smallest gap and logarithmic beyond where gaps differ by more than a factor of 30.

    Raises:
        ValueError: no row of a likelihood gap.
    """
    rows = rows.where(experiment=EXPERIMENT_NAME, metric=GAP)
    if not rows:
        raise ValueError("no likelihood gap among the rows; measure one with analysis.measures.likelihood_gap first.")
    names = rows.values("distribution")
    models = sorted(rows.values("model"), key=lambda model: model == CONTROL)  # stable: the control comes last
    means = combine_seeds(rows)
    with paper_style(EXPERIMENT_NAME):
        size = (1.6 + 2.8 * len(names), 1.9 + 0.34 * len(models))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(1, len(names), squeeze=False, sharex=True, sharey=True)[0]
        for panel, name in zip(axes, names, strict=True):
            here = means.where(distribution=name)
            _panel(panel, here, rows.where(distribution=name), models)
            headline(panel, name, _message(here))
            panel.set_xlabel("above the entropy [nats per token]")
        axes[0].set_yticks(range(len(models)), models)
        axes[0].set_ylim(len(models) - 0.4, -0.6)
        _scale(axes[0], means)
        _legend(figure, rows, means)
        claim(figure, "What each learner pays per token above the exact entropy, by the order it was trained on")
        return figure


def _panel(axes: Axes, means: Rows, seeds: Rows, models: list[str]) -> None:
    for model, runs in seeds.by("model").items():
        if model != CONTROL and len(runs) > 1:
            for row in runs:
                axes.plot(row.value, models.index(model) + 0.27, ".", color=_colour(model), markersize=3.5, alpha=0.8)
    for row in means:
        _dot(axes, row, models.index(row.model))
    axes.axvline(0.0, color=INK, linewidth=1.0, zorder=1)
    axes.annotate(
        "exact entropy", (0.0, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -1), textcoords="offset points",
        fontsize=SMALL, color=INK, va="top", ha="left", rotation=0,
    )  # fmt: skip
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if not means:
        note(axes, "not measured")


def _dot(axes: Axes, row: Row, y: int) -> None:
    if not math.isfinite(row.value):
        axes.annotate(
            "infinite", (1.0, y), xycoords=("axes fraction", "data"), ha="right", va="center", fontsize=9.0, color=GREY
        )
        return
    (low,), (high,) = band([row], least=min(row.value, 0.0))
    colour = _colour(row.model)
    axes.plot([low, high], [y, y], color=colour, linewidth=2.0, solid_capstyle="butt", alpha=0.55)
    face = "white" if row.model == CONTROL else colour
    axes.plot(
        row.value, y, "o", markersize=7.5, markerfacecolor=face, markeredgecolor=colour, markeredgewidth=1.4, zorder=3
    )


def _scale(axes: Axes, means: Rows) -> None:
    """Linear from just below zero, or symmetric-logarithmic where the gaps span too much."""
    sure = [r for r in means if r.model != CONTROL and math.isfinite(r.value) and r.interval[0] > 0]
    gaps = [row.value for row in sure]  # what may be zero must not stretch a logarithmic axis
    ends = [end for row in means for end in row.interval if math.isfinite(end)]
    top, bottom = max([*ends, *gaps], default=1.0), min([0.0, *ends])
    if gaps and max(gaps) / min(gaps) > _SYMLOG_ABOVE:
        smallest = 10.0 ** math.floor(math.log10(min(gaps)))
        axes.set_xscale("symlog", linthresh=smallest, linscale=0.5)
        axes.set_xlim(min(-0.35 * smallest, 1.3 * bottom), 2.0 * top)
        ticks = [0.0, *(10.0**k for k in range(round(math.log10(smallest)), math.floor(math.log10(2.0 * top)) + 1))]
        labels = [f"{tick:g}" for tick in ticks]
        labels[1] = ""  # beside the 0, which it would lie upon
        axes.set_xticks(ticks, labels)
        axes.minorticks_off()
        return
    span = (top - bottom) or 1.0
    axes.set_xlim(bottom - 0.05 * span, top + 0.08 * span)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _colour(model: str) -> str:
    learner = read_learner(model)
    if learner is None:
        return GREY
    return _ANY_ORDER[model] if learner.order is None else _IN_ORDER[learner.order]


def _message(means: Rows) -> str:
    """What the intervals of this panel allow to say about the smallest gap."""
    known = [row for row in means if row.model != CONTROL and math.isfinite(row.standard_error)]
    if len(known) < 2:
        return "gap to the entropy"
    best, second = sorted(known, key=lambda row: row.value)[:2]
    apart = best.interval[1] < second.interval[0]
    return f"smallest gap: {best.model}" if apart else f"smallest gap: {best.model} or {second.model}"


def _legend(figure: Figure, rows: Rows, means: Rows) -> None:
    over_seeds = means.where(over="seeds")
    counts = sorted({row.samples for row in over_seeds})
    spread = f"mean and 95% interval over {'/'.join(map(str, counts))} seeds"
    bar = spread if counts else "95% interval over test sequences"
    handles = [Line2D([], [], color=GREY, marker="o", markersize=7.5, linewidth=2.0, label=bar)]
    if over_seeds and len(rows) > len(means):
        handles.append(Line2D([], [], color=GREY, marker=".", linestyle="", markersize=5, label="one seed"))
    if means.get(model=CONTROL):
        face = {"markerfacecolor": "white", "markeredgecolor": INK, "markersize": 7.5}
        handles.append(Line2D([], [], marker="o", linestyle="", label=f"{CONTROL} (control)", **face))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
