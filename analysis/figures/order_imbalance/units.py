"""One masked model along many orders: from left to right, closer to it, and uniform, exact along each of them.

A model that knew all conditionals would give a sequence one likelihood, whatever the order. What a trained one gives
is higher along some orders than along others, and how much it varies for one and the same sequence says how far its
conditionals are from those of any single law (arXiv 2606.00997).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from analysis.figures.order_imbalance.along import CLOSER, EXPERIMENT_NAME, IDENTITY, NLL, UNIFORM, nats_along
from analysis.figures.order_imbalance.own_order import OwnOrderTextUnit
from analysis.lab.experiment import ScaleName
from analysis.lab.rows import CONTROL, MDM, Row
from analysis.measures.learner import ARM_NATURAL
from analysis.measures.text_data import CHAIN, PYTHON
from analysis.measures.text_networks import TextNetwork, TextSetting, text_denoiser
from lo_theory.estimate import exact_estimate, mean_estimate
from lo_theory.orders import OrderName

OVER_IDENTITY, OVER_CLOSER = "nats_over_identity", "nats_over_closer"
VARIANCE, RANGE = "squared_nats_between_orders", "range_of_nats_between_orders"
ENTROPY = "entropy_nats"


@dataclass(frozen=True, kw_only=True)
class ImbalanceUnit:
    """One model on one text.

    Attributes:
        network: a masked model, the exact posterior of a chain, or an autoregressive model along its own order alone.
        windows: held-out sequences.
        draws: orders per kind and sequence, by name of the kind; every sequence has its own.
        seed: of the orders.
    """

    network: TextNetwork
    windows: int
    closer_draws: int
    uniform_draws: int
    seed: int = 0

    @property
    def label(self) -> str:
        """The network."""
        return f"{self.network.label}, {self.windows} windows"

    @property
    def draws(self) -> dict[OrderName, int]:
        """Orders per sequence of each kind that this model answers along."""
        every: dict[OrderName, int] = {IDENTITY: 1, CLOSER: self.closer_draws, UNIFORM: self.uniform_draws}
        return {IDENTITY: 1} if self.network.model == ARM_NATURAL.name else every

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Nats per token along each kind of order, their paired differences, and how orders of one kind differ."""
        data = self.network.data()
        rows = data.held_out(self.windows)
        made = partial(self.network.about(data).row, EXPERIMENT_NAME)
        if self.network.model == CONTROL:
            yield made(ENTROPY, exact_estimate(data.floor or 0.0))
        denoiser = text_denoiser(self.network, directory, device)
        found = nats_along(denoiser, rows, self.draws, self.seed)
        for kind, nats in found.items():
            yield made(NLL, mean_estimate(nats.mean(axis=1), "chain"), decoder=kind)
            if nats.shape[1] > 1:
                yield made(VARIANCE, mean_estimate(nats.var(axis=1, ddof=1), "chain"), decoder=kind)
                yield made(RANGE, mean_estimate(np.ptp(nats, axis=1), "chain"), decoder=kind)
        for metric, first, other in _PAIRS:
            if first in found and other in found:
                apart = found[first].mean(axis=1) - found[other].mean(axis=1)
                yield made(metric, mean_estimate(apart, "chain"), decoder=first)


_PAIRS: tuple[tuple[str, OrderName, OrderName], ...] = (
    (OVER_IDENTITY, CLOSER, IDENTITY),
    (OVER_IDENTITY, UNIFORM, IDENTITY),
    (OVER_CLOSER, UNIFORM, CLOSER),
)


@dataclass(frozen=True, kw_only=True)
class ImbalanceSize:
    """What is trained and along how many orders it is measured.

    Attributes:
        setting: of the networks.
        windows: held-out sequences.
        closer_draws, uniform_draws: orders of each kind per sequence.
        seeds: training runs.
        own_windows: sequences whose likelihood along orders of the model's own is measured.
    """

    setting: TextSetting
    windows: int = 1024
    own_windows: int = 256
    closer_draws: int
    uniform_draws: int
    seeds: int


def _setting(length: int, steps: int, layers: int, width: int, batch_size: int, rate: float) -> TextSetting:
    return TextSetting(
        length=length, steps=steps, batch_size=batch_size, layers=layers, width=width, heads=max(4, width // 64),
        positions="rotary", learning_rate=rate,
    )  # fmt: skip


SIZES: dict[ScaleName, ImbalanceSize] = {
    "smoke": ImbalanceSize(
        setting=_setting(64, 1200, 2, 64, 16, 1.6e-2), closer_draws=1, uniform_draws=2, seeds=1
    ),
    "small": ImbalanceSize(
        setting=_setting(128, 8000, 2, 64, 16, 1.6e-2), closer_draws=2, uniform_draws=4, seeds=2
    ),
    "paper": ImbalanceSize(
        setting=_setting(2048, 100_000, 12, 768, 64, 2e-3), closer_draws=4, uniform_draws=8, seeds=1
    ),
}  # fmt: skip


def units(size: ImbalanceSize) -> list[ImbalanceUnit | OwnOrderTextUnit]:
    """Masked networks first, then the autoregressive ones of equal FLOPs, the exact posterior, and own orders."""
    runs = [(model, seed) for model in (MDM, ARM_NATURAL.name) for seed in range(size.seeds)]
    asked = [(text, model, seed) for model, seed in runs for text in (PYTHON, CHAIN)]
    along = [
        ImbalanceUnit(
            network=TextNetwork(text=text, model=model, seed=seed, setting=size.setting), windows=size.windows,
            closer_draws=size.closer_draws, uniform_draws=size.uniform_draws,
        )
        for text, model, seed in [*asked, (CHAIN, CONTROL, 0)]
    ]  # fmt: skip
    own = [
        OwnOrderTextUnit(network=unit.network, windows=size.own_windows, uniform_draws=size.uniform_draws)
        for unit in along
        if unit.network.model == MDM
    ]
    return [*along, *own]
