"""Table 1 at the paper's sizes: networks trained here, the exact posterior, and the paper's numbers, size by size."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.lab.averages import combine_seeds
from analysis.lab.rows import CONTROL, MDM, Row, Rows
from analysis.lab.style import (
    GREEN,
    GREY,
    INK,
    PERCENT,
    SMALL,
    VERMILION,
    WIDTH,
    LineName,
    bars,
    claim,
    headline,
    name_lines,
    note,
    paper_style,
)
from analysis.measures.order_accuracy import AGREEMENT
from analysis.measures.paper import TABLE_1, OrderAccuracyOfPaper
from analysis.measures.rule_sweep import size_name
from lo_theory.samplers.menu import IN_STEPS, MARGIN, VANILLA

NAME = "table1_sizes"
_RULES = {MARGIN: (GREEN, "D"), VANILLA: (VERMILION, "o")}
_ALWAYS_ONE = 0.75  # agreement of who answers 1 to every observation, the paper's caption
_LOWEST, _HIGHEST = 0.55, 1.015
_CROWDED = 0.975  # from here on the line of the exact posterior leaves no room for a number


def networks_at_paper_sizes(rows: Rows, model: str = MDM) -> dict[str, OrderAccuracyOfPaper]:
    """The paper's lines by the name of their size, where agreement was measured of a network with one token a call."""
    names = {size_name(paper.n_latents, paper.n_observations): paper for paper in TABLE_1}
    there = set(rows.where(metric=AGREEMENT, model=model).values("distribution"))
    return {name: paper for name, paper in names.items() if name in there}


def one_token_per_call(rows: Rows, name: str, model: str, rule: str) -> Row | None:
    """Agreement at a size of the paper with as many calls as tokens; of rows averaged over seeds."""
    paper = next(line for line in TABLE_1 if size_name(line.n_latents, line.n_observations) == name)
    length = float(paper.n_latents + paper.n_observations)
    return rows.get(metric=AGREEMENT, distribution=name, model=model, decoder=rule, swept=IN_STEPS, at=length)


def draw_sizes(rows: Rows, model: str = MDM) -> Figure:
    """Left: agreement with one token per call by size. Right: with fewer calls, at the first size that is there.

    Args:
        rows: of ``table1``, some sizes at least; seeds are averaged first.
        model: the network's name; sizes at which it is not measured show the exact posterior and the paper alone.
    """
    means = combine_seeds(rows.where(metric=AGREEMENT, swept=IN_STEPS, decoder=tuple(_RULES)))
    there = networks_at_paper_sizes(means, model)
    with paper_style(NAME):
        figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
        sizes, calls = figure.subplots(1, 2, sharey=True, width_ratios=(1.5, 1.0))
        sizes.set_ylim(_LOWEST, _HIGHEST)
        sizes.yaxis.set_major_formatter(PERCENT)
        sizes.set_ylabel("observations that agree\nwith the generated latents")
        _by_size(sizes, means, model)
        headline(sizes, "one token per call, L = 300", "solid: networks trained here; dashed: the paper's, 19M weights")
        _by_calls(calls, means, next(iter(there), None), model)
        claim(figure, _claim(means, there, model))
        return figure


def _by_size(axes: Axes, means: Rows, model: str) -> None:
    names = [size_name(paper.n_latents, paper.n_observations) for paper in TABLE_1]
    lines = []
    for rule, (colour, marker) in _RULES.items():
        papers = [paper.margin if rule == MARGIN else paper.vanilla for paper in TABLE_1]
        axes.plot(range(len(names)), papers, color=colour, marker=marker, markersize=4.5, linestyle=(0, (4, 3)),
                  linewidth=1.1, markerfacecolor="white", alpha=0.8)  # fmt: skip
        lines.append(LineName(f"{rule}, paper", len(names) - 1.0, papers[-1], colour))
        found = [(x, one_token_per_call(means, name, model, rule)) for x, name in enumerate(names)]
        own = [(x, row) for x, row in found if row is not None]
        if own:
            _own_line(axes, own, colour, marker)
            lines.append(LineName(f"{rule}, here", float(own[-1][0]), own[-1][1].value, colour))
    exact = [
        (x, row.value)
        for x, name in enumerate(names)
        if (row := one_token_per_call(means, name, CONTROL, VANILLA)) is not None
    ]
    if exact:
        axes.plot(*zip(*exact, strict=True), color=INK, marker="_", markersize=9, linewidth=1.0)
        lines.append(LineName("exact posterior", float(exact[-1][0]), exact[-1][1], INK))
    axes.axhline(_ALWAYS_ONE, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
    lines.append(LineName("always 1", len(names) - 1.0, _ALWAYS_ONE, GREY))
    axes.set_xticks(range(len(names)), [f"{p.n_latents}, {p.n_observations}" for p in TABLE_1])
    axes.set_xlim(-0.3, len(names) - 0.8)
    axes.set_xlabel("latents N, observations P")
    axes.grid(axis="y")
    name_lines(axes, lines, gap=0.058)


def _own_line(axes: Axes, own: list[tuple[int, Row]], colour: str, marker: str) -> None:
    x, rows = [place for place, _ in own], [row for _, row in own]
    axes.errorbar(x, [row.value for row in rows], yerr=bars(rows, most=1.0), color=colour, marker=marker,
                  markersize=6.0, linewidth=2.0, capsize=2.0)  # fmt: skip
    for place, row in own:
        aside = (0, 8 if row.value < _CROWDED else -14)
        axes.annotate(
            f"{100 * row.value:.1f}", (place, row.value), xytext=aside, textcoords="offset points", ha="center",
            fontsize=SMALL, color=colour,
        )  # fmt: skip


def _by_calls(axes: Axes, means: Rows, name: str | None, model: str) -> None:
    """What fewer calls cost at one size: the network solid, the exact posterior dotted."""
    axes.set_xlabel("network calls per sequence")
    axes.grid(axis="y")
    if name is None:
        note(axes, "no network\nis finished yet")
        return
    lines, ticks = [], set[int]()
    for who, dashes in ((model, "-"), (CONTROL, (0, (1, 1.5)))):
        for rule, (colour, marker) in _RULES.items():
            found = means.where(distribution=name, model=who, decoder=rule)
            line = sorted(found, key=lambda row: row.at or 0.0)
            if not line:
                continue
            axes.errorbar(
                [row.calls or math.nan for row in line], [row.value for row in line], yerr=bars(line, most=1.0),
                color=colour, marker=marker, markersize=4.5, linestyle=dashes, linewidth=1.4, capsize=1.5,
            )  # fmt: skip
            ticks |= {round(row.at) for row in line if row.at}
            first = line[0]
            said = "exact" if who == CONTROL else "network"
            lines.append(LineName(f"{said}, {rule}", first.calls or 1.0, first.value, colour))
    axes.set_xscale("log")
    axes.set_xticks(sorted(ticks), [str(tick) for tick in sorted(ticks)])
    axes.xaxis.set_minor_locator(NullLocator())
    low, high = min(ticks), max(ticks)
    axes.set_xlim(low / (high / low) ** 0.9, high * 1.2)
    name_lines(axes, lines, gap=0.06, side="left")
    headline(axes, f"fewer calls, {name.removeprefix('NAE-SAT ')}", "solid: the network; dotted: the exact posterior")


def _claim(means: Rows, there: dict[str, OrderAccuracyOfPaper], model: str) -> str:
    """At how many sizes the networks pass the paper's, and the first of them in numbers."""
    found = {name: one_token_per_call(means, name, model, MARGIN) for name in there}
    rows = {name: row for name, row in found.items() if row is not None}
    if not rows:
        return "Table 1 at the paper's sizes: the exact posterior, and the paper's networks"
    passed = sum(row.interval[0] > there[name].margin for name, row in rows.items())
    first, row = next(iter(rows.items()))
    size = first.removeprefix("NAE-SAT ")
    more = f"; above the paper's at {passed} of {len(rows)} sizes" if len(rows) > 1 else ""
    return f"By margin the network at {size} agrees at {row.value:.1%}, the paper's at {there[first].margin:.1%}{more}"
