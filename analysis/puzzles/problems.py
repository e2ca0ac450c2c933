"""The two kinds of puzzles behind one face: forms for the learners, boards to test on, a judge, a solver's order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int8, Int64, UInt8
from torch import Tensor

from analysis.puzzles.judging import Judgement, judge_sudoku, judge_zebra
from analysis.puzzles.order.solver import SolverOrder, sudoku_solver_order, zebra_solver_order
from generators.prompted import Order
from generators.sudoku.create import Part, SudokuSource
from generators.sudoku.forms import SudokuCells, SudokuTriples
from generators.zebra.answer_grid import Asks
from generators.zebra.create import ZebraSource
from generators.zebra.forms import ZebraCells, ZebraTriples
from generators.zebra.puzzle import ZebraPuzzles
from lo_theory.learning.coordinates import GridCoordinates

Levels = tuple[int, int]
Form = SudokuCells | SudokuTriples | ZebraCells | ZebraTriples


@runtime_checkable
class Boards(Protocol):
    """Puzzles to be solved, with their solutions."""

    def __len__(self) -> int:
        """Number of boards."""
        ...

    def prompt(self, form: Form, start: int, stop: int) -> Int64[np.ndarray, "n L"]:
        """Tokens of boards ``start..stop-1`` in the form, the mask id where an answer is wanted."""
        ...

    def judge(self, form: Form, tokens: Int64[np.ndarray, "n L"]) -> Judgement:
        """What became of the answers, one row of tokens per board."""
        ...

    def solver_order(self) -> SolverOrder:
        """In which order a person's solver fills the cells of :meth:`judge`."""
        ...

    def by_cell(self, form: Form, steps: Int64[np.ndarray, "n L"]) -> Int64[np.ndarray, "n cells"]:
        """Steps of tokens -> steps of cells as :meth:`judge` has them; negative where nothing was asked.

        For forms with one token per cell, and rows that are right: where a token says the house of a value, its cell is
        the one that holds the value in the solution.

        Raises:
            TypeError: a form with several tokens per cell, or of the other kind.
        """
        ...


def prompt_batches(boards: Boards, form: Form, batch_size: int = 500) -> Iterator[Int64[Tensor, "B L"]]:
    """The boards as a decoder takes them, ``batch_size`` at a time."""
    for start in range(0, len(boards), batch_size):
        yield torch.from_numpy(boards.prompt(form, start, min(start + batch_size, len(boards))))


@dataclass(frozen=True, kw_only=True)
class SudokuProblem:
    """Sudokus of one size: a law to train on, and laws to test on.

    Attributes:
        side: 4, 6 or 9.
        clues: per puzzle; None: no superfluous clue.
        levels: lowest and highest strategy of the training puzzles, see :class:`SudokuSource`.
        hard: those of a second test set, beyond the training puzzles; None: no such set.
        test_share: the share of symmetry classes that is kept for testing.
    """

    side: int
    clues: int | None = None
    levels: Levels = (2, 8)
    hard: Levels | None = None
    test_share: float = 0.1

    @property
    def name(self) -> str:
        """Size first."""
        return f"{self.side}x{self.side} Sudoku"

    @property
    def tests(self) -> dict[str, Levels]:
        """Name of each test set -> levels of its puzzles: those of the training puzzles, then the hard ones."""
        return {self.name: self.levels} | ({f"{self.name}, hard": self.hard} if self.hard else {})

    def form(self, order: Order | None) -> SudokuCells | SudokuTriples:
        """How training puzzles are written: one token per cell if None, else triples in that order."""
        source = self._source(self.levels, "train")
        return SudokuCells(source) if order is None else SudokuTriples(source, order)

    def coordinates(self, *, triples: bool) -> GridCoordinates:
        """Rows, columns and boxes."""
        size = self._source(self.levels, "train").size
        return GridCoordinates(
            rows=size.side, columns=size.side, box_rows=size.box_rows, box_columns=size.box_columns, triples=triples
        )

    def boards(self, levels: Levels, seed: int, n: int) -> SudokuBoards:
        """Test puzzles, none of which is a training puzzle, not even up to symmetry."""
        made = self._source(levels, "test").rows(seed, 0, n)
        return SudokuBoards(made.puzzles, made.solutions)

    def _source(self, levels: Levels, part: Part) -> SudokuSource:
        return SudokuSource(side=self.side, clues=self.clues, levels=levels, part=part, test_share=self.test_share)


@dataclass(frozen=True, kw_only=True)
class ZebraProblem:
    """Logic-grid puzzles, of one size or of several: a law to train on, and laws to test on.

    Attributes:
        houses, attributes: fewest and most of a puzzle.
        levels: lowest and highest strategy of the training puzzles, see :class:`ZebraSource`.
        hard: those of a second test set; None: no such set.
        most_tokens: of a prompt, see :class:`ZebraSource`.
        compact: four tokens per clue instead of the published ten, see :mod:`generators.zebra.writing`.
        types: of clues, all alike; None: all ten.
        asks: for the "value" of each house, as published, or for the "house" of each value; the puzzles are the same.
    """

    houses: tuple[int, int]
    attributes: tuple[int, int]
    levels: Levels = (1, 5)
    hard: Levels | None = None
    most_tokens: int | None = None
    compact: bool = False
    types: tuple[str, ...] | None = None
    asks: Asks = "value"

    @property
    def name(self) -> str:
        """Size first."""
        houses, attributes = (str(a) if a == b else f"{a}-{b}" for a, b in (self.houses, self.attributes))
        return f"{houses}x{attributes} Zebra"

    @property
    def tests(self) -> dict[str, Levels]:
        """Name of each test set -> levels of its puzzles: those of the training puzzles, then the hard ones."""
        return {self.name: self.levels} | ({f"{self.name}, hard": self.hard} if self.hard else {})

    def form(self, order: Order | None) -> ZebraCells | ZebraTriples:
        """How training puzzles are written: one token per cell if None, else triples in that order."""
        source = self._source(self.levels, "train")
        if order is None:
            return ZebraCells(source, self.compact, self.asks)
        return ZebraTriples(source, order, self.compact, self.asks)

    def coordinates(self, *, triples: bool) -> GridCoordinates:
        """Attributes as rows, houses as columns, after the prompt; values as columns if houses are asked for."""
        start = self.form(None).prompt_length
        return GridCoordinates(rows=self.attributes[1], columns=self.houses[1], start=start, triples=triples)

    def boards(self, levels: Levels, seed: int, n: int) -> ZebraBoards:
        """Test puzzles, none of which is a training puzzle, not even up to symmetry."""
        made = self._source(levels, "test").rows(seed, 0, n)
        return ZebraBoards(made.puzzles, made.solutions)

    def _source(self, levels: Levels, part: Part) -> ZebraSource:
        return ZebraSource(
            houses=self.houses,
            attributes=self.attributes,
            weights=None if self.types is None else dict.fromkeys(self.types, 1.0),
            levels=levels,
            part=part,
            most_tokens=self.most_tokens,
        )


@dataclass(frozen=True, eq=False)
class SudokuBoards:
    """Puzzles and solutions, both (n, cells)."""

    puzzles: UInt8[np.ndarray, "n cells"]
    solutions: UInt8[np.ndarray, "n cells"]

    def __len__(self) -> int:
        """Number of boards."""
        return len(self.puzzles)

    def prompt(self, form: Form, start: int, stop: int) -> Int64[np.ndarray, "n L"]:
        """Tokens of the puzzles."""
        if isinstance(form, SudokuTriples):  # a random order of givens goes by the number of the board
            return form.prompt(self.puzzles[start:stop], start=start)
        if isinstance(form, SudokuCells):
            return form.prompt(self.puzzles[start:stop])
        raise TypeError(f"Sudokus are written as SudokuCells or SudokuTriples; got {type(form).__name__}.")

    def judge(self, form: Form, tokens: Int64[np.ndarray, "n L"]) -> Judgement:
        """Against the solutions."""
        if not isinstance(form, SudokuCells | SudokuTriples):
            raise TypeError(f"Sudokus are written as SudokuCells or SudokuTriples; got {type(form).__name__}.")
        grids = form.read(tokens)
        if isinstance(form, SudokuTriples):  # a triple that names a given is wasted, and some empty cell lacks its own
            grids = np.where(self.puzzles > 0, self.puzzles, grids)
        return judge_sudoku(self.puzzles, self.solutions, grids)

    def solver_order(self) -> SolverOrder:
        """With waves."""
        return sudoku_solver_order(self.puzzles)

    def by_cell(self, form: Form, steps: Int64[np.ndarray, "n L"]) -> Int64[np.ndarray, "n cells"]:
        """A token is a cell."""
        if not isinstance(form, SudokuCells):
            raise TypeError(f"only SudokuCells have one token per cell; got {type(form).__name__}.")
        return steps


@dataclass(frozen=True, eq=False)
class ZebraBoards:
    """Puzzles, and solutions (n, 6, 6)."""

    puzzles: ZebraPuzzles
    solutions: Int8[np.ndarray, "n 6 6"]

    def __len__(self) -> int:
        """Number of boards."""
        return len(self.puzzles)

    def prompt(self, form: Form, start: int, stop: int) -> Int64[np.ndarray, "n L"]:
        """Clues and what is asked."""
        if not isinstance(form, ZebraCells | ZebraTriples):
            raise TypeError(f"Zebra puzzles are written as ZebraCells or ZebraTriples; got {type(form).__name__}.")
        chosen = self.puzzles
        return form.prompt(
            ZebraPuzzles(chosen.houses[start:stop], chosen.attributes[start:stop], chosen.clues[start:stop])
        )

    def judge(self, form: Form, tokens: Int64[np.ndarray, "n L"]) -> Judgement:
        """Against the solutions."""
        if not isinstance(form, ZebraCells | ZebraTriples):
            raise TypeError(f"Zebra puzzles are written as ZebraCells or ZebraTriples; got {type(form).__name__}.")
        return judge_zebra(self.puzzles, self.solutions, form.read(tokens, self.puzzles))

    def solver_order(self) -> SolverOrder:
        """Without waves."""
        return zebra_solver_order(self.puzzles)

    def by_cell(self, form: Form, steps: Int64[np.ndarray, "n L"]) -> Int64[np.ndarray, "n cells"]:
        """The 36 cells attribute * 6 + house, from wherever the form answers them."""
        if not isinstance(form, ZebraCells):
            raise TypeError(f"only ZebraCells have one token per cell; got {type(form).__name__}.")
        places = form.places(self.puzzles, self.solutions).reshape(len(self), -1)
        return np.where(places < 0, -1, np.take_along_axis(steps, places.clip(0), axis=1))
