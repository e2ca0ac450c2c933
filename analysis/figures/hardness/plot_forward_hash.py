"""Figure 4: a hash of three latents is learned forwards, a hash of all of them is not."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.hardness.forward_hash import COIN, EXPERIMENT_NAME
from analysis.figures.hardness.units import EXPERIMENT_NAME as HARDNESS
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import Row, Rows
from analysis.lab.style import BLUE, GREY, VERMILION, band, paper_style

_LOOKS = {"local hash": (BLUE, "o", "hash of 3 latents"), "whole hash": (VERMILION, "s", "hash of all latents")}


def draw_forward_hash(rows: Rows) -> Figure:
    """Test loss of the observations, given the latents, against the number of training steps; 95% intervals.

    Raises:
        ValueError: no row of this experiment.
    """
    rows = combine_seeds(rows.of(EXPERIMENT_NAME, HARDNESS))
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(8.0, 3.6), layout="constrained")
        axes = figure.subplots()
        curves = {name: sorted(curve, key=lambda row: row.step or 0) for name, curve in rows.by("distribution").items()}
        for name, curve in curves.items():
            _curve(axes, curve, *_LOOKS[name])
        axes.axhline(COIN, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
        axes.annotate(
            "a coin, log 2", (0.0, COIN), xycoords=("axes fraction", "data"), xytext=(3, 3),
            textcoords="offset points", color=GREY, fontsize=9.0,
        )  # fmt: skip
        axes.set_ylim(-0.02, max([0.8, *(1.05 * row.interval[1] for row in rows if math.isfinite(row.value))]))
        axes.set_xlim(left=0)
        axes.set_xlabel("training steps")
        axes.set_ylabel("nats per observation,\nlatents given")
        axes.set_title(", ".join(f"{name}: {curve[-1].value:.3f} nats" for name, curve in curves.items()))
        axes.grid(axis="y")
        return figure


def _curve(axes: Axes, rows: Sequence[Row], colour: str, marker: str, label: str) -> None:
    steps, values = [row.step or 0 for row in rows], [row.value for row in rows]
    axes.fill_between(steps, *band(rows), color=colour, alpha=0.2, lw=0)
    axes.plot(steps, values, color=colour, marker=marker, markersize=3.5)
    axes.annotate(
        label, (steps[len(steps) // 2], values[len(values) // 2]), xytext=(0, 7 if values[-1] < 0.4 else -14),
        textcoords="offset points", ha="center", color=colour, fontsize=9.0,
    )  # fmt: skip
