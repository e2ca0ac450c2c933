"""What trainings cost: the ``paper`` scales, counted from the shapes of their networks, steps, and recorded laws."""

from __future__ import annotations

import dataclasses
from functools import cache

from analysis.figures.growth.laws import Law, laws
from analysis.figures.growth.power_law import PowerLaw, bracket
from analysis.figures.growth.units import MODELS
from analysis.figures.table1.units import SIZES as TABLE_1
from analysis.figures.table3.units import SIZES as TABLE_3
from analysis.measures.setting import SCALES, Setting
from analysis.puzzles.learner import ARM_SOLVER, MASKED, PuzzleLearner
from analysis.puzzles.scales import SUDOKU_9, SUDOKU_9_LONG, PuzzleSize
from analysis.puzzles.unit import PuzzleUnit
from docs.numbers import single
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


def sudoku_steps(model: str) -> str:
    """Training steps of a learner of 9x9 Sudokus at ``long``."""
    size = SUDOKU_9_LONG
    return f"{PuzzleUnit(problem=size.problem, model=model, seed=0, setting=size.setting).steps:,}"


def _setting_flops(setting: Setting) -> float:
    config = NetworkConfig.of(setting, length=setting.length, vocabulary=2)
    return float(training_flops(config)) * setting.steps * setting.batch_size


def _puzzle_flops(size: PuzzleSize, learner: PuzzleLearner) -> float:
    unit = PuzzleUnit(problem=size.problem, model=learner.name, seed=0, setting=size.setting)
    return float(training_flops(unit.network(size.problem.form(learner.order)))) * unit.steps * size.setting.batch_size


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def growth_table(run: str) -> list[tuple[str, str, str, str, str, str, str]]:
    """Distribution and goal; exponents of N of the masked learner, of it with latents visible at first, and of the
    autoregressive one; operations of the first two at the largest size."""
    found = {(law.distribution, law.goal.words, law.model): law for law in laws(single(run, "growth"))}
    lines = list[tuple[str, str, str, str, str, str, str]]()
    for name, goal in dict.fromkeys((name, goal) for name, goal, _ in found):
        masked, taught, other = (found[name, goal, model] for model in MODELS)
        exponents = (_exponent(law.operations_law) for law in (masked, taught, other))
        lines.append((name, goal, *exponents, _target(masked), _target(taught)))
    return lines


def _exponent(law: PowerLaw | None) -> str:
    return "no fit" if law is None else f"{law.exponent:.1f}{bracket(law.exponent_interval(), '.1f')}"


def _target(law: Law) -> str:
    if law.target is None:
        return "-"
    cost, *ends = law.target
    return f"{cost:.0e}{bracket((ends[0], ends[1]), '.0e')}"


FUNCTIONS = (estimates, growth_table, sudoku_steps)
