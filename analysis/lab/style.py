"""How every figure looks, and how it is written to disk."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.lab.report import SavedFigure
from generators.ground.storage import write_atomic

# Okabe and Ito's palette: told apart with any common colour blindness, and in order of lightness on grey paper.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
INK, GREY, PALE = "#222222", "#767676", "#D9D9D9"

DPI = 200

_RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
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
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
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
    with paper_style(name):
        write_atomic(saved.png, _render(figure, "png", {"Software": None}))
        write_atomic(saved.svg, _render(figure, "svg", {"Date": None, "Creator": None}))
    return saved


def headline(axes: Axes, name: str, message: str, lift: float = 4.0) -> None:
    """What a panel shows, in bold, and below it what its rows say, ``lift`` points above the axes."""
    axes.set_title(name, pad=lift + 13.0)
    axes.annotate(
        message, (0.0, 1.0), xycoords="axes fraction", xytext=(0, lift), textcoords="offset points", ha="left",
        va="bottom", fontsize=8.5, color=INK,
    )  # fmt: skip


def note(axes: Axes, text: str) -> None:
    """A sentence in the middle of axes that have nothing to show."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY, wrap=True)


def _render(figure: Figure, kind: str, metadata: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata=metadata, bbox_inches="tight", pad_inches=0.08)
    return buffer.getvalue()
