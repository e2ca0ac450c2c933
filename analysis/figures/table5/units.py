"""Table 5 of the paper: Sudokus harder than those of training."""

from __future__ import annotations

from analysis.lab.experiment import ScaleName
from analysis.puzzles.learner import ARM_FIXED, ARM_SOLVER, MASKED, REASONERS
from analysis.puzzles.problems import SudokuProblem
from analysis.puzzles.scales import SUDOKU_6, SUDOKU_9, SUDOKU_9_LONG, TINY, PuzzleSize
from analysis.puzzles.unit import PuzzleSetting

EXPERIMENT_NAME = "table5"

SIZES: dict[ScaleName, PuzzleSize] = {
    "smoke": PuzzleSize(
        problem=SudokuProblem(side=6, levels=(2, 2), hard=(3, 9)),
        setting=PuzzleSetting(shape=TINY, steps=1500, pool=50_000, rules="paper"),
        learners=(MASKED, ARM_SOLVER, ARM_FIXED, *REASONERS),
    ),
    "small": SUDOKU_6,
    "long": SUDOKU_9_LONG,
    "paper": SUDOKU_9,
}
