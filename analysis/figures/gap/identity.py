"""The identity of the computational gap: an area between two loss curves and one free entropy.

A learner of all orders that knows only what belief propagation from the prior reaches pays for every observation as if
it knew nothing until D_KS; the Bayes-optimal one does so until D_cond. Per latent the difference is

    integral from c_cond to c_KS of [I1 - h(c)] dc  =  phi(D_KS),        c = D / k,

where h is the Bayes loss of a fresh visible observation, I1 its value without knowledge and phi the Bethe free entropy:
phi'(c) = I1 - h(c) and phi(c_cond) = 0. The left side is measured on instances, the right one by population dynamics,
which has no N; instances give phi too, with corrections of order 1/N, and it stands beside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from analysis.figures.gap.units import POPULATION, nodes
from analysis.lab.rows import Rows
from analysis.planted.cases import CASES, Case
from analysis.planted.curve import OBSERVATION, PHI, PROPAGATION
from lo_theory.phases.thresholds import constraint_information


@dataclass(frozen=True)
class Measured:
    """Mean over instances with its standard error, and the number of instances."""

    value: float
    error: float
    instances: int

    @property
    def half_width(self) -> float:
        """Half of the 95% interval by Student's t."""
        return float(t.ppf(0.975, max(self.instances - 1, 1))) * self.error


@dataclass(frozen=True)
class Identity:
    """Both sides of the identity for one case, in nats per latent.

    Attributes:
        area: between the measured curves of the random and of the planted start. Its error includes that of D_cond.
        ideal_area: the random start's curve replaced by ignorance up to D_KS, as it is at infinite N.
        free_entropy: phi(D_KS) by population dynamics.
        on_instances: the same by belief propagation from the planted start, at finite N.
    """

    case: str
    area: Measured
    ideal_area: Measured
    free_entropy: Measured
    on_instances: Measured

    @property
    def z(self) -> float:
        """Difference of the ideal area and the free entropy in standard errors."""
        return z_score(self.ideal_area, self.free_entropy)

    @property
    def z_measured(self) -> float:
        """The same with the measured curve of the random start."""
        return z_score(self.area, self.free_entropy)

    def agrees(self, false_alarm: float = 1e-3) -> bool:
        """Whether ideal area and free entropy differ by no more than their errors, by Student's t.

        A handful of instances gives poor standard errors: t has one degree of freedom less than there are of them.
        """
        freedom = min(self.ideal_area.instances, self.free_entropy.instances) - 1
        error = math.hypot(self.ideal_area.error, self.free_entropy.error)
        difference = abs(self.ideal_area.value - self.free_entropy.value)
        return difference <= float(t.ppf(1 - false_alarm / 2, freedom)) * error


def z_score(left: Measured, right: Measured) -> float:
    """Difference over its standard error; 0 where both are equal without error."""
    error = math.hypot(left.error, right.error)
    difference = left.value - right.value
    if error == 0.0:
        return 0.0 if abs(difference) < 1e-12 else math.copysign(math.inf, difference)
    return difference / error


def identity(rows: Rows, name: str, count: int) -> Identity:
    """Both sides for one case from the rows of its instances.

    Args:
        rows: of ``gap``, at every node of :func:`~analysis.figures.gap.units.nodes` and at D_KS, from at least two
            instances and two populations. The last digits of their degrees may be those of another machine.
        count: number of nodes.
    Raises:
        ValueError: fewer than two of either, or a missing node (a start that was refused has no loss).
    """
    case, rows = CASES[name], rows.where(distribution=name)
    populations = [row.value for row in rows.where(model=POPULATION)]
    if len(populations) < 2:
        raise ValueError(f"the error of phi needs two populations or more; got {len(populations)} of {name}.")
    mine = rows.where(model=PROPAGATION)
    seeds = sorted(mine.values("seed"))
    if len(seeds) < 2:
        raise ValueError(f"the error of the gap needs two instances or more; got seeds {seeds} of {name}.")
    degrees, weights = nodes(case, count)
    information = constraint_information(case.ensemble)
    areas, ideals, entropies = [], [], []
    for seed in seeds:
        here = mine.where(seed=seed)
        random, planted = (_values(here, OBSERVATION, start, degrees.tolist()) for start in ("random", "planted"))
        ignorant = np.where(degrees < case.kesten_stigum, information, random)
        areas.append(float(weights @ (random - planted)))
        ideals.append(float(weights @ (ignorant - planted)))
        entropies += _values(here, PHI, "planted", [case.kesten_stigum]).tolist()
    drift = _condensation_error(case, information)
    return Identity(
        name,
        area=_measured(areas, drift),
        ideal_area=_measured(ideals, drift),
        free_entropy=_measured(populations, 0.0),
        on_instances=_measured(entropies, 0.0),
    )


def _values(rows: Rows, metric: str, start: str, degrees: Sequence[float]) -> np.ndarray:
    """What one instance measured at each of the degrees."""
    there = rows.where(metric=metric, start=start)
    found = {degree: there.get(degree=degree) for degree in degrees}
    missing = [degree for degree, row in found.items() if row is None]
    if missing:
        about = f"{rows[0].distribution}, seed {rows[0].seed}, {start} start"
        raise ValueError(f"no row of {metric} of {about} at the degrees {missing}.")
    return np.array([row.value for row in found.values() if row is not None])


def _condensation_error(case: Case, information: float) -> float:
    """Bound on the error of the area from that of D_cond: the integrand is at most I1."""
    known = case.condensation
    return 0.0 if known is None else known.error / case.arity * information


def _measured(values: Sequence[float], further: float) -> Measured:
    n = len(values)
    return Measured(float(np.mean(values)), math.hypot(float(np.std(values, ddof=1)) / math.sqrt(n), further), n)
