"""Table 1 as a figure: agreement against network calls, for networks and for the exact posterior in their place."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.lab.averages import combine_seeds, mean_calls
from analysis.lab.rows import CONTROL, MDM, Row, Rows
from analysis.lab.style import (
    GREEN,
    GREY,
    PERCENT,
    SMALL,
    VERMILION,
    WIDTH,
    LineName,
    bars,
    claim,
    headline,
    name_lines,
    note,
    paper_style,
)
from analysis.measures.order_accuracy import AGREEMENT
from analysis.measures.paper import TABLE_1, OrderAccuracyOfPaper
from analysis.measures.rule_sweep import DIVISORS, EXPERIMENT_NAME, named_size, size_name
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
_MAIN = {VANILLA: (VERMILION, "o"), MARGIN: (GREEN, "D")}
_OTHERS = {
    BINOMIAL: (GREY, "x"),
    LEFT_TO_RIGHT: (GREY, "<"),
    REMDM: (GREY, "^"),
    PATH_PLANNING: (GREY, "v"),
    FULL_REWRITE: (GREY, "P"),
    THRESHOLD: (GREY, "s"),
    BOUND: (GREY, "h"),
    KLASS: (GREY, "*"),
}
_LOWEST = 0.55
_RIGHT = 0.999  # share of observations above which a rule passes for right


def draw_table1(rows: Rows, model: str = MDM) -> Figure:
    """Four panels: the network at its largest size, the exact posterior there and at L = 300, the paper's networks.

    Args:
        rows: of ``table1``; seeds are averaged first.
        model: the network's name.
    Raises:
        ValueError: no row of that model.
    """
    means = combine_seeds(mean_calls(rows.where(metric=AGREEMENT)))
    sizes = sorted(means.where(model=model).values("distribution"), key=named_size)
    if not sizes:
        raise ValueError(f"no agreement of a model {model!r}; got rows of {sorted(means.values('model'))}.")
    size = sizes[-1]
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(WIDTH, 8.2), layout="constrained")
        (network, truth), (large, paper) = figure.subplots(2, 2, sharey=True)
        network.set_ylim(_LOWEST, 1.012)
        network.yaxis.set_major_formatter(PERCENT)
        for panel, who, title in ((network, model, f"network, {size}"), (truth, CONTROL, f"exact posterior, {size}")):
            chosen = means.where(model=who, distribution=size)
            _rules(panel, chosen)
            headline(panel, title, _message(chosen))
        shown = _shown(means.where(model=CONTROL))
        _paper_sizes(large, means.where(model=CONTROL), shown)
        _paper(paper, shown or TABLE_1)
        for panel in (network, large):
            panel.set_ylabel("observations that agree\nwith the generated latents")
        claim(figure, _claim(means, model))
        return figure


def _rules(axes: Axes, rows: Rows) -> None:
    """Vanilla and margin in colour, the suite behind them in grey; every line has its name at its right end."""
    _calls_axis(axes, rows)
    names = []
    for name, (colour, marker) in (_OTHERS | _MAIN).items():
        line = _line(axes, rows.where(decoder=name), colour, marker, "-", strong=name in _MAIN)
        if line:
            names.append(LineName(name, line[-1].calls or 0.0, max(line[-1].value, _LOWEST), colour))
    name_lines(axes, names, gap=0.062)


def _shown(rows: Rows) -> tuple[OrderAccuracyOfPaper, ...]:
    """The paper's lines at whose sizes there are rows."""
    names = set(rows.values("distribution"))
    return tuple(paper for paper in TABLE_1 if size_name(paper.n_latents, paper.n_observations) in names)


def _paper_sizes(axes: Axes, rows: Rows, shown: Sequence[OrderAccuracyOfPaper]) -> None:
    """Vanilla and margin by the exact posterior at the paper's sizes."""
    if not shown:
        note(axes, "not measured at this scale")
        axes.set_xlabel("network calls per sequence")
        headline(axes, "exact posterior, L = 300", "")
        return
    names = [size_name(paper.n_latents, paper.n_observations) for paper in shown]
    rows = rows.where(distribution=names)
    most = _calls_axis(axes, rows)
    axes.set_xlim(min(rows.values("calls")) / 9.0, None)
    starts, vanilla = [], []
    for name in names:
        line = _line(axes, rows.where(decoder=VANILLA, distribution=name), *_MAIN[VANILLA], "-", strong=False)
        vanilla.append(line[0])
        line = _line(axes, rows.where(decoder=MARGIN, distribution=name), *_MAIN[MARGIN], "-", strong=False)
        size = name.removeprefix("NAE-SAT ")
        starts.append(LineName(f"margin {size}", line[0].calls or 0.0, line[0].value, GREEN))
    middle = min(vanilla, key=lambda row: row.value)
    text = f"vanilla, {'all sizes' if len(names) > 1 else names[0]}"
    name_lines(axes, [*starts, LineName(text, middle.calls or 0.0, middle.value, VERMILION)], gap=0.062, side="left")
    one_each = min((r.value for r in rows.where(decoder=VANILLA) if (r.calls or 0) > 0.9 * most), default=math.nan)
    headline(axes, "exact posterior, L = 300", f"vanilla with one token per call: {100 * one_each:.1f}%")


def _paper(axes: Axes, shown: Sequence[OrderAccuracyOfPaper]) -> None:
    """The numbers of the paper's networks by size; it does not say with how many calls."""
    x = range(len(shown))
    names = []
    for rule, values in ((MARGIN, [p.margin for p in shown]), (VANILLA, [p.vanilla for p in shown])):
        colour, marker = _MAIN[rule]
        axes.plot(x, values, color=colour, marker=marker, markersize=6.0)
        names.append(LineName(rule, float(x[-1]), values[-1], colour))
        for place, value in zip(x, values, strict=True):
            axes.annotate(
                f"{100 * value:.1f}", (place, value), xytext=(0, 8), textcoords="offset points", ha="center",
                fontsize=SMALL, color=colour,
            )  # fmt: skip
    axes.set_xticks(x, [f"{p.n_latents}" for p in shown])
    axes.set_xlim(-0.4, len(shown) - 0.6)
    axes.set_xlabel("latents N of the 300 tokens")
    axes.grid(axis="y")
    name_lines(axes, names)
    headline(axes, "the paper's networks, L = 300", "Table 1; its number of calls is not stated")


def _claim(means: Rows, model: str) -> str:
    """Whether the exact posterior is right by both rules where the network is not."""
    if not any(row.calls for row in means.where(model=CONTROL)) or model == CONTROL:
        return "Observations that agree with the generated latents, by rule and number of calls"
    last = {
        who: [
            max(own, key=lambda row: row.calls or 0.0).value
            for own in means.where(model=who, decoder=tuple(_MAIN)).by("distribution", "decoder").values()
        ]
        for who in (model, CONTROL)
    }
    if min(last[CONTROL], default=0.0) > _RIGHT > min(last[model], default=1.0):
        return "With one token per call the exact posterior is right by both rules: a network's errors are its own"
    return "Observations that agree with the generated latents, by rule and number of calls"


def _line(axes: Axes, rows: Rows, colour: str, marker: str, dashes: str, *, strong: bool) -> list[Row]:
    """Draw the rows of one rule; returns them by their calls."""
    line = sorted(rows, key=lambda row: row.calls or 0.0)
    if line:
        axes.errorbar(
            [r.calls or 0.0 for r in line], [r.value for r in line], yerr=bars(line, most=1.0), color=colour,
            marker=marker, markersize=6.0 if strong else 4.5, linestyle=dashes, linewidth=2.0 if strong else 1.0,
            elinewidth=0.9, capsize=1.5, zorder=4 if strong else 2, alpha=0.75 if colour == GREY else 1.0,
        )  # fmt: skip
    return line


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
