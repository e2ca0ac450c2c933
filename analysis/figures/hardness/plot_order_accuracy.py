"""Figure 3: which reveal rule makes observations that agree with their latents, at how many network calls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from analysis.lab.averages import combine_seeds
from analysis.lab.rows import CONTROL, MDM, Row, Rows
from analysis.lab.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PERCENT,
    PURPLE,
    SMALL,
    VERMILION,
    bars,
    claim,
    headline,
    note,
    paper_style,
)
from analysis.measures.order_accuracy import AGREEMENT, EXPERIMENT_NAME, NaiveLines
from analysis.measures.paper import TABLE_1
from lo_theory.samplers.menu import MARGIN, TOP, VANILLA

_RULES = {VANILLA: (VERMILION, "o"), TOP: (BLUE, "s"), MARGIN: (GREEN, "D")}
_SPARE = ((ORANGE, "^"), (PURPLE, "v"), (GREY, "P"))

_ROUND = 5e-4  # share that does not agree below which a number passes for all that agree
_TICKS = (0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)


def draw_order_accuracy(rows: Rows, model: str = MDM, naive: Mapping[str, NaiveLines] | None = None) -> Figure:
    """Agreement against network calls: a panel per distribution, a line per reveal rule, 95% intervals; the paper's.

    Args:
        rows: of ``order_accuracy``; several seeds are averaged first. Those of the exact posterior are dashed.
        model: the one to show.
        naive: by name of the distribution, the two lines that need no learning: always the commoner value of an
            observation, and draws from its marginal.
    Raises:
        ValueError: no row of that model.
    """
    rows = combine_seeds(rows.where(experiment=EXPERIMENT_NAME, metric=AGREEMENT))
    own = rows.where(model=model)
    names = own.values("distribution")
    if not names:
        raise ValueError(f"no order accuracy of a model {model!r}; got rows of {sorted(rows.values('model'))}.")
    looks = _looks(own.values("decoder"))
    naive = naive or {}
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(1.6 + 2.1 * (len(names) + 1), 4.0), layout="constrained")
        axes = figure.subplots(1, len(names) + 1, squeeze=False, sharey=True)[0]
        _scale(axes[0], rows, naive)
        for panel, name in zip(axes, names, strict=False):
            chosen = rows.where(distribution=name)
            _panel(panel, chosen, model, looks)
            _naive(panel, naive.get(name))
            headline(panel, name, _message(chosen.where(model=model)))
            panel.set_xlabel("network calls per sequence")
        _paper(axes[-1])
        axes[0].set_ylabel("observations that agree with the latents\n(scale: logarithm of those that do not)")
        _legend(figure, looks, rows, model)
        claim(figure, _claim(own, names))
        return figure


def _looks(decoders: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each rule; the three of the paper keep theirs in every figure."""
    spare = iter(_SPARE)
    return {name: _RULES[name] if name in _RULES else next(spare, (INK, "x")) for name in decoders}


def _panel(axes: Axes, rows: Rows, model: str, looks: Mapping[str, tuple[str, str]]) -> None:
    for shift, (decoder, (colour, marker)) in enumerate(looks.items()):
        control = _by_calls(rows, CONTROL, decoder)
        axes.plot(
            [r.calls or 0.0 for r in control], [r.value for r in control], color=colour, linestyle=(0, (3, 2)),
            linewidth=1.1, marker=marker, markersize=5.5, markerfacecolor="white", markeredgewidth=1.0, zorder=2,
            clip_on=False,
        )  # fmt: skip
        line = _by_calls(rows, model, decoder)
        # A few percent sideways keep the intervals of different rules apart; the calls are those of the tick.
        x = [(r.calls or 0.0) * 1.04 ** (shift - (len(looks) - 1) / 2) for r in line]
        axes.errorbar(
            x, [row.value for row in line], yerr=bars(line, most=1.0), color=colour, marker=marker,
            markeredgewidth=0, capsize=2.0, elinewidth=1.1, zorder=3,
        )  # fmt: skip
    calls = sorted({row.calls for row in rows if row.calls})
    if not calls:
        note(axes, "not measured")
        return
    axes.set_xscale("log", base=2)
    axes.set_xticks(calls, [f"{call:g}" for call in calls])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(calls[0] / 1.15, calls[-1] * 1.15)
    axes.grid(axis="y")


def _naive(axes: Axes, lines: NaiveLines | None) -> None:
    if lines is None:
        return
    named = [("commoner value", lines.commoner_value, 2, "bottom"), ("marginal draws", lines.marginal_draw, -2, "top")]
    if abs(lines.commoner_value - lines.marginal_draw) < 0.005:
        named = [("commoner value = marginal draws", lines.commoner_value, 2, "bottom")]
    for text, value, lift, side in named:
        axes.axhline(value, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
        axes.annotate(
            f"{text}, {100 * value:.1f}%", (1.0, value), xycoords=("axes fraction", "data"), xytext=(-2, lift),
            textcoords="offset points", ha="right", va=side, fontsize=SMALL, color=GREY,
        )  # fmt: skip


def _paper(axes: Axes) -> None:
    """The paper's Table 1: larger distributions of the first kind, with a number of calls that it does not state."""
    x = range(len(TABLE_1))
    for rule, values in ((MARGIN, [p.margin for p in TABLE_1]), (VANILLA, [p.vanilla for p in TABLE_1])):
        colour, marker = _RULES[rule]
        axes.plot(x, values, color=colour, marker=marker, markeredgewidth=0)
        for place in (x[0], x[-1]):
            axes.annotate(
                f"{100 * values[place]:.1f}", (place, values[place]), xytext=(0, 7), textcoords="offset points",
                ha="center", fontsize=SMALL, color=colour,
            )  # fmt: skip
    axes.set_xticks(x, [str(paper.n_latents) for paper in TABLE_1])
    axes.set_xlim(-0.5, len(x) - 0.5)
    axes.set_xlabel("latents of 300 tokens")
    axes.grid(axis="y")
    axes.set_facecolor("#F6F6F6")
    headline(axes, "the paper's Table 1", "NAE-SAT, L = 300")


def _scale(axes: Axes, rows: Rows, naive: Mapping[str, NaiveLines]) -> None:
    """Logarithmic in the share that does not agree, so that 99.9% stands apart from 99% as 90% does, and ends at 1."""
    axes.set_yscale(
        "function",
        functions=(lambda y: -np.log10(np.maximum(1.0 - y, 0.0) + _ROUND), lambda z: 1.0 + _ROUND - 10.0**-z),
    )
    paper = [share for line in TABLE_1 for share in (line.margin, line.vanilla)]
    ends = [*(row.interval[0] for row in rows), *paper]
    ends += [share for lines in naive.values() for share in (lines.marginal_draw, lines.commoner_value)]
    axes.yaxis.set_major_locator(FixedLocator(_TICKS))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PERCENT)
    axes.set_ylim(1.0 - 1.7 * (1.0 - min(ends)), 1.0)


def _legend(figure: Figure, looks: Mapping[str, tuple[str, str]], rows: Rows, model: str) -> None:
    handles = [
        Line2D([], [], color=c, marker=m, markeredgewidth=0, label=f"{model}, {d}") for d, (c, m) in looks.items()
    ]
    control = rows.where(model=CONTROL)
    if control:
        style = {"color": GREY, "linestyle": (0, (3, 2)), "linewidth": 1.1, "marker": "o", "markerfacecolor": "white"}
        calls = sorted(control.values("calls"))
        where = f", at {calls[0]:g} calls" if len(calls) == 1 else ""
        handles.append(Line2D([], [], markersize=5.5, label=f"{CONTROL}, same rule (control{where})", **style))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles) if len(handles) < 5 else 3)


def _claim(own: Rows, names: Sequence[str]) -> str:
    """Whether margin is above vanilla wherever both were run."""
    pairs = [
        (row, other)
        for name in names
        for row in own.where(distribution=name, decoder=MARGIN)
        if (other := own.get(distribution=name, decoder=VANILLA, calls=row.calls))
    ]
    if pairs and all(margin.interval[0] > vanilla.interval[1] for margin, vanilla in pairs):
        return "By margin more observations agree with the latents, at every number of calls"
    return "Observations that agree with the latents, by reveal rule"


def _message(rows: Rows) -> str:
    """Compare margin with vanilla at the largest number of calls that both have; intervals decide what may be said."""
    margin, vanilla = (rows.where(decoder=rule) for rule in (MARGIN, VANILLA))
    common = margin.where(calls=vanilla.values("calls"))
    if not common:
        return "agreement by reveal rule"
    a = max(common, key=lambda row: row.calls or 0.0)
    b = vanilla.one(calls=a.calls)
    numbers = f"margin {100 * a.value:.1f}%, vanilla {100 * b.value:.1f}%"
    apart = a.interval[0] > b.interval[1] or a.interval[1] < b.interval[0]
    return numbers if apart or math.isnan(a.value) else f"{numbers}: not separated"


def _by_calls(rows: Rows, model: str, decoder: str) -> list[Row]:
    return sorted(rows.where(model=model, decoder=decoder), key=lambda row: row.calls or 0.0)
