"""What ``lo-theory train`` offers reaches the training loop: optimizer, precision, keys."""

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


def test_bfloat16_and_visible_keys_are_written_down_and_a_run_goes_on_only_so(tmp_path, capsys):
    asked = ("--precision", "bfloat16", "--keys", "visible")
    assert train(tmp_path, *asked) == 0
    kept = load_checkpoint(tmp_path / "checkpoint.safetensors")
    assert kept.training["precision"] == "bfloat16"
    assert kept.network.keys == "visible"
    assert {tensor.dtype for name, tensor in kept.tensors.items() if "blocks" in name} == {torch.float32}
    assert train(tmp_path, *asked) == 0
    assert train(tmp_path, *asked[2:]) == 2
    assert "precision='bfloat16', this one 'auto'" in capsys.readouterr().err
    assert train(tmp_path, *asked[:2]) == 2
    assert "keys" in capsys.readouterr().err


def test_bfloat16_learns_other_weights_that_are_close(tmp_path):
    kept = []
    for precision in ("float32", "bfloat16"):
        assert train(tmp_path / precision, "--precision", precision) == 0
        kept.append(load_checkpoint(tmp_path / precision / "checkpoint.safetensors").tensors)
    matrices = [name for name in kept[0] if "blocks" in name and name.endswith(("qkv", "mlp_in"))]
    assert len(matrices) >= 2
    for name in matrices:
        exact, rounded = (tensors[name] for tensors in kept)
        assert not torch.equal(exact, rounded)
        torch.testing.assert_close(exact, rounded, rtol=0.0, atol=0.05)
