"""The Bayes loss at the paper's six sizes: the floor under every model, by the share of masked tokens.

The paper takes a longer-trained network for the Bayes-optimal predictor. Its sizes, L&O-NAE-SAT with (N, P) from
(20, 280) to (100, 200), are within reach of the exact posterior.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64
from scipy.special import entr

from analysis.lab.experiment import ScaleName
from analysis.lab.rows import CONTROL, Role, Row, Subject
from analysis.measures.task_error import balanced_masks, roles_of
from generators.distribution import LODistribution
from generators.families import nae_sat
from lo_theory.denoisers.oracle import Posterior
from lo_theory.estimate import ratio_estimate
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior

EXPERIMENT_NAME = "bayes"
BAYES_NATS = "bayes_nats"
PAPER_SIZES = ((20, 280), (25, 275), (30, 270), (40, 260), (50, 250), (100, 200))
LENGTH = 300
"""Tokens of a sequence, N + P, at each of the paper's sizes."""
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 1.0)
_BATCH = 64


@dataclass(frozen=True, kw_only=True)
class BayesSize:
    """How often is drawn, and from what.

    Attributes:
        samples: masked sequences per share of masked tokens.
        distributions: (N, P) of each; the paper's at every scale.
    """

    samples: int
    distributions: tuple[tuple[int, int], ...] = PAPER_SIZES


SIZES: dict[ScaleName, BayesSize] = {
    "smoke": BayesSize(samples=200),
    "small": BayesSize(samples=4_000),
    "paper": BayesSize(samples=40_000),
}


@dataclass(frozen=True, kw_only=True)
class BayesUnit:
    """One size: the exact posterior's expected loss per masked token.

    Attributes:
        samples: masked sequences per share of masked tokens.
        structures: distributions of this size, seeds 0, 1, ...; the samples are spread over them.
    """

    n_latents: int
    n_observations: int
    samples: int
    structures: int = 4
    shares: tuple[float, ...] = SHARES
    seed: int = 0

    @property
    def label(self) -> str:
        """The size."""
        return f"NAE-SAT ({self.n_latents}, {self.n_observations})"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """A row per share of masked tokens and role."""
        rng = np.random.default_rng([self.seed, self.n_latents])
        distributions = [
            nae_sat(self.n_latents, self.n_observations, structure_seed=seed) for seed in range(self.structures)
        ]
        solvers = [(d, EliminatedPosterior(d)) for d in distributions]
        about = Subject(
            distribution=self.label, fingerprint=distributions[0].fingerprint, model=CONTROL, seed=self.seed
        )
        length = distributions[0].length
        for n_masked in sorted({max(1, round(share * length)) for share in self.shares}):
            count = -(-self.samples // self.structures)
            losses = [expected_loss(d, solver, n_masked, count, rng) for d, solver in solvers]
            for role in losses[0]:
                sums = np.concatenate([loss[role] for loss in losses])
                totals, cells = sums[sums[:, 1] > 0].T  # a sequence is one draw
                yield about.row(
                    EXPERIMENT_NAME, BAYES_NATS, ratio_estimate(totals, cells), role=role, n_masked=n_masked
                )


def units(size: BayesSize) -> list[BayesUnit]:
    """One per (N, P)."""
    return [BayesUnit(n_latents=n, n_observations=p, samples=size.samples) for n, p in size.distributions]


def expected_loss(
    distribution: LODistribution, posterior: Posterior, n_masked: int, samples: int, rng: np.random.Generator
) -> dict[Role, Float64[np.ndarray, "S 2"]]:
    """For each sequence and role, the sum of the posterior's entropies over masked tokens, in nats, and their number.

    The expected loss of a Bayes-optimal predictor at a masked token is the entropy of its posterior, so no true token
    is needed and nothing but the draw of sequence and mask is random.
    """
    x = distribution.sample(samples, rng)
    masks = balanced_masks(samples, distribution.length, n_masked, rng)
    tokens = np.where(masks, distribution.mask_id, x).astype(np.int64)
    entropy = np.concatenate(
        [
            entr(np.exp(posterior.log_marginals(tokens[start : start + _BATCH]))).sum(axis=-1)
            for start in range(0, samples, _BATCH)
        ]
    )
    masked = np.where(masks, entropy, 0.0)
    return {
        role: np.stack([masked[:, at].sum(axis=1), masks[:, at].sum(axis=1).astype(np.float64)], axis=1)
        for role, at in roles_of(distribution).items()
    }
