"""How far a network at the paper's sizes is from the exact posterior, by how much is visible and of which kind.

Agreement says that a sequence went wrong, this says where: under masks as in training, and with observations alone
visible, as margin leaves them. NAE-SAT is the same with all latents flipped, so no observation tells of one latent, and
a posterior decoded by margin reveals observations until none is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from analysis.figures.table1.long_unit import sized_network
from analysis.lab.rows import Row
from analysis.measures.learner import TEST
from analysis.measures.rule_sweep import EXPERIMENT_NAME, SizedUnit
from analysis.measures.task_error import KL, task_error
from lo_theory.denoisers.network import MaskedDenoiser
from lo_theory.posteriors.exact import exact_posterior

VISIBLE = (5, 10, 20, 30, 45, 60, 90, 140, 200)
"""Tokens that are seen, of 300; of a shorter sequence those that leave one hidden observation."""


@dataclass(frozen=True, kw_only=True)
class DistanceUnit(SizedUnit):
    """KL(posterior || network) of hidden latents and of hidden observations, for the network of a size of Table 1.

    Attributes:
        samples: sequences per number of visible tokens.
    """

    samples: int = 256

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Means over the positions of a role, in nats; the network is that of ``sized_network``."""
        distribution = self.build()
        denoiser = MaskedDenoiser(sized_network(self, directory, device))
        posterior = exact_posterior(distribution)
        for latents_hidden in (False, True):
            found = task_error(
                denoiser,
                posterior,
                distribution,
                about=self.about(distribution),
                masked_counts=[distribution.length - n for n in VISIBLE if n < distribution.n_observations],
                samples=self.samples,
                rng=np.random.default_rng([self.sample_seed(TEST), 2 + latents_hidden]),
                latents_hidden=latents_hidden,
            )
            for row in found:
                if row.metric == KL and row.position is None:
                    yield replace(row, experiment=EXPERIMENT_NAME)
