"""Table 1 at (25, 275) with the paper's network, for as many steps as there is time for."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator

import numpy as np
import torch

from analysis.figures.table1.units import SIZES
from analysis.measures.learner import TRAIN, LearnerUnit, masked_objective
from analysis.measures.paper import TABLE_1
from generators.distribution import LODistribution
from lo_theory.agreement import observation_agreement
from lo_theory.denoisers.network import MaskedDenoiser
from lo_theory.estimate import mean_estimate
from lo_theory.learning.log import StepRecord
from lo_theory.learning.products import matmul_precision
from lo_theory.learning.recipe import build_network
from lo_theory.learning.source import FreshRows
from lo_theory.learning.training import TrainConfig, train
from lo_theory.samplers.decoder import Decoder, margin, vanilla
from lo_theory.samplers.decoding import decode
from on_gpu.parts import Found, Plan
from on_gpu.shapes import TINY
from on_gpu.speed import steps_of

TRAINING = 0.7  # of the time that is left; the rest is for decoding
MEASURED = 20  # steps behind the estimate of how many fit
POINTS = 20  # of the loss that are kept
ROWS = 100  # sequences at a time


def table1(plan: Plan) -> Iterator[Found]:
    """Loss on the way, then agreement by vanilla and by margin, one token per call, in turns."""
    setting = SIZES["paper"].networks[0]
    if plan.tiny:
        setting = dataclasses.replace(
            setting, n_latents=4, n_observations=8, steps=6, batch_size=8, generated=8, **vars(TINY)
        )
    unit = LearnerUnit(distribution="NAE-SAT", model="mdm", seed=0, setting=setting)
    law, objective = unit.build(), masked_objective(setting)
    source = FreshRows(law, unit.sample_seed(TRAIN), setting.batch_size)
    trial = build_network(setting, objective, source, seed=0, device=plan.device)
    seconds, _ = steps_of(trial, source, time.monotonic() + 0.05 * plan.left(), MEASURED)
    del trial
    steps = setting.steps if plan.tiny else max(1, min(setting.steps, int(TRAINING * plan.left() / seconds)))
    yield Found(name="steps", value=steps, note=f"of the {setting.steps} of the recipe, {seconds * 1e3:.1f} ms each")

    network = build_network(setting, objective, source, seed=0, device=plan.device)
    every = max(1, steps // POINTS)
    losses: list[tuple[int, float]] = []

    def step(record: StepRecord) -> None:
        if record.step % every == 0:
            losses.append((record.step, record.loss_nats))

    config = TrainConfig(steps=steps, learning_rate=setting.learning_rate, seed=0)
    train(network, objective, source, config, on_step=step, progress=False)
    for number, loss in losses:
        yield Found(name=f"loss of the batch of step {number}", value=loss / law.length, unit="nats/token")
    published = next(line for line in TABLE_1 if (line.n_latents, line.n_observations) == (25, 275))
    rules = {"vanilla": (vanilla(), published.vanilla), "margin": (margin(), published.margin)}
    agreeing = _agreement(MaskedDenoiser(network), {name: rule for name, (rule, _) in rules.items()}, law, plan)
    for name, shares in agreeing.items():
        if not len(shares):
            yield Found(name=f"agreement, {name}", value=None, note="no time was left to decode a batch")
            continue
        found = mean_estimate(shares, "monte_carlo")
        note = f"+- {found.standard_error:.2g}, {len(shares)} sequences; paper, 13,000 steps: {rules[name][1]:.4f}"
        yield Found(name=f"agreement, {name}", value=found.value, note=note)


def _agreement(
    denoiser: MaskedDenoiser, rules: dict[str, Decoder], law: LODistribution, plan: Plan
) -> dict[str, np.ndarray]:
    """Share of the observations that agree, per sequence; batches in turns while there is time."""
    rows = 4 if plan.tiny else ROWS
    most = 8 if plan.tiny else SIZES["paper"].networks[0].generated
    shares: dict[str, list[np.ndarray]] = {name: [] for name in rules}
    generator = torch.Generator().manual_seed(0)
    longest = 0.0
    while all(len(found) * rows < most for found in shares.values()):
        if plan.left() < 1.1 * len(rules) * longest:
            break
        for name, rule in rules.items():
            started = time.monotonic()
            prompts = torch.full((rows, law.length), law.vocabulary, device=plan.device)
            with matmul_precision("high"):
                tokens = decode(denoiser, prompts, rule, generator).tokens.cpu().numpy()
            shares[name].append(observation_agreement(law, tokens).mean(axis=1))
            longest = max(longest, time.monotonic() - started)
    return {name: np.concatenate(found) if found else np.zeros(0) for name, found in shares.items()}
