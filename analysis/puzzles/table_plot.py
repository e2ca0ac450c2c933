"""A puzzle table as a figure: boards solved by every learner, and by the decoding suite against network calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from analysis.lab.averages import combine_seeds, mean_calls
from analysis.lab.rows import MDM, Row, Rows
from analysis.lab.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    VERMILION,
    headline,
    paper_style,
)
from analysis.puzzles.judging import BOARD
from analysis.puzzles.learner import learner_named
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
_PERCENT = FuncFormatter(lambda value, _: f"{100 * value:.3g}%")
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
    rows: Rows, paper: Mapping[str, Sequence[PuzzlesOfPaper]] | None = None, model: str = MDM
) -> Figure:
    """A panel per test set with every learner, and one of ``model`` with the decoding suite on the first test set.

    Rules with noise or sampled tokens are left to the report's tables.

    Args:
        rows: of a puzzle table; seeds are averaged first.
        paper: name of a test set -> the paper's numbers, drawn as crosses below ours. A learner that stands here only
            in the size of the small ones has those of the paper's large one.
        model: whose rules are compared.
    Raises:
        ValueError: no accuracy of boards among the rows.
    """
    rows = combine_seeds(mean_calls(rows)).where(metric=BOARD)
    if not rows:
        raise ValueError("there is no accuracy of boards among these rows; pass those of a puzzle table.")
    names = rows.values("distribution")
    models = sorted(rows.values("model"), key=_apart)[::-1]
    numbers = {name: _on_lines((paper or {}).get(name, ()), models) for name in names}
    single = rows.where(swept=ONE_AT_A_TIME)
    suite = rows.where(model=model, distribution=names[0])
    suite = suite if any(row.swept not in ONE_AT_A_TIME for row in suite) else Rows()
    wide = len(names) + bool(suite)
    with paper_style("puzzles"):
        margin = 0.6 + 0.065 * max(len(name) for name in models)
        figure = Figure(figsize=(margin + 3.5 * wide, 1.6 + 0.36 * len(models)), layout="constrained")
        panels = figure.subplots(1, wide, squeeze=False)[0]
        for number, (axes, name) in enumerate(zip(panels, names, strict=False)):
            shown = single.where(distribution=name)
            _learners(axes, shown, models, numbers[name])
            axes.set_yticks(range(len(models)), models if number == 0 else [""] * len(models))
            headline(axes, name, _message(shown, model))
        if suite:
            _suite(panels[-1], suite)
            headline(panels[-1], f"{model} with fewer calls, {names[0]}", _suite_message(suite))
        handles = _handles(
            {row.decoder for row in (*single.where(decoder=tuple(_RULES)), *suite)}, any(numbers.values())
        )
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6))
        return figure


def _apart(model: str) -> int:
    """Learners that had more operations come behind the others, those that had none last."""
    learner = learner_named(model)
    return 2 if learner.reasoning else int(learner.times > 1)


def _on_lines(paper: Sequence[PuzzlesOfPaper], models: Sequence[str]) -> list[tuple[str, PuzzlesOfPaper]]:
    """The paper's numbers with the learner on whose line each is drawn; those of absent learners are left out."""
    found = []
    for number in paper:
        own, small = number.learner.name, replace(number.learner, large=False).name
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
        axes.errorbar(
            [row.value for row in points], [models.index(row.model) + _SHIFT.get(rule, 0.0) for row in points],
            xerr=_spread(points), color=colour, marker=marker, markersize=5.5, capsize=2, elinewidth=1.2,
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
    axes.xaxis.set_major_formatter(_PERCENT)


def _suite(axes: Axes, rows: Rows) -> None:
    for rule, (colour, marker) in (_RULES | _MORE).items():
        line = _by_calls(rows, rule)
        axes.errorbar(
            [r.calls or 0.0 for r in line], [r.value for r in line], yerr=_spread(line), color=colour, marker=marker,
            markersize=7.5 if marker == "*" else 5.0, linewidth=1.1, elinewidth=0.8, capsize=1.5,
        )  # fmt: skip
    axes.set_xlabel("network calls per board")
    axes.set_ylabel("boards solved")
    axes.grid(axis="y")
    axes.set_xlim(left=0)
    lowest = min(row.interval[0] for row in rows.where(decoder=(*_RULES, *_MORE)))
    axes.set_ylim(max(lowest - 0.03, -0.02), 1.01)
    axes.yaxis.set_major_formatter(_PERCENT)


def _by_calls(rows: Rows, rule: str) -> list[Row]:
    return sorted(rows.where(decoder=rule), key=lambda row: row.calls or 0.0)


def _spread(rows: Sequence[Row]) -> list[list[float]]:
    """Lengths of the error bars below and above."""
    return [[max(r.value - r.interval[0], 0.0) for r in rows], [max(r.interval[1] - r.value, 0.0) for r in rows]]


def _message(rows: Rows, model: str) -> str:
    said = {MARGIN: MARGIN, TOP: "top prob.", VANILLA: VANILLA}
    found = {short: row for rule, short in said.items() if (row := rows.get(model=model, decoder=rule))}
    told = ", ".join(f"{short} {100 * row.value:.1f}%" for short, row in found.items())
    return f"{model}: {told}" if told else ""


def _suite_message(rows: Rows) -> str:
    """Margin with the fewest calls and with one cell per call."""
    line = _by_calls(rows, MARGIN)
    return f"{MARGIN}: " + ", ".join(f"{100 * r.value:.1f}% in {r.calls or 0.0:.3g}" for r in line) + " calls"


def _handles(present: set[str | None], paper: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=5.5, label=rule)
        for rule, (colour, marker) in (_RULES | _MORE).items()
        if rule in present
    ]
    crosses = Line2D(
        [], [], color=GREY, marker="x", linestyle="none", markersize=5.5, markeredgewidth=1.6,
        label="the paper's, in the rule's colour",
    )  # fmt: skip
    return [*handles, crosses] if paper else handles
