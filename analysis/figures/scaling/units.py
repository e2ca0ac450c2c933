"""Scaling: what equal compute buys on text, by learner and by the size of its network.

At one budget C every learner is trained at several sizes, each for as many steps as C pays for: C / (6 N) tokens where
all operations are those of N weights; here attention and the head are counted, too. A training is as long as it is
meant to be, its learning rate falls to the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from analysis.lab.rows import CONTROL, MDM, Row
from analysis.lab.scale import ScaleName
from analysis.measures.learner import ARM_NATURAL, training_folder
from analysis.measures.text_data import CHAIN, OWN, PYTHON, SHAKESPEARE
from analysis.measures.text_learners import any_order_learner
from analysis.measures.text_networks import TextNetwork, TextSetting, measured_losses
from lo_theory.estimate import exact_estimate
from lo_theory.learning.checkpoint import load_checkpoint
from lo_theory.learning.flops import training_flops
from lo_theory.learning.training import CHECKPOINT_NAME

EXPERIMENT_NAME = "scaling"
BUDGET = "training operations"
"""What is swept; ``at`` is the budget C, ``step`` the steps of training, which tell the sizes at one budget apart."""
WEIGHTS, EPOCHS, SECONDS = "weights", "epochs", "training_seconds"
KINDS = ("closer", "much-closer", "uniform")
ARM = ARM_NATURAL.name
_CHANNELS, _MANY = 32, 64  # of a head, in narrow and in wide networks


@dataclass(frozen=True, kw_only=True)
class ScalingUnit(TextNetwork):
    """One point: a learner of one size, trained on one budget, and what held-out windows cost it.

    Attributes:
        budget: operations of the training; of the exact posterior 0.
        test_rows: windows behind a loss.
        draws: masks per window behind a bound.
    """

    budget: float
    test_rows: int
    draws: int

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Loss, excess where the truth is known, and what the point is: weights, epochs, seconds."""
        where = {"swept": BUDGET, "at": self.budget, "step": self.setting.steps}
        made = partial(self.about(self.data()).row, EXPERIMENT_NAME, **where)
        for metric, number in measured_losses(self, directory, device, test_rows=self.test_rows, draws=self.draws):
            yield made(metric, number)
        if self.model == CONTROL:
            return
        seconds = load_checkpoint(training_folder(self, directory) / CHECKPOINT_NAME).seconds
        for metric, value in ((WEIGHTS, self.weights), (EPOCHS, self.epochs), (SECONDS, seconds)):
            yield made(metric, exact_estimate(float(value)))


@dataclass(frozen=True, kw_only=True)
class ScalingSize:
    """What is trained.

    Attributes:
        texts: the first is that of all learners, on the others are ARM and MDM alone.
        length, batch_size: of the windows, and windows per step.
        budgets: operations, ascending.
        shapes: layers and width of the networks, ascending in weights.
        learning_rate: of all of them.
        seeds: runs of ARM and MDM at each point.
        permutations: pi-learners of each kind.
        orders: numbers of orders of the autoregressive learner that is told orders; None stands for all.
        orders_budget: which of the budgets those have.
        test_rows, draws: windows behind a loss, and masks for each behind a bound.
        goals: the largest loss of the ARM and the largest ratio of the MDM's bound to it that are hoped for; None: no
            such hope.
    """

    texts: tuple[str, ...]
    length: int = 64
    batch_size: int = 16
    budgets: tuple[float, ...]
    shapes: tuple[tuple[int, int], ...]
    learning_rate: float = 1e-2
    seeds: int = 1
    permutations: int = 0
    orders: tuple[int | None, ...] = ()
    orders_budget: int = -1
    test_rows: int = 1024
    draws: int = 4
    goals: tuple[float, float] | None = None


_SHAPES = ((1, 24), (2, 32), (2, 64), (3, 96))

SIZES: dict[ScaleName, ScalingSize] = {
    "smoke": ScalingSize(texts=(PYTHON, CHAIN), budgets=(6e11,), shapes=_SHAPES[1:]),
    "small": ScalingSize(
        texts=(PYTHON, CHAIN), budgets=(5e11, 1e12, 2e12, 4e12), shapes=_SHAPES, seeds=3, permutations=3,
        orders=(1, 2, 4, 16, None), orders_budget=2,
    ),
    "long": ScalingSize(
        texts=(SHAKESPEARE,), length=128, batch_size=16, budgets=(8e13,), shapes=((4, 128),), learning_rate=6e-3,
        test_rows=400, draws=64, goals=(1.75, 1.15),
    ),
    "paper": ScalingSize(
        texts=(OWN, CHAIN), length=2048, batch_size=64, budgets=(1e16, 4e16, 1.6e17, 6.4e17),
        shapes=((4, 192), (6, 320), (8, 512), (12, 768), (16, 1024)), learning_rate=1e-3, seeds=3, permutations=3,
        orders=(1, 2, 4, 16, None), orders_budget=2, test_rows=1024, draws=64,
    ),
}  # fmt: skip
"""``small`` takes hours of two cores, ``long`` an hour of one core for each of its two models; ``paper`` has the
paper's length and needs a text of your own, of a billion bytes or more, and a GPU for days."""


def units(size: ScalingSize) -> list[ScalingUnit]:
    """Every point, cheap budgets first; then the exact posterior of each law."""
    first, *others = size.texts
    found = list[ScalingUnit]()
    for number, budget in enumerate(size.budgets):
        of_orders = size.orders if number == size.orders_budget % len(size.budgets) else ()
        for shape in size.shapes:
            for seed in range(size.seeds):
                found += [_unit(size, text, model, seed, budget, shape) for text in size.texts for model in (ARM, MDM)]
            models = [f"pi {kind} {i}" for kind in KINDS for i in range(size.permutations)]
            models += map(any_order_learner, of_orders)
            found += [_unit(size, first, model, 0, budget, shape) for model in models]
    controls = [_unit(size, text, CONTROL, 0, 0.0, size.shapes[0]) for text in others]
    return [*found, *controls]


def _unit(
    size: ScalingSize, text: str, model: str, seed: int, budget: float, shape: tuple[int, int]
) -> ScalingUnit:  # fmt: skip
    layers, width = shape
    setting = TextSetting(
        length=size.length, steps=1, batch_size=size.batch_size, learning_rate=size.learning_rate, layers=layers,
        width=width, heads=max(1, width // (_CHANNELS if width < 192 else _MANY)),
    )  # fmt: skip
    unit = ScalingUnit(
        text=text, model=model, seed=seed, setting=setting, budget=budget, test_rows=size.test_rows, draws=size.draws
    )
    if model == CONTROL:
        return replace(unit, setting=replace(setting, steps=0))
    return replace(unit, setting=replace(setting, steps=steps_of(unit)))


def steps_of(unit: ScalingUnit) -> int:
    """As many as the budget pays for, at least one."""
    return max(1, round(unit.budget / (unit.setting.batch_size * training_flops(unit.config()))))
