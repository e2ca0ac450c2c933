"""What the ``paper`` scales cost, counted from the shapes of their networks; no such training was run."""

from __future__ import annotations

import dataclasses
from functools import cache

from analysis.figures.table1.units import SIZES as TABLE_1
from analysis.figures.table3.units import SIZES as TABLE_3
from analysis.measures.setting import SCALES, Setting
from analysis.puzzles.learner import ARM_SOLVER, MASKED, PuzzleLearner
from analysis.puzzles.scales import SUDOKU_9, PuzzleSize
from analysis.puzzles.unit import PuzzleUnit
from lo_theory.learning.flops import training_flops
from lo_theory.learning.network import NetworkConfig

SUSTAINED = 1e14
"""FLOP/s of one large GPU at work."""


@cache
def estimates() -> dict[str, tuple[str, str]]:
    """FLOPs of one network, such as ``9.5e16``, and the time that they take, by what is trained."""
    large = dataclasses.replace(ARM_SOLVER, large=True)
    spent = {
        "planning": _setting_flops(SCALES["paper"].planning),
        "learning": _setting_flops(SCALES["paper"].learning),
        "table1": _setting_flops(TABLE_1["paper"].networks[0]),
        "sudoku": _puzzle_flops(SUDOKU_9, MASKED),
        "sudoku large": _puzzle_flops(SUDOKU_9, large),
        "zebra": _puzzle_flops(TABLE_3["paper"], MASKED),
    }
    return {name: (f"{flops:.1e}".replace("e+", "e"), _time(flops / SUSTAINED)) for name, flops in spent.items()}


def _setting_flops(setting: Setting) -> float:
    shape = dataclasses.asdict(setting.shape)
    config = NetworkConfig(length=setting.length, vocabulary=2, **shape)
    return float(training_flops(config)) * setting.steps * setting.batch_size


def _puzzle_flops(size: PuzzleSize, learner: PuzzleLearner) -> float:
    unit = PuzzleUnit(problem=size.problem, model=learner.name, seed=0, setting=size.setting)
    return float(training_flops(unit.network(size.problem.form(learner.order)))) * unit.steps * size.setting.batch_size


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


FUNCTIONS = (estimates,)
