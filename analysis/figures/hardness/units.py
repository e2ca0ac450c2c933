"""The units of hardness: what each learner spends, where one errs and what it generates, which hash is learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from analysis.figures.hardness.forward_hash import ForwardHashUnit, forward_hash_units
from analysis.figures.hardness.paper_map import MapUnit, map_units
from analysis.lab.rows import CONTROL, MDM, Row
from analysis.measures.learner import (
    ARM_NATURAL,
    ARM_REVERSED,
    TEST,
    LearnerUnit,
    masked_denoiser,
    order_of,
    pi_learner,
    train_unit,
)
from analysis.measures.likelihood_gap import chain_nats, likelihood_gap, order_averaged_nats
from analysis.measures.order_accuracy import order_accuracy, reveal_ranks
from analysis.measures.setting import DISTRIBUTIONS, Scale
from analysis.measures.task_error import paper_task_error, task_error
from generators.distribution import LODistribution
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import CausalDenoiser
from lo_theory.learning.objective import AutoregressiveObjective
from lo_theory.posteriors.exact import exact_posterior
from lo_theory.samplers.batches import generate
from lo_theory.samplers.menu import paper_rules

EXPERIMENT_NAME = "hardness"


@dataclass(frozen=True, kw_only=True)
class GapUnit(LearnerUnit):
    """Likelihood gap of one learner."""

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """One row: nats per token above the exact entropy, along the learner's order or averaged over orders."""
        distribution = self.build()
        test = distribution.rows(self.sample_seed(TEST), 0, self.setting.test_rows)
        if self.model in (MDM, CONTROL):
            rng = np.random.default_rng([self.sample_seed(TEST), 1])
            denoiser = masked_denoiser(self, distribution, directory, device)
            nats = order_averaged_nats(denoiser, test, rng, orders_per_row=self.setting.orders_per_row)
        else:
            order = order_of(self.model, distribution, self.setting.structure_seed)
            network = train_unit(self, AutoregressiveObjective(order), directory, device)
            nats = chain_nats(CausalDenoiser(network, order), test, order)
        yield likelihood_gap(nats, distribution, test, about=self.about(distribution))


@dataclass(frozen=True, kw_only=True)
class PlanningUnit(LearnerUnit):
    """Task error and order accuracy of a masked diffusion model, or of the exact posterior."""

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Rows of both experiments."""
        distribution, setting = self.build(), self.setting
        about, posterior = self.about(distribution), exact_posterior(distribution)
        denoiser = masked_denoiser(self, distribution, directory, device)
        rng = np.random.default_rng([self.sample_seed(TEST), 2])
        counts = sorted({round(n) for n in np.linspace(1, setting.length, min(setting.masked_counts, setting.length))})
        samples = setting.task_samples
        yield from task_error(
            denoiser, posterior, distribution, about=about, masked_counts=counts, samples=samples, rng=rng
        )
        yield from paper_task_error(denoiser, posterior, distribution, about=about, samples=samples, rng=rng)
        yield from self._accuracies(denoiser, distribution)

    def _accuracies(self, denoiser: Denoiser, distribution: LODistribution) -> Iterator[Row]:
        about = self.about(distribution)
        # Tokens revealed together by the exact posterior may contradict each other; it has no answer to what follows.
        divisors = (1,) if self.model == CONTROL else self.setting.call_divisors
        for divisor in divisors:
            steps = max(1, distribution.length // divisor)
            for name, decoder in paper_rules(distribution.length, steps).items():
                generator = torch.Generator().manual_seed(self.sample_seed(TEST))
                drawn = generate(denoiser, decoder, self.setting.generated, generator)
                calls = drawn.batch_calls
                yield from order_accuracy(drawn.tokens, distribution, about=about, decoder=name, calls=calls)
                yield from reveal_ranks(drawn, distribution, about=about, decoder=name)


def units(size: Scale) -> Sequence[PlanningUnit | GapUnit | ForwardHashUnit | MapUnit]:
    """All units, those of the figures' panels first."""
    if size.only_map:
        return map_units(size.planning, size.seeds)
    return [*learner_units(size), *forward_hash_units(size.seeds)]


def learner_units(size: Scale) -> list[PlanningUnit | GapUnit]:
    """The units around learners, the longest first; within a figure in the order of its panels and rows."""
    planning = [
        PlanningUnit(distribution=name, model=model, seed=seed, setting=size.planning)
        for model, seeds in ((MDM, size.seeds), (CONTROL, 1))
        for seed in range(seeds)
        for name in DISTRIBUTIONS
    ]
    chains = [ARM_NATURAL, ARM_REVERSED]
    chains += [pi_learner(kind, i) for kind in ("closer", "uniform") for i in range(size.permutations)]
    trained = [MDM, *(learner.name for learner in chains)]
    gaps = [
        GapUnit(distribution=name, model=model, seed=seed, setting=size.learning)
        for model, seeds in (*((model, size.seeds) for model in trained), (CONTROL, 1))
        for seed in range(seeds)
        for name in DISTRIBUTIONS
    ]
    return [*planning, *gaps]
