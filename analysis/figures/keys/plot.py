"""Networks that see all tokens beside such that see the visible ones: task errors, solved boards, steps to learn."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from analysis.figures.keys.plateau import OBSERVATIONS, STEPS, WORDS
from analysis.figures.keys.units import EXPERIMENT_NAME
from analysis.lab.averages import combine_seeds
from analysis.lab.plot_beside import beside
from analysis.lab.rows import Rows
from analysis.lab.style import BLUE, ORANGE, PERCENT, SMALL, WIDTH, claim, headline, paper_style
from analysis.measures.subproblems import COMPUTED, INFERRED, LATENT, PROBLEMS, of_kind
from analysis.measures.task_error import KL
from analysis.puzzles.judging import BOARD
from lo_theory.samplers.menu import MARGIN, VANILLA

_COLOURS = {WORDS["all"]: ORANGE, WORDS["visible"]: BLUE}
_TICKS = {
    COMPUTED: "computed\nobserv.",
    INFERRED: "inferred\nobserv.",
    LATENT: "latent",
    MARGIN: MARGIN,
    VANILLA: VANILLA,
}


def draw_keys(rows: Rows) -> Figure:
    """A panel per distribution, KL by subproblem, and one for the puzzle; dots are seeds, bars 95% intervals.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = rows.of(EXPERIMENT_NAME)
    errors, boards = mine.where(metric=KL), mine.where(metric=BOARD)
    names = [*errors.values("distribution"), *boards.values("distribution")]
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
        panels = figure.subplots(1, len(names), squeeze=False)[0]
        for axes, name in zip(panels, names, strict=True):
            own = mine.where(distribution=name)
            kinds = PROBLEMS if own.where(metric=KL) else (MARGIN, VANILLA)
            beside(axes, {_TICKS[kind]: of_kind(own, kind) for kind in kinds}, _COLOURS)
            headline(axes, name, "")
            if own.where(metric=BOARD):
                axes.yaxis.set_major_formatter(PERCENT)
                axes.set_ylabel("solved boards, one cell per call")
            else:
                axes.set_ylim(bottom=0.0)
        panels[0].set_ylabel("KL to the posterior\n[nats per hidden token]")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=SMALL, title="keys of attention")
        claim(figure, _claim(errors))
        return figure


def draw_plateau(rows: Rows) -> Figure:
    """Steps of training in the natural order until observations are learned, against P; dots are seeds.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = rows.of(EXPERIMENT_NAME).where(metric=STEPS, swept=OBSERVATIONS)
    with paper_style(f"{EXPERIMENT_NAME}_plateau"):
        figure = Figure(figsize=(0.62 * WIDTH, 3.9), layout="constrained")
        axes = figure.subplots()
        for model, colour in _COLOURS.items():
            own = Rows(row for row in mine.where(model=model) if np.isfinite(row.value))
            middle = {at: float(np.median([row.value for row in own.where(at=at)])) for at in _places(own)}
            for at in middle:
                values = [row.value for row in own.where(at=at)]
                axes.plot([at] * len(values), values, ".", color=colour, alpha=0.6)
            axes.plot([*middle], [*middle.values()], "s-", color=colour, label=model)
        ticks = _places(mine)
        axes.set_xscale("log")
        axes.set_ylim(bottom=0.0)
        axes.set_xticks(ticks, [f"{at:g}" for at in ticks])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("observations, P")
        axes.set_ylabel("steps until observations are learned")
        axes.grid(axis="y")
        axes.legend(title="keys of attention", fontsize=SMALL)
        claim(figure, _plateau_claim(mine))
        return figure


def _places(rows: Rows) -> list[float]:
    return sorted(rows.values("at"))


def _plateau_claim(rows: Rows) -> str:
    pairs = [[rows.where(model=model, at=at) for model in (WORDS["visible"], WORDS["all"])] for at in _places(rows)]
    if all(max(a.value for a in few) < min(b.value for b in every) for few, every in pairs):
        return "With latents alone as keys observations are learned in fewer steps"
    return "Steps to learn observations whose latents are visible, by keys of attention"


def _claim(errors: Rows) -> str:
    means = combine_seeds(errors)
    better = [
        means.one(model=WORDS["visible"], swept=kind, distribution=name).value
        < means.one(model=WORDS["all"], swept=kind, distribution=name).value
        for name in means.values("distribution")
        for kind in PROBLEMS
    ]
    if all(better):
        return "Where hidden tokens are no keys for others every subproblem is learned better"
    if not any(better):
        return "Where hidden tokens are no keys for others no subproblem is learned better"
    return "Where hidden tokens are no keys for others some subproblems are learned better"
