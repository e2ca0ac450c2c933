"""Cumulated losses along several orders, exact and learned, and their totals."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.orders.units import (
    CUMULATED,
    EXPERIMENT_NAME,
    LARGEST,
    REVEALED,
    SHOWN_DISTRIBUTION,
    SHOWN_ORDERS,
    SMALLEST,
    TOTAL,
)
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import CONTROL, MDM, Row, Rows
from analysis.lab.style import BLUE, GREEN, GREY, INK, ORANGE, VERMILION, headline, paper_style

_STYLES = ((GREEN, "natural"), (VERMILION, "reversed"), (BLUE, "closer"), (ORANGE, "random"))
_LOOKS = dict(zip(SHOWN_ORDERS, _STYLES, strict=True))


def draw_orders(rows: Rows, floor: float) -> Figure:
    """Exact posterior, trained network, and totals by order, of one distribution.

    Args:
        rows: of ``orders``.
        floor: N log m, in nats.
    Raises:
        ValueError: no row of this experiment on that distribution.
    """
    means = combine_seeds(rows.where(distribution=SHOWN_DISTRIBUTION).of(EXPERIMENT_NAME))
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(11.4, 4.0), layout="constrained")
        axes = figure.subplots(1, 3, width_ratios=[1, 1, 0.8])
        for panel, model, title in ((axes[0], CONTROL, "exact posterior"), (axes[1], MDM, "trained MDM")):
            own = means.where(model=model)
            draw_paths(panel, own, floor, extremes=model == CONTROL)
            headline(panel, f"{SHOWN_DISTRIBUTION}: {title}", _message(own))
        top = max(axes[0].get_ylim()[1], axes[1].get_ylim()[1])
        for panel in axes[:2]:
            panel.set_ylim(0.0, top)
        axes[0].legend(loc="lower right", title="order")
        draw_totals(axes[2], means.where(metric=TOTAL), floor)
        headline(axes[2], "Total, by order", "a learner's gap, order by order")
        return figure


def draw_paths(axes: Axes, rows: Rows, floor: float, *, extremes: bool) -> None:
    """Cumulated loss after each revealed token, a curve per order.

    Args:
        extremes: bands from the smallest to the largest sequence; otherwise of the 95% interval of the mean.
    """
    for order, (colour, label) in _LOOKS.items():
        own = rows.where(decoder=order)
        mean, smallest, largest = (_steps(own, metric) for metric in (CUMULATED, SMALLEST, LARGEST))
        steps = [row.at or 0.0 for row in mean]
        if extremes:
            low, high = [row.value for row in smallest], [row.value for row in largest]
        else:
            low, high = zip(*(row.interval for row in mean), strict=True)
        axes.fill_between(steps, low, high, color=colour, alpha=0.15, lw=0, step=None)
        axes.plot(steps, [row.value for row in mean], color=colour, label=label)
    axes.axhline(floor, color=INK, lw=0.9, linestyle=(0, (4, 2)))
    axes.annotate(
        f"N log 2 = {floor:.2f}", (0.0, floor), xycoords=("axes fraction", "data"), xytext=(4, 3),
        textcoords="offset points", fontsize=8,
    )  # fmt: skip
    axes.set_xlabel(REVEALED)
    axes.set_ylabel("cumulated loss [nats per sequence]")
    axes.set_ylim(bottom=0.0)
    axes.grid(axis="y")


def draw_totals(axes: Axes, totals: Rows, floor: float) -> None:
    """Totals of both models along every order, with 95% intervals."""
    names = totals.values("decoder")
    for model, colour, face, label in ((MDM, BLUE, BLUE, "trained MDM"), (CONTROL, INK, "white", "exact posterior")):
        own = totals.where(model=model)
        spread = np.array([[row.value - row.interval[0], row.interval[1] - row.value] for row in own]).T
        axes.errorbar(
            [row.value for row in own], [names.index(row.decoder) for row in own], xerr=np.maximum(spread, 0.0),
            color=colour, markerfacecolor=face, marker="o", linestyle="", capsize=2.0, markersize=5, elinewidth=1.0,
            label=label,
        )  # fmt: skip
    axes.axvline(floor, color=INK, lw=0.9, linestyle=(0, (4, 2)), zorder=1)
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("total loss [nats per sequence]")
    axes.grid(axis="x", color=GREY, alpha=0.2)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=8, handletextpad=0.3)


def _steps(rows: Rows, metric: str) -> list[Row]:
    return sorted(rows.where(metric=metric), key=lambda row: row.at or 0.0)


def _short(name: str) -> str:
    label = _LOOKS[name][1] if name in _LOOKS else "random"
    return f"random {name.rsplit(' ', 1)[1]}" if label == "random" else label


def _message(rows: Rows) -> str:
    totals = [row.value for row in rows.where(metric=TOTAL)]
    if max(totals) - min(totals) < 1e-9:
        return f"every order and sequence: {totals[0]:.3f} nats"
    return f"from {min(totals):.2f} to {max(totals):.2f} nats, by order"
