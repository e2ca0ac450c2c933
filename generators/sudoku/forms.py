"""Sudokus as prompted rows: one token per cell, or one triple (row, column, digit) per cell in a chosen order.

Cells are the form of masked diffusion, which knows where a token stands. Triples are the form of Shah et al. (2024),
in which a left-to-right model says where it writes and what; their order says how much of the solver it is shown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Int64, Integer, UInt8

from generators.prompted import Order, agreed, check_answer_order, form_fingerprint, mark_given, random_order
from generators.sudoku.create import SudokuSource
from generators.sudoku.grid import Size, check_all_givens, check_grids, completes, place
from generators.sudoku.human import STUCK, solve_by_strategies
from generators.sudoku.shah import givens_then_fills

_SOLVABLE = (2, STUCK - 1)


@dataclass(frozen=True)
class SudokuCells:
    """A row is a grid: L = cells, V = side, token = digit - 1, cell by cell from the top left, givens marked.

    Args:
        source: where the puzzles of :meth:`rows` come from; its side is that of every puzzle.
    Cost: 1 microsecond for 9x9, under 1% of making the puzzle.
    """

    source: SudokuSource

    @property
    def fingerprint(self) -> str:
        """Names form and source."""
        return form_fingerprint("SudokuCells", asdict(self.source))

    @property
    def length(self) -> int:
        """Tokens per row: the cells."""
        return self.source.size.cells

    @property
    def vocabulary(self) -> int:
        """Number of tokens: the digits. It is the mask id too."""
        return self.source.side

    def rows(self, sample_seed: int, start: int, stop: int) -> Int64[np.ndarray, "n L"]:
        """Prompted rows of the source's puzzles ``start..stop-1``."""
        made = self.source.rows(sample_seed, start, stop)
        return self.encode(made.puzzles, made.solutions)

    def encode(
        self, puzzles: Integer[np.ndarray, "n cells"], solutions: Integer[np.ndarray, "n cells"]
    ) -> Int64[np.ndarray, "n L"]:
        """Prompted rows of puzzles with their solutions.

        Raises:
            ValueError: another side than the source's, or a solution that is no valid grid or contradicts its puzzle.
        """
        _check_solved(self.source.size, puzzles, solutions)
        return mark_given(solutions.astype(np.int64) - 1, puzzles > 0)

    def prompt(self, puzzles: Integer[np.ndarray, "n cells"]) -> Int64[np.ndarray, "n L"]:
        """Tokens of the puzzles, the mask id in their empty cells.

        Raises:
            ValueError: another side than the source's, a digit out of range, contradicting givens.
        """
        _check_puzzles(self.source.size, puzzles)
        return np.where(puzzles > 0, puzzles.astype(np.int64) - 1, self.vocabulary)

    def read(self, tokens: Integer[np.ndarray, "n L"]) -> UInt8[np.ndarray, "n cells"]:
        """The grids that rows of tokens write; 0 where a token is no digit, a mask for one.

        Raises:
            ValueError: rows of another length.
        """
        _check_length(tokens, self.length)
        return np.where((tokens >= 0) & (tokens < self.vocabulary), tokens + 1, 0).astype(np.uint8)


@dataclass(frozen=True)
class SudokuTriples:
    """A row is a list of triples (row, column, digit - 1), all from 0: L = 3 * cells, V = side.

    The givens come first and are marked, then the empty cells.

    Args:
        source: where the puzzles of :meth:`rows` come from; its side is that of every puzzle.
        order: of the empty cells: "fixed" in reading order; "solver" as the strategies fill them ("sound" dialect);
            "random" a fresh uniformly random order for every row. Givens stand in reading order, with "random" in a
            random order of their own, as in the published code.
    Raises:
        ValueError: an unknown order; "solver" with a source whose puzzles the strategies may not solve.
    Cost: 4 to 6 microseconds for 9x9, "solver" 10 to 22: 1 to 4 and 4 to 7% of making the puzzle.
    """

    source: SudokuSource
    order: Order = "fixed"

    def __post_init__(self) -> None:
        """Refuse what would stop a run on its way."""
        check_answer_order(self.order, self.source.levels, _SOLVABLE)

    @property
    def fingerprint(self) -> str:
        """Names form, source and order."""
        return form_fingerprint("SudokuTriples", asdict(self.source), order=self.order)

    @property
    def length(self) -> int:
        """Tokens per row: three per cell."""
        return 3 * self.source.size.cells

    @property
    def vocabulary(self) -> int:
        """Number of tokens: rows, columns and digits share them. It is the mask id too."""
        return self.source.side

    def rows(self, sample_seed: int, start: int, stop: int) -> Int64[np.ndarray, "n L"]:
        """Prompted rows of the source's puzzles ``start..stop-1``."""
        made = self.source.rows(sample_seed, start, stop)
        return self.encode(made.puzzles, made.solutions, seed=sample_seed, start=start)

    def encode(
        self,
        puzzles: Integer[np.ndarray, "n cells"],
        solutions: Integer[np.ndarray, "n cells"],
        *,
        seed: int = 0,
        start: int = 0,
    ) -> Int64[np.ndarray, "n L"]:
        """Prompted rows of puzzles with their solutions.

        Args:
            puzzles, solutions: (n, cells).
            seed, start: only for "random": the order of puzzle i is that of row ``start + i`` under ``seed``.
        Raises:
            ValueError: another side than the source's, a solution that is no valid grid or contradicts its puzzle, or,
                with order "solver", a puzzle that the strategies do not solve.
        """
        _check_solved(self.source.size, puzzles, solutions)
        order = _solver_order(puzzles) if self.order == "solver" else self._givens_first(puzzles, seed, start)
        given = np.take_along_axis(puzzles, order, axis=1) > 0
        return mark_given(self._triples(solutions, order), np.repeat(given, 3, axis=1))

    def prompt(
        self, puzzles: Integer[np.ndarray, "n cells"], *, seed: int = 0, start: int = 0
    ) -> Int64[np.ndarray, "n L"]:
        """Tokens of the givens, then the mask id: what :meth:`encode` of the same arguments marks as given.

        Raises:
            ValueError: another side than the source's, a digit out of range, contradicting givens.
        """
        _check_puzzles(self.source.size, puzzles)
        order = self._givens_first(puzzles, seed, start)
        given = np.take_along_axis(puzzles, order, axis=1) > 0
        return np.where(np.repeat(given, 3, axis=1), self._triples(puzzles, order), self.vocabulary)

    def read(self, tokens: Integer[np.ndarray, "n L"]) -> UInt8[np.ndarray, "n cells"]:
        """The grids that rows of triples write, whatever their order.

        A cell is 0 if no triple names it, if a triple that names it holds no digit, or if two triples that name it
        disagree. A triple without a row or a column is passed over. So a full grid comes of a full list alone.

        Raises:
            ValueError: rows of another length.
        """
        _check_length(tokens, self.length)
        side = self.source.side
        triples = tokens.astype(np.int64).reshape(-1, self.source.size.cells, 3)
        inside = (triples >= 0) & (triples < side)
        row, column, digit = np.moveaxis(triples, 2, 0)
        cell = np.where(inside[:, :, 0] & inside[:, :, 1], row * side + column, -1)
        written = agreed(cell, np.where(inside[:, :, 2], digit + 1, 0), self.source.size.cells, 0)
        return written.astype(np.uint8)

    def _givens_first(self, puzzles: np.ndarray, seed: int, start: int) -> Int64[np.ndarray, "n cells"]:
        empty = puzzles == 0
        if self.order == "random":
            return random_order(empty, seed, start)
        return np.argsort(empty, axis=1, kind="stable")

    def _triples(self, grids: np.ndarray, order: np.ndarray) -> Int64[np.ndarray, "n L"]:
        """Digits of empty cells come out as nonsense, for the caller to hide."""
        row, column = np.divmod(order, self.source.side)
        digit = np.take_along_axis(grids, order, axis=1).astype(np.int64) - 1
        return np.stack([row, column, digit], axis=2).reshape(-1, self.length)


def _solver_order(puzzles: Integer[np.ndarray, "n cells"]) -> Int64[np.ndarray, "n cells"]:
    """Givens in reading order, then the fills of the strategies."""
    result = solve_by_strategies(puzzles)
    if not result.solved.all():
        number = int(np.flatnonzero(~result.solved)[0])
        raise ValueError(
            f"row {number}: the strategies do not solve this puzzle, so it has no solver's order. Make puzzles with "
            f"levels={_SOLVABLE}, or keep those where solve_by_strategies(puzzles).solved is True."
        )
    return givens_then_fills(puzzles, result)


def _check_puzzles(size: Size, puzzles: np.ndarray) -> None:
    _check_side(size, puzzles, "puzzles")
    check_all_givens(puzzles)


def _check_solved(size: Size, puzzles: np.ndarray, solutions: np.ndarray) -> None:
    _check_side(size, puzzles, "puzzles")
    _check_side(size, solutions, "solutions")
    if len(puzzles) != len(solutions):
        raise ValueError(f"need one solution per puzzle; got {len(solutions)} for {len(puzzles)}.")
    if completes(solutions, puzzles).all():
        return
    check_all_givens(puzzles)
    differs = np.argwhere((solutions == 0) | (puzzles > 0) & (puzzles != solutions))
    if len(differs):
        number, cell = (int(i) for i in differs[0])
        has, given = (grids[number, cell] or "nothing" for grids in (solutions, puzzles))
        raise ValueError(
            f"solution {number} has {has} at {place(cell, size)}, its puzzle {given}. A solution is a full grid that "
            f"keeps the givens."
        )
    check_all_givens(solutions, "solution")


def _check_side(size: Size, grids: np.ndarray, what: str) -> None:
    seen = check_grids(grids)
    if seen.side != size.side:
        raise ValueError(
            f"{what} have side {seen.side}; those of the source have {size.side}. Make the form with "
            f"SudokuSource(side={seen.side})."
        )


def _check_length(tokens: np.ndarray, length: int) -> None:
    if tokens.ndim != 2 or tokens.shape[1] != length:
        raise ValueError(f"rows have shape (n, {length}); got {tokens.shape}.")
