"""Exact error of every sampler against its network calls, and of every order against the errors of the denoiser."""

from __future__ import annotations

from collections.abc import Sequence

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
from analysis.lab.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILION, headline, note, paper_style
from lo_theory.samplers.menu import BOUND, MARGIN, THRESHOLD, TOP

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
_STRENGTHS = (
    (EVERYWHERE, TOTAL_VARIATION, "errors everywhere:\ntotal variation"),
    (EVERYWHERE, OFF_SUPPORT, "errors everywhere:\nmass off the support"),
    (AT_INVERSIONS, TOTAL_VARIATION, "doubt at inversions:\ntotal variation"),
)
_FLOOR = 3e-3  # where zero stands on a logarithmic axis
_TINY = 1e-10


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
        figure = Figure(figsize=(0.9 + 3.4 * len(panels), 0.9 + 2.9 * len(metrics)), layout="constrained")
        grid = figure.subplots(len(metrics), len(panels), squeeze=False, sharex="col", sharey="row")
        for line, metric in zip(grid, metrics, strict=True):
            for axes, here in zip(line, panels.values(), strict=True):
                _curves(axes, here, metric)
            line[0].set_ylabel(_NAMES[metric])
            if metric != KL_FROM_TRUTH:
                line[0].set_ylim(-0.03, 1.03)
        for axes, (name, here) in zip(grid[0], panels.items(), strict=True):
            headline(axes, name, _message(here, model))
        for axes in grid[-1]:
            axes.set_xlabel("network calls per sequence")
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
        figure = Figure(figsize=(0.9 + 3.2 * len(panels), 0.9 + 2.3 * len(_STRENGTHS)), layout="constrained")
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
        _legend(figure, grid[0][0])
        return figure


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(6, len(labels)))


def _curves(axes: Axes, rows: Rows, metric: str) -> None:
    logarithmic = metric == KL_FROM_TRUTH
    for rule, (colour, marker, style) in _LOOKS.items():
        line = _against_calls(rows.where(decoder=rule), metric)
        if not line:
            continue
        axes.errorbar(
            [calls for calls, _ in line],
            [_FLOOR if logarithmic and r.value < _TINY else r.value for _, r in line],
            yerr=_errors([r for _, r in line]),
            color=colour, marker=marker, linestyle=style, linewidth=1.2, markersize=4.5, elinewidth=0.8, label=rule,
            markerfacecolor="none" if style == ":" else colour, zorder=4 if rule == TWO_CALLS else 2,
        )  # fmt: skip
    if logarithmic:
        axes.set_yscale("log")
    if logarithmic and any(r.value < _TINY for r in rows.where(metric=metric)):
        axes.set_ylim(_FLOOR / 1.6, None)
        axes.axhspan(_FLOOR / 1.6, _FLOOR * 1.25, color="#EFEFEF", zorder=0)
        axes.annotate(
            "exact", (1.0, _FLOOR), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
            fontsize=7.5, color=GREY, va="center",
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
            [r.at or 0.0 for r in line], [r.value for r in line], yerr=_errors(line), color=colour, marker=marker,
            linestyle=style, markersize=4.5, capsize=2.0, elinewidth=0.8, label=rule,
        )  # fmt: skip
    axes.grid(axis="y")


def _errors(line: Sequence[Row]) -> list[list[float]]:
    below = [max(r.value - r.interval[0], 0.0) for r in line]
    above = [max(r.interval[1] - r.value, 0.0) for r in line]
    return [below, above]


def _message(rows: Rows, model: str) -> str:
    """With the exact posterior, what the rule costs that is exact whenever it may be; else one token per call."""
    longest = max(row.value for row in rows.where(decoder=RANDOM, metric=CALLS))
    if model == CONTROL:
        free = rows.where(decoder=BOUND, at=0.0)
        error, calls = (free.one(metric=metric).value for metric in (TOTAL_VARIATION, CALLS))
        outcome = "exact" if error < _TINY else f"total variation {error:.2f}"
        return f"{BOUND} 0: {outcome} at {calls:.1f} of {longest:g} calls"
    return f"one token per call: {_random_and_margin(rows.where(at=longest))}"


def _strength_message(rows: Rows) -> str:
    """Margin against random order at the noise of 1."""
    return f"at noise 1: {_random_and_margin(rows.where(model=EVERYWHERE, at=1.0))}"


def _random_and_margin(rows: Rows) -> str:
    random, margin = (rows.one(decoder=rule, metric=TOTAL_VARIATION).value for rule in (RANDOM, MARGIN))
    return f"random {random:.2f}, margin {margin:.2f}"
