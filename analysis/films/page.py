"""A film as one page with a slider, which needs nothing but a browser."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.colors import to_hex

from analysis.films.film import Film, Frame
from analysis.films.picture import RED, SHADES, cell_colour, cell_ink
from analysis.lab.page import page
from analysis.lab.style import BLUE, INK, ORANGE, PALE


def film_page(film: Film) -> bytes:
    """One self-contained page; without scripts it shows the last frame."""
    frames = json.dumps([_frame(film, frame) for frame in film.frames], allow_nan=False)
    below, behind = film.layout.rules_after
    text = page(
        "film.html",
        room="analysis.films",
        film=film,
        frames=Markup(frames.replace("</", "<\\/")),  # no text of a film ends the script
        lines=list(zip(film.layout.names, film.layout.lines, strict=True)),
        below=below,
        behind=behind,
        notes=[(number, note) for number, frame in enumerate(film.frames) for note in frame.notes],
        wrong=any(frame.wrong for frame in film.frames),
        shades=", ".join(to_hex(SHADES(x)) for x in np.linspace(0, 1, 9)),
        **{"blue": BLUE, "orange": ORANGE, "pale": PALE, "ink": INK, "red": RED},
    )
    return text.encode()


def _frame(film: Film, frame: Frame) -> dict[str, Any]:
    """What the script shows of a frame, position by position."""
    positions = range(film.layout.length)
    return {
        "text": ["" if t < 0 else film.layout.symbols[t] for t in frame.tokens.tolist()],
        "fill": [cell_colour(frame, p) for p in positions],
        "ink": [cell_ink(frame, p) for p in positions],
        "order": ["" if n == 0 else str(n) for n in frame.order.tolist()],
        "tip": [_tip(frame, p) for p in positions],
        "caption": frame.caption,
        "wrong": list(frame.wrong),
    }


def _tip(frame: Frame, position: int) -> str:
    kind = frame.cells[position]
    if kind in ("given", "masked"):
        return kind
    text = f"step {frame.order[position]}, probability {frame.confidence[position]:.3f}"
    return f"{text}, wrong" if position in frame.wrong else text
