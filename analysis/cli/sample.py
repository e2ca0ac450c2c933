"""``lo-theory sample``: sequences from a trained model or the exact posterior in its place, and how they arise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analysis.cli.names import Check, Rule
from lo_theory.learning.choices import PrecisionName


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Generate sequences from all masks; "lo-theory sample sudoku" solves a puzzle instead.

    Attributes:
        model: directory that ``lo-theory train`` wrote.
        n: sequences.
        rule: which position is revealed next; an autoregressive model always follows its own order.
        per_step: tokens revealed per network call; threshold, entropy-bound and klass decide that themselves.
        exact: put the exact posterior in the network's place.
        check: with --exact, "library" compares it with pyAgrum on a sample first, and stops where they differ.
        precision: of a masked network's products; "bfloat16" is faster on processors that have units for it.
        seed: of the draws.
        out: .npy file of the sequences; they are printed if not given.
        show: play the decoding of the first sequence in the terminal.
        film: .html or .gif file of that decoding.
        trace: .jsonl or .parquet file of every step of every sequence: position, token, score, entropy and the
            likeliest values.
        top: how many of the likeliest values the trace has.
    """

    model: Path
    n: int = 8
    rule: Rule = "margin"
    per_step: int = 1
    exact: bool = False
    check: Check | None = None
    precision: PrecisionName = "float32"
    seed: int = 0
    out: Path | None = None
    show: bool = False
    film: Path | None = None
    trace: Path | None = None
    top: int = 5

    def run(self) -> None:
        """Generate, print or write, and say how many observations agree with the generated latents."""
        from analysis.cli.sampling import sample_model

        sample_model(self)
