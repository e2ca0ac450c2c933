"""One step of training: what the objective is told, and what reaches the optimizer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_pre_hook

from generators.ground.draws import derived_seed
from lo_theory.learning.log import StepRecord
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import AutoregressiveObjective, Curriculum, MaskedObjective, per_mask
from lo_theory.learning.optimizer import warmup_cosine
from lo_theory.learning.prompted import AnswerObjective, ContinuationObjective
from lo_theory.learning.source import FixedRows
from lo_theory.learning.training import TrainConfig, train

LENGTH, STEPS = 6, 12
CONFIG = TrainConfig(steps=STEPS, checkpoint_every=5, log_every=1, learning_rate=1e-2, seed=4)
BITS = np.random.default_rng(0).integers(0, 2, (10, LENGTH))
ROWS = FixedRows(BITS, "f" * 16, 2, 4)
PROMPTED = FixedRows(np.where(np.arange(LENGTH) < 2, ~BITS, BITS), "f" * 16, 2, 4)
OBJECTIVES: dict[str, Any] = {
    "masked": MaskedObjective(),
    "growing": MaskedObjective(per_mask, curriculum=Curriculum(share=0.9, first=0.2)),
    "autoregressive": AutoregressiveObjective(np.array([3, 1, 0, 2, 5, 4])),
    "answers": AnswerObjective(),
    "continuation": ContinuationObjective(),
}


def build(causal: bool = False) -> Transformer:
    shape = NetworkConfig(length=LENGTH, vocabulary=2, layers=1, width=16, heads=2, causal=causal)
    return Transformer(shape, torch.Generator().manual_seed(0))


def rows_of(name: str) -> FixedRows:
    return PROMPTED if name in ("answers", "continuation") else ROWS


@dataclasses.dataclass(frozen=True)
class Told:
    """Masked diffusion that notes how much of the training it is told is done."""

    progress: list[float] = dataclasses.field(default_factory=list)
    causal: bool = False

    def check(self, network):
        """Fits every network."""

    def loss(self, network, rows, generator, *, progress=1.0):
        self.progress.append(progress)
        return MaskedObjective().loss(network, rows, generator)

    def to_json(self):
        return {"objective": "told"}


def stop_after(step: int) -> Callable[[StepRecord], None]:
    def on_step(record: StepRecord) -> None:
        if record.step == step:
            raise KeyboardInterrupt

    return on_step


def test_an_objective_is_told_how_much_of_the_training_is_done(tmp_path):
    """Nothing before the first step; and the share of the whole training, not of what a resumed run has left."""
    whole, first, resumed = Told(), Told(), Told()
    train(build(), whole, ROWS, CONFIG)
    assert whole.progress == [step / STEPS for step in range(STEPS)]
    with pytest.raises(KeyboardInterrupt):
        train(build(), first, ROWS, CONFIG, directory=tmp_path, on_step=stop_after(7))
    train(build(), resumed, ROWS, CONFIG, directory=tmp_path)
    assert first.progress == whole.progress[:7]
    assert resumed.progress == whole.progress[5:]


def test_a_curriculum_runs_while_the_network_is_trained():
    """No step hides more than it may; it reaches what it may, and at last everything."""
    curriculum, hidden = Curriculum(share=0.5, first=0.2), []

    def listening(cross_entropy, masks):
        hidden.append(int(masks.hidden.sum(dim=1).max()))
        return per_mask(cross_entropy, masks)

    config = dataclasses.replace(CONFIG, steps=24)
    train(build(), MaskedObjective(listening, curriculum=curriculum), FixedRows(BITS, "f" * 16, 2, 40), config)
    assert hidden == [curriculum.most(LENGTH, step / 24) for step in range(24)]
    assert (hidden[0], hidden[-1]) == (1, LENGTH)


Watched = tuple[list[Tensor], list[Tensor]]


def watched(config: TrainConfig, name: str) -> tuple[list[Watched], list[StepRecord]]:
    """Weights and gradients as the optimizer meets them at each step, and the records of the steps."""
    objective, seen = OBJECTIVES[name], []
    network = build(objective.causal)

    def look(optimizer, args, kwargs):
        weights = [weight.detach().clone() for weight in network.parameters()]
        seen.append((weights, [weight.grad.clone() for weight in network.parameters()]))

    hook = register_optimizer_step_pre_hook(look)
    try:
        records = train(network, objective, rows_of(name), config).history
    finally:
        hook.remove()
    return seen, list(records)


def by_hand(config: TrainConfig, name: str, step: int, weights: list[Tensor]) -> tuple[float, list[Tensor], float]:
    """Loss in nats per sequence, gradient of the loss per token, and its norm, at these weights."""
    objective = OBJECTIVES[name]
    network = build(objective.causal)
    with torch.no_grad():
        for weight, value in zip(network.parameters(), weights, strict=True):
            weight.copy_(value)
    generator = torch.Generator().manual_seed(derived_seed(config.seed, step))
    loss = objective.loss(network, rows_of(name).batch(step), generator, progress=step / config.steps)
    gradient = torch.autograd.grad(loss / LENGTH, list(network.parameters()))
    return float(loss.detach()), list(gradient), float(torch.cat([part.flatten() for part in gradient]).norm())


@pytest.mark.parametrize("clip", [1e-3, 1e3])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_optimizer_meets_the_clipped_gradient_of_the_loss_per_token(name, clip):
    """Of this step alone: its weights, rows, masks and progress. The log has the loss and the norm before clipping."""
    config = dataclasses.replace(CONFIG, clip=clip)
    seen, records = watched(config, name)
    assert len(seen) == len(records) == STEPS
    for step in (0, 1, 5, STEPS - 1):
        weights, met = seen[step]
        loss, gradient, norm = by_hand(config, name, step, weights)
        assert records[step].loss_nats == pytest.approx(loss, rel=1e-5)
        assert records[step].grad_norm == pytest.approx(norm, rel=1e-5)
        assert (norm > clip) == (clip < 1), "one bound clips every step, the other none"
        factor = min(1.0, clip / norm)
        for found, expected in zip(met, gradient, strict=True):
            torch.testing.assert_close(found, factor * expected, rtol=1e-4, atol=1e-5 * factor * norm)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_the_optimizer_has_the_numbers_of_the_configuration(optimizer):
    config = TrainConfig(steps=2, betas=(0.5, 0.75), weight_decay=0.3, optimizer=optimizer)
    groups: list[dict[str, Any]] = []
    hook = register_optimizer_step_pre_hook(lambda one, args, kwargs: groups.extend(map(dict, one.param_groups)))
    try:
        train(build(), MaskedObjective(), ROWS, config)
    finally:
        hook.remove()
    assert {group["betas"] for group in groups if "betas" in group} == {(0.5, 0.75)}
    assert {group["weight_decay"] for group in groups} == {0.3, 0.0}


def test_the_learning_rate_is_that_of_the_configuration():
    config = TrainConfig(steps=41, warmup=0.25, learning_rate=2e-3, min_ratio=0.3)
    rates = [config.rate(step) for step in range(41)]
    assert rates == [warmup_cosine(step, steps=41, warmup=10, peak=2e-3, min_ratio=0.3) for step in range(41)]
    assert max(rates) == rates[10] == 2e-3
    assert rates[-1] == pytest.approx(0.3 * 2e-3)
