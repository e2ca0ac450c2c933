"""The exact posterior of Sudoku: every full grid that completes the visible digits is equally likely.

Bayes' rule under the uniform law on full grids, by enumeration of the completions: the search solver's singles and
guesses, without its stop at the second solution. A puzzle with a unique solution is answered by that solution, in one
call; with fewer digits visible the answer is a proper law, and decoding one token per step samples uniform completions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int32, Int64, Integer, UInt8
from torch import Tensor

from generators.sudoku.grid import Size, grid_text
from generators.sudoku.search import fewest_candidates, place_givens, propagate, solve
from lo_theory.compiled import puzzle_kernel
from lo_theory.denoisers.denoiser import whole_tokens
from lo_theory.puzzles.boards import visible_grids

_LIMIT = 100_000


@dataclass(frozen=True)
class CompletionsDenoiser:
    """Exact marginals of each cell over the completions of the visible digits.

    Contradictions: where no full grid has all the visible digits, they are read cell by cell from the top left, and
    each that contradicts the digits kept before it is left out (treated as masked): the fallback of
    :class:`lo_theory.posteriors.contradiction.ForgivingPosterior`. A visible cell holds the point mass on its digit,
    one that was left out its posterior, in which its own digit is impossible.

    Args:
        size: of the boards; L = cells, V = side, a token is its digit - 1.
        limit: completions that one board may have.
    Raises:
        ValueError: a limit below 1.
    Cost: 30 microseconds per 9x9 puzzle of medium difficulty, 2 per further completion; a millisecond for a
        contradictory board.
    """

    size: Size
    limit: int = _LIMIT

    def __post_init__(self) -> None:
        """Refuse a limit that no board keeps."""
        if self.limit < 1:
            raise ValueError(f"a board has at least one completion, so the limit is at least 1; got {self.limit}.")

    @property
    def length(self) -> int:
        """Cells of a board, L."""
        return self.size.cells

    @property
    def vocabulary(self) -> int:
        """Digits, V; the mask id."""
        return self.size.side

    def log_marginals(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
        """Log posterior of every cell in nats, ``-inf`` for digits of no completion.

        Raises:
            ValueError: another length; a token outside ``range(V + 1)``; a board with more completions than the limit.
        """
        grids = visible_grids(tokens, self.size)
        totals, counts = count_completions(grids, self.size, self.limit)
        wrong = np.flatnonzero(totals == 0)
        if wrong.size:
            kept = kept_digits(grids[wrong])
            totals[wrong], counts[wrong] = count_completions(kept, self.size, self.limit)
        with np.errstate(divide="ignore"):
            return np.log(counts / totals[:, None, None])

    def __call__(self, tokens: Integer[Tensor, "B L"]) -> Float64[Tensor, "B L V"]:
        """As :meth:`log_marginals`, on the device of the tokens."""
        rows = whole_tokens(tokens, self.length).cpu().numpy()
        return torch.from_numpy(self.log_marginals(rows)).to(tokens.device)


def count_completions(
    grids: UInt8[np.ndarray, "B L"], size: Size, limit: int = _LIMIT
) -> tuple[Int64[np.ndarray, "B"], Int64[np.ndarray, "B L V"]]:
    """Completions of each grid, and in how many of them a cell holds digit d + 1; 0 is an empty cell.

    Raises:
        ValueError: a grid with more than ``limit`` completions.
    """
    totals, counts = np.zeros(len(grids), np.int64), np.zeros((*grids.shape, size.side), np.int64)
    beyond = _count_rows(np.ascontiguousarray(grids), size.groups, size.peers, limit, totals, counts)
    if beyond >= 0:
        raise ValueError(
            f"the board {grid_text(grids[beyond])} has more than limit = {limit} completions. Raise the limit (an "
            "empty 4x4 board has 288 completions, an empty 6x6 one 28,200,960, an empty 9x9 one 6.7e21), or show more "
            "digits."
        )
    return totals, counts


def kept_digits(grids: UInt8[np.ndarray, "B L"]) -> UInt8[np.ndarray, "B L"]:
    """The grids without every digit that contradicts those kept before it, in reading order: some grid has the rest.

    What is kept cannot be enlarged by a digit that was left out.
    """
    kept = np.zeros_like(grids)
    witness, unique = solve(kept).solutions, np.zeros(len(grids), dtype=bool)  # a completion of what is kept so far
    for cell in range(grids.shape[1]):
        agrees = grids[:, cell] == witness[:, cell]
        open_ = np.flatnonzero((grids[:, cell] > 0) & ~unique & ~agrees)
        trial = kept[open_]
        trial[:, cell] = grids[open_, cell]
        found = solve(trial)
        possible = open_[found.counts > 0]
        witness[possible] = found.solutions[found.counts > 0]
        unique[possible] = found.counts[found.counts > 0] == 1
        agrees[possible] = True
        kept[agrees, cell] = grids[agrees, cell]
    return kept


@puzzle_kernel
def _tally(cand: Int32[np.ndarray, "cells"], counts: Int64[np.ndarray, "cells V"]) -> None:
    """Count a finished board, each of whose cells has one candidate."""
    for cell in range(len(cand)):
        digit, mask = -1, cand[cell]
        while mask:
            mask >>= 1
            digit += 1
        counts[cell, digit] += 1


@puzzle_kernel
def _count_one(
    cand: Int32[np.ndarray, "levels cells"],
    done: UInt8[np.ndarray, "levels cells"],
    queue: Int32[np.ndarray, "cells"],
    groups: Int64[np.ndarray, "g side"],
    peers: Int64[np.ndarray, "cells p"],
    limit: int,
    counts: Int64[np.ndarray, "cells V"],
) -> int:
    """Completions of the propagated level 0, tallied; ``limit + 1`` as soon as there are more than ``limit``.

    The levels are a stack of boards without a completion in common. A board with a choice becomes two: one has the
    first candidate of the cell, the other does not.
    """
    top, total = 0, 0
    while top >= 0:
        cell = fewest_candidates(cand[top])
        if cell < 0:
            if total == limit:
                return limit + 1
            _tally(cand[top], counts)
            total += 1
            top -= 1
            continue
        bit = cand[top, cell] & -cand[top, cell]
        cand[top + 1], done[top + 1] = cand[top], done[top]
        cand[top + 1, cell] = bit
        queue[0] = cell
        with_bit = propagate(cand[top + 1], done[top + 1], queue, 1, groups, peers)
        rest = cand[top, cell] ^ bit
        cand[top, cell] = rest
        queue[0] = cell
        if propagate(cand[top], done[top], queue, int(rest & (rest - 1) == 0), groups, peers):
            top += int(with_bit)
        elif with_bit:
            cand[top], done[top] = cand[top + 1], done[top + 1]
        else:
            top -= 1
    return total


@puzzle_kernel
def _count_rows(
    grids: UInt8[np.ndarray, "B L"],
    groups: Int64[np.ndarray, "g side"],
    peers: Int64[np.ndarray, "cells p"],
    limit: int,
    totals: Int64[np.ndarray, "B"],
    counts: Int64[np.ndarray, "B L V"],
) -> int:
    """Fill ``totals`` and ``counts``; the first row beyond the limit ends it and is returned, -1 if there is none."""
    cells, side = grids.shape[1], groups.shape[1]
    levels = cells * (side - 1) + 1  # every split strikes a candidate from both boards
    cand, done = np.empty((levels, cells), np.int32), np.empty((levels, cells), np.uint8)
    queue = np.empty(cells, np.int32)
    for row in range(len(grids)):
        waiting = place_givens(grids[row], cand[0], done[0], queue, side)
        if not propagate(cand[0], done[0], queue, waiting, groups, peers):
            continue
        totals[row] = _count_one(cand, done, queue, groups, peers, limit, counts[row])
        if totals[row] > limit:
            return row
    return -1
