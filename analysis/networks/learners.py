"""The learners that the hardness experiment compares, and the two things it asks of them.

A :class:`GapUnit` trains one learner and measures its likelihood gap. A :class:`PlanningUnit` trains a masked diffusion
model, or takes the exact posterior in its place, and measures where it errs and what it generates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64

from analysis.networks.likelihood_gap import chain_nats, likelihood_gap, order_averaged_nats
from analysis.networks.order_accuracy import generate_traced, order_accuracy, reveal_ranks, three_rules
from analysis.networks.task_error import paper_task_error, task_error
from analysis.plots.style import CONTROL
from analysis.rows import Row, Subject
from analysis.scales import DISTRIBUTIONS, Scale, Setting
from analysis.store import unit_key
from generators.distribution import LODistribution
from generators.draws import derived_seed
from lo_theory.denoiser import Denoiser
from lo_theory.learning.learners import CausalDenoiser, MaskedDenoiser
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import (
    AutoregressiveObjective,
    Curriculum,
    MaskedObjective,
    Objective,
    likelihood,
    per_mask,
)
from lo_theory.learning.source import FreshRows
from lo_theory.learning.training import TrainConfig, train
from lo_theory.oracle import PosteriorDenoiser
from lo_theory.orders import closer, uniform
from lo_theory.posteriors.exact import exact_posterior

MDM = "mdm"
_TRAIN, _TEST, _ORDER = 1, 2, 3  # streams of sample seeds that never meet


@dataclass(frozen=True, kw_only=True)
class LearnerUnit:
    """One learner on one distribution: what its two kinds have in common.

    Attributes:
        distribution: a key of ``DISTRIBUTIONS``.
        model: ``mdm``, ``exact posterior`` (nothing is trained), or an autoregressive learner, see :func:`order_of`.
        seed: of initial weights, training rows, masks and test rows.
        setting: sizes.
    """

    distribution: str
    model: str
    seed: int
    setting: Setting

    @property
    def label(self) -> str:
        """Distribution, model and seed."""
        return f"{self.distribution}, {self.model}, seed {self.seed}"

    @property
    def seeds(self) -> dict[str, int]:
        """Of the structure and of everything else."""
        return {"structure_seed": self.setting.structure_seed, "seed": self.seed}

    def build(self) -> LODistribution:
        """The distribution."""
        return DISTRIBUTIONS[self.distribution](self.setting)

    def about(self, distribution: LODistribution) -> Subject:
        """What its rows say they are about."""
        return Subject(
            distribution=self.distribution, fingerprint=distribution.fingerprint, model=self.model, seed=self.seed
        )

    def sample_seed(self, stream: int) -> int:
        """Test rows are the same for all learners of a distribution and seed; training rows never meet them."""
        return derived_seed(stream, self.seed)


@dataclass(frozen=True, kw_only=True)
class GapUnit(LearnerUnit):
    """Likelihood gap of one learner."""

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """One row: nats per token above the exact entropy, along the learner's order or averaged over orders."""
        distribution = self.build()
        test = distribution.rows(self.sample_seed(_TEST), 0, self.setting.test_rows)
        if self.model in (MDM, CONTROL):
            rng = np.random.default_rng([self.sample_seed(_TEST), 1])
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
        rng = np.random.default_rng([self.sample_seed(_TEST), 2])
        counts = sorted({round(n) for n in np.linspace(1, setting.length, min(setting.masked_counts, setting.length))})
        samples = setting.task_samples
        yield from task_error(
            denoiser, posterior, distribution, about=about, masked_counts=counts, samples=samples, rng=rng
        )
        yield from paper_task_error(denoiser, posterior, distribution, about=about, samples=samples, rng=rng)
        yield from self._accuracies(denoiser, distribution)

    def _accuracies(self, denoiser: Denoiser, distribution: LODistribution) -> Iterator[Row]:
        # Tokens revealed together by the exact posterior may contradict each other; it has no answer to what follows.
        divisors = (1,) if self.model == CONTROL else self.setting.call_divisors
        for divisor in divisors:
            steps = max(1, distribution.length // divisor)
            for name, decoder in three_rules(distribution.length, steps).items():
                generator = torch.Generator().manual_seed(self.sample_seed(_TEST))
                drawn = generate_traced(denoiser, decoder, self.setting.generated, generator)
                about = self.about(distribution)
                yield from order_accuracy(drawn.tokens, distribution, about=about, decoder=name, calls=drawn.calls)
                yield from reveal_ranks(drawn, distribution, about=about, decoder=name)


def learner_units(scale: Scale) -> list[PlanningUnit | GapUnit]:
    """All units of a scale, the longest first; within a figure in the order of its panels and rows."""
    planning = [
        PlanningUnit(distribution=name, model=model, seed=seed, setting=scale.planning)
        for model, seeds in ((MDM, scale.seeds), (CONTROL, 1))
        for seed in range(seeds)
        for name in DISTRIBUTIONS
    ]
    models = ["arm natural", "arm reversed"]
    models += [f"pi {kind} {i}" for kind in ("closer", "uniform") for i in range(scale.permutations)]
    gaps = [
        GapUnit(distribution=name, model=model, seed=seed, setting=scale.learning)
        for model, seeds in ((MDM, scale.seeds), *((m, scale.seeds) for m in models), (CONTROL, 1))
        for seed in range(seeds)
        for name in DISTRIBUTIONS
    ]
    return [*planning, *gaps]


def order_of(model: str, distribution: LODistribution, structure_seed: int) -> Int64[np.ndarray, "L"]:
    """The order of an autoregressive learner, ``order[t]`` the position predicted at step t.

    ``arm natural`` follows the distribution (latents, then observations), ``arm reversed`` runs backwards;
    ``pi closer i`` and ``pi uniform i`` put permutation number i of that kind (paper 3.1) on top of the natural order.
    Permutations depend on ``structure_seed`` and i alone, so seeds of training repeat the same task.

    Raises:
        ValueError: another name.
    """
    natural = np.concatenate([distribution.latent_positions, distribution.observation_positions])
    if model == "arm natural":
        return natural
    if model == "arm reversed":
        return natural[::-1].copy()
    words = model.split()
    kinds = {"closer": closer, "uniform": uniform}
    if len(words) != 3 or words[0] != "pi" or words[1] not in kinds or not words[2].isdigit():
        raise ValueError(
            f"unknown learner {model!r}; the autoregressive ones are 'arm natural', 'arm reversed', 'pi closer 0' and "
            "'pi uniform 0', with any number."
        )
    rng = np.random.default_rng([structure_seed, _ORDER, int(words[2])])
    return natural[kinds[words[1]](distribution.length, rng)]


def masked_denoiser(unit: LearnerUnit, distribution: LODistribution, directory: Path, device: torch.device) -> Denoiser:
    """The exact posterior, or a masked diffusion model trained for this unit."""
    if unit.model == CONTROL:
        return PosteriorDenoiser(exact_posterior(distribution))
    return MaskedDenoiser(train_unit(unit, masked_objective(unit.setting), directory, device))


def masked_objective(setting: Setting) -> MaskedObjective:
    """What the masked diffusion model of a setting is trained on."""
    reduction = {"per_mask": per_mask, "likelihood": likelihood}[setting.weighting]
    curriculum = Curriculum(share=setting.curriculum) if setting.curriculum else None
    return MaskedObjective(reduction, curriculum=curriculum)


def train_unit(unit: LearnerUnit, objective: Objective, directory: Path, device: torch.device) -> Transformer:
    """Train the network of a unit; weights, checkpoint and log lie in ``directory / "training"``.

    A run that was stopped goes on from its last checkpoint.
    """
    distribution, setting = unit.build(), unit.setting
    config = NetworkConfig(
        length=distribution.length,
        vocabulary=distribution.vocabulary,
        layers=setting.layers,
        width=setting.width,
        heads=setting.heads,
        hidden=setting.hidden,
        mlp=setting.mlp,
        positions=setting.positions,
        causal=objective.causal,
    )
    network = Transformer(config, torch.Generator().manual_seed(unit.seed)).to(device)
    source = FreshRows(distribution, unit.sample_seed(_TRAIN), setting.batch_size)
    training = TrainConfig(steps=setting.steps, learning_rate=setting.learning_rate, seed=unit.seed)
    train(network, objective, source, training, directory=directory / "training" / unit_key(unit))
    return network
