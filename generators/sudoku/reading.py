"""Reading what people have: CSV files, lines of puzzles, and .npy rows of Shah et al., in batches of bounded memory.

Every puzzle is solved on the way, so what comes out has exactly one solution, the one that comes with it. What does not
is left out and named, by line, reason and place.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, TextIO

import numpy as np
from jaxtyping import Int64, UInt8

from generators.sudoku.grid import SIZES, Size, check_givens, completes, contradicting, parse_grid, place, size_of
from generators.sudoku.search import solve
from generators.sudoku.shah import unpack_rows

Reason = Literal[
    "wrong length",
    "bad character",
    "malformed row",
    "contradicting givens",
    "no solution",
    "two solutions",
    "solution contradicts the givens",
    "solution is no valid grid",
]
_PUZZLE_COLUMNS = ("puzzle", "quizzes", "quiz")
_SOLUTION_COLUMNS = ("solution", "solutions")
_BATCH = 16_384
_BAD = 255
_Row = tuple[int, str, str | None]  # line, puzzle, solution if the file has one


@dataclass(frozen=True)
class Rejection:
    """One row that was left out: its line (from 1, a header counts), why, and a sentence with the place."""

    line: int
    reason: Reason
    detail: str


@dataclass(frozen=True)
class PuzzleBatch:
    """Accepted puzzles and solutions (n, cells), their lines (n,), and the rejected rows of the same piece of file.

    ``order`` and ``strategies`` (n, cells) come from files that hold a fill order, as in :class:`~.shah.ShahRows`.
    """

    puzzles: UInt8[np.ndarray, "n cells"]
    solutions: UInt8[np.ndarray, "n cells"]
    lines: Int64[np.ndarray, "n"]
    rejections: tuple[Rejection, ...]
    order: Int64[np.ndarray, "n cells"] | None = None
    strategies: Int64[np.ndarray, "n cells"] | None = None


def stream_puzzles(path: Path, *, side: int = 9, strict: bool = False) -> Iterator[PuzzleBatch]:
    """Puzzles of a file, batch by batch, whatever its size.

    Args:
        path: ``.npy`` for rows of 1 + 4 * cells integers. Anything else is text: CSV with a header that names a column
            puzzle or quizzes and perhaps one solution or solutions, or lines that hold a puzzle and perhaps, after a
            comma, its solution. '.' or '0' is an empty cell. Other columns and blank lines are ignored.
        side: of all grids in the file.
        strict: raise at the first row that would be rejected.
    Raises:
        ValueError: an unknown side, a header without puzzles, a broken CSV or another array; with ``strict`` also the
            first rejection, with its line.
        OSError: as the system reports it.
    Cost: 10 to 30 microseconds a puzzle.
    """
    path = Path(path)
    if side not in SIZES:
        raise ValueError(f"side must be one of {sorted(SIZES)}; got {side}.")
    batches = _array_batches(path, SIZES[side]) if path.suffix == ".npy" else _text_batches(path, SIZES[side])
    for batch in batches:
        if strict and batch.rejections:
            first = min(batch.rejections, key=lambda rejection: rejection.line)
            raise ValueError(f"{path}, line {first.line}: {first.reason}: {first.detail}")
        yield batch


def read_puzzles(path: Path, *, side: int = 9, strict: bool = False) -> PuzzleBatch:
    """All of :func:`stream_puzzles` at once; a file that fits into memory."""
    batches = list(stream_puzzles(path, side=side, strict=strict)) or [_empty(SIZES[side])]
    ordered = [(b.order, b.strategies) for b in batches if b.order is not None and b.strategies is not None]
    return PuzzleBatch(
        np.concatenate([batch.puzzles for batch in batches]),
        np.concatenate([batch.solutions for batch in batches]),
        np.concatenate([batch.lines for batch in batches]),
        tuple(rejection for batch in batches for rejection in batch.rejections),
        np.concatenate([order for order, _ in ordered]) if ordered else None,
        np.concatenate([strategies for _, strategies in ordered]) if ordered else None,
    )


def count_reasons(rejections: Iterable[Rejection]) -> dict[str, int]:
    """How many rows were rejected for each reason, most frequent first."""
    return dict(Counter(rejection.reason for rejection in rejections).most_common())


def _empty(size: Size) -> PuzzleBatch:
    none = np.empty((0, size.cells), dtype=np.uint8)
    return PuzzleBatch(none, none, np.empty(0, dtype=np.int64), ())


def _text_batches(path: Path, size: Size) -> Iterator[PuzzleBatch]:
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
        rows = _rows(path, stream)
        while piece := list(islice(rows, _BATCH)):
            yield _read_piece(piece, size)


def _rows(path: Path, stream: TextIO) -> Iterator[_Row]:
    """Line number, puzzle and solution of every row, after a look at the first one for names."""
    columns: tuple[int, int | None] | None = None
    reader = csv.reader(stream)
    try:
        for fields in reader:
            if not any(fields):
                continue
            if columns is None:
                columns = _columns(path, fields)
                if _is_header(fields):
                    continue
            puzzle, solution = columns
            has_solution = solution is not None and solution < len(fields)
            text = fields[puzzle].strip() if puzzle < len(fields) else ""
            yield reader.line_num, text, fields[solution].strip() if has_solution and solution is not None else None
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: no CSV: {error}.") from error


def _is_header(fields: list[str]) -> bool:
    """A row of names: known ones, or a first field that has letters and not the length of a grid."""
    if {name.strip().lower() for name in fields} & {*_PUZZLE_COLUMNS, *_SOLUTION_COLUMNS}:
        return True
    lengths = {size.cells for size in SIZES.values()}
    return len(fields[0].strip()) not in lengths and any(character.isalpha() for character in fields[0])


def _columns(path: Path, fields: list[str]) -> tuple[int, int | None]:
    if not _is_header(fields):
        return 0, 1
    names = [name.strip().lower() for name in fields]
    puzzle = next((names.index(name) for name in _PUZZLE_COLUMNS if name in names), None)
    if puzzle is None:
        raise ValueError(f"{path}: no column named {' or '.join(_PUZZLE_COLUMNS)}; its header is {fields}.")
    return puzzle, next((names.index(name) for name in _SOLUTION_COLUMNS if name in names), None)


def _read_piece(rows: list[_Row], size: Size) -> PuzzleBatch:
    rejections: list[Rejection] = []
    kept: list[_Row] = []
    for row in rows:
        lengths = [len(row[1])] if row[2] is None else [len(row[1]), len(row[2])]
        wrong = next((length for length in lengths if length != size.cells), None)
        if wrong is None:
            kept.append(row)
        else:
            detail = f"a {size.side}x{size.side} grid has {size.cells} characters; got {wrong}."
            rejections.append(Rejection(row[0], "wrong length", detail))
    puzzles = _digits([puzzle for _, puzzle, _ in kept], size)
    claimed = _digits(["0" * size.cells if solution is None else solution for _, _, solution in kept], size)
    lines = np.array([line for line, _, _ in kept], dtype=np.int64)
    bad = (puzzles == _BAD).any(axis=1) | (claimed == _BAD).any(axis=1)
    rejections += [Rejection(kept[i][0], "bad character", _bad_character(kept[i])) for i in np.flatnonzero(bad)]
    stated = np.array([solution is not None for _, _, solution in kept], dtype=bool)
    good = ~bad
    return _verify(puzzles[good], claimed[good], stated[good], lines[good], tuple(rejections))


def _digits(texts: list[str], size: Size) -> UInt8[np.ndarray, "n cells"]:
    table = np.full(256, _BAD, dtype=np.uint8)
    table[[ord("."), ord("0")]] = 0
    for digit, symbol in enumerate(size.symbols, start=1):
        table[[ord(symbol), ord(symbol.lower())]] = digit
    raw = np.frombuffer("".join(texts).encode("latin-1", errors="replace"), dtype=np.uint8)
    return table[raw].reshape(len(texts), size.cells)


def _bad_character(row: _Row) -> str:
    for text in row[1:]:
        try:
            parse_grid(text or "." * len(row[1]))
        except ValueError as error:
            return str(error)
    return "the line holds white space inside a grid."


def _array_batches(path: Path, size: Size) -> Iterator[PuzzleBatch]:
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"{path} is no array of numbers that NumPy wrote ({error}); save it with numpy.save."
        ) from error
    if rows.ndim != 2 or rows.shape[1] != 1 + 4 * size.cells:
        raise ValueError(
            f"{path}: rows of {size.side}x{size.side} grids have shape (n, {1 + 4 * size.cells}); "
            f"got {rows.shape} {rows.dtype}."
        )
    for start in range(0, len(rows), _BATCH):
        parts = unpack_rows(np.asarray(rows[start : start + _BATCH]))
        lines = np.arange(start + 1, start + 1 + len(parts.puzzles))
        good = parts.well_formed
        detail = "it does not hold every cell once with a digit and a number of givens."
        malformed = tuple(Rejection(int(line), "malformed row", detail) for line in lines[~good])
        stated = np.ones(int(good.sum()), dtype=bool)
        batch = _verify(parts.puzzles[good], parts.solutions[good], stated, lines[good], malformed)
        kept = batch.lines - 1 - start
        yield PuzzleBatch(
            batch.puzzles, batch.solutions, batch.lines, batch.rejections, parts.order[kept], parts.strategies[kept]
        )


def _verify(
    puzzles: UInt8[np.ndarray, "n cells"],
    claimed: UInt8[np.ndarray, "n cells"],
    stated: np.ndarray,
    lines: Int64[np.ndarray, "n"],
    rejections: tuple[Rejection, ...],
) -> PuzzleBatch:
    """Solve, and compare with the solutions that the file states."""
    found = solve(puzzles)
    contradiction = contradicting(puzzles)
    differs = stated & (found.solutions != claimed).any(axis=1)
    bad = contradiction | (found.counts != 1) | differs
    more = [
        Rejection(int(lines[i]), *_why(puzzles[i], claimed[i], bool(contradiction[i]), int(found.counts[i])))
        for i in np.flatnonzero(bad)
    ]
    return PuzzleBatch(puzzles[~bad], found.solutions[~bad], lines[~bad], (*rejections, *more))


def _why(puzzle: np.ndarray, claimed: np.ndarray, contradiction: bool, count: int) -> tuple[Reason, str]:
    if contradiction:
        try:
            check_givens(puzzle)
        except ValueError as error:
            return "contradicting givens", str(error)
    if count == 0:
        return "no solution", "no filling of the empty cells is valid."
    if count == 2:
        return "two solutions", "the givens leave more than one solution."
    differs = (puzzle > 0) & (puzzle != claimed)
    size = size_of(len(puzzle))
    if differs.any():
        cell = int(np.flatnonzero(differs)[0])
        given, stated = int(puzzle[cell]), int(claimed[cell])
        return (
            "solution contradicts the givens",
            f"{place(cell, size)} is given as {given}; the solution has {stated or 'nothing'} there.",
        )
    assert not completes(claimed[None], puzzle[None]).any()  # a second solution would have been counted
    return "solution is no valid grid", "the solution has empty cells or repeats a digit in a row, column or box."
