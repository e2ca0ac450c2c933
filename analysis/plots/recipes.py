"""Training recipes side by side: a row each, a point per seed."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from analysis.networks.order_accuracy import AGREEMENT
from analysis.plots.style import GREEN, GREY, VERMILION, headline, paper_style
from analysis.rows import Row, combine_seeds

_COLOURS = {"margin": GREEN, "vanilla": VERMILION}


def draw_recipes(rows: Sequence[Row], base: str) -> Figure:
    """Agreement by margin and by vanilla, recipes from best to worst by margin; a line marks the base.

    Raises:
        ValueError: no agreement among the rows.
    """
    rows = [row for row in rows if row.metric == AGREEMENT]
    if not rows:
        raise ValueError("there is no agreement among these rows; pass those of recipes.")
    means = {(row.model, row.decoder): row.value for row in combine_seeds(rows)}
    names = sorted({row.model for row in rows}, key=lambda name: means[name, "margin"])
    with paper_style("recipes"):
        figure = Figure(figsize=(8.6, 0.9 + 0.34 * len(names)), layout="constrained")
        for axes, rule in zip(figure.subplots(1, 2, sharey=True), ("margin", "vanilla"), strict=True):
            for place, name in enumerate(names):
                values = [row.value for row in rows if row.model == name and row.decoder == rule]
                axes.plot(values, [place] * len(values), "o", color=_COLOURS[rule], alpha=0.45, markeredgewidth=0)
                axes.plot(means[name, rule], place, "|", color=_COLOURS[rule], markersize=14, markeredgewidth=2.2)
            if (base, rule) in means:
                axes.axvline(means[base, rule], color=GREY, linewidth=0.9, linestyle=(0, (2, 2)))
            axes.set_yticks(range(len(names)), names)
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.1f}%"))
            axes.set_xlabel("observations that agree with the generated latents")
            axes.grid(axis="x")
            headline(axes, rule, f"dashed: {base}")
        return figure
