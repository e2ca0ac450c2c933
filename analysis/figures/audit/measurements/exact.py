"""Measurements for the audit that are exact: laws of thresholds, symmetric marginals, naive accuracy, parities."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64

from analysis.figures.audit.claim import Values, exact
from generators.distribution import LODistribution
from generators.families import nae_sat, predicate_csp
from generators.observations import named_tables as named
from lo_theory.agreement import observation_agreement
from lo_theory.estimate import Estimate, mean_estimate
from lo_theory.phases.ensemble import Ensemble
from lo_theory.phases.thresholds import (
    edge_matrices,
    first_moment_degree,
    has_proven_gap,
    imbalance,
    kesten_stigum_degree,
    prior_entropy,
)
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.posteriors.parities import ParityPosterior

LAW, FOURIER, OPPOSITE, NAE_FORMULA, NOISY_XOR, SILENT, SUFFICIENT, IMBALANCE, UNBALANCED = (
    "total_degree_both_over_law",
    "degree_over_fourier_formula",
    "largest_error_of_opposite_eigenvalues",
    "largest_error_of_nae_formulas",
    "largest_error_of_noisy_xor_formula",
    "least_growth_free_degree",
    "condition_equals_proven_gap",
    "imbalance_at_one_third",
    "imbalance_at_one_half",
)
FROM_PRIOR, FROM_PRIOR_REVEALED = "largest_distance_from_prior", "largest_distance_from_prior_one_revealed"
ALWAYS_ONE, REPEATED, SAMPLED = "accuracy_always_one", "accuracy_with_repeated_indices", "agreement_of_marginal_samples"
KNOWN = "share_of_latents_known_by_elimination"
SYMMETRIC: dict[str, LODistribution] = {
    "NAE-3": predicate_csp(named.nae(arity=3), 9, 18, structure_seed=0),
    "NAE-3, m = 3": predicate_csp(named.nae(arity=3, latent_alphabet=3), 6, 12, structure_seed=0),
    "5-colouring": predicate_csp(named.not_equal(5), 5, 8, structure_seed=0),
    "2-in-4": predicate_csp(named.t_in_k(2, arity=4), 9, 18, structure_seed=0),
}
ASYMMETRIC: dict[str, LODistribution] = {
    "1-in-4": predicate_csp(named.t_in_k(1, arity=4), 9, 18, structure_seed=0, prior=np.array([0.75, 0.25])),
    "P4": predicate_csp(named.p4(), 9, 18, structure_seed=0),
}


def laws(amount: int, rng: np.random.Generator) -> Iterator[Values]:
    """Section 1.3 on ``amount`` random balanced channels of two values: both sides of every formula."""
    ratios, opposite = [], []
    for _ in range(amount):
        channel, prior = balanced_channel(int(rng.integers(2, 5)), int(rng.integers(2, 4)), rng)
        both, one = Ensemble(channel, prior), Ensemble(channel, prior, (1,))
        gamma = float(both.value_rates[1])
        totals = kesten_stigum_degree(both), kesten_stigum_degree(one) / gamma  # a share gamma of all is visible
        ratios.append(totals[0] / totals[1] / (1 - gamma))
        centred = edge_matrices(both) - prior[:, None]
        off = ~np.eye(both.arity, dtype=bool)
        expected = -gamma / (1 - gamma) * centred[1][off]
        opposite.append(float(np.abs(centred[0][off] - expected).max()))
    yield "random channels", LAW, _worst(ratios, 1.0)
    yield "random channels", OPPOSITE, _worst(opposite, 0.0)
    yield "symmetric predicates", FOURIER, _worst([_fourier_ratio(t) for t in _pairwise()], 1.0)
    yield "NAE", NAE_FORMULA, _worst([_nae_error(k, m) for k in (2, 3, 4, 5) for m in (2, 3, 4)], 0.0)
    noisy = [(eta, Ensemble.from_table(named.parity(arity=2), noise=eta)) for eta in (0.0, 0.05, 0.2, 0.4)]
    yield (
        "2-XOR",
        NOISY_XOR,
        _worst([kesten_stigum_degree(e) * (1 - 2 * eta) ** 2 for eta, e in noisy], 1.0),
    )
    quiet = [Ensemble.from_table(named.parity(arity=k), noise=eta) for k in (3, 4, 5) for eta in (0.0, 0.05, 0.3)]
    quiet.append(Ensemble.from_table(named.p5()))
    yield "XOR, P5", SILENT, exact(min(map(kesten_stigum_degree, quiet)), len(quiet))
    agree = [_sufficient(t) for t in _pairwise()]
    yield "symmetric predicates", SUFFICIENT, exact(float(np.mean(agree)), len(agree))
    for metric, chance in ((IMBALANCE, 1 / 3), (UNBALANCED, 1 / 2)):
        tilted = Ensemble.from_table(named.t_in_k(1, arity=3), prior=np.array([1 - chance, chance]))
        yield "1-in-3", metric, exact(imbalance(tilted), 1)


def symmetric_marginals(amount: int, rng: np.random.Generator) -> Iterator[Values]:
    """Exact posterior marginals of latents, all masked: distance from the prior; and once one latent is visible."""
    for name, distribution in {**SYMMETRIC, **ASYMMETRIC}.items():
        posterior, at = EnumeratedPosterior(distribution), distribution.latent_positions
        tokens = distribution.sample(amount, rng).astype(np.int64)
        tokens[:, distribution.observation_positions[::2]] = distribution.mask_id
        first = tokens[:, at[0]].copy()
        for metric, hidden in ((FROM_PRIOR, at), (FROM_PRIOR_REVEALED, at[1:])):
            tokens[:, at] = distribution.mask_id
            tokens[:, np.setdiff1d(at, hidden)] = first[:, None]
            marginals = np.exp(posterior.log_marginals(tokens)[:, hidden, : distribution.alphabet])
            yield name, metric, exact(float(np.abs(marginals - distribution.prior).max()), amount)


def naive_accuracy(amount: int, rng: np.random.Generator) -> Iterator[Values]:
    """NAE-SAT of N = 20: accuracy of always answering 1, with distinct and with repeated indices in a scope.

    And the agreement of sequences whose tokens are drawn one by one from their marginals.
    """
    n, count = 20, 280
    rate = float(Ensemble.from_table(named.nae(arity=3)).value_rates[1])
    yield "distinct", ALWAYS_ONE, exact(rate, 1)
    equal_draws = (1 + 3 * (n - 1) * 0.5 + (n - 1) * (n - 2) * 0.25) / n**2
    yield "repeated", REPEATED, exact(1 - equal_draws, 1)
    distribution = nae_sat(n, count, structure_seed=0)
    rows = distribution.sample(amount, rng).astype(np.int64)
    rows[:, distribution.observation_positions] = rng.random((amount, count)) < rate
    yield "drawn", SAMPLED, mean_estimate(observation_agreement(distribution, rows).mean(axis=1))


def eliminated_parities(amount: int, rng: np.random.Generator) -> Iterator[Values]:
    """3-XOR at degree 6, far below D_KS = inf and above D_cond = 2.75: latents that Gaussian elimination determines.

    ``amount`` instances of N = 300, both values visible. (Odd parities alone are also solved by all ones.)
    """
    shares = []
    for seed in rng.integers(2**31, size=amount):
        distribution = predicate_csp(named.parity(arity=3), 300, 600, structure_seed=int(seed))
        tokens, latents = distribution.sample(1, rng).astype(np.int64), distribution.latent_positions
        tokens[:, latents] = distribution.mask_id
        known = ParityPosterior(distribution).log_marginals(tokens)[0, latents].max(axis=1) == 0.0
        shares.append(float(known.mean()))
    yield "3-XOR", KNOWN, mean_estimate(np.array(shares))


def balanced_channel(
    arity: int, m: int, rng: np.random.Generator
) -> tuple[Float64[np.ndarray, "..."], Float64[np.ndarray, "m"]]:
    """Channel and prior of a random observation of two values that says nothing about any single latent."""
    prior = rng.dirichlet(np.full(m, 4.0))
    effect = rng.normal(size=(m,) * arity)
    for slot in range(arity):  # main effects are taken out, the mean with the first
        main = np.moveaxis(effect, slot, 0)
        for _ in range(arity - 1):
            main = main @ prior
        effect = effect - main.reshape([-1 if s == slot else 1 for s in range(arity)])
    gamma = float(rng.uniform(0.2, 0.8))
    one = gamma + 0.9 * min(gamma, 1 - gamma) * effect / np.abs(effect).max()
    return np.stack([1 - one, one]), prior


def _pairwise() -> list[np.ndarray]:
    """Symmetric binary predicates that are balanced at fair bits and correlate pairs."""
    symmetric = [named.nae(arity=k) for k in (3, 4, 5)]
    return [*symmetric, named.t_in_k(2, arity=4), named.t_in_k(3, arity=6), named.t_in_k([1, 4], arity=5)]


def _fourier_ratio(table: np.ndarray) -> float:
    """D_KS, both values visible, over ``gamma (1 - gamma) / ((k - 1) g2^2)``, g2 = E g x1 x2 with spins x."""
    k, gamma = table.ndim, float(table.mean())
    spins = np.multiply.outer([1.0, -1.0], [1.0, -1.0]).reshape(2, 2, *([1] * (k - 2)))
    weight = float((table * spins).mean())
    return kesten_stigum_degree(Ensemble.from_table(table)) * (k - 1) * weight**2 / (gamma * (1 - gamma))


def _nae_error(k: int, m: int) -> float:
    """Relative deviation of both D_KS of k-NAE with m values from ``(m^(k-1) - 1)^2`` and ``^1`` over k - 1."""
    base = m ** (k - 1) - 1
    table = named.nae(arity=k, latent_alphabet=m)
    one = kesten_stigum_degree(Ensemble.from_table(table, shown="satisfied")) * (k - 1) / base**2
    both = kesten_stigum_degree(Ensemble.from_table(table)) * (k - 1) / base
    return max(abs(one - 1), abs(both - 1))


def _sufficient(table: np.ndarray) -> bool:
    """Whether ``(1-gamma) / (gamma (k-1) lambda_1^2) > k H / h(gamma)`` says what D_KS > D_1st says."""
    ensemble, k = Ensemble.from_table(table), table.ndim
    gamma = float(table.mean())
    second = edge_matrices(ensemble)[1, 0, 1] - ensemble.prior[:, None]
    eigenvalue = float(np.trace(second))
    bits = -gamma * math.log(gamma) - (1 - gamma) * math.log(1 - gamma)
    left = (1 - gamma) / (gamma * (k - 1) * eigenvalue**2)
    right = k * prior_entropy(ensemble) / bits
    assert math.isclose(right, first_moment_degree(ensemble))
    return (left > right) == has_proven_gap(ensemble)


def _worst(values: list[float], expected: float) -> Estimate:
    """The value farthest from the expected one."""
    return exact(max(values, key=lambda value: abs(value - expected)), len(values))
