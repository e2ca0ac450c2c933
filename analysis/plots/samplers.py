"""Exact error of every sampler against its network calls, and of every order against the errors of the denoiser."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.planning.sampler_rules import (
    BOUND,
    CALLS,
    CURVE,
    DRAWN,
    EXPERIMENT,
    KL_FROM_TRUTH,
    KLASS,
    MARGIN,
    NATURAL,
    OFF_SUPPORT,
    ONE_PER_CALL,
    RANDOM,
    REMDM,
    REVERSED,
    STRENGTH,
    TAU,
    THRESHOLD,
    TOP,
    TOTAL_VARIATION,
    TWO_CALLS,
)
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
from analysis.rows import Row, combine_seeds

_LOOKS: dict[str, tuple[str, str, str]] = {
    RANDOM: (VERMILION, "o", "-"),
    CURVE: (VERMILION, "P", ":"),
    TAU: (ORANGE, "v", "-"),
    REMDM: (ORANGE, "^", ":"),
    MARGIN: (GREEN, "D", "-"),
    TOP: (BLUE, "s", "--"),
    THRESHOLD: (BLUE, "<", ":"),
    KLASS: (PURPLE, ">", ":"),
    BOUND: (PURPLE, "h", "-"),
    DRAWN: (INK, "x", "-"),
    TWO_CALLS: (GREY, "*", "none"),
}
_ORDERS = {rule: _LOOKS[rule] for rule in (RANDOM, MARGIN, TOP, DRAWN)} | {
    NATURAL: (GREY, "d", "-"),
    REVERSED: (SKY, "p", "-"),
}
_NAMES = {
    KL_FROM_TRUTH: "KL(truth || sampler), nats",
    TOTAL_VARIATION: "total variation",
    OFF_SUPPORT: "mass off the support",
}
_FLOOR = 3e-3  # where zero stands on a logarithmic axis
_TINY = 1e-10


def draw_samplers(
    rows: Sequence[Row], model: str = CONTROL, metrics: Sequence[str] = (KL_FROM_TRUTH, TOTAL_VARIATION)
) -> Figure:
    """A row of panels per metric, a column per distribution; a curve per rule, its dial running along it.

    Args:
        rows: of ``samplers``; draws of a posterior's errors are averaged at equal positions of the dial.
        model: the denoiser, the exact posterior or ``noised posterior``.
    Raises:
        ValueError: no rows of that model.
    """
    means = combine_seeds([r for r in rows if r.experiment == EXPERIMENT and r.model == model])
    means = [row for row in means if row.swept != ONE_PER_CALL and row.decoder in _LOOKS]
    names = list(dict.fromkeys(row.distribution for row in means))
    if not names:
        raise ValueError(f"no rows of samplers with the model {model!r}; run analysis.planning.samplers first.")
    with paper_style("samplers"):
        figure = Figure(figsize=(0.9 + 3.4 * len(names), 0.9 + 2.9 * len(metrics)), layout="constrained")
        grid = figure.subplots(len(metrics), len(names), squeeze=False, sharex="col", sharey="row")
        for line, metric in zip(grid, metrics, strict=True):
            for axes, name in zip(line, names, strict=True):
                _curves(axes, [row for row in means if row.distribution == name], metric)
            line[0].set_ylabel(_NAMES[metric])
            if metric != KL_FROM_TRUTH:
                line[0].set_ylim(-0.03, 1.03)
        for axes, name in zip(grid[0], names, strict=True):
            headline(axes, name, _message([row for row in means if row.distribution == name], model))
        for axes in grid[-1]:
            axes.set_xlabel("network calls per sequence")
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(6, len(labels)))
        return figure


def draw_imperfection(rows: Sequence[Row]) -> Figure:
    """One token per call under a wrong posterior: error of each order against the strength of the errors.

    Args:
        rows: of ``samplers``; draws of the errors are averaged, with 95% intervals.
    Raises:
        ValueError: no such rows.
    """
    means = combine_seeds([r for r in rows if r.experiment == EXPERIMENT and r.swept == STRENGTH])
    names = list(dict.fromkeys(row.distribution for row in means))
    if not names:
        raise ValueError("no rows of samplers with errors of growing strength; run analysis.planning.samplers first.")
    lines = [
        ("everywhere", TOTAL_VARIATION, "errors everywhere:\ntotal variation"),
        ("everywhere", OFF_SUPPORT, "errors everywhere:\nmass off the support"),
        ("at inversions", TOTAL_VARIATION, "doubt at inversions:\ntotal variation"),
    ]
    with paper_style("samplers_imperfection"):
        figure = Figure(figsize=(0.9 + 3.2 * len(names), 0.9 + 2.3 * len(lines)), layout="constrained")
        grid = figure.subplots(len(lines), len(names), squeeze=False, sharey="row")
        for line, (model, metric, label) in zip(grid, lines, strict=True):
            for axes, name in zip(line, names, strict=True):
                chosen = [r for r in means if (r.distribution, r.model, r.metric) == (name, model, metric)]
                _orders(axes, chosen)
                if metric == OFF_SUPPORT and not any(row.value for row in chosen):
                    note(axes, "no sequence is impossible")
                axes.set_xlabel("noise of the logits" if model == "everywhere" else "share of doubt")
            line[0].set_ylabel(label)
            line[0].set_ylim(-0.03, 1.03)
        for axes, name in zip(grid[0], names, strict=True):
            headline(axes, name, _strength_message([row for row in means if row.distribution == name]))
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(6, len(labels)))
        return figure


def _curves(axes: Axes, rows: Sequence[Row], metric: str) -> None:
    logarithmic = metric == KL_FROM_TRUTH
    for rule, (colour, marker, style) in _LOOKS.items():
        calls = {(r.swept, r.at): r.value for r in rows if r.decoder == rule and r.metric == CALLS}
        line = [r for r in rows if r.decoder == rule and r.metric == metric]
        line.sort(key=lambda r: calls[r.swept, r.at])
        if not line:
            continue
        axes.errorbar(
            [calls[r.swept, r.at] for r in line],
            [_FLOOR if logarithmic and r.value < _TINY else r.value for r in line],
            yerr=_errors(line),
            color=colour, marker=marker, linestyle=style, linewidth=1.2, markersize=4.5, elinewidth=0.8, label=rule,
            markerfacecolor="none" if style == ":" else colour, zorder=4 if rule == TWO_CALLS else 2,
        )  # fmt: skip
    if logarithmic:
        axes.set_yscale("log")
    if logarithmic and any(r.value < _TINY for r in rows if r.metric == metric):
        axes.set_ylim(_FLOOR / 1.6, None)
        axes.axhspan(_FLOOR / 1.6, _FLOOR * 1.25, color="#EFEFEF", zorder=0)
        axes.annotate(
            "exact", (1.0, _FLOOR), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
            fontsize=7.5, color=GREY, va="center",
        )  # fmt: skip
    longest = max(r.value for r in rows if r.metric == CALLS)
    ticks = [n for n in (1, 2, 3, 4, 6, 8, 10) if n <= longest + 0.5]
    axes.set_xscale("log")
    axes.set_xticks(ticks, [str(n) for n in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y")


def _orders(axes: Axes, rows: Sequence[Row]) -> None:
    for rule, (colour, marker, style) in _ORDERS.items():
        line = sorted((r for r in rows if r.decoder == rule), key=lambda r: r.at or 0.0)
        axes.errorbar(
            [r.at or 0.0 for r in line], [r.value for r in line], yerr=_errors(line), color=colour, marker=marker,
            linestyle=style, markersize=4.5, capsize=2.0, elinewidth=0.8, label=rule,
        )  # fmt: skip
    axes.grid(axis="y")


def _errors(line: Sequence[Row]) -> list[list[float]]:
    below = [max(r.value - r.interval[0], 0.0) for r in line]
    above = [max(r.interval[1] - r.value, 0.0) for r in line]
    return [below, above]


def _message(rows: Sequence[Row], model: str) -> str:
    """With the exact posterior, what the rule costs that is exact whenever it may be; else one token per call."""
    value = {(r.decoder, r.at, r.metric): r.value for r in rows}
    longest = max(r.value for r in rows if (r.decoder, r.metric) == (RANDOM, CALLS))
    if model == CONTROL:
        error = value[BOUND, 0.0, TOTAL_VARIATION]
        outcome = "exact" if error < _TINY else f"total variation {error:.2f}"
        return f"{BOUND} 0: {outcome} at {value[BOUND, 0.0, CALLS]:.1f} of {longest:g} calls"
    random, margin = (value[rule, longest, TOTAL_VARIATION] for rule in (RANDOM, MARGIN))
    return f"one token per call: random {random:.2f}, margin {margin:.2f}"


def _strength_message(rows: Sequence[Row]) -> str:
    """Margin against random order at the noise of 1."""
    value = {(r.decoder, r.metric): r.value for r in rows if (r.model, r.at) == ("everywhere", 1.0)}
    random, margin = (value[rule, TOTAL_VARIATION] for rule in (RANDOM, MARGIN))
    return f"at noise 1: random {random:.2f}, margin {margin:.2f}"
