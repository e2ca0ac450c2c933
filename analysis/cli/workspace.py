"""A trained model on disk: distribution, order, checkpoint; what ``train`` writes and the others read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from generators.distribution import LODistribution
from generators.ground.codec import array_from_json
from generators.ground.storage import read_json, write_json_atomic
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.learning.checkpoint import load_checkpoint
from lo_theory.learning.training import CHECKPOINT_NAME

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


def require_at_least(least: int, **options: int | None) -> None:
    """Raise ValueError, naming the option as it is typed, if one is given and too small."""
    for name, value in options.items():
        if value is not None and value < least:
            raise ValueError(f"--{name.replace('_', '-')} must be at least {least}; got {value}.")


def usable_device(name: str) -> torch.device:
    """The device of that name, once it is known to work.

    Raises:
        ValueError: torch does not know it or cannot use it here.
    """
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # an AssertionError: a build without CUDA
        reason = str(error).splitlines()[0]
        raise ValueError(f"--device {name} cannot be used: {reason}. Leave it out to use the cpu.") from error


def read_distribution(path: Path) -> LODistribution:
    """The distribution in a JSON file.

    Raises:
        OSError: as the system reports it.
        ValueError: the file holds none; the message names it.
    """
    form = read_json(path)
    if not isinstance(form, dict):
        raise ValueError(f"{path} holds no distribution: its JSON form is an object; got {form!r:.40}.")
    try:
        return LODistribution.from_json(form)
    except ValueError as error:
        raise ValueError(f"{path} holds no distribution: {error}") from error


def save_distribution(distribution: LODistribution, directory: Path, *, replace: bool = False) -> None:
    """Write ``distribution.json`` beside the checkpoint.

    Args:
        replace: also over another distribution, because the model there is thrown away.
    Raises:
        ValueError: the directory already holds another distribution.
    """
    path = directory / DISTRIBUTION_NAME
    if not replace and path.exists() and (there := read_distribution(path)) != distribution:
        raise ValueError(
            f"{directory} holds a model of distribution {there.fingerprint}, not {distribution.fingerprint}. "
            "Choose another directory with --out, or throw that model away with --restart."
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
    distribution = read_distribution(directory / DISTRIBUTION_NAME)
    checkpoint = load_checkpoint(directory / CHECKPOINT_NAME, distribution.fingerprint)
    network = checkpoint.build_network()
    if not network.config.causal:
        return TrainedModel(MaskedDenoiser(network), distribution, None)
    order = array_from_json(checkpoint.objective["order"])
    return TrainedModel(CausalDenoiser(network, order, remembers=True), distribution, order)
