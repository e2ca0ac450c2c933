"""``lo-theory generate zebra``: a dataset of new zebra puzzles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analysis.cli.names import PuzzleFormat


@dataclass(frozen=True, kw_only=True)
class GenerateZebra:
    """Write new zebra puzzles with their solutions: clues as tokens and sentences, level, guesses; one file per split.

    No two puzzles of the dataset are the same up to symmetry, in one split or in two. The same call again checks the
    files and writes what is missing or damaged.

    Attributes:
        out: directory, made if needed.
        rows: puzzles of the split "train".
        split: further splits, such as test=1000 validation=500.
        houses: fewest and most, 3 to 6.
        attributes: fewest and most, 3 to 6.
        levels: lowest and highest strategy that a person needs, 1 to 5, 6 for puzzles that take a guess; any if not
            given.
        sample_seed: names the puzzles.
        format: jsonl, or parquet (needs pyarrow).
    """

    out: Path
    rows: int
    split: tuple[str, ...] = ()
    houses: tuple[int, int] = (4, 4)
    attributes: tuple[int, int] = (4, 4)
    levels: tuple[int, int] | None = None
    sample_seed: int = 0
    format: PuzzleFormat = "jsonl"

    def run(self) -> None:
        """Make, write, say what is there."""
        from analysis.cli.puzzle_dataset import write_puzzles
        from analysis.cli.puzzle_draws import zebra_draws

        write_puzzles(self, "zebra", zebra_draws(self))
