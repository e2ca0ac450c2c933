"""Numbers of Kim et al. (2025, arXiv 2502.06768) on puzzles, to stand beside ours."""

from __future__ import annotations

from dataclasses import dataclass, replace

from analysis.puzzles.learner import ARM_FIXED, ARM_SOLVER, MASKED, PuzzleLearner
from lo_theory.samplers.menu import MARGIN, OWN_ORDER, TOP, VANILLA


@dataclass(frozen=True)
class PuzzlesOfPaper:
    """A row of the paper's Tables 2, 3 or 5: share of puzzles completely solved.

    Attributes:
        learner: the large autoregressive ones have 42 million weights, the masked ones 6 (Sudoku) and 19 (Zebra).
        decoder: its rule, as rows name it here.
    """

    learner: PuzzleLearner
    decoder: str
    solved: float


_LARGE_FIXED, _LARGE_SOLVER = (replace(arm, large=True) for arm in (ARM_FIXED, ARM_SOLVER))

TABLE_2 = (
    PuzzlesOfPaper(_LARGE_FIXED, OWN_ORDER, 0.0973),
    PuzzlesOfPaper(_LARGE_SOLVER, OWN_ORDER, 0.8718),
    PuzzlesOfPaper(MASKED, VANILLA, 0.0688),
    PuzzlesOfPaper(MASKED, TOP, 0.1851),
    PuzzlesOfPaper(MASKED, MARGIN, 0.8949),
)
TABLE_3 = (
    PuzzlesOfPaper(_LARGE_FIXED, OWN_ORDER, 0.8031),
    PuzzlesOfPaper(_LARGE_SOLVER, OWN_ORDER, 0.9117),
    PuzzlesOfPaper(MASKED, VANILLA, 0.769),
    PuzzlesOfPaper(MASKED, TOP, 0.985),
    PuzzlesOfPaper(MASKED, MARGIN, 0.983),
)
TABLE_5 = (
    PuzzlesOfPaper(_LARGE_SOLVER, OWN_ORDER, 0.3257),
    PuzzlesOfPaper(MASKED, VANILLA, 0.0362),
    PuzzlesOfPaper(MASKED, TOP, 0.0944),
    PuzzlesOfPaper(MASKED, MARGIN, 0.4988),
)
