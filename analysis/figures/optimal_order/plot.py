"""What each order loses to the best one, and how often a rule's choice is one of the best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.optimal_order.case import (
    BEST_CHOICE,
    EXPERIMENT_NAME,
    KL,
    KL_EXCESS,
    LEARNED,
    LEAST_KL,
    NATURAL,
    RANDOM,
    VALIDITY_LOST,
)
from analysis.figures.optimal_order.units import EVERYWHERE, INVERSIONS, UNCERTAIN
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import CONTROL, MDM, Rows
from analysis.lab.style import BLUE, GREEN, GREY, ORANGE, PERCENT, band, bars, claim, headline, paper_style
from lo_theory.samplers.menu import ENTROPY, MARGIN, TOP

_MODELS = {EVERYWHERE: EVERYWHERE, INVERSIONS: INVERSIONS, UNCERTAIN: UNCERTAIN, MDM: "trained networks"}
_LINES = (NATURAL, RANDOM, ENTROPY, MARGIN, TOP)
_NOTHING = 1e-6  # nats
_COLOURS, _MARKERS = (BLUE, ORANGE, GREEN), ("o", "s", "D")
_METRICS = {
    VALIDITY_LOST: "impossible sequences that\nthe most valid order avoids",
    KL_EXCESS: "KL(truth || order) above\nthe least there is [nats]",
}


def draw_regret(rows: Rows) -> Figure:
    """A column per denoiser, validity above and divergence below; a line per order, a colour per distribution.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = combine_seeds(rows.of(EXPERIMENT_NAME, "optimal-order"))
    models = [model for model in _MODELS if mine.where(model=model)]
    lines = (*_LINES, LEARNED) if mine.where(decoder=LEARNED) else _LINES
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(1.9 + 2.25 * len(models), 5.6), layout="constrained")
        grid = figure.subplots(2, len(models), squeeze=False, sharex="row", sharey=True)
        for line, (metric, label) in zip(grid, _METRICS.items(), strict=True):
            for axes, model in zip(line, models, strict=True):
                _dots(axes, mine.where(metric=metric, model=model), metric, lines)
                axes.set_xlabel(label)
        for axes, model in zip(grid[0], models, strict=True):
            headline(axes, _MODELS[model], "")
        for axes in grid[:, 0]:
            axes.set_ylabel("order of one token per call")
        handles, names = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names))
        claim(figure, _claim(mine))
        return figure


def _dots(axes: Axes, rows: Rows, metric: str, lines: Sequence[str] = _LINES) -> None:
    kinds = rows.values("distribution")
    for number, (kind, colour, marker) in enumerate(zip(kinds, _COLOURS, _MARKERS, strict=False)):
        here = rows.where(distribution=kind)
        shown = [rule for rule in lines if rule != LEARNED or here.where(decoder=LEARNED)]
        found = [here.one(decoder=rule) for rule in shown]
        at = np.array([lines.index(rule) for rule in shown]) + 0.2 * (1 - number)
        lengths = bars(found)
        if metric == KL_EXCESS:  # a mixture of orders may be nearer to the truth than the best single one
            lengths[:, shown.index(RANDOM)] = bars(found, least=-np.inf)[:, shown.index(RANDOM)]
        axes.errorbar(
            [row.value for row in found], at, xerr=lengths, color=colour, marker=marker,
            linestyle="none", markersize=5.0, elinewidth=1.0, label=kind,
        )  # fmt: skip
    axes.axvline(0.0, color=GREY, linewidth=1.0)
    axes.set_yticks(range(len(lines)), lines)
    axes.set_ylim(-0.6, len(lines) - 0.4)
    axes.grid(axis="x")
    if metric == VALIDITY_LOST:
        axes.xaxis.set_major_formatter(PERCENT)


def _claim(rows: Rows) -> str:
    """Whether margin pays for its confidence with coverage, under errors that are everywhere."""
    here = rows.where(model=EVERYWHERE)
    margins, randoms = (here.where(decoder=rule, metric=KL_EXCESS) for rule in (MARGIN, RANDOM))
    lost = here.where(decoder=MARGIN, metric=VALIDITY_LOST)
    farther = all(m.interval[0] > r.interval[1] for m, r in zip(margins, randoms, strict=True))
    if margins and farther and all(row.interval[0] > 0 for row in lost):
        least, most = min(row.value for row in margins), max(row.value for row in margins)
        return (
            f"Margin is far from the best order (grey line): {least:.1f} to {most:.1f} nats "
            "under errors everywhere, farther than a random order"
        )
    return "What each order loses to the best order there is (grey line)"


def draw_pairs(rows: Rows) -> Figure:
    """What two tokens per call cost with the exact posterior; a line per choice of pairs, a colour per distribution.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = combine_seeds(rows.of(EXPERIMENT_NAME, "optimal-order").where(model=CONTROL, metric=KL))
    with paper_style("optimal_pairs"):
        figure = Figure(figsize=(7.6, 3.6), layout="constrained")
        axes = figure.subplots()
        _dots(axes, mine, KL, (LEAST_KL, *_LINES))
        axes.set_xlabel("KL(truth || law) of two tokens per call, exact posterior [nats]")
        axes.set_ylabel("which two positions")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        least = max((row.value for row in mine.where(decoder=LEAST_KL)), default=0.0)
        margin = [row.value for row in mine.where(decoder=MARGIN)] or [0.0]
        need = "nothing" if least < _NOTHING else f"at most {least:.2f} nats"
        claim(
            figure,
            f"Two tokens per call need cost {need}; margin's pairs cost {min(margin):.1f} to {max(margin):.1f} nats",
        )
        return figure


def draw_choices(rows: Rows) -> Figure:
    """How often margin's choice is one of the best, against the tokens that are revealed.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = combine_seeds(rows.of(EXPERIMENT_NAME, "optimal-order").where(metric=BEST_CHOICE, decoder=MARGIN))
    models = [model for model in _MODELS if mine.where(model=model)]
    with paper_style("optimal_choices"):
        figure = Figure(figsize=(0.9 + 2.35 * len(models), 3.4), layout="constrained")
        for axes, model in zip(figure.subplots(1, len(models), squeeze=False, sharey=True)[0], models, strict=True):
            _choices(axes, mine.where(model=model))
            headline(axes, _MODELS[model], "")
        figure.axes[0].set_ylabel("margin's choice is a best one")
        handles, names = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names))
        first, late = (100 * share for share in _ends(mine))
        claim(figure, f"Margin's first choice is a best one in {first:.0f} of 100 cases, its last in {late:.0f}")
        return figure


def _ends(rows: Rows) -> tuple[float, float]:
    """Means over denoisers and distributions of the share at the first token and at the last that leaves a choice."""
    groups = [sorted(group, key=lambda row: row.n_masked or 0) for group in rows.by("model", "distribution").values()]
    return float(np.mean([group[-1].value for group in groups])), float(np.mean([group[0].value for group in groups]))


def _choices(axes: Axes, rows: Rows) -> None:
    groups: Sequence[tuple[str, Rows]] = list(rows.by("distribution").items())
    for (kind, here), colour, marker in zip(groups, _COLOURS, _MARKERS, strict=False):
        line = sorted(here, key=lambda row: -(row.n_masked or 0))
        length = line[0].n_masked or 0
        x = [length - (row.n_masked or 0) for row in line]
        low, high = band(line, 0.0, 1.0)
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(x, [row.value for row in line], color=colour, marker=marker, label=kind)
    axes.set_xlabel("tokens revealed before")
    axes.set_ylim(-0.03, 1.05)
    axes.yaxis.set_major_formatter(PERCENT)
    axes.grid(axis="y")
