"""Nats per token of one model along kinds of orders, and what a sequence's likelihood varies by between orders."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.order_imbalance.along import CLOSER, EXPERIMENT_NAME, IDENTITY, KINDS, NLL, UNIFORM
from analysis.figures.order_imbalance.units import ENTROPY, OVER_IDENTITY, VARIANCE
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import CONTROL, MDM, Rows
from analysis.lab.style import BLUE, GREEN, INK, ORANGE, SMALL, WIDTH, bars, claim, headline, note, paper_style
from analysis.measures.learner import ARM_NATURAL

WORDS = {IDENTITY: "left to right", CLOSER: "closer", UNIFORM: "uniform"}
_LOOKS = {MDM: (BLUE, "o", "masked network"), CONTROL: (GREEN, "D", "exact posterior")}


def draw_imbalance(rows: Rows) -> Figure:
    """A column per text: nats along kinds of orders, and their excess over left to right, paired.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = combine_seeds(rows.of(EXPERIMENT_NAME, "order-imbalance"))
    names = mine.values("distribution")
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(WIDTH, 6.2), layout="constrained")
        grid = figure.subplots(2, len(names), squeeze=False)
        for column, name in enumerate(names):
            here = mine.where(distribution=name)
            above, below = grid[:, column]
            _levels(above, here)
            _differences(below, here)
            headline(above, name, "")
            headline(below, "paired with left to right", _spread(here))
        grid[0, 0].set_ylabel("cost [nats per token]")
        grid[1, 0].set_ylabel("more than left to right\n[nats per token]")
        handles, labels = grid[0, -1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=SMALL)
        claim(figure, _claim(mine))
        return figure


def _axis(axes: Axes) -> None:
    axes.set_xticks(range(len(KINDS)), [WORDS[kind] for kind in KINDS])
    axes.set_xlim(-0.4, len(KINDS) - 0.6)
    axes.grid(axis="y")


def _levels(axes: Axes, rows: Rows) -> None:
    for model, (colour, marker, words) in _LOOKS.items():
        found = [row for kind in KINDS for row in rows.where(metric=NLL, model=model, decoder=kind)]
        if found:
            places = [KINDS.index(row.decoder) for row in found if row.decoder in KINDS]
            axes.errorbar(
                places, [row.value for row in found], yerr=bars(found), color=colour, marker=marker, capsize=2.5,
                label=words,
            )  # fmt: skip
    arm, entropy = rows.get(metric=NLL, model=ARM_NATURAL.name), rows.get(metric=ENTROPY)
    if arm is not None:
        axes.axhline(arm.value, color=ORANGE, linestyle=(0, (6, 2)), label="ARM, equal FLOPs")
    if entropy is not None:
        axes.axhline(entropy.value, color=INK, linewidth=1.0, linestyle=(0, (1, 2)), label="entropy")
    _axis(axes)


def _differences(axes: Axes, rows: Rows) -> None:
    for model, (colour, marker, _) in _LOOKS.items():
        found = [row for kind in KINDS for row in rows.where(metric=OVER_IDENTITY, model=model, decoder=kind)]
        if found:
            places = [KINDS.index(row.decoder) for row in found if row.decoder in KINDS]
            axes.errorbar(
                [0, *places], [0.0, *(row.value for row in found)],
                yerr=np.hstack([np.zeros((2, 1)), bars(found, least=-np.inf)]),
                color=colour, marker=marker, capsize=2.5,
            )  # fmt: skip
    if not axes.lines:
        note(axes, "not measured")
    _axis(axes)


def _spread(rows: Rows) -> str:
    """Standard deviation between uniform orders of one sequence, per model."""
    parts = []
    for model, (_, _, words) in _LOOKS.items():
        row = rows.get(metric=VARIANCE, model=model, decoder=UNIFORM)
        if row is not None:
            parts.append(f"{words}: {np.sqrt(row.value):.3f}")
    return f"one sequence, deviation between uniform orders:\n{', '.join(parts)}" if parts else ""


def _claim(rows: Rows) -> str:
    found = [rows.where(metric=OVER_IDENTITY, model=MDM, decoder=kind) for kind in (CLOSER, UNIFORM)]
    if all(found) and all(c.value > 0 for c in found[0]) and all(u.value > 0 for u in found[1]):
        return "One masked model costs less from left to right than along closer or uniform orders; the truth does not"
    return "One masked model along orders of three kinds, and the exact posterior"
