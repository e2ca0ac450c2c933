"""Exact thresholds of a constraint ensemble: the Kesten-Stigum degree and the first-moment (entropy) bound.

Degrees are D = k c, c *visible* constraints per latent. Above the Kesten-Stigum degree belief propagation leaves the
point where it knows nothing; that this is where local algorithms begin to work is a conjecture (paper Conj. B.13) and
says nothing about others: Gaussian elimination solves parities without noise, whose Kesten-Stigum degree is infinite,
as soon as they determine the latents. The first-moment degree is a theorem: above it the visible constraints carry
information about the latents.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64

from lo_theory.phases.ensemble import Ensemble

_BALANCE_TOLERANCE = 1e-10
_NO_GROWTH = 1e-24  # entries of the edge matrices carry rounding errors of about 1e-16, their products 1e-32


def paper_degree(degree: float, *, arity: int) -> float:
    """``k! * degree``: the unit of the paper's numbers for D, which count a scope once for each of its orders."""
    return math.factorial(arity) * degree


def slot_means(ensemble: Ensemble) -> Float64[np.ndarray, "Y k m"]:
    """``E[F_y | x_i = a]`` of every visible value y, slot i and latent value a."""
    k, letters = ensemble.arity, _slots(ensemble)
    means = [
        np.einsum(
            f"y{letters},{','.join(s for s in letters if s != kept)}->y{kept}" if k > 1 else f"y{letters}->y{letters}",
            ensemble.weights,
            *[ensemble.prior] * (k - 1),
        )
        for kept in letters
    ]
    return np.stack(means, axis=1)


def imbalance(ensemble: Ensemble) -> float:
    """Largest ``|E[F_y | x_i = a] - 1|``: how far one visible constraint alone moves a latent's marginal."""
    return float(np.abs(slot_means(ensemble) - 1.0).max())


def is_balanced(ensemble: Ensemble) -> bool:
    """Whether no visible value, alone, says anything about a single latent (Assumption B.11 asks it of the value 1).

    Then and only then the prior is a fixed point of belief propagation. Otherwise every positive degree informs.
    """
    return imbalance(ensemble) < _BALANCE_TOLERANCE


def edge_matrices(ensemble: Ensemble) -> Float64[np.ndarray, "Y k k m m"]:
    """``T[y, i, j, a, b] = P(x_i = a | x_j = b, y)`` of the visible values; columns sum to 1, zero for i = j."""
    k, m, letters = ensemble.arity, ensemble.alphabet, _slots(ensemble)
    matrices = np.zeros((len(ensemble.labels), k, k, m, m))
    for i in range(k):
        for j in range(k):
            if i == j:
                continue
            rest = [s for s in letters if s not in (letters[i], letters[j])]
            spec = f"{','.join([f'y{letters}', *rest])}->y{letters[i]}{letters[j]}"
            pair = np.einsum(spec, ensemble.weights, *[ensemble.prior] * (k - 2))
            joint = ensemble.prior[:, None] * pair
            total = joint.sum(axis=1, keepdims=True)
            matrices[:, i, j] = np.divide(joint, total, out=np.zeros_like(joint), where=total > 0)
    return matrices


def growth(ensemble: Ensemble) -> float:
    """Factor by which the variance of a perturbation of the prior grows per step of belief propagation, at degree 1.

    The spectral radius of ``(1/k) sum_{i != j} sum_y rate_y M_y^{ij} (x) M_y^{ij}`` with ``M = T - prior 1^T``. In a
    balanced ensemble M^{ji} is the adjoint of M^{ij} with respect to the prior, so the sum is symmetric in the right
    basis and its eigenvalues are as exact as the table.

    Raises:
        ValueError: the ensemble is not balanced, so the prior is no fixed point.
    Cost: O(|Y| k^2 m^4) and one eigenvalue problem of size m^2.
    """
    if not is_balanced(ensemble):
        raise ValueError(
            f"growth is defined at the fixed point that knows nothing; this ensemble is not balanced (a single "
            f"constraint moves a marginal by {imbalance(ensemble):.3g} of the prior), so there is none."
        )
    root, m = np.sqrt(ensemble.prior), ensemble.alphabet
    operator = np.zeros((m, m, m, m))
    for rate, matrices in zip(ensemble.visible_rates, edge_matrices(ensemble), strict=True):
        for i, j in np.argwhere(~np.eye(ensemble.arity, dtype=bool)):
            centred = matrices[i, j] - ensemble.prior[:, None]
            symmetric = centred * root / root[:, None]
            operator += rate * np.einsum("ab,cd->acbd", symmetric, symmetric)
    flat = operator.reshape(m * m, m * m) / ensemble.arity
    return float(np.abs(np.linalg.eigvalsh((flat + flat.T) / 2)).max())


def kesten_stigum_degree(ensemble: Ensemble) -> float:
    """D_KS: the degree above which belief propagation leaves the prior (paper Def. B.12), exact.

    ``inf`` if no value correlates two latents of its scope (parity of three and more, Goldreich's P5); 0 if the
    ensemble is not balanced, as then there is nothing to leave: any positive degree informs.
    """
    if not is_balanced(ensemble):
        return 0.0
    factor = growth(ensemble)
    return math.inf if factor < _NO_GROWTH else 1.0 / factor


def prior_entropy(ensemble: Ensemble) -> float:
    """H(prior) of one latent, in nats."""
    return float(-(ensemble.prior * np.log(ensemble.prior)).sum())


def constraint_information(ensemble: Ensemble) -> float:
    """Information of one visible constraint about the latents of its scope, ``sum_y rate_y KL(prior F_y || prior)``.

    In nats. If all values are visible it is the mutual information H(Y) - H(Y | X), for a deterministic predicate H(Y);
    if only "satisfied" is, -log gamma for a deterministic predicate.
    """
    weights = ensemble.weights
    logs = np.log(weights, out=np.zeros_like(weights), where=weights > 0)
    per_value = weights * logs
    for _ in range(ensemble.arity):
        per_value = per_value @ ensemble.prior
    return float(ensemble.visible_rates @ per_value)


def first_moment_degree(ensemble: Ensemble) -> float:
    """D_1st = k H(prior) / information of a constraint: an upper bound on the condensation degree, exact.

    Above it the constraints would carry more information than the latents have, were they independent. So a
    Kesten-Stigum degree above D_1st proves, without any simulation, a region where the latents are determined in part
    but belief propagation from the prior learns nothing. ``inf`` if the values say nothing.
    """
    information = constraint_information(ensemble)
    return math.inf if information < _BALANCE_TOLERANCE else ensemble.arity * prior_entropy(ensemble) / information


def has_proven_gap(ensemble: Ensemble) -> bool:
    """Whether D_KS > D_1st: belief propagation from the prior provably misses what is determined. False: not known."""
    return kesten_stigum_degree(ensemble) > first_moment_degree(ensemble)


def _slots(ensemble: Ensemble) -> str:
    if ensemble.arity > 20:
        raise ValueError(f"thresholds need the whole table of a constraint; arity {ensemble.arity} is above 20.")
    return "abcdefghijklmnopqrst"[: ensemble.arity]
