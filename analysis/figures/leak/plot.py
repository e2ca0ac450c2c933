"""Zeros hidden above, zeros visible below, and what their equalities alone tie together."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.leak.units import EQUALITIES, EXPERIMENT_NAME
from analysis.lab.rows import Rows
from analysis.lab.style import BLUE, GREEN, GREY, VERMILION, claim, headline, note, paper_style
from analysis.planted.cases import CASES
from analysis.planted.curve import BAYES, OBSERVATION, PROPAGATION
from analysis.planted.phase_marks import mark_phases

_LOOKS = {"random": (VERMILION, "o", 4.0, "belief propagation, random start"), None: (BLUE, "s", 6.0, "Bayes")}
_MODELS = {"random": PROPAGATION, None: BAYES}
_ROWS = (("satisfied", 0.0, "zeros hidden"), ("both", 1.0, "zeros visible"))
_TOP = 1.3  # of a panel, in ignorant losses; beliefs that did not settle may be worse, and are drawn at the rim
_NOTHING = 0.03  # share of the ignorant loss that passes for none
_MISSED = 0.5  # a point is missed where more than half of the ignorant loss could be saved


def draw_leak(rows: Rows) -> Figure:
    """A column per case; loss with zeros hidden, loss with zeros visible, share of latents tied by equalities.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = rows.of(EXPERIMENT_NAME)
    names = mine.values("distribution")
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(0.9 + 3.0 * len(names), 8.4), layout="constrained")
        grid = figure.subplots(3, len(names), squeeze=False, height_ratios=(1, 1, 0.7))
        for column, name in enumerate(names):
            here = mine.where(distribution=name)
            for line, (shown, at, title) in enumerate(_ROWS):
                panel = grid[line, column]
                lost = here.where(metric=OBSERVATION, at=at)
                _losses(panel, lost)
                panel.set_xlim(*_event(lost))
                gamma = float(CASES[name].ensemble.value_rates[1])
                case, factor = (CASES[name], gamma) if shown == "both" else (CASES[f"{name}, satisfied"], 1.0)
                mark_phases(panel, case, factor)
                headline(panel, f"{name}, {title}", _message(lost))
            _hidden(grid[1, column], here.where(metric=OBSERVATION, at=_ROWS[0][1]))
            _tied(grid[2, column], here.where(metric=EQUALITIES))
            grid[2, column].set_xlim(grid[1, column].get_xlim())
            for panel in grid[:, column]:
                panel.set_xlabel("degree of satisfied constraints")
        for panel in grid[:2, 0]:
            panel.set_ylabel("loss of a fresh observation [nats]")
        grid[2, 0].set_ylabel("share of latents\ntied by equalities")
        figure.legend(*grid[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        claim(figure, _claim(mine))
        return figure


def _event(rows: Rows) -> tuple[float, float]:
    """Degrees from two before the possible loss falls to one after it is gone."""
    line = _line(rows, None)
    degrees, losses = [degree for degree, _ in line], [loss for _, loss in line]
    top = max(losses)
    first = next((i for i, loss in enumerate(losses) if loss < (1 - _NOTHING) * top), 0)
    last = next((i for i, loss in enumerate(losses) if loss < _NOTHING * top), len(losses) - 1)
    low, high = degrees[max(first - 3, 0)], degrees[min(last + 1, len(degrees) - 1)]
    edge = 0.03 * (high - low)
    return low - edge, high + edge


def _hidden(axes: Axes, rows: Rows) -> None:
    """What is possible with zeros hidden, behind the curves with zeros visible."""
    x, y = np.array(_line(rows, None)).T
    axes.plot(x, y, color=GREY, linewidth=1.0, linestyle=(0, (4, 2)), zorder=1, label="Bayes, zeros hidden")


def _losses(axes: Axes, rows: Rows) -> None:
    top = _TOP * max([0.05, *(row.value for row in rows if row.model == BAYES)])
    for start, (colour, marker, size, label) in _LOOKS.items():
        each = rows.where(start=start, model=_MODELS[start])
        x, y = np.array(_line(rows, start)).T
        shown = np.minimum([row.value for row in each], top)
        axes.plot([row.degree or 0.0 for row in each], shown, marker, color=colour, alpha=0.3, ms=size, mew=0)
        axes.plot(x, np.minimum(y, top), color=colour, marker=marker, ms=size, label=label, zorder=4 if start else 3)
    axes.set_ylim(0, top)
    axes.grid(axis="y")


def _line(rows: Rows, start: str | None) -> list[tuple[float, float]]:
    """Degree and mean over instances."""
    groups = rows.where(start=start, model=_MODELS[start]).by("degree")
    return [(degree, float(np.mean([row.value for row in group]))) for degree, group in sorted(groups.items())]


def _claim(rows: Rows) -> str:
    """Whether there is a window with zeros hidden, and none with zeros visible."""
    hidden, visible = (
        [_missed(own) for own in rows.where(metric=OBSERVATION, at=at).by("distribution").values()]
        for _, at, _ in _ROWS
    )
    if any(hidden) and not any(visible):
        return "Visible zeros close the window between possible and found (axes: where the loss falls)"
    return "Loss with zeros hidden and visible (axes: where the loss falls)"


def _missed(rows: Rows) -> list[float]:
    """Degrees at which belief propagation does not find what is possible."""
    reached, possible = dict(_line(rows, "random")), dict(_line(rows, None))
    return [d for d in possible if d in reached and reached[d] - possible[d] > _MISSED * max(possible.values())]


def _message(rows: Rows) -> str:
    missed = _missed(rows)
    return f"possible, not found: {min(missed):g} to {max(missed):g}" if missed else "found wherever it is possible"


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
    axes.set_title("union-find on the zeros alone", fontweight="normal", fontsize=9.0)
