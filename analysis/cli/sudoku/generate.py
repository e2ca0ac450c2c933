"""``lo-theory generate sudoku``: a dataset of new Sudokus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from analysis.cli.names import PuzzleFormat


@dataclass(frozen=True, kw_only=True)
class GenerateSudoku:
    """Write new Sudokus with their solutions: puzzle, solution, number of givens, level, guesses; one file per split.

    No two puzzles of the dataset are the same up to symmetry, in one split or in two. The same call again checks the
    files and writes what is missing or damaged.

    Attributes:
        out: directory, made if needed.
        rows: puzzles of the split "train".
        split: further splits, such as test=1000 validation=500.
        side: 4, 6, 9 or 16 cells.
        clues: givens of every puzzle; if not given, no given can be spared.
        levels: lowest and highest strategy that a person needs, 2 (lone singles) to 8, 9 for puzzles that take a guess;
            any if not given.
        sample_seed: names the puzzles.
        format: jsonl, or parquet (needs pyarrow).
    """

    out: Path
    rows: int
    split: tuple[str, ...] = ()
    side: Literal[4, 6, 9, 16] = 9
    clues: int | None = None
    levels: tuple[int, int] | None = None
    sample_seed: int = 0
    format: PuzzleFormat = "jsonl"

    def run(self) -> None:
        """Make, write, say what is there."""
        from analysis.cli.puzzle_dataset import write_puzzles
        from analysis.cli.puzzle_draws import sudoku_draws

        write_puzzles(self, "sudoku", sudoku_draws(self))
