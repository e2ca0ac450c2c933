"""Growth: how many training steps, and operations, a learner needs as the distribution grows at a fixed P / N.

A training is as long as it is meant to be: its learning rate falls to the end. So a learner is not watched on its way;
it is trained from nothing at one budget after another, each twice the one before, until it is good enough. What is
needed lies between the last budget that was too small and the first that was not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from analysis.lab.experiment import ScaleName
from analysis.lab.rows import CONTROL, MDM, Row, Subject
from analysis.measures.forward_loss import FORWARD, chain_forward_nats, masked_forward_nats
from analysis.measures.learner import (
    ARM_NATURAL,
    TEST,
    LearnerUnit,
    masked_objective,
    network_config,
    order_of,
    train_unit,
    training_folder,
)
from analysis.measures.order_accuracy import AGREEMENT, order_accuracy
from analysis.measures.rule_sweep import GENERATE
from analysis.measures.setting import DISTRIBUTIONS, Setting
from generators.distribution import LODistribution
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.estimate import Estimate, exact_estimate
from lo_theory.learning.checkpoint import load_checkpoint
from lo_theory.learning.flops import training_flops
from lo_theory.learning.objective import AutoregressiveObjective, Objective
from lo_theory.learning.training import CHECKPOINT_NAME
from lo_theory.posteriors.exact import exact_posterior
from lo_theory.samplers.batches import generate
from lo_theory.samplers.menu import LEFT_TO_RIGHT, MARGIN, SamplingRule, sequence_rules

EXPERIMENT_NAME = "growth"
LATENTS = "latents"
"""What is swept; ``at`` is N, ``step`` the budget."""
STEP_FLOPS, SECONDS = "flops_per_step", "training_seconds"
TARGET = 100
"""Latents of the paper's largest size, (100, 200), which the laws are continued to; P / N is 2 there, too."""
TARGET_FLOPS = f"flops_per_step_at_{TARGET}"
TAUGHT = "mdm, latents first"
"""The masked model with all latents visible for the first fifth of its training, as in ``recipes``."""
MODELS = (MDM, TAUGHT, ARM_NATURAL.name)
ENOUGH = 0.99
"""Agreement from which on no larger budget is tried."""


@dataclass(frozen=True, kw_only=True)
class GrowthUnit(LearnerUnit):
    """One learner on one distribution, trained anew at each budget until it is good enough.

    Attributes:
        budgets: steps of training, ascending; those of the setting are the last one.
    """

    budgets: tuple[int, ...]

    @property
    def label(self) -> str:
        """Distribution, size, model and seed."""
        size = f"({self.setting.n_latents}, {self.setting.n_observations})"
        return f"{self.distribution} {size}, {self._learner}, seed {self.seed}"

    def about(self, distribution: LODistribution) -> Subject:
        """As for every learner; the masked model under the name of its recipe."""
        return replace(super().about(distribution), model=self._learner)

    @property
    def _learner(self) -> str:
        return TAUGHT if self.setting.latents_first else self.model

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Per budget the agreement of generated sequences and the forward loss; what a step costs."""
        distribution = self.build()
        if self.model == CONTROL:
            yield from self._measured(PosteriorDenoiser(exact_posterior(distribution)), distribution, 0)
            return
        yield self._row(distribution, STEP_FLOPS, exact_estimate(float(self._step_flops())))
        yield self._row(distribution, TARGET_FLOPS, exact_estimate(float(self._at_target()._step_flops())))
        for budget in self.budgets:
            denoiser, seconds = self._trained(budget, distribution, directory, device)
            yield self._row(distribution, SECONDS, exact_estimate(seconds), step=budget)
            rows = list(self._measured(denoiser, distribution, budget))
            yield from rows
            if next(row for row in rows if row.metric == AGREEMENT).value >= ENOUGH:
                return

    def _trained(
        self, budget: int, distribution: LODistribution, directory: Path, device: torch.device
    ) -> tuple[Denoiser, float]:
        """The learner of one budget, and the seconds that its training took."""
        short = replace(self, setting=replace(self.setting, steps=budget), budgets=(budget,))
        network = train_unit(short, self._objective(distribution), directory, device)
        seconds = load_checkpoint(training_folder(short, directory) / CHECKPOINT_NAME).seconds
        if self.model == MDM:
            return MaskedDenoiser(network), seconds
        return CausalDenoiser(network, self._order(distribution), remembers=True), seconds

    def _measured(self, denoiser: Denoiser, distribution: LODistribution, budget: int) -> Iterator[Row]:
        """Agreement with one token per call, by margin or in the learner's own order, and the forward loss."""
        rule = self._rule(distribution.length)
        drawn = generate(
            denoiser, rule.decoder, self.setting.generated,
            torch.Generator().manual_seed(self.sample_seed(GENERATE)),
        )  # fmt: skip
        about, where = self.about(distribution), {"step": budget} | self._where()
        for row in order_accuracy(drawn.tokens, distribution, about=about, decoder=rule.name, calls=drawn.calls):
            yield replace(row, experiment=EXPERIMENT_NAME, **where)
        test = distribution.rows(self.sample_seed(TEST), 0, self.setting.test_rows)
        if isinstance(denoiser, CausalDenoiser):
            forward = chain_forward_nats(denoiser, distribution, test)
        else:
            rng = np.random.default_rng([self.sample_seed(TEST), 1])
            forward = masked_forward_nats(denoiser, distribution, test, rng)
        yield self._row(distribution, FORWARD, forward, step=budget)

    def _rule(self, length: int) -> SamplingRule:
        """Margin for what answers anywhere; an ARM in natural order writes from left to right."""
        name = LEFT_TO_RIGHT if self.model == ARM_NATURAL.name else MARGIN
        return next(rule for rule in sequence_rules(length, length) if rule.name == name)

    def _order(self, distribution: LODistribution) -> np.ndarray:
        return order_of(self.model, distribution, self.setting.structure_seed)

    def _objective(self, distribution: LODistribution) -> Objective:
        if self.model == MDM:
            return masked_objective(self.setting)
        return AutoregressiveObjective(self._order(distribution))

    def _where(self) -> dict[str, Any]:
        return {"swept": LATENTS, "at": float(self.setting.n_latents)}

    def _step_flops(self) -> int:
        """Operations of a step of training."""
        config = network_config(self, self._objective(self.build()))
        return self.setting.batch_size * training_flops(config)

    def _at_target(self) -> GrowthUnit:
        """The same with as many latents as the laws are continued to."""
        setting = self.setting
        observations = TARGET * setting.n_observations // setting.n_latents
        return replace(self, setting=replace(setting, n_latents=TARGET, n_observations=observations))

    def _row(self, distribution: LODistribution, metric: str, number: Estimate, **where: Any) -> Row:
        about: Subject = self.about(distribution)
        return about.row(EXPERIMENT_NAME, metric, number, **self._where(), **where)


@dataclass(frozen=True, kw_only=True)
class GrowthSize:
    """What is trained.

    Attributes:
        latents: values of N, ascending.
        per_latent: P / N.
        network: the setting of every run but for N, P and steps.
        budgets: of the masked model, ascending by factors of two.
        chain_budgets: of the ARM.
        seeds: training runs of each.
    """

    latents: tuple[int, ...]
    per_latent: int = 2
    network: Setting
    budgets: tuple[int, ...]
    chain_budgets: tuple[int, ...]
    seeds: int

    def setting(self, n_latents: int, steps: int) -> Setting:
        """The setting of a training on N latents."""
        return replace(self.network, n_latents=n_latents, n_observations=self.per_latent * n_latents, steps=steps)


def _doubled(first: int, last: int) -> tuple[int, ...]:
    """From ``first`` to ``last`` by factors of two."""
    return tuple(first * 2**i for i in range((last // first).bit_length()))


_LATENTS_FIRST = 0.2  # of a training
_NETWORK = Setting(
    n_latents=0, n_observations=0, steps=0, layers=2, width=64, heads=8, learning_rate=8e-3, optimizer="muon",
    min_ratio=0.02, generated=256, test_rows=512,
)  # fmt: skip

SIZES: dict[ScaleName, GrowthSize] = {
    "smoke": GrowthSize(
        latents=(4, 6, 9), network=_NETWORK, budgets=_doubled(128, 1024), chain_budgets=_doubled(32, 512), seeds=2
    ),
    "small": GrowthSize(
        latents=(4, 6, 9, 13), network=_NETWORK, budgets=_doubled(128, 4096), chain_budgets=_doubled(32, 1024), seeds=3
    ),
    "paper": GrowthSize(
        latents=(4, 6, 9, 13, 20, 30, 45),
        network=replace(_NETWORK, layers=4, width=256, learning_rate=2e-3, generated=1024, test_rows=1024),
        budgets=_doubled(128, 65_536),
        chain_budgets=_doubled(32, 8192),
        seeds=5,
    ),
}


def units(size: GrowthSize) -> list[GrowthUnit]:
    """One per learner, distribution, N and seed, the longest first; the exact posterior once for each."""
    learners = (
        (MDM, size.budgets, 0.0), (ARM_NATURAL.name, size.chain_budgets, 0.0), (MDM, size.budgets, _LATENTS_FIRST)
    )  # fmt: skip
    found = [
        GrowthUnit(
            distribution=name, model=model, seed=seed, budgets=budgets,
            setting=replace(size.setting(n, budgets[-1]), latents_first=latents_first),
        )
        for model, budgets, latents_first in learners
        for n in reversed(size.latents)
        for seed in range(size.seeds)
        for name in DISTRIBUTIONS
    ]  # fmt: skip
    alone = Setting(
        n_latents=0, n_observations=0, steps=0, generated=size.network.generated, test_rows=size.network.test_rows
    )
    controls = [
        GrowthUnit(
            distribution=name, model=CONTROL, seed=0, budgets=(),
            setting=replace(alone, n_latents=n, n_observations=size.per_latent * n),
        )
        for n in size.latents
        for name in DISTRIBUTIONS
    ]  # fmt: skip
    return [*found, *controls]
