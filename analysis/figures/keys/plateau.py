"""How long a network whose rows all have the natural order takes to learn what observations read.

All latents are visible and all observations asked, as at the start of ``LatentsFirst``. The loss of an observation
stands near that of its commoner value, then falls within a fraction of the steps. Keys of attention are all tokens, of
which N are latents and P masks, or the latents alone.
"""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from analysis.lab.rows import MDM, Row
from analysis.measures.learner import TRAIN, LearnerUnit, masked_objective, train_config
from analysis.measures.rule_sweep import size_name
from analysis.measures.setting import Setting
from lo_theory.estimate import exact_estimate
from lo_theory.learning.choices import Keys
from lo_theory.learning.log import StepRecord
from lo_theory.learning.recipe import build_network
from lo_theory.learning.source import FreshRows
from lo_theory.learning.training import train

EXPERIMENT_NAME = "keys"
WORDS: dict[Keys, str] = {"all": "all tokens", "visible": "visible tokens"}
"""Names of the two kinds of keys in rows."""
STEPS = "steps_to_learn_observations"
"""Infinite where a training ended before; ``swept`` and ``at`` are P."""
OBSERVATIONS = "observations"
ENOUGH = 0.1
"""Nats per observation, a mean over so many steps of training."""
_STEPS = 10


class _LearnedError(Exception):
    """The training may stop."""


@dataclass(frozen=True, kw_only=True)
class PlateauUnit(LearnerUnit):
    """Steps until the loss of an observation is below ``ENOUGH``; the setting's are the most."""

    @property
    def label(self) -> str:
        """Size, keys and seed."""
        size = size_name(self.setting.n_latents, self.setting.n_observations)
        return f"{size}, natural order, {WORDS[self.setting.natural_keys]}, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """One row. Nothing is kept: a training that was stopped begins anew."""
        distribution = self.build()
        twice = replace(self, setting=replace(self.setting, latents_first=0.5, steps=2 * self.setting.steps))
        objective = masked_objective(twice.setting)
        source = FreshRows(distribution, self.sample_seed(TRAIN), self.setting.batch_size)
        network = build_network(self.setting, objective, source, seed=self.seed, device=device)
        losses, steps = deque[float](maxlen=_STEPS), math.inf

        def watch(record: StepRecord) -> None:
            nonlocal steps
            losses.append(record.loss_nats / distribution.length)  # the mean over what is asked
            if len(losses) == _STEPS and sum(losses) < _STEPS * ENOUGH:
                steps = record.step
            if math.isfinite(steps) or record.step == self.setting.steps:
                raise _LearnedError

        with contextlib.suppress(_LearnedError):
            train(network, objective, source, train_config(twice, objective, device), on_step=watch)
        about = replace(self.about(distribution), model=WORDS[self.setting.natural_keys])
        yield about.row(
            EXPERIMENT_NAME, STEPS, exact_estimate(float(steps)),
            swept=OBSERVATIONS, at=float(self.setting.n_observations),
        )  # fmt: skip


def plateau_units(setting: Setting, observations: tuple[int, ...], seeds: int) -> list[PlateauUnit]:
    """One per P, seed and kind of keys."""
    return [
        PlateauUnit(
            distribution="NAE-SAT", model=MDM, seed=seed,
            setting=replace(setting, n_observations=number, natural_keys=keys),
        )
        for number in observations
        for seed in range(seeds)
        for keys in WORDS
    ]  # fmt: skip
