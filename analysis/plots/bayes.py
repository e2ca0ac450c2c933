"""The floor: Bayes loss per masked token against the share of masked tokens, at the paper's six sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.plots.style import GREY, headline, paper_style
from analysis.rows import Role, Row, combine_seeds

_LENGTH = 300  # of all six sizes


def draw_bayes(rows: Sequence[Row]) -> Figure:
    """Two panels, latents and observations; a curve per size with its 95% band.

    Raises:
        ValueError: no row of this experiment.
    """
    rows = combine_seeds([row for row in rows if row.experiment == "bayes"])
    if not rows:
        raise ValueError("no rows of bayes; run analysis.theory.bayes first.")
    names = list(dict.fromkeys(row.distribution for row in rows))
    colours = dict(zip(names, seaborn.color_palette("viridis", len(names)), strict=True))
    with paper_style("bayes"):
        figure = Figure(figsize=(9.6, 3.7), layout="constrained")
        axes = figure.subplots(1, 2)
        _panel(axes[0], rows, "latent", colours, math.log(2), "fair coin, log 2")
        known = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
        _panel(axes[1], rows, "observation", colours, known, "marginal of an observation")
        axes[0].set_ylabel("Bayes loss per masked token [nats]")
        headline(axes[0], "Latents", _message(rows, "latent"))
        headline(axes[1], "Observations", _message(rows, "observation"))
        figure.legend(
            *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(names), title="(N, P)"
        )
        return figure


def _message(rows: Sequence[Row], role: Role) -> str:
    """The largest measured share of masked tokens at which the loss is still below 0.01 nats, first and last size."""
    names = list(dict.fromkeys(row.distribution for row in rows))
    texts = []
    for name in dict.fromkeys((names[0], names[-1])):
        below = [r.n_masked or 0 for r in rows if r.distribution == name and r.role == role and r.value < 0.01]
        texts.append(f"{100 * max(below, default=0) / _LENGTH:.0f}% masked at {name.removeprefix('NAE-SAT ')}")
    return "below 0.01 nats to " + ", ".join(texts)


def _panel(
    axes: Axes, rows: Sequence[Row], role: Role, colours: dict[str, tuple[float, float, float]], top: float, text: str
) -> None:
    for name, colour in colours.items():
        line = sorted((r for r in rows if r.distribution == name and r.role == role), key=lambda row: row.n_masked or 0)
        x = [100 * (row.n_masked or 0) / _LENGTH for row in line]
        low, high = [r.interval[0] for r in line], [r.interval[1] for r in line]
        axes.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)
        label = name.removeprefix("NAE-SAT ")
        axes.plot(x, [r.value for r in line], color=colour, marker="o", markersize=3, label=label)
    axes.axhline(top, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
    axes.annotate(
        text, (0.0, top), xycoords=("axes fraction", "data"), xytext=(3, -3), textcoords="offset points", va="top",
        color=GREY, fontsize=7.5,
    )  # fmt: skip
    axes.set_xlabel("masked tokens [% of the sequence]")
    axes.set_ylim(bottom=-0.01)
    axes.grid(axis="y")
