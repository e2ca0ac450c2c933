"""Where phases begin, as bars behind the curves of a panel whose x axis is a degree."""

from __future__ import annotations

import math

from matplotlib.axes import Axes

from analysis.lab.style import GREY, INK, ORANGE, SMALL
from analysis.planted.cases import Case

_HARD = 0.13  # opacity: the curves and the grid stay visible


def mark_phases(axes: Axes, case: Case, factor: float = 1.0, *, label: bool = True, shade: bool = True) -> None:
    """D_KS solid, D_cond dashed, the bracket of D_d as a narrow band; between D_cond and D_KS shaded.

    Call it after the limits of the x axis are set: an infinite D_KS is shaded up to its end.

    Args:
        factor: from the degree of the case's own visible constraints to that on the axis.
        label: write the names beside the lines.
        shade: colour what is possible but not reached by belief propagation from the prior.
    """
    known, ks = case.condensation, case.kesten_stigum
    low, high = axes.get_xlim()
    if known is not None and known.spinodal is not None:
        left, right = (factor * d for d in known.spinodal)
        axes.axvspan(left, max(right, left * 1.004), color=GREY, alpha=0.35, lw=0, zorder=0.5)
        _line(axes, factor * known.degree, "D_cond", (0, (4, 2)), label)
        if label:
            _name(axes, left, "D_d", "right")
        if shade:
            end = min(factor * ks, high) if math.isfinite(ks) else high
            axes.axvspan(factor * known.degree, end, color=ORANGE, alpha=_HARD, lw=0, zorder=0.4)
    if math.isfinite(ks) and ks > 0:
        _line(axes, factor * ks, "D_KS", "-", label)
    axes.set_xlim(low, high)


def _line(axes: Axes, degree: float, name: str, style: object, label: bool) -> None:
    axes.axvline(degree, color=GREY, linewidth=1.0, linestyle=style, zorder=1)
    if label:
        _name(axes, degree, name, "left")


def _name(axes: Axes, degree: float, name: str, side: str) -> None:
    low, high = axes.get_xlim()
    if not low <= degree <= high:  # a text outside would push the axes aside
        return
    axes.annotate(
        name, (degree, 0.99), xycoords=("data", "axes fraction"), xytext=(2 if side == "left" else -2, 0),
        textcoords="offset points", rotation=90, fontsize=SMALL, color=INK, va="top", ha=side, zorder=6,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.4},
    )  # fmt: skip
