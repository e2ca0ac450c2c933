"""The information curve of a distribution: how uncertain a token is once j others, drawn at random, are visible.

    h(j) = E H(X_i | X_S),   S a uniformly random set of j positions, i a uniformly random position outside, in nats.

It never rises; h(0), ..., h(L - 1) add up to the entropy of the distribution (chain rule along a random order). What
any sampler loses that reveals random positions in parallel is a functional of this curve alone
(:mod:`lo_theory.laws.step_counts`). Source: Chen, Cong and Li 2025, "Optimal Inference Schedules for Masked
Diffusion Models", arXiv 2511.04647; Lavenant and Zanella 2025, arXiv 2510.25544, who call it an information profile.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Integer

from generators.distribution import LODistribution
from generators.ground.integers import integers
from lo_theory.denoisers.denoiser import require_answers
from lo_theory.denoisers.oracle import Posterior
from lo_theory.estimate import Estimate, Method, exact_estimate, mean_estimate

_MOST_SEQUENCES = 2**20  # V^L, each asked for its probability
_MOST_VISITS = 2**28  # sequences of the support times subsets of the positions


@dataclass(frozen=True, eq=False)
class InformationCurve:
    """The curve and, where it was sampled, the draws that it is the mean of.

    Attributes:
        draws: (n, L) nats; column j estimates h(j) without bias. Rows are independent, the columns of a row are not, so
            the error of anything linear in the curve is taken over rows. An exact curve has one row.
        method: ``exact`` or ``monte_carlo``.
    """

    draws: Float64[np.ndarray, "n L"]
    method: Method

    @property
    def length(self) -> int:
        """Positions of a sequence, L."""
        return self.draws.shape[1]

    @property
    def nats(self) -> Float64[np.ndarray, "L"]:
        """h(0), ..., h(L - 1); a sampled curve may rise by its noise."""
        return self.draws.mean(axis=0)

    def at(self, visible: int) -> Estimate:
        """h(visible) with its error.

        Raises:
            ValueError: ``visible`` is not in ``range(L)``.
        """
        if not 0 <= visible < self.length:
            raise ValueError(f"between 0 and {self.length - 1} other tokens can be visible; got {visible}.")
        return self.linear(np.eye(self.length)[visible])

    def linear(self, weights: Float64[np.ndarray, "L"]) -> Estimate:
        """``sum_j weights[j] h(j)`` with its error over the draws, 0 for an exact curve."""
        values = self.draws @ weights
        if self.method == "exact":
            return exact_estimate(float(values[0]))
        return mean_estimate(values, self.method)

    def entropy(self) -> Estimate:
        """Of the whole sequence: the sum of the curve."""
        return self.linear(np.ones(self.length))

    def total_correlation(self) -> Estimate:
        """``sum_i H(X_i) - H(X)``: what a sampler loses that reveals everything in one step."""
        return self.linear(-np.ones(self.length) + self.length * np.eye(self.length)[0])

    def dual_total_correlation(self) -> Estimate:
        """``H(X) - sum_i H(X_i | all others)``."""
        return self.linear(np.ones(self.length) - self.length * np.eye(self.length)[-1])


def exact_curve(distribution: LODistribution) -> InformationCurve:
    """The curve by enumeration of all sequences and all sets of visible positions.

    Raises:
        ValueError: the distribution is too large for it; use :func:`sampled_curve`.
    Cost: V^L probabilities, then 2^L passes over the support.
    """
    vocabulary, length = distribution.vocabulary, distribution.length
    if vocabulary**length > _MOST_SEQUENCES:
        raise ValueError(
            f"an exact curve asks V**L = {vocabulary}**{length} sequences for their probability, more than "
            f"{_MOST_SEQUENCES}. Use sampled_curve with an exact posterior."
        )
    rows = np.indices((vocabulary,) * length).reshape(length, -1).T
    return curve_of_law(rows, np.exp(distribution.log_prob(rows)))


def curve_of_law(rows: Integer[np.ndarray, "n L"], probability: Float64[np.ndarray, "n"]) -> InformationCurve:
    """The curve of any law that is written out: distinct sequences and their probabilities, which add up to one.

    ``h(j)`` is the difference between the mean entropies of j + 1 and of j positions, the mean over all sets.

    Raises:
        TypeError: rows that are no integers.
        ValueError: another number of probabilities than of rows; they are negative or do not add up to one; too many
            sequences times sets.
    """
    rows = integers(rows, "rows")
    if rows.ndim != 2 or len(rows) != len(probability):
        raise ValueError(f"{len(probability)} probabilities belong to as many rows (n, L); got {rows.shape}.")
    if (probability < 0).any() or not math.isclose(probability.sum(), 1.0, rel_tol=0, abs_tol=1e-9):
        raise ValueError(f"probabilities must be >= 0 and add up to 1; they add up to {probability.sum()!r}.")
    rows, probability = rows[probability > 0], probability[probability > 0]
    length = rows.shape[1]
    if len(rows) * 2**length > _MOST_VISITS:
        raise ValueError(
            f"{len(rows)} sequences in 2**{length} sets of positions are too many to visit (more than {_MOST_VISITS}). "
            "Use sampled_curve with an exact posterior."
        )
    rows = np.unique(rows, return_inverse=True)[1].reshape(rows.shape)  # any integers, numbered from 0
    joint = np.array([_mean_entropy(rows, probability, size) for size in range(length + 1)])
    return InformationCurve(np.diff(joint)[None], "exact")


def sampled_curve(
    posterior: Posterior, rows: Integer[np.ndarray, "n L"], rng: np.random.Generator, *, batch_size: int = 256
) -> InformationCurve:
    """Unbiased estimate of the curve from rows of the distribution, each revealed along a random order of its own.

    For every number of visible tokens the entropies of all hidden ones are averaged, so a row visits L masks in place
    of L^2. The exact posterior makes the entropies exact given the mask; with belief propagation in its place they are
    its entropies and the curve need not be that of the distribution.

    Args:
        rows: independent draws from the distribution that the posterior belongs to.
        batch_size: sequences per question to the posterior; without influence on the result.
    Raises:
        TypeError: rows that are no integers.
        ValueError: no rows, or an answer of the posterior that is no distribution; what it raises is passed on.
    Cost: n * L questions to the posterior.
    """
    rows = integers(rows, "rows")
    if rows.ndim != 2 or rows.shape[1] != posterior.length:
        raise ValueError(f"rows must have shape (n, {posterior.length}); got {rows.shape}.")
    count, length = rows.shape
    if not count:
        raise ValueError("a curve is estimated from at least one row; got none. Draw rows from the distribution.")
    step_of = rng.permuted(np.broadcast_to(np.arange(length), rows.shape), axis=1)  # when each position is revealed
    draws = np.empty((count, length))
    for start in range(0, count, batch_size):
        part, steps = rows[start : start + batch_size], step_of[start : start + batch_size]
        for visible in range(length):
            hidden = steps >= visible
            answers = posterior.log_marginals(np.where(hidden, posterior.vocabulary, part))
            require_answers(
                torch.from_numpy(answers), torch.from_numpy(hidden), rows=torch.arange(start, start + len(part))
            )
            entropy = -(np.exp(answers) * np.where(np.isneginf(answers), 0.0, answers)).sum(axis=-1)  # (B, L)
            draws[start : start + batch_size, visible] = (entropy * hidden).sum(axis=1) / (length - visible)
    return InformationCurve(draws, "monte_carlo")


def _mean_entropy(rows: Integer[np.ndarray, "n L"], probability: Float64[np.ndarray, "n"], size: int) -> float:
    """Mean over all sets of ``size`` positions of the entropy of the tokens there, in nats."""
    base, entropies = int(rows.max(initial=0)) + 1, []
    for chosen in itertools.combinations(range(rows.shape[1]), size):
        part = rows[:, list(chosen)]
        if base**size < 2**63:
            codes = part @ base ** np.arange(size)
        else:
            codes = np.unique(part, axis=0, return_inverse=True)[1].ravel()
        entropies.append(_entropy(codes, probability))
    return float(np.mean(entropies))


def _entropy(codes: Integer[np.ndarray, "n"], probability: Float64[np.ndarray, "n"]) -> float:
    _, group = np.unique(codes, return_inverse=True)
    marginal = np.bincount(group, weights=probability)
    return float(-(marginal * np.log(marginal)).sum())
