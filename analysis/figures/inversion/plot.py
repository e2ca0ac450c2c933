"""Cost of three attacks against the number of hidden latents, and how fast each grows."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from analysis.figures.inversion.attacks import HashAttack, ParityAttack, SatAttack
from analysis.figures.inversion.units import BITS, EXPERIMENT_NAME, INTERCEPT, SOLVED, known_bits
from analysis.lab.rows import Rows
from analysis.lab.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    VERMILION,
    WIDTH,
    bars,
    claim,
    headline,
    note,
    paper_style,
)
from lo_theory.attacks.hash_search import EVALUATIONS
from lo_theory.attacks.inversion import MIN_SOLVED
from lo_theory.attacks.noisy_parity import TRIALS
from lo_theory.attacks.planted_sat import CONFLICTS

_COLOURS = (VERMILION, BLUE, GREEN, ORANGE, PURPLE, SKY)
_PANELS = (
    (HashAttack.method, EVALUATIONS, "Keyed hash: exhaustive search"),
    (ParityAttack.method, TRIALS, "Noisy parity: pooled Gauss"),
    (SatAttack.method, CONFLICTS, "Planted constraints: SAT solver"),
)


def draw_inversion(rows: Rows) -> Figure:
    """A panel per attack (cost on a logarithmic axis), and one of the fitted bits per latent beside the known ones.

    Raises:
        ValueError: no row of this experiment.
    """
    rows = rows.of(EXPERIMENT_NAME)
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(WIDTH, 7.8), layout="constrained")
        axes = figure.subplots(2, 2).ravel()
        for panel, (method, unit, title) in zip(axes[:3], _PANELS, strict=True):
            part = rows.where(model=method)
            _costs(panel, part, unit)
            headline(panel, title, _message(part, unit))
        _slopes(axes[3], rows)
        headline(axes[3], "Cost per hidden latent", "what is known lies in the intervals" if _all_met(rows) else "")
        claim(figure, "How fast the cost of finding hidden latents grows, attack by attack")
        return figure


def _costs(axes: Axes, rows: Rows, unit: str) -> None:
    """Typical cost of one attack against hidden latents; known laws as lines, fits where none is known."""
    if not rows:
        note(axes, "not measured")
        return
    families: dict[str, dict[str, Rows]] = {}
    for subject, own in rows.by("distribution").items():
        families.setdefault(_family(subject), {})[subject] = own
    for colour, (family, subjects) in zip(itertools.cycle(_COLOURS), families.items(), strict=False):
        for number, (subject, own) in enumerate(subjects.items()):
            _series(axes, own, unit, colour, "sparse" in subject, family if number == 0 else None)
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_locator(LogLocator(base=2, numticks=8))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("hidden latents N")
    axes.set_ylabel(f"{unit} until solved")
    axes.grid(axis="y")
    if len(families) > 1:
        left, right = axes.get_xlim()
        axes.set_xlim(left, right + 0.14 * (right - left))  # for the names at the ends of the curves
    if any("sparse" in subject for subject in rows.values("distribution")):
        axes.plot([], [], "o", color=GREY, label="dense")
        axes.plot([], [], "D", color=GREY, markerfacecolor="white", label="3-sparse")
        axes.plot([], [], color=GREY, lw=1.0, label="$(1-\\eta)^{-N}$")
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.12))


def _series(axes: Axes, rows: Rows, unit: str, colour: str, sparse: bool, label: str | None) -> None:
    points = sorted(rows.where(metric=unit), key=lambda row: row.latents_masked or 0)
    solved = {row.latents_masked: row.value for row in rows.where(metric=SOLVED)}
    search = rows[0].model == HashAttack.method
    x = np.array([r.latents_masked or 0 for r in points], dtype=float)
    y = np.array([r.value for r in points])
    axes.errorbar(
        x, y, yerr=bars(points), color=colour, linestyle="", marker="D" if sparse else "o", markersize=4.5, capsize=2.0,
        elinewidth=1.0, markerfacecolor="white" if sparse else colour,
    )  # fmt: skip
    if label is not None and len(x) and not search:
        axes.annotate(
            label, (x[-1], y[-1]), xytext=(7, 0), textcoords="offset points", color=colour, fontsize=9.0, va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}, zorder=5,
        )  # fmt: skip
    bound = np.array([solved[r.latents_masked] < MIN_SOLVED for r in points])
    axes.plot(x[bound], 1.25 * y[bound], "^", color=colour, markersize=5)
    known = known_bits(rows).get(rows[0].distribution)
    if known is not None:
        axes.plot(x, (0.5 if search else 1.0) * 2.0 ** (known * x), color=colour, lw=1.0, zorder=1)
        return
    fit = {row.metric: row.value for row in rows.where(swept=unit)}
    if not fit:  # too few sizes were solved
        return
    line = 2.0 ** (fit[INTERCEPT] + fit[BITS] * x)
    axes.plot(x, line, color=colour, lw=1.0, linestyle=(0, (4, 2)), zorder=1)


def _slopes(axes: Axes, rows: Rows) -> None:
    """Fitted bits per latent with 95% intervals, and the known value as a bar across where there is one."""
    known = known_bits(rows)
    slopes = rows.where(metric=BITS, swept=[unit for _, unit, _ in _PANELS])
    slopes = [row for row in slopes if known.get(row.distribution) != 0.0]  # no noise: one trial, nothing to show
    if not slopes:
        note(axes, "too few sizes solved for a fit")
        return
    for y, row in enumerate(slopes):
        low, high = row.interval
        axes.plot([low, high], [y, y], color=BLUE, linewidth=2.0, alpha=0.6, solid_capstyle="butt")
        axes.plot(row.value, y, "o", color=BLUE, markersize=5, label="fitted, 95% interval" if y == 0 else None)
        if row.distribution in known:
            axes.plot(
                known[row.distribution], y, "|", color=INK, markersize=13, markeredgewidth=1.6,
                label="known" if y == 0 else None,
            )  # fmt: skip
        axes.annotate(
            f"{row.value:.3f}", (high, y), xytext=(6, 0), textcoords="offset points", va="center", fontsize=SMALL
        )
    axes.set_yticks(range(len(slopes)), [row.distribution for row in slopes])
    axes.set_ylim(len(slopes) - 0.4, -0.6)
    axes.set_xscale("log", base=2)
    ticks = [2.0**-e for e in range(7, -1, -1)]
    axes.set_xticks(ticks, [f"1/{round(1 / tick)}" if tick < 1 else "1" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(0.006, 2.2)
    axes.set_xlabel("bits per hidden latent (1 doubles the cost)")
    axes.legend(loc="lower right", labelspacing=1.1)
    axes.grid(axis="x")


def _family(subject: str) -> str:
    """Dense and sparse parities of one noise rate share a colour."""
    return subject.split(", ")[1] if " parity, " in subject else subject


def _message(rows: Rows, unit: str) -> str:
    slopes, known = rows.where(metric=BITS, swept=unit), known_bits(rows)
    if not slopes:
        return ""
    if len(slopes) == 1:
        return f"{slopes[0].value:.3f} bits per hidden latent, known {known[slopes[0].distribution]:g}"
    if known:
        worst = max(abs(row.value - known[row.distribution]) for row in slopes)
        return f"slopes within {worst:.3f} bits of $-\\log_2(1-\\eta)$"
    ends = sorted(slopes, key=lambda row: row.value)
    low, high = (f"{row.value:.3f} ({row.distribution})" for row in (ends[0], ends[-1]))
    return f"{low} to {high} bits per latent"


def _all_met(rows: Rows) -> bool:
    known = known_bits(rows)
    slopes = rows.where(metric=BITS, distribution=list(known))
    return all(row.interval[0] - 1e-9 <= known[row.distribution] <= row.interval[1] + 1e-9 for row in slopes)
