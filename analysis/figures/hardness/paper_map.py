"""Where a network errs at the size of the paper's Fig. 2, (20, 280), against the exact posterior.

The paper puts a longer trained network in the posterior's place. Here it is computed, so the errors are those of the
network alone. Trained in pieces, as the networks of Table 1 at the scale ``long``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from analysis.lab.rows import CONTROL, MDM, Row, Rows
from analysis.measures.forward_loss import FORWARD, masked_forward_nats
from analysis.measures.kept_network import kept_network
from analysis.measures.learner import TEST, masked_objective
from analysis.measures.rule_sweep import SizedUnit
from analysis.measures.setting import Setting
from analysis.measures.task_error import EXPERIMENT_NAME as TASK_ERROR
from analysis.measures.task_error import SQUARED, paper_task_error, task_error
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import MaskedDenoiser
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.posteriors.exact import exact_posterior

MAP = "task_error_map"
"""Experiment of these rows: those of ``task_error`` are about small distributions, and other figures read them."""
PAPERS_LATENTS = 11
"""Masked latents of the case that the paper plots."""
_BATCH = 64  # sequences of 300 tokens per call: attention of more of them takes gigabytes


@dataclass(frozen=True, kw_only=True)
class MapUnit(SizedUnit):
    """Task errors of a network, or of the exact posterior, on NAE-SAT at the paper's size."""

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Rows of both task errors, single positions where they are drawn, and the forward loss."""
        distribution = self.build()
        about, posterior = self.about(distribution), exact_posterior(distribution)
        denoiser = PosteriorDenoiser(posterior) if self.model == CONTROL else self._network(directory, device)
        rng = np.random.default_rng([self.sample_seed(TEST), 2])
        test = distribution.rows(self.sample_seed(TEST), 0, self.setting.test_rows)
        yield about.row(MAP, FORWARD, masked_forward_nats(denoiser, distribution, test, rng))
        length, samples = distribution.length, self.setting.task_samples
        counts = sorted({round(n) for n in np.linspace(1, length, min(self.setting.masked_counts, length))})
        both = {"about": about, "samples": samples, "rng": rng, "batch_size": _BATCH}
        rows = task_error(denoiser, posterior, distribution, masked_counts=counts, **both)
        rows += paper_task_error(denoiser, posterior, distribution, **both)
        for row in rows:
            if self._shown(row):
                yield replace(row, experiment=MAP)

    def _network(self, directory: Path, device: torch.device) -> Denoiser:
        return MaskedDenoiser(kept_network(self, masked_objective(self.setting), directory, device))

    def _shown(self, row: Row) -> bool:
        """Means over a role always; positions of the network, and of the paper's measure in the case it plots."""
        if row.position is None:
            return True
        return self.model != CONTROL and (row.metric != SQUARED or row.latents_masked == PAPERS_LATENTS)


def map_units(setting: Setting, seeds: int) -> list[MapUnit]:
    """A network per seed, and the exact posterior, which knows nothing of how the network is trained."""
    alone = Setting(
        n_latents=setting.n_latents, n_observations=setting.n_observations, steps=0, test_rows=setting.test_rows,
        task_samples=setting.task_samples, masked_counts=setting.masked_counts,
    )  # fmt: skip
    networks = [MapUnit(model=MDM, seed=seed, setting=setting) for seed in range(seeds)]
    return [*networks, MapUnit(model=CONTROL, seed=0, setting=alone)]


def as_task_errors(rows: Rows) -> Rows:
    """The rows of the map as those of ``task_error``, for what draws and judges them."""
    return Rows(replace(row, experiment=TASK_ERROR) for row in rows.where(experiment=MAP))
