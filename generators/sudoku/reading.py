"""Reading what people have, in batches of bounded memory: text of any layout, JSON, arrays, packed or not.

Every puzzle is solved on the way, so what comes out has exactly one solution, the one that comes with it. What does not
is left out and named, by line, reason and place; lines that are no puzzles are counted, and so are puzzles that were
there before. The formats are in :mod:`generators.sudoku.files`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from generators.sudoku.files import array_batches
from generators.sudoku.files.cells import BAD, ZERO, Alphabet, Digits, range_of
from generators.sudoku.files.containers import Opened, opened
from generators.sudoku.files.drawn import Row
from generators.sudoku.files.duplicates import Seen
from generators.sudoku.files.objects import is_json, json_items, object_rows, parquet_items
from generators.sudoku.files.text import text_rows
from generators.sudoku.grid import SIZES, Size, check_givens, completes, contradicting, place, size_of
from generators.sudoku.search import solve

Reason = Literal[
    "wrong length",
    "bad character",
    "ambiguous zero",
    "malformed row",
    "contradicting givens",
    "no solution",
    "two solutions",
    "solution contradicts the givens",
    "solution is no valid grid",
]
_BATCH = 16_384


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
    ``repeats`` (n,) is True where the same puzzle was in the file before; ``skipped`` holds lines that are no puzzles,
    such as a header, a comment or a rule of a frame, each with what it is. Blank lines are not told.
    """

    puzzles: UInt8[np.ndarray, "n cells"]
    solutions: UInt8[np.ndarray, "n cells"]
    lines: Int64[np.ndarray, "n"]
    rejections: tuple[Rejection, ...]
    order: Int64[np.ndarray, "n cells"] | None = None
    strategies: Int64[np.ndarray, "n cells"] | None = None
    repeats: Bool[np.ndarray, "n"] | None = None
    skipped: tuple[tuple[int, str], ...] = ()


def stream_puzzles(
    path: Path, *, side: int | None = 9, strict: bool = False, digits: Digits | str | None = None
) -> Iterator[PuzzleBatch]:
    """Puzzles of a file, batch by batch, whatever its size.

    What a file is, its first bytes and lines tell, not its name: text as CSV with any of several separators, with or
    without a header, with other columns before and behind; lines of puzzles; grids that take a line per row; columns
    that hold a cell each; JSON and JSON lines; ``.npy``, ``.npz`` and Parquet; all of them perhaps in gzip, bzip2, xz
    or a zip, text in UTF-8, or in UTF-16 with a byte order mark. ``. 0 * _ - x ?`` are empty cells. A solution need not
    be there, in some rows or in all.

    Args:
        path: the file.
        side: of all grids in it; None: the size that explains most of its beginning.
        strict: raise at the first row that would be rejected.
        digits: "1-9" or, for a file whose digits are one less than ours, "0-8"; of other sizes "1-4", "0-3", "1-6",
            "0-5", "1-g", "0-f". None: from 1, and 0 is empty; where another sign for empty stands beside a 0, the
            row is rejected, as that may be a digit.
    Raises:
        ValueError: an unknown side, digits of another size, a header without puzzles, a file of another kind, a damaged
            one, an array of another shape; with ``strict`` also the first rejection, with its line.
        OSError: as the system reports it.
    Cost: 10 to 30 microseconds a puzzle; memory for one batch, and eight bytes a puzzle to know it again.
    """
    path = Path(path)
    if side is not None and side not in SIZES:
        raise ValueError(f"side must be one of {sorted(SIZES)}; got {side}.")
    if digits is not None:
        _, stated = range_of(digits)
        side = stated if side is None else side
    seen: Seen | None = None
    for batch in _batches(path, side, digits):
        if strict and batch.rejections:
            first = min(batch.rejections, key=lambda rejection: rejection.line)
            raise ValueError(f"{path}, line {first.line}: {first.reason}: {first.detail}")
        seen = seen or Seen(batch.puzzles.shape[1])
        yield replace(batch, repeats=seen.repeats(batch.puzzles))


def read_puzzles(
    path: Path, *, side: int | None = 9, strict: bool = False, digits: Digits | str | None = None
) -> PuzzleBatch:
    """All of :func:`stream_puzzles` at once; a file that fits into memory."""
    batches = list(stream_puzzles(path, side=side, strict=strict, digits=digits)) or [_empty(SIZES[side or 9])]
    ordered = [(b.order, b.strategies) for b in batches if b.order is not None and b.strategies is not None]
    return PuzzleBatch(
        np.concatenate([batch.puzzles for batch in batches]),
        np.concatenate([batch.solutions for batch in batches]),
        np.concatenate([batch.lines for batch in batches]),
        tuple(rejection for batch in batches for rejection in batch.rejections),
        np.concatenate([order for order, _ in ordered]) if ordered else None,
        np.concatenate([strategies for _, strategies in ordered]) if ordered else None,
        np.concatenate([batch.repeats for batch in batches if batch.repeats is not None]),
        tuple(line for batch in batches for line in batch.skipped),
    )


def count_reasons(rejections: Iterable[Rejection]) -> dict[str, int]:
    """How many rows were rejected for each reason, most frequent first."""
    return dict(Counter(rejection.reason for rejection in rejections).most_common())


def _empty(size: Size) -> PuzzleBatch:
    none = np.empty((0, size.cells), dtype=np.uint8)
    nothing = np.empty(0, dtype=np.int64)
    return PuzzleBatch(none, none, nothing, (), repeats=np.empty(0, dtype=bool))


def _batches(path: Path, side: int | None, digits: str | None) -> Iterator[PuzzleBatch]:
    with opened(path) as source:
        try:
            if source.kind in ("npy", "npz"):
                yield from _array_batches(path, source, side, digits)
                return
            alphabet, rows = _rows(path, source, side, digits)
            while piece := list(islice(rows, _BATCH)):
                yield _read_piece(piece, alphabet)
        except ValueError as error:
            raise error if str(error).startswith(str(path)) else ValueError(f"{path}: {error}") from error


def _rows(path: Path, source: Opened, side: int | None, digits: str | None) -> tuple[Alphabet, Iterator[Row]]:
    """The alphabet and the rows of whatever is not an array."""
    if source.kind == "parquet":
        return object_rows(parquet_items(path), side, digits)
    if is_json(source.head):
        return object_rows(json_items(source.chunks()), side, digits)
    alphabet, _, rows = text_rows(source.lines(), side, digits)
    return alphabet, rows


def _read_piece(rows: list[Row], alphabet: Alphabet) -> PuzzleBatch:
    size, rejections, skipped = alphabet.size, list[Rejection](), list[tuple[int, str]]()
    cells = size.cells
    lines, texts, claims = list[int](), list[str](), list[str | None]()
    for line, puzzle, solution in rows:
        if puzzle is None:
            skipped.append((line, solution or ""))
        elif len(puzzle) == cells and (solution is None or len(solution) == cells):
            lines.append(line)
            texts.append(puzzle)
            claims.append(solution)
        else:
            wrong = len(puzzle) if len(puzzle) != cells else len(solution or "")
            detail = f"a {size.side}x{size.side} grid has {cells} characters; got {wrong}."
            rejections.append(Rejection(line, "wrong length", detail))
    puzzles = alphabet.codes(texts)
    stated = np.array([claim is not None for claim in claims], dtype=bool)
    nothing = "0" * cells
    claimed = alphabet.codes([nothing if claim is None else claim for claim in claims])
    numbers = np.array(lines, dtype=np.int64)
    bad = (puzzles == BAD).any(axis=1) | (stated & (claimed == BAD).any(axis=1))
    rejections += [_bad_character(lines[i], texts[i], claims[i], alphabet) for i in np.flatnonzero(bad).tolist()]
    unclear = ~bad & _ambiguous(puzzles, claimed, stated, alphabet)
    detail = _two_readings(alphabet)
    rejections += [Rejection(lines[i], "ambiguous zero", detail) for i in np.flatnonzero(unclear).tolist()]
    good = ~(bad | unclear)
    puzzles, claimed = (np.where(codes == ZERO, np.uint8(0), codes)[good] for codes in (puzzles, claimed))
    batch = _verify(puzzles, claimed, stated[good], numbers[good], tuple(rejections))
    return replace(batch, skipped=tuple(skipped))


def _ambiguous(
    puzzles: UInt8[np.ndarray, "n cells"],
    claimed: UInt8[np.ndarray, "n cells"],
    stated: Bool[np.ndarray, "n"],
    alphabet: Alphabet,
) -> Bool[np.ndarray, "n"]:
    """Where a 0 stands in a puzzle, or in a solution that is not empty, though another sign says empty.

    If that is so in more than a tenth of the rows, a row without a 0 is of the same hand, and as doubtful.
    """
    if alphabet.stated:
        return np.zeros(len(puzzles), dtype=bool)
    signs = (puzzles == 0).any(axis=1)
    partly = stated & (claimed == ZERO).any(axis=1) & ((claimed > 0) & (claimed < ZERO)).any(axis=1)
    found = signs & ((puzzles == ZERO).any(axis=1) | partly)
    return signs if found.sum() * 10 > len(found) else found


def _two_readings(alphabet: Alphabet) -> str:
    high = alphabet.size.side
    shifted, usual = "0123456789ABCDEFG"[high - 1].lower(), "0123456789ABCDEFG"[high].lower()
    return (
        "a 0 stands beside another sign for empty, here or in like rows, so it may be a digit. Say which by digits "
        f"0-{shifted} (0 is the first digit) or 1-{usual} (0 is empty)."
    )


def _bad_character(line: int, puzzle: str, solution: str | None, alphabet: Alphabet) -> Rejection:
    return Rejection(line, "bad character", alphabet.fault(puzzle) or alphabet.fault(solution or ""))


def _array_batches(path: Path, source: Opened, side: int | None, digits: str | None) -> Iterator[PuzzleBatch]:
    for piece in array_batches.pieces(path, source, side, digits, _BATCH):
        if isinstance(piece, array_batches.Texts):
            yield _read_piece(piece.rows, piece.alphabet)
            continue
        good = piece.faults == 0
        faulty = tuple(
            Rejection(int(piece.lines[i]), *array_batches.fault(piece, i)) for i in np.flatnonzero(~good).tolist()
        )
        batch = _verify(piece.puzzles[good], piece.claimed[good], piece.stated[good], piece.lines[good], faulty)
        if piece.shah is not None:
            kept = batch.lines - piece.lines[0]
            batch = replace(batch, order=piece.shah.order[kept], strategies=piece.shah.strategies[kept])
        yield batch


def _verify(
    puzzles: UInt8[np.ndarray, "n cells"],
    claimed: UInt8[np.ndarray, "n cells"],
    stated: Bool[np.ndarray, "n"],
    lines: Int64[np.ndarray, "n"],
    rejections: tuple[Rejection, ...],
) -> PuzzleBatch:
    """Solve, and compare with the solutions that the file states; one that is empty states nothing."""
    found = solve(puzzles)
    contradiction = found.counts == 0
    contradiction[contradiction] = contradicting(puzzles[contradiction])
    differs = stated & claimed.any(axis=1) & (found.solutions != claimed).any(axis=1)
    bad = (found.counts != 1) | differs
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
