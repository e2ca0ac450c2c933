"""The power laws of every learner, distribution and goal, from rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from analysis.figures.growth.passages import GOALS, Goal, reached
from analysis.figures.growth.power_law import PowerLaw, Reached, fit_power_law
from analysis.figures.growth.units import EXPERIMENT_NAME, MODELS, TARGET, TARGET_FLOPS
from analysis.lab.rows import Rows


@dataclass(frozen=True)
class Law:
    """Runs of one learner on one distribution towards one goal, and the laws through them.

    Attributes:
        steps, operations: a passage per run, in steps of training and in floating-point operations.
        steps_law, operations_law: None where too few runs got there.
        target_flops: operations of a step at N = :data:`~analysis.figures.growth.units.TARGET`.
    """

    distribution: str
    model: str
    goal: Goal
    steps: tuple[Reached, ...]
    operations: tuple[Reached, ...]
    steps_law: PowerLaw | None
    operations_law: PowerLaw | None
    target_flops: float

    @property
    def target(self) -> tuple[float, float, float] | None:
        """Operations at the target and their 95% interval: steps by the law, times what a step costs there."""
        if self.steps_law is None:
            return None
        low, high = self.steps_law.cost_interval(TARGET)
        return self.target_flops * self.steps_law.cost(TARGET), self.target_flops * low, self.target_flops * high

    @property
    def never(self) -> int:
        """Runs that were not there at the largest budget."""
        return sum(run.known > 0 for run in self.steps)

    @property
    def at_once(self) -> int:
        """Runs that were there at the smallest budget."""
        return sum(run.known < 0 for run in self.steps)


@lru_cache(maxsize=4)
def laws(rows: Rows) -> tuple[Law, ...]:
    """By goal, distribution and learner; learners without a curve are left out."""
    own, found = rows.where(experiment=EXPERIMENT_NAME), list[Law]()
    for goal in GOALS:
        for name in own.values("distribution"):
            for model in MODELS:
                mine = own.where(distribution=name, model=model)
                steps, operations = reached(mine, goal), reached(mine, goal, operations=True)
                if steps:
                    fits = fit_power_law(steps), fit_power_law(operations)
                    flops = mine.where(metric=TARGET_FLOPS)[0].value
                    found.append(Law(name, model, goal, tuple(steps), tuple(operations), *fits, flops))
    return tuple(found)
