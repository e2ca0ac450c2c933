"""Measurements for the audit: the paper's loss in all its printed forms, on small distributions, everything summed.

The learner is wrong and inconsistent: an arbitrary distribution at every masked position of every subproblem, so that
different orders give it different likelihoods. A true posterior could not tell the forms apart from their bound.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64
from scipy.integrate import quad
from scipy.special import logsumexp
from torch import Tensor

from analysis.figures.audit.claim import exact
from analysis.lab.rows import Row, Subject
from analysis.measures.task_error import kl_divergence
from generators.distribution import LODistribution
from generators.families import predicate_csp
from lo_theory.learning.masking import subproblem_weight
from lo_theory.likelihood import chain_nll_by_order, exact_nelbo
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.schedules import COSINE, LINEAR, NoiseSchedule, polynomial

EXPERIMENT = "audit_loss"
PRINTED_RATIO, FORMS, BOUND, KL_FORM = (
    "printed_loss_over_nelbo",
    "largest_difference_of_forms_nats",
    "loss_minus_log_loss_nats",
    "largest_difference_from_entropy_plus_divergence_nats",
)
SCHEDULES: tuple[NoiseSchedule, ...] = (LINEAR, COSINE, polynomial(2.0))


@dataclass(frozen=True, kw_only=True)
class LossUnit:
    """All forms of the loss on random distributions of four to five tokens, with a random learner each.

    Attributes:
        distributions: drawn.
        seed: of distributions and learners.
    """

    distributions: int
    seed: int = 0

    @property
    def label(self) -> str:
        """What it is."""
        return f"forms of the loss, {self.distributions} distributions"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Per distribution: printed loss over the true one by schedule, differences of forms, distance to the bound."""
        rng = np.random.default_rng(self.seed)
        for number in range(self.distributions):
            distribution = _small(rng)
            learner = RandomLearner(distribution.length, distribution.vocabulary, seed=int(rng.integers(2**31)))
            about = Subject(distribution=f"random {number}", fingerprint="", model="random learner")
            for metric, value in forms(distribution, learner).items():
                yield about.row(EXPERIMENT, metric, exact(value))


class RandomLearner:
    """An arbitrary, inconsistent denoiser: at every sequence with masks, independent random distributions."""

    def __init__(self, length: int, vocabulary: int, *, seed: int) -> None:
        self.length, self.vocabulary = length, vocabulary
        states = (vocabulary + 1) ** length
        generator = torch.Generator().manual_seed(seed)
        logits = 1.5 * torch.randn(states, length, vocabulary, generator=generator, dtype=torch.float64)
        self._answers = logits.log_softmax(dim=-1)
        self._place = (vocabulary + 1) ** torch.arange(length)

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float64[Tensor, "B L V"]:
        """Its log-probabilities."""
        return self._answers[(tokens * self._place).sum(dim=1)]


def forms(distribution: LODistribution, learner: RandomLearner) -> dict[str, float]:
    """All numbers of the audit for one distribution, means over its whole support."""
    rows, weight = support(distribution)
    length, tokens = distribution.length, torch.from_numpy(rows)
    by_count, divergence = _sums_by_count(distribution, learner, rows, weight)
    coefficients = np.array([subproblem_weight(n, length) for n in range(1, length + 1)])
    nelbo = exact_nelbo(learner, tokens).nats
    orders = np.array(list(itertools.permutations(range(length))))
    totals = chain_nll_by_order(learner, tokens, orders)
    timed = {schedule.name: by_count @ time_coefficients(schedule, length) for schedule in SCHEDULES}
    others = [by_count @ coefficients, totals.mean(axis=1), *timed.values()]
    loss = float(weight @ nelbo)
    mean_likelihood = np.asarray(logsumexp(-totals, axis=1)) - math.log(len(orders))  # its log, per row
    log_loss = -float(weight @ mean_likelihood)
    printed = {f"{PRINTED_RATIO}, {name}": -float(weight @ value) / loss for name, value in timed.items()}
    return {
        **printed,
        FORMS: max(float(np.abs(other - nelbo).max()) for other in others),
        BOUND: loss - log_loss,
        KL_FORM: abs(loss - distribution.entropy() - float(divergence @ coefficients)),
    }


def support(distribution: LODistribution) -> tuple[Int64[np.ndarray, "n L"], Float64[np.ndarray, "n"]]:
    """All sequences of positive probability, and it."""
    rows = np.array(list(itertools.product(range(distribution.vocabulary), repeat=distribution.length)))
    log_prob = distribution.log_prob(rows)
    possible = np.isfinite(log_prob)
    return rows[possible], np.exp(log_prob[possible])


def time_coefficients(schedule: NoiseSchedule, length: int) -> Float64[np.ndarray, "L"]:
    """What a subproblem with n = 1..L masks counts in the loss over time: ``int weight(t) P(its mask | t) dt``."""

    def integrand(n: int) -> Callable[[float], float]:
        def at(t: float) -> float:
            time = torch.tensor(t, dtype=torch.float64)
            masked = float(schedule.masked(time))
            return float(schedule.weight(time)) * masked**n * (1.0 - masked) ** (length - n)

        return at

    return np.array([quad(integrand(n), 0.0, 1.0, epsabs=1e-13, epsrel=1e-13)[0] for n in range(1, length + 1)])


def _sums_by_count(
    distribution: LODistribution,
    learner: RandomLearner,
    rows: Int64[np.ndarray, "n L"],
    weight: Float64[np.ndarray, "n"],
) -> tuple[Float64[np.ndarray, "n L"], Float64[np.ndarray, "L"]]:
    """Cross-entropies of all subproblems with 1..L masks, per row, and their mean divergences from the posterior."""
    length, posterior = distribution.length, EnumeratedPosterior(distribution)
    nats, divergence = np.zeros(rows.shape), np.zeros(length)
    for n in range(1, length + 1):
        for hidden in map(list, itertools.combinations(range(length), n)):
            tokens = rows.copy()
            tokens[:, hidden] = distribution.mask_id
            log_q = learner(torch.from_numpy(tokens)).numpy()[:, hidden]
            log_p = posterior.log_marginals(tokens)[:, hidden]
            nats[:, n - 1] -= np.take_along_axis(log_q, rows[:, hidden, None], axis=2).sum(axis=(1, 2))
            divergence[n - 1] += float(weight @ kl_divergence(log_p, log_q).sum(axis=1))
    return nats, divergence


def _small(rng: np.random.Generator) -> LODistribution:
    """Two or three bits or ternary latents, two observations, half of the time noisy, any prior."""
    n, m = int(rng.integers(2, 4)), int(rng.integers(2, 4))
    table = rng.integers(2, size=(m,) * 2)
    noise = float(rng.choice([0.0, 0.2]))
    return predicate_csp(
        table, n, 2, structure_seed=int(rng.integers(2**31)), prior=rng.dirichlet(np.ones(m)), noise=noise
    )
