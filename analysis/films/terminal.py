"""A film in the terminal: colours say what each token is, their shade how sure the denoiser was of it."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from analysis.films.film import Film, Frame, Layout, Note

_RESET, _CLEAR_LINE, _UP = "\x1b[0m", "\x1b[2K", "\x1b[{}A"
_GREENS = (94, 136, 70, 40)  # from unsure to sure: brown to green, in the 256-colour palette
_STYLES = {"given": "\x1b[1;38;5;39m", "masked": "\x1b[38;5;238m", "now": "\x1b[1;30;48;5;214m"}
_WRONG, _WRONG_NOW = "\x1b[1;38;5;196m", "\x1b[1;97;48;5;160m"
_NOTES = {False: "\x1b[38;5;245m", True: "\x1b[1m"}  # of earlier steps, of this one
_BESIDE = "   "  # between the picture and the notes
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


def play(film: Film, stream: Stream | None = None, *, seconds: float = 0.15, columns: int | None = None) -> None:
    """Show the frames one over the other on a terminal, ``seconds`` apart; elsewhere the last one alone, uncoloured.

    Notes stand beside the picture, the latest that fit its height, if the terminal is wide enough for all of them;
    elsewhere they all follow the last frame.

    Args:
        stream: standard output if not given.
        columns: of the terminal; asked for if not given.
    """
    out: Stream = stream or sys.stdout
    if not out.isatty():
        lines = [film.title, render(film.frames[-1], film.layout, colour=False)]
        lines += [film.notes_heading] if film.notes_heading else []
        lines += [note.text for frame in film.frames for note in frame.notes]
        out.write("\n".join(lines) + "\n")
        return
    marks = any(frame.wrong for frame in film.frames)
    out.write(f"{film.title}\n{_legend(wrong=marks)}\n")
    picture = max(len(line) for frame in film.frames for line in _above_caption(frame, film.layout))
    available = (shutil.get_terminal_size().columns if columns is None else columns) - picture - len(_BESIDE)
    beside = 0 < film.notes_width <= available
    height = 0
    for number, frame in enumerate(film.frames):
        lines = render(frame, film.layout).split("\n")
        if beside:
            lines = _with_notes(film, frame, lines, picture)
        out.write((_UP.format(height) if height else "") + "".join(f"{_CLEAR_LINE}{t}\n" for t in lines))
        out.flush()
        height = len(lines)
        if number + 1 < len(film.frames):
            time.sleep(seconds)


def render(frame: Frame, layout: Layout, *, colour: bool = True) -> str:
    """One frame as lines of text; a masked token is a dot, and a wrong one has an exclamation mark behind it."""
    margin = max(map(len, layout.names)) + 1
    cell_width = max(map(len, (*layout.symbols, *layout.headings)))
    lines = []
    if layout.headings:
        headings = [f"{heading:>{cell_width}} " for heading in layout.headings]
        lines.append(" " * margin + _ruled(headings, layout, between="  "))
    for number, (name, line) in enumerate(zip(layout.names, layout.lines, strict=True), start=1):
        cells = [_cell(frame, position, layout, cell_width, colour) for position in line]
        lines.append(f"{name:<{margin}}{_ruled(cells, layout, between='| ')}")
        if number in layout.rules_after[0] and number < len(layout.lines):
            lines.append("")
    return "\n".join([*lines, frame.caption])


def _ruled(cells: Sequence[str], layout: Layout, *, between: str) -> str:
    """A line of cells, each of which ends with its mark or a space, with what stands between the columns of a rule."""
    inner = {column for column in layout.rules_after[1] if column < len(cells)}
    parts = (cell + (between if column in inner else "") for column, cell in enumerate(cells, start=1))
    return "".join(parts).removesuffix(" ")


def _above_caption(frame: Frame, layout: Layout) -> list[str]:
    """The uncoloured lines that notes stand beside."""
    return render(frame, layout, colour=False).split("\n")[:-1]


def _with_notes(film: Film, frame: Frame, lines: list[str], width: int) -> list[str]:
    """The lines of a picture ``width`` characters wide, with the latest notes at their right, down to the caption."""
    plain = _above_caption(frame, film.layout)
    notes = [film.notes_heading] if film.notes_heading else []
    notes += [_note(*entry) for entry in film.notes_until(frame, len(plain) - len(notes))]
    notes += [""] * (len(plain) - len(notes))
    fills = [" " * (width - len(line)) + _BESIDE for line in plain]
    beside = zip(lines[:-1], fills, notes, strict=True)
    return [*(f"{line}{fill}{note}" if note else line for line, fill, note in beside), lines[-1]]


def _note(note: Note, now: bool) -> str:
    style = (_WRONG_NOW if now else _WRONG) if note.wrong else _NOTES[now]
    return f"{style}{note.text}{_RESET}"


def _cell(frame: Frame, position: int, layout: Layout, width: int, colour: bool) -> str:
    kind, token = frame.cells[position], int(frame.tokens[position])
    text = f"{'·' if token < 0 else layout.symbols[token]:>{width}}"
    wrong = position in frame.wrong
    mark = "!" if wrong else " "
    if not colour:
        return text + mark
    if wrong:
        return f"{_WRONG_NOW if kind == 'now' else _WRONG}{text}{mark}{_RESET}"
    style = _STYLES[kind] if kind in _STYLES else _colour(_shade(float(frame.confidence[position])))
    return f"{style}{text}{_RESET}{mark}"


def _shade(confidence: float) -> int:
    return _GREENS[int(np.clip(confidence * len(_GREENS), 0, len(_GREENS) - 1))]


def _colour(code: int) -> str:
    return f"\x1b[38;5;{code}m"


def _legend(*, wrong: bool) -> str:
    words = [f"{_STYLES.get(kind, _colour(_GREENS[-1]))}{text}{_RESET}" for kind, text in _LEGEND]
    words += [f"{_WRONG}wrong!{_RESET}"] if wrong else []
    shades = "".join(f"{_colour(code)}#{_RESET}" for code in _GREENS)
    return "  ".join([*words, f"unsure {shades} sure"])
