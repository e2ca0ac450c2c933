"""Repeats: a fixed small set of rows, trained on for more and more epochs, each a training of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from analysis.lab.rows import CONTROL, MDM, Row
from analysis.lab.scale import ScaleName
from analysis.measures.learner import ARM_NATURAL
from analysis.measures.text_data import CHAIN, LAW, OWN, PYTHON
from analysis.measures.text_learners import ARM_DROPOUT
from analysis.measures.text_networks import TextNetwork, TextSetting, measured_losses

EXPERIMENT_NAME = "repeats"
SWEPT = "epochs"
"""What is swept; ``at`` is how often each row was met."""
ARM = ARM_NATURAL.name
MODELS = (ARM, ARM_DROPOUT, MDM)


@dataclass(frozen=True, kw_only=True)
class RepeatsUnit(TextNetwork):
    """One learner, trained on the rows of its setting for some epochs, and what new rows cost it.

    Attributes:
        epochs_wanted: how often each row is met; of the exact posterior 0.
        test_rows: rows behind a loss.
        draws: masks per row behind a bound.
    """

    epochs_wanted: int
    test_rows: int
    draws: int

    @property
    def label(self) -> str:
        """Text, model, epochs and seed."""
        return f"{self.text}, {self.model}, {self.epochs_wanted} epochs, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Loss on new rows, and the excess where the truth is known."""
        where = {"swept": SWEPT, "at": float(self.epochs_wanted), "step": self.setting.steps}
        made = partial(self.about(self.data()).row, EXPERIMENT_NAME, **where)
        for metric, number in measured_losses(self, directory, device, test_rows=self.test_rows, draws=self.draws):
            yield made(metric, number)


@dataclass(frozen=True, kw_only=True)
class RepeatsSize:
    """What is trained.

    Attributes:
        texts: a text, a chain counted in it, and a law of latents and observations.
        rows: fixed rows of the training set.
        epochs: ascending.
        layers, width, heads: of every network.
        dropout: of the ARM that has it.
        seeds: runs of each; each draws its own rows.
        test_rows, draws: rows behind a loss, and masks for each behind a bound.
    """

    texts: tuple[str, ...] = (PYTHON, CHAIN, LAW)
    length: int = 32
    batch_size: int = 16
    learning_rate: float = 5e-3
    rows: int
    epochs: tuple[int, ...]
    layers: int = 2
    width: int
    heads: int = 2
    dropout: float = 0.2
    seeds: int = 1
    test_rows: int = 1024
    draws: int = 4


SIZES: dict[ScaleName, RepeatsSize] = {
    "smoke": RepeatsSize(rows=128, epochs=(8, 16, 32, 64, 128), width=48),
    "small": RepeatsSize(rows=512, epochs=(2, 4, 8, 16, 32, 64, 128, 256), width=64, seeds=3),
    "paper": RepeatsSize(
        texts=(OWN, CHAIN), length=1024, batch_size=64, learning_rate=1e-3, rows=102_400,
        epochs=(1, 4, 16, 64, 256, 1024), layers=12, width=768, heads=12, seeds=3, draws=16,
    ),
}  # fmt: skip


def units(size: RepeatsSize) -> list[RepeatsUnit]:
    """Every learner on every text, few epochs first; then the exact posterior of each law."""
    found = [
        _unit(size, text, model, seed, epochs)
        for epochs in size.epochs
        for seed in range(size.seeds)
        for text in size.texts
        for model in MODELS
    ]
    return [*found, *(_unit(size, text, CONTROL, 0, 0) for text in size.texts if text in (CHAIN, LAW))]


def _unit(size: RepeatsSize, text: str, model: str, seed: int, epochs: int) -> RepeatsUnit:
    setting = TextSetting(
        length=size.length, steps=epochs * size.rows // size.batch_size, batch_size=size.batch_size,
        learning_rate=size.learning_rate, layers=size.layers, width=size.width, heads=size.heads,
        fixed_rows=size.rows, dropout=size.dropout,
    )  # fmt: skip
    return RepeatsUnit(
        text=text, model=model, seed=seed, setting=setting, epochs_wanted=epochs, test_rows=size.test_rows,
        draws=size.draws,
    )  # fmt: skip
