"""Figure 4: a hash of three latents is learned forwards, a hash of all of them is not."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.plots.style import BLUE, GREY, VERMILION, paper_style
from analysis.rows import Row, combine_seeds

_LOOKS = {"local hash": (BLUE, "o", "hash of 3 latents"), "whole hash": (VERMILION, "s", "hash of all latents")}


def draw_forward_hash(rows: Sequence[Row]) -> Figure:
    """Test loss of the observations, given the latents, against the number of training steps; 95% intervals.

    Raises:
        ValueError: no row of this experiment.
    """
    rows = combine_seeds([row for row in rows if row.experiment == "forward_hash"])
    if not rows:
        raise ValueError("no rows of forward_hash; run analysis.networks.forward_hash first.")
    with paper_style("forward_hash"):
        figure = Figure(figsize=(4.6, 3.2), layout="constrained")
        axes = figure.subplots()
        for name in dict.fromkeys(row.distribution for row in rows):
            _curve(axes, sorted((r for r in rows if r.distribution == name), key=lambda r: r.step or 0), name)
        axes.axhline(math.log(2), color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
        axes.annotate(
            "a coin, log 2", (1.0, math.log(2)), xycoords=("axes fraction", "data"), xytext=(0, 3),
            textcoords="offset points", ha="right", color=GREY, fontsize=8,
        )  # fmt: skip
        axes.set_ylim(-0.02, max([0.8, *(1.05 * row.interval[1] for row in rows if math.isfinite(row.value))]))
        axes.set_xlim(left=0)
        axes.set_xlabel("training steps")
        axes.set_ylabel("nats per observation,\nlatents given")
        axes.set_title(_message(rows))
        axes.grid(axis="y")
        return figure


def _curve(axes: Axes, rows: Sequence[Row], name: str) -> None:
    colour, marker, label = _LOOKS[name]
    steps, values = [row.step or 0 for row in rows], [row.value for row in rows]
    bands = [row.interval for row in rows]
    axes.fill_between(steps, [low for low, _ in bands], [high for _, high in bands], color=colour, alpha=0.2, lw=0)
    axes.plot(steps, values, color=colour, marker=marker, markersize=3.5)
    axes.annotate(
        label, (steps[len(steps) // 2], values[len(values) // 2]), xytext=(0, 7 if values[-1] < 0.4 else -14),
        textcoords="offset points", ha="center", color=colour, fontsize=8.5,
    )  # fmt: skip


def _message(rows: Sequence[Row]) -> str:
    last = {row.distribution: row for row in sorted(rows, key=lambda row: row.step or 0)}
    return ", ".join(f"{name}: {row.value:.3f} nats" for name, row in last.items())
