"""Loss against degree: what is possible, what belief propagation reaches, and at small N what a network learned."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.figures.phase.small import SMALL
from analysis.figures.phase.units import EXPERIMENT_NAME
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import MDM, Rows
from analysis.lab.style import BLUE, GREEN, GREY, PALE, VERMILION, WIDTH, bars, claim, paper_style
from analysis.planted.cases import CASES
from analysis.planted.curve import BAYES, LATENT, OBSERVATION, PROPAGATION, RELABELLED
from analysis.planted.phase_marks import mark_phases

_COLUMNS = 4
_TICKS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16)
_TOP = 1.3  # of a panel, in losses of Bayes without knowledge; confident mistakes beyond are drawn at the rim
_LINEAR = 1.0  # nats; beyond it the axis of small N is logarithmic
_LOWEST = 0.05  # nats: a panel where Bayes knows everything still has an axis
# model, start -> colour, marker, size, layer, label
_LOOKS = {
    (BAYES, None): (BLUE, "s", 5.5, 3, "Bayes"),
    (PROPAGATION, "random"): (VERMILION, "o", 3.5, 4, "belief propagation, random start"),
    (PROPAGATION, None): (VERMILION, "o", 3.5, 4, "belief propagation, random start"),
    (MDM, None): (GREEN, "^", 4.5, 5, "masked diffusion model"),
}


def draw_phase(rows: Rows) -> Figure:
    """Large N: for each predicate the loss of a fresh observation above that of a latent.

    Args:
        rows: of ``phase``, single instances; their means are lines, they themselves pale points.
    Raises:
        ValueError: no row of this experiment.
    """
    mine = rows.of(EXPERIMENT_NAME)
    names = mine.values("distribution")
    lines = -(-len(names) // _COLUMNS)
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(WIDTH, 1.2 + 4.6 * lines), layout="constrained")
        grid = figure.subplots(2 * lines, _COLUMNS, squeeze=False)
        for number in range(lines * _COLUMNS):
            upper, lower = (grid[2 * (number // _COLUMNS) + half, number % _COLUMNS] for half in (0, 1))
            if number < len(names):
                _pair(upper, lower, mine.where(distribution=names[number]), first=number % _COLUMNS == 0)
            else:
                upper.remove()
                lower.remove()
        handles, labels = _legend(grid)
        count = (
            f"means of {len(mine.values('seed'))} instances per degree; pale: single ones; at the upper rim: above it"
        )
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), title=count)
        claim(figure, "What is possible (Bayes) and what belief propagation reaches, by number of visible constraints")
        return figure


def draw_phase_small(rows: Rows) -> Figure:
    """Small N: a row per predicate; observations and latents with all latents hidden, then under uniform masks.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = combine_seeds(rows.of(SMALL, EXPERIMENT_NAME))
    names = mine.values("distribution")
    columns = (
        (0.0, OBSERVATION, "observations,\nall latents hidden"),
        (0.0, LATENT, "latents,\nall latents hidden"),
        (1.0, OBSERVATION, "observations,\nuniform mask"),
        (1.0, LATENT, "latents,\nuniform mask"),
    )
    with paper_style(SMALL):
        figure = Figure(figsize=(WIDTH, 1.6 + 2.5 * len(names)), layout="constrained")
        grid = figure.subplots(len(names), 4, squeeze=False, sharey=True)
        for number, (line, name) in enumerate(zip(grid, names, strict=True), start=1):
            here = mine.where(distribution=name)
            for axes, (at, metric, title) in zip(line, columns, strict=True):
                _curves(axes, here.where(at=at, metric=metric), errors=True)
                _axis(axes, here)
                _mistakes(axes, mine)
                mark_phases(axes, CASES[name])
                axes.set_title(title, fontsize=9.0, fontweight="normal")
                axes.set_xlabel("degree of visible observations" if number == len(names) else "")
            line[0].set_ylabel(f"{name}: loss [nats],\nlogarithmic above {_LINEAR:g}")
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        claim(figure, "Small N: what is possible, what belief propagation reaches, what a network learned")
        return figure


def _mistakes(axes: Axes, rows: Rows) -> None:
    """Linear up to a coin's loss, logarithmic beyond: belief propagation is at times sure of what is wrong."""
    highest = max(row.interval[1] for row in rows.where(metric=(OBSERVATION, LATENT)))
    axes.set_yscale("symlog", linthresh=_LINEAR, linscale=1.6, base=2)
    ticks = [0.0, 0.2, 0.4, 0.6, 0.8, *(2.0**k for k in range(8) if 2.0**k < highest)]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(-0.03, 1.05 * max(highest, _LINEAR))
    axes.axhspan(_LINEAR, 1.05 * max(highest, _LINEAR), color=PALE, alpha=0.35, lw=0, zorder=0)


def _pair(upper: Axes, lower: Axes, rows: Rows, *, first: bool) -> None:
    name = rows[0].distribution
    case = CASES[name]
    for axes, metric in ((upper, OBSERVATION), (lower, LATENT)):
        _curves(axes, rows.where(metric=metric), errors=False)
        _axis(axes, rows)
        mark_phases(axes, case, label=axes is upper)
    if len(case.ensemble.label_symmetries()) > 1:
        x, y = _means(rows.where(metric=RELABELLED, model=BAYES))
        lower.plot(x, y, color=BLUE, linestyle=(0, (3, 2)), linewidth=1.2, label="Bayes, up to relabelling")
    upper.set_title(f"{name}: {case.verdict}")
    lower.set_xlabel("degree of visible constraints")
    upper.tick_params(labelbottom=False)
    if first:
        upper.set_ylabel("observation [nats]")
        lower.set_ylabel("latent [nats]")


def _curves(axes: Axes, rows: Rows, *, errors: bool) -> None:
    """Mean lines; with ``errors`` their intervals, else the single instances as pale points."""
    top = _TOP * max([_LOWEST, *(row.value for row in rows.where(model=BAYES))])
    for (model, start), (colour, marker, size, layer, label) in _LOOKS.items():
        line = rows.where(model=model, start=start)
        if not line:
            continue
        x, y = _means(line)
        if errors:
            axes.errorbar(
                [row.degree or 0.0 for row in line], [row.value for row in line], yerr=bars(line), color=colour,
                linestyle="", elinewidth=1.0, capsize=1.5, zorder=layer,
            )  # fmt: skip
            axes.plot(x, y, color=colour, marker=marker, ms=size, label=label, zorder=layer)
            continue
        axes.plot(x, np.minimum(y, top), color=colour, marker=marker, ms=size, label=label, zorder=layer, clip_on=False)
        values = np.minimum([row.value for row in line], top)
        axes.plot([row.degree or 0.0 for row in line], values, marker, color=colour, alpha=0.3, ms=size, mew=0)
    axes.set_ylim(-0.03 * top, top)
    axes.grid(axis="y")


def _means(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Degrees, ascending, and the mean at each."""
    groups = sorted(rows.by("degree").items())
    return np.array([degree for degree, _ in groups]), np.array([np.mean([r.value for r in at]) for _, at in groups])


def _axis(axes: Axes, rows: Rows) -> None:
    degrees = rows.values("degree")
    low, high = min(degrees) / 1.12, max(degrees) * 1.12
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = [x for x in _TICKS if low <= x <= high]
    ticks = ticks if len(ticks) < 6 else ticks[::2]
    axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.spines["bottom"].set_color(GREY)


def _legend(grid: np.ndarray) -> tuple[list, list]:
    found = {}
    for axes in grid.ravel():
        found |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    return list(found.values()), list(found)
