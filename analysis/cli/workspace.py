"""A trained model on disk: distribution, order, checkpoint; what ``train`` writes and the others read."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from analysis.cli.distribution_file import DISTRIBUTION_NAME, read_distribution
from analysis.lab.store import OF_BEFORE
from generators.distribution import LODistribution
from generators.ground.forms import read_form
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.learning.checkpoint import load_checkpoint, network_in
from lo_theory.learning.checkpoint_form import AutoregressiveForm
from lo_theory.learning.training import CHECKPOINT_NAME


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network behind the socket, and the distribution that it was trained on.

    Attributes:
        order: of an autoregressive model; None for a masked one.
        checked: whether the checkpoint has a digest over all of itself, and by its fingerprint over the distribution;
            one of before has none.
        source: where its training rows came from, as the checkpoint records it.
    """

    denoiser: Denoiser
    distribution: LODistribution
    order: np.ndarray | None
    checked: bool = True
    source: Mapping[str, Any] = field(default_factory=dict)


def usable_device(name: str) -> torch.device:
    """The device of that name, once it is known to work.

    Raises:
        ValueError: torch does not know it or cannot use it here.
    """
    try:
        there = torch.zeros(1, device=name)
        there.cpu()  # some devices, such as "meta", hold no numbers
        return there.device
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # an AssertionError: a build without CUDA
        reason = str(error).splitlines()[0].rstrip("!.")
        raise ValueError(f"--device {name} cannot be used: {reason}. Leave it out to use the cpu.") from error


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
    path = directory / CHECKPOINT_NAME
    checkpoint = load_checkpoint(path, distribution.fingerprint)
    network = network_in(path, checkpoint)
    try:
        if not network.config.causal:
            return TrainedModel(MaskedDenoiser(network), distribution, None, checkpoint.checked, checkpoint.source)
        objective = read_form(checkpoint.objective, AutoregressiveForm, what="the objective of an autoregressive model")
        order = np.array(objective.order, dtype=np.int64)
        denoiser = CausalDenoiser(network, order, remembers=True)
    except ValueError as error:
        raise ValueError(f"{path}: {error} The file contradicts itself; train again.") from error
    return TrainedModel(denoiser, distribution, order, checkpoint.checked, checkpoint.source)


def tell_unchecked(path: Path, checked: bool) -> None:
    """Say on standard error that a model was read without a check, if it was."""
    if not checked:
        print(f"{path}: unchecked, {OF_BEFORE}; its weights have a checksum.", file=sys.stderr)
