"""The order in which a person's solver fills the cells of a puzzle, cell by cell, and an order without any reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, Integer

from generators.sudoku.human import solve_by_strategies
from generators.sudoku.waves import solve_in_waves
from generators.zebra.clue import MOST
from generators.zebra.human import solve_by_strategies as solve_zebra_by_strategies
from generators.zebra.puzzle import ZebraPuzzles


@dataclass(frozen=True, eq=False)
class SolverOrder:
    """A solver's way through n puzzles.

    Attributes:
        steps: (n, cells), the fill's number from 0; -1 where the cell is given, absent or never filled.
        strategies: (n, cells), number of the hardest strategy used for that fill; 0 where there is none.
        waves: (n, cells), as ``steps``, the round in which the cell is filled; None where rounds are not defined.
    """

    steps: Int64[np.ndarray, "n cells"]
    strategies: Int64[np.ndarray, "n cells"]
    waves: Int64[np.ndarray, "n cells"] | None

    def of(self, boards: Bool[np.ndarray, "n"]) -> SolverOrder:
        """The same for some of the puzzles."""
        waves = None if self.waves is None else self.waves[boards]
        return SolverOrder(self.steps[boards], self.strategies[boards], waves)


def sudoku_solver_order(puzzles: Integer[np.ndarray, "n cells"]) -> SolverOrder:
    """Order, strategies and waves of the human solver ("sound" dialect).

    Raises:
        ValueError: as :func:`generators.sudoku.solve_by_strategies`.
    """
    found = solve_by_strategies(puzzles)
    steps, strategies = _by_cell(found.order.astype(np.int64), found.hardest_per_fill)
    return SolverOrder(steps, strategies, solve_in_waves(puzzles).astype(np.int64))


def zebra_solver_order(puzzles: ZebraPuzzles) -> SolverOrder:
    """Order and strategies of the human solver ("pairs" dialect); cells are attribute * 6 + house, no waves."""
    found = solve_zebra_by_strategies(puzzles)
    attribute, house, _ = np.moveaxis(found.order.astype(np.int64), 2, 0)
    _, exponent = np.frexp(found.strategies)
    steps, strategies = _by_cell(
        np.where(attribute < 0, -1, MOST * attribute + house), np.maximum(exponent.astype(np.int64) - 1, 0)
    )
    return SolverOrder(steps, strategies, None)


def random_order(open_: Bool[np.ndarray, "n cells"], rng: np.random.Generator) -> Int64[np.ndarray, "n cells"]:
    """A uniformly random step from 0 for each open cell (n, cells), one cell a step; -1 elsewhere."""
    keys = np.where(open_, rng.random(open_.shape), np.inf)
    return np.where(open_, keys.argsort(axis=1).argsort(axis=1), -1)


def _by_cell(
    order: Int64[np.ndarray, "n fills"], strategies: Int64[np.ndarray, "n fills"]
) -> tuple[Int64[np.ndarray, "n fills"], Int64[np.ndarray, "n fills"]]:
    """Steps and strategies of cells from the cells and strategies of steps; a board has as many fills as cells."""
    steps, by_cell = np.full(order.shape, -1), np.zeros(order.shape, dtype=np.int64)
    board, step = np.nonzero(order >= 0)
    steps[board, order[board, step]] = step
    by_cell[board, order[board, step]] = strategies[board, step]
    return steps, by_cell
