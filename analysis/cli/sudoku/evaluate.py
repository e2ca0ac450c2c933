"""``lo-theory evaluate sudoku``: a network or a bounded reasoner judged on a person's own file of puzzles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analysis.cli.names import Digits, PuzzleRule, Reasoner


@dataclass(frozen=True, kw_only=True)
class EvaluateSudoku:
    """Boards and cells right, and boards valid, on your own puzzles, also by how hard they are for a person.

    A puzzle's level is the hardest strategy that a person's solver needs: "singles" are puzzles that lone and hidden
    singles solve (levels 2 and 3), "strategies" take one of the five others (4 to 8), "beyond" none of the seven solves
    (9). Answers are the likeliest digits, unless the rule is called sampled. Intervals are of 95%, over boards.

    Attributes:
        puzzles: file of them: lines or CSV of any separator, with or without a header and other columns, drawn grids,
            JSON, .npy or .npz, Parquet, also packed by gzip or zip. Empty cells are one of . 0 * _ - x ? there. A
            solution that is not there is searched for; puzzles without exactly one are left out, and counted.
        digits: of the file, where they are not 1 to 9 (or 4, 6, g); "0-8" if they are one less. Never guessed.
        model: directory of a network that was trained on Sudokus of that size, masked or autoregressive, or its
            checkpoint.
        denoiser: what answers: digits that a cell does not see (candidates), with lone and hidden singles (singles), or
            after every strike that a person knows (strategies); the solution (exact); a network. If not given: the
            network with --model, else singles.
        rule: which cell is filled next, one or more rules; all takes every one. If not given: vanilla, top-probability
            and margin. An autoregressive network has only its own order.
        per_step: cells filled per call in the emptiest puzzle; the others take as many calls. threshold, entropy-bound
            and klass decide that themselves.
        limit: puzzles that are judged, from the beginning of the file; all if not given.
        seed: of the draws.
        out: CSV file of all numbers.
        device: of a network.
    """

    puzzles: Path
    digits: Digits | None = None
    model: Path | None = None
    denoiser: Reasoner | None = None
    rule: tuple[PuzzleRule, ...] = ()
    per_step: int = 1
    limit: int | None = None
    seed: int = 0
    out: Path | None = None
    device: str = "cpu"

    def run(self) -> None:
        """Read, answer by one rule after the other, print each as it is done, then all by level; write the table."""
        from analysis.cli.sudoku.evaluation import evaluate_on_puzzles

        evaluate_on_puzzles(self)
