"""``lo-theory evaluate``: a trained model against the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analysis.cli.names import Check, Rule


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Likelihood gap, agreement of generated sequences and, for a masked model, task error against the exact posterior.

    "lo-theory evaluate sudoku" and "evaluate zebra" judge answers to your own puzzles instead, "evaluate table4" a
    pretrained model on text. With --denoiser it scores a function of yours on rows of --data: likelihood along orders
    and its spread, infilling by every rule, calls and speed.

    Attributes:
        model: directory that ``lo-theory train`` wrote.
        denoiser: instead of a model, package.module:function, called with tokens (B, L) in which --vocabulary is the
            mask, and answering with log-probabilities (B, L, V).
        vocabulary: data symbols V of that function, unless it has an attribute of this name.
        rows: test sequences, and generated ones; 1024 if not given (64 with --denoiser), or all of --data if it has
            fewer.
        data: a written dataset whose first rows are the test; it must be of the model's distribution. With --denoiser
            of any, or a .npy file of integers (n, L).
        split: which split of it; "test" if it has splits.
        sample_seed: names the test rows, unless --data has them, and all other draws; keep it apart from the
            training's.
        order: also the likelihood gap of a masked model along the order that this rule decodes in, one token per call
            (threshold, entropy-bound and klass decide that themselves).
        check: "library" compares the exact posterior with pyAgrum on a sample first, and stops where they differ.
        out: CSV file of all numbers; only a summary is printed if not given.
    """

    model: Path | None = None
    denoiser: str | None = None
    vocabulary: int | None = None
    rows: int | None = None
    data: Path | None = None
    split: str | None = None
    sample_seed: int = 2
    order: Rule | None = None
    check: Check | None = None
    out: Path | None = None

    def run(self) -> None:
        """Measure, print the summary, write the table."""
        if self.denoiser is not None:
            from analysis.cli.own_denoiser import evaluate_own

            return evaluate_own(self)
        from analysis.cli.evaluation import evaluate_model

        return evaluate_model(self)
