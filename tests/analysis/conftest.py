"""What several tests of commands need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lo_theory.learning.checkpoint import Checkpoint, network_tensors, save_checkpoint
from lo_theory.learning.network import NetworkConfig, Transformer


@pytest.fixture(scope="session")
def write_network() -> Callable[..., Path]:
    """Write a checkpoint of an untrained network and return its path."""

    def write(path: Path, length: int, vocabulary: int, *, causal: bool = False) -> Path:
        config = NetworkConfig(length=length, vocabulary=vocabulary, layers=1, width=8, heads=2, causal=causal)
        checkpoint = Checkpoint(
            network=config,
            objective={},
            source={},
            training={},
            fingerprint="none",
            step=0,
            tokens=0,
            flops=0,
            seconds=0.0,
            tensors=network_tensors(Transformer(config, torch.Generator().manual_seed(0))),
        )
        save_checkpoint(path, checkpoint)
        return path

    return write
