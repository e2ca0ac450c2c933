"""Impossible, hard, easy: a bar per predicate, its degrees relative to D_cond."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.figures.thresholds.phases import Phases, phases
from analysis.figures.thresholds.predicates import CASES
from analysis.figures.thresholds.units import EXPERIMENT_NAME
from analysis.lab.rows import Rows
from analysis.lab.style import INK, PALE, SKY, VERMILION, WIDTH, paper_style

_LEFT, _RIGHT = 0.75, 2.4
_HALF = 0.33


def draw_phase_thresholds(rows: Rows) -> Figure:
    """Bars sorted by the width of the hard phase, hatched where Gaussian elimination solves the predicate.

    Args:
        rows: of ``thresholds``, of one or more replicas; predicates whose D_cond is unknown are left out.
    Raises:
        ValueError: no row of this experiment.
    """
    found = [phase for phase in phases(rows) if math.isfinite(phase.condensation)]
    found.sort(key=lambda p: (p.kesten_stigum / p.condensation, p.first_moment / p.condensation), reverse=True)
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(WIDTH, 1.5 + 0.27 * len(found)), layout="constrained")
        axes = figure.subplots()
        for height, phase in enumerate(reversed(found)):
            _bar(axes, height, phase)
        axes.set_yticks(range(len(found)), [phase.name for phase in reversed(found)])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-0.6, len(found) + 0.3)
        axes.set_xlim(_LEFT, _RIGHT)
        axes.set_xlabel("degree of visible constraints, relative to the condensation degree D_cond")
        axes.set_title(_message(found), pad=8)
        for place, text in ((1.02, "D_cond"), (1.15, "D_KS")):
            axes.text(place, len(found) - 0.25, text, transform=axes.get_yaxis_transform(), fontsize=9.0, va="center")
        figure.legend(handles=_legend(), loc="outside lower center", ncols=3)
        return figure


def _bar(axes: Axes, height: int, phase: Phases) -> None:
    unit = phase.condensation
    edge = min(phase.kesten_stigum / unit, _RIGHT)
    parts = [
        (_LEFT, 1.0, PALE, ""),
        (1.0, edge, VERMILION, "////" if CASES[phase.name].algebraic else ""),
        (edge, _RIGHT, SKY, ""),
    ]
    for left, right, colour, hatch in parts:
        axes.barh(height, right - left, 2 * _HALF, left, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
    if phase.spinodal is not None:
        low, high = phase.spinodal
        axes.barh(height, (high - low) / unit, 2 * _HALF, low / unit, color=INK, linewidth=0)
    bound = phase.first_moment / unit
    if bound < _RIGHT:
        axes.plot(bound, height, marker="D", color="white", markeredgecolor=INK, markersize=4, linestyle="none")
    for row in (phase.bethe, phase.area):
        if row is not None and math.isfinite(row.standard_error):
            axes.errorbar(row.value / unit, height, xerr=1.96 * row.standard_error / unit, color=INK, elinewidth=0.9)
    threshold = "\N{INFINITY}" if math.isinf(phase.kesten_stigum) else f"{phase.kesten_stigum:.4g}"
    for place, text in ((1.02, _condensation(phase)), (1.15, threshold)):
        axes.text(place, height, text, transform=axes.get_yaxis_transform(), fontsize=9.0, va="center")


def _condensation(phase: Phases) -> str:
    error = phase.condensation_error
    if not error > 0:
        return f"{phase.condensation:.4g}"
    digits = max(0, -math.floor(math.log10(error)))
    return f"{phase.condensation:.{digits}f}({round(error * 10**digits)})"


def _message(found: Sequence[Phases]) -> str:
    hard = sum(phase.kesten_stigum > 1.005 * phase.condensation for phase in found)
    return f"{hard} of {len(found)} predicates have latents that are determined, but not found by local algorithms"


def _legend() -> list[Patch | Line2D]:
    return [
        Patch(color=PALE, label="impossible"),
        Patch(color=VERMILION, label="hard (conjectured)"),
        Patch(color=SKY, label="easy"),
        Line2D([], [], color=INK, linewidth=4, label="D_d: interval"),
        Line2D([], [], color="white", markeredgecolor=INK, marker="D", markersize=4, linestyle="none",
               label="D_1st: first-moment bound"),
        Patch(facecolor=VERMILION, edgecolor="white", hatch="////", label="easy by Gaussian elimination"),
    ]  # fmt: skip
