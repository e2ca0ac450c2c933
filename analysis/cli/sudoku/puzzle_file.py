"""A person's file of Sudokus, of whatever size: what can be judged in it, and what was left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from analysis.puzzles.problems import SudokuBoards
from generators.sudoku.grid import SIZES, Size
from generators.sudoku.reading import PuzzleBatch, stream_puzzles

FULL = "no empty cell"
_WRONG_LENGTH = "wrong length"
_LIKELIEST = (9, 6, 4, 16)  # sides in the order in which they are tried


@dataclass(frozen=True)
class LeftOut:
    """Rows that cannot be judged.

    Attributes:
        counts: how many for each reason, most frequent first.
        first: the first of them in a sentence, with its line; empty if there is none.
    """

    counts: dict[str, int]
    first: str

    def __str__(self) -> str:
        """For people."""
        told = ", ".join(f"{count} {reason}" for reason, count in self.counts.items())
        return f"{told}; the first is {self.first}" if told else "none"


def read_boards(path: Path, limit: int | None = None) -> tuple[SudokuBoards, LeftOut]:
    """Puzzles of one size with their solutions, and what was left out on the way to the last of them.

    The file is read as :func:`generators.sudoku.stream_puzzles` does, so every puzzle has exactly one solution. Its
    size is the first of 9x9, 6x6, 4x4 and 16x16 that some row among the first thousands has. A full grid is left out.

    Args:
        limit: puzzles that are taken, from the beginning; what follows is not looked at.
    Raises:
        ValueError: no puzzle that can be judged, or as there.
        OSError: as the system reports it.
    """
    size, batches = _open(path)
    left_out, taken = list[tuple[int, str, str]](), 0
    puzzles, solutions = [np.empty((0, size.cells), np.uint8)], [np.empty((0, size.cells), np.uint8)]
    for batch in batches:
        asks = (batch.puzzles == 0).any(axis=1)
        chosen = np.flatnonzero(asks)[: None if limit is None else limit - taken]
        taken += len(chosen)
        enough = taken == limit
        puzzles.append(batch.puzzles[chosen])
        solutions.append(batch.solutions[chosen])
        full = [(line, FULL, "all digits are given.") for line in batch.lines[~asks].tolist()]
        found = [*full, *((r.line, r.reason, r.detail) for r in batch.rejections)]
        last = int(batch.lines[chosen[-1]]) if enough else None
        left_out += [(line, reason, detail) for line, reason, detail in found if last is None or line < last]
        if enough:
            break
    told = _told(left_out)
    if not taken:
        raise ValueError(f"{path} holds no puzzle that can be judged. Left out: {told}")
    return SudokuBoards(np.concatenate(puzzles), np.concatenate(solutions)), told


def _open(path: Path) -> tuple[Size, Iterator[PuzzleBatch]]:
    """The size of the puzzles, and the file from its beginning."""
    refused = None
    for side in _LIKELIEST:
        batches = stream_puzzles(path, side=side)
        try:
            first = next(batches, None)
        except ValueError as error:  # an array of another size, or what no size mends
            refused = refused or error
            continue
        if first is not None and (len(first.puzzles) or any(r.reason != _WRONG_LENGTH for r in first.rejections)):
            return SIZES[side], chain([first], batches)
    if refused is not None:
        raise refused
    cells = ", ".join(str(size.cells) for size in SIZES.values())
    raise ValueError(
        f"{path} holds no grid: no row at its beginning has as many characters as a grid has cells ({cells}). A row is "
        "a puzzle, or a puzzle, a comma and its solution; '.' or '0' is an empty cell."
    )


def _told(left_out: list[tuple[int, str, str]]) -> LeftOut:
    if not left_out:
        return LeftOut({}, "")
    line, reason, detail = min(left_out)
    return LeftOut(dict(Counter(why for _, why, _ in left_out).most_common()), f"line {line}: {reason}: {detail}")
