"""Arrays of puzzles piece by piece: digits, what the file claims as their solutions, what is wrong with a row."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from generators.sudoku.files.arrays import ArrayStream, Shape, digit_codes, open_array, open_pair, shape_of
from generators.sudoku.files.cells import BAD, Alphabet, alphabet_of
from generators.sudoku.files.containers import Opened
from generators.sudoku.files.drawn import Row
from generators.sudoku.files.objects import object_rows
from generators.sudoku.grid import Size, place
from generators.sudoku.shah import ShahRows, unpack_rows

_MALFORMED, _OUTSIDE = 1, 2


@dataclass(frozen=True, eq=False)
class Numbers:
    """A piece of an array.

    Attributes:
        puzzles, claimed: (n, cells) digits, 0 for empty; :data:`BAD` where ``faults`` says so.
        stated: (n,), where a solution is claimed.
        lines: (n,), rows of the array from 1.
        faults: (n,), 0 for none, 1: the row is no grid, 2: a cell is no digit.
        shah: the whole of it, where the rows are those of Shah et al.
    """

    size: Size
    puzzles: UInt8[np.ndarray, "n cells"]
    claimed: UInt8[np.ndarray, "n cells"]
    stated: Bool[np.ndarray, "n"]
    lines: Int64[np.ndarray, "n"]
    faults: Int64[np.ndarray, "n"]
    shah: ShahRows | None = None


@dataclass(frozen=True, eq=False)
class Texts:
    """A piece of an array of texts."""

    rows: list[Row]
    alphabet: Alphabet


def pieces(path: Path, source: Opened, side: int | None, digits: str | None, rows: int) -> Iterator[Numbers | Texts]:
    """Pieces of at most so many rows.

    Raises:
        ValueError: no array, one of another shape, digits of another size, solutions of another shape.
    """
    if source.archive is not None:
        puzzles, solutions = open_pair(path, source.archive)
    else:
        assert source.binary is not None
        puzzles, solutions = open_array(source.binary, str(path)), None
    if solutions is not None and solutions.shape != puzzles.shape:
        raise ValueError(f"puzzles have shape {puzzles.shape} and solutions {solutions.shape}; they belong together.")
    if puzzles.dtype.kind in "US":
        yield from _text_pieces(puzzles, side, digits, rows)
        return
    first, layout, lowest = 1, None, 1
    claims = itertools.repeat(None) if solutions is None else solutions.pieces(rows)
    for piece, claim in zip(puzzles.pieces(rows), claims, strict=False):
        if layout is None:
            top = int(piece[np.isfinite(piece)].max(initial=0) > 4) * 5  # more than a 4x4 grid has, or not
            layout = shape_of(puzzles.shape, side, top)
            lowest = alphabet_of(layout.size, digits).lowest
        if puzzles.shape == (16, 16) and layout.size.side == 16:
            piece, claim = piece[None], None if claim is None else claim[None]
        yield _numbers(piece, claim, layout, lowest, first)
        first += len(piece)
    if layout is None:
        shape_of(puzzles.shape, side)


def _text_pieces(array: ArrayStream, side: int | None, digits: str | None, rows: int) -> Iterator[Texts]:
    def items() -> Iterator[tuple[int, object]]:
        number = 0
        for piece in array.pieces(rows):
            for value in piece.astype(str).tolist():
                number += 1
                yield number, value

    alphabet, found = object_rows(items(), side, digits)
    while batch := list(itertools.islice(found, rows)):
        yield Texts(batch, alphabet)


def _numbers(piece: np.ndarray, claim: np.ndarray | None, layout: Shape, lowest: int, first: int) -> Numbers:
    n, size = len(piece), layout.size
    lines = np.arange(first, first + n)
    if layout.shah:
        parts = unpack_rows(piece.astype(np.int64) if piece.dtype.kind == "f" else piece)
        stated = np.ones(n, dtype=bool)
        faults = np.where(parts.well_formed, 0, _MALFORMED)
        return Numbers(size, parts.puzzles, parts.solutions, stated, lines, faults, parts)
    if layout.pair:
        halves = piece.reshape(n, 2, -1)
        piece, claim = halves[:, 0], halves[:, 1]
    puzzles = digit_codes(piece, layout, lowest)
    stated = np.full(n, claim is not None)
    claimed = np.zeros_like(puzzles) if claim is None else digit_codes(claim, layout, lowest)
    wrong = ((puzzles == BAD) | (claimed == BAD)).any(axis=1)
    return Numbers(
        size, puzzles, claimed, stated, lines, np.where(wrong, _MALFORMED if layout.classes else _OUTSIDE, 0)
    )


def fault(piece: Numbers, row: int) -> tuple[Literal["malformed row", "bad character"], str]:
    """Why a row of the piece is no puzzle: reason and sentence."""
    if piece.faults[row] == _MALFORMED:
        if piece.shah is not None:
            return "malformed row", "it does not hold every cell once with a digit and a number of givens."
        return "malformed row", "its numbers are no one-hot code: a cell has one 1 and otherwise 0."
    for grid in (piece.puzzles[row], piece.claimed[row]):
        cells = np.flatnonzero(grid == BAD)
        if len(cells):
            side = piece.size.side
            high = "0123456789abcdefg"[side - 1]
            return "bad character", (
                f"{place(int(cells[0]), piece.size)} holds no whole number of 0..{side}. If the digits of the file are "
                f"one less, say digits 0-{high}; -1 or {side} is an empty cell then."
            )
    raise AssertionError("a row with a fault has a cell with a fault")
