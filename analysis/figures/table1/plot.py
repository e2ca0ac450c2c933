"""Table 1 as a figure: agreement against network calls, for networks and for the exact posterior in their place."""

from __future__ import annotations

import math
import re

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from analysis.lab.averages import combine_seeds, mean_calls
from analysis.lab.rows import CONTROL, MDM, Rows
from analysis.lab.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILION, headline, note, paper_style
from analysis.measures.order_accuracy import AGREEMENT
from analysis.measures.paper import TABLE_1
from analysis.measures.rule_sweep import DIVISORS, EXPERIMENT_NAME, size_name
from lo_theory.samplers.menu import (
    BINOMIAL,
    BOUND,
    FULL_REWRITE,
    KLASS,
    LEFT_TO_RIGHT,
    MARGIN,
    PATH_PLANNING,
    REMDM,
    THRESHOLD,
    VANILLA,
)

# Top probability and negative entropy are margin for bits, their rows equal to its own; one line stands for the three.
_LOOKS = {
    VANILLA: (VERMILION, "o"),
    MARGIN: (GREEN, "D"),
    BINOMIAL: (GREEN, "x"),
    LEFT_TO_RIGHT: (GREY, "<"),
    REMDM: (ORANGE, "^"),
    PATH_PLANNING: (PURPLE, "v"),
    FULL_REWRITE: (INK, "P"),
    THRESHOLD: (BLUE, "s"),
    BOUND: (SKY, "h"),
    KLASS: ("#8C6D31", "*"),
}
_SIZES = ("-", (0, (5, 1)), (0, (3, 1)), (0, (2, 1)), (0, (1, 1)))


def draw_table1(rows: Rows, model: str = MDM) -> Figure:
    """Three panels: the network at its largest size, the exact posterior there, the exact posterior at L = 300.

    Args:
        rows: of ``table1``; seeds are averaged first.
        model: the network's name.
    Raises:
        ValueError: no row of that model.
    """
    means = combine_seeds(mean_calls(rows.where(metric=AGREEMENT)))
    sizes = sorted(means.where(model=model).values("distribution"), key=_latents)
    if not sizes:
        raise ValueError(f"no agreement of a model {model!r}; got rows of {sorted(means.values('model'))}.")
    size = sizes[-1]
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(11.2, 4.3), layout="constrained")
        network, truth, paper = figure.subplots(1, 3, sharey=True)
        for panel, who, title in ((network, model, f"network, {size}"), (truth, CONTROL, f"exact posterior, {size}")):
            chosen = means.where(model=who, distribution=size)
            _rules(panel, chosen)
            headline(panel, title, _message(chosen))
        _paper_sizes(paper, means.where(model=CONTROL))
        network.set_ylabel("observations that agree\nwith the generated latents")
        network.set_ylim(0.55, 1.012)
        network.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))
        handles = [Line2D([], [], color=c, marker=m, markersize=5, label=name) for name, (c, m) in _LOOKS.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=5)
        return figure


def _rules(axes: Axes, rows: Rows) -> None:
    for name, (colour, marker) in _LOOKS.items():
        _line(axes, rows.where(decoder=name), colour, marker, "-")
    _calls_axis(axes, rows)


def _paper_sizes(axes: Axes, rows: Rows) -> None:
    """Vanilla and margin by the exact posterior at the paper's sizes; its numbers at the right edge."""
    names = {size_name(paper.n_latents, paper.n_observations): paper for paper in TABLE_1}
    shown = {name: paper for name, paper in names.items() if rows.get(distribution=name)}
    if not shown:
        note(axes, "not measured at this scale")
        return
    for dashes, name in zip(_SIZES, shown, strict=False):
        for rule in (VANILLA, MARGIN):
            _line(axes, rows.where(decoder=rule, distribution=name), *_LOOKS[rule], dashes)
    most = _calls_axis(axes, rows.where(distribution=next(iter(shown))))
    for paper in shown.values():
        for rule, value in ((VANILLA, paper.vanilla), (MARGIN, paper.margin)):
            axes.plot(
                1.03, value, color=_LOOKS[rule][0], marker="_", transform=axes.get_yaxis_transform(), clip_on=False
            )
    best = max(paper.margin for paper in shown.values())
    axes.annotate(
        "paper's\nnetworks", (1.05, best), xycoords=axes.get_yaxis_transform(), fontsize=7.5, color=GREY, va="center"
    )
    one_each = min((r.value for r in rows.where(decoder=VANILLA) if (r.calls or 0) > 0.9 * most), default=math.nan)
    headline(axes, "exact posterior, L = 300", f"vanilla with one token per call: {100 * one_each:.1f}%")


def _line(axes: Axes, rows: Rows, colour: str, marker: str, dashes: object) -> None:
    if not rows:
        return
    line = sorted(rows, key=lambda row: row.calls or 0.0)
    spread = [
        [max(r.value - r.interval[0], 0.0) for r in line],
        [max(r.interval[1] - r.value, 0.0) for r in line],
    ]
    axes.errorbar(
        [r.calls or 0.0 for r in line], [r.value for r in line], yerr=spread, color=colour, marker=marker,
        markersize=4.5, linestyle=dashes, linewidth=1.2, elinewidth=0.9, capsize=1.5,
    )  # fmt: skip


def _calls_axis(axes: Axes, rows: Rows) -> float:
    """Ticks at the numbers of calls that are compared; returns the largest."""
    axes.set_xscale("log")
    axes.set_xlabel("network calls per sequence")
    axes.grid(axis="y")
    most = max(rows.values("calls"), default=0.0)
    ticks = sorted({round(most / divisor) for divisor in DIVISORS} - {0})
    if ticks:
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
    return most


def _message(rows: Rows) -> str:
    """Vanilla and margin at the largest number of calls that both have."""
    found = {rule: max(rows.where(decoder=rule), key=lambda r: r.at or 0.0, default=None) for rule in (MARGIN, VANILLA)}
    parts = [f"{rule} {100 * row.value:.1f}%" for rule, row in found.items() if row is not None]
    return ", ".join(parts) + " at one token per call"


def _latents(name: str) -> int:
    return int(re.findall(r"\d+", name)[0])
