"""What a text of Sudokus looks like, by its first lines: which separator, which columns, or grids of many lines."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from generators.sudoku.files.cells import Alphabet, givens_alone
from generators.sudoku.files.drawn import row_of_cells
from generators.sudoku.files.names import find_columns, is_known
from generators.sudoku.grid import Size

COMMENT = "#"
_SEPARATORS = (",", ";", "\t", " ", "|", ":")
_QUOTES = "\"' \t\r"


@dataclass(frozen=True)
class Layout:
    """How the lines of a text are read.

    Attributes:
        kind: "lines": a puzzle and perhaps its solution in columns of a line; "tokens": a line of as many columns as
            cells, perhaps twice; "drawn": a grid takes a line for each of its rows.
        separator: between columns; None: the line is one.
        puzzle, solution: their columns; of tokens, the first one.
        header: number of the line that names the columns, 0 if there is none.
        explained: cells of the first lines that are read so.
    """

    kind: Literal["lines", "tokens", "drawn"]
    separator: str | None = None
    puzzle: int = 0
    solution: int | None = 1
    header: int = 0
    explained: int = 0

    def __str__(self) -> str:
        """For people."""
        if self.kind == "drawn":
            return "drawn grids"
        named = {None: "lines", ",": "commas", ";": "semicolons", "\t": "tabs", " ": "blanks"}
        between = named.get(self.separator, f"separators {self.separator}")
        return f"{between}{' with a header' if self.header else ''}{', a column per cell' * (self.kind == 'tokens')}"


def split(line: str, separator: str | None) -> list[str]:
    """Columns of a line, without the quotes around them."""
    if separator is None:
        return [line.strip(_QUOTES)]
    if separator == " ":
        return line.split()
    if '"' in line:
        return [field.strip(_QUOTES) for field in next(csv.reader([line], delimiter=separator), [])]
    return [field.strip(_QUOTES) for field in line.split(separator)]


def find_layout(head: Sequence[tuple[int, str]], alphabet: Alphabet) -> Layout:
    """The layout that explains most of the first lines, given with their numbers, without blank ones and comments.

    Raises:
        ValueError: a header, and no column that holds grids.
    """
    found = [layout for sep in (None, *_SEPARATORS) for layout in _by_separator(head, sep, alphabet)]
    found.append(Layout("drawn", explained=_drawn_cells(head, alphabet)))
    best = max(found, key=lambda layout: layout.explained)  # the first of equals: the simplest
    if best.kind == "drawn" and best.explained:
        return best
    named = _named_header(head, alphabet)
    if named is None:
        return _without_names(head, best, alphabet)
    number, separator, names = named
    puzzle, solution = find_columns(names)
    if best.explained and (puzzle is None or best.kind == "tokens" or best.separator != separator):
        return replace(best, header=number)
    if puzzle is None:
        raise ValueError(_no_column(names))
    return Layout("lines", separator, puzzle, solution, number, best.explained)


def _without_names(head: Sequence[tuple[int, str]], best: Layout, alphabet: Alphabet) -> Layout:
    number, line = head[0] if head else (0, "")
    names = _unknown_header(line, alphabet.size)
    if not best.explained:
        if names:
            raise ValueError(_no_column(names))
        return Layout("lines", ",")
    first = split(line, best.separator)
    words = sum(map(str.isalpha, line)) * 2 > len(line.strip())
    told = words and not any(is_grid(field, alphabet) for field in first)
    return replace(best, header=number) if told and best.kind == "lines" else best


def _no_column(names: Sequence[str]) -> str:
    """A header for a message, never long, never raw."""
    told = ", ".join(ascii(name[:40]) for name in names[:8])
    more = ", ..." if len(names) > 8 else ""
    return f"no column named puzzle, quizzes, question, board or the like; its header is {told}{more}."


def _named_header(head: Sequence[tuple[int, str]], alphabet: Alphabet) -> tuple[int, str | None, list[str]] | None:
    """Number, separator and names of the first line, if it names a column of puzzles or of solutions."""
    if not head:
        return None
    number, line = head[0]
    if "[" in line:  # the name of a section
        return None
    for separator in (*_SEPARATORS, None):
        names = split(line, separator)
        if any(is_grid(name, alphabet) for name in names):
            return None
        if (len(names) > 1 or separator is None) and len(line) < 2000 and any(map(is_known, names)):
            return number, separator, names
    return None


def _unknown_header(line: str, size: Size) -> list[str]:
    for separator in _SEPARATORS:
        names = split(line, separator)
        if len(names) > 1 and len(names[0]) != size.cells and any(c.isalpha() for c in names[0]):
            return names
    return []


def _by_separator(head: Sequence[tuple[int, str]], separator: str | None, alphabet: Alphabet) -> list[Layout]:
    """Columns that hold whole grids, and runs of columns that hold cells."""
    size = alphabet.size
    grids, runs = Counter[tuple[int, int | None]](), Counter[tuple[int, int | None]]()
    for _, line in head:
        fields = split(line, separator)
        if len(fields) > 4 * size.cells:
            continue
        whole = [place for place, field in enumerate(fields) if is_grid(field, alphabet)]
        if whole:
            grids[whole[0], whole[1] if len(whole) > 1 else None] += 1
        elif separator is not None and len(fields) >= size.cells:
            run = _run_of_cells(fields, alphabet)
            if run is not None:
                runs[run] += 1
    found = list[Layout]()
    if grids:
        found.append(Layout("lines", separator, *_most_columns(grids), explained=grids.total() * size.cells))
    if runs:
        found.append(Layout("tokens", separator, *_most_columns(runs), explained=runs.total() * size.cells))
    return found


def _most_columns(counts: Counter[tuple[int, int | None]]) -> tuple[int, int | None]:
    """The commonest puzzle column, and the solution's beside it: some lines may have none."""
    puzzle = Counter[int]()
    for (first, _), count in counts.items():
        puzzle[first] += count
    chosen = puzzle.most_common(1)[0][0]
    seconds = Counter[int]()
    for (first, second), count in counts.items():
        if first == chosen and second is not None:
            seconds[second] += count
    return chosen, seconds.most_common(1)[0][0] if seconds else None


def is_grid(field: str, alphabet: Alphabet) -> bool:
    """Whether a column's text is a grid, or a puzzle and its solution in one."""
    cells = alphabet.size.cells
    if len(field) != cells and "+" in field:
        field = givens_alone(field)
    return len(field) in (cells, 2 * cells) and alphabet.holds(field)


def _run_of_cells(fields: Sequence[str], alphabet: Alphabet) -> tuple[int, int | None] | None:
    """Where a run of ``cells`` columns begins, each a cell, and where the second does."""
    cells = alphabet.size.cells
    good = [alphabet.token(field) in alphabet.signs for field in fields]
    first = _first_run(good, cells, 0)
    if first is not None and len(fields) % cells == 1 and first == 0 and len(fields[0]) > 0 and good[-1]:
        first = 1 if len(fields) > cells and all(good[1:]) else 0  # one column more, in front: a number of the row
    if first is None:
        return None
    return first, _first_run(good, cells, first + cells)


def _first_run(good: Sequence[bool], cells: int, start: int) -> int | None:
    length = 0
    for place in range(start, len(good)):
        length = length + 1 if good[place] else 0
        if length == cells:
            return place - cells + 1
    return None


def _drawn_cells(head: Sequence[tuple[int, str]], alphabet: Alphabet) -> int:
    side = alphabet.size.side
    rows = sum(row_of_cells(line, alphabet) is not None for _, line in head)
    return rows * side if rows >= side else 0
