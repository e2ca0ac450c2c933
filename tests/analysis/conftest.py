"""What several tests of commands need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.measures import text_data
from generators.text.corpus import Corpus, Splits
from generators.text.units import LETTERS
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


@pytest.fixture(scope="session")
def letters() -> Splits:
    """A few thousand random letters for training, validation and test, in place of Python's documentation."""
    drawn = np.random.default_rng(0).choice(27, size=9000, p=np.arange(1, 28) / 378)
    parts = zip(("train", "validation", "test"), np.split(drawn, [6000, 7500]), strict=True)
    return Splits(*(Corpus(name, tokens, LETTERS) for name, tokens in parts))


@pytest.fixture
def small_text(monkeypatch: pytest.MonkeyPatch, letters: Splits) -> Iterator[None]:
    """Texts and chains of experiments are those of :func:`letters`; reading Python's documentation takes seconds."""
    monkeypatch.setattr(text_data, "_python", lambda **_: letters)
    text_data._made.cache_clear()
    yield
    text_data._made.cache_clear()
