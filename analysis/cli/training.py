"""What ``lo-theory train`` does once its words are understood."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from analysis.cli.distribution_file import DISTRIBUTION_NAME, save_distribution
from analysis.cli.numbers import require_at_least
from analysis.cli.workspace import tell_unchecked, usable_device
from analysis.cli.written_rows import written_rows
from generators.distribution import LODistribution
from generators.ground.ownership import owned_directory
from generators.ground.together import Member
from lo_theory.learning.distributed import joined
from lo_theory.learning.objective import AutoregressiveObjective, MaskedObjective, Objective, likelihood, per_mask
from lo_theory.learning.products import matrix_rate
from lo_theory.learning.recipe import build_network
from lo_theory.learning.source import FixedRows, FreshRows, RowSource
from lo_theory.learning.stored_rows import StoredRows
from lo_theory.learning.training import TrainConfig, TrainResult, check_fit, train
from lo_theory.orders import named_order

if TYPE_CHECKING:
    from analysis.cli.train import Train


def train_model(asked: Train, member: Member | None = None) -> str:
    """Train, alone or as one of several processes; where the checkpoint is, said by the one that wrote it."""
    require_at_least(1, steps=asked.steps, batch_size=asked.batch_size, train_rows=asked.train_rows)
    require_at_least(0, order_seed=asked.order_seed, sample_seed=asked.sample_seed, seed=asked.seed)
    distribution, source = _distribution_and_source(asked)
    objective = _objective(asked, distribution)
    device = usable_device(_device_name(asked.device, member))
    network = build_network(asked.network, objective, source, seed=asked.seed, device=device)
    training = TrainConfig(
        steps=asked.steps,
        learning_rate=asked.learning_rate,
        seed=asked.seed,
        optimizer=asked.optimizer,
        precision=asked.precision,
    )
    check_fit(network, objective, source)
    with joined(member, device) as team:
        keep = {"directory": asked.out, "resume": not asked.restart, "progress": not asked.quiet, "team": team}
        if not team.first:
            train(network, objective, source, training, **keep)
            return ""
        with owned_directory(asked.out, "train"):  # after all that can be refused without it
            save_distribution(distribution, asked.out, replace=asked.restart)
            result = train(network, objective, source, training, **keep)
            beside = asked.out / DISTRIBUTION_NAME
            if not beside.exists():
                raise FileNotFoundError(
                    f"{beside} was removed during the training; without it nobody knows what the model was trained on. "
                    "Give the same command again."
                )
    tell_unchecked(asked.out, result.checked)
    return _summary(result, distribution, device)


def _summary(result: TrainResult, distribution: LODistribution, device: torch.device) -> str:
    if not result.history:
        return f"{result.checkpoint}: finished before; its log is gone."
    last = result.history[-1]
    return (
        f"{result.checkpoint}: {last.step} steps, {last.tokens} tokens, {last.flops:.3g} FLOPs, "
        f"last batch {last.loss_nats:.4f} nats per sequence (entropy {distribution.entropy():.4f}); "
        f"{last.flops / last.seconds:.2g} FLOP/s, {last.flops / last.seconds / matrix_rate(device):.0%} of the rate of "
        "large matrix products on one such device"
    )


def _device_name(name: str, member: Member | None) -> str:
    """The GPU of this process, if there are several."""
    if member is None or member.size == 1 or not name.startswith("cuda"):
        return name
    if name != "cuda":
        raise ValueError(f"--device {name} is one GPU, and {member.size} processes take one each; say --device cuda.")
    return f"cuda:{member.local_rank}"


def _objective(asked: Train, distribution: LODistribution) -> Objective:
    if asked.learner == "mdm":
        return MaskedObjective({"per-mask": per_mask, "likelihood": likelihood}[asked.loss])
    natural = np.concatenate([distribution.latent_positions, distribution.observation_positions])
    return AutoregressiveObjective(named_order(asked.learner, natural, np.random.default_rng(asked.order_seed)))


def _distribution_and_source(asked: Train) -> tuple[LODistribution, RowSource]:
    named = asked.distribution.build()
    if asked.data is not None:
        return _written(asked, asked.data, named)
    if named is None:
        raise ValueError(
            "what is to be learned? Name a distribution, such as nae-sat, or a written dataset with --data."
        )
    if asked.split is not None:
        raise ValueError(f"--split {asked.split} is one of a written dataset; name that with --data.")
    return named, _source(asked, named)


def _written(asked: Train, data: Path, named: LODistribution | None) -> tuple[LODistribution, RowSource]:
    """Refuse what else would say which rows are meant."""
    if asked.train_rows is not None:
        raise ValueError(f"--train-rows {asked.train_rows} draws rows, and --data has some; give one of the two.")
    dataset = written_rows(data, asked.split, usual="train")
    if named is not None and named.fingerprint != dataset.fingerprint:
        raise ValueError(
            f"{dataset.directory} holds rows of distribution {dataset.fingerprint}, not of the one that was named, "
            f"{named.fingerprint}; leave it out: --data has its own."
        )
    if asked.sample_seed not in (type(asked).sample_seed, dataset.sample_seed):
        raise ValueError(
            f"{dataset.directory} holds the rows of --sample-seed {dataset.sample_seed}, not {asked.sample_seed}; "
            "leave --sample-seed out."
        )
    return dataset.distribution, StoredRows(dataset, asked.batch_size, asked.seed)


def _source(asked: Train, distribution: LODistribution) -> RowSource:
    if asked.train_rows is None:
        return FreshRows(distribution, asked.sample_seed, asked.batch_size)
    rows = distribution.rows(asked.sample_seed, 0, asked.train_rows)
    return FixedRows(rows, distribution.fingerprint, distribution.vocabulary, asked.batch_size, asked.seed)
