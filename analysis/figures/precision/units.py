"""Masked networks trained with products in bfloat16, and in float32: do they learn the same?

Both have the same weights at the start, data, masks and steps. Rounding takes two runs apart within some hundred steps,
as another seed would, so what counts is whether they differ by more than seeds do. What is measured of a network is
measured in float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from analysis.lab.experiment import ScaleName
from analysis.lab.rows import MDM, Row
from analysis.measures.learner import LearnerUnit, masked_denoiser
from analysis.measures.order_accuracy import AGREEMENT, order_accuracy
from analysis.measures.rule_sweep import GENERATE, size_name
from analysis.measures.setting import DISTRIBUTIONS, Setting
from analysis.measures.subproblems import subproblem_errors
from lo_theory.samplers.batches import generate
from lo_theory.samplers.menu import MARGIN, VANILLA, sequence_rules

EXPERIMENT_NAME = "precision"
FLOAT32: Literal["float32"] = "float32"
BFLOAT16: Literal["bfloat16"] = "bfloat16"
RULES = (MARGIN, VANILLA)


@dataclass(frozen=True, kw_only=True)
class PrecisionUnit(LearnerUnit):
    """Task errors of one network at the end of its training, and its order accuracy with one token per call."""

    @property
    def label(self) -> str:
        """Distribution, precision and seed."""
        return f"{self._name}, {self.setting.precision}, seed {self.seed}"

    @property
    def _name(self) -> str:
        return size_name(self.setting.n_latents, self.setting.n_observations, self.distribution)

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """KL(posterior || network) of each subproblem under uniform masks, then agreement by margin and vanilla."""
        distribution = self.build()
        about = replace(self.about(distribution), distribution=self._name, model=self.setting.precision)
        denoiser = masked_denoiser(self, distribution, directory, device)
        yield from subproblem_errors(self, distribution, denoiser, about=about, experiment=EXPERIMENT_NAME)
        for rule in sequence_rules(distribution.length, distribution.length):
            if rule.name in RULES:
                generator = torch.Generator().manual_seed(self.sample_seed(GENERATE))
                drawn = generate(denoiser, rule.decoder, self.setting.generated, generator)
                for row in order_accuracy(
                    drawn.tokens, distribution, about=about, decoder=rule.name, calls=drawn.calls
                ):
                    if row.metric == AGREEMENT:
                        yield replace(row, experiment=EXPERIMENT_NAME)


@dataclass(frozen=True, kw_only=True)
class PrecisionSize:
    """What is trained.

    Attributes:
        networks: distributions, keys of ``DISTRIBUTIONS``, each with the setting of its networks.
        seeds: training runs of each in either precision.
    """

    networks: tuple[tuple[str, Setting], ...]
    seeds: int


_SHORT = Setting(
    n_latents=8, n_observations=16, layers=3, width=64, heads=4, batch_size=256, steps=500, precision=FLOAT32,
    masked_counts=12, task_samples=256, generated=1024,
)  # fmt: skip
_LONG = Setting(
    n_latents=10, n_observations=71, layers=5, width=64, heads=4, batch_size=64, steps=1000, precision=FLOAT32,
    optimizer="muon", min_ratio=0.02, latents_first=0.12, masked_counts=12, task_samples=256, generated=512,
)  # fmt: skip

SIZES: dict[ScaleName, PrecisionSize] = {
    "smoke": PrecisionSize(
        networks=(("NAE-SAT", replace(_SHORT, batch_size=64, steps=200, masked_counts=6)),), seeds=3
    ),
    "small": PrecisionSize(networks=(*((name, _SHORT) for name in DISTRIBUTIONS), ("NAE-SAT", _LONG)), seeds=3),
    "paper": PrecisionSize(
        networks=(
            *((name, replace(_SHORT, n_latents=12, n_observations=36, steps=10_000)) for name in DISTRIBUTIONS),
            ("NAE-SAT", replace(_LONG, n_latents=20, n_observations=280, layers=6, steps=5000)),
        ),
        seeds=5,
    ),
}
"""``small`` has an attention of few keys, whose softmax is in float32 even so, and one of 81, where it is not."""


def units(size: PrecisionSize) -> list[PrecisionUnit]:
    """One per distribution, seed and precision."""
    return [
        PrecisionUnit(distribution=name, model=MDM, seed=seed, setting=replace(setting, precision=precision))
        for name, setting in size.networks
        for seed in range(size.seeds)
        for precision in (FLOAT32, BFLOAT16)
    ]
