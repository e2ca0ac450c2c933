"""Puzzles in lines of text, row by row, in whatever layout they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from generators.sudoku.files.cells import Alphabet, alphabet_of, givens_alone
from generators.sudoku.files.drawn import Row, drawn_rows
from generators.sudoku.files.layout import COMMENT, Layout, find_layout, split
from generators.sudoku.grid import SIZES

LIKELIEST = (9, 6, 4, 16)
"""Sides in the order in which they are tried."""
_HEAD_LINES = 256
_QUOTED_LINES = 64


def text_rows(
    lines: Iterator[tuple[int, str]], side: int | None, digits: str | None
) -> tuple[Alphabet, Layout, Iterator[Row]]:
    """The alphabet, the layout and the rows of a text.

    Args:
        side: of the grids; None: the size that explains most of the first lines.
        digits: as somebody stated them; None: the usual ones.
    Raises:
        ValueError: as :func:`~generators.sudoku.files.layout.find_layout`.
    """
    head = list(islice(lines, _HEAD_LINES))
    telling = [(number, line) for number, line in head if line.strip() and not line.startswith(COMMENT)]
    alphabet, layout = _best(telling, side, digits)
    rows = chain(head, lines)
    if layout.kind == "drawn":
        return alphabet, layout, drawn_rows(rows, alphabet)
    if layout.kind == "tokens":
        return alphabet, layout, _token_rows(rows, layout, alphabet)
    return alphabet, layout, _column_rows(rows, layout, alphabet)


def _best(telling: list[tuple[int, str]], side: int | None, digits: str | None) -> tuple[Alphabet, Layout]:
    if side is not None:
        alphabet = alphabet_of(SIZES[side], digits)
        return alphabet, find_layout(telling, alphabet)
    best, refused = None, None
    for each in LIKELIEST:
        alphabet = alphabet_of(SIZES[each], digits)
        try:
            layout = find_layout(telling, alphabet)
        except ValueError as error:
            refused = refused or error
            continue
        if best is None or layout.explained > best[1].explained:
            best = alphabet, layout
    if best is None or (refused is not None and best[1].explained == 0):
        raise refused or ValueError("nothing is known of its size.")
    return best if best[1].explained else _of_its_length(telling, digits) or best


def _of_its_length(telling: list[tuple[int, str]], digits: str | None) -> tuple[Alphabet, Layout] | None:
    """Where no size explains anything, that which the length of the first row has: its characters are what is wrong."""
    first = split(telling[0][1], ",")[0] if telling else ""
    for each in LIKELIEST:
        if len(first) == SIZES[each].cells and not any(map(str.isspace, first)):
            alphabet = alphabet_of(SIZES[each], digits)
            return alphabet, find_layout(telling, alphabet)
    return None


def _column_rows(lines: Iterable[tuple[int, str]], layout: Layout, alphabet: Alphabet) -> Iterator[Row]:
    """Puzzle and solution from their columns."""
    cells, separator = alphabet.size.cells, layout.separator
    puzzle, solution = layout.puzzle, layout.solution
    plain = separator not in (None, " ")
    for number, line in _whole_rows(lines):
        quick = plain and '"' not in line  # the common case
        fields = line.split(separator) if quick else split(line, separator)
        text = fields[puzzle].strip(" \t\r'") if puzzle < len(fields) else ""
        if len(text) != cells:
            if not line.strip():
                continue
            if number == layout.header:
                yield number, None, "header"
                continue
            if line.startswith(COMMENT):
                yield number, None, "comment line"
                continue
            text = givens_alone(text)
        if len(text) == 2 * cells:
            yield number, text[:cells], text[cells:]
        elif solution is not None and solution < len(fields):
            yield number, text, fields[solution].strip(" \t\r'") or None
        else:
            yield number, text, None


def _whole_rows(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Lines, and those that a quotation runs over as one: the number is that of the first."""
    held, first, count = "", 0, 0
    for number, line in lines:
        if not held and ('"' not in line or line.count('"') % 2 == 0):
            yield number, line
            continue
        held, first, count = (f"{held}{line}", first, count + 1) if held else (line, number, 1)
        if held.count('"') % 2 == 0 or count == _QUOTED_LINES:
            yield first, held
            held = ""
    if held:
        yield first, held


def _token_rows(lines: Iterable[tuple[int, str]], layout: Layout, alphabet: Alphabet) -> Iterator[Row]:
    """Puzzle and solution from as many columns as they have cells."""
    cells = alphabet.size.cells
    for number, line in lines:
        if not line.strip():
            continue
        if line.startswith(COMMENT):
            yield number, None, "comment line"
            continue
        fields = split(line, layout.separator)
        tokens = "".join(alphabet.token(field) for field in fields[layout.puzzle : layout.puzzle + cells])
        if "!" in tokens and (number == layout.header or sum(token == "!" for token in tokens) * 2 > cells):
            yield number, None, "header"
            continue
        start = layout.solution
        claimed = fields[start : start + cells] if start is not None else []
        yield number, tokens, "".join(map(alphabet.token, claimed)) if any(claimed) else None
