"""``lo-theory evaluate``: a trained model against the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Likelihood gap, agreement of generated sequences and, for a masked model, task error against the exact posterior.

    "lo-theory evaluate sudoku" judges answers to your own puzzles instead.

    Attributes:
        model: directory that ``lo-theory train`` wrote.
        rows: test sequences, and generated ones.
        sample_seed: names the test rows; keep it apart from the training's.
        out: CSV file of all numbers; only a summary is printed if not given.
    """

    model: Path
    rows: int = 1024
    sample_seed: int = 2
    out: Path | None = None

    def run(self) -> None:
        """Measure, print the summary, write the table."""
        from analysis.cli.evaluation import evaluate_model

        evaluate_model(self)
