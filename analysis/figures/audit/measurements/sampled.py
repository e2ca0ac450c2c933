"""Measurements for the audit on drawn instances and populations: what the other experiments do not measure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64

from analysis.figures.audit.claim import Values, exact
from analysis.figures.leak.units import share_in_largest
from analysis.planted.cases import CASES
from generators.distribution import LODistribution
from generators.families import whole_hash
from generators.observations import named_tables as named
from generators.observations.predicate import Predicate
from generators.planted.constraints import PlantedEnsemble
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.estimate import mean_estimate
from lo_theory.likelihood import chain_nll
from lo_theory.phases.belief_posterior import BeliefPropagationPosterior
from lo_theory.phases.belief_propagation import Settings, overlap, planted_beliefs, propagate, random_messages
from lo_theory.phases.condensation import Effort, measure
from lo_theory.phases.factor_graph import planted_graph
from lo_theory.phases.thresholds import constraint_information, first_moment_degree, prior_entropy
from lo_theory.posteriors.enumeration import EnumeratedPosterior, ImpossibleEvidence

TIED_BELOW, TIED_ABOVE = "share_tied_at_0.7_of_percolation", "share_tied_at_1.5_of_percolation"
BAYES, PROPAGATED, REFUSED = "bayes_nats", "belief_propagation_nats", "refused_share"
DENSE = "free_entropy_minus_its_dense_limit_nats"
BUDGET, BUDGET_MEAN, BUDGET_LIMIT = (
    "excess_of_a_search_budget_bits",
    "excess_over_exact_mean",
    "exact_mean_over_formula",
)
WITH_FIELD, WITHOUT_FIELD = "overlap_with_absent_tuples", "overlap_without_absent_tuples"
TILT_WITH, TILT_WITHOUT = "composition_off_prior_with", "composition_off_prior_without"
PER_LATENT = (0.3, 0.9, 1.25, 1.5)
_SMALL, _FRESH = 16, 8


def percolation(amount: int, rng: np.random.Generator) -> Iterator[Values]:
    """Latents in the m largest classes that the zeros' equalities tie, either side of ``1 / ((1 - gamma)(k - 1))``.

    N = 20,000, ``amount`` instances each.
    """
    tables = {f"NAE-{k}": named.nae(arity=k) for k in (3, 4, 5)} | {"5-colouring": named.not_equal(5)}
    for name, table in tables.items():
        k, m = table.ndim, table.shape[0]
        threshold = 1 / ((1 - float(table.mean())) * (k - 1))
        for metric, ratio in ((TIED_BELOW, 0.7), (TIED_ABOVE, 1.5)):
            problem = PlantedEnsemble(np.full(m, 1 / m), 20_000, table, ratio * threshold, "both", "fixed")
            shares = [share_in_largest(problem.sample(rng), m) for _ in range(amount)]
            yield name, metric, mean_estimate(np.array(shares))


def small_n(amount: int, rng: np.random.Generator) -> Iterator[Values]:
    """2-in-4, N = 16, all latents masked: loss of a fresh observation, exact and by belief propagation (I7).

    ``amount`` instances per number of observations, each with eight fresh ones; losses are means over the exact
    posterior. Instances on which belief propagation rules out every value have no loss of its.
    """
    for per_latent in PER_LATENT:
        bayes, paid = [], []
        for _ in range(amount):
            distribution, tokens = observations_only(round(per_latent * _SMALL), rng)
            p = np.exp(EnumeratedPosterior(distribution).log_marginals(tokens)[0, -_FRESH:])
            bayes.append(-float(np.where(p > 0, p * np.log(np.maximum(p, 1e-300)), 0.0).sum()) / _FRESH)
            propagation = BeliefPropagationPosterior(
                distribution, start="random", seed=int(rng.integers(2**31)), settings=Settings(max_iterations=500)
            )
            try:
                log_q = propagation.log_marginals(tokens)[0, -_FRESH:]
            except ImpossibleEvidence:
                continue
            paid.append(-float(np.where(p > 0, p * log_q, 0.0).sum()) / _FRESH)
        name = f"{per_latent:g} per latent"
        yield name, BAYES, mean_estimate(np.array(bayes))
        yield name, PROPAGATED, mean_estimate(np.array(paid))
        yield name, REFUSED, exact(1 - len(paid) / amount, amount)


def observations_only(count: int, rng: np.random.Generator) -> tuple[LODistribution, Int64[np.ndarray, "1 L"]]:
    """2-in-4 on 16 latents: ``count`` observations are visible, all latents and eight fresh observations are not."""
    scopes = np.stack([rng.choice(_SMALL, 4, replace=False) for _ in range(count + _FRESH)])
    distribution = LODistribution(np.full(2, 0.5), _SMALL, (Predicate(named.t_in_k(2, arity=4), scopes),))
    tokens = distribution.sample(1, rng).astype(np.int64)
    tokens[:, :_SMALL] = distribution.mask_id
    tokens[:, -_FRESH:] = distribution.mask_id
    return distribution, tokens


def dense_limit(amount: int, rng: np.random.Generator) -> Iterator[Values]:
    """Bethe free entropy at five times D_1st minus ``c I1 - H(prior)``, from ``amount`` populations (1.5)."""
    effort = Effort(size=1000, burn_in=15, sweeps=30)
    for name in ("2-in-4", "XOR-3", "NAE-3, satisfied"):
        ensemble = CASES[name].ensemble
        degree = 5 * first_moment_degree(ensemble)
        limit = degree / ensemble.arity * constraint_information(ensemble) - prior_entropy(ensemble)
        found = [measure(ensemble, degree, effort, rng).estimates().free_entropy.value - limit for _ in range(amount)]
        yield name, DENSE, mean_estimate(np.array(found))


@dataclass(frozen=True)
class Hash:
    """A hash of all latents that is searched: N, P, and b, the hidden latents that a search can afford."""

    n_latents: int
    n_observations: int
    budget: int

    @property
    def mean_excess_bits(self) -> float:
        """Exact mean of (visible tokens when only b latents are hidden) - N: an order statistic."""
        n, count, budget = self.n_latents, self.n_observations, self.budget
        return (n - budget) * (n + count + 1) / (n + 1) - n

    @property
    def formula_bits(self) -> float:
        """``P - b (N + P) / N`` (I6)."""
        return self.n_observations - self.budget * (self.n_latents + self.n_observations) / self.n_latents


def search_budget(amount: int, rng: np.random.Generator) -> Iterator[Values]:
    """What a learner that searches at most 2^b candidates pays above the entropy, along random orders (I6).

    Until at most b latents are hidden it pays a bit per token, then what the exact posterior pays; the mean over
    ``amount`` rows, minus its exact mean for a hash that reveals nothing early. A small hash does, by up to a bit.
    """
    small = Hash(8, 32, 3)
    distribution = whole_hash(small.n_latents, small.n_observations, structure_seed=0)
    posterior, excess = PosteriorDenoiser(EnumeratedPosterior(distribution)), []
    for row in distribution.sample(amount, rng).astype(np.int64):
        order = rng.permutation(distribution.length)
        hidden = small.n_latents - np.cumsum(np.isin(order, distribution.latent_positions))
        start = int(np.argmax(hidden <= small.budget)) + 1
        steps = chain_nll(posterior, torch.from_numpy(row[None]), order)[0]
        excess.append(start + float(steps[start:].sum()) / math.log(2.0) - small.n_latents)
    yield "hash", BUDGET, mean_estimate(np.array(excess))
    yield "hash", BUDGET_MEAN, mean_estimate(np.array(excess) - small.mean_excess_bits)
    for n in (10, 100, 1000, 10_000, 100_000):
        large = Hash(n, 7 * n, n // 5)
        yield f"hash, N = {n}", BUDGET_LIMIT, exact(large.mean_excess_bits / large.formula_bits)


def absent_tuples(amount: int, rng: np.random.Generator) -> Iterator[Values]:
    """NAE-3 of three values, satisfied only, degree 36, N = 2,000, random start, with the absent-tuple field or not.

    Above D_KS = 32, so that only the missing field can be why the latents are not found. Off the prior: the largest
    difference of the mean marginal from it.
    """
    case = CASES["NAE-3, m = 3, satisfied"]
    settings = Settings(damping=0.3, tolerance=1e-5, max_iterations=400)
    kept, lost, tilted, level = [], [], [], []
    for _ in range(amount):
        problem, ensemble = case.planted(2000, 36.0), case.ensemble
        instance = problem.sample(rng)
        graph = planted_graph(ensemble, instance.scopes, instance.values, problem.n_latents)
        symmetries = ensemble.label_symmetries()
        without = propagate(graph, random_messages(graph, rng), settings)
        with_field = planted_beliefs(problem, instance, "random", rng=rng, settings=settings)
        for ends, found, off in ((with_field, kept, level), (without, lost, tilted)):
            found.append(overlap(ends.marginals, instance.latents, symmetries))
            off.append(float(np.abs(ends.marginals.mean(axis=0) - ensemble.prior).max()))
    name = "NAE-3, m = 3, satisfied"
    pairs = ((WITH_FIELD, kept), (WITHOUT_FIELD, lost), (TILT_WITH, level), (TILT_WITHOUT, tilted))
    for metric, values in pairs:
        yield name, metric, mean_estimate(np.array(values))
