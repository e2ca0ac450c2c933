"""From rows of thresholds to phases: what replicas say together."""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis.figures.thresholds.units import (
    AREA,
    BETHE,
    CONTINUOUS,
    EXPERIMENT_NAME,
    FIRST_MOMENT,
    GAP,
    KESTEN_STIGUM,
    MAGNETISATION,
    SPINODAL_HIGH,
    SPINODAL_LOW,
)
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import Row, Rows
from lo_theory.phases.condensation import spinodal_interval


@dataclass(frozen=True, kw_only=True)
class Phases:
    """The thresholds of one predicate; degrees k P / N of visible constraints.

    Attributes:
        name: of the predicate.
        replicas, size: independent populations, and messages per planted value in each.
        kesten_stigum, first_moment: exact.
        continuous: all replicas say so; None if they differ.
        spinodal: interval of D_d over all replicas; None without a jump.
        bethe, area: D_cond by each route, means over the replicas whose planted start stayed; None without a jump.
        gap: phi at D_KS; None where D_KS is infinite.
    """

    name: str
    replicas: int
    size: int
    kesten_stigum: float
    first_moment: float
    continuous: bool | None
    spinodal: tuple[float, float] | None
    bethe: Row | None
    area: Row | None
    gap: Row | None

    @property
    def condensation(self) -> float:
        """D_cond: D_KS where continuous, else the mean of the two routes, NaN if unknown.

        Not weighted: the scatter of a few replicas is small by chance too often to be trusted as a weight.
        """
        if self.continuous:
            return self.kesten_stigum
        routes = [row.value for row in (self.bethe, self.area) if row is not None]
        return sum(routes) / len(routes) if routes else math.nan

    @property
    def condensation_error(self) -> float:
        """Standard error of :attr:`condensation`; 0 where continuous, NaN where replicas are too few."""
        if self.continuous:
            return 0.0
        errors = [row.standard_error for row in (self.bethe, self.area) if row is not None]
        return math.hypot(*errors) / len(errors) if errors else math.nan

    @property
    def routes_apart(self) -> float:
        """Difference of the two routes, see :func:`sigmas`; NaN where there is no error."""
        return math.nan if self.area is None else sigmas(self.bethe, self.area.value, self.area.standard_error)


def phases(rows: Rows) -> list[Phases]:
    """One per predicate, in order of first appearance, from the rows of all replicas.

    Raises:
        ValueError: no row of this experiment.
    """
    return [_phases(name, group) for name, group in rows.of(EXPERIMENT_NAME).by("distribution").items()]


def sigmas(row: Row | None, expected: float, error: float) -> float:
    """``(measured - expected)`` in combined standard errors; NaN without a measurement or an error.

    A population of finite size is biased by O(1 / size); that share of the value is taken as one more standard error,
    as the scatter of few replicas may be small by chance. A guess on the safe side: for 3-XOR with 200 messages the
    Bethe route is off by a tenth of it or less.
    """
    if row is None or not (math.isfinite(row.standard_error) and math.isfinite(error)):
        return math.nan
    bias = abs(expected) / row.at if row.at else 0.0
    return (row.value - expected) / math.hypot(row.standard_error, error, bias)


def _phases(name: str, rows: Rows) -> Phases:
    def every(metric: str) -> list[float]:
        return [row.value for row in rows.where(metric=metric)]

    usable = [row for row in rows if row.metric != MAGNETISATION and not math.isnan(row.value)]
    means = {row.metric: row for row in combine_seeds(usable)}
    said = set(every(CONTINUOUS))
    size = int(means[CONTINUOUS].at or 0)
    brackets = list(zip(every(SPINODAL_LOW), every(SPINODAL_HIGH), strict=True))
    return Phases(
        name=name,
        replicas=len(every(CONTINUOUS)),
        size=size,
        kesten_stigum=every(KESTEN_STIGUM)[0],
        first_moment=every(FIRST_MOMENT)[0],
        continuous=said == {1.0} if len(said) == 1 else None,
        spinodal=spinodal_interval(brackets, size) if brackets else None,
        bethe=means.get(BETHE),
        area=means.get(AREA),
        gap=means.get(GAP),
    )
