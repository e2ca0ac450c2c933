"""Loss against size at each budget, loss of the best size against the budget, and loss by the number of orders."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator, ScalarFormatter

from analysis.figures.scaling.iso_flop import Multiplier, compute_multiplier, fit_scaling_law
from analysis.figures.scaling.losses import bests, curve, kinds, lawful, losses, mean_loss, texts
from analysis.figures.scaling.units import ARM, EXPERIMENT_NAME
from analysis.lab.rows import MDM, Rows
from analysis.lab.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    PURPLE,
    SKY,
    SMALL,
    VERMILION,
    WIDTH,
    claim,
    headline,
    note,
    paper_style,
)
from analysis.measures.text_networks import EXCESS, FLOOR

LOOKS = {
    ARM: (GREEN, "D", "ARM"),
    MDM: (BLUE, "o", "MDM"),
    "pi much-closer": (SKY, "v", "pi-learner, much closer"),
    "pi closer": (PURPLE, "^", "pi-learner, closer"),
    "pi uniform": (VERMILION, "s", "pi-learner, uniform"),
}
ORDERS_FIGURE = "scaling_orders"
_NAMES = {"python": "Python's documentation", "chain": "Markov chain", "shakespeare": "Shakespeare"}
_PALE = 0.35  # of the curve at the smallest of several budgets


def spoken_text(name: str) -> str:
    """A text's name on a figure."""
    return _NAMES.get(name, name)


def draw_scaling(rows: Rows) -> Figure:
    """A column per text; loss against weights above, loss of the best size against the budget below.

    Raises:
        ValueError: no trained learner among the rows.
    """
    rows, names = rows.of(EXPERIMENT_NAME), texts(rows)
    if not names:
        raise ValueError("no trained learner among these rows; pass those of scaling.")
    several = any(len(curve(rows, name, kind)) > 1 for name in names for kind in kinds(rows, name))
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(WIDTH, 7.6 if several else 4.3), layout="constrained")
        grid = figure.subplots(2 if several else 1, len(names), squeeze=False)
        for column, name in enumerate(names):
            _sizes(grid[0, column], rows, name)
            if several:
                _budgets(grid[1, column], rows, name)
        _legend(figure, [kind for kind in LOOKS if any(kind in kinds(rows, name) for name in names)])
        claim(figure, _claim(rows, names[0]))
        return figure


def draw_orders(rows: Rows) -> Figure:
    """The best loss at one budget by the number of orders that one autoregressive learner is trained on."""
    with paper_style(ORDERS_FIGURE):
        figure = Figure(figsize=(WIDTH * 0.75, 4.0), layout="constrained")
        axes, drawn = figure.subplots(), _by_orders(rows)
        if not drawn:
            note(axes, "not measured yet")
            return figure
        names, values = list(drawn), [value for value, _ in drawn.values()]
        axes.errorbar(range(len(names)), values, yerr=[error for _, error in drawn.values()], fmt="o", color=INK,
                      capsize=3)  # fmt: skip
        axes.set_xticks(range(len(names)), [name.removeprefix("any-order ") for name in names])
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_xlabel("what one network is trained on: numbers are orders of an autoregressive learner")
        axes.set_ylabel("validation loss of the best size\nnats per token, 95%")
        axes.grid(axis="y")
        claim(figure, "What costs: the number of orders, or the masking?")
        return figure


def _by_orders(rows: Rows) -> dict[str, tuple[float, float]]:
    """Loss of the best measured size and half its 95% interval: ARM, learners of several orders, MDM."""
    name = next(iter(texts(rows)), None)
    several = [] if name is None else kinds(rows, name, any_order=True)
    if name is None or not several:
        return {}
    budget = next(iter(curve(rows, name, several[0])))
    found = dict[str, tuple[float, float]]()
    for kind, word in ((ARM, "ARM"), ("pi uniform", "pi uniform"), *((one, one) for one in several), (MDM, "MDM")):
        sizes = curve(rows, name, kind).get(budget)
        if sizes:
            found[word] = min(map(mean_loss, sizes.values()))
    return found


def _sizes(axes: Axes, rows: Rows, name: str) -> None:
    """IsoFLOP curves of ARM and MDM; a line per budget, the best of its sizes filled."""
    budgets = sorted({budget for kind in (ARM, MDM) for budget in curve(rows, name, kind)})
    ticks = set[float]()
    for kind in (ARM, MDM):
        colour, marker, _ = LOOKS[kind]
        for budget, sizes in curve(rows, name, kind).items():
            share = 1.0 if len(budgets) == 1 else budgets.index(budget) / (len(budgets) - 1)
            x, (y, error) = list(sizes), zip(*map(mean_loss, sizes.values()), strict=True)
            axes.errorbar(x, y, yerr=error, color=colour, marker=marker, alpha=_PALE + (1 - _PALE) * share,
                          markerfacecolor="white", elinewidth=0.8)  # fmt: skip
            axes.plot(x[int(np.argmin(y))], min(y), marker, color=colour, alpha=_PALE + (1 - _PALE) * share)
            ticks.update(x)
    axes.set_xscale("log")
    axes.set_xticks(sorted(ticks), [_weights(tick) for tick in sorted(ticks)])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("weights of the network")
    axes.set_ylabel("validation loss, nats per token")
    axes.grid(axis="y")
    floor = rows.get(metric=FLOOR, distribution=name)
    if floor is not None:
        axes.axhline(floor.value, color=GREY, linewidth=1.0, linestyle=(0, (3, 2)))
        axes.annotate("entropy", (0.99, floor.value), xycoords=("axes fraction", "data"), xytext=(0, 3),
                      textcoords="offset points", ha="right", color=GREY, fontsize=SMALL)  # fmt: skip
    spent = ", ".join(f"{budget:.1e}" for budget in budgets)
    headline(axes, spoken_text(name), f"operations of a training: {spent}")


def _budgets(axes: Axes, rows: Rows, name: str) -> None:
    """Loss of the best size against the budget, with the power law where there is one; hollow: the size is an edge."""
    metric = lawful(rows, name)
    for kind in kinds(rows, name):
        colour, marker, _ = LOOKS[kind]
        found, law = bests(rows, name, kind, metric), fit_scaling_law(losses(curve(rows, name, kind, metric)))
        for best in found:
            axes.plot(
                best.budget, best.loss, marker, color=colour, markerfacecolor=colour if best.interior else "white"
            )
        x = np.array([best.budget for best in found])
        if law is None:
            axes.plot(x, [best.loss for best in found], color=colour, linewidth=0.9, linestyle=(0, (2, 2)))
        else:
            axes.plot(x, np.exp(law.loss[0] + law.loss[1] * np.log(x)), color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    spent = sorted({budget for kind in kinds(rows, name) for budget in curve(rows, name, kind)})
    axes.set_xticks(spent, [f"{budget:.1e}" for budget in spent])
    axes.xaxis.set_minor_locator(NullLocator())
    low, high = axes.get_ylim()
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(ScalarFormatter() if high < 10 * low else NullFormatter())
    axes.tick_params(axis="y", which="both", labelsize=SMALL)
    axes.set_xlabel("operations of a training")
    axes.set_ylabel(("excess over the entropy" if metric == EXCESS else "validation loss") + "\nof the best size, nats")
    axes.grid(axis="both")
    gap = gap_of(rows, name)
    word = "no law for both" if gap is None else f"MDM needs {_ratio(gap)} times the compute of the ARM"
    headline(axes, "", word)


def gap_of(rows: Rows, name: str) -> Multiplier | None:
    """Compute of the MDM over that of the ARM for the same loss."""
    metric = lawful(rows, name)
    return compute_multiplier(*(losses(curve(rows, name, kind, metric)) for kind in (ARM, MDM)))


def _ratio(gap: Multiplier) -> str:
    ends = "" if math.isnan(gap.low) else f" [{gap.low:.1f}, {gap.high:.1f}]"
    return f"{gap.value:.1f}{ends}"


def _claim(rows: Rows, name: str) -> str:
    found: Mapping[str, float] = {
        kind: min(best.loss for best in bests(rows, name, kind)) for kind in kinds(rows, name)
    }
    if ARM not in found or MDM not in found:
        return "Compute against loss on text"
    gap = gap_of(rows, name)
    if gap is not None:
        return f"{spoken_text(name)}: the MDM needs {_ratio(gap)} times the compute of the ARM for the same loss"
    return (
        f"{spoken_text(name)}, equal compute: {found[ARM]:.3f} nats per token for the ARM, at most {found[MDM]:.3f} "
        "for the MDM"
    )


def _weights(count: float) -> str:
    return f"{count / 1000:.0f}k" if count < 1e6 else f"{count / 1e6:.3g}M"


def _legend(figure: Figure, shown: list[str]) -> None:
    panel = figure.axes[0]
    handles = [
        panel.plot([], [], marker, color=colour, label=word)[0]
        for colour, marker, word in (LOOKS[kind] for kind in shown)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=SMALL)
