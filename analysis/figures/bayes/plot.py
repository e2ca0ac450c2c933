"""The floor: Bayes loss per masked token against the share of masked tokens, at the paper's six sizes."""

from __future__ import annotations

import math

import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.bayes.units import EXPERIMENT_NAME, LENGTH
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import Role, Rows
from analysis.lab.style import GREY, headline, paper_style

_KNOWN = 0.01  # nats: a loss below it passes for none


def draw_bayes(rows: Rows) -> Figure:
    """Two panels, latents and observations; a curve per size with its 95% band.

    Raises:
        ValueError: no row of this experiment.
    """
    means = combine_seeds(rows.of(EXPERIMENT_NAME))
    names = means.values("distribution")
    colours = dict(zip(names, seaborn.color_palette("viridis", len(names)), strict=True))
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(9.6, 3.7), layout="constrained")
        axes = figure.subplots(1, 2)
        _panel(axes[0], means.where(role="latent"), colours, math.log(2), "fair coin, log 2")
        known = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
        _panel(axes[1], means.where(role="observation"), colours, known, "marginal of an observation")
        axes[0].set_ylabel("Bayes loss per masked token [nats]")
        headline(axes[0], "Latents", _message(means, "latent"))
        headline(axes[1], "Observations", _message(means, "observation"))
        figure.legend(
            *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(names), title="(N, P)"
        )
        return figure


def _message(means: Rows, role: Role) -> str:
    """The largest measured share of masked tokens at which the loss is still next to none, first and last size."""
    names = means.values("distribution")
    texts = []
    for name in dict.fromkeys((names[0], names[-1])):
        below = [row.n_masked or 0 for row in means.where(distribution=name, role=role) if row.value < _KNOWN]
        texts.append(f"{100 * max(below, default=0) / LENGTH:.0f}% masked at {_size(name)}")
    return f"below {_KNOWN:g} nats to " + ", ".join(texts)


def _panel(axes: Axes, means: Rows, colours: dict[str, tuple[float, float, float]], top: float, text: str) -> None:
    for name, colour in colours.items():
        line = sorted(means.where(distribution=name), key=lambda row: row.n_masked or 0)
        x = [100 * (row.n_masked or 0) / LENGTH for row in line]
        low, high = zip(*(row.interval for row in line), strict=True)
        axes.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)
        axes.plot(x, [row.value for row in line], color=colour, marker="o", markersize=3, label=_size(name))
    axes.axhline(top, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
    axes.annotate(
        text, (0.0, top), xycoords=("axes fraction", "data"), xytext=(3, -3), textcoords="offset points", va="top",
        color=GREY, fontsize=7.5,
    )  # fmt: skip
    axes.set_xlabel("masked tokens [% of the sequence]")
    axes.set_ylim(bottom=-0.01)
    axes.grid(axis="y")


def _size(name: str) -> str:
    return name.removeprefix("NAE-SAT ")
