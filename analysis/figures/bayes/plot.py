"""The floor: Bayes loss per masked token against the share of masked tokens, at the paper's six sizes."""

from __future__ import annotations

import math

import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.bayes.units import EXPERIMENT_NAME, LENGTH
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import Role, Rows
from analysis.lab.style import GREY, SMALL, WIDTH, band, claim, headline, paper_style

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
        figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
        axes = figure.subplots(1, 2)
        _panel(axes[0], means.where(role="latent"), colours, math.log(2), "fair coin, log 2")
        known = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
        _panel(axes[1], means.where(role="observation"), colours, known, "marginal of an observation")
        axes[0].set_ylabel("Bayes loss per masked token [nats]")
        headline(axes[0], "Latents", _message(means, "latent"))
        headline(axes[1], "Observations", _message(means, "observation"))
        axes[0].legend(loc="upper left", bbox_to_anchor=(0.0, 0.9), title="(N, P)", alignment="left")
        claim(figure, _claim(means))
        return figure


def _message(means: Rows, role: Role) -> str:
    """The largest measured share of masked tokens at which the loss is still next to none, first and last size."""
    names = means.values("distribution")
    texts = [
        f"{100 * _known_share(means, name, role):.0f}% masked at {_size(name)}"
        for name in dict.fromkeys((names[0], names[-1]))
    ]
    return f"below {_KNOWN:g} nats\nto " + ", ".join(texts)


def _known_share(means: Rows, name: str, role: Role) -> float:
    """The largest measured share of masked tokens at which the loss is still next to none."""
    below = [row.n_masked or 0 for row in means.where(distribution=name, role=role) if row.value < _KNOWN]
    return max(below, default=0) / LENGTH


def _claim(means: Rows) -> str:
    """Whether the first size, which has most observations per latent, is known from fewer tokens than the last."""
    first, last = means.values("distribution")[0], means.values("distribution")[-1]
    if all(_known_share(means, first, role) > _known_share(means, last, role) for role in ("latent", "observation")):
        return "The floor under every model: with more observations per latent, fewer tokens tell the rest"
    return "The floor under every model: Bayes loss by share of masked tokens"


def _panel(axes: Axes, means: Rows, colours: dict[str, tuple[float, float, float]], top: float, text: str) -> None:
    for name, colour in colours.items():
        line = sorted(means.where(distribution=name), key=lambda row: row.n_masked or 0)
        x = [100 * (row.n_masked or 0) / LENGTH for row in line]
        low, high = band(line)
        axes.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)
        axes.plot(x, [row.value for row in line], color=colour, marker="o", markersize=3, label=_size(name))
    axes.axhline(top, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
    axes.annotate(
        text, (0.0, top), xycoords=("axes fraction", "data"), xytext=(3, -3), textcoords="offset points", va="top",
        color=GREY, fontsize=SMALL,
    )  # fmt: skip
    axes.set_xlabel("masked tokens [% of the sequence]")
    axes.set_ylim(bottom=-0.01)
    axes.grid(axis="y")


def _size(name: str) -> str:
    return name.removeprefix("NAE-SAT ")
