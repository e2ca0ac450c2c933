"""Cost of three attacks against the number of hidden latents, and how fast each grows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from analysis.plots.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILION, headline, note, paper_style
from analysis.rows import Row

_COLOURS = (VERMILION, BLUE, GREEN, ORANGE, PURPLE, SKY)
_PANELS = (
    ("exhaustive search", "hash evaluations", "Keyed hash: exhaustive search"),
    ("pooled Gauss", "trials", "Noisy parity: pooled Gauss"),
    ("SAT solver", "conflicts", "Planted constraints: SAT solver"),
)


def draw_inversion(rows: Sequence[Row]) -> Figure:
    """A panel per attack (cost on a logarithmic axis), and one of the fitted bits per latent beside the known ones.

    Raises:
        ValueError: no row of this experiment.
    """
    rows = [row for row in rows if row.experiment == "inversion"]
    if not rows:
        raise ValueError("no rows of inversion; run analysis.theory.inversion first.")
    with paper_style("inversion"):
        figure = Figure(figsize=(10.4, 7.4), layout="constrained")
        axes = figure.subplots(2, 2).ravel()
        for panel, (method, unit, title) in zip(axes[:3], _PANELS, strict=True):
            part = [row for row in rows if row.model == method]
            draw_costs(panel, part, unit)
            headline(panel, title, _message(part, unit))
        draw_slopes(axes[3], rows)
        headline(axes[3], "Cost per hidden latent", "what is known lies in the intervals" if _all_met(rows) else "")
        return figure


def draw_costs(axes: Axes, rows: Sequence[Row], unit: str) -> None:
    """Typical cost of one attack against hidden latents; known laws as lines, fits where none is known."""
    if not rows:
        note(axes, "not measured")
        return
    for number, name in enumerate(_families(rows)):
        colour = _COLOURS[number % len(_COLOURS)]
        own = [row for row in rows if _family(row.distribution) == name]
        for subject in dict.fromkeys(row.distribution for row in own):
            sparse = "sparse" in subject
            label = name if subject == own[0].distribution else None
            _series(axes, [r for r in own if r.distribution == subject], unit, colour, sparse, label)
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_locator(LogLocator(base=2, numticks=8))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("hidden latents N")
    axes.set_ylabel(f"{unit} until solved")
    axes.grid(axis="y")
    if len(_families(rows)) > 1:
        left, right = axes.get_xlim()
        axes.set_xlim(left, right + 0.14 * (right - left))  # for the names at the ends of the curves
    if any("sparse" in row.distribution for row in rows):
        axes.plot([], [], "o", color=GREY, label="dense")
        axes.plot([], [], "D", color=GREY, markerfacecolor="white", label="3-sparse")
        axes.plot([], [], color=GREY, lw=1.0, label="$(1-\\eta)^{-N}$")
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.12), fontsize=8)


def _series(axes: Axes, rows: Sequence[Row], unit: str, colour: str, sparse: bool, label: str | None) -> None:
    points = sorted((r for r in rows if r.metric == unit), key=lambda r: r.latents_masked or 0)
    solved = {r.latents_masked: r.value for r in rows if r.metric == "solved_share"}
    x = np.array([r.latents_masked or 0 for r in points], dtype=float)
    y = np.array([r.value for r in points])
    spread = np.array([[max(r.value - r.interval[0], 0), max(r.interval[1] - r.value, 0)] for r in points]).T
    face = "white" if sparse else colour
    axes.errorbar(
        x, y, yerr=spread, color=colour, linestyle="", marker="D" if sparse else "o", markersize=4.5, capsize=2.0,
        elinewidth=1.0, markerfacecolor=face,
    )  # fmt: skip
    if label is not None and len(x) and points[0].model != "exhaustive search":
        axes.annotate(
            label, (x[-1], y[-1]), xytext=(7, 0), textcoords="offset points", color=colour, fontsize=8, va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}, zorder=5,
        )  # fmt: skip
    bound = np.array([solved[r.latents_masked] < 0.75 for r in points])
    axes.plot(x[bound], 1.25 * y[bound], "^", color=colour, markersize=5)
    known = next((r.value for r in rows if r.metric == "known_bits_per_latent"), None)
    if known is not None:
        half = 0.5 if points[0].model == "exhaustive search" else 1.0
        axes.plot(x, half * 2.0 ** (known * x), color=colour, lw=1.0, zorder=1)
        return
    fit = {r.metric: r.value for r in rows if r.swept == unit}
    if not fit:  # too few sizes were solved
        return
    line = 2.0 ** (fit["log2_cost_at_0"] + fit["bits_per_latent"] * x)
    axes.plot(x, line, color=colour, lw=1.0, linestyle=(0, (4, 2)), zorder=1)


def draw_slopes(axes: Axes, rows: Sequence[Row]) -> None:
    """Fitted bits per latent with 95% intervals, and the known value as a bar across where there is one."""
    units = {unit for _, unit, _ in _PANELS}
    slopes = [r for r in rows if r.metric == "bits_per_latent" and r.swept in units]
    known = {r.distribution: r.value for r in rows if r.metric == "known_bits_per_latent"}
    slopes = [r for r in slopes if known.get(r.distribution) != 0.0]  # no noise: one trial, nothing to show
    if not slopes:
        note(axes, "too few sizes solved for a fit")
        return
    for y, row in enumerate(slopes):
        low, high = row.interval
        axes.plot([low, high], [y, y], color=BLUE, linewidth=2.0, alpha=0.6, solid_capstyle="butt")
        axes.plot(row.value, y, "o", color=BLUE, markersize=5, label="fitted, 95% interval" if y == 0 else None)
        if row.distribution in known:
            axes.plot(
                known[row.distribution],
                y,
                "|",
                color=INK,
                markersize=13,
                markeredgewidth=1.6,
                label="known" if y == 0 else None,
            )
        axes.annotate(
            f"{row.value:.3f}", (high, y), xytext=(6, 0), textcoords="offset points", va="center", fontsize=7.5
        )
    axes.set_yticks(range(len(slopes)), [row.distribution for row in slopes])
    axes.set_ylim(len(slopes) - 0.4, -0.6)
    axes.set_xscale("log", base=2)
    ticks = [2.0**-e for e in range(7, -1, -1)]
    axes.set_xticks(ticks, [f"1/{round(1 / tick)}" if tick < 1 else "1" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(0.006, 2.2)
    axes.set_xlabel("bits per hidden latent (1 doubles the cost)")
    axes.legend(loc="lower right", fontsize=7.5)
    axes.grid(axis="x")


def _families(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(_family(row.distribution) for row in rows))


def _family(subject: str) -> str:
    """Dense and sparse parities of one noise rate share a colour."""
    return subject.split(", ")[1] if " parity, " in subject else subject


def _message(rows: Sequence[Row], unit: str) -> str:
    slopes = [r for r in rows if r.metric == "bits_per_latent" and r.swept == unit]
    known = {r.distribution: r.value for r in rows if r.metric == "known_bits_per_latent"}
    if not slopes:
        return ""
    if len(slopes) == 1:
        return f"{slopes[0].value:.3f} bits per hidden latent, known {known[slopes[0].distribution]:g}"
    if known:
        worst = max(abs(r.value - known[r.distribution]) for r in slopes)
        return f"slopes within {worst:.3f} bits of $-\\log_2(1-\\eta)$"
    ends = sorted(slopes, key=lambda r: r.value)
    low, high = (f"{row.value:.3f} ({row.distribution})" for row in (ends[0], ends[-1]))
    return f"{low} to {high} bits per latent"


def _all_met(rows: Sequence[Row]) -> bool:
    known = {r.distribution: r.value for r in rows if r.metric == "known_bits_per_latent"}
    slopes = [r for r in rows if r.metric == "bits_per_latent" and r.distribution in known]
    return all(r.interval[0] - 1e-9 <= known[r.distribution] <= r.interval[1] + 1e-9 for r in slopes)
