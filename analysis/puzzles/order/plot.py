"""Does a learner reason in the solver's order? Ranks by strategy, correlations, and the reasons that reveals had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from analysis.lab.rows import Row, Rows
from analysis.lab.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    SMALL,
    VERMILION,
    WIDTH,
    bars,
    headline,
    note,
    paper_style,
)
from analysis.puzzles.order.measures import (
    AVAILABLE,
    EXPLAINED_BOARDS,
    KENDALL,
    KENDALL_WAVES,
    LEVEL_SHARE,
    NULL,
    RANDOM,
    REVEAL_RANK,
    SOLVER,
    order_means,
)
from generators.sudoku.human import STRATEGY_NAMES
from lo_theory.samplers.menu import MARGIN, TOP, VANILLA

_RULES = {VANILLA: VERMILION, TOP: BLUE, MARGIN: GREEN}
_SPARE = (ORANGE, PURPLE, SKY)
_MARKERS = ("o", "s", "D", "^", "v", "P")
_LEVELS = (
    ("lone single", (2,), "#00664B"),
    ("hidden single", (3,), "#66C2A4"),
    ("another strategy", (4, 5, 6, 7, 8), "#F2C45A"),
    ("no strategy: a longer argument, or a guess", (9,), VERMILION),
)


@dataclass(frozen=True)
class _Series:
    """One model under one rule, and how it looks."""

    model: str
    decoder: str | None
    colour: str
    marker: str

    @property
    def label(self) -> str:
        return self.model if self.decoder is None else f"{self.model}, {self.decoder}"

    def of(self, rows: Rows, metric: str, at: float | None = None) -> Row | None:
        """The one number of this series; None if it was not measured."""
        found = rows.where(model=self.model, decoder=self.decoder, metric=metric, at=at)
        return next((row for row in found if np.isfinite(row.value)), None)


def draw_reasoning_order(rows: Rows, distribution: str | None = None) -> Figure:
    """Three panels, 95% intervals: when the cells of each strategy are revealed; rank correlations; levels of reveals.

    Args:
        rows: of :mod:`analysis.puzzles.order.measures` on Sudokus, learners and controls; several seeds are averaged
            first, and their calls.
        distribution: which, if the rows are of several.
    Raises:
        ValueError: no rows of that distribution, or of several and none chosen; a rule twice for one seed.
    """
    names = sorted(rows.values("distribution"))
    chosen = names[0] if distribution is None and len(names) == 1 else distribution
    if chosen not in names:
        raise ValueError(f"the rows are about {names}; choose one of them as distribution (got {distribution!r}).")
    rows = order_means(rows.where(distribution=chosen))
    series = _series(rows)
    tall = max(len(series), 5)
    with paper_style("reasoning_order"):
        figure = Figure(figsize=(WIDTH, 4.8 + 0.27 * tall), layout="constrained")
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(2.9, 1.7 + 0.26 * tall))[:, 0]
        _ranks(above.subplots(), rows, series)
        left, right = below.subplots(1, 2, sharey=True, width_ratios=(0.9, 1.1))
        _correlations(left, rows, series)
        _levels(right, rows, series)
        patches = [Patch(color=colour, label=name) for name, _, colour in _LEVELS]
        below.legend(handles=patches, loc="outside lower right", ncols=4, handlelength=1.2, columnspacing=1.2)
        return figure


def _series(rows: Rows) -> list[_Series]:
    """From the bottom up: a random order, learners in the order of their rows reversed, the solver."""
    found = list(rows.by("model", "decoder"))
    learners = [key for key in found if key[0] not in (SOLVER, RANDOM)]
    models, decoders = list(dict.fromkeys(m for m, _ in learners)), list(dict.fromkeys(d for _, d in learners))
    spare = [name for name in decoders if name not in _RULES]
    colours = _RULES | {name: _SPARE[i % len(_SPARE)] for i, name in enumerate(spare)}
    drawn = [_Series(m, d, colours[d], _MARKERS[models.index(m) % len(_MARKERS)]) for m, d in learners]
    first = [_Series(RANDOM, None, GREY, "x")] if (RANDOM, None) in found else []
    last = [_Series(SOLVER, None, INK, "*")] if (SOLVER, None) in found else []
    return first + drawn[::-1] + last


def _ranks(axes: Axes, rows: Rows, series: Sequence[_Series]) -> None:
    """Reveal ranks by strategy; a random order, and so the vanilla rule, is the line at one half."""
    headline(axes, "When are the cells of each strategy revealed?", _rank_message(rows, series))
    numbers = sorted(rows.where(metric=REVEAL_RANK).values("at"))
    shown = [s for s in series[::-1] if s.model != RANDOM and s.decoder != VANILLA]
    if not numbers or not shown:
        note(axes, "not measured")
        return
    axes.axhline(0.5, color=GREY, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
    for place in range(0, len(numbers), 2):
        axes.axvspan(place - 0.5, place + 0.5, color=PALE, alpha=0.35, linewidth=0, zorder=0)
    for i, one in enumerate(shown):
        shift = 0.72 * ((i + 0.5) / len(shown) - 0.5)
        points = [(place, one.of(rows, REVEAL_RANK, number)) for place, number in enumerate(numbers)]
        _points(axes, [(place + shift, row) for place, row in points if row], one, upright=True)
    axes.set_xticks(range(len(numbers)), [STRATEGY_NAMES[int(n)].replace(" ", "\n", 1) for n in numbers])
    axes.set_xlim(-0.5, len(numbers) - 0.5)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("hardest strategy that the solver needs for the cell")
    axes.set_ylabel("mean rank of the reveal\n(0 first, 1 last)")
    handles = [Line2D([], [], color=s.colour, marker=s.marker, linewidth=0, label=s.label) for s in shown]
    handles.append(Line2D([], [], color=GREY, linewidth=0.9, linestyle=(0, (2, 2)), label="random order, vanilla"))
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=SMALL, borderaxespad=0.8)


def _correlations(axes: Axes, rows: Rows, series: Sequence[_Series]) -> None:
    headline(axes, "Rank correlation with the solver", "full: its order; open: its waves (depth)")
    nulls = [row.value for row in rows.where(metric=KENDALL + NULL) if np.isfinite(row.value)]
    if nulls:
        axes.axvspan(-1.96 * max(nulls), 1.96 * max(nulls), color=PALE, linewidth=0, zorder=0)
    axes.axvline(0.0, color=GREY, linewidth=0.8, zorder=1)
    for place, one in enumerate(series):
        for metric, shift, filled in ((KENDALL, 0.11, True), (KENDALL_WAVES, -0.11, False)):
            row = one.of(rows, metric)
            if row:
                _points(axes, [(place + shift, row)], one, upright=False, filled=filled)
    axes.set_yticks(range(len(series)), [one.label for one in series])
    axes.set_ylim(-0.6, len(series) - 0.4)
    lowest = min((row.interval[0] for row in rows.where(metric=(KENDALL, KENDALL_WAVES))), default=0.0)
    axes.set_xlim(min(-0.1, lowest - 0.05) if np.isfinite(lowest) else -0.1, 1.05)
    axes.set_xlabel("Kendall's tau-b, mean over boards")
    axes.grid(axis="x")


def _levels(axes: Axes, rows: Rows, series: Sequence[_Series]) -> None:
    headline(axes, "What each reveal took, on the board as it stood", _level_message(rows, series))
    for place, one in enumerate(series):
        start = 0.0
        for _, levels, colour in _LEVELS:
            share = sum(row.value for level in levels if (row := one.of(rows, LEVEL_SHARE, float(level))))
            axes.barh(place, share, left=start, height=0.62, color=colour, linewidth=0)
            start += share
        single, boards = one.of(rows, AVAILABLE), one.of(rows, EXPLAINED_BOARDS)
        if single:
            low, high = single.interval
            axes.plot([low, high], [place, place], color=INK, linewidth=1.4, solid_capstyle="butt", zorder=4)
        text = "" if boards is None else f"{100 * boards.value:.0f}%"
        axes.annotate(text, (1.0, place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=SMALL)
    axes.annotate(
        "boards whose reveals all had a strategy", (1.0, 0.5), xycoords="axes fraction", xytext=(36, 0),
        textcoords="offset points", rotation=270, ha="center", va="center", fontsize=SMALL, color=GREY,
    )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of reveals")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))


def _points(
    axes: Axes, points: Sequence[tuple[float, Row]], one: _Series, *, upright: bool, filled: bool = True
) -> None:
    """Markers with their intervals; the value is vertical where ``upright``, else horizontal."""
    places, values = [place for place, _ in points], [row.value for _, row in points]
    errors = bars([row for _, row in points], least=0.0 if upright else -1.0, most=1.0)
    x, y = (places, values) if upright else (values, places)
    axes.errorbar(
        x, y, yerr=errors if upright else None, xerr=None if upright else errors, color=one.colour, marker=one.marker,
        markerfacecolor=one.colour if filled else "white", markersize=8.0 if one.marker == "*" else 4.5, linewidth=0,
        elinewidth=1.1, zorder=3,
    )  # fmt: skip


def _main(series: Sequence[_Series]) -> _Series | None:
    """The learner that the messages speak of: margin, else the first."""
    learners = [one for one in series[::-1] if one.model not in (SOLVER, RANDOM)]
    return next((one for one in learners if one.decoder == MARGIN), learners[0] if learners else None)


def _rank_message(rows: Rows, series: Sequence[_Series]) -> str:
    """How far from the solver's ranks the main learner's are, and one half is, on average over strategies."""
    one, solver = _main(series), _Series(SOLVER, None, INK, "*")
    numbers = sorted(rows.where(metric=REVEAL_RANK).values("at"))
    pairs = [
        (mine.value, own.value)
        for number in numbers
        if one and (mine := one.of(rows, REVEAL_RANK, number)) and (own := solver.of(rows, REVEAL_RANK, number))
    ]
    if one is None or not pairs:
        return "by the hardest strategy that the solver needs"
    apart, blind = (
        float(np.mean([abs(rank - own) for rank, own in at])) for at in (pairs, [(0.5, o) for _, o in pairs])
    )
    return f"mean distance from the solver's ranks: {one.label} {apart:.2f}, a random order {blind:.2f}"


def _level_message(rows: Rows, series: Sequence[_Series]) -> str:
    """Singles of the main learner against a random order's."""
    one, random = _main(series), _Series(RANDOM, None, GREY, "x").of(rows, AVAILABLE)
    mine = one.of(rows, AVAILABLE) if one else None
    if one is None or mine is None:
        return "singles, and what is not"
    against = "" if random is None else f", random order {100 * random.value:.0f}%"
    return f"singles: {one.label} {100 * mine.value:.0f}%{against}"
