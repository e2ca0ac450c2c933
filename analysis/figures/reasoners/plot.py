"""Reasoners of fixed depth: boards solved in every order, and what noise and few calls do to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter, NullLocator

from analysis.figures.reasoners.menu import (
    BEYOND_ALL,
    BEYOND_SINGLES,
    GIVENS_TOO,
    LOG,
    ORDERS,
    RANDOM_TIES,
    SINGLES_ENOUGH,
    SOLVABLE,
)
from analysis.figures.reasoners.rows import (
    ANNEALED,
    CONSTANT,
    EARLY,
    EXPERIMENT_NAME,
    FIRST_CANDIDATES,
    FIRST_RIGHT,
    LATER_RIGHT,
    NEEDING,
    PREDICTED_EARLY,
    crossing,
)
from analysis.lab.rows import MDM, Row, Rows
from analysis.lab.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PERCENT,
    PURPLE,
    SKY,
    SMALL,
    VERMILION,
    WIDTH,
    LineName,
    bars,
    claim,
    headline,
    name_lines,
    paper_style,
)
from analysis.puzzles.judging import BOARD
from analysis.puzzles.paper import PuzzlesOfPaper
from lo_theory.samplers.menu import ANNEALED_LOG, FULL_REWRITE, IN_CALLS, MARGIN, NOISED, ONE_EACH, TOP, VANILLA

_REASONERS = {"peers": (SKY, "o"), "singles": (GREEN, "D"), "strategies": (PURPLE, "s")}
_TITLES = {
    SINGLES_ENOUGH: "Levels 2-3: singles suffice",
    BEYOND_SINGLES: "Levels 4-8: beyond singles",
    SOLVABLE: "Levels 2-8: both together",
    BEYOND_ALL: "Level 9: beyond strategies",
}
_SCORES = {TOP: (ORANGE, "s"), MARGIN: (GREEN, "D"), LOG: (BLUE, "o")}
_BUDGETED: dict[str, tuple[str, str, Literal["-", ":"]]] = {
    TOP: (ORANGE, "s", "-"),
    MARGIN: (GREEN, "D", "-"),
    FULL_REWRITE: (INK, "P", "-"),
    VANILLA: (VERMILION, "o", "-"),
    f"{TOP}, {NOISED}": (ORANGE, "s", ":"),
    f"{MARGIN}, {NOISED}": (GREEN, "D", ":"),
    f"{FULL_REWRITE}, {NOISED}": (INK, "P", ":"),
    GIVENS_TOO: (PURPLE, "X", ":"),
    ANNEALED_LOG: (BLUE, "^", ":"),
}
_COUNTS = {2: "#00664B", 3: "#66C2A4", 4: "#F2C45A", 5: ORANGE}  # the last stands for 5 and more
_ZERO = 0.012  # where no noise stands on the logarithmic axis
_LEAST = 2e-3  # fewest early guesses per board that are drawn


def draw_reasoner_orders(rows: Rows, paper: Mapping[str, Sequence[PuzzlesOfPaper]]) -> Figure:
    """A panel per set of puzzles, a line per order, a marker per reasoner; one cell per call, 95% intervals.

    Args:
        paper: numbers of masked networks to be marked, by set.
    Raises:
        ValueError: no rows of boards solved in an order.
    """
    solved = rows.where(metric=BOARD, method="chain", swept=ONE_EACH).of(EXPERIMENT_NAME)
    sets = [name for name in _TITLES if solved.where(distribution=name)]
    orders = [name for name in ORDERS if solved.where(decoder=name)][::-1]
    with paper_style("reasoner_orders"):
        lines = -(-len(sets) // 2)
        figure = Figure(figsize=(WIDTH, 1.3 + lines * (1.0 + 0.28 * len(orders))), layout="constrained")
        panels = figure.subplots(lines, min(2, len(sets)), squeeze=False, sharex=True)
        for axes in panels.ravel()[len(sets) :]:
            axes.remove()
        for number, (axes, name) in enumerate(zip(panels.ravel(), sets, strict=False)):
            mine = solved.where(distribution=name)
            _orders(axes, mine, orders, paper.get(name, ()))
            axes.set_yticks(range(len(orders)), orders if number % 2 == 0 else [""] * len(orders))
            headline(axes, _TITLES[name], _order_message(mine))
        handles = [
            Line2D([], [], color=colour, marker=marker, linestyle="none", label=f"{name} reasoner")
            for name, (colour, marker) in _REASONERS.items()
        ]
        handles.append(Line2D([], [], color=INK, marker="x", linestyle="none", label="the paper's network"))
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
        claim(figure, "9x9 Sudoku, nothing trained: boards that a reasoner of fixed depth solves, by order")
        return figure


def draw_reasoner_noise(rows: Rows, distribution: str = SOLVABLE, model: str = "singles") -> Figure:
    """Four panels on one reasoner and set: noise on the scores, the guesses it causes, first guesses, calls.

    Raises:
        ValueError: no rows of reasoners, or none of that one on that set under noise.
    """
    mine = rows.of(EXPERIMENT_NAME).where(distribution=distribution, model=model)
    if not mine.where(swept=(CONSTANT, ANNEALED)):
        raise ValueError(f"there are no rows of the {model} reasoner on {distribution} under noise.")
    with paper_style("reasoner_noise"):
        figure = Figure(figsize=(WIDTH, 10.6), layout="constrained")
        above, under = figure.subfigures(2, 1, squeeze=False, height_ratios=(2.0, 1.0), hspace=0.03)[:, 0]
        grid = above.subplots(2, 2, sharex=True, sharey="row")
        below, last = under.subplots(1, 2, width_ratios=(1.0, 1.0))
        for column, schedule in zip(grid.T, (CONSTANT, ANNEALED), strict=True):
            _noise(column[0], mine, schedule)
            _early(column[1], mine, schedule)
        for axes in grid[:, 1]:
            axes.set_ylabel("")
        _first_guesses(below, mine)
        _calls(last, mine)
        claim(figure, f"What noise on the scores and few calls do to a reasoner that knows {model}")
        return figure


def _orders(axes: Axes, rows: Rows, orders: Sequence[str], paper: Sequence[PuzzlesOfPaper]) -> None:
    for place in range(0, len(orders), 2):
        axes.axhspan(place - 0.5, place + 0.5, color=PALE, alpha=0.3, linewidth=0, zorder=0)
    for shift, (model, (colour, marker)) in zip((0.18, 0.0, -0.18), _REASONERS.items(), strict=True):
        points = [(orders.index(r.decoder or ""), r) for r in rows.where(model=model)]
        _marks(axes, [(place + shift, r) for place, r in points], colour, marker, upright=False)
    for number in paper:
        if number.learner.name == MDM and number.decoder in orders:
            place = orders.index(number.decoder) - 0.34
            axes.plot(number.solved, place, "x", color=INK, markersize=5, markeredgewidth=1.3, zorder=5)
    axes.set_xlim(-0.04, 1.04)
    axes.set_ylim(-0.6, len(orders) - 0.4)
    axes.set_xlabel("boards solved")
    axes.xaxis.set_major_formatter(PERCENT)
    axes.grid(axis="x")


def _order_message(rows: Rows) -> str:
    found = {name: rows.get(model="singles", decoder=order) for name, order in (("top", TOP), ("margin", MARGIN))}
    return "singles: " + ", ".join(f"{name} {100 * row.value:.0f}%" for name, row in found.items() if row)


def _noise(axes: Axes, rows: Rows, schedule: str) -> None:
    lines = {name: _line(rows, BOARD, name, schedule) for name in _SCORES}
    for name, (colour, marker) in _SCORES.items():
        places = [(max(r.at or 0.0, _ZERO), r) for r in lines[name]]
        axes.plot([x for x, _ in places], [r.value for _, r in places], color=colour)
        _marks(axes, places, colour, marker, upright=True)
    _noise_axis(axes)
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PERCENT)
    axes.set_ylabel("boards solved")
    if schedule == CONSTANT:
        handles = [Line2D([], [], color=c, marker=m, label=name) for name, (c, m) in _SCORES.items()]
        axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.0, 0.08))
    cross = crossing(rows, schedule)
    if cross:
        axes.axvline(cross.between, color=GREY, linewidth=1.0, linestyle=(0, (4, 2)), zorder=1)
    headline(axes, f"{schedule}", f"margin passes top probability at {cross.between:.2g}" if cross else "")


def _early(axes: Axes, rows: Rows, schedule: str) -> None:
    for name, (colour, marker) in _SCORES.items():
        line = [r for r in _line(rows, PREDICTED_EARLY, name, schedule) if r.value > 0]
        axes.plot([_at(r) for r in line], [r.value for r in line], color=colour)
        shown = [r for r in _line(rows, EARLY, name, schedule) if r.value > _LEAST]
        _marks(axes, [(r.at or 0.0, r) for r in shown], colour, marker, upright=True)
    axes.set_yscale("log")
    axes.set_ylim(_LEAST, 100)
    _noise_axis(axes)
    axes.set_xlabel("coefficient of the Gumbel noise (grey: the paper's)")
    axes.set_ylabel("guesses per board although\nsome cell was certain")
    headline(axes, "It does so by guesses that are too early", "markers: counted; lines: weights exp(score / noise)")


def _first_guesses(axes: Axes, rows: Rows) -> None:
    orders = [name for name in (VANILLA, RANDOM_TIES, MARGIN, TOP) if rows.where(decoder=name)]
    for place, name in enumerate(orders):
        found = {int(r.at or 0): r.value for r in rows.where(metric=FIRST_CANDIDATES, decoder=name)}
        start = 0.0
        for count, colour in _COUNTS.items():
            share = found.get(count, 0.0) if count < 5 else sum(v for c, v in found.items() if c >= 5)
            axes.barh(place, share, left=start, height=0.6, color=colour, linewidth=0)
            start += share
        first, later, needing = (_one(rows, metric, name) for metric in (FIRST_RIGHT, LATER_RIGHT, NEEDING))
        if first and later and needing:
            chances = [f"{100 * row.value:.0f}%" for row in (needing, first, later)]
            text = "{} need one,\n{} right; then\n{} solved".format(*chances)
            axes.annotate(text, (1.0, place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=SMALL)
    axes.set_yticks(range(len(orders)), [name.replace(" ", "\n", 1) for name in orders])
    axes.set_xlim(0, 1.45)
    axes.spines["bottom"].set_bounds(0, 1)
    axes.set_xticks((0.0, 0.25, 0.5, 0.75, 1.0))
    axes.set_ylim(-0.5, len(orders) - 0.5)
    axes.xaxis.set_major_formatter(PERCENT)
    axes.set_xlabel("first guesses, by number of candidates", loc="left")
    axes.legend(
        handles=[Patch(color=colour, label="5 or more" if n == 5 else f"{n}") for n, colour in _COUNTS.items()],
        loc="upper left", bbox_to_anchor=(-0.05, -0.2), ncols=4, handlelength=1.2, columnspacing=1.2, borderaxespad=0,
    )  # fmt: skip
    headline(axes, "Without noise: which cell is guessed", _guess_message(rows))


def _guess_message(rows: Rows) -> str:
    top, margin = (_one(rows, FIRST_RIGHT, name) for name in (TOP, MARGIN))
    if top is None or margin is None:
        return "on boards that need a guess"
    return f"margin ties at 0, takes the first cell: {100 * margin.value:.0f}% right, not {100 * top.value:.0f}%"


def _calls(axes: Axes, rows: Rows) -> None:
    """Rules without noise in their colours and with their names, those with noise in grey under one name."""
    best, names, noisy_lines = 0.0, [], []
    for name, (colour, marker, style) in _BUDGETED.items():
        line = _line(rows, BOARD, name, IN_CALLS)
        if not line:
            continue
        noisy = style == ":"
        face = "white" if noisy else colour
        colour = GREY if noisy else colour
        axes.plot([_at(r) for r in line], [r.value for r in line], color=colour, linestyle=style, linewidth=1.3)
        _marks(axes, [(_at(r), r) for r in line], colour, marker, upright=True, face=face)
        if noisy:
            best = max([best, *(r.value for r in line)])
            noisy_lines.append(line)
        else:
            names.append(LineName(name, _at(line[-1]), line[-1].value, colour))
    axes.set_ylim(-0.03, 1.02)
    if noisy_lines:
        last = max((line[-1] for line in noisy_lines), key=lambda r: r.value)
        names.append(LineName(f"{len(noisy_lines)} rules with\nnoise of 0.5", _at(last), last.value, GREY))
    axes.set_xlabel("calls per board (the last: one per empty cell)")
    axes.set_ylabel("boards solved")
    axes.yaxis.set_major_formatter(PERCENT)
    axes.grid(axis="y")
    name_lines(axes, names, gap=0.1)
    headline(
        axes, "Fewer calls, and the reference code's rewriting", f"with noise 0.5 at most {100 * best:.1f}% solved"
    )


def _marks(
    axes: Axes, points: Sequence[tuple[float, Row]], colour: str, marker: str, *, upright: bool, face: str | None = None
) -> None:
    """Markers with their intervals; the value is vertical where ``upright``, else horizontal."""
    if not points:
        return
    places, values = [place for place, _ in points], np.array([r.value for _, r in points])
    errors = bars([r for _, r in points])
    x, y = (places, values) if upright else (values, places)
    axes.errorbar(
        x, y, yerr=errors if upright else None, xerr=None if upright else errors, color=colour, marker=marker,
        markerfacecolor=face or colour, markersize=4.5, linestyle="none", elinewidth=1.0, capsize=1.5, zorder=3,
    )  # fmt: skip


def _noise_axis(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_xlim(_ZERO * 0.85, 1.2)
    ticks = (_ZERO, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
    axes.set_xticks(ticks, ["0", *(f"{tick:g}" for tick in ticks[1:])])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axvline(0.5, color=PALE, linewidth=5, zorder=0)
    axes.grid(axis="y")


def _line(rows: Rows, metric: str, decoder: str, swept: str) -> list[Row]:
    return sorted(rows.where(metric=metric, decoder=decoder, swept=swept), key=_at)


def _one(rows: Rows, metric: str, decoder: str) -> Row | None:
    return rows.get(metric=metric, decoder=decoder, swept=ONE_EACH)


def _at(row: Row) -> float:
    return row.at or 0.0
