"""Figure 3: which reveal rule makes observations that agree with their latents, at how many network calls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from analysis.lab.averages import combine_seeds
from analysis.lab.rows import CONTROL, MDM, Row, Rows
from analysis.lab.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, VERMILION, headline, note, paper_style
from analysis.measures.order_accuracy import AGREEMENT, EXPERIMENT_NAME, NaiveLines
from lo_theory.samplers.menu import MARGIN, TOP, VANILLA

_RULES = {VANILLA: (VERMILION, "o"), TOP: (BLUE, "s"), MARGIN: (GREEN, "D")}
_SPARE = ((ORANGE, "^"), (PURPLE, "v"), (GREY, "P"))


def draw_order_accuracy(rows: Rows, model: str = MDM, naive: Mapping[str, NaiveLines] | None = None) -> Figure:
    """Agreement against network calls per sequence: a panel per distribution, a line per reveal rule, 95% intervals.

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
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(0.9 + 3.2 * len(names), 3.5), layout="constrained")
        axes = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
        for panel, name in zip(axes, names, strict=True):
            chosen = rows.where(distribution=name)
            _panel(panel, chosen, model, looks)
            _naive(panel, (naive or {}).get(name), chosen)
            headline(panel, name, _message(chosen.where(model=model)))
            panel.set_xlabel("network calls per sequence")
        _limits(axes[0], rows, naive or {})
        axes[0].set_ylabel("observations that agree\nwith the generated latents")
        _legend(figure, looks, rows, model, len(names))
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
        )  # fmt: skip
        line = _by_calls(rows, model, decoder)
        # A few percent sideways keep the intervals of different rules apart; the calls are those of the tick.
        x = [(r.calls or 0.0) * 1.04 ** (shift - (len(looks) - 1) / 2) for r in line]
        y = [row.value for row in line]
        below = [max(r.value - r.interval[0], 0.0) for r in line]
        above = [max(r.interval[1] - r.value, 0.0) for r in line]
        axes.errorbar(
            x, y, yerr=[below, above], color=colour, marker=marker, markeredgewidth=0, capsize=2.0, elinewidth=1.1,
            zorder=3,
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
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))


def _naive(axes: Axes, lines: NaiveLines | None, rows: Rows) -> None:
    if lines is None:
        return
    named = [("commoner value", lines.commoner_value), ("marginal draws", lines.marginal_draw)]
    if abs(lines.commoner_value - lines.marginal_draw) < 0.005:
        named = [("commoner value = marginal draws", lines.commoner_value)]
    for text, value in named:
        right, up = _roomiest(rows, value)
        axes.axhline(value, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
        axes.annotate(
            f"{text}, {100 * value:.1f}%", (1.0 if right else 0.0, value), xycoords=("axes fraction", "data"),
            xytext=(-2 if right else 3, 2 if up else -2), textcoords="offset points", ha="right" if right else "left",
            va="bottom" if up else "top", fontsize=7.5, color=GREY,
        )  # fmt: skip


def _roomiest(rows: Rows, value: float) -> tuple[bool, bool]:
    """(right, above): the corner next to a line at ``value`` from which the data stay away farthest."""
    middle = float(np.sqrt(min(row.calls or 1.0 for row in rows) * max(row.calls or 1.0 for row in rows)))

    def room(corner: tuple[bool, bool]) -> float:
        right, up = corner
        near = [row.interval for row in rows if ((row.calls or 1.0) >= middle) == right]
        place = value + (0.02 if up else -0.02)
        return min((max(low - place, place - high) for low, high in near), default=1.0)

    return max([(True, False), (False, False), (True, True), (False, True)], key=room)


def _limits(axes: Axes, rows: Rows, naive: Mapping[str, NaiveLines]) -> None:
    lowest = min(
        [*(row.interval[0] for row in rows), *(min(n.marginal_draw, n.commoner_value) for n in naive.values())]
    )
    span = max(1.0 - lowest, 0.02)
    axes.set_ylim(lowest - 0.12 * span, 1.0 + 0.04 * span)


def _legend(figure: Figure, looks: Mapping[str, tuple[str, str]], rows: Rows, model: str, panels: int) -> None:
    handles = [
        Line2D([], [], color=c, marker=m, markeredgewidth=0, label=f"{model}, {d}") for d, (c, m) in looks.items()
    ]
    if rows.get(model=CONTROL):
        style = {"color": GREY, "linestyle": (0, (3, 2)), "linewidth": 1.1, "marker": "o", "markerfacecolor": "white"}
        handles.append(Line2D([], [], markersize=5.5, label=f"{CONTROL}, same rule (control)", **style))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 2 * panels))


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
