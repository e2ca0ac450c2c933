"""``lo-theory evaluate zebra``: a network or a person's strategies judged on a person's own file of zebra puzzles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from analysis.cli.names import PuzzleRule, ZebraReasoner


@dataclass(frozen=True, kw_only=True)
class EvaluateZebra:
    """Boards and cells right, and boards valid, on your own logic-grid puzzles, and how hard they are for a person.

    A puzzle that is not of 3 to 6 houses and attributes, that has a clue of another type than the ten known here, or
    not exactly one solution, is left out and counted. Intervals are of 95%, over boards.

    Attributes:
        puzzles: file of them, perhaps packed: JSON or JSON lines with entities and clues as sentences, rows of
            ZebraLogicBench, texts of reasoning-gym or BBEH, or a text file.
        model: directory of a network that was trained on zebra puzzles, masked or autoregressive, or its checkpoint.
        denoiser: what answers: one clue at a time (clues) or two (strategies), as far as a person comes without a
            guess; the solution (exact); a network. If not given: the network with --model, else strategies.
        rule: which cell a masked network fills next, one or more rules; all takes every one. If not given: vanilla,
            top-probability and margin.
        per_step: cells filled per call; threshold, entropy-bound and klass decide that themselves.
        houses: most houses that the network knows; those of the largest puzzle of the file if not given.
        attributes: most attributes that the network knows, likewise.
        asks: what the network fills in: the value of each house, or the house of each value.
        limit: puzzles that are judged, from the beginning of the file; all if not given.
        seed: of the draws.
        out: CSV file of all numbers.
        device: of a network.
    """

    puzzles: Path
    model: Path | None = None
    denoiser: ZebraReasoner | None = None
    rule: tuple[PuzzleRule, ...] = ()
    per_step: int = 1
    houses: int | None = None
    attributes: int | None = None
    asks: Literal["value", "house"] = "value"
    limit: int | None = None
    seed: int = 0
    out: Path | None = None
    device: str = "cpu"

    def run(self) -> None:
        """Read, answer, print; write the table."""
        from analysis.cli.zebra.evaluation import evaluate_on_zebras

        evaluate_on_zebras(self)
