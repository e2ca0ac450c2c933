"""The share of masks in the hard window, and the diagram of revealed latents and degree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.plots.style import BLUE, GREEN, INK, VERMILION, headline, paper_style
from analysis.rows import Row, combine_seeds

_COLOURS = (BLUE, VERMILION)
_MARKERS = {"30": "o", "100": "s"}
_PATHS = (2, 5, 10, 20, 40)
_ARITY = 4  # of 2-in-4, whose diagram it is
_MAP = LinearSegmentedColormap.from_list("difference", ["white", VERMILION])


def draw_window(rows: Sequence[Row], marks: Mapping[str, float]) -> Figure:
    """Window share on sparse designs, on dense ones, and the diagram.

    Args:
        rows: of ``window`` and ``revealed``.
        marks: degrees to mark at the left edge of the diagram, by name.
    Raises:
        ValueError: no rows of one of the two.
    """
    window, revealed = ([row for row in rows if row.experiment == name] for name in ("window", "revealed"))
    if not window or not revealed:
        raise ValueError("no rows of window or none of revealed; run analysis.theory.window first.")
    with paper_style("window"):
        figure = Figure(figsize=(12.6, 4.4), layout="constrained")
        axes = figure.subplots(1, 3, width_ratios=[1, 1, 1.25])
        draw_shares(axes[0], window)
        draw_dense(axes[1], window)
        image = draw_diagram(axes[2], revealed, marks)
        figure.colorbar(image, ax=axes[2], label="overlap, planted minus prior start", shrink=0.85, pad=0.02)
        headline(axes[0], "Masks in the hard window", "share $(c_{KS} - c_{cond}) N / P$, whatever N is")
        headline(axes[1], "Dense design of Prop. 3.3", "$P = N!/(N-k)!$: a vanishing share, $N^{1-k}$")
        headline(axes[2], "2-in-4 with latents revealed", _message(revealed))
        return figure


def draw_shares(axes: Axes, rows: Sequence[Row]) -> None:
    """Drawn share of masks against P / N, with the limit as a line per case."""
    rows = [row for row in rows if row.metric == "window_share" and not row.distribution.startswith("dense ")]
    for colour, case in zip(_COLOURS, _cases(rows), strict=False):
        own = [row for row in rows if _case(row) == case]
        line = sorted({(row.at or 0.0, row.value) for row in own if row.model == "limit"})
        axes.plot(*np.array(line).T, color=colour, lw=1.2, zorder=1, label=f"{case}: limit")
        for n, marker in _MARKERS.items():
            points = [r for r in own if r.model == "drawn" and r.distribution.endswith(f"N = {n}")]
            _points(axes, points, colour, marker, 1.0 if n == "30" else 1.06, f"drawn masks, N = {n}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(_PATHS, [str(p) for p in _PATHS])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("observations per latent, P / N")
    axes.set_ylabel("share of masks in the window")
    axes.grid(axis="y")
    axes.legend(fontsize=7.5, loc="lower left")


def draw_dense(axes: Axes, rows: Sequence[Row]) -> None:
    """Share of the steps of random orders against N, with lines of the slope 1 - k."""
    rows = [row for row in rows if row.distribution.startswith("dense ")]
    for colour, case in zip(_COLOURS, _cases(rows), strict=False):
        own = [row for row in rows if _case(row) == case]
        limit = sorted((_latents(r), r.value) for r in own if r.metric == "window_share" and r.model == "limit")
        axes.plot(*np.array(limit).T, color=colour, lw=1.2, zorder=1)
        steps = sorted((r for r in own if r.metric == "window_steps" and r.model == "drawn"), key=_latents)
        length = np.array([_latents(r) * (1 + (r.at or 0.0)) for r in steps])
        share = np.array([r.value for r in steps]) / length
        half = 1.96 * np.array([r.standard_error for r in steps]) / length
        n = np.array([_latents(r) for r in steps])
        axes.errorbar(n, share, yerr=half, color=colour, linestyle="", marker="o", capsize=2.0)
        axes.annotate(
            case, (n[0], share[0]), xytext=(7, 5), textcoords="offset points", color=colour, fontsize=8,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted({_latents(row) for row in rows})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("latents N")
    axes.set_ylabel("share of reverse steps in the window")
    axes.grid(axis="y")


def draw_diagram(axes: Axes, rows: Sequence[Row], marks: Mapping[str, float]) -> QuadMesh:
    """Difference of the overlaps from the two starts over (revealed share, degree), and the paths of masks."""
    means = {(r.at, r.degree, r.start, r.metric): r.value for r in combine_seeds(rows)}
    shares = sorted({key[0] for key in means if key[0] is not None})
    degrees = sorted({key[1] for key in means if key[1] is not None})

    def gap(metric: str) -> np.ndarray:
        return np.array(
            [[means[s, d, "planted", metric] - means[s, d, "prior", metric] for s in shares] for d in degrees]
        )

    difference, gain = gap("hidden_overlap"), gap("free_entropy_nats")
    image = axes.pcolormesh(
        shares, degrees, difference, cmap=_MAP, vmin=0.0, vmax=0.5, shading="nearest", rasterized=True
    )
    for i, j in np.argwhere((difference > 0.05) & (gain <= 0)):
        axes.plot(shares[j], degrees[i], ".", color=INK, markersize=3.5)
    bottom, top, right = degrees[0] - 0.1, degrees[-1] + 0.1, shares[-1] + 0.01
    for ratio in _PATHS:
        ends = np.array([0.0, right])
        axes.plot(ends, _ARITY * ratio * ends, color=GREEN, lw=1.1)
        if _ARITY * ratio * right > bottom:
            _name_path(axes, ratio, top, right)
    for name, degree in marks.items():
        axes.plot([0.0, 0.006], [degree, degree], color=INK, lw=1.4, clip_on=False)
        axes.annotate(
            f"${name[0]}_{{{name[2:]}}}$", (0.0, degree), xytext=(-4, 0), textcoords="offset points", ha="right",
            va="center", fontsize=8,
        )  # fmt: skip
    axes.text(
        0.98, 0.7, "dots: kept by the\nplanted start, but\nnot determined\n(smaller free entropy)", fontsize=7.5,
        transform=axes.transAxes, ha="right", va="center",
    )  # fmt: skip
    axes.set_xlim(0.0, right)
    axes.set_ylim(bottom, top)
    axes.tick_params(axis="y", pad=26)
    axes.set_xlabel("share of latents revealed")
    axes.set_ylabel("degree of visible constraints")
    return image


def _name_path(axes: Axes, ratio: int, top: float, right: float) -> None:
    """The name of a path, inside the panel where it leaves it."""
    slope = _ARITY * ratio
    at = min(top / slope, right)
    axes.annotate(
        f"P/N = {ratio}", (at, slope * at), xytext=(3, -3) if slope * right > top else (-2, 0),
        textcoords="offset points", ha="left" if slope * right > top else "right", va="top", fontsize=7.5,
        color=GREEN,
    )  # fmt: skip


def _points(axes: Axes, rows: Sequence[Row], colour: str, marker: str, shift: float, label: str) -> None:
    x = np.array([shift * (row.at or 0.0) for row in rows])
    y = np.array([row.value for row in rows])
    spread = np.array([[max(r.value - r.interval[0], 0), max(r.interval[1] - r.value, 0)] for r in rows]).T
    seen = y > 0  # none drawn inside: nothing on a logarithmic axis
    axes.errorbar(
        x[seen], y[seen], yerr=spread[:, seen], color=colour, marker=marker, linestyle="", capsize=2.0, markersize=4,
        elinewidth=1.0, label=label if colour == _COLOURS[0] else None,
    )  # fmt: skip


def _case(row: Row) -> str:
    return row.distribution.removeprefix("dense ").rsplit(", N = ", 1)[0]


def _cases(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(_case(row) for row in rows))


def _latents(row: Row) -> float:
    return float(row.distribution.rsplit("N = ", 1)[1])


def _message(rows: Sequence[Row]) -> str:
    """The largest share of revealed latents with a determined state that the prior's start does not find."""
    means = {(r.at, r.degree, r.start, r.metric): r.value for r in combine_seeds(rows)}
    hard = [
        at or 0.0
        for at, degree, start, metric in means
        if start == "planted"
        and metric == "hidden_overlap"
        and means[at, degree, start, metric] - means[at, degree, "prior", metric] > 0.05
        and means[at, degree, start, "free_entropy_nats"] > means[at, degree, "prior", "free_entropy_nats"]
    ]
    return f"determined but not found: up to {100 * max(hard):g}% revealed" if hard else "found wherever determined"
