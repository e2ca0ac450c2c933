"""Grids of four sizes as rows of digits, their text form, and errors that name the row and the column.

A grid is a row of ``side * side`` numbers, cell by cell from the top left, 0 where it is empty: the layout in which the
public files store a puzzle and a model reads it. Messages count rows and columns from 1, arrays from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int64, Integer, UInt8

_SYMBOLS = "123456789ABCDEFG"
_EMPTY = ".0"


@dataclass(frozen=True)
class Size:
    """The shape of a Sudoku: boxes of ``box_rows`` x ``box_columns`` cells, as many digits as cells in a box."""

    box_rows: int
    box_columns: int

    @property
    def side(self) -> int:
        """Number of rows, of columns, of boxes and of digits."""
        return self.box_rows * self.box_columns

    @property
    def cells(self) -> int:
        """Length of a grid."""
        return self.side**2

    @property
    def symbols(self) -> str:
        """Characters of the digits 1, 2, ...: after 9 come A to G."""
        return _SYMBOLS[: self.side]

    @cached_property
    def groups(self) -> Int64[np.ndarray, "groups side"]:
        """Cells of every row, then of every column, then of every box, boxes in reading order."""
        grid = np.arange(self.cells).reshape(self.side, self.side)
        boxes = grid.reshape(self.side // self.box_rows, self.box_rows, self.side // self.box_columns, self.box_columns)
        return np.ascontiguousarray(np.concatenate([grid, grid.T, boxes.swapaxes(1, 2).reshape(self.side, -1)]))

    @cached_property
    def group_of(self) -> Int64[np.ndarray, "cells 3"]:
        """Row, column and box of every cell, as indices into :attr:`groups`."""
        out = np.empty((self.cells, 3), dtype=np.int64)
        for number, group in enumerate(self.groups):
            out[group, number // self.side] = number
        return out

    @cached_property
    def sees(self) -> Bool[np.ndarray, "cells cells"]:
        """Whether two different cells share a group."""
        shared = (self.group_of[:, None] == self.group_of[None]).any(axis=-1)
        return shared & ~np.eye(self.cells, dtype=bool)

    @cached_property
    def peers(self) -> Int64[np.ndarray, "cells peers"]:
        """The cells that each cell sees, ascending."""
        return np.nonzero(self.sees)[1].reshape(self.cells, -1)


SIZES = {4: Size(2, 2), 6: Size(2, 3), 9: Size(3, 3), 16: Size(4, 4)}


def size_of(cells: int) -> Size:
    """The size whose grids have that many cells.

    Raises:
        ValueError: no size has.
    """
    for size in SIZES.values():
        if size.cells == cells:
            return size
    known = ", ".join(f"{s.cells} ({side}x{side})" for side, s in SIZES.items())
    raise ValueError(f"a grid has {known} cells; got {cells}. Empty cells are written as '.' or '0', none is left out.")


def parse_grid(text: str) -> UInt8[np.ndarray, "cells"]:
    """The grid written in ``text``, (cells,); white space is skipped, so one line and a square of lines are the same.

    Raises:
        ValueError: a wrong number of cells, or a character that is no digit of that size, with row and column.
    """
    compact = "".join(text.split())
    size = size_of(len(compact))
    grid = np.zeros(size.cells, dtype=np.uint8)
    for cell, character in enumerate(compact.upper()):
        if character in _EMPTY:
            continue
        if character not in size.symbols:
            raise ValueError(
                f"{place(cell, size)} holds {compact[cell]!r}; a cell of a {size.side}x{size.side} grid holds one of "
                f"{size.symbols}, or '.' or '0' if it is empty."
            )
        grid[cell] = size.symbols.index(character) + 1
    return grid


def grid_text(grid: Integer[np.ndarray, "cells"]) -> str:
    """The grid in one line, '.' for empty: the inverse of :func:`parse_grid`."""
    return "".join("." if digit == 0 else _SYMBOLS[digit - 1] for digit in grid.tolist())


def place(cell: int, size: Size) -> str:
    """Row and column of a cell for a person."""
    return f"row {cell // size.side + 1}, column {cell % size.side + 1}"


def check_grids(grids: np.ndarray) -> Size:
    """The size of a batch of grids (n, cells), after a look at its shape, type and digits.

    Raises:
        ValueError: another shape, no integers, or a digit out of range, with grid, row and column.
    """
    if grids.ndim != 2 or not np.issubdtype(grids.dtype, np.integer):
        raise ValueError(f"grids must be integers of shape (n, cells); got {grids.dtype} of shape {grids.shape}.")
    size = size_of(grids.shape[1])
    outside = (grids < 0) | (grids > size.side)
    if outside.any():
        number, cell = (int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"grid {number}, {place(cell, size)} holds {grids[number, cell]}; the digits of a {size.side}x{size.side} "
            f"grid are 1..{size.side}, and 0 is empty."
        )
    return size


def contradicting(grids: Integer[np.ndarray, "n cells"]) -> Bool[np.ndarray, "n"]:
    """Whether some row, column or box of a grid holds a digit twice, (n, cells) -> (n,).

    Raises:
        ValueError: as :func:`check_grids`.
    """
    size = check_grids(grids)
    bits = np.where(grids > 0, 1 << grids.astype(np.int32), 0)
    out = np.zeros(len(grids), dtype=bool)
    for group in size.groups:
        members = bits[:, group]
        out |= np.add.reduce(members, axis=1) != np.bitwise_or.reduce(members, axis=1)
    return out


def check_givens(grid: Integer[np.ndarray, "cells"]) -> None:
    """Raise unless no digit stands twice in a row, column or box.

    Raises:
        ValueError: the two cells that contradict each other; or as :func:`check_grids`.
    """
    size = check_grids(grid[None])
    for number, group in enumerate(size.groups):
        seen: dict[int, int] = {}
        for cell in group.tolist():
            digit = int(grid[cell])
            if digit and digit in seen:
                kind = ("row", "column", "box")[number // size.side]
                raise ValueError(
                    f"{size.symbols[digit - 1]} stands twice in {kind} {number % size.side + 1}: "
                    f"at {place(seen[digit], size)} and at {place(cell, size)}."
                )
            seen[digit] = cell


def check_all_givens(grids: Integer[np.ndarray, "n cells"], what: str = "puzzle") -> None:
    """:func:`check_givens` of a batch; ``what`` a grid is, for the message.

    Raises:
        ValueError: as there, with the number of the grid.
    """
    wrong = contradicting(grids)
    if wrong.any():
        number = int(np.flatnonzero(wrong)[0])
        try:
            check_givens(grids[number])
        except ValueError as error:
            raise ValueError(f"{what} {number}: {error}") from None


def completes(solutions: Integer[np.ndarray, "n cells"], puzzles: Integer[np.ndarray, "n cells"]) -> np.ndarray:
    """Whether each solution is a full valid grid that keeps every given of its puzzle, (n,) bool."""
    kept = ((puzzles == 0) | (puzzles == solutions)).all(axis=1)
    return kept & (solutions > 0).all(axis=1) & ~contradicting(solutions)
