"""Whether two precisions differ by more than seeds do."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import ttest_1samp, ttest_ind

from analysis.figures.precision.units import BFLOAT16, FLOAT32, RULES
from analysis.lab.rows import Rows
from analysis.measures.subproblems import PROBLEMS, of_kind
from analysis.measures.task_error import KL

LEVEL = 0.95
"""Of all intervals of :func:`differences` together, and of the one ratio: two statements, each wrong one time in 20."""
TOLERATED = 1.1
"""The largest ratio of errors that would not be minded."""


@dataclass(frozen=True)
class Difference:
    """bfloat16 less float32, a mean over seeds.

    Attributes:
        distribution, kind: of what, a subproblem or a rule.
        is_error: nats; else a share of observations.
        value, low, high: the difference and its interval, by Welch.
    """

    distribution: str
    kind: str
    is_error: bool
    value: float
    low: float
    high: float

    @property
    def covers_zero(self) -> bool:
        """Whether the interval does; equal numbers at every seed have one of length 0, at 0."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True)
class Ratio:
    """The error of bfloat16 over that of float32, a geometric mean.

    Attributes:
        value, low, high: the ratio and its interval, Student's t of logarithms.
        samples: trainings in either precision.
    """

    value: float
    low: float
    high: float
    samples: int

    @property
    def is_level(self) -> bool:
        """Whether the interval covers 1 and shows that errors are hardly larger, if at all."""
        return self.low <= 1 <= self.high <= TOLERATED


def differences(rows: Rows) -> list[Difference]:
    """Of every distribution, subproblem and rule with three seeds or more; none where there are fewer.

    Intervals hold together at ``LEVEL``, each at 1 - (1 - LEVEL) / their number (Bonferroni).
    """
    found = []
    for name in rows.values("distribution"):
        for kind in (*PROBLEMS, *RULES):
            own = of_kind(rows.where(distribution=name), kind)
            pair = [np.array([row.value for row in own.where(model=model)]) for model in (BFLOAT16, FLOAT32)]
            if min(map(len, pair)) >= 3:
                found.append((name, kind, own[0].metric == KL, *pair))
    level = 1 - (1 - LEVEL) / max(len(found), 1)
    return [Difference(name, kind, error, *_welch(narrow, wide, level)) for name, kind, error, narrow, wide in found]


def _welch(narrow: np.ndarray, wide: np.ndarray, level: float) -> tuple[float, float, float]:
    difference = float(narrow.mean() - wide.mean())
    if not np.ptp(narrow) and not np.ptp(wide):
        difference = float(narrow[0] - wide[0])
        return difference, difference, difference
    interval = ttest_ind(narrow, wide, equal_var=False).confidence_interval(level)
    return difference, float(interval.low), float(interval.high)


def error_ratio(rows: Rows) -> Ratio:
    """Of each distribution and seed the geometric mean over subproblems, and of these the mean.

    Seeds pair the two: they share the distribution, the weights at the start, rows and masks.
    """
    logs = []
    for name in rows.values("distribution"):
        for seed in rows.where(distribution=name).values("seed"):
            own = rows.where(distribution=name, seed=seed, metric=KL)
            pairs = [
                [own.one(model=model, swept=problem).value for model in (BFLOAT16, FLOAT32)] for problem in PROBLEMS
            ]
            logs.append(np.mean([math.log(narrow / wide) for narrow, wide in pairs]))
    interval = ttest_1samp(logs, 0.0).confidence_interval(LEVEL)
    middle, low, high = (math.exp(number) for number in (np.mean(logs), interval.low, interval.high))
    return Ratio(middle, low, high, len(logs))
