"""Trained networks on distributions that can be listed: their orders, a learned one, and an autoregressive network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64

from analysis.figures.optimal_order.case import EXPERIMENT_NAME, KL, NATURAL, SAVED, VALIDITY, Case, row
from analysis.lab.rows import MDM, Row, Subject
from analysis.measures.learner import ARM_NATURAL
from analysis.measures.small_distributions import GRID, Listed
from generators.distribution import LODistribution
from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.estimate import exact_estimate
from lo_theory.laws.learned_order import OrderTraining
from lo_theory.laws.sampler_law import all_sequences, law_error
from lo_theory.learning.choices import Shape
from lo_theory.learning.flops import training_flops
from lo_theory.learning.network import Transformer
from lo_theory.learning.objective import AutoregressiveObjective, MaskedObjective, Objective
from lo_theory.learning.recipe import train_network
from lo_theory.learning.source import FreshRows
from lo_theory.learning.training import TrainConfig

FLOPS = "training_flops"
_TRAIN = 10**6  # sample seeds of training rows


@dataclass(frozen=True, kw_only=True)
class NetworkUnit(Shape):
    """A masked diffusion network, trained on one distribution.

    Attributes:
        structure_seed: of the distribution.
        seed: of initial weights, masks and training rows.
        steps, batch_size: of training.
    """

    instance: Listed
    seed: int
    steps: int
    structure_seed: int = 0
    batch_size: int = 128

    @property
    def label(self) -> str:
        """The distribution and the seed of training."""
        return f"{self.instance.label}, network {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Every order under the network."""
        distribution = self.instance.with_structure(self.structure_seed)
        network = trained(self, MaskedObjective(), distribution, device)
        case = Case.of(distribution)
        yield from case.rows(case.sequences.answers(MaskedDenoiser(network), grid=GRID), self.about(distribution, MDM))

    def about(self, distribution: LODistribution, model: str) -> Subject:
        """What its rows say they are about."""
        return Subject(
            distribution=self.instance.label, fingerprint=distribution.fingerprint, model=model, seed=self.seed
        )


@dataclass(frozen=True, kw_only=True)
class OwnOrderUnit:
    """The network of a :class:`NetworkUnit` along an order learned for it, beside an autoregressive one of equal FLOPs.

    Attributes:
        network: which, and how both are trained.
        width, steps, share: of the network that learns the order (:class:`OrderTraining`).
    """

    network: NetworkUnit
    width: int = 64
    steps: int = 1500
    share: float = 0.5

    @property
    def label(self) -> str:
        """The network."""
        return f"{self.network.label}, learned order and ARM"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """The learned order's rows, and how far every order and the ARM are below the bound, the mean over orders."""
        distribution = self.network.instance.with_structure(self.network.structure_seed)
        case = Case.of(distribution)
        masked = trained(self.network, MaskedObjective(), distribution, device)
        answers = case.sequences.answers(MaskedDenoiser(masked), grid=GRID)
        about = self.network.about(distribution, MDM)
        training = OrderTraining(width=self.width, steps=self.steps, share=self.share, seed=self.network.seed)
        learned = case.learned(answers, training)
        yield from case.learned_rows(answers, learned, about)
        yield from case.saved_rows(answers, learned, about)
        yield about.row(EXPERIMENT_NAME, FLOPS, exact_estimate(float(_flops(self.network, masked))))
        assert distribution.order is not None
        causal = trained(self.network, AutoregressiveObjective(distribution.order), distribution, device)
        about = self.network.about(distribution, ARM_NATURAL.name)
        law = autoregressive_law(CausalDenoiser(causal, distribution.order))
        divergence = law_error(case.truth, law).kl_from_truth
        yield row(about, NATURAL, VALIDITY, float(law[case.truth > 0].sum()))
        yield row(about, NATURAL, KL, divergence)
        bound = -case.told(answers).random_value() - case.entropy
        yield row(about, NATURAL, SAVED, bound - divergence)
        yield about.row(EXPERIMENT_NAME, FLOPS, exact_estimate(float(_flops(self.network, causal))))


def trained(unit: NetworkUnit, objective: Objective, distribution: LODistribution, device: torch.device) -> Transformer:
    """The network of a unit, trained anew; all objectives get the same rows."""
    source = FreshRows(distribution, _TRAIN + unit.seed, unit.batch_size)
    config = TrainConfig(steps=unit.steps, seed=unit.seed)
    return train_network(unit, objective, source, config, device=device).network


def autoregressive_law(denoiser: CausalDenoiser) -> Float64[np.ndarray, " F"]:
    """Probability of every sequence under an autoregressive network, in the order of ``all_sequences``."""
    every = torch.from_numpy(all_sequences(denoiser.length, denoiser.vocabulary))
    return denoiser.chain_log_probs(every).double().sum(dim=1).exp().cpu().numpy()


def _flops(unit: NetworkUnit, network: Transformer) -> int:
    """Operations of the whole training."""
    return unit.steps * unit.batch_size * training_flops(network.config)
