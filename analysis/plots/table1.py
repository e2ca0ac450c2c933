"""Table 1 as a figure: agreement against network calls, for networks and for the exact posterior in their place."""

from __future__ import annotations

import re
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from analysis.networks.order_accuracy import AGREEMENT
from analysis.paper_numbers import TABLE_1
from analysis.plots.style import (
    BLUE,
    CONTROL,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    headline,
    note,
    paper_style,
)
from analysis.rows import Row, combine_seeds, mean_calls

# Top probability and negative entropy are margin for bits, their rows equal to its own; one line stands for the three.
_LOOKS = {
    "vanilla": (VERMILION, "o"),
    "margin": (GREEN, "D"),
    "margin, binomial K": (GREEN, "x"),
    "left to right": (GREY, "<"),
    "remdm": (ORANGE, "^"),
    "path planning": (PURPLE, "v"),
    "full rewrite": (INK, "P"),
    "threshold": (BLUE, "s"),
    "entropy bound": (SKY, "h"),
    "klass": ("#8C6D31", "*"),
}
_SIZES = ("-", (0, (5, 1)), (0, (3, 1)), (0, (2, 1)), (0, (1, 1)))


def draw_table1(rows: Sequence[Row], model: str = "mdm") -> Figure:
    """Three panels: the network at its largest size, the exact posterior there, the exact posterior at L = 300.

    Args:
        rows: of ``table1``; seeds are averaged first.
        model: the network's name.
    Raises:
        ValueError: no row of that model.
    """
    rows = combine_seeds(mean_calls(row for row in rows if row.metric == AGREEMENT))
    sizes = sorted({row.distribution for row in rows if row.model == model}, key=_latents)
    if not sizes:
        raise ValueError(f"no agreement of a model {model!r}; got rows of {sorted({row.model for row in rows})}.")
    size = sizes[-1]
    with paper_style("table1"):
        figure = Figure(figsize=(11.2, 4.3), layout="constrained")
        network, truth, paper = figure.subplots(1, 3, sharey=True)
        for panel, who, title in ((network, model, f"network, {size}"), (truth, CONTROL, f"exact posterior, {size}")):
            chosen = [r for r in rows if r.model == who and r.distribution == size]
            _rules(panel, chosen)
            headline(panel, title, _message(chosen))
        _paper_sizes(paper, [r for r in rows if r.model == CONTROL])
        network.set_ylabel("observations that agree\nwith the generated latents")
        network.set_ylim(0.55, 1.012)
        network.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))
        handles = [Line2D([], [], color=c, marker=m, markersize=5, label=name) for name, (c, m) in _LOOKS.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=5)
        return figure


def _rules(axes: Axes, rows: Sequence[Row]) -> None:
    for name, (colour, marker) in _LOOKS.items():
        line = sorted((row for row in rows if row.decoder == name), key=lambda row: row.calls or 0.0)
        _line(axes, line, colour, marker, "-")
    _calls_axis(axes, [row.calls for row in rows if row.calls])


def _paper_sizes(axes: Axes, rows: Sequence[Row]) -> None:
    """Vanilla and margin by the exact posterior at the paper's sizes; its numbers at the right edge."""
    shown = [(p, name) for p in TABLE_1 if (name := f"NAE-SAT ({p.n_latents}, {p.n_observations})") in _names(rows)]
    if not shown:
        note(axes, "not measured at this scale")
        return
    for dashes, (_, name) in zip(_SIZES, shown, strict=False):
        for rule in ("vanilla", "margin"):
            line = [row for row in rows if row.decoder == rule and row.distribution == name]
            _line(axes, sorted(line, key=lambda row: row.calls or 0.0), *_LOOKS[rule], dashes)
    calls = [row.calls for row in rows if row.calls and row.distribution == shown[0][1]]
    _calls_axis(axes, calls)
    for paper, _ in shown:
        for rule, value in (("vanilla", paper.vanilla), ("margin", paper.margin)):
            axes.plot(
                1.03, value, color=_LOOKS[rule][0], marker="_", transform=axes.get_yaxis_transform(), clip_on=False
            )
    best = max(paper.margin for paper, _ in shown)
    axes.annotate(
        "paper's\nnetworks", (1.05, best), xycoords=axes.get_yaxis_transform(), fontsize=7.5, color=GREY, va="center"
    )
    one_each = min(
        (r.value for r in rows if r.decoder == "vanilla" and (r.calls or 0) > 0.9 * max(calls)), default=float("nan")
    )
    headline(axes, "exact posterior, L = 300", f"vanilla with one token per call: {100 * one_each:.1f}%")


def _line(axes: Axes, line: Sequence[Row], colour: str, marker: str, dashes: object) -> None:
    if not line:
        return
    spread = [
        [max(r.value - r.interval[0], 0.0) for r in line],
        [max(r.interval[1] - r.value, 0.0) for r in line],
    ]
    axes.errorbar(
        [r.calls or 0.0 for r in line], [r.value for r in line], yerr=spread, color=colour, marker=marker,
        markersize=4.5, linestyle=dashes, linewidth=1.2, elinewidth=0.9, capsize=1.5,
    )  # fmt: skip


def _calls_axis(axes: Axes, calls: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_xlabel("network calls per sequence")
    axes.grid(axis="y")
    if calls:
        most = max(calls)
        ticks = sorted({round(most / d) for d in (1, 2, 6, 15, 30)} - {0})
        axes.set_xticks(ticks, [str(t) for t in ticks])
        axes.xaxis.set_minor_locator(NullLocator())


def _message(rows: Sequence[Row]) -> str:
    """Vanilla and margin at the largest number of calls that both have."""
    found = {
        rule: max((r for r in rows if r.decoder == rule), key=lambda r: r.at or 0.0, default=None)
        for rule in ("margin", "vanilla")
    }
    parts = [f"{rule} {100 * row.value:.1f}%" for rule, row in found.items() if row is not None]
    return ", ".join(parts) + " at one token per call"


def _names(rows: Sequence[Row]) -> set[str]:
    return {row.distribution for row in rows}


def _latents(name: str) -> int:
    return int(re.findall(r"\d+", name)[0])
