"""Population dynamics: belief propagation on an infinite random instance, conditional on the planted values.

A population of messages is kept for each planted value. A sweep draws every message anew: a Poisson number of
constraints, for each its visible value and the planted values of its other latents from their joint law given the root,
and the others' messages from the populations of those values.

Where only some values are visible, the field of the absent tuples balances the shown constraints as long as it follows
the very messages that they meet. Even so the composition of a population may oscillate, in not-all-equal of five from
about the condensation degree on. A sweep therefore renews the population part by part, each part from the messages and
the field of the moment: damping of both alike, which moves no fixed point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from lo_theory.estimate import Estimate, mean_estimate
from lo_theory.phases.absent_tuples import AbsentTuples
from lo_theory.phases.ensemble import Ensemble
from lo_theory.phases.population_kernel import sweep
from lo_theory.phases.thresholds import constraint_information

_BATCHES = 10
_PARTS = 4  # of a sweep: an oscillation that grows by less than a factor of 7 per undamped sweep dies out


@dataclass(frozen=True, eq=False)
class Population:
    """Messages from latents to constraints, by the planted value of the latent.

    With Poisson degrees a message has the law of a marginal, so this is the law of the posterior marginals too.

    Attributes:
        messages: (m, M, m); ``messages[a]`` are M draws for latents whose planted value is a, each of sum 1.
    """

    messages: Float64[np.ndarray, "m M m"]

    def magnetisation(self, prior: Float64[np.ndarray, "m"]) -> float:
        """``E[message at the planted value]``, rescaled so that the prior has 0 and certainty 1."""
        return _above_chance(float(_at_truth(self.messages) @ prior), prior)

    def overlap(self, prior: Float64[np.ndarray, "m"]) -> float:
        """Share of latents whose most likely value is the planted one; of equally likely values one is drawn."""
        best = self.messages >= self.messages.max(axis=-1, keepdims=True) * (1.0 - 1e-9)
        return float(_at_truth(best / best.sum(axis=-1, keepdims=True)) @ prior)


def planted_population(ensemble: Ensemble, size: int) -> Population:
    """Certainty of the planted values; the fixed point reached from it is the Bayes-optimal one above D_cond."""
    return informed_population(ensemble, size, 1.0)


def informed_population(ensemble: Ensemble, size: int, share: float) -> Population:
    """Certainty with weight ``share``, the prior with the rest; a small share makes a start that hardly knows anything.

    Raises:
        ValueError: a share outside [0, 1] or an empty population.
    """
    if not 0.0 <= share <= 1.0 or size < 1:
        raise ValueError(f"a population has size >= 1 and a share in [0, 1]; got size {size}, share {share}.")
    one = share * np.eye(ensemble.alphabet) + (1.0 - share) * ensemble.prior
    return Population(np.repeat(one[:, None, :], size, axis=1))


def random_population(ensemble: Ensemble, size: int, rng: np.random.Generator) -> Population:
    """The prior with each entry times a uniform draw from [0.5, 1.5], whatever the planted value: knows nothing."""
    weights = ensemble.prior * rng.uniform(0.5, 1.5, (ensemble.alphabet, size, ensemble.alphabet))
    return Population(weights / weights.sum(axis=-1, keepdims=True))


@dataclass(frozen=True, eq=False)
class History:
    """Means over the population, sweep by sweep; S sweeps, successive ones correlated.

    Attributes:
        degree: D, visible constraints per latent times k.
        information: of a visible constraint about its scope, I1 in nats.
        free_entropy: Bethe phi in nats per latent, 0 where nothing is known.
        evidence: E log Z_a, of one more visible constraint, in nats.
        truth: the mean over constraints of log F_y at the planted values. Its expectation is ``information``
            whatever the messages are, so it serves as control variate of the two above.
        magnetisation, overlap: of the messages after the sweep, see :class:`Population`.
    """

    degree: float
    information: float
    free_entropy: Float64[np.ndarray, "S"]
    evidence: Float64[np.ndarray, "S"]
    truth: Float64[np.ndarray, "S"]
    magnetisation: Float64[np.ndarray, "S"]
    overlap: Float64[np.ndarray, "S"]

    def after(self, sweeps: int) -> History:
        """What came later than the first ``sweeps``."""
        kept = {name: getattr(self, name)[sweeps:] for name in _PER_SWEEP}
        return History(self.degree, self.information, **kept)

    def estimates(self) -> Estimates:
        """Means over the sweeps, errors from the means of ten successive batches: correlation between sweeps counts.

        Raises:
            ValueError: fewer than 20 sweeps.
        """
        if len(self.truth) < 2 * _BATCHES:
            raise ValueError(f"an error estimate needs at least {2 * _BATCHES} sweeps; got {len(self.truth)}.")
        centred = self.truth - self.information
        evidence = _batched(_controlled(self.evidence, centred))
        return Estimates(
            free_entropy=_batched(_controlled(self.free_entropy, centred)),
            evidence=evidence,
            magnetisation=_batched(self.magnetisation),
            overlap=_batched(self.overlap),
            fresh_entropy=Estimate(
                value=self.information - evidence.value,
                standard_error=evidence.standard_error,
                samples=evidence.samples,
                method=evidence.method,
            ),
        )


_PER_SWEEP = ("free_entropy", "evidence", "truth", "magnetisation", "overlap")


@dataclass(frozen=True, kw_only=True)
class Estimates:
    """What a population knows, at a fixed point.

    Attributes:
        free_entropy: Bethe phi, nats per latent (theory: ``E log Z_i - (k - 1) c E log Z_a``).
        evidence: E log Z_a, nats: d phi / d c.
        fresh_entropy: I1 - E log Z_a, nats: if all values are visible and the predicate is deterministic, the entropy
            of a fresh observation given everything seen.
        magnetisation, overlap: see :class:`Population`.
    """

    free_entropy: Estimate
    evidence: Estimate
    fresh_entropy: Estimate
    magnetisation: Estimate
    overlap: Estimate


def evolve(
    ensemble: Ensemble,
    degree: float,
    population: Population,
    sweeps: int,
    rng: np.random.Generator,
    *,
    until_below: float = -math.inf,
) -> tuple[Population, History]:
    """Renew all messages ``sweeps`` times.

    Args:
        degree: D = k c > 0, counting visible constraints.
        until_below: stop early once the magnetisation is below this.
    Raises:
        ValueError: a population of another alphabet, a degree or number of sweeps that is not positive.
    Cost: per sweep O(m M D m^k) time; M = 10,000 bits in 2-in-4 at degree 4 take about 10 ms.
    Source: Mezard and Montanari (2009), ch. 14; phi from Coja-Oghlan, Krzakala, Perkins and Zdeborova (2018).
    """
    if population.messages.shape[0] != ensemble.alphabet:
        raise ValueError(
            f"the population is for {population.messages.shape[0]} values, the ensemble has {ensemble.alphabet}."
        )
    if not (0.0 < degree < math.inf) or sweeps < 1:
        raise ValueError(f"evolving needs a finite degree > 0 and sweeps >= 1; got {degree}, {sweeps}.")
    cells = rooted_cells(ensemble)
    absent = None if _all_visible(ensemble) else AbsentTuples(ensemble.seen_weight, degree / ensemble.arity)
    records = []
    for _ in range(sweeps):
        population, record = _renew(ensemble, degree, cells, absent, population, rng)
        records.append(record)
        if record[3] < until_below:
            break
    columns = np.array(records).T
    return population, History(degree, constraint_information(ensemble), *columns)


class RootedCells(NamedTuple):
    """The constraints around a latent, given its planted value: what the kernel draws from; see ``population_kernel``.

    ``per_degree[a]`` is the expected number of constraints of a latent with planted value a, over D: 1 if balanced.
    """

    tables: Float64[np.ndarray, "R m^k"]
    accept: Float64[np.ndarray, "m C"]
    alias: Int64[np.ndarray, "m C"]
    log_truth: Float64[np.ndarray, "m C"]
    per_degree: Float64[np.ndarray, "m"]


def rooted_cells(ensemble: Ensemble) -> RootedCells:
    """Tabulate ``P(slot, y, other planted values | root's planted value)`` for every root value.

    Cost: O(|Y| k m^k) memory.
    """
    k, m, weights = ensemble.arity, ensemble.alphabet, ensemble.weights
    rooted = np.stack([np.moveaxis(weights, 1 + slot, 1) for slot in range(k)], axis=1)  # (Y, k) + (m,) * k
    others = np.ones(1)
    for _ in range(k - 1):
        others = np.multiply.outer(others, ensemble.prior).ravel()
    flat = rooted.reshape(-1, k, m, m ** (k - 1))
    mass = ensemble.visible_rates[:, None, None, None] * flat * others / k
    mass = np.moveaxis(mass, 2, 0).reshape(m, -1)  # (m, C), cells in the order (y, slot, others)
    truth = np.moveaxis(flat, 2, 0).reshape(m, -1)
    per_degree = mass.sum(axis=1)
    pairs = [_alias_table(row / total) for row, total in zip(mass, per_degree, strict=True)]
    return RootedCells(
        np.ascontiguousarray(rooted.reshape(-1, m**k)),
        np.stack([accept for accept, _ in pairs]),
        np.stack([alias for _, alias in pairs]),
        np.log(truth, out=np.zeros_like(truth), where=truth > 0),
        per_degree,
    )


def _renew(
    ensemble: Ensemble,
    degree: float,
    cells: RootedCells,
    absent: AbsentTuples | None,
    population: Population,
    rng: np.random.Generator,
) -> tuple[Population, tuple[float, ...]]:
    """One sweep, and its line of the history."""
    messages, prior, k = population.messages.copy(), ensemble.prior, ensemble.arity
    m, members = messages.shape[:2]
    sums = np.zeros(4)  # over members: log Z_i, of log Z_a around a latent, of log F at the truth, and the correction
    for part in np.array_split(np.arange(members), min(_PARTS, members)):
        degrees = rng.poisson(degree * cells.per_degree[:, None], (m, len(part)))
        field, correction = _field(prior, absent, messages)
        renewed, logs = np.empty((m, len(part), m)), np.empty((3, m, len(part)))
        sweep(*cells[:4], degrees, field, messages, rng, renewed, logs)
        messages[:, part] = renewed
        sums += [*(prior @ logs.sum(axis=2).T), len(part) * correction]
    latent, factors, truth, correction = sums / members
    free_entropy = latent + correction - (k - 1) / k * factors
    after = Population(messages)
    per_constraint = (factors / degree, truth / degree)
    return after, (free_entropy, *per_constraint, after.magnetisation(prior), after.overlap(prior))


def _field(
    prior: Float64[np.ndarray, "m"], absent: AbsentTuples | None, messages: Float64[np.ndarray, "m M m"]
) -> tuple[Float64[np.ndarray, "m"], float]:
    """Prior times the weight of absent tuples, up to a factor, and what that and their mean field add to phi."""
    if absent is None:
        return prior, 0.0
    mean = prior @ messages.mean(axis=1)
    gradient = absent.field(mean)
    peak = float(gradient.max())
    return prior * np.exp(gradient - peak), absent.log_weight(mean) - float(mean @ gradient) + peak


def _alias_table(chances: Float64[np.ndarray, "C"]) -> tuple[Float64[np.ndarray, "C"], Int64[np.ndarray, "C"]]:
    """Walker's tables: draw a cell uniformly, keep it with chance ``accept``, else take its ``alias``."""
    size = len(chances)
    accept, alias = chances * size, np.arange(size)
    small = [i for i in range(size) if accept[i] < 1.0]
    large = [i for i in range(size) if accept[i] >= 1.0]
    while small and large:
        low, high = small.pop(), large[-1]
        alias[low] = high
        accept[high] -= 1.0 - accept[low]
        if accept[high] < 1.0:
            small.append(large.pop())
    for left in small:  # rounding leaves cells of chance 1 behind, but never one of chance 0
        accept[left] = 1.0 if chances[left] > 0 else 0.0
    return accept, alias


def _all_visible(ensemble: Ensemble) -> bool:
    return bool(np.allclose(ensemble.seen_weight, 1.0))


def _at_truth(messages: Float64[np.ndarray, "m M m"]) -> Float64[np.ndarray, "m"]:
    return np.einsum("asa->a", messages) / messages.shape[1]


def _above_chance(value: float, prior: Float64[np.ndarray, "m"]) -> float:
    chance = float((prior**2).sum())
    return (value - chance) / (1.0 - chance)


def _controlled(values: Float64[np.ndarray, "S"], centred: Float64[np.ndarray, "S"]) -> Float64[np.ndarray, "S"]:
    """``values`` less their regression on draws whose expectation is known to be 0."""
    spread = centred - centred.mean()
    power = float(spread @ spread)
    slope = 0.0 if power < 1e-24 * len(centred) else float(spread @ values) / power
    return values - slope * centred


def _batched(values: Float64[np.ndarray, "S"]) -> Estimate:
    means = np.array([part.mean() for part in np.array_split(values, _BATCHES)])
    return mean_estimate(means)
