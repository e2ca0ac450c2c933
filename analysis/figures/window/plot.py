"""The share of masks in the hard window, and the diagram of revealed latents and degree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.figures.window.units import (
    DENSE,
    DRAWN,
    EXPERIMENT_NAME,
    HARD,
    HIDDEN_OVERLAP,
    LIMIT,
    REVEALED,
    SHARE,
    SPARSE,
    SPARSE_LATENTS,
    STEPS,
    coexistence,
    starts_apart,
)
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import Row, Rows
from analysis.lab.style import BLUE, GREEN, INK, SMALL, VERMILION, WIDTH, bars, claim, headline, paper_style
from analysis.planted.cases import CASES

_COLOURS = (BLUE, VERMILION)
_MARKERS = (("o", 1.0), ("s", 1.06))  # of the numbers of latents; the second a little to the right
_PATHS = SPARSE[HARD]
_MAP = LinearSegmentedColormap.from_list("difference", ["white", VERMILION])


def draw_window(rows: Rows) -> Figure:
    """Window share on sparse designs, on dense ones, and the diagram.

    Raises:
        ValueError: no rows of designs, or none with latents revealed.
    """
    designs, revealed = rows.of(EXPERIMENT_NAME), rows.of(REVEALED, EXPERIMENT_NAME)
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(WIDTH, 9.0), layout="constrained")
        panels = figure.subplot_mosaic([["sparse", "dense"], ["diagram", "diagram"]], height_ratios=[1.0, 1.3])
        draw_shares(panels["sparse"], designs)
        draw_dense(panels["dense"], designs)
        image = draw_diagram(panels["diagram"], revealed)
        figure.colorbar(image, ax=panels["diagram"], label="overlap, planted minus prior start", shrink=0.85, pad=0.02)
        headline(panels["sparse"], "Masks in the hard window", "share $(c_{KS} - c_{cond}) N / P$, whatever N is")
        headline(panels["dense"], "Dense design of Prop. 3.3", "$P = N!/(N-k)!$: a vanishing share, $N^{1-k}$")
        headline(panels["diagram"], "2-in-4 with latents revealed", _message(revealed))
        claim(figure, "How often a mask meets the hard window, and how revealed latents close it")
        return figure


def draw_shares(axes: Axes, rows: Rows) -> None:
    """Drawn share of masks against P / N, with the limit as a line per case."""
    designs = _by_case(rows.where(metric=SHARE), dense=False)
    for colour, (case, own) in zip(_COLOURS, designs.items(), strict=False):
        line = sorted({(row.at or 0.0, row.value) for row in own.where(model=LIMIT)})
        axes.plot(*np.array(line).T, color=colour, lw=1.2, zorder=1, label=f"{case}: limit")
        for n, (marker, shift) in zip(SPARSE_LATENTS, _MARKERS, strict=True):
            points = [row for row in own.where(model=DRAWN) if _latents(row) == n]
            _points(axes, points, colour, marker, shift, f"drawn masks, N = {n}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(_PATHS, [f"{ratio:g}" for ratio in _PATHS])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("observations per latent, P / N")
    axes.set_ylabel("share of masks in the window")
    axes.grid(axis="y")
    axes.legend(fontsize=SMALL, loc="lower left")


def draw_dense(axes: Axes, rows: Rows) -> None:
    """Share of the steps of random orders against N, with lines of the slope 1 - k."""
    designs = _by_case(rows, dense=True)
    for colour, (case, own) in zip(_COLOURS, designs.items(), strict=False):
        limit = sorted((_latents(row), row.value) for row in own.where(metric=SHARE, model=LIMIT))
        axes.plot(*np.array(limit).T, color=colour, lw=1.2, zorder=1)
        steps = sorted(own.where(metric=STEPS, model=DRAWN), key=_latents)
        n = np.array([_latents(row) for row in steps])
        length = np.array([_latents(row) * (1 + (row.at or 0.0)) for row in steps])
        share = np.array([row.value for row in steps]) / length
        half = 1.96 * np.array([row.standard_error for row in steps]) / length
        axes.errorbar(n, share, yerr=half, color=colour, linestyle="", marker="o", capsize=2.0)
        axes.annotate(case, (n[0], share[0]), xytext=(7, 5), textcoords="offset points", color=colour, fontsize=9.0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted({_latents(row) for own in designs.values() for row in own})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("latents N")
    axes.set_ylabel("share of reverse steps in the window")
    axes.set_ylim(top=1.7 * axes.dataLim.y1)
    axes.grid(axis="y")


def draw_diagram(axes: Axes, rows: Rows) -> QuadMesh:
    """Difference of the overlaps from the two starts over (revealed share, degree), and the paths of masks."""
    means = combine_seeds(rows)
    shares, degrees = sorted(means.by("at")), sorted(means.by("degree"))
    image = axes.pcolormesh(
        shares, degrees, _differences(means), cmap=_MAP, vmin=0.0, vmax=0.5, shading="nearest", rasterized=True
    )
    kept = [(d, share) for share, found in coexistence(rows).items() for d, determined in found if not determined]
    for degree, share in sorted(kept):
        axes.plot(share, degree, ".", color=INK, markersize=3.5)
    bottom, top, right = degrees[0] - 0.1, degrees[-1] + 0.1, shares[-1] + 0.01
    for ratio in _PATHS:
        slope, ends = CASES[HARD].arity * ratio, np.array([0.0, right])
        axes.plot(ends, slope * ends, color=GREEN, lw=1.1)
        if slope * right > bottom:
            _name_path(axes, ratio, slope, top, right)
    for name, degree in _marks().items():
        axes.plot([0.0, 0.006], [degree, degree], color=INK, lw=1.4, clip_on=False)
        axes.annotate(
            f"$D_{{{name}}}$", (0.0, degree), xytext=(-4, 0), textcoords="offset points", ha="right", va="center",
            fontsize=9.0,
        )  # fmt: skip
    axes.text(
        0.98, 0.2, "dots: kept by the\nplanted start, but\nnot determined\n(smaller free entropy)", fontsize=9.0,
        transform=axes.transAxes, ha="right", va="center",
    )  # fmt: skip
    axes.set_xlim(0.0, right)
    axes.set_ylim(bottom, top)
    axes.tick_params(axis="y", pad=26)
    axes.set_xlabel("share of latents revealed")
    axes.set_ylabel("degree of visible constraints")
    return image


def _differences(means: Rows) -> Float64[np.ndarray, "degrees shares"]:
    """Overlap of the planted start minus that of the prior's, by ascending degree and share."""
    lines = [line for _, line in sorted(means.where(metric=HIDDEN_OVERLAP).by("degree").items())]
    return np.array(
        [[starts_apart(ends, HIDDEN_OVERLAP) for _, ends in sorted(line.by("at").items())] for line in lines]
    )


def _marks() -> dict[str, float]:
    """Degrees of the hard case with no latent revealed."""
    case = CASES[HARD]
    assert case.condensation is not None
    assert case.condensation.spinodal is not None
    return {"d": sum(case.condensation.spinodal) / 2, "cond": case.condensation.degree, "KS": case.kesten_stigum}


def _name_path(axes: Axes, ratio: float, slope: float, top: float, right: float) -> None:
    """The name of a path, inside the panel where it leaves it."""
    at = min(top / slope, right)
    inside = slope * right < top
    axes.annotate(
        f"P/N = {ratio:g}", (at, slope * at), xytext=(-8, 6) if inside else (4, -4), textcoords="offset points",
        ha="right" if inside else "left", va="bottom" if inside else "top", fontsize=9.0, color=GREEN,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8},
    )  # fmt: skip


def _points(axes: Axes, rows: Sequence[Row], colour: str, marker: str, shift: float, label: str) -> None:
    x = np.array([shift * (row.at or 0.0) for row in rows])
    y = np.array([row.value for row in rows])
    seen = y > 0  # none drawn inside: nothing on a logarithmic axis
    axes.errorbar(
        x[seen], y[seen], yerr=bars(rows)[:, seen], color=colour, marker=marker, linestyle="", capsize=2.0,
        markersize=4, elinewidth=1.0, label=label if colour == _COLOURS[0] else None,
    )  # fmt: skip


def _by_case(rows: Rows, *, dense: bool) -> dict[str, Rows]:
    """Rows of the dense designs, or of the others, by case."""
    found: dict[str, Rows] = {}
    for name, own in rows.by("distribution").items():
        if name.startswith(DENSE) == dense:
            case = name.removeprefix(DENSE).rsplit(", N = ", 1)[0]
            found[case] = Rows([*found.get(case, ()), *own])
    return found


def _latents(row: Row) -> float:
    return float(row.distribution.rsplit("N = ", 1)[1])


def _message(rows: Rows) -> str:
    """The largest share of revealed latents with a determined state that the prior's start does not find."""
    hard = [share for share, found in coexistence(rows).items() if any(determined for _, determined in found)]
    return f"determined but not found: up to {100 * max(hard):g}% revealed" if hard else "found wherever determined"
