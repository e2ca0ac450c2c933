"""Table 2 of the paper: Sudokus of 4x4, 6x6 and 9x9, and which learners take them up."""

from __future__ import annotations

from dataclasses import replace

from analysis.lab.experiment import ScaleName
from analysis.puzzles.learner import ARM_FIXED, ARM_SOLVER, REASONERS
from analysis.puzzles.problems import SudokuProblem
from analysis.puzzles.scales import EQUAL_SIZE, SUDOKU_6, SUDOKU_9, SUDOKU_9_LONG, TINY, TOLD, PuzzleSize
from analysis.puzzles.unit import PuzzleSetting

EXPERIMENT_NAME = "table2"
_LONGER = tuple(replace(learner, times=10) for learner in (ARM_SOLVER, ARM_FIXED))

SIZES: dict[ScaleName, PuzzleSize] = {
    "smoke": PuzzleSize(
        problem=SudokuProblem(side=4, clues=5, test_share=0.25),
        setting=PuzzleSetting(shape=TINY, steps=1000, calls=(3, 6)),
        learners=(*_LONGER, *EQUAL_SIZE, *TOLD, *REASONERS),
    ),
    "small": SUDOKU_6,
    "long": SUDOKU_9_LONG,
    "paper": SUDOKU_9,
}
