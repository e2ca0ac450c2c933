"""The optimizer that ``lo-theory train`` offers reaches the training loop."""

from __future__ import annotations

import pytest
import torch

from analysis.cli import main as cli
from lo_theory.learning.checkpoint import load_checkpoint

FAMILY = ("nae-sat", "--n-latents", "4", "--n-observations", "6")
NETWORK = ("--layers", "1", "--width", "16", "--heads", "2", "--batch-size", "16")
MUON = ("--optimizer", "muon")


def train(folder, *words):
    """Exit code of three steps."""
    return cli.main(["train", "--out", str(folder), "--steps", "3", *words, *NETWORK, *FAMILY])


def test_muon_is_trained_and_goes_on_only_as_muon(tmp_path, capsys):
    assert train(tmp_path, *MUON) == 0
    training = load_checkpoint(tmp_path / "checkpoint.safetensors").training
    assert training["optimizer"] == "muon"
    assert train(tmp_path, *MUON) == 0
    assert train(tmp_path) == 2
    assert "optimizer='muon', this one 'adamw'" in capsys.readouterr().err


def test_adamw_is_the_default(tmp_path):
    assert train(tmp_path) == 0
    tensors = load_checkpoint(tmp_path / "checkpoint.safetensors").tensors
    assert not any(name.endswith("momentum_buffer") for name in tensors)


def test_a_torch_without_muon_is_a_line_and_leaves_no_files(tmp_path, capsys, monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon")
    assert train(tmp_path / "run", *MUON) == 2
    assert "needs torch 2.9 or newer" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_help_offers_both(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    assert "--optimizer {adamw,muon}" in capsys.readouterr().out
