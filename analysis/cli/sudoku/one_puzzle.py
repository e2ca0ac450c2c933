"""One Sudoku as a person gives it, by text or by file, taken only if it has exactly one solution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8

from generators.sudoku.grid import check_givens, check_grids, parse_grid, place
from generators.sudoku.search import solve


def read_puzzle(words: str) -> UInt8[np.ndarray, "cells"]:
    """The grid that ``words`` spell, or that stands in the file of that name; white space is skipped in both.

    Raises:
        ValueError: neither a file nor a grid: a wrong number of cells, a character that is no digit of that size (with
            row and column), bytes that are no text.
        OSError: as the system reports it.
    """
    path = Path(words)
    if not _is_readable(path):
        try:
            return parse_grid(words)
        except ValueError as error:
            raise ValueError(f"--puzzle is the name of no file, and no grid either: {error}") from error
    try:
        return parse_grid(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of the grid, or of the bytes
        raise ValueError(f"{path} holds no grid: {error}") from error


def unique_solution(puzzle: Integer[np.ndarray, "cells"]) -> UInt8[np.ndarray, "cells"]:
    """The full grid that completes the puzzle.

    Raises:
        ValueError: givens that contradict each other (with both cells), a grid without an empty cell, no solution, or
            several (with the first cell in which two of them differ).
    """
    size = check_grids(puzzle[None])
    try:
        check_givens(puzzle)
    except ValueError as error:
        raise ValueError(f"the puzzle contradicts itself: {error}") from error
    if puzzle.all():
        raise ValueError("the grid is full: there is nothing to solve. Write '.' or '0' into the cells to be found.")
    found = solve(puzzle[None])
    if found.counts[0] == 0:
        raise ValueError(
            "the puzzle has no solution, though no digit stands twice in a row, column or box. Is a given mistyped?"
        )
    solution = found.solutions[0]
    if found.counts[0] > 1:
        cell, other = _first_difference(puzzle, solution)
        raise ValueError(
            f"the puzzle has several solutions: {place(cell, size)} holds {size.symbols[solution[cell] - 1]} in one "
            f"and {size.symbols[other - 1]} in another. Give more digits."
        )
    return solution


def _first_difference(puzzle: Integer[np.ndarray, "cells"], solution: Integer[np.ndarray, "cells"]) -> tuple[int, int]:
    """The first cell that some solution fills otherwise, and the smallest other digit there."""
    size = check_grids(puzzle[None])
    trials = [
        (cell, digit)
        for cell in np.flatnonzero(puzzle == 0).tolist()
        for digit in range(1, size.side + 1)
        if digit != solution[cell]
    ]
    for cell, digit in trials:
        changed = puzzle.copy()
        changed[cell] = digit
        if solve(changed[None]).counts[0]:
            return cell, digit
    raise AssertionError("a puzzle with two solutions has a cell in which they differ")


def _is_readable(path: Path) -> bool:
    """Whether it is a file or a pipe."""
    try:
        return path.exists() and not path.is_dir()
    except OSError:  # longer than a name may be, as a 16x16 grid is
        return False
