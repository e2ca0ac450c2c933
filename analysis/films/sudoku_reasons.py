"""How a person would come by the digit of one cell, given the board that a model sees at that moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer

from generators.sudoku.grid import Size, check_grids
from generators.sudoku.human import STRATEGY_NAMES, STUCK, explain
from generators.sudoku.strategies import HIDDEN_SINGLE, LONE_SINGLE

MISTAKEN = 0


@dataclass(frozen=True)
class Reason:
    """A person's way to a digit.

    Attributes:
        strategy: the number of the hardest strategy on the way (2 to 8); ``STUCK`` if the seven do not lead there, so
            that it can only be guessed; ``MISTAKEN`` if the board is wrong already, and nothing follows from it.
        after: how many other cells are filled before.
    """

    strategy: int
    after: int = 0

    @property
    def single(self) -> bool:
        """Whether the cell is a lone or a hidden single of the board as it is."""
        return self.strategy in (LONE_SINGLE, HIDDEN_SINGLE) and self.after == 0

    def __str__(self) -> str:
        if self.strategy in (MISTAKEN, STUCK):
            return "a guess" if self.strategy == STUCK else "after a mistake"
        name = STRATEGY_NAMES[self.strategy]
        return f"{name} after {self.after}" if self.after else name


def reason_for(board: Integer[np.ndarray, "cells"], solution: Integer[np.ndarray, "cells"], cell: int) -> Reason:
    """A person's way to the right digit of ``cell``, asked for on ``board``; what stands in the cell is not looked at.

    A lone single or a hidden single of the board is that, whatever other cells are. Else the way is that of the solver
    of :func:`generators.sudoku.explain` ("sound" dialect) from this board to the fill of the cell: its hardest
    strategy, and the number of cells that it fills before. It always takes the simplest step there is, wherever that
    is, so both numbers bound from above what the cell needs.

    Args:
        board: the visible digits, 0 = masked.
        solution: the puzzle's only one.
    """
    size = check_grids(board[None])
    board = board.copy()
    board[cell] = 0
    if ((board > 0) & (board != solution)).any():
        return Reason(MISTAKEN)
    if (single := _single(board, cell, int(solution[cell]), size)) is not None:
        return Reason(single)
    hardest, after = 0, 0
    for step in explain(board):
        hardest = max(hardest, step.strategy)
        if step.cell == cell:
            return Reason(hardest, after)
        after += step.cell is not None
    return Reason(STUCK)


def _single(board: Integer[np.ndarray, "cells"], cell: int, digit: int, size: Size) -> int | None:
    """The kind of single that gives the cell its digit, lone before hidden; None if neither does."""
    if len(np.unique(board[size.peers[cell]][board[size.peers[cell]] > 0])) == size.side - 1:
        return LONE_SINGLE
    barred = (board > 0) | (board[size.peers] == digit).any(axis=1)  # cells that cannot take the digit
    alone = any(barred[group].sum() == size.side - 1 for group in size.groups[size.group_of[cell]])
    return HIDDEN_SINGLE if alone else None
