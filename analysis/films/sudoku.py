"""A Sudoku being solved, as a film: each step beside what a person would do there, and against the solution."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Integer, UInt8

from analysis.films.film import Film, Frame, Layout, Note, film
from analysis.films.sudoku_reasons import Reason, reason_for
from generators.sudoku.create import SudokuSource
from generators.sudoku.forms import SudokuCells
from generators.sudoku.grid import Size, check_grids
from lo_theory.samplers.trace import Trace

_HEADING = ("", "cell", "a person uses", "model")


@dataclass(frozen=True)
class Fill:
    """A digit that a step wrote.

    Attributes:
        step: from 1.
        cell: from 0, in reading order.
        digit: written.
        right: the digit of the solution.
        confidence: the denoiser's probability of ``digit`` at that step.
        reason: a person's way to ``right`` from the board before the step.
    """

    step: int
    cell: int
    digit: int
    right: int
    confidence: float
    reason: Reason


@dataclass(frozen=True)
class SudokuFilm:
    """A film, and what it says of each step: ``fills[i]`` are those of ``film.frames[i]``, none for the first."""

    film: Film
    fills: tuple[tuple[Fill, ...], ...]


def sudoku_film(
    title: str, puzzle: Integer[np.ndarray, "cells"], solution: Integer[np.ndarray, "cells"], trace: Trace, row: int = 0
) -> SudokuFilm:
    """The decoding of ``row`` of a batch in the cells form (:class:`generators.sudoku.SudokuCells`), with its notes.

    Cells that one step reveals together are all judged by the board before it, as the denoiser saw it.

    Args:
        solution: the puzzle's only one.
        trace: of the whole batch.
    Raises:
        ValueError: as :func:`analysis.films.film.film`, or grids that are none.
    """
    size = check_grids(np.stack([puzzle, solution]))
    start = SudokuCells(SudokuSource(side=size.side)).prompt(puzzle[None])[0]
    plain = film(title, start, trace, row, sudoku_layout(size), size.side)
    pairs = list(itertools.pairwise(plain.frames))
    fills = ((), *(_fills(before, after, solution) for before, after in pairs))
    taken_back = ((), *(np.flatnonzero((a.tokens < 0) & (b.tokens >= 0)).tolist() for b, a in pairs))
    describe = _NoteForm.of(fills, size)
    frames = [
        replace(
            frame,
            wrong=(wrong := tuple(np.flatnonzero((frame.tokens >= 0) & (_grid(frame) != solution)).tolist())),
            caption=f"{frame.caption}, {len(wrong)} wrong" if wrong else frame.caption,
            notes=(*map(describe.fill, written), *map(describe.taken_back, gone)),
        )
        for frame, written, gone in zip(plain.frames, fills, taken_back, strict=True)
    ]
    return SudokuFilm(Film(title, plain.layout, tuple(frames), describe.heading), fills)


def sudoku_layout(size: Size) -> Layout:
    """The square of cells with the rules of its boxes; rows and columns are numbered from 1."""
    square = np.arange(size.cells).reshape(size.side, size.side).tolist()
    numbers = tuple(str(number) for number in range(1, size.side + 1))
    rows, columns = (tuple(range(step, size.side, step)) for step in (size.box_rows, size.box_columns))
    return Layout(tuple(map(tuple, square)), numbers, tuple(size.symbols), (rows, columns), numbers)


def _grid(frame: Frame) -> UInt8[np.ndarray, "cells"]:
    return (frame.tokens + 1).astype(np.uint8)  # a mask is -1, an empty cell 0


def _fills(before: Frame, after: Frame, solution: Integer[np.ndarray, "cells"]) -> tuple[Fill, ...]:
    board, written = _grid(before), _grid(after)
    return tuple(
        Fill(
            step=int(after.order[cell]),
            cell=cell,
            digit=int(written[cell]),
            right=int(solution[cell]),
            confidence=float(after.confidence[cell]),
            reason=reason_for(board, solution, cell),
        )
        for cell, kind in enumerate(after.cells)
        if kind == "now"
    )


@dataclass(frozen=True)
class _NoteForm:
    """Notes of one film in columns as wide as their longest entries."""

    size: Size
    widths: tuple[int, ...]

    @classmethod
    def of(cls, fills: Sequence[Sequence[Fill]], size: Size) -> _NoteForm:
        entries = [_HEADING, *(cls._entries(fill, size) for step in fills for fill in step)]
        return cls(size, tuple(max(map(len, column)) for column in zip(*entries, strict=True)))

    @property
    def heading(self) -> str:
        return self._line(*_HEADING)

    def fill(self, fill: Fill) -> Note:
        return Note(self._line(*self._entries(fill, self.size)), fill.digit != fill.right)

    def taken_back(self, cell: int) -> Note:
        return Note(f"{'':>{self.widths[0]}}  {_name(cell, self.size)} masked again")

    def _line(self, step: str, cell: str, reason: str, confidence: str) -> str:
        a, b, c, _ = self.widths
        return f"{step:>{a}}  {cell:<{b}}  {reason:<{c}}  {confidence}"

    @staticmethod
    def _entries(fill: Fill, size: Size) -> tuple[str, str, str, str]:
        digit, right = size.symbols[fill.digit - 1], size.symbols[fill.right - 1]
        written = digit if digit == right else f"{digit}! ({right})"
        cell = f"{_name(fill.cell, size)} = {written}"
        return str(fill.step), cell, str(fill.reason), f"p = {fill.confidence:.2f}"


def _name(cell: int, size: Size) -> str:
    return f"r{cell // size.side + 1}c{cell % size.side + 1}"
