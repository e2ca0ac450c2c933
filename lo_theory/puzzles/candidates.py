"""Reasoners of bounded depth: what a person sees at a Sudoku cell at first glance, as a denoiser.

Each masked cell is answered uniformly over the digits that the reasoner cannot exclude, from the visible digits alone
and without memory. So one call has a fixed depth of reasoning, and whatever needs more must be carried by the order of
decoding: revealing certain cells first makes later ones certain, step by step, which is how a person solves the puzzle
and what no single call can do. It separates the order's share of the work from the network's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64, Integer, UInt8
from torch import Tensor

from generators.sudoku.grid import Size
from generators.sudoku.strategies import bit_count
from generators.sudoku.waves import board_candidates, hidden_singles, strike_all
from lo_theory.compiled import puzzle_kernel
from lo_theory.denoisers.denoiser import whole_tokens
from lo_theory.puzzles.boards import visible_grids

Reasoning = Literal["peers", "singles", "strategies"]
_PEERS, _SINGLES, _STRATEGIES = 0, 1, 2
_DEPTHS = {"peers": _PEERS, "singles": _SINGLES, "strategies": _STRATEGIES}


@dataclass(frozen=True)
class CandidateDenoiser:
    """A Sudoku reasoner of bounded depth: it never excludes the digit of a unique solution that agrees with the board.

    One token per step, cells with one possible digit first, "singles" fills exactly what lone and hidden singles fill,
    in whatever order it meets them: it needs a guess exactly on puzzles above level 3 of
    :func:`generators.sudoku.solve_by_strategies` ("sound" dialect). "strategies" needs none up to level 7, and above
    nearly only where that solver is stuck: a use of the unique rectangle depends on what was struck before, which a
    reasoner without memory does not know (5 of 2,500 puzzles).

    Contradictions: a cell whose every digit is excluded, after a wrong guess, is answered uniformly over all digits.
    Nothing is refused, so decoding goes on and its result is judged wrong. A visible cell holds the point mass on its
    digit, whether or not that digit can be right.

    Args:
        size: of the boards; L = cells, V = side, a token is its digit - 1.
        reasoning: "peers": a digit that a cell sees is excluded. "singles": besides, a cell that alone in its row,
            column or box may hold some digit holds it (if it alone may hold several, any of those). "strategies":
            first the five strategies that strike candidates run on the board until none applies, no cell being filled
            in between; the unique rectangle among them supposes a unique solution.
    Raises:
        ValueError: another reasoning.
    Cost: 3 microseconds per 9x9 board, 20 to 60 for "strategies".
    """

    size: Size
    reasoning: Reasoning = "singles"

    def __post_init__(self) -> None:
        """Refuse a depth that does not exist."""
        if self.reasoning not in _DEPTHS:
            raise ValueError(f"reasoning must be one of {sorted(_DEPTHS)}; got {self.reasoning!r}.")

    @property
    def length(self) -> int:
        """Cells of a board, L."""
        return self.size.cells

    @property
    def vocabulary(self) -> int:
        """Digits, V; the mask id."""
        return self.size.side

    def log_marginals(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
        """Log-probabilities of every cell in nats.

        Raises:
            ValueError: another length, or a token outside ``range(V + 1)``.
        """
        size, grids = self.size, visible_grids(tokens, self.size)
        out = np.empty((*grids.shape, size.side))
        _answer_rows(grids, _DEPTHS[self.reasoning], *_tables(size), out)
        return out

    def __call__(self, tokens: Integer[Tensor, "B L"]) -> Float64[Tensor, "B L V"]:
        """As :meth:`log_marginals`, on the device of the tokens."""
        rows = whole_tokens(tokens, self.length).cpu().numpy()
        return torch.from_numpy(self.log_marginals(rows)).to(tokens.device)


def _tables(size: Size) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return size.groups, size.group_of, size.peers, size.sees


@puzzle_kernel
def _answer_rows(
    grids: UInt8[np.ndarray, "B L"],
    depth: int,
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
    peers: Int64[np.ndarray, "cells p"],
    sees: Bool[np.ndarray, "cells cells"],
    out: Float64[np.ndarray, "B L V"],
) -> None:
    cells, side = grids.shape[1], groups.shape[1]
    cand, hidden = np.empty(cells, np.int32), np.empty(len(groups), np.int32)
    for row in range(len(grids)):
        board_candidates(grids[row], peers, side, cand)
        if depth >= _STRATEGIES:
            strike_all(cand, groups, group_of, sees)
        hidden_singles(cand, groups, hidden)
        for cell in range(cells):
            possible = cand[cell]
            if depth >= _SINGLES and possible & (possible - 1):
                alone = hidden[group_of[cell, 0]] | hidden[group_of[cell, 1]] | hidden[group_of[cell, 2]]
                possible = possible & alone if possible & alone else possible
            if grids[row, cell]:
                possible = 1 << (grids[row, cell] - 1)
            elif possible == 0:
                possible = (1 << side) - 1
            log_share = math.log(1.0 / bit_count(possible))
            for digit in range(side):
                out[row, cell, digit] = log_share if possible >> digit & 1 else -math.inf
