"""Grids of a line for each row: Project Euler's, SadMan's .sdk, Simple Sudoku's .ss, HoDoKu's boxes, spaced digits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from generators.sudoku.files.cells import Alphabet, givens_alone

_FRAME = str.maketrans(dict.fromkeys("|!¦│║┃:,;\"'[](){}\t", " "))
_RULE = re.compile(r"[\s+\-=*|.':─━═┼╬╋┌┐└┘├┤┬┴╔╗╚╝╠╣╦╩╟╢╤╧╪]+$")
_LINES = re.compile(r"[-=─━═]{3}|[-=─━═]\+|\+[-=─━═]")
_SECTION = re.compile(r"\s*\[\s*([A-Za-z][\w ]*)\]\s*$")
_WANTED = ("puzzle", "sudoku", "givens", "grid")

Row = tuple[int, str | None, str | None]
"""Line, puzzle and solution of a row as texts; a puzzle of None: the line was skipped, and why."""


def is_rule(line: str) -> bool:
    """Whether a line only draws the frame: no digit, and a stroke of three, or one that meets a corner."""
    return _RULE.match(line) is not None and _LINES.search(line) is not None


def row_of_cells(line: str, alphabet: Alphabet) -> str | None:
    """The characters of a grid's row, or None if the line is none.

    Digits may stand together or apart, between strokes, as columns, or as lists of pencil marks, which are empty cells.
    """
    side = alphabet.size.side
    if len(line) > 40 * side or (is_rule(line) and not line.count("-") == len(line.strip()) == side):
        return None
    plain = givens_alone(line) if "+" in line else line
    parts = plain.translate(_FRAME).split()
    if len(parts) == side:
        tokens = [alphabet.token(part) for part in parts]
        if all(token in alphabet.signs for token in tokens):
            return "".join(tokens)
    joined = "".join(parts)
    if len(joined) == side and all(character in alphabet.signs for character in joined):
        return joined
    for separator in ",;\t":
        fields = plain.rstrip("\r").split(separator)
        if len(fields) == side and side > 1:
            tokens = [alphabet.token(field) for field in fields]
            if all(token in alphabet.signs for token in tokens):
                return "".join(tokens)
    return None


def drawn_rows(lines: Iterator[tuple[int, str]], alphabet: Alphabet) -> Iterator[Row]:
    """Grids in the order of the file, each with the line of its first row; whatever else stands there is skipped.

    In a file with sections (``[Puzzle]``, ``[State]``) only the puzzle's counts. A grid that ends early, at a title or
    another section, comes out as the text of its rows, which is too short.
    """
    side = alphabet.size.side
    rows, first, wanted = list[str](), 0, True
    for number, line in lines:
        section = _SECTION.match(line)
        cells = None if section or line.startswith("#") else row_of_cells(line, alphabet)
        if section is None and not wanted:
            yield number, None, "line of another section"
        elif cells is not None:
            first = first if rows else number
            rows.append(cells)
            if len(rows) == side:
                yield first, "".join(rows), None
                rows = []
        elif not line.strip():
            continue
        elif section is None and is_rule(line):
            yield number, None, "rule of a frame"
        elif line.startswith("#"):
            yield number, None, "comment line"
        else:
            if rows:
                yield first, "".join(rows), None
                rows = []
            wanted = section is None or section[1].strip().lower() in _WANTED
            yield number, None, "title line"
    if rows:
        yield first, "".join(rows), None
