"""Belief propagation on a factor graph: messages in, messages and an honest account of their convergence out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Integer

from generators.planted.constraints import PlantedEnsemble, PlantedInstance
from lo_theory.phases.absent_tuples import AbsentTuples
from lo_theory.phases.ensemble import Ensemble
from lo_theory.phases.factor_graph import FactorGraph, planted_graph
from lo_theory.phases.message_passing import damp, factors_to_latents, latents_to_factors, log_normalisers
from lo_theory.posteriors.enumeration import ImpossibleEvidence

Start = Literal["prior", "random", "planted"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to iterate.

    Attributes:
        damping: weight of the old message in the new one, in [0, 1). It moves no fixed point. Random starts with hard
            constraints want about 0.3; on a tree 0 is exact after as many iterations as the tree is deep.
        tolerance: converged once no entry of a message (of sum 1) would change by more in an undamped step.
        max_iterations: give up then; the answer says that it has not converged.
    """

    damping: float = 0.3
    tolerance: float = 1e-8
    max_iterations: int = 1000

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0.0 <= self.damping < 1.0:
            raise ValueError(f"damping is the weight of the old message, in [0, 1); got {self.damping}.")
        if not self.tolerance >= 0.0 or self.max_iterations < 1:
            raise ValueError(
                f"iterating needs tolerance >= 0 and max_iterations >= 1; got {self.tolerance}, {self.max_iterations}."
            )


@dataclass(frozen=True)
class Beliefs:
    """Where belief propagation ended: an approximation, exact on trees, whose quality nothing here certifies.

    Attributes:
        marginals: (N, m) beliefs about every latent.
        messages: (E, m) latent-to-factor messages, one per edge of the graph, each of sum 1.
        log_evidence: Bethe approximation of the log of the total weight, in nats; meaningful at a fixed point only.
        converged: whether the last change was below the tolerance.
        iterations: steps taken.
        last_change: largest change of a message entry in the last step, had it not been damped.
    """

    marginals: Float64[np.ndarray, "N m"]
    messages: Float64[np.ndarray, "E m"]
    log_evidence: float
    converged: bool
    iterations: int
    last_change: float

    @property
    def free_entropy(self) -> float:
        """Bethe log evidence per latent, in nats; for planted graphs phi, which is 0 where nothing is known."""
        return self.log_evidence / len(self.marginals)


DEFAULT = Settings()


def propagate(
    graph: FactorGraph,
    start: Float64[np.ndarray, "E m"],
    settings: Settings = DEFAULT,
    absent: AbsentTuples | None = None,
) -> Beliefs:
    """Iterate all messages in parallel from ``start`` until they settle.

    Args:
        start: positive latent-to-factor messages, see :func:`prior_messages` and its neighbours.
    Raises:
        ImpossibleEvidence: every value of a latent was ruled out. From positive messages this proves that the total
            weight is zero; the reverse is not true on graphs with cycles.
    Cost: per iteration O(E m^k / k) time; 10,000 latents of degree 30 (NAE-3, m = 3) take about 25 ms.
    Source: Mezard and Montanari, "Information, Physics, and Computation" (2009), ch. 14.
    """
    messages, exchange, marginals = start.copy(), np.empty_like(start), np.empty_like(graph.field)
    mean = _mean(graph, messages)  # damped as the messages are: the absent tuples must balance the ones shown
    change, iterations = math.inf, 0
    while change > settings.tolerance and iterations < settings.max_iterations:
        factors_to_latents(graph.scope_start, graph.table_start, graph.tables, messages, exchange)
        _answer(graph, _tilt(absent, mean), exchange, marginals)
        change = damp(messages, exchange, settings.damping)
        mean, iterations = settings.damping * mean + (1.0 - settings.damping) * marginals.mean(axis=0), iterations + 1
    factors_to_latents(graph.scope_start, graph.table_start, graph.tables, messages, exchange)
    tilt = _tilt(absent, mean)
    latents, factors = log_normalisers(
        graph.scope_start, graph.touch_start, graph.touch, graph.field, tilt, exchange, messages
    )
    _answer(graph, tilt, exchange, marginals)
    correction = 0.0
    if absent is not None:
        field = absent.field(mean)
        shift = float(field.max())  # _tilt left it out
        correction = len(marginals) * (absent.log_weight(mean) - float(mean @ field) + shift)
    return Beliefs(
        marginals, messages, latents - factors + correction, change <= settings.tolerance, iterations, float(change)
    )


def prior_messages(graph: FactorGraph) -> Float64[np.ndarray, "E m"]:
    """What each latent knows by itself; for a balanced ensemble a fixed point, on which symmetric predicates stay."""
    return _normalised(graph.field)[graph.scope]


def random_messages(graph: FactorGraph, rng: np.random.Generator) -> Float64[np.ndarray, "E m"]:
    """The prior's messages, each entry times an independent uniform draw from [0.5, 1.5]: breaks all symmetries."""
    return perturbed_messages(graph, rng.uniform(0.5, 1.5, (len(graph.scope), graph.field.shape[1])))


def perturbed_messages(graph: FactorGraph, factors: Float64[np.ndarray, "E m"]) -> Float64[np.ndarray, "E m"]:
    """The prior's messages times ``factors``, normalised."""
    return _normalised(prior_messages(graph) * factors)


def planted_messages(graph: FactorGraph, latents: Integer[np.ndarray, "N"]) -> Float64[np.ndarray, "E m"]:
    """Certainty of the given latents; the fixed point reached from it decides the Bayes-optimal phase (theory: D_d)."""
    return np.eye(graph.field.shape[1])[latents[graph.scope]]


def planted_beliefs(
    planted: PlantedEnsemble,
    instance: PlantedInstance,
    start: Start,
    *,
    rng: np.random.Generator | None = None,
    settings: Settings = DEFAULT,
    revealed: Bool[np.ndarray, "N"] | None = None,
) -> Beliefs:
    """Belief propagation on one planted instance, absent tuples included where only satisfied constraints are shown.

    Args:
        start: "prior", "random" (needs ``rng``) or "planted", which looks at the hidden latents.
        revealed: latents that are visible; none if not given. Their field is the prior on the true value, so the log
            evidence counts them as tokens.
    Raises:
        ValueError: an unknown start, or a random one without ``rng``.
    """
    ensemble = Ensemble.from_planted(planted)
    graph = planted_graph(ensemble, instance.scopes, instance.values, planted.n_latents)
    if revealed is not None:
        graph = clamped(graph, instance.latents, revealed)
    if start == "planted":
        messages = planted_messages(graph, instance.latents)
    elif start == "prior":
        messages = prior_messages(graph)
    elif start == "random" and rng is not None:
        messages = random_messages(graph, rng)
    else:
        raise ValueError(f"start is 'prior', 'planted' or 'random', the last with a generator rng=...; got {start!r}.")
    absent = None
    if planted.shown == "satisfied":
        absent = AbsentTuples(ensemble.seen_weight, planted.degree / planted.arity, planted.count == "fixed")
    return propagate(graph, messages, settings, absent)


def clamped(graph: FactorGraph, latents: Integer[np.ndarray, "N"], revealed: Bool[np.ndarray, "N"]) -> FactorGraph:
    """The same graph once some latents are visible: their field keeps the weight of the true value alone."""
    true = latents[:, None] == np.arange(graph.field.shape[1])
    return graph._replace(field=np.where(revealed[:, None] & ~true, 0.0, graph.field))


def overlap(
    marginals: Float64[np.ndarray, "N m"],
    latents: Integer[np.ndarray, "N"],
    symmetries: Sequence[Sequence[int]],
) -> float:
    """Share of latents whose most likely value is the true one, up to the best relabelling in ``symmetries``.

    ``Ensemble.label_symmetries`` gives those that the visible tokens cannot tell apart. Chance is the largest prior
    probability: 1/2 for uniform bits. Of equally likely values the lowest counts.
    """
    guess = marginals.argmax(axis=1)
    return max(float((np.asarray(s)[guess] == latents).mean()) for s in symmetries)


def _answer(graph: FactorGraph, tilt: np.ndarray, exchange: np.ndarray, marginals: np.ndarray) -> None:
    """Latents' half of an iteration, in place."""
    floor = _message_floor(graph)
    empty = latents_to_factors(graph.touch_start, graph.touch, graph.field, tilt, floor, exchange, marginals)
    if empty >= 0:
        raise ImpossibleEvidence(
            f"every value of latent {empty} has been ruled out: the visible tokens have probability zero. "
            "Mask one of them, or check that they come from this distribution."
        )


def _tilt(absent: AbsentTuples | None, mean: Float64[np.ndarray, "m"]) -> Float64[np.ndarray, "m"]:
    if absent is None:
        return np.ones(len(mean))
    field = absent.field(mean)
    return np.exp(field - field.max())


def _mean(graph: FactorGraph, messages: Float64[np.ndarray, "E m"]) -> Float64[np.ndarray, "m"]:
    return messages.mean(axis=0) if len(messages) else _normalised(graph.field).mean(axis=0)


def _message_floor(graph: FactorGraph) -> float:
    """Smallest entry of a message that is not ruled out: a factor multiplies k - 1 of them without underflow."""
    widest = int(np.diff(graph.scope_start).max(initial=1))
    return 10.0 ** (-min(60.0, 280.0 / max(widest - 1, 1)))


def _normalised(weights: Float64[np.ndarray, "n m"]) -> Float64[np.ndarray, "n m"]:
    total = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
