"""Puzzles in NumPy arrays, read in pieces: cells, squares, pairs, one-hot, floats that are whole, Shah's rows."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Shaped, UInt8

from generators.sudoku.files.cells import BAD
from generators.sudoku.files.names import find_columns
from generators.sudoku.grid import SIZES, Size

_LIKELIEST = (9, 6, 4, 16)
_VERSIONS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_FAULTS = (ValueError, SyntaxError, TypeError, EOFError, Warning, OverflowError)


@dataclass(frozen=True, eq=False)
class ArrayStream:
    """An array whose rows are read one piece after another.

    Attributes:
        shape, dtype: of the whole.
        pieces: (rows at most) -> its pieces.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    stream: io.BufferedIOBase
    fortran: bool

    def pieces(self, rows: int) -> Iterator[Shaped[np.ndarray, "n ..."]]:
        """Pieces of so many rows.

        Raises:
            ValueError: the file ends early.
        """
        if self.fortran:  # rows lie scattered: all of it, or nothing
            whole = np.frombuffer(self._bytes(math.prod(self.shape)), dtype=self.dtype)
            array = whole.reshape(self.shape[::-1]).T
            yield from (array[start : start + rows] for start in range(0, len(array), rows))
            return
        width = math.prod(self.shape[1:])
        for start in range(0, self.shape[0], rows):
            count = min(rows, self.shape[0] - start)
            flat = np.frombuffer(self._bytes(count * width), dtype=self.dtype)
            yield flat.reshape(count, *self.shape[1:])

    def _bytes(self, values: int) -> bytes:
        wanted = values * self.dtype.itemsize
        found = self.stream.read(wanted)
        if len(found) != wanted:
            raise ValueError("the array is truncated: it ends before its last row. Write it again, with numpy.save.")
        return found


def open_array(stream: io.BufferedIOBase, what: str) -> ArrayStream:
    """The array in a stream of ``.npy`` bytes; nothing but numbers and texts, and no pickle.

    Raises:
        ValueError: it is none; ``what`` names it.
    """
    try:
        version = np.lib.format.read_magic(stream)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            shape, fortran, dtype = _VERSIONS[version](stream)
    except (*_FAULTS, KeyError) as error:
        raise ValueError(
            f"{what} is no array of numbers that NumPy wrote, or is damaged ({ascii(str(error))[1:100]}). Save it with "
            "numpy.save; no pickle is read."
        ) from error
    if dtype.kind not in "biufUS" or not shape or any(n < 0 for n in shape):
        raise ValueError(
            f"{what} is no array of numbers that NumPy wrote: it holds {dtype} of shape {shape}, and no pickle is "
            "read. Save puzzles as integers of shape (n, 81)."
        )
    if len(shape) in (1, 2) and dtype.kind not in "US" and _one_grid(shape):
        shape = (1, *shape)
    return ArrayStream(shape, dtype, stream, fortran and len(shape) > 1)


def _one_grid(shape: tuple[int, ...]) -> bool:
    """Whether a whole array is one grid: (81,) or (9, 9); (16, 16) may be sixteen of 4x4, which is tried first."""
    cells = {size.cells for size in SIZES.values()}
    return (len(shape) == 1 and shape[0] in cells) or (
        len(shape) == 2 and shape[0] == shape[1] and shape[0] in (4, 6, 9)
    )


def open_pair(path: Path, archive: zipfile.ZipFile) -> tuple[ArrayStream, ArrayStream | None]:
    """Puzzles, and perhaps solutions, of an ``.npz``: its only array, or those with such names.

    Raises:
        ValueError: several arrays of other names, with these.
    """
    names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
    puzzle, solution = find_columns(names)
    if puzzle is None and len(names) == 1:
        puzzle, solution = 0, None
    if puzzle is None:
        raise ValueError(
            f"{path} holds the arrays {', '.join(ascii(name[:40]) for name in names[:8])}; call one of them puzzles, "
            "and perhaps one solutions."
        )
    chosen = [names[place] for place in (puzzle, solution) if place is not None]
    opened = [open_array(_member(archive, name), f"{path}, array {name[:40]!a},") for name in chosen]
    return opened[0], opened[1] if len(opened) == 2 else None


def _member(archive: zipfile.ZipFile, name: str) -> io.BufferedIOBase:
    return cast(io.BufferedIOBase, archive.open(f"{name}.npy"))


@dataclass(frozen=True)
class Shape:
    """How the rows of an array hold grids.

    Attributes:
        size: of the grids.
        pair: whether a row is a puzzle and its solution.
        classes: of a one-hot code, 0 if it is none; ``side + 1`` of them begin with "empty".
        shah: rows of 1 + 4 * cells integers.
    """

    size: Size
    pair: bool = False
    classes: int = 0
    shah: bool = False


def shape_of(shape: tuple[int, ...], side: int | None, top: int = 0) -> Shape:
    """What an array of that shape holds.

    Args:
        side: of the grids; None: whatever fits.
        top: the largest number among the first rows: more than 4 are no 4x4 grids.
    Raises:
        ValueError: nothing that is known.
    """
    for each in _LIKELIEST if side is None else (side,):
        size, inner = SIZES[each], shape[1:]
        if each == 4 and top > 4 and shape == (16, 16) and side is None:
            continue
        if each == 16 and shape == (16, 16):
            return Shape(size)
        cells, square = (size.cells,), (each, each)
        for classes in (each, each + 1):
            if inner in ((*cells, classes), (*square, classes)):
                return Shape(size, classes=classes)
        if inner in (cells, square):
            return Shape(size)
        if inner in ((2, *cells), (2, *square), (2 * size.cells,)):
            return Shape(size, pair=True)
        if inner == (1 + 4 * size.cells,):
            return Shape(size, shah=True)
    name = 9 if side is None else side
    n = SIZES[name].cells
    raise ValueError(
        f"rows of {name}x{name} grids have shape (n, {1 + 4 * n}), (n, {n}), (n, {name}, {name}), (n, 2, {n}), or one-"
        f"hot (n, {n}, {name + 1}) and (n, {name}, {name}, {name + 1}); got {shape}."
    )


def digit_codes(rows: Any, layout: Shape, lowest: int) -> UInt8[np.ndarray, "n cells"]:
    """Numbers or one-hot codes of grids -> digits from 1, 0 for empty, :data:`BAD` for what is neither.

    Args:
        rows: (n, cells), (n, side, side), or with an axis of classes behind.
        lowest: 1; or 0, where -1 or ``side`` stands for an empty cell.
    """
    n, size = len(rows), layout.size
    if layout.classes:
        coded = rows.reshape(n, size.cells, layout.classes)
        whole = ((coded == 0) | (coded == 1)).all(axis=2) & (coded.sum(axis=2) <= 1)
        digit = coded.argmax(axis=2) + (layout.classes == size.side) * (coded.sum(axis=2) > 0)
        return np.where(whole, digit, BAD).astype(np.uint8)
    grid = rows.reshape(n, size.cells)
    if grid.dtype.kind == "f":
        grid = np.where(np.isnan(grid), -1.0 if lowest == 0 else 0.0, grid)
        whole = (grid == np.floor(grid)) & (np.abs(grid) < 1000)
        grid = np.where(whole, grid, 999.0).astype(np.int64)
    grid = grid.astype(np.int64) + (1 - lowest)
    if lowest == 0:
        return np.where((grid == 0) | (grid == size.side + 1), 0, _within(grid, size)).astype(np.uint8)
    return np.where(grid == 0, 0, _within(grid, size)).astype(np.uint8)


def _within(grid: np.ndarray, size: Size) -> np.ndarray:
    return np.where((grid >= 1) & (grid <= size.side), grid, BAD)
