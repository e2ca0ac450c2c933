"""Networks that are kept beside the rows that were measured of them: the weights alone, small enough for a repository.

``weights/KEY.safetensors`` lies beside ``units/``, under the key of its unit. It is a checkpoint without the state of
an optimizer: it says what was trained on what, for how long, and carries a checksum and a digest, so a damaged one is
refused. Weights are in float32 where that is small enough, else rounded to bfloat16; what is measured is measured of
the file, rounding included.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import torch

from analysis.lab.store import unit_key
from analysis.measures.learner import LearnerUnit, network_config, train_unit, training_folder
from lo_theory.learning.checkpoint import load_checkpoint, network_in, save_checkpoint
from lo_theory.learning.memory import weight_count
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import Objective
from lo_theory.learning.training import CHECKPOINT_NAME

WEIGHTS = "weights"
"""Folder of a run."""
LARGEST = 5_000_000
"""Bytes of the largest file that is kept."""
_DESCRIPTION = 100_000  # bytes that the description beside the weights may take


def weights_path(unit: LearnerUnit, directory: Path) -> Path:
    """The file of a unit's weights, there or not."""
    return directory / WEIGHTS / f"{unit_key(unit)}.safetensors"


def kept_network(unit: LearnerUnit, objective: Objective, directory: Path, device: torch.device) -> Transformer:
    """The network of a unit from its file in ``weights``; it is trained first if there is none.

    A training that was stopped goes on from its last checkpoint, and leaves the file when it is done.

    Raises:
        ValueError: the weights are more than fit into :data:`LARGEST`, said before anything is trained; or the file is
            damaged or of another distribution.
    """
    path, trained = weights_path(unit, directory), training_folder(unit, directory) / CHECKPOINT_NAME
    fingerprint = unit.build().fingerprint
    if not path.exists():
        kind = weights_type(network_config(unit, objective))
        train_unit(unit, objective, directory, device)
        whole = load_checkpoint(trained, fingerprint)
        tensors = {name: value.to(kind) for name, value in whole.tensors.items() if name.startswith("network.")}
        save_checkpoint(path, replace(whole, tensors=tensors, log=None))
    return network_in(path, load_checkpoint(path, fingerprint)).to(device)


def weights_digest(unit: LearnerUnit, directory: Path) -> str:
    """SHA-256 of the file of a unit's weights."""
    return hashlib.sha256(weights_path(unit, directory).read_bytes()).hexdigest()


def weights_type(config: NetworkConfig) -> torch.dtype:
    """How the weights of a network are kept: float32 or, if that is too large a file, bfloat16.

    Raises:
        ValueError: both are.
    """
    count = weight_count(config)
    for kind in (torch.float32, torch.bfloat16):
        if count * kind.itemsize + _DESCRIPTION <= LARGEST:
            return kind
    most = (LARGEST - _DESCRIPTION) // torch.bfloat16.itemsize
    raise ValueError(
        f"a network of {count:,} weights ({config.layers} layers of width {config.width}) takes more than {LARGEST:,} "
        f"bytes; at most {most:,} weights are kept beside rows. Choose a smaller one."
    )
