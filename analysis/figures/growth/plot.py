"""Operations against N: points of single runs, the fitted power laws, and where they lead to at (100, 200)."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from analysis.figures.growth.laws import Law, laws
from analysis.figures.growth.power_law import bracket
from analysis.figures.growth.units import EXPERIMENT_NAME, TARGET, TAUGHT
from analysis.lab.rows import MDM, Rows
from analysis.lab.style import BLUE, GREEN, GREY, SMALL, VERMILION, WIDTH, claim, headline, note, paper_style
from analysis.measures.learner import ARM_NATURAL

_LOOKS = {
    MDM: (BLUE, "o", "MDM"),
    TAUGHT: (VERMILION, "s", "latents first"),
    ARM_NATURAL.name: (GREEN, "D", "ARM"),
}
_ASIDE = {MDM: 1.04, TAUGHT: 1.0, ARM_NATURAL.name: 1 / 1.04}  # factor on N, so that points do not hide each other
_LATER, _EARLIER = "^", "v"


def draw_growth(rows: Rows) -> Figure:
    """A column per distribution, a row per goal; both axes logarithmic, all panels with the same ones.

    Raises:
        ValueError: no curve among the rows.
    """
    found = laws(rows)
    if not found:
        raise ValueError("there is no curve over budgets among these rows; pass those of growth.")
    names = list(dict.fromkeys(law.distribution for law in found))
    goals = list(dict.fromkeys(law.goal for law in found))
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(WIDTH, 1.4 + 2.5 * len(goals)), layout="constrained")
        grid = figure.subplots(len(goals), len(names), sharex=True, sharey=True, squeeze=False)
        for line, goal in zip(grid, goals, strict=True):
            for axes, name in zip(line, names, strict=True):
                own = [law for law in found if law.goal == goal and law.distribution == name]
                for law in own:
                    _law(axes, law)
                headline(axes, f"{name}: {goal.words}", _exponents(own))
            line[0].set_ylabel("floating-point operations\nof the training")
        _axes(grid[0, 0], sorted({run.n_latents for law in found for run in law.operations}))
        for axes in grid[-1]:
            axes.set_xlabel("latents N, with P / N fixed")
        _legend(figure, {law.model for law in found})
        claim(figure, _claim(found))
        return figure


def _law(axes: Axes, law: Law) -> None:
    """Single runs, bounds as triangles, the line through them with its band, and the cost at the target."""
    colour, marker, _ = _LOOKS[law.model]
    for known, shape in ((0, marker), (1, _LATER), (-1, _EARLIER)):
        runs = [run for run in law.operations if run.known == known]
        axes.plot(
            [run.n_latents * _ASIDE[law.model] for run in runs], [run.cost for run in runs], shape, color=colour,
            markersize=4.5, alpha=0.75, markerfacecolor="white" if known else colour, zorder=3,
        )  # fmt: skip
    if law.operations_law is None or law.target is None:
        return
    sizes = [run.n_latents for run in law.operations]
    x = np.geomspace(min(sizes), max(sizes), 40)
    low, high = np.array([law.operations_law.cost_interval(n) for n in x]).T
    axes.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
    axes.plot(x, [law.operations_law.cost(n) for n in x], color=colour, linewidth=1.4)
    cost, least, most = law.target
    axes.plot(
        (x[-1], TARGET), (law.operations_law.cost(x[-1]), cost), color=colour, linewidth=1.1, linestyle=(0, (3, 2))
    )
    axes.errorbar(
        TARGET * _ASIDE[law.model], cost, yerr=[[max(cost - least, 0.0)], [max(most - cost, 0.0)]], color=colour,
        marker="*", markersize=8, capsize=2.5, elinewidth=1.0,
    )  # fmt: skip


def _exponents(own: Sequence[Law]) -> str:
    parts = dict[str, str]()
    for law in own:
        word = _LOOKS[law.model][2]
        if law.operations_law is None:
            parts[law.model] = f"{word}: no fit"
            continue
        ends = bracket(law.operations_law.exponent_interval(), ".1f")
        parts[law.model] = f"{word} $N^{{{law.operations_law.exponent:.1f}}}${ends}"
    taught = parts.pop(TAUGHT, None)
    return ", ".join(parts.values()) + ("" if taught is None else f"\n{taught}")


def _axes(axes: Axes, sizes: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = [*sizes, TARGET]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(base=100, numticks=12))
    axes.yaxis.set_minor_locator(NullLocator())
    figure = axes.get_figure(root=True)
    assert figure is not None
    for panel in figure.axes:
        panel.grid(axis="y")
        panel.axvline(TARGET, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
        if not panel.lines:
            note(panel, "not measured")


def _legend(figure: Figure, models: Set[str]) -> None:
    """What the signs mean, once, below all panels."""
    panel = figure.axes[0]
    handles = [
        panel.plot([], [], marker, color=colour, markersize=5, label=f"{word}, a run")[0]
        for model, (colour, marker, word) in _LOOKS.items()
        if model in models
    ]
    for shape, words in ((_LATER, "more: not reached"), (_EARLIER, "less: reached at the smallest budget")):
        handles += panel.plot([], [], shape, color=GREY, markerfacecolor="white", markersize=5, label=words)
    handles += panel.plot([], [], "*", color=GREY, markersize=8, label=f"N = {TARGET} by extrapolation, 95%")
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=SMALL)


def _claim(found: Sequence[Law]) -> str:
    """What the masked model costs at the target, over the distributions, for the goal that most fits could be made."""
    fits = [law for law in found if law.model == MDM and law.operations_law is not None]
    if not fits:
        return "Operations to learn a distribution of N latents: too few runs got there to fit a power law"
    goal = max(dict.fromkeys(law.goal for law in fits), key=lambda one: sum(law.goal == one for law in fits))
    shown = [law for law in fits if law.goal == goal]
    exponents = sorted(f"{law.operations_law.exponent:.1f}" for law in shown if law.operations_law is not None)
    costs = [round(math.log10(law.target[0])) for law in shown if law.target is not None]
    grow = exponents[0] if exponents[0] == exponents[-1] else f"{exponents[0]} to {exponents[-1]}"
    cost = f"1e{costs[0]}" if min(costs) == max(costs) else f"1e{min(costs)} to 1e{max(costs)}"
    return f"MDM, {goal.words}: operations grow as $N$ to the power {grow}; {cost} for N = {TARGET}, by extrapolation"
