"""``lo-theory sample sudoku``: one puzzle filled in step by step, beside what a person would do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from analysis.cli.names import Reasoner, Rule


@dataclass(frozen=True, kw_only=True)
class SampleSudoku:
    """Solve a Sudoku by decoding, each step beside the strategy that would give a person the digit at that moment.

    "hidden single after 4" says that a person would fill four other cells first, and needs no harder strategy.

    Attributes:
        puzzle: the grid, row by row with '.' or '0' for empty, or a file with it; if not given a new one, which the
            seven strategies solve, is made.
        side: of the new puzzle; 9 if not given.
        seed: of the new puzzle, and of the draws.
        rule: which cell is filled next.
        per_step: cells filled per call of the denoiser; threshold, entropy-bound and klass decide that themselves.
        denoiser: what answers: digits that a cell does not see (candidates), with lone and hidden singles (singles), or
            after every strike that a person knows (strategies); the solution (exact); a network. If not given: the
            network with --model, else singles.
        model: directory of a masked network that was trained on Sudoku cells, or its checkpoint.
        show: play the decoding in the terminal.
        film: .html or .gif file of the decoding.
    """

    puzzle: str | None = None
    side: Literal[4, 6, 9] | None = None
    seed: int = 0
    rule: Rule = "margin"
    per_step: int = 1
    denoiser: Reasoner | None = None
    model: Path | None = None
    show: bool = False
    film: Path | None = None

    def run(self) -> None:
        """Fill the puzzle in, show how, and say how many cells are right."""
        from analysis.cli.sudoku.decoding import solve_puzzle

        solve_puzzle(self)
