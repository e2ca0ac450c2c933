"""What the puzzle tables share: a size of one, the units that it takes, and the Sudokus of Tables 2 and 5."""

from __future__ import annotations

from dataclasses import dataclass, replace

from analysis.puzzles.learner import ARM_FIXED, ARM_RANDOM, ARM_SOLVER, MASKED, REASONERS, PuzzleLearner
from analysis.puzzles.problems import SudokuProblem, ZebraProblem
from analysis.puzzles.unit import PuzzleSetting, PuzzleUnit
from lo_theory.learning.network import Shape
from lo_theory.samplers.menu import ONE_EACH, ONE_TOKEN

ONE_AT_A_TIME = (ONE_EACH, ONE_TOKEN)
"""What a rule keeps to that answers one cell, or writes one token, per call."""


@dataclass(frozen=True, kw_only=True)
class PuzzleSize:
    """A puzzle table at one scale.

    Attributes:
        problem: what is trained and tested on.
        setting: networks, training, decoding.
        learners: in the order of the figure.
        seeds: training runs of each.
    """

    problem: SudokuProblem | ZebraProblem
    setting: PuzzleSetting
    learners: tuple[PuzzleLearner, ...]
    seeds: int = 1


def puzzle_units(size: PuzzleSize) -> list[PuzzleUnit]:
    """All units of a table, trained ones first; what is not trained is there once."""
    trained = [learner for learner in size.learners if not learner.reasoning]
    pairs = [(learner, seed) for seed in range(size.seeds) for learner in trained]
    pairs += [(learner, 0) for learner in size.learners if learner.reasoning]
    return [
        PuzzleUnit(problem=size.problem, model=learner.name, seed=seed, setting=size.setting) for learner, seed in pairs
    ]


def taught(setting: PuzzleSetting) -> PuzzleSetting:
    """What made networks learn puzzles in less time here: Muon, most answers hidden, inner layers asked.

    Found at width 64 and three to five layers; that it serves networks of millions of weights too, with the lower
    learning rates of the "paper" scale, is a guess: no such training was run.

    Weights remember the last 1 / (learning rate x weight decay) steps; that is a fifth of the training, however long it
    is (after Wang and Aitchison 2024, arXiv 2405.13698).
    """
    return replace(
        setting,
        min_ratio=0.02,
        weight_decay=5 / (setting.learning_rate * setting.steps),
        optimizer="muon",
        mask_draws=4,
        deep_supervision=0.2,
    )


EQUAL_SIZE = (MASKED, ARM_SOLVER, ARM_FIXED, ARM_RANDOM)
TOLD = tuple(replace(learner, grid=True) for learner in (MASKED, ARM_SOLVER, ARM_FIXED))
LARGE = tuple(replace(learner, large=True) for learner in (ARM_SOLVER, ARM_FIXED))

TINY = Shape(layers=3, width=64, heads=8)
SMALL_RATE = 6e-3
"""Of Muon, at width 64."""
FORTY_TWO_MILLION = Shape(layers=8, width=576, heads=8, hidden=3456)

SUDOKU_6 = PuzzleSize(
    problem=SudokuProblem(side=6, hard=(9, 9)),
    setting=taught(
        PuzzleSetting(
            shape=Shape(layers=4, width=64, heads=8),
            steps=4000,
            learning_rate=SMALL_RATE,
            pool=100_000,
            calls=(5, 13),
        )
    ),
    learners=(MASKED, replace(MASKED, grid=True), ARM_SOLVER, ARM_FIXED, *REASONERS),
)
SUDOKU_9_LONG = PuzzleSize(
    problem=SudokuProblem(side=9, hard=(9, 9)),
    setting=taught(
        PuzzleSetting(
            shape=Shape(layers=2, loops=8, width=64, heads=2),
            steps=6_000,
            learning_rate=4e-3,
            pool=250_000,
            boards=500,
            paper_boards=1000,
            rules="noise",
        )
    ),
    learners=(
        *(replace(MASKED, grid=True, harder=harder) for harder in (False, True)),
        *(replace(arm, grid=True) for arm in (ARM_SOLVER, ARM_FIXED)),
        *REASONERS,
    ),
)
"""An hour of a core for each of the networks.

Expected of the last three, when the first alone had been trained: the network that trains on harder puzzles, too,
solves at least 75% of those by margin and at most three points fewer of the others than the first; told the solver's
order an autoregressive network solves more than without, and fewer than the masked one by margin; without it, at most
half.
"""
SUDOKU_9 = PuzzleSize(
    problem=SudokuProblem(side=9, hard=(9, 9)),
    setting=taught(
        PuzzleSetting(
            shape=Shape(layers=8, width=256, heads=8, hidden=640, mlp="swiglu"),  # 6 million weights
            large=FORTY_TWO_MILLION,
            steps=100_000,
            batch_size=256,
            learning_rate=2e-3,
            pool=2_000_000,
            calls=(10, 50),
        )
    ),
    learners=(*EQUAL_SIZE, *TOLD, *LARGE, *REASONERS),
)
