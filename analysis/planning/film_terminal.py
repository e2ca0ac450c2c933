"""A film in the terminal: colours say what each token is, their shade how sure the denoiser was of it."""

from __future__ import annotations

import sys
import time
from typing import Protocol, runtime_checkable

import numpy as np

from analysis.planning.film import Film, Frame, Layout

_RESET, _CLEAR_LINE, _UP = "\x1b[0m", "\x1b[2K", "\x1b[{}A"
_GREENS = (94, 136, 70, 40)  # from unsure to sure: brown to green, in the 256-colour palette
_STYLES = {"given": "\x1b[1;38;5;39m", "masked": "\x1b[38;5;238m", "now": "\x1b[1;30;48;5;214m"}
_LEGEND = (("given", "given"), ("now", "revealed now"), ("before", "revealed before"), ("masked", "masked"))


@runtime_checkable
class Stream(Protocol):
    """What a film is written to, such as ``sys.stdout``."""

    def write(self, text: str, /) -> object:
        """Append text."""
        ...

    def flush(self) -> None:
        """Show it now."""
        ...

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        ...


def play(film: Film, stream: Stream | None = None, *, seconds: float = 0.15) -> None:
    """Show the frames one over the other on a terminal, ``seconds`` apart; elsewhere the last one alone, uncoloured.

    Args:
        stream: standard output if not given.
    """
    out: Stream = stream or sys.stdout
    if not out.isatty():
        out.write(f"{film.title}\n{render(film.frames[-1], film.layout, colour=False)}\n")
        return
    out.write(f"{film.title}\n{_legend()}\n")
    height = 0
    for number, frame in enumerate(film.frames):
        text = render(frame, film.layout)
        out.write((_UP.format(height) if height else "") + "".join(f"{_CLEAR_LINE}{t}\n" for t in text.split("\n")))
        out.flush()
        height = text.count("\n") + 1
        if number + 1 < len(film.frames):
            time.sleep(seconds)


def render(frame: Frame, layout: Layout, *, colour: bool = True) -> str:
    """One frame as lines of text; a masked token is a dot."""
    margin = max(map(len, layout.names)) + 1
    cell_width = max(map(len, layout.symbols))
    lines = []
    for number, (name, line) in enumerate(zip(layout.names, layout.lines, strict=True), start=1):
        cells = []
        for column, position in enumerate(line, start=1):
            cells.append(_cell(frame, position, layout, cell_width, colour))
            if column in layout.rules_after[1] and column < len(line):
                cells.append("|")
        lines.append(f"{name:<{margin}}" + " ".join(cells))
        if number in layout.rules_after[0] and number < len(layout.lines):
            lines.append("")
    return "\n".join([*lines, frame.caption])


def _cell(frame: Frame, position: int, layout: Layout, width: int, colour: bool) -> str:
    kind, token = frame.cells[position], int(frame.tokens[position])
    text = f"{'·' if token < 0 else layout.symbols[token]:>{width}}"
    if not colour:
        return text
    style = _STYLES[kind] if kind in _STYLES else _colour(_shade(float(frame.confidence[position])))
    return f"{style}{text}{_RESET}"


def _shade(confidence: float) -> int:
    return _GREENS[int(np.clip(confidence * len(_GREENS), 0, len(_GREENS) - 1))]


def _colour(code: int) -> str:
    return f"\x1b[38;5;{code}m"


def _legend() -> str:
    words = [f"{_STYLES.get(kind, _colour(_GREENS[-1]))}{text}{_RESET}" for kind, text in _LEGEND]
    shades = "".join(f"{_colour(code)}#{_RESET}" for code in _GREENS)
    return "  ".join([*words, f"unsure {shades} sure"])
