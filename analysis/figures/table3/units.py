"""Table 3 of the paper: Zebra puzzles, and which learners take them up."""

from __future__ import annotations

from dataclasses import replace

from analysis.lab.experiment import ScaleName
from analysis.puzzles.learner import ARM_FIXED, ARM_SOLVER, MASKED
from analysis.puzzles.problems import ZebraProblem
from analysis.puzzles.scales import EQUAL_SIZE, FORTY_TWO_MILLION, LARGE, SMALL_RATE, PuzzleSize, taught
from analysis.puzzles.unit import PuzzleSetting
from lo_theory.learning.network import Shape

EXPERIMENT_NAME = "table3"


def _setting(shape: Shape, *, steps: int, calls: tuple[int, ...], paper_boards: int | None = None) -> PuzzleSetting:
    """Clues are read whole. A fifth of the tokens of 3 houses are answers, so gradients are cut at 1 per answer."""
    return taught(
        PuzzleSetting(
            shape=shape,
            steps=steps,
            paper_boards=paper_boards,
            calls=calls,
            learning_rate=SMALL_RATE,
            clip=0.2,
            whole_clues=True,
        )
    )


_FOUR_HOUSES = ZebraProblem(houses=(4, 4), attributes=(4, 4), hard=(6, 6), most_tokens=112, compact=True, asks="house")

SIZES: dict[ScaleName, PuzzleSize] = {
    "smoke": PuzzleSize(
        problem=ZebraProblem(houses=(3, 3), attributes=(3, 3), hard=(5, 5), most_tokens=64, compact=True, asks="house"),
        setting=_setting(Shape(layers=4, width=64, heads=4), steps=6600, calls=(3, 5), paper_boards=4000),
        learners=(MASKED, ARM_SOLVER, ARM_FIXED),
    ),
    "small": PuzzleSize(
        problem=_FOUR_HOUSES,
        setting=_setting(Shape(layers=5, width=64, heads=4), steps=7000, calls=(4, 8)),
        learners=(MASKED, ARM_SOLVER, ARM_FIXED),
    ),
    "long": PuzzleSize(
        problem=_FOUR_HOUSES,
        setting=replace(
            _setting(Shape(layers=1, loops=5, width=64, heads=4), steps=7000, calls=(4, 8)),
            large=Shape(layers=2, loops=5, width=64, heads=4),
        ),
        learners=(MASKED, replace(MASKED, large=True)),
    ),
    "paper": PuzzleSize(
        problem=ZebraProblem(houses=(3, 6), attributes=(3, 6), hard=(6, 6)),
        setting=taught(
            PuzzleSetting(
                shape=Shape(layers=8, width=384, heads=6, hidden=1536, mlp="swiglu", positions="rotary"),  # 19 million
                large=FORTY_TWO_MILLION,
                steps=100_000,
                batch_size=128,
                learning_rate=1e-3,
                pool=1_500_000,
                calls=(10, 50),
            )
        ),
        learners=(*EQUAL_SIZE, *(replace(learner, grid=True) for learner in (MASKED, ARM_SOLVER)), *LARGE),
    ),
}
"""``long`` asks whether recursion helps: one block run as often as ``small`` has blocks, at its operations, and two
blocks run as often, at twice as many, with a loss after each time; the rows of ``small`` stand to compare. What was
expected before the run, after what public solvers of puzzles report: the first within a point or two of ``small`` on
the puzzles of training, the second above it there and on harder ones. Neither was found (``results/table3-long``)."""
