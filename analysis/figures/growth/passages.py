"""From curves over budgets to the budget at which something was reached."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from analysis.figures.growth.power_law import Reached
from analysis.figures.growth.units import STEP_FLOPS
from analysis.lab.rows import Row, Rows
from analysis.measures.forward_loss import FORWARD
from analysis.measures.order_accuracy import AGREEMENT

_FLOOR = 1e-4  # of disagreement or nats: below it a logarithm says nothing


@dataclass(frozen=True)
class Goal:
    """What a learner is to reach.

    Attributes:
        words: in figures and tables.
        metric: agreement, which rises to it, or the forward loss, which falls.
        value: where it is.
    """

    words: str
    metric: str
    value: float

    def missing(self, value: float) -> float:
        """How far a value is from the goal, in logarithms: positive before it is reached."""
        rest = [1.0 - number if self.metric == AGREEMENT else number for number in (value, self.value)]
        return math.log(max(rest[0], _FLOOR) / rest[1])


GOALS = (
    Goal("95% agreement", AGREEMENT, 0.95),
    Goal("99% agreement", AGREEMENT, 0.99),
    Goal("forward loss 0.05", FORWARD, 0.05),
)
"""The forward loss in nats per observation with its latents visible; a coin's is 0.69."""


def reached(rows: Rows, goal: Goal, *, operations: bool = False) -> list[Reached]:
    """A passage for each run among the rows of one learner on one distribution.

    Between the last budget that was too small and the first that was not, what is missing falls as a power of the
    budget (straight on logarithmic axes).

    Args:
        operations: in floating-point operations instead of steps.
    """
    found = list[Reached]()
    for (at, _), run in rows.by("at", "seed").items():
        curve = sorted(run.where(metric=goal.metric), key=_budget)
        if curve:
            factor = run.one(metric=STEP_FLOPS).value if operations else 1.0
            steps, known = _passage({_budget(row): goal.missing(row.value) for row in curve})
            found.append(Reached(round(at), factor * steps, known))
    return found


def _budget(row: Row) -> int:
    assert row.step is not None  # every curve is over budgets
    return row.step


def _passage(missing: Mapping[int, float]) -> tuple[float, int]:
    """The budget at which nothing is missing any more, ascending budgets given, and whether it is that or a bound."""
    before: tuple[int, float] | None = None
    for budget, rest in missing.items():
        if rest <= 0:
            if before is None:
                return float(budget), -1
            share = before[1] / (before[1] - rest)
            return before[0] * (budget / before[0]) ** share, 0
        before = budget, rest
    return float(max(missing)), 1
