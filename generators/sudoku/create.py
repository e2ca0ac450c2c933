"""An endless, reproducible stream of puzzles with unique solutions: clues, difficulty, train or test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt64

from generators.ground.compiled import kernel
from generators.ground.draws import words
from generators.sudoku.fill import MOVES_PER_SIDE, fill_grid
from generators.sudoku.grid import SIZES, Size
from generators.sudoku.human import STRATEGY_NAMES, STUCK, level_of, solve_one
from generators.sudoku.removal import remove_clues
from generators.sudoku.strategies import SOUND
from generators.sudoku.symmetry import key_limit, key_of

Part = Literal["all", "train", "test"]
_STREAM = 0  # of generators.ground.draws.words
_ATTEMPTS = 10_000  # for one puzzle
_PARTS = {"all": 0, "train": 1, "test": 2}
# No puzzle has fewer (9x9: McGuire et al. 2012); at 16x16 some have, but random removal ends at 95 or so.
_FEWEST = {4: 4, 6: 8, 9: 17, 16: 90}


@dataclass(frozen=True)
class PuzzleRows:
    """Puzzles and their unique solutions, both (n, cells), and the draws that each took (n,)."""

    puzzles: UInt8[np.ndarray, "n cells"]
    solutions: UInt8[np.ndarray, "n cells"]
    attempts: Int64[np.ndarray, "n"]


@dataclass(frozen=True, kw_only=True)
class SudokuSource:
    """A law of puzzles, as plain values.

    A draw fills a grid (see :mod:`generators.sudoku.fill` for its law) and visits its cells in random order, emptying
    each if the solution stays unique. A draw that misses what is asked for below is thrown away and repeated.

    Args:
        side: 4, 6, 9 or 16.
        clues: emptying stops there, so every puzzle has exactly that many; None empties as far as it goes, which leaves
            a puzzle without a superfluous clue (24.4 of 81 on average, as in Radcliffe's collection).
        levels: lowest and highest strategy number that a puzzle may take at its hardest step ("sound" dialect):
            (2, 8) are the puzzles that the seven strategies solve, (9, 9) those that need a guess. None: any.
        part: "train" and "test" never have a puzzle in common up to symmetry, whatever the seeds. A hash of the class
            decides where a puzzle belongs, so at 9x9 the law of either part is, as far as one can see, that of "all".
        test_share: the share of puzzles that belong to "test".
    Raises:
        ValueError: an unknown side or part, clues that no unique puzzle has (at 16x16: fewer than 90), levels outside
            2..9 or in reverse, a share outside (0, 1).
    """

    side: int = 9
    clues: int | None = None
    levels: tuple[int, int] | None = None
    part: Part = "all"
    test_share: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what no stream can deliver."""
        if self.side not in SIZES:
            raise ValueError(f"side must be one of {sorted(SIZES)}; got {self.side}.")
        if self.clues is not None and not _FEWEST[self.side] <= self.clues <= self.side**2:
            raise ValueError(
                f"clues of a {self.side}x{self.side} puzzle lie between {_FEWEST[self.side]} and {self.side**2} here; "
                f"got {self.clues}. Leave it out for puzzles without a superfluous clue."
            )
        if self.levels is not None and not 2 <= self.levels[0] <= self.levels[1] <= STUCK:
            known = ", ".join(f"{number} {name}" for number, name in STRATEGY_NAMES.items() if number)
            raise ValueError(f"levels are a lowest and a highest of {known}; got {self.levels}.")
        if self.part not in _PARTS:
            raise ValueError(f"part must be one of {sorted(_PARTS)}; got {self.part!r}.")
        key_limit(self.test_share)

    @property
    def size(self) -> Size:
        """Boxes, groups, neighbours."""
        return SIZES[self.side]

    def rows(self, sample_seed: int, start: int, stop: int) -> PuzzleRows:
        """Puzzles ``start..stop-1`` of the endless sample named by ``sample_seed``.

        Row i depends on (source, sample_seed, i) alone, so pieces agree with the whole and rows can be made in
        parallel, by threads too: the kernels release the interpreter's lock.

        Raises:
            ValueError: a bad range, a negative seed, or no puzzle of the wanted kind in 10,000 draws of a row.
        Cost: 0.35 ms a draw for 9x9 without superfluous clues, less with more clues. Draws that a puzzle takes: 1.2 for
            25 clues, 1.8 for 24, 5 for 23, 26 for 22; 1.6 for levels (2, 8) and 2.8 for (9, 9).
        """
        keys = words(sample_seed, _STREAM, start, stop)
        shape = (len(keys), self.size.cells)
        puzzles, solutions = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
        attempts = np.zeros(len(keys), dtype=np.int64)
        size = self.size
        low, high = self.levels or (0, STUCK)
        _create_rows(
            keys,
            size.groups,
            size.group_of,
            size.peers,
            size.sees,
            size.box_rows,
            size.box_columns,
            MOVES_PER_SIDE * size.side,
            self.clues or 0,
            low,
            high,
            _PARTS[self.part],
            key_limit(self.test_share),
            puzzles,
            solutions,
            attempts,
        )
        if not attempts.all():
            row = start + int(np.flatnonzero(attempts == 0)[0])
            raise ValueError(
                f"row {row}: none of {_ATTEMPTS} draws gave a puzzle of the wanted kind: {self}. Ask for more clues or "
                f"a wider range of levels."
            )
        return PuzzleRows(puzzles, solutions, attempts)


@kernel
def _create_rows(
    keys: UInt64[np.ndarray, "n"],
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
    peers: Int64[np.ndarray, "cells p"],
    sees: Bool[np.ndarray, "cells cells"],
    box_rows: int,
    box_columns: int,
    moves: int,
    clues: int,
    low: int,
    high: int,
    part: int,
    cut: np.uint64,
    puzzles: UInt8[np.ndarray, "n cells"],
    solutions: UInt8[np.ndarray, "n cells"],
    attempts: Int64[np.ndarray, "n"],
) -> None:
    cells = puzzles.shape[1]
    cand, done = np.empty((cells + 1, cells), np.int32), np.empty((cells + 1, cells), np.uint8)
    queue, choice, state = np.empty(cells, np.int32), np.empty((cells + 1, 2), np.int32), np.empty(1, np.uint64)
    steps, filled = np.empty((cells * (groups.shape[1] + 1), 3), np.int64), np.empty(cells, np.uint8)
    for row in range(len(keys)):
        state[0] = keys[row]
        for attempt in range(1, _ATTEMPTS + 1):
            grid = solutions[row]
            fill_grid(grid, cand, done, queue, choice, groups, group_of, peers, box_rows, box_columns, moves, state)
            puzzles[row] = grid
            left = remove_clues(puzzles[row], clues, cand, done, queue, choice, groups, group_of, peers, state)
            if clues and left != clues:
                continue
            if part and (part == 2) != (key_of(puzzles[row], grid, groups, group_of) < cut):
                continue
            if low > 0 or high < STUCK:
                filled[:] = puzzles[row]
                made = solve_one(filled, cand[0], groups, group_of, peers, sees, SOUND, steps)
                if not low <= level_of(filled, groups, steps, made) <= high:
                    continue
            attempts[row] = attempt
            break
