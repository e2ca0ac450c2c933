"""A trained model on disk: distribution, order, checkpoint; what ``train`` writes and the others read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generators.codec import array_from_json
from generators.distribution import LODistribution
from generators.storage import read_json, write_json_atomic
from lo_theory.checkpoint import load_checkpoint
from lo_theory.denoiser import Denoiser
from lo_theory.learners import CausalDenoiser, MaskedDenoiser
from lo_theory.training import CHECKPOINT_NAME

DISTRIBUTION_NAME = "distribution.json"


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network behind the socket, and the distribution that it was trained on.

    Attributes:
        order: of an autoregressive model; None for a masked one.
    """

    denoiser: Denoiser
    distribution: LODistribution
    order: np.ndarray | None


def save_distribution(distribution: LODistribution, directory: Path) -> None:
    """Write ``distribution.json`` beside the checkpoint.

    Raises:
        ValueError: the directory already holds another distribution.
    """
    path = directory / DISTRIBUTION_NAME
    if path.exists() and (there := LODistribution.from_json(read_json(path))) != distribution:
        raise ValueError(
            f"{directory} holds a model of distribution {there.fingerprint}, not {distribution.fingerprint}. "
            "Choose another directory with --out."
        )
    write_json_atomic(path, distribution.to_json())


def load_model(directory: Path) -> TrainedModel:
    """Read back what ``lo-theory train`` wrote.

    Raises:
        FileNotFoundError: no model in this directory.
        ValueError: a damaged file, or a checkpoint of another distribution.
    """
    if not (directory / DISTRIBUTION_NAME).exists():
        raise FileNotFoundError(
            f"{directory} holds no {DISTRIBUTION_NAME}; train a model there first: "
            f"lo-theory train --out {directory} ..."
        )
    distribution = LODistribution.from_json(read_json(directory / DISTRIBUTION_NAME))
    checkpoint = load_checkpoint(directory / CHECKPOINT_NAME, distribution.fingerprint)
    network = checkpoint.build_network()
    if not network.config.causal:
        return TrainedModel(MaskedDenoiser(network), distribution, None)
    order = array_from_json(checkpoint.objective["order"])
    return TrainedModel(CausalDenoiser(network, order), distribution, order)
