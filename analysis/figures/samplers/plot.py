"""Exact error of every sampler against its network calls, and of every order against the errors of the denoiser."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.figures.samplers.menu import (
    CURVE,
    DRAWN,
    KLASS,
    NATURAL,
    RANDOM,
    REMDM,
    REVERSED,
    TAU,
    TWO_CALLS,
)
from analysis.figures.samplers.units import (
    AT_INVERSIONS,
    CALLS,
    EVERYWHERE,
    EXPERIMENT_NAME,
    KL_FROM_TRUTH,
    OFF_SUPPORT,
    ONE_PER_CALL,
    STRENGTH,
    TOTAL_VARIATION,
)
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import CONTROL, Row, Rows
from analysis.lab.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    VERMILION,
    bars,
    claim,
    headline,
    note,
    paper_style,
)
from lo_theory.samplers.menu import BOUND, MARGIN, THRESHOLD, TOP

_BACK = "#A8A8A8"  # of the rules behind those that carry the message
_MAIN: dict[str, tuple[str, str, str]] = {
    RANDOM: (VERMILION, "o", "-"),
    MARGIN: (GREEN, "D", "-"),
    BOUND: (PURPLE, "h", "-"),
    DRAWN: (INK, "X", "-"),
}
_OTHERS: dict[str, tuple[str, str, str]] = {
    TOP: (_BACK, "s", "-"),
    CURVE: (_BACK, "P", ":"),
    TAU: (_BACK, "v", "-"),
    REMDM: (_BACK, "^", ":"),
    THRESHOLD: (_BACK, "<", ":"),
    KLASS: (_BACK, ">", ":"),
    TWO_CALLS: (_BACK, "*", "none"),
}
_LOOKS = _MAIN | _OTHERS
_ORDERS = {rule: _LOOKS[rule] for rule in (RANDOM, MARGIN, TOP, DRAWN)} | {
    TOP: (BLUE, "s", "--"),
    NATURAL: (ORANGE, "d", "-"),
    REVERSED: (SKY, "p", "-"),
}
_NAMES = {
    KL_FROM_TRUTH: "KL(truth || sampler) [nats]",
    TOTAL_VARIATION: "total variation\nfrom the truth",
    OFF_SUPPORT: "chance of an\nimpossible sequence",
}
_STRENGTHS = (
    (EVERYWHERE, TOTAL_VARIATION, "errors everywhere:\ntotal variation"),
    (EVERYWHERE, OFF_SUPPORT, "errors everywhere:\nimpossible sequences"),
    (AT_INVERSIONS, TOTAL_VARIATION, "doubt at inversions:\ntotal variation"),
)
_FLOOR = 3e-3  # where zero stands on a logarithmic axis
_TINY = 1e-10
_BIASED = 0.1  # total variation that no rounding explains


def draw_samplers(
    rows: Rows, model: str = CONTROL, metrics: Sequence[str] = (KL_FROM_TRUTH, TOTAL_VARIATION)
) -> Figure:
    """A row of panels per metric, a column per distribution; a curve per rule, its dial running along it.

    Args:
        rows: of ``samplers``; draws of a posterior's errors are averaged at equal positions of the dial.
        model: the denoiser, the exact posterior or ``noised posterior``.
    Raises:
        ValueError: no rows of that model.
    """
    means = combine_seeds(rows.where(experiment=EXPERIMENT_NAME, model=model, decoder=list(_LOOKS)))
    means = Rows(row for row in means if row.swept != ONE_PER_CALL)
    if not means:
        raise ValueError(f"no rows of samplers with the model {model!r}; `lo-theory reproduce samplers` measures them.")
    panels = means.by("distribution")
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(0.9 + 3.05 * len(panels), 1.5 + 2.6 * len(metrics)), layout="constrained")
        grid = figure.subplots(len(metrics), len(panels), squeeze=False, sharex="col", sharey="row")
        for line, metric in zip(grid, metrics, strict=True):
            for axes, here in zip(line, panels.values(), strict=True):
                _curves(axes, here, metric)
                if metric == OFF_SUPPORT and not any(row.value for row in here.where(metric=metric)):
                    note(axes, "no sequence is impossible")
            line[0].set_ylabel(_NAMES[metric])
            if metric != KL_FROM_TRUTH:
                line[0].set_ylim(-0.03, 1.03)
        for axes, (name, here) in zip(grid[0], panels.items(), strict=True):
            headline(axes, name, _message(here, model))
        for axes in grid[-1]:
            axes.set_xlabel("network calls per sequence")
        claim(figure, _claim(panels.values(), model))
        _legend(figure, grid[0][0])
        return figure


def draw_imperfection(rows: Rows) -> Figure:
    """One token per call under a wrong posterior: error of each order against the strength of the errors.

    Args:
        rows: of ``samplers``; draws of the errors are averaged, with 95% intervals.
    Raises:
        ValueError: no such rows.
    """
    panels = combine_seeds(rows.where(experiment=EXPERIMENT_NAME, swept=STRENGTH)).by("distribution")
    if not panels:
        raise ValueError(
            "no rows of samplers with errors of growing strength; `lo-theory reproduce samplers` measures them."
        )
    with paper_style("samplers_imperfection"):
        figure = Figure(figsize=(0.9 + 3.05 * len(panels), 1.3 + 2.1 * len(_STRENGTHS)), layout="constrained")
        grid = figure.subplots(len(_STRENGTHS), len(panels), squeeze=False, sharey="row")
        for line, (model, metric, label) in zip(grid, _STRENGTHS, strict=True):
            for axes, here in zip(line, panels.values(), strict=True):
                chosen = here.where(model=model, metric=metric)
                _orders(axes, chosen)
                if metric == OFF_SUPPORT and not any(row.value for row in chosen):
                    note(axes, "no sequence is impossible")
                axes.set_xlabel("noise of the logits" if model == EVERYWHERE else "share of doubt")
            line[0].set_ylabel(label)
            line[0].set_ylim(-0.03, 1.03)
        for axes, (name, here) in zip(grid[0], panels.items(), strict=True):
            headline(axes, name, _strength_message(here))
        claim(figure, "One token per call under a wrong posterior: the order decides how errors add up")
        _legend(figure, grid[0][0])
        return figure


def _legend(figure: Figure, axes: Axes) -> None:
    """The rules that carry the message first."""
    found = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    order = [rule for rule in (*_MAIN, *_ORDERS, *_LOOKS) if rule in found]
    order = list(dict.fromkeys(order))
    figure.legend([found[rule] for rule in order], order, loc="outside lower center", ncols=min(6, len(order)))


def _curves(axes: Axes, rows: Rows, metric: str) -> None:
    logarithmic = metric == KL_FROM_TRUTH
    for rule, (colour, marker, style) in _LOOKS.items():
        line = _against_calls(rows.where(decoder=rule), metric)
        if not line:
            continue
        axes.errorbar(
            [calls for calls, _ in line],
            [_FLOOR if logarithmic and r.value < _TINY else r.value for _, r in line],
            yerr=bars([r for _, r in line], most=math.inf if logarithmic else 1.0),
            color=colour, marker=marker, linestyle=style, linewidth=1.8 if rule in _MAIN else 0.9, elinewidth=0.8,
            markersize=6.0 if rule in _MAIN else 4.0, label=rule, zorder=4 if rule in _MAIN else 2,
            markerfacecolor="none" if style == ":" else colour, clip_on=False,
        )  # fmt: skip
    if logarithmic:
        axes.set_yscale("log")
    if logarithmic and any(r.value < _TINY for r in rows.where(metric=metric)):
        axes.set_ylim(_FLOOR / 1.6, None)
        axes.axhspan(_FLOOR / 1.6, _FLOOR * 1.25, color="#EFEFEF", zorder=0)
        axes.annotate(
            "exact", (0.02, _FLOOR), xycoords=("axes fraction", "data"), fontsize=SMALL, color=GREY, va="center"
        )  # fmt: skip
    longest = max(r.value for r in rows.where(metric=CALLS))
    ticks = [n for n in (1, 2, 3, 4, 6, 8, 10) if n <= longest + 0.5]
    axes.set_xscale("log")
    axes.set_xticks(ticks, [str(n) for n in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y")


def _against_calls(rows: Rows, metric: str) -> list[tuple[float, Row]]:
    """The rows of a metric of one rule, each behind the calls at its position of the dial, ascending."""
    calls = rows.where(metric=CALLS)
    line = [(calls.one(swept=row.swept, at=row.at).value, row) for row in rows.where(metric=metric)]
    return sorted(line, key=lambda point: point[0])


def _orders(axes: Axes, rows: Rows) -> None:
    for rule, (colour, marker, style) in _ORDERS.items():
        line = sorted(rows.where(decoder=rule), key=lambda r: r.at or 0.0)
        axes.errorbar(
            [r.at or 0.0 for r in line], [r.value for r in line], yerr=bars(line, most=1.0), color=colour,
            marker=marker, linestyle=style, markersize=4.5, capsize=2.0, elinewidth=0.8, label=rule,
        )  # fmt: skip
    axes.grid(axis="y")


def _message(rows: Rows, model: str) -> str:
    """With the exact posterior, what the rule costs that is exact whenever it may be; else one token per call."""
    longest = max(row.value for row in rows.where(decoder=RANDOM, metric=CALLS))
    if model == CONTROL:
        free = rows.where(decoder=BOUND, at=0.0)
        error, calls = (free.one(metric=metric).value for metric in (TOTAL_VARIATION, CALLS))
        outcome = "exact" if error < _TINY else f"total variation {error:.2f}"
        return f"{BOUND} 0: {outcome} at {calls:.1f} of {longest:g} calls"
    return f"one per call: {_random_and_margin(rows.where(at=longest))}"


def _claim(panels: Iterable[Rows], model: str) -> str:
    """What holds in every panel at one token per call; a title that claims nothing if that is not measured."""
    last = {}  # by rule, the total variation in each panel at the most calls
    for rows in panels:
        for rule, own in rows.by("decoder").items():
            line = _against_calls(own, TOTAL_VARIATION)
            last.setdefault(rule, []).extend([line[-1][1].value] if line else [])
    random, margin, drawn = (last.get(rule) or [math.nan] for rule in (RANDOM, MARGIN, DRAWN))
    if model == CONTROL and max(*random, *margin) < _TINY and min(drawn) > _BIASED:
        return "Exact posterior: one token per call is exact in any order, but not when drawn tokens rank positions"
    if model != CONTROL and all(blind < sure for blind, sure in zip(random, margin, strict=True)):
        return "Errors in the posterior: one token per call in random order is nearer to the truth than by confidence"
    return "How far the law of each sampler is from the truth"


def _strength_message(rows: Rows) -> str:
    """Margin against random order at the noise of 1."""
    return f"at noise 1: {_random_and_margin(rows.where(model=EVERYWHERE, at=1.0))}"


def _random_and_margin(rows: Rows) -> str:
    random, margin = (rows.one(decoder=rule, metric=TOTAL_VARIATION).value for rule in (RANDOM, MARGIN))
    return f"random {random:.2f}, margin {margin:.2f}"
