"""From a Sudoku's tokens to the grid that the puzzle solvers read."""

from __future__ import annotations

import numpy as np
from jaxtyping import Integer, UInt8

from generators.sudoku.grid import Size
from lo_theory.posteriors.factors import checked_tokens


def visible_grids(tokens: Integer[np.ndarray, "B L"], size: Size) -> UInt8[np.ndarray, "B L"]:
    """Grids of the visible digits, 0 where a cell is masked; a token is its digit - 1, the mask id is ``size.side``.

    Raises:
        TypeError: tokens that are no integers.
        ValueError: another length than ``size.cells``, or a token outside ``range(size.side + 1)``.
    """
    checked = checked_tokens(tokens, size.cells, size.side)
    return np.where(checked == size.side, 0, checked + 1).astype(np.uint8)
