"""Figure 3: which reveal rule makes observations that agree with their latents, at how many network calls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from analysis.networks.order_accuracy import AGREEMENT, NaiveLines
from analysis.plots.style import BLUE, CONTROL, GREEN, GREY, INK, ORANGE, PURPLE, VERMILION, headline, note, paper_style
from analysis.rows import Row, combine_seeds

_RULES = {"vanilla": (VERMILION, "o"), "top probability": (BLUE, "s"), "margin": (GREEN, "D")}
_SPARE = ((ORANGE, "^"), (PURPLE, "v"), (GREY, "P"))


def draw_order_accuracy(
    rows: Sequence[Row], model: str = "mdm", naive: Mapping[str, NaiveLines] | None = None
) -> Figure:
    """Agreement against network calls per sequence: a panel per distribution, a line per reveal rule, 95% intervals.

    Args:
        rows: of ``order_accuracy``; several seeds are averaged first. Those of the exact posterior are dashed.
        model: the one to show.
        naive: by name of the distribution, the two lines that need no learning: always the commoner value of an
            observation, and draws from its marginal.
    Raises:
        ValueError: no row of that model.
    """
    rows = combine_seeds([r for r in rows if r.experiment == "order_accuracy" and r.metric == AGREEMENT])
    names = list(dict.fromkeys(row.distribution for row in rows if row.model == model))
    if not names:
        raise ValueError(f"no order accuracy of a model {model!r}; got rows of {sorted({row.model for row in rows})}.")
    looks = _looks([row.decoder or "" for row in rows if row.model == model])
    with paper_style("order_accuracy"):
        figure = Figure(figsize=(0.9 + 3.2 * len(names), 3.5), layout="constrained")
        axes = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
        for panel, name in zip(axes, names, strict=True):
            chosen = [row for row in rows if row.distribution == name]
            _panel(panel, chosen, model, looks)
            _naive(panel, (naive or {}).get(name), chosen)
            headline(panel, name, _message([row for row in chosen if row.model == model]))
            panel.set_xlabel("network calls per sequence")
        _limits(axes[0], rows, naive or {})
        axes[0].set_ylabel("observations that agree\nwith the generated latents")
        _legend(figure, looks, rows, model, len(names))
        return figure


def _looks(decoders: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each rule; the three of the paper keep theirs in every figure."""
    spare = iter(_SPARE)
    return {name: _RULES[name] if name in _RULES else next(spare, (INK, "x")) for name in dict.fromkeys(decoders)}


def _panel(axes: Axes, rows: Sequence[Row], model: str, looks: Mapping[str, tuple[str, str]]) -> None:
    for shift, (decoder, (colour, marker)) in enumerate(looks.items()):
        control = _sorted(rows, CONTROL, decoder)
        axes.plot(
            [r.calls or 0.0 for r in control], [r.value for r in control], color=colour, linestyle=(0, (3, 2)),
            linewidth=1.1, marker=marker, markersize=5.5, markerfacecolor="white", markeredgewidth=1.0, zorder=2,
        )  # fmt: skip
        line = _sorted(rows, model, decoder)
        # A few percent sideways keep the intervals of different rules apart; the calls are those of the tick.
        x = [(r.calls or 0.0) * 1.04 ** (shift - (len(looks) - 1) / 2) for r in line]
        y = [row.value for row in line]
        below, above = (
            [max(r.value - r.interval[0], 0.0) for r in line],
            [max(r.interval[1] - r.value, 0.0) for r in line],
        )
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


def _naive(axes: Axes, lines: NaiveLines | None, rows: Sequence[Row]) -> None:
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


def _roomiest(rows: Sequence[Row], value: float) -> tuple[bool, bool]:
    """(right, above): the corner next to a line at ``value`` from which the data stay away farthest."""
    middle = float(np.sqrt(min(row.calls or 1.0 for row in rows) * max(row.calls or 1.0 for row in rows)))

    def room(corner: tuple[bool, bool]) -> float:
        right, up = corner
        near = [row.interval for row in rows if ((row.calls or 1.0) >= middle) == right]
        place = value + (0.02 if up else -0.02)
        return min((max(low - place, place - high) for low, high in near), default=1.0)

    return max([(True, False), (False, False), (True, True), (False, True)], key=room)


def _limits(axes: Axes, rows: Sequence[Row], naive: Mapping[str, NaiveLines]) -> None:
    lowest = min(
        [*(row.interval[0] for row in rows), *(min(n.marginal_draw, n.commoner_value) for n in naive.values())]
    )
    span = max(1.0 - lowest, 0.02)
    axes.set_ylim(lowest - 0.12 * span, 1.0 + 0.04 * span)


def _legend(figure: Figure, looks: Mapping[str, tuple[str, str]], rows: Sequence[Row], model: str, panels: int) -> None:
    handles = [
        Line2D([], [], color=c, marker=m, markeredgewidth=0, label=f"{model}, {d}") for d, (c, m) in looks.items()
    ]
    if any(row.model == CONTROL for row in rows):
        style = {"color": GREY, "linestyle": (0, (3, 2)), "linewidth": 1.1, "marker": "o", "markerfacecolor": "white"}
        handles.append(Line2D([], [], markersize=5.5, label=f"{CONTROL}, same rule (control)", **style))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 2 * panels))


def _message(rows: Sequence[Row]) -> str:
    """Compare margin with vanilla at the largest number of calls that both have; intervals decide what may be said."""
    margin, vanilla = ({row.calls: row for row in rows if row.decoder == rule} for rule in ("margin", "vanilla"))
    common = [calls for calls in margin if calls in vanilla and calls is not None]
    if not common:
        return "agreement by reveal rule"
    a, b = margin[max(common)], vanilla[max(common)]
    numbers = f"margin {100 * a.value:.1f}%, vanilla {100 * b.value:.1f}%"
    apart = a.interval[0] > b.interval[1] or a.interval[1] < b.interval[0]
    return numbers if apart or math.isnan(a.value) else f"{numbers}: not separated"


def _sorted(rows: Sequence[Row], model: str, decoder: str) -> list[Row]:
    return sorted((r for r in rows if r.model == model and r.decoder == decoder), key=lambda row: row.calls or 0.0)
