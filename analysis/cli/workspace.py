"""A trained model on disk: distribution, order, checkpoint; what ``train`` writes and the others read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from analysis.cli.distribution_file import DISTRIBUTION_NAME, read_distribution
from generators.distribution import LODistribution
from generators.ground.codec import array_from_json
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.learning.checkpoint import load_checkpoint
from lo_theory.learning.training import CHECKPOINT_NAME


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network behind the socket, and the distribution that it was trained on.

    Attributes:
        order: of an autoregressive model; None for a masked one.
    """

    denoiser: Denoiser
    distribution: LODistribution
    order: np.ndarray | None


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
