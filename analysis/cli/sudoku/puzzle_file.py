"""A person's file of Sudokus, of whatever size and format: what can be judged in it, and what was left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from analysis.puzzles.problems import SudokuBoards
from generators.sudoku.grid import SIZES
from generators.sudoku.reading import PuzzleBatch, stream_puzzles

FULL = "no empty cell"
_WRONG_LENGTH = "wrong length"


@dataclass(frozen=True)
class LeftOut:
    """Rows that cannot be judged, and lines that are none.

    Attributes:
        counts: how many for each reason, most frequent first.
        first: the first of them in a sentence, with its line; empty if there is none.
        skipped: lines that hold no puzzle, such as comments, by what they are.
        repeated: puzzles that are judged though they were in the file before.
    """

    counts: dict[str, int]
    first: str
    skipped: dict[str, int] = field(default_factory=dict)
    repeated: int = 0

    def __str__(self) -> str:
        """For people."""
        told = ", ".join(f"{count} {reason}" for reason, count in self.counts.items())
        return f"{told}; the first is {self.first}" if told else "none"

    @property
    def beside(self) -> list[str]:
        """Lines for people about what was skipped and repeated; none if nothing was, but for a header."""
        skipped = ", ".join(f"{count:,} of kind {what!r}" for what, count in self.skipped.items() if what != "header")
        lines = [f"skipped lines: {skipped}"] if skipped else []
        return lines + [f"repeated: {self.repeated:,} puzzles are in the file more than once"] * (self.repeated > 0)


@dataclass
class _Tally:
    """What was left out so far: counts, and the earliest row in words, not the rows themselves."""

    counts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    first: tuple[int, str, str] | None = None
    repeated: int = 0

    def add(self, batch: PuzzleBatch, full: np.ndarray, last: int | None) -> None:
        """Count what stands before line ``last``, in the whole batch if None."""
        found = [(line, FULL, "all digits are given.") for line in batch.lines[full].tolist()]
        found += [(r.line, r.reason, r.detail) for r in batch.rejections]
        found = [row for row in found if last is None or row[0] < last]
        self.counts.update(reason for _, reason, _ in found)
        self.skipped.update(what for line, what in batch.skipped if last is None or line < last)
        self.first = min([*([self.first] if self.first else []), *found], default=None)

    def told(self) -> LeftOut:
        """The tally as a value."""
        line, reason, detail = self.first or (0, "", "")
        first = f"line {line}: {reason}: {detail}" if self.first else ""
        return LeftOut(dict(self.counts.most_common()), first, dict(self.skipped.most_common()), self.repeated)


class _Grids:
    """Grids that become more: the system moves the block that they lie in, and no copy is made beside it."""

    def __init__(self) -> None:
        self._block, self._count = np.empty((0, 0), np.uint8), 0

    def add(self, grids: UInt8[np.ndarray, "n cells"]) -> None:
        """Append, with room for an eighth more."""
        wanted, cells = self._count + len(grids), grids.shape[1]
        if wanted > len(self._block) or not self._count:  # the first, though it be empty, says how wide a grid is
            self._block.resize((wanted + wanted // 8, cells), refcheck=False)
        self._block[self._count : wanted] = grids
        self._count = wanted

    def all(self) -> UInt8[np.ndarray, "n cells"]:
        """All of them."""
        self._block.resize((self._count, self._block.shape[1]), refcheck=False)
        return self._block


def read_boards(path: Path, limit: int | None = None, digits: str | None = None) -> tuple[SudokuBoards, LeftOut]:
    """Puzzles of one size with their solutions, and what was left out on the way to the last of them.

    The file is read as :func:`generators.sudoku.stream_puzzles` does, so every puzzle has exactly one solution; its
    size is the one that explains most of its beginning. A full grid is left out. What is kept is the boards, two bytes
    a cell, and counts.

    Args:
        limit: puzzles that are taken, from the beginning; what follows is not looked at.
        digits: of the file, such as "0-8", see there.
    Raises:
        ValueError: no puzzle that can be judged, or as there.
        OSError: as the system reports it.
    """
    tally, taken = _Tally(), 0
    puzzles, solutions = _Grids(), _Grids()
    for batch in _opened(path, digits):
        asks = (batch.puzzles == 0).any(axis=1)
        chosen = np.flatnonzero(asks)[: None if limit is None else limit - taken]
        taken += len(chosen)
        enough = taken == limit
        puzzles.add(batch.puzzles[chosen])
        solutions.add(batch.solutions[chosen])
        tally.repeated += 0 if batch.repeats is None else int(batch.repeats[chosen].sum())
        tally.add(batch, ~asks, int(batch.lines[chosen[-1]]) if enough else None)
        if enough:
            break
    told = tally.told()
    if not taken:
        raise ValueError(f"{path} holds no puzzle that can be judged. Left out: {told}")
    return SudokuBoards(puzzles.all(), solutions.all()), told


def _opened(path: Path, digits: str | None) -> Iterator[PuzzleBatch]:
    """The file from its beginning, unless that holds no grid of any size."""
    batches = stream_puzzles(path, side=None, digits=digits)
    seen = list[PuzzleBatch]()
    for batch in batches:
        seen.append(batch)
        if len(batch.puzzles) or any(r.reason != _WRONG_LENGTH for r in batch.rejections):
            return chain(seen, batches)
        if len(seen) == 2 and seen[0].rejections:
            break
    cells = ", ".join(str(size.cells) for size in SIZES.values())
    raise ValueError(
        f"{path} holds no grid: no row at its beginning has as many characters as a grid has cells ({cells}). A row is "
        "a puzzle, or a puzzle, a comma and its solution; '.' or '0' is an empty cell."
    )
