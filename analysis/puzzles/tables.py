"""Tables 2, 3 and 5 of the paper: which units each takes, at which scale."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from analysis.paper_numbers import LARGE, TABLE_2, TABLE_3, TABLE_5, PuzzlesOfPaper
from analysis.puzzles.learners import (
    ARM_FIXED,
    ARM_RANDOM,
    ARM_SOLVER,
    GRID,
    LONG,
    MDM,
    PEERS,
    SINGLES,
    PuzzleSetting,
    PuzzleUnit,
    Shape,
)
from analysis.puzzles.problems import SudokuProblem, ZebraProblem
from analysis.scales import ScaleName

Table = Literal["table2", "table3", "table5"]

EQUAL_SIZE = (MDM, ARM_SOLVER, ARM_FIXED, ARM_RANDOM)
TOLD = (MDM + GRID, ARM_SOLVER + GRID, ARM_FIXED + GRID)
_REASONERS = (SINGLES, PEERS)

_SUDOKU = (TABLE_2, TABLE_5)
_PAPER: dict[Table, tuple[tuple[PuzzlesOfPaper, ...], ...]] = {
    "table2": _SUDOKU,
    "table3": (TABLE_3,),
    "table5": _SUDOKU,
}
"""Beside the first test set and the hard one. The paper has no hard Zebra puzzles."""


@dataclass(frozen=True, kw_only=True)
class PuzzleScale:
    """One table at one scale.

    Attributes:
        problem: what is trained and tested on.
        setting: networks, training, decoding.
        models: learners, in the order of the figure.
        seeds: training runs of each.
    """

    problem: SudokuProblem | ZebraProblem
    setting: PuzzleSetting
    models: tuple[str, ...]
    seeds: int


_TINY = Shape(layers=3, width=64, heads=8)
_SMALL = Shape(layers=4, width=64, heads=8)
_ZEBRA_THREE = Shape(layers=4, width=64, heads=4)
_ZEBRA_FOUR = Shape(layers=5, width=64, heads=4)
_SMALL_RATE = 6e-3  # of Muon, at width 64
_SIX_MILLION = Shape(layers=8, width=256, heads=8, hidden=640, mlp="swiglu")
_NINETEEN_MILLION = Shape(layers=8, width=384, heads=6, hidden=1536, mlp="swiglu", positions="rotary")
_FORTY_TWO_MILLION = Shape(layers=8, width=576, heads=8, hidden=3456)


def _taught(setting: PuzzleSetting) -> PuzzleSetting:
    """What made networks learn puzzles in less time here: Muon, most answers hidden, inner layers asked.

    Found at width 64 and three to five layers; that it serves networks of millions of weights too, with the lower
    learning rates of the "paper" scale, is a guess: no such training was run.

    Weights remember the last 1 / (learning rate x weight decay) steps; that is a fifth of the training, however long it
    is (after Wang and Aitchison 2024, arXiv 2405.13698).
    """
    return dataclasses.replace(
        setting,
        min_ratio=0.02,
        weight_decay=5 / (setting.learning_rate * setting.steps),
        optimizer="muon",
        mask_draws=4,
        deep_supervision=0.2,
    )


def _zebra_setting(
    shape: Shape, *, steps: int, calls: tuple[int, ...], paper_boards: int | None = None
) -> PuzzleSetting:
    """Clues are read whole. A fifth of the tokens of 3 houses are answers, so gradients are cut at 1 per answer."""
    return _taught(
        PuzzleSetting(
            shape=shape,
            steps=steps,
            paper_boards=paper_boards,
            calls=calls,
            learning_rate=_SMALL_RATE,
            clip=0.2,
            whole_clues=True,
        )
    )


_FOUR = SudokuProblem(side=4, clues=5, test_share=0.25)
_SIX = SudokuProblem(side=6, hard=(9, 9))
_NINE = SudokuProblem(side=9, hard=(9, 9))
_SIX_EASY = SudokuProblem(side=6, levels=(2, 2), hard=(3, 9))

_SIX_SMALL = PuzzleScale(
    problem=_SIX,
    setting=_taught(
        PuzzleSetting(shape=_SMALL, steps=4000, learning_rate=_SMALL_RATE, pool=100_000, calls=(5, 13)),
    ),
    models=(MDM, MDM + GRID, ARM_SOLVER, ARM_FIXED, *_REASONERS),
    seeds=1,
)
_NINE_PAPER = PuzzleScale(
    problem=_NINE,
    setting=_taught(
        PuzzleSetting(
            shape=_SIX_MILLION,
            large=_FORTY_TWO_MILLION,
            steps=100_000,
            batch_size=256,
            learning_rate=2e-3,
            pool=2_000_000,
            calls=(10, 50),
        )
    ),
    models=(*EQUAL_SIZE, *TOLD, ARM_SOLVER + LARGE, ARM_FIXED + LARGE, *_REASONERS),
    seeds=1,
)

SCALES: dict[Table, dict[ScaleName, PuzzleScale]] = {
    "table2": {
        "smoke": PuzzleScale(
            problem=_FOUR,
            setting=PuzzleSetting(shape=_TINY, steps=1000, calls=(3, 6)),
            models=(ARM_SOLVER + LONG, ARM_FIXED + LONG, *EQUAL_SIZE, *TOLD, *_REASONERS),
            seeds=1,
        ),
        "small": _SIX_SMALL,
        "paper": _NINE_PAPER,
    },
    "table3": {
        "smoke": PuzzleScale(
            problem=ZebraProblem(
                houses=(3, 3), attributes=(3, 3), hard=(5, 5), most_tokens=64, compact=True, asks="house"
            ),
            setting=_zebra_setting(_ZEBRA_THREE, steps=6600, calls=(3, 5), paper_boards=4000),
            models=(MDM, ARM_SOLVER, ARM_FIXED),
            seeds=1,
        ),
        "small": PuzzleScale(
            problem=ZebraProblem(
                houses=(4, 4), attributes=(4, 4), hard=(6, 6), most_tokens=112, compact=True, asks="house"
            ),
            setting=_zebra_setting(_ZEBRA_FOUR, steps=7000, calls=(4, 8)),
            models=(MDM, ARM_SOLVER, ARM_FIXED),
            seeds=1,
        ),
        "paper": PuzzleScale(
            problem=ZebraProblem(houses=(3, 6), attributes=(3, 6), hard=(6, 6)),
            setting=_taught(
                PuzzleSetting(
                    shape=_NINETEEN_MILLION,
                    large=_FORTY_TWO_MILLION,
                    steps=100_000,
                    batch_size=128,
                    learning_rate=1e-3,
                    pool=1_500_000,
                    calls=(10, 50),
                )
            ),
            models=(*EQUAL_SIZE, MDM + GRID, ARM_SOLVER + GRID, ARM_SOLVER + LARGE, ARM_FIXED + LARGE),
            seeds=1,
        ),
    },
    "table5": {
        "smoke": PuzzleScale(
            problem=_SIX_EASY,
            setting=PuzzleSetting(shape=_TINY, steps=1500, pool=50_000, rules="paper"),
            models=(MDM, ARM_SOLVER, ARM_FIXED, *_REASONERS),
            seeds=1,
        ),
        "small": _SIX_SMALL,
        "paper": _NINE_PAPER,
    },
}


def puzzle_units(table: Table, scale: ScaleName) -> list[PuzzleUnit]:
    """All units of a table, trained ones first; what is not trained is there once."""
    chosen = SCALES[table][scale]
    units = [
        PuzzleUnit(problem=chosen.problem, model=model, seed=seed, setting=chosen.setting)
        for seed in range(chosen.seeds)
        for model in chosen.models
    ]
    trained = [unit for unit in units if unit.model not in _REASONERS]
    return [*trained, *(unit for unit in units if unit.model in _REASONERS and unit.seed == 0)]


def paper_numbers(table: Table, scale: ScaleName) -> dict[str, tuple[PuzzlesOfPaper, ...]]:
    """Name of a test set -> the paper's numbers to stand beside it: Table 5 belongs to the hard one."""
    return dict(zip(SCALES[table][scale].problem.tests, _PAPER[table], strict=False))
