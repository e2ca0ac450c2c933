"""Zeros hidden above, zeros visible below, and what their equalities alone tie together."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.figures.leak.units import EQUALITIES, EXPERIMENT_NAME
from analysis.lab.rows import Rows
from analysis.lab.style import BLUE, GREEN, GREY, VERMILION, headline, note, paper_style
from analysis.planted.cases import CASES
from analysis.planted.curve import BAYES, OBSERVATION, PROPAGATION
from analysis.planted.phase_marks import mark_phases

_LOOKS = {"random": (VERMILION, "o", 4.0, "belief propagation, random start"), None: (BLUE, "s", 6.0, "Bayes")}
_MODELS = {"random": PROPAGATION, None: BAYES}
_TICKS = (0.5, 1, 2, 4, 8, 16, 32)
_ROWS = (("satisfied", 0.0, "zeros hidden"), ("both", 1.0, "zeros visible"))
_TOP = 1.3  # of a panel, in ignorant losses; beliefs that did not settle may be worse, and are drawn at the rim
_MISSED = 0.5  # a point is missed where more than half of the ignorant loss could be saved


def draw_leak(rows: Rows) -> Figure:
    """A column per case; loss with zeros hidden, loss with zeros visible, share of latents tied by equalities.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = rows.of(EXPERIMENT_NAME)
    names = mine.values("distribution")
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(0.8 + 3.1 * len(names), 7.4), layout="constrained")
        grid = figure.subplots(3, len(names), squeeze=False, sharex="col", height_ratios=(1, 1, 0.7))
        for column, name in enumerate(names):
            here = mine.where(distribution=name)
            for line, (shown, at, title) in enumerate(_ROWS):
                panel = grid[line, column]
                lost = here.where(metric=OBSERVATION, at=at)
                _losses(panel, lost)
                _degrees(panel, here)
                gamma = float(CASES[name].ensemble.value_rates[1])
                case, factor = (CASES[name], gamma) if shown == "both" else (CASES[f"{name}, satisfied"], 1.0)
                mark_phases(panel, case, factor)
                headline(panel, f"{name}, {title}", _message(lost))
            _tied(grid[2, column], here.where(metric=EQUALITIES))
            grid[2, column].set_xlabel("degree of satisfied constraints")
        for panel in grid[:2, 0]:
            panel.set_ylabel("loss of a fresh observation [nats]")
        grid[2, 0].set_ylabel("latents in m classes")
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        return figure


def _losses(axes: Axes, rows: Rows) -> None:
    top = _TOP * max([0.05, *(row.value for row in rows if row.model == BAYES)])
    for start, (colour, marker, size, label) in _LOOKS.items():
        each = rows.where(start=start, model=_MODELS[start])
        x, y = np.array(_line(rows, start)).T
        shown = np.minimum([row.value for row in each], top)
        axes.plot(
            [row.degree or 0.0 for row in each], shown, marker, color=colour, alpha=0.3, ms=size, mew=0, clip_on=False
        )
        axes.plot(x, np.minimum(y, top), color=colour, marker=marker, ms=size, label=label, zorder=4 if start else 3)
    axes.set_ylim(0, top)
    axes.grid(axis="y")


def _line(rows: Rows, start: str | None) -> list[tuple[float, float]]:
    """Degree and mean over instances."""
    groups = rows.where(start=start, model=_MODELS[start]).by("degree")
    return [(degree, float(np.mean([row.value for row in group]))) for degree, group in sorted(groups.items())]


def _message(rows: Rows) -> str:
    reached, possible = dict(_line(rows, "random")), dict(_line(rows, None))
    missed = [d for d in possible if d in reached and reached[d] - possible[d] > _MISSED * max(possible.values())]
    return f"possible, not found: {min(missed):g} to {max(missed):g}" if missed else "found wherever it is possible"


def _degrees(axes: Axes, rows: Rows) -> None:
    degrees = rows.values("degree")
    low, high = min(degrees) / 1.1, max(degrees) * 1.1
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks([x for x in _TICKS if low <= x <= high], [f"{x:g}" for x in _TICKS if low <= x <= high])
    axes.xaxis.set_minor_locator(NullLocator())


def _tied(axes: Axes, rows: Rows) -> None:
    if not rows:
        note(axes, "not measured")
        return
    groups = dict(sorted(rows.by("degree").items()))
    degrees, each = list(groups), [[row.value for row in group] for group in groups.values()]
    axes.fill_between(degrees, [min(v) for v in each], [max(v) for v in each], color=GREEN, alpha=0.25, lw=0)
    axes.plot(degrees, [float(np.mean(v)) for v in each], color=GREEN, marker="D", markersize=4)
    axes.axhline(1.0, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
    axes.set_ylim(0, 1.08)
    axes.grid(axis="y")
    axes.set_title("union-find on the zeros alone", fontweight="normal", fontsize=8.5)
