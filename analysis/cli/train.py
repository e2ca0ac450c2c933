"""``lo-theory train``: one network on one distribution."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from analysis.cli.families import Family
from analysis.cli.workspace import require_at_least, save_distribution, usable_device
from generators.distribution import LODistribution
from lo_theory.learning.network import Shape
from lo_theory.learning.objective import AutoregressiveObjective, MaskedObjective, Objective, likelihood, per_mask
from lo_theory.learning.optimizer import OptimizerName
from lo_theory.learning.recipe import build_network
from lo_theory.learning.source import FixedRows, FreshRows, RowSource
from lo_theory.learning.training import TrainConfig, check_fit, train
from lo_theory.orders import OrderName, named_order

Learner = Literal["mdm", OrderName]


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train a masked diffusion model, an autoregressive model or a pi-learner. Started again, it goes on.

    Attributes:
        distribution: what to learn; its options follow its name.
        out: directory of the checkpoint, the log and the distribution.
        learner: "mdm", or the order of an autoregressive learner: "natural", "reversed", or a random one.
        order_seed: which random order.
        network: its size.
        steps: updates.
        batch_size: sequences per update.
        optimizer: "adamw", or "muon" for the matrices inside the blocks beside AdamW for the rest (torch 2.9 or newer).
        learning_rate: peak of warm-up and cosine.
        loss: of an MDM: "per-mask" averages over masked tokens, "likelihood" is the paper's weighting.
        train_rows: a fixed training set of so many rows; fresh rows at every step if not given.
        sample_seed: names the training rows.
        seed: of initial weights and masks.
        device: such as cpu or cuda.
        restart: throw away the checkpoint in the directory instead of going on from it.
    """

    distribution: Family
    out: Path
    learner: Learner = "mdm"
    order_seed: int = 0
    network: Shape = field(default_factory=Shape)
    steps: int = 1000
    batch_size: int = 128
    optimizer: OptimizerName = "adamw"
    learning_rate: float = 6e-3
    loss: Literal["per-mask", "likelihood"] = "per-mask"
    train_rows: int | None = None
    sample_seed: int = 1
    seed: int = 0
    device: str = "cpu"
    restart: bool = False

    def run(self) -> None:
        """Train, and say where the checkpoint is."""
        require_at_least(1, steps=self.steps, batch_size=self.batch_size, train_rows=self.train_rows)
        require_at_least(0, order_seed=self.order_seed, sample_seed=self.sample_seed, seed=self.seed)
        distribution = self.distribution.build()
        objective, source = self._objective(distribution), self._source(distribution)
        network = build_network(self.network, objective, source, seed=self.seed, device=usable_device(self.device))
        training = TrainConfig(
            steps=self.steps, learning_rate=self.learning_rate, seed=self.seed, optimizer=self.optimizer
        )
        check_fit(network, objective, source)
        save_distribution(distribution, self.out, replace=self.restart)  # after all that can be refused without it
        result = train(network, objective, source, training, directory=self.out, resume=not self.restart)
        if not result.history:
            print(f"{result.checkpoint}: finished before; its log is gone.")
            return
        last = result.history[-1]
        print(
            f"{result.checkpoint}: {last.step} steps, {last.tokens} tokens, {last.flops:.3g} FLOPs, "
            f"last batch {last.loss_nats:.4f} nats per sequence (entropy {distribution.entropy():.4f})"
        )

    def _objective(self, distribution: LODistribution) -> Objective:
        if self.learner == "mdm":
            return MaskedObjective({"per-mask": per_mask, "likelihood": likelihood}[self.loss])
        natural = np.concatenate([distribution.latent_positions, distribution.observation_positions])
        return AutoregressiveObjective(named_order(self.learner, natural, np.random.default_rng(self.order_seed)))

    def _source(self, distribution: LODistribution) -> RowSource:
        if self.train_rows is None:
            return FreshRows(distribution, self.sample_seed, self.batch_size)
        rows = distribution.rows(self.sample_seed, 0, self.train_rows)
        return FixedRows(rows, distribution.fingerprint, distribution.vocabulary, self.batch_size, self.seed)
