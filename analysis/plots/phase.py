"""Loss against degree: what is possible, what belief propagation reaches, and at small N what a network learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.plots.phases import mark_phases
from analysis.plots.style import BLUE, GREEN, GREY, VERMILION, paper_style
from analysis.rows import Row, combine_seeds
from analysis.theory.known_thresholds import CASES
from analysis.theory.planted_curve import BAYES, LATENT, OBSERVATION, PROPAGATION, RELABELLED

LARGE, SMALL = "phase", "phase_small"
_COLUMNS = 4
_TICKS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16)
_TOP = 1.3  # of a panel, in losses of Bayes without knowledge; confident mistakes beyond are drawn at the rim
_LOWEST = 0.05  # nats: a panel where Bayes knows everything still has an axis
# model, start -> colour, marker, size, layer, label
_LOOKS = {
    (BAYES, None): (BLUE, "s", 5.5, 3, "Bayes"),
    (PROPAGATION, "random"): (VERMILION, "o", 3.5, 4, "belief propagation, random start"),
    (PROPAGATION, None): (VERMILION, "o", 3.5, 4, "belief propagation, random start"),
    ("mdm", None): (GREEN, "^", 4.5, 5, "masked diffusion model"),
}


def draw_phase(rows: Sequence[Row]) -> Figure:
    """Large N: for each predicate the loss of a fresh observation above that of a latent.

    Args:
        rows: of ``phase``, single instances; their means are lines, they themselves pale points.
    Raises:
        ValueError: no row of this experiment.
    """
    mine = [row for row in rows if row.experiment == LARGE and row.degree is not None]
    if not mine:
        raise ValueError("no rows of phase; run analysis.theory.phase first.")
    names = list(dict.fromkeys(row.distribution for row in mine))
    lines = -(-(len(names) + 1) // _COLUMNS)  # the legend takes one place
    with paper_style(LARGE):
        figure = Figure(figsize=(11.0, 0.5 + 4.4 * lines), layout="constrained")
        grid = figure.subplots(2 * lines, _COLUMNS, squeeze=False)
        for number in range(lines * _COLUMNS):
            upper, lower = (grid[2 * (number // _COLUMNS) + half, number % _COLUMNS] for half in (0, 1))
            if number < len(names):
                here = [row for row in mine if row.distribution == names[number]]
                _pair(upper, lower, here, first=number % _COLUMNS == 0)
            else:
                upper.axis("off")
                lower.axis("off")
        handles, labels = _legend(grid)
        last = grid[2 * lines - 2, _COLUMNS - 1]
        last.legend(handles, labels, loc="upper left", title=f"{_instances(mine)} instances per degree")
        return figure


def draw_phase_small(rows: Sequence[Row]) -> Figure:
    """Small N: a row per predicate; observations and latents with all latents hidden, then under uniform masks.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = combine_seeds([row for row in rows if row.experiment == SMALL and row.degree is not None])
    if not mine:
        raise ValueError("no rows of phase_small; run analysis.theory.phase first.")
    names = list(dict.fromkeys(row.distribution for row in mine))
    columns = [(at, metric) for at in (0.0, 1.0) for metric in (OBSERVATION, LATENT)]
    titles = (
        "observations, latents hidden",
        "latents, all hidden",
        "observations, uniform mask",
        "latents, uniform mask",
    )
    with paper_style(SMALL):
        figure = Figure(figsize=(11.0, 0.9 + 2.0 * len(names)), layout="constrained")
        grid = figure.subplots(len(names), 4, squeeze=False)
        for line, name in zip(grid, names, strict=True):
            for axes, (at, metric), title in zip(line, columns, titles, strict=True):
                here = [r for r in mine if r.distribution == name and r.at == at and r.metric == metric]
                _curves(axes, here, errors=True)
                _axis(axes, [r for r in mine if r.distribution == name])
                mark_phases(axes, CASES[name], label=axes is line[1])
                axes.set_title(f"{name}: {title}", fontsize=8.5)
            line[0].set_ylabel("loss [nats]")
        for axes in grid[-1]:
            axes.set_xlabel("degree of visible observations")
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        return figure


def _pair(upper: Axes, lower: Axes, rows: Sequence[Row], *, first: bool) -> None:
    name = rows[0].distribution
    case = CASES[name]
    for axes, metric in ((upper, OBSERVATION), (lower, LATENT)):
        _curves(axes, [row for row in rows if row.metric == metric and row.start != "planted"], errors=False)
        _axis(axes, rows)
        mark_phases(axes, case, label=axes is upper)
    if len(case.ensemble.label_symmetries()) > 1:
        x, y = _means([row for row in rows if row.metric == RELABELLED and row.model == BAYES])
        lower.plot(x, y, color=BLUE, linestyle=(0, (3, 2)), linewidth=1.2, label="Bayes, up to relabelling")
    upper.set_title(f"{name}: {case.verdict}")
    lower.set_xlabel("degree of visible constraints")
    upper.tick_params(labelbottom=False)
    if first:
        upper.set_ylabel("observation [nats]")
        lower.set_ylabel("latent [nats]")


def _curves(axes: Axes, rows: Sequence[Row], *, errors: bool) -> None:
    """Mean lines; with ``errors`` their intervals, else the single instances as pale points."""
    top = _TOP * max([_LOWEST, *(row.value for row in rows if row.model == BAYES)])
    for (model, start), (colour, marker, size, layer, label) in _LOOKS.items():
        line = [row for row in rows if row.model == model and row.start == start]
        if not line:
            continue
        x, y = _means(line)
        axes.plot(x, np.minimum(y, top), color=colour, marker=marker, ms=size, label=label, zorder=layer, clip_on=False)
        if errors:
            inside = [row for row in line if row.value < top]
            half = [row.interval[1] - row.value for row in inside]
            axes.errorbar(
                [row.degree or 0.0 for row in inside], [row.value for row in inside], yerr=half, color=colour,
                linestyle="", elinewidth=1.0, capsize=1.5, zorder=layer,
            )  # fmt: skip
        else:
            values = np.minimum([row.value for row in line], top)
            axes.plot([row.degree or 0.0 for row in line], values, marker, color=colour, alpha=0.3, ms=size, mew=0)
    axes.set_ylim(-0.03 * top, top)
    axes.grid(axis="y")


def _means(rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    degrees = sorted({row.degree for row in rows if row.degree is not None})
    means = [float(np.mean([row.value for row in rows if row.degree == degree])) for degree in degrees]
    return np.array(degrees), np.array(means)


def _axis(axes: Axes, rows: Sequence[Row]) -> None:
    degrees = [row.degree for row in rows if row.degree is not None]
    low, high = min(degrees) / 1.12, max(degrees) * 1.12
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks([x for x in _TICKS if low <= x <= high], [f"{x:g}" for x in _TICKS if low <= x <= high])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.spines["bottom"].set_color(GREY)


def _legend(grid: np.ndarray) -> tuple[list, list]:
    found = {}
    for axes in grid.ravel():
        found |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    return list(found.values()), list(found)


def _instances(rows: Sequence[Row]) -> int:
    return len({row.seed for row in rows})
