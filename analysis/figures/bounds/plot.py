"""Bounds beside the loss that they bound, schedules against each other, and what the order of revealing hides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures.bounds.units import (
    BOUND,
    BOUNDED,
    DUAL_SHARE,
    DUAL_STEPS,
    EQUAL,
    EXPERIMENT_NAME,
    GROWTH,
    LEAST,
    LOGARITHMIC,
    LOSS,
    OVER_STEPS,
    RANDOM_SIZES,
    SEQUENCE_KL,
    TOTAL_SHARE,
    TOTAL_STEPS,
)
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import Rows
from analysis.lab.style import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, WIDTH, band, claim, headline, paper_style

_SHOWN = 3e-4  # nats; below it a loss passes for none
_PAIRS = {OVER_STEPS: BLUE, TOTAL_SHARE: ORANGE, DUAL_SHARE: GREEN, LOGARITHMIC: VERMILION}
_LINES = {
    EQUAL: (BLUE, "o"),
    RANDOM_SIZES: (SKY, "v"),
    TOTAL_STEPS: (ORANGE, "s"),
    DUAL_STEPS: (GREEN, "D"),
    GROWTH: (PURPLE, "^"),
    LEAST: (VERMILION, "x"),
}


def draw_bounds(rows: Rows) -> Figure:
    """A panel per distribution: dashed what is promised, in the same colour what is lost.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = combine_seeds(rows.of(EXPERIMENT_NAME))
    names = _long(mine)
    with paper_style(EXPERIMENT_NAME):
        figure, panels = _panels(names, 3.5)
        for axes, name in zip(panels, names, strict=True):
            here = mine.where(distribution=name)
            for bound, colour in _PAIRS.items():
                _line(axes, here.where(metric=BOUND, decoder=bound), colour, "--", "", f"bound: {bound}")
                schedule = BOUNDED[bound]
                _line(axes, here.where(metric=LOSS, decoder=schedule), colour, "-", "", schedule)
            headline(axes, name, "")
        _finish(panels)
        _legend(figure, panels[0], "loss [nats]")
        claim(figure, _bounds_claim(mine, names))
        return figure


def draw_schedules(rows: Rows) -> Figure:
    """A panel per distribution: the loss of every schedule at all numbers of calls.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = combine_seeds(rows.of(EXPERIMENT_NAME).where(metric=LOSS))
    names = _long(mine)
    with paper_style("bounds_schedules"):
        figure, panels = _panels(names, 3.5)
        for axes, name in zip(panels, names, strict=True):
            here = mine.where(distribution=name)
            for schedule, (colour, marker) in _LINES.items():
                _line(axes, here.where(decoder=schedule), colour, "-", marker, schedule)
            headline(axes, name, "")
        _finish(panels)
        _legend(figure, panels[0], "loss [nats]")
        claim(figure, _schedules_claim(mine, names))
        return figure


def draw_sequences(rows: Rows) -> Figure:
    """A panel per short distribution: the loss with the order of revealing, and of the sequences alone.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = combine_seeds(rows.of(EXPERIMENT_NAME))
    names = mine.where(metric=SEQUENCE_KL).values("distribution")
    with paper_style("bounds_sequences"):
        figure, panels = _panels(names, 3.3)
        for axes, name in zip(panels, names, strict=True):
            here = mine.where(distribution=name)
            for schedule, colour in ((EQUAL, BLUE), (LEAST, VERMILION)):
                _line(axes, here.where(metric=LOSS, decoder=schedule), colour, "--", "", f"{schedule}, with the order")
                alone = here.where(metric=SEQUENCE_KL, decoder=schedule)
                _line(axes, alone, colour, "-", "", f"{schedule}, sequences alone")
            headline(axes, name, "")
        _finish(panels)
        _legend(figure, panels[0], "KL(truth || sampler) [nats]")
        claim(figure, "What the formula charges, and how far the sequences are from the truth without their order")
        return figure


def half(rows: Rows) -> float:
    """Half as many calls as tokens, rounded down; the calls of these rows are 1 to L."""
    return float(int(max(row.at or 0.0 for row in rows)) // 2)


def times_least(rows: Rows, schedule: str) -> float:
    """What a schedule loses over the least loss at half as many calls as tokens, of means over one distribution."""
    at = half(rows)
    least, found = (rows.one(metric=LOSS, decoder=name, at=at).value for name in (LEAST, schedule))
    return found / least if least > _SHOWN else float("inf")


def _long(rows: Rows) -> list[str]:
    """The distributions of more than the median length: those whose curve alone is known."""
    lengths = {
        name: max(row.at or 0.0 for row in rows.where(distribution=name, metric=LOSS))
        for name in rows.values("distribution")
    }
    names = list(lengths)
    return names[len(names) // 2 :]


def _panels(names: Sequence[str], height: float) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(max(WIDTH, 2.6 * len(names)), height), layout="constrained")
    return figure, list(figure.subplots(1, len(names), squeeze=False, sharey=True)[0])


def _line(axes: Axes, rows: Rows, colour: str, style: str, marker: str, label: str) -> None:
    line = sorted((row for row in rows if row.value > _SHOWN), key=lambda row: row.at or 0.0)
    x = [row.at or 0.0 for row in line]
    axes.plot(x, [row.value for row in line], style, color=colour, marker=marker, markersize=3.5, label=label)
    low, high = band(line, _SHOWN / 2)
    axes.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)


def _finish(panels: Sequence[Axes]) -> None:
    for axes in panels:
        axes.set_yscale("log")
        axes.set_xlabel("calls")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
    panels[0].set_ylim(bottom=_SHOWN)  # of all: they share it


def _legend(figure: Figure, first: Axes, label: str) -> None:
    first.set_ylabel(label)
    handles, names = first.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4)


def _bounds_claim(rows: Rows, names: Sequence[str]) -> str:
    ratios = loosenesses(rows, names)
    return (
        f"With half as many calls as tokens equal steps lose {min(ratios):.1f} to {max(ratios):.1f} times less than "
        "mutual information over steps"
    )


def loosenesses(rows: Rows, names: Sequence[str]) -> list[float]:
    """The bound over the loss of equal steps at half as many calls as tokens."""
    found = []
    for name in names:
        here = rows.where(distribution=name)
        at = half(here.where(metric=LOSS))
        bound, loss = here.one(metric=BOUND, decoder=OVER_STEPS, at=at), here.one(metric=LOSS, decoder=EQUAL, at=at)
        found.append(bound.value / loss.value)
    return found


def _schedules_claim(rows: Rows, names: Sequence[str]) -> str:
    table: Mapping[str, list[float]] = {
        schedule: [times_least(rows.where(distribution=name), schedule) for name in names]
        for schedule in (EQUAL, TOTAL_STEPS, DUAL_STEPS, RANDOM_SIZES)
    }
    best = min(table, key=lambda schedule: max(table[schedule]))
    worst = max(table[best])
    if worst == float("inf"):
        return "No schedule that knows the length alone is near the least loss on all distributions"
    return f"Knowing L alone, {best} come nearest to the least loss: {worst:.1f} times it with L / 2 calls"
