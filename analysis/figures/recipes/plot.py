"""Training recipes side by side: a row each, a point per seed."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.recipes.units import BASE, EXPERIMENT_NAME
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import Rows
from analysis.lab.style import GREEN, GREY, PERCENT, VERMILION, WIDTH, claim, headline, paper_style
from analysis.measures.order_accuracy import AGREEMENT
from lo_theory.samplers.menu import MARGIN, VANILLA

_COLOURS = {MARGIN: GREEN, VANILLA: VERMILION}


def draw_recipes(rows: Rows) -> Figure:
    """Agreement by margin and by vanilla, recipes from best to worst by margin; a line marks the base.

    Raises:
        ValueError: no agreement among the rows.
    """
    agreement = rows.where(metric=AGREEMENT)
    if not agreement:
        raise ValueError("there is no agreement among these rows; pass those of recipes.")
    means = combine_seeds(agreement)
    names = [row.model for row in sorted(means.where(decoder=MARGIN), key=lambda row: row.value)]
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(WIDTH, 1.3 + 0.34 * len(names)), layout="constrained")
        for axes, (rule, colour) in zip(figure.subplots(1, 2, sharey=True), _COLOURS.items(), strict=True):
            for place, name in enumerate(names):
                values = [row.value for row in agreement.where(model=name, decoder=rule)]
                axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.45, markeredgewidth=0)
                mean = means.one(model=name, decoder=rule).value
                axes.plot(mean, place, "|", color=colour, markersize=14, markeredgewidth=2.2)
            base = means.get(model=BASE, decoder=rule)
            if base is not None:
                axes.axvline(base.value, color=GREY, linewidth=0.9, linestyle=(0, (2, 2)))
            axes.set_yticks(range(len(names)), names)
            axes.xaxis.set_major_formatter(PERCENT)
            axes.set_xlabel("observations that agree with the latents")
            axes.grid(axis="x")
            headline(axes, rule, f"dots: seeds; bar: their mean; dashed: {BASE}")
        claim(figure, f"One change of the training recipe at a time, best by {MARGIN} on top")
        return figure
