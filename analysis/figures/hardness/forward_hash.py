"""Which hash does a network learn *forwards*? A hash of three latents, yes; a hash of all of them, no.

An L&O distribution needs observations that are easy in the natural order (Def. 3.1). A keyed hash of a small scope is a
random local function and meets this; the same hash of the whole latent vector is a pseudorandom bit, which no learner
predicts better than a coin until it has seen a good part of the ``2**N`` latent vectors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from analysis.lab.rows import Row, Subject
from analysis.lab.store import unit_key
from analysis.measures.learner import ARM_NATURAL
from generators.distribution import LODistribution
from generators.families import local_hash, whole_hash
from lo_theory.denoisers.network import CausalDenoiser
from lo_theory.estimate import mean_estimate
from lo_theory.learning.log import StepRecord
from lo_theory.learning.network import Shape
from lo_theory.learning.objective import AutoregressiveObjective
from lo_theory.learning.recipe import build_network
from lo_theory.learning.source import FreshRows
from lo_theory.learning.training import TrainConfig, train
from lo_theory.orders import identity

EXPERIMENT_NAME = "forward_hash"
OBSERVATION_NATS = "observation_nats"
COIN = math.log(2)
_TEST_SEED = 2


@dataclass(frozen=True, kw_only=True)
class ForwardHashUnit:
    """An ARM in natural order on one hash distribution, its test loss on observations as it trains.

    Attributes:
        scope: ``local`` (three latents) or ``whole`` (all of them).
        measure_every: steps between two measurements; the last step always has one.
    """

    scope: str
    seed: int = 0
    n_latents: int = 20
    n_observations: int = 20
    structure_seed: int = 0
    steps: int = 400
    batch_size: int = 128
    layers: int = 2
    width: int = 64
    learning_rate: float = 3e-3
    test_rows: int = 512
    measure_every: int = 50

    @property
    def label(self) -> str:
        """Hash and seed."""
        return f"{self.scope} hash, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """The loss against the number of steps."""
        return _train_and_measure(self, directory, device)

    def distribution(self) -> LODistribution:
        """The distribution of this unit; ValueError for another scope."""
        if self.scope not in ("local", "whole"):
            raise ValueError(f"scope is 'local' or 'whole'; got {self.scope!r}.")
        family = local_hash if self.scope == "local" else whole_hash
        return family(self.n_latents, self.n_observations, structure_seed=self.structure_seed)


def forward_hash_units(seeds: int = 1) -> list[ForwardHashUnit]:
    """Both hashes, equal in everything else."""
    return [ForwardHashUnit(scope=scope, seed=seed) for scope in ("local", "whole") for seed in range(seeds)]


def _train_and_measure(unit: ForwardHashUnit, directory: Path, device: torch.device) -> Iterator[Row]:
    distribution = unit.distribution()
    order = identity(distribution.length)
    objective, source = AutoregressiveObjective(order), FreshRows(distribution, 1000 + unit.seed, unit.batch_size)
    shape = Shape(layers=unit.layers, width=unit.width)
    network = build_network(shape, objective, source, seed=unit.seed, device=device)
    denoiser = CausalDenoiser(network, order)
    test = torch.from_numpy(distribution.rows(_TEST_SEED, 0, unit.test_rows).astype("int64"))
    about = Subject(
        distribution=f"{unit.scope} hash", fingerprint=distribution.fingerprint, model=ARM_NATURAL.name, seed=unit.seed
    )
    measured: list[Row] = []

    def measure(record: StepRecord) -> None:
        if record.step % unit.measure_every == 0 or record.step == unit.steps:
            log_probs = denoiser.chain_log_probs(test)[:, distribution.n_latents :]
            nats = mean_estimate(-log_probs.double().mean(dim=1).numpy(), "chain")
            measured.append(about.row(EXPERIMENT_NAME, OBSERVATION_NATS, nats, step=record.step))

    train(
        network,
        objective,
        source,
        TrainConfig(steps=unit.steps, learning_rate=unit.learning_rate, seed=unit.seed),
        directory=directory / "training" / unit_key(unit),
        resume=False,  # the curve is kept with the rows, not with the checkpoint: an interrupted unit starts again
        on_step=measure,
    )
    yield from measured
