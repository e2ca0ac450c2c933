"""The computational gap: two losses with the area between them shaded, and that area against the free entropy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.figures.gap.identity import Identity, Measured, identity
from analysis.figures.gap.units import EXPERIMENT_NAME, interval
from analysis.lab.rows import Rows
from analysis.lab.style import BLUE, GREEN, GREY, INK, ORANGE, SMALL, VERMILION, WIDTH, claim, headline, paper_style
from analysis.planted.cases import CASES
from analysis.planted.curve import OBSERVATION
from analysis.planted.phase_marks import mark_phases

_LOOKS = {
    "random": (VERMILION, "o", "random start: reached (mean; pale: single instances)"),
    "planted": (BLUE, "s", "planted start: Bayes above D_cond"),
}
_PANELS = ("2-in-4", "NAE-3, m = 3, satisfied", "NAE-3")
_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_MARKERS = "osD^vP"
_SIGMAS = 3.0  # errors apart within which two numbers pass for one


def draw_gap(rows: Rows, count: int) -> Figure:
    """Two hard cases and the control as curves, and all cases as points beside the diagonal.

    Args:
        rows: of ``gap``.
        count: nodes of the quadrature, as in :func:`~analysis.figures.gap.units.nodes`.
    Raises:
        ValueError: no row of this experiment, or too few seeds.
    """
    mine = rows.of(EXPERIMENT_NAME)
    sides = {name: identity(mine, name, count) for name in mine.values("distribution")}
    losses = mine.where(metric=OBSERVATION, start=set(_LOOKS))
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(WIDTH, 8.0), layout="constrained")
        axes = figure.subplots(2, 2).ravel()
        for panel, name in zip(axes, _PANELS, strict=False):
            if name in sides:
                _curves(panel, losses.where(distribution=name), sides[name])
        _diagonal(axes[3], list(sides.values()))
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        agree = all(abs(side.z) < _SIGMAS for side in sides.values())
        said = "is the free entropy at D_KS" if agree else "and the free entropy at D_KS"
        claim(figure, f"What is possible but not reached, as an area between two losses, {said}")
        return figure


def _curves(axes: Axes, rows: Rows, side: Identity) -> None:
    """Every instance as a pale point, means as lines: a mean of instances solved and not solved has no normal error."""
    lines = {}
    for start, (colour, marker, label) in _LOOKS.items():
        mine = rows.where(start=start)
        size, layer = (6.5, 3) if start == "planted" else (4.0, 4)  # where the two coincide both stay visible
        axes.plot(
            [r.degree or 0.0 for r in mine], [r.value for r in mine], marker, color=colour, alpha=0.35, ms=size, mew=0
        )
        groups = sorted(mine.by("degree").items())
        lines[start] = [degree for degree, _ in groups], [float(np.mean([r.value for r in each])) for _, each in groups]
        axes.plot(*lines[start], color=colour, marker=marker, markersize=size, label=label, zorder=layer)
    case = CASES[side.case]
    x = np.linspace(*interval(case), 200)
    top, bottom = (np.interp(x, *lines[start]) for start in _LOOKS)
    axes.fill_between(x, bottom, top, color=ORANGE, alpha=0.35, lw=0, label="area: the gap")
    axes.set_ylim(-0.04 * axes.get_ylim()[1], 1.22 * axes.get_ylim()[1])
    _solved(axes, rows)
    mark_phases(axes, case, shade=False)
    axes.set_xlabel("degree k P / N of the visible constraints")
    axes.set_ylabel("loss of a fresh observation [nats]")
    axes.grid(axis="y")
    headline(
        axes, side.case, f"ideal area {_short(side.ideal_area)}, phi(D_KS) {_short(side.free_entropy)} nats per latent"
    )


def _solved(axes: Axes, rows: Rows) -> None:
    """Where only some of the instances were solved: how many. It is there that their mean jumps up and down."""
    ignorant = max(row.value for row in rows)
    for degree, each in sorted(rows.where(start="random").by("degree").items()):
        known = float(np.mean([row.value for row in rows.where(start="planted", degree=degree)]))
        found = sum(row.value < 0.5 * (known + ignorant) for row in each)
        if known < 0.5 * ignorant and 0 < found < len(each):
            low, high = axes.get_xlim()
            left = degree > low + 0.85 * (high - low)
            axes.annotate(
                f"{found} of {len(each)}\nsolved", (degree, float(np.mean([row.value for row in each]))),
                xytext=(-6 if left else 6, 4), textcoords="offset points", fontsize=SMALL, color=VERMILION, va="bottom",
                ha="right" if left else "left", linespacing=1.0, zorder=6,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5},
            )  # fmt: skip


def _diagonal(axes: Axes, sides: Sequence[Identity]) -> None:
    shown = [side for side in sides if side.free_entropy.value > 0.005]
    for side, marker in zip(shown, _MARKERS, strict=False):
        x, error = side.free_entropy.value, side.free_entropy.half_width
        for area, colour, size, label in (
            (side.area, GREY, 4.0, None),
            (side.ideal_area, GREEN, 6.5, side.case),
        ):
            below, above = min(area.half_width, area.value), area.half_width
            axes.errorbar(
                x, area.value, xerr=error, yerr=[[below], [above]], color=colour, marker=marker, markersize=size,
                capsize=2.0, elinewidth=1.0, linestyle="", label=label,
            )  # fmt: skip
    ends = (0.015, 1.1)
    axes.plot(ends, ends, color=INK, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    for axis, scale, limits in (
        (axes.xaxis, axes.set_xscale, axes.set_xlim),
        (axes.yaxis, axes.set_yscale, axes.set_ylim),
    ):
        scale("log")
        limits(*ends)
        axis.set_ticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
        axis.set_minor_locator(NullLocator())
    axes.set_xlabel("phi(D_KS) [nats per latent]")
    axes.set_ylabel("area, D_cond to D_KS [nats per latent]")
    axes.legend(loc="upper left")
    axes.text(0.98, 0.03, "grey: random start as measured\ngreen: ignorant up to D_KS", transform=axes.transAxes,
              ha="right", fontsize=SMALL, color=GREY)  # fmt: skip
    axes.grid()
    hidden = ", ".join(
        f"{s.case}: {_short(s.ideal_area)} and {_short(s.free_entropy)}" for s in sides if s not in shown
    )
    worst = max(abs(side.z) for side in sides)
    headline(axes, "All cases", f"largest |z| {worst:.1f}" + (f"; off the scale, {hidden}" if hidden else ""))


def _short(measured: Measured) -> str:
    return f"{measured.value + 0.0:.3f}"
