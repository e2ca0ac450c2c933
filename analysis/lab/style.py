"""How every figure looks, and how it is written to disk."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import offset_copy

from analysis.lab.report import SavedFigure
from analysis.lab.rows import Row
from generators.ground.storage import write_atomic

# Okabe and Ito's palette: told apart with any common colour blindness, and in order of lightness on grey paper.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
INK, GREY, PALE = "#222222", "#767676", "#D9D9D9"

DPI = 200
WIDTH = 10.0
"""Inches of a figure as wide as a page: at 800 pixels its smallest letters are still nine high."""
SMALL = 8.5
"""Points of the smallest letters."""

_METADATA: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}

_RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#E8E8E8",
    "grid.linewidth": 0.7,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.0,
    "figure.facecolor": "white",
    "savefig.dpi": DPI,
    "svg.fonttype": "path",
    "text.color": INK,
}


@contextmanager
def paper_style(salt: str = "lo-theory") -> Iterator[None]:
    """Matplotlib's settings for the duration of a drawing; the caller's are back afterwards.

    Args:
        salt: fixes the identifiers inside an SVG, so that equal rows give equal files.
    """
    with matplotlib.rc_context(cast(Any, _RC | {"svg.hashsalt": salt})):
        yield


def save_figure(figure: Figure, directory: Path, name: str) -> SavedFigure:
    """Write ``name.png`` (200 dots per inch) and ``name.svg``, each atomically and without a date inside."""
    saved = SavedFigure(Path(directory) / f"{name}.png", Path(directory) / f"{name}.svg")
    write_atomic(saved.png, render(figure, "png", name))
    write_atomic(saved.svg, render(figure, "svg", name))
    return saved


def render(figure: Figure, kind: Literal["png", "svg"], name: str, dpi: int = DPI) -> bytes:
    """The file of a figure, without a date inside; equal figures of one name give equal files."""
    buffer = io.BytesIO()
    with paper_style(name):
        figure.savefig(buffer, format=kind, metadata=_METADATA[kind], dpi=dpi, bbox_inches="tight", pad_inches=0.08)
    return buffer.getvalue()


def claim(figure: Figure, text: str) -> None:
    """What a figure shows, in a sentence above all panels."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=11.5, fontweight="bold")


def headline(axes: Axes, name: str, message: str, lift: float = 4.0) -> None:
    """What a panel shows, in bold, and below it what its rows say, ``lift`` points above the axes."""
    axes.set_title(name, pad=lift + (13.0 * (message.count("\n") + 1) if message else 0.0))
    axes.annotate(
        message, (0.0, 1.0), xycoords="axes fraction", xytext=(0, lift), textcoords="offset points", ha="left",
        va="bottom", fontsize=9.0, color=INK, linespacing=1.25,
    )  # fmt: skip


@dataclass(frozen=True)
class LineName:
    """The name of a line and the point of it that the name stands beside, in the units of the axes."""

    text: str
    x: float
    y: float
    colour: str


def name_lines(
    axes: Axes, names: Sequence[LineName], gap: float = 0.075, side: Literal["left", "right"] = "right"
) -> None:
    """Write names right of the axes, each as near to its line as the others allow, with a leader to it.

    Call it when the limits of the axes are set.

    Args:
        gap: least distance of two names, as a share of the height of the axes.
        side: left: inside the axes, where the caller has left room.
    """
    scale = axes.get_yaxis().get_transform()
    low, high = scale.transform(np.array(axes.get_ylim()))
    at = [(float(scale.transform(np.array([name.y]))[0]) - low) / (high - low) for name in names]
    order = sorted(range(len(names)), key=lambda i: at[i])
    places = spread([at[i] for i in order], gap)
    edge, right, anchor = (1.0, 12.0, (0.0, 0.5)) if side == "right" else (0.015, 0.0, (1.0, 0.5))
    figure = axes.get_figure(root=True)
    assert figure is not None
    beside = offset_copy(axes.transAxes, figure, right, 0, units="points")
    for i, place in zip(order, places, strict=True):
        name = names[i]
        leader = {"arrowstyle": "-", "color": name.colour, "linewidth": 0.7, "alpha": 0.6, "shrinkA": 1, "shrinkB": 2}
        axes.annotate(
            name.text, (name.x, name.y), xycoords="data", xytext=(edge, place), textcoords=beside, color=name.colour,
            fontsize=9.0, ha="left", va="center", annotation_clip=False, arrowprops=leader | {"relpos": anchor},
        )  # fmt: skip


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Places at least ``gap`` apart, none above 1, in the order of ``wanted``, which ascends, and close to it."""
    blocks: list[tuple[float, int]] = []  # start and size of names that touch
    for place in wanted:
        blocks.append((place, 1))
        while len(blocks) > 1 and blocks[-2][0] + gap * blocks[-2][1] > blocks[-1][0]:
            (start, size), (left, count) = blocks.pop(), blocks.pop()
            blocks.append(((left * count + (start - gap * count) * size) / (count + size), count + size))
    places = [start + gap * i for start, size in blocks for i in range(size)]
    return [min(place, 1.0 - gap * (len(places) - 1 - i)) for i, place in enumerate(places)]


def bars(rows: Sequence[Row], least: float = 0.0, most: float = math.inf) -> np.ndarray:
    """Lengths of the error bars, below and above (2, rows), that stay between what the quantity can be."""
    ends = [
        row.interval if math.isfinite(row.standard_error) or row.low is not None else (row.value,) * 2 for row in rows
    ]
    lengths = [
        (max(row.value - max(low, least), 0.0), max(min(high, most) - row.value, 0.0))
        for row, (low, high) in zip(rows, ends, strict=True)
    ]
    return np.array(lengths).reshape(-1, 2).T


def band(rows: Sequence[Row], least: float = 0.0, most: float = math.inf) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edges of the 95% intervals, between what the quantity can be."""
    values = np.array([row.value for row in rows])
    below, above = bars(rows, least, most)
    return values - below, values + above


PERCENT = FuncFormatter(lambda value, _: f"{100 * value:.4g}%")


def note(axes: Axes, text: str) -> None:
    """A sentence in the middle of axes that have nothing to show."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY, wrap=True)
