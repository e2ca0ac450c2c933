"""Cumulated losses along several orders, exact and learned, and their totals."""

from __future__ import annotations

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
from analysis.lab.style import (
    BLUE,
    GREY,
    INK,
    PURPLE,
    SKY,
    SMALL,
    VERMILION,
    WIDTH,
    LineName,
    band,
    bars,
    claim,
    headline,
    name_lines,
    paper_style,
)

_STYLES: tuple[tuple[str, str, str | tuple[int, tuple[int, int]]], ...] = (
    (INK, "natural", "-"),
    (VERMILION, "reversed", "-"),
    (SKY, "closer", (0, (4, 2))),
    (PURPLE, "random", "-"),
)
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
        figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
        axes = figure.subplots(1, 3, width_ratios=[1, 1, 0.75])
        for panel, model, title in ((axes[0], CONTROL, "exact posterior"), (axes[1], MDM, "trained MDM")):
            own = means.where(model=model)
            draw_paths(panel, own, floor, extremes=model == CONTROL)
            headline(panel, title, _message(own))
        top = max(axes[0].get_ylim()[1], axes[1].get_ylim()[1])
        for panel in axes[:2]:
            panel.set_ylim(0.0, top)
        _name(axes[1], means.where(model=MDM))
        draw_totals(axes[2], means.where(metric=TOTAL), floor)
        headline(axes[2], "total, by order", "open: exact posterior; full: MDM")
        claim(figure, _claim(means.where(metric=TOTAL)))
        return figure


def draw_paths(axes: Axes, rows: Rows, floor: float, *, extremes: bool) -> None:
    """Cumulated loss after each revealed token, a curve per order.

    Args:
        extremes: bands from the smallest to the largest sequence; otherwise of the 95% interval of the mean.
    """
    for order, (colour, label, style) in _LOOKS.items():
        own = rows.where(decoder=order)
        mean, smallest, largest = (_steps(own, metric) for metric in (CUMULATED, SMALLEST, LARGEST))
        steps = [row.at or 0.0 for row in mean]
        if extremes:
            low, high = [row.value for row in smallest], [row.value for row in largest]
        else:
            low, high = band(mean)
        axes.fill_between(steps, low, high, color=colour, alpha=0.15, lw=0, step=None)
        axes.plot(steps, [row.value for row in mean], color=colour, label=label, linestyle=style)
    axes.axhline(floor, color=INK, lw=0.9, linestyle=(0, (4, 2)))
    axes.annotate(
        f"N log 2 = {floor:.2f}", (1.0, floor), xycoords=("axes fraction", "data"), xytext=(-2, 3),
        textcoords="offset points", fontsize=SMALL, ha="right",
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
        axes.errorbar(
            [row.value for row in own], [names.index(row.decoder) for row in own], xerr=bars(own),
            color=colour, markerfacecolor=face, marker="o", linestyle="", capsize=2.0, markersize=5, elinewidth=1.0,
            label=label,
        )  # fmt: skip
    axes.axvline(floor, color=INK, lw=0.9, linestyle=(0, (4, 2)), zorder=1)
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("total loss [nats per sequence]")
    axes.grid(axis="x", color=GREY, alpha=0.2)


def _steps(rows: Rows, metric: str) -> list[Row]:
    return sorted(rows.where(metric=metric), key=lambda row: row.at or 0.0)


def _short(name: str) -> str:
    label = _LOOKS[name][1] if name in _LOOKS else "random"
    return f"random {name.rsplit(' ', 1)[1]}" if label == "random" else label


def _name(axes: Axes, rows: Rows) -> None:
    """The orders beside the ends of their curves."""
    names = []
    for order, (colour, label, _) in _LOOKS.items():
        line = _steps(rows.where(decoder=order), CUMULATED)
        if line:
            names.append(LineName(label, line[-1].at or 0.0, line[-1].value, colour))
    name_lines(axes, names)


def _claim(totals: Rows) -> str:
    """How far totals of one distribution differ by order."""
    learned = [row.value for row in totals.where(model=MDM)]
    exact = [row.value for row in totals.where(model=CONTROL)]
    if not (learned and exact) or max(exact) - min(exact) > 1e-9:
        return f"{SHOWN_DISTRIBUTION}: loss along several orders"
    apart = max(learned) - min(learned)
    return f"{SHOWN_DISTRIBUTION}: every order has one likelihood; those of a network differ by {apart:.1f} nats"


def _message(rows: Rows) -> str:
    totals = [row.value for row in rows.where(metric=TOTAL)]
    if max(totals) - min(totals) < 1e-9:
        return f"every order and sequence: {totals[0]:.3f} nats"
    return f"from {min(totals):.2f} to {max(totals):.2f} nats, by order"
