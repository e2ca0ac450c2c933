"""A puzzle table as a figure: boards solved by every learner, and by the decoding suite against network calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.lab.averages import combine_seeds, mean_calls
from analysis.lab.rows import Row, Rows
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
    VERMILION,
    WIDTH,
    LineName,
    bars,
    headline,
    name_lines,
    paper_style,
)
from analysis.puzzles.judging import BOARD
from analysis.puzzles.learner import MASKED, learner_named, standing_for
from analysis.puzzles.paper import PuzzlesOfPaper
from analysis.puzzles.scales import ONE_AT_A_TIME
from lo_theory.samplers.menu import (
    BOUND,
    ENTROPY,
    FULL_REWRITE,
    KLASS,
    MARGIN,
    OWN_ORDER,
    PATH_PLANNING,
    REMDM,
    THRESHOLD,
    TOP,
    VANILLA,
)

_RULES = {MARGIN: (GREEN, "D"), TOP: (ORANGE, "s"), VANILLA: (VERMILION, "o"), OWN_ORDER: (BLUE, "<")}
_LINE = 55  # characters that fit above one of two panels
_SHIFT = {MARGIN: 0.2, VANILLA: -0.2}  # of lines that would hide each other
_MORE = {
    ENTROPY: (SKY, "h"),
    FULL_REWRITE: (INK, "P"),
    PATH_PLANNING: (PURPLE, "v"),
    REMDM: ("#8C6D31", "^"),
    THRESHOLD: (BLUE, "*"),
    BOUND: (GREY, "X"),
    KLASS: (GREY, "p"),
}


def draw_puzzle_table(
    rows: Rows, paper: Mapping[str, Sequence[PuzzlesOfPaper]] | None = None, model: str | None = None
) -> Figure:
    """A panel per test set with every learner, and one of ``model`` with the decoding suite on the first test set.

    Rules with noise or sampled tokens are left to the report's tables.

    Args:
        rows: of a puzzle table; seeds are averaged first.
        paper: name of a test set -> the paper's numbers, drawn as crosses below ours. A learner that stands here only
            in the size of the small ones has those of the paper's large one.
        model: whose rules are compared; None: masked diffusion.
    Raises:
        ValueError: no accuracy of boards among the rows.
    """
    rows = combine_seeds(mean_calls(rows)).where(metric=BOARD)
    if not rows:
        raise ValueError("there is no accuracy of boards among these rows; pass those of a puzzle table.")
    names, model = rows.values("distribution"), model or standing_for(MASKED, rows.values("model"))
    models = sorted(rows.values("model"), key=_apart)[::-1]
    numbers = {name: _on_lines((paper or {}).get(name, ()), models) for name in names}
    single = rows.where(swept=ONE_AT_A_TIME)
    suite = rows.where(model=model, distribution=names[0])
    suite = suite if any(row.swept not in ONE_AT_A_TIME for row in suite) else Rows()
    messages = {name: _message(single.where(distribution=name), model) for name in names}
    with paper_style("puzzles"):
        height = 1.5 + 0.36 * len(models) + 0.2 * max(message.count("\n") for message in messages.values())
        figure = Figure(figsize=(WIDTH, height + (3.6 if suite else 0.0)), layout="constrained")
        grid = figure.add_gridspec(
            2 if suite else 1, len(names), height_ratios=[height - 0.6, *([3.2] if suite else [])]
        )
        for number, name in enumerate(names):
            axes, shown = figure.add_subplot(grid[0, number]), single.where(distribution=name)
            _learners(axes, shown, models, numbers[name])
            axes.set_yticks(range(len(models)), models if number == 0 else [""] * len(models))
            headline(axes, name, messages[name])
        if suite:
            axes = figure.add_subplot(grid[1, :])
            _suite(axes, suite)
            headline(axes, f"{model} with fewer calls, {names[0]}", _suite_message(suite))
        handles = _handles(set(single.values("decoder")), any(numbers.values()))
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
        return figure


def _apart(model: str) -> int:
    """Learners that had more operations come behind the others, those that had none last."""
    learner = learner_named(model)
    return 2 if learner.reasoning else int(learner.times > 1)


def _on_lines(paper: Sequence[PuzzlesOfPaper], models: Sequence[str]) -> list[tuple[str, PuzzlesOfPaper]]:
    """The paper's numbers with the learner on whose line each is drawn; those of absent learners are left out."""
    found = []
    for number in paper:
        own = standing_for(number.learner, models)
        small = standing_for(replace(number.learner, large=False), models)
        line = own if own in models else small
        if line in models and number.decoder in _RULES:
            found.append((line, number))
    return found


def _learners(axes: Axes, rows: Rows, models: Sequence[str], paper: Sequence[tuple[str, PuzzlesOfPaper]]) -> None:
    """A line per learner, a marker per rule."""
    for place in range(0, len(models), 2):
        axes.axhspan(place - 0.5, place + 0.5, color=PALE, alpha=0.3, linewidth=0, zorder=0)
    for rule, (colour, marker) in _RULES.items():
        points = rows.where(decoder=rule)
        if not points:  # a marker that is clipped by nothing has a place in the layout even if it is nowhere
            continue
        axes.errorbar(
            [row.value for row in points], [models.index(row.model) + _SHIFT.get(rule, 0.0) for row in points],
            xerr=bars(points, most=1.0), color=colour, marker=marker, markersize=5.5, capsize=2, elinewidth=1.2,
            linestyle="none", clip_on=False, zorder=3,
        )  # fmt: skip
    for line, number in paper:
        axes.plot(
            number.solved, models.index(line) - 0.36, "x", color=_RULES[number.decoder][0], markersize=5.5,
            markeredgewidth=1.6, zorder=4,
        )  # fmt: skip
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.5, len(models) - 0.5)
    axes.grid(axis="x")
    axes.set_xlabel("boards solved")
    axes.xaxis.set_major_formatter(PERCENT)


def _suite(axes: Axes, rows: Rows) -> None:
    """Boards solved against calls; every rule has its name at the right end of its line, or beside its only point."""
    names, lowest = [], 1.0
    for rule, (colour, marker) in (_MORE | _RULES).items():
        line = _by_calls(rows, rule)
        if not line:
            continue
        lowest = min([lowest, *(row.interval[0] for row in line)])
        strong = rule in (MARGIN, VANILLA)
        axes.errorbar(
            [r.calls or 0.0 for r in line], [r.value for r in line], yerr=bars(line, most=1.0), color=colour,
            marker=marker, markersize=7.5 if marker == "*" else 5.5, linewidth=2.0 if strong else 1.1, elinewidth=0.8,
            capsize=1.5, zorder=4 if strong else 3,
        )  # fmt: skip
        if len(line) > 1:
            names.append(LineName(rule, line[-1].calls or 0.0, line[-1].value, colour))
            continue
        axes.annotate(
            rule, (line[0].calls or 0.0, line[0].value), xytext=(0, 15 if rule == BOUND else -15), color=colour,
            textcoords="offset points", ha="center", va="center", fontsize=9.0,
        )  # fmt: skip
    axes.set_xlabel("network calls per board")
    axes.set_ylabel("boards solved")
    axes.grid(axis="y")
    axes.set_xlim(left=0)
    room = 0.06 * (1.0 - lowest)
    axes.set_ylim(max(lowest - room, -0.02), 1.0 + 0.5 * room)
    axes.yaxis.set_major_formatter(PERCENT)
    name_lines(axes, names, gap=0.085)


def _by_calls(rows: Rows, rule: str) -> list[Row]:
    return sorted(rows.where(decoder=rule), key=lambda row: row.calls or 0.0)


def _message(rows: Rows, model: str) -> str:
    said = {MARGIN: MARGIN, TOP: "top prob.", VANILLA: VANILLA}
    found = {short: row for rule, short in said.items() if (row := rows.get(model=model, decoder=rule))}
    told = ", ".join(f"{short} {100 * row.value:.1f}%" for short, row in found.items())
    between = "\n" if len(model) + len(told) > _LINE else " "
    return f"{model}:{between}{told}" if told else ""


def _suite_message(rows: Rows) -> str:
    """Margin with the fewest calls and with one cell per call."""
    line = _by_calls(rows, MARGIN)
    return f"{MARGIN}: " + ", ".join(f"{100 * r.value:.1f}% in {r.calls or 0.0:.3g}" for r in line) + " calls"


def _handles(present: set[str | None], paper: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=5.5, label=rule)
        for rule, (colour, marker) in _RULES.items()
        if rule in present
    ]
    crosses = Line2D(
        [], [], color=GREY, marker="x", linestyle="none", markersize=5.5, markeredgewidth=1.6,
        label="the paper's, in the rule's colour",
    )  # fmt: skip
    return [*handles, crosses] if paper else handles
