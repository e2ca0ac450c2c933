"""A learner of an L&O distribution as a value, and the unit around it: how it is trained, and on which rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int64

from analysis.lab.rows import CONTROL, MDM, Subject
from analysis.lab.store import Config, unit_key
from analysis.measures.setting import DISTRIBUTIONS, Setting
from generators.distribution import LODistribution
from generators.ground.draws import derived_seed
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import MaskedDenoiser
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.learning.curriculum import Curriculum, LatentsFirst
from lo_theory.learning.deep_supervision import DeepSupervision
from lo_theory.learning.flops import training_flops
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import MaskedObjective, Objective, likelihood, per_mask
from lo_theory.learning.recipe import train_network
from lo_theory.learning.source import FreshRows
from lo_theory.learning.training import TrainConfig
from lo_theory.orders import OrderName, named_order
from lo_theory.posteriors.exact import exact_posterior

TRAIN, TEST = 1, 2
"""Streams of sample seeds, so that training and test rows never meet."""
_ORDER = 3  # stream of random orders
_UNSAVED = 1e12  # operations that a stopped training may lose on a processor: a minute or so of one core


@dataclass(frozen=True)
class Learner:
    """What is compared: a trained network, or the truth in its place.

    Attributes:
        name: in rows and figures.
        order: in which an autoregressive learner predicts, on top of the natural order; None: it answers in any order.
        number: which random order of that kind.
    """

    name: str
    order: OrderName | None = None
    number: int = 0


ARM_NATURAL, ARM_REVERSED = Learner("arm natural", "natural"), Learner("arm reversed", "reversed")
_NAMED = {learner.name: learner for learner in (Learner(MDM), Learner(CONTROL), ARM_NATURAL, ARM_REVERSED)}


PiOrder = Literal["closer", "much-closer", "uniform"]
_KINDS: dict[str, PiOrder] = {kind: kind for kind in ("closer", "much-closer", "uniform")}


def pi_learner(order: PiOrder, number: int) -> Learner:
    """The autoregressive learner of a random order (paper 3.1)."""
    return Learner(f"pi {order} {number}", order, number)


def read_learner(name: str) -> Learner | None:
    """The learner of that name, such as ``mdm``, ``exact posterior``, ``arm natural`` or ``pi uniform 0``, or None."""
    pi = re.fullmatch(rf"pi ({'|'.join(_KINDS)}) (\d+)", name)
    return _NAMED.get(name) if pi is None else pi_learner(_KINDS[pi[1]], int(pi[2]))


def spoken_learners(models: Iterable[str]) -> dict[str, str]:
    """Words for people by name of a learner; a name that is none of them is left out."""
    learners = {model: read_learner(model) for model in models}
    return {model: _spoken(learner) for model, learner in learners.items() if learner is not None}


def _spoken(learner: Learner) -> str:
    kind = learner.name.partition(" ")[0]
    if learner.order is None:
        return "MDM" if kind == MDM else learner.name
    if kind == "arm":
        return f"ARM, {learner.order} order"
    near = "closer to the natural order"
    order = {"closer": near, "much-closer": f"much {near}"}.get(learner.order, "uniform order")
    return f"pi-learner, {order}, permutation {learner.number}"


def order_of(model: str, distribution: LODistribution, structure_seed: int) -> Int64[np.ndarray, "L"]:
    """The order of an autoregressive learner, ``order[t]`` the position predicted at step t.

    ``arm natural`` follows the distribution (latents, then observations), ``arm reversed`` runs backwards;
    ``pi closer i`` and ``pi uniform i`` put permutation number i of that kind (paper 3.1) on top of the natural order.
    Permutations depend on ``structure_seed`` and i alone, so seeds of training repeat the same task.

    Raises:
        ValueError: another name.
    """
    learner = read_learner(model)
    if learner is None or learner.order is None:
        raise ValueError(
            f"unknown learner {model!r}; the autoregressive ones are 'arm natural', 'arm reversed', 'pi closer 0', "
            "'pi much-closer 0' and 'pi uniform 0', with any number."
        )
    natural = np.concatenate([distribution.latent_positions, distribution.observation_positions])
    return named_order(learner.order, natural, np.random.default_rng([structure_seed, _ORDER, learner.number]))


@dataclass(frozen=True, kw_only=True)
class LearnerUnit:
    """One learner on one distribution: what every unit around a learner has in common.

    Attributes:
        distribution: a key of ``DISTRIBUTIONS``.
        model: name of a :class:`Learner`; for the exact posterior nothing is trained.
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


def masked_denoiser(unit: LearnerUnit, distribution: LODistribution, directory: Path, device: torch.device) -> Denoiser:
    """The exact posterior, or a masked diffusion model trained for this unit."""
    if unit.model == CONTROL:
        return PosteriorDenoiser(exact_posterior(distribution))
    return MaskedDenoiser(train_unit(unit, masked_objective(unit.setting), directory, device))


def masked_objective(setting: Setting) -> MaskedObjective:
    """What the masked diffusion model of a setting is trained on."""
    reduction = {"per_mask": per_mask, "likelihood": likelihood}[setting.weighting]
    curriculum = _curriculum(setting)
    return MaskedObjective(reduction, curriculum=curriculum, deep=DeepSupervision(setting.deep_supervision))


def _curriculum(setting: Setting) -> Curriculum | LatentsFirst | None:
    """Every distribution of a setting has its latents first."""
    if setting.curriculum and setting.latents_first:
        raise ValueError("a setting has one curriculum: set curriculum or latents_first to 0.")
    if setting.latents_first:
        return LatentsFirst(tuple(range(setting.n_latents)), setting.latents_first, setting.natural_keys)
    return Curriculum(share=setting.curriculum) if setting.curriculum else None


def train_unit(unit: LearnerUnit, objective: Objective, directory: Path, device: torch.device) -> Transformer:
    """Train the network of a unit; weights, checkpoint and log lie in :func:`training_folder`.

    A run that was stopped goes on from its last checkpoint.
    """
    source = FreshRows(unit.build(), unit.sample_seed(TRAIN), unit.setting.batch_size)
    config = train_config(unit, objective, device)
    return train_network(
        unit.setting, objective, source, config, directory=training_folder(unit, directory), device=device
    ).network


def training_folder(unit: Config, directory: Path) -> Path:
    """Where the training of a unit lies, below the directory of its run."""
    return directory / "training" / unit_key(unit)


def network_config(unit: LearnerUnit, objective: Objective) -> NetworkConfig:
    """The network that :func:`train_unit` trains."""
    built = unit.build()
    return NetworkConfig.of(unit.setting, length=built.length, vocabulary=built.vocabulary, causal=objective.causal)


def train_config(unit: LearnerUnit, objective: Objective, device: torch.device) -> TrainConfig:
    """How the setting of a unit says that its network is trained; how often it is saved has no part in the numbers."""
    setting, config = unit.setting, network_config(unit, objective)
    return TrainConfig(
        steps=setting.steps,
        learning_rate=setting.learning_rate,
        min_ratio=setting.min_ratio,
        weight_decay=setting.weight_decay,
        optimizer=setting.optimizer,
        precision=setting.precision,
        seed=unit.seed,
        checkpoint_every=steps_between_checkpoints(setting.batch_size * training_flops(config), device),
    )


def steps_between_checkpoints(step_flops: int, device: torch.device) -> int:
    """The usual number; on a processor so few that a stopped training loses a minute or two."""
    usual = TrainConfig(steps=1).checkpoint_every
    return min(usual, max(1, round(_UNSAVED / step_flops))) if device.type == "cpu" else usual
