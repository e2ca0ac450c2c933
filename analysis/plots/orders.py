"""Cumulated losses along several orders, exact and learned, and their totals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.plots.style import BLUE, CONTROL, GREEN, GREY, INK, ORANGE, VERMILION, headline, paper_style
from analysis.rows import Row, combine_seeds

_ORDERS = {
    "arm natural": (GREEN, "natural"),
    "arm reversed": (VERMILION, "reversed"),
    "pi closer 0": (BLUE, "closer"),
    "pi uniform 0": (ORANGE, "random"),
}
_MDM = "mdm"


def draw_orders(rows: Sequence[Row], floor: float, distribution: str = "NAE-SAT") -> Figure:
    """Exact posterior, trained network, and totals by order, of one distribution.

    Args:
        rows: of ``orders``.
        floor: N log m, in nats.
        distribution: which to show.
    Raises:
        ValueError: no row of this experiment on that distribution.
    """
    rows = combine_seeds([r for r in rows if r.experiment == "orders" and r.distribution == distribution])
    if not rows:
        raise ValueError(f"no rows of orders on {distribution}; run analysis.theory.orders first.")
    with paper_style("orders"):
        figure = Figure(figsize=(11.4, 4.0), layout="constrained")
        axes = figure.subplots(1, 3, width_ratios=[1, 1, 0.8])
        for panel, model, title, bounds in (
            (axes[0], CONTROL, f"{distribution}: exact posterior", True),
            (axes[1], _MDM, f"{distribution}: trained MDM", False),
        ):
            draw_paths(panel, [r for r in rows if r.model == model], floor, extremes=bounds)
            headline(panel, title, _message(rows, model))
        top = max(axes[0].get_ylim()[1], axes[1].get_ylim()[1])
        for panel in axes[:2]:
            panel.set_ylim(0.0, top)
        axes[0].legend(loc="lower right", title="order")
        draw_totals(axes[2], rows, floor)
        headline(axes[2], "Total, by order", "a learner's gap, order by order")
        return figure


def draw_paths(axes: Axes, rows: Sequence[Row], floor: float, *, extremes: bool) -> None:
    """Cumulated loss after each revealed token, a curve per order.

    Args:
        extremes: bands from the smallest to the largest sequence; otherwise of the 95% interval of the mean.
    """
    for order, (colour, label) in _ORDERS.items():
        own = {(r.metric, r.at): r for r in rows if r.decoder == order and r.at is not None}
        steps = sorted(at for metric, at in own if metric == "cumulated_nats" and at is not None)
        mean = [own["cumulated_nats", t] for t in steps]
        if extremes:
            low = [own["smallest_cumulated_nats", t].value for t in steps]
            high = [own["largest_cumulated_nats", t].value for t in steps]
        else:
            low, high = zip(*(r.interval for r in mean), strict=True)
        axes.fill_between(steps, low, high, color=colour, alpha=0.15, lw=0, step=None)
        axes.plot(steps, [r.value for r in mean], color=colour, label=label)
    axes.axhline(floor, color=INK, lw=0.9, linestyle=(0, (4, 2)))
    axes.annotate(
        f"N log 2 = {floor:.2f}", (0.0, floor), xycoords=("axes fraction", "data"), xytext=(4, 3),
        textcoords="offset points", fontsize=8,
    )  # fmt: skip
    axes.set_xlabel("revealed tokens")
    axes.set_ylabel("cumulated loss [nats per sequence]")
    axes.set_ylim(bottom=0.0)
    axes.grid(axis="y")


def draw_totals(axes: Axes, rows: Sequence[Row], floor: float) -> None:
    """Totals of both models along every order, with 95% intervals."""
    totals = [r for r in rows if r.metric == "total_nats"]
    names = list(dict.fromkeys(r.decoder or "" for r in totals))
    for model, colour, face, label in ((_MDM, BLUE, BLUE, "trained MDM"), (CONTROL, INK, "white", "exact posterior")):
        own = {r.decoder: r for r in totals if r.model == model}
        y = [names.index(name) for name in names if name in own]
        line = [own[name] for name in names if name in own]
        spread = np.array([[r.value - r.interval[0], r.interval[1] - r.value] for r in line]).T
        axes.errorbar(
            [r.value for r in line], y, xerr=np.maximum(spread, 0.0), color=colour, markerfacecolor=face, marker="o",
            linestyle="", capsize=2.0, markersize=5, elinewidth=1.0, label=label,
        )  # fmt: skip
    axes.axvline(floor, color=INK, lw=0.9, linestyle=(0, (4, 2)), zorder=1)
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("total loss [nats per sequence]")
    axes.grid(axis="x", color=GREY, alpha=0.2)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=8, handletextpad=0.3)


def _short(name: str) -> str:
    if name in _ORDERS and name != "pi uniform 0":
        return _ORDERS[name][1]
    return f"random {name.rsplit(' ', 1)[1]}"


def _message(rows: Sequence[Row], model: str) -> str:
    totals = [r.value for r in rows if r.metric == "total_nats" and r.model == model]
    if max(totals) - min(totals) < 1e-9:
        return f"every order and sequence: {totals[0]:.3f} nats"
    return f"from {min(totals):.2f} to {max(totals):.2f} nats, by order"
