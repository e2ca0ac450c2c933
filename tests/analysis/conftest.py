"""What several tests of commands need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
            fingerprint="0" * 16,
            step=0,
            tokens=0,
            flops=0,
            seconds=0.0,
            tensors=network_tensors(Transformer(config, torch.Generator().manual_seed(0))),
        )
        save_checkpoint(path, checkpoint)
        return path

    return write


@pytest.fixture
def refused_in_one_line(capsys) -> Callable[..., None]:
    """Check that a command on Sudokus says in one line of the error stream what cannot be, and touches no file."""

    def check(run: Callable[..., int], words: Sequence[str], named: str, folder: Path) -> None:
        before = sorted(folder.rglob("*"))
        assert run("sudoku", *(word.replace("{}", str(folder)) for word in words)) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("lo-theory: ")
        assert said.err.count("\n") == 1
        assert named in said.err
        assert sorted(folder.rglob("*")) == before

    return check
