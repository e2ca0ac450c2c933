"""The learners that the hardness experiment compares, and what each unit of it computes: train one, measure it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from analysis.likelihood_gap import chain_nats, likelihood_gap, order_averaged_nats
from analysis.order_accuracy import generate, order_accuracy, three_rules
from analysis.plots.style import CONTROL
from analysis.provenance import collect
from analysis.rows import Row, Subject
from analysis.scales import DISTRIBUTIONS, Scale, Setting
from analysis.store import RowStore, unit_key
from analysis.task_error import paper_task_error, task_error
from generators.distribution import LODistribution
from lo_theory.denoiser import Denoiser
from lo_theory.learners import CausalDenoiser, MaskedDenoiser
from lo_theory.network import NetworkConfig, Transformer
from lo_theory.objective import AutoregressiveObjective, MaskedObjective, Objective, per_mask
from lo_theory.oracle import PosteriorDenoiser
from lo_theory.orders import closer, uniform
from lo_theory.posterior import EnumeratedPosterior
from lo_theory.source import FreshRows
from lo_theory.training import TrainConfig, train

MDM = "mdm"

_TRAIN, _TEST, _ORDER = 1, 2, 3  # streams of sample seeds that never meet


@dataclass(frozen=True, kw_only=True)
class LearnerUnit:
    """One trained network and everything measured of it; one file of rows.

    Attributes:
        distribution: a key of ``DISTRIBUTIONS``.
        model: ``mdm``, ``exact posterior`` (nothing is trained), or an autoregressive learner, see :func:`order_of`.
        seed: of initial weights, training rows and masks.
    """

    distribution: str
    model: str
    seed: int
    setting: Setting


def learner_units(scale: Scale) -> list[LearnerUnit]:
    """All units of a scale in the order of the figures: MDM, ARMs, pi-learners, and the control."""
    models = [MDM, "arm natural", "arm reversed"]
    models += [f"pi {kind} {i}" for kind in ("closer", "uniform") for i in range(scale.permutations)]
    trained = [
        LearnerUnit(distribution=name, model=model, seed=seed, setting=scale.setting)
        for model in models
        for seed in range(scale.seeds)
        for name in DISTRIBUTIONS
    ]
    controls = [LearnerUnit(distribution=name, model=CONTROL, seed=0, setting=scale.setting) for name in DISTRIBUTIONS]
    return trained + controls


def order_of(model: str, distribution: LODistribution, structure_seed: int) -> np.ndarray:
    """The order of an autoregressive learner, ``order[t]`` the position predicted at step t.

    ``arm natural`` follows the distribution (latents, then observations), ``arm reversed`` runs backwards;
    ``pi closer i`` and ``pi uniform i`` put permutation number i of that kind (paper 3.1) on top of the natural order.
    Permutations depend on ``structure_seed`` and i alone, so seeds of training repeat the same task.

    Raises:
        ValueError: another name.
    """
    natural = np.concatenate([distribution.latent_positions, distribution.observation_positions])
    if model == "arm natural":
        return natural
    if model == "arm reversed":
        return natural[::-1].copy()
    words = model.split()
    kinds = {"closer": closer, "uniform": uniform}
    if len(words) != 3 or words[0] != "pi" or words[1] not in kinds or not words[2].isdigit():
        raise ValueError(
            f"unknown learner {model!r}; the autoregressive ones are 'arm natural', 'arm reversed', 'pi closer 0' and "
            "'pi uniform 0', with any number."
        )
    rng = np.random.default_rng([structure_seed, _ORDER, int(words[2])])
    return natural[kinds[words[1]](distribution.length, rng)]


def run_unit(unit: LearnerUnit, directory: Path, device: str = "cpu") -> list[Row]:
    """The rows of a unit: read if it is finished, else computed and kept.

    Training goes on from its last checkpoint if it was stopped. In a process of its own this uses one thread.
    """
    store = RowStore(directory / "units")
    kept = store.get(unit)
    if kept is not None:
        return kept
    torch.set_num_threads(1)
    started = time.perf_counter()
    rows = list(_measure(unit, directory, torch.device(device)))
    seeds = {"structure_seed": unit.setting.structure_seed, "seed": unit.seed}
    store.put(unit, rows, collect(seeds, device=device, seconds=time.perf_counter() - started))
    return rows


def train_unit(unit: LearnerUnit, directory: Path, device: torch.device) -> Transformer:
    """Train the network of a unit; weights, checkpoint and log lie in ``directory / "training"``."""
    distribution, setting = DISTRIBUTIONS[unit.distribution](unit.setting), unit.setting
    objective = _objective(unit, distribution)
    config = NetworkConfig(
        length=distribution.length,
        vocabulary=distribution.vocabulary,
        layers=setting.layers,
        width=setting.width,
        heads=setting.heads,
        hidden=setting.hidden,
        mlp=setting.mlp,
        positions=setting.positions,
        causal=objective.causal,
    )
    network = Transformer(config, torch.Generator().manual_seed(unit.seed)).to(device)
    source = FreshRows(distribution, _sample_seed(unit, _TRAIN), setting.batch_size)
    training = TrainConfig(steps=setting.steps, learning_rate=setting.learning_rate, seed=unit.seed)
    train(network, objective, source, training, directory=directory / "training" / unit_key(unit))
    return network


def _objective(unit: LearnerUnit, distribution: LODistribution) -> Objective:
    if unit.model == MDM:
        return MaskedObjective(per_mask)
    return AutoregressiveObjective(order_of(unit.model, distribution, unit.setting.structure_seed))


def _measure(unit: LearnerUnit, directory: Path, device: torch.device) -> Iterator[Row]:
    distribution = DISTRIBUTIONS[unit.distribution](unit.setting)
    about = Subject(
        distribution=unit.distribution, fingerprint=distribution.fingerprint, model=unit.model, seed=unit.seed
    )
    test = distribution.rows(_sample_seed(unit, _TEST), 0, unit.setting.test_rows)
    if unit.model not in (MDM, CONTROL):
        order = order_of(unit.model, distribution, unit.setting.structure_seed)
        denoiser = CausalDenoiser(train_unit(unit, directory, device), order)
        yield likelihood_gap(chain_nats(denoiser, test, order), distribution, test, about=about)
        return
    posterior = EnumeratedPosterior(distribution)
    exact = unit.model == CONTROL
    denoiser = PosteriorDenoiser(posterior) if exact else MaskedDenoiser(train_unit(unit, directory, device))
    rng = np.random.default_rng([_sample_seed(unit, _TEST), 1])
    nats = order_averaged_nats(denoiser, test, rng, orders_per_row=unit.setting.orders_per_row)
    yield likelihood_gap(nats, distribution, test, about=about)
    yield from _task_errors(denoiser, posterior, distribution, about, unit.setting, rng)
    yield from _accuracies(denoiser, distribution, about, unit)


def _task_errors(
    denoiser: Denoiser,
    posterior: EnumeratedPosterior,
    distribution: LODistribution,
    about: Subject,
    setting: Setting,
    rng: np.random.Generator,
) -> Iterator[Row]:
    length = distribution.length
    counts = sorted({round(n) for n in np.linspace(1, length, min(setting.masked_counts, length))})
    yield from task_error(
        denoiser,
        posterior,
        distribution,
        about=about,
        masked_counts=counts,
        samples=setting.task_samples,
        rng=rng,
    )
    yield from paper_task_error(denoiser, posterior, distribution, about=about, samples=setting.task_samples, rng=rng)


def _accuracies(denoiser: Denoiser, distribution: LODistribution, about: Subject, unit: LearnerUnit) -> Iterator[Row]:
    # Tokens revealed together by the exact posterior may contradict each other; it then has no answer to what follows.
    divisors = (1,) if unit.model == CONTROL else unit.setting.call_divisors
    for divisor in divisors:
        steps = max(1, distribution.length // divisor)
        for name, decoder in three_rules(distribution.length, steps).items():
            generator = torch.Generator().manual_seed(_sample_seed(unit, _TEST))
            generated, calls = generate(denoiser, decoder, unit.setting.generated, generator)
            yield from order_accuracy(generated, distribution, about=about, decoder=name, calls=calls)


def _sample_seed(unit: LearnerUnit, stream: int) -> int:
    """Test rows are the same for all learners of a distribution and seed; training rows never meet them."""
    return int(np.random.SeedSequence([stream, unit.seed]).generate_state(1, np.uint64)[0] >> np.uint64(1))
