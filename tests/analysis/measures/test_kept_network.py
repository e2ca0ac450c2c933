"""Weights beside rows: trained once, read ever after, small, whole or refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from analysis.lab.store import config_to_json
from analysis.measures import kept_network as kept
from analysis.measures.kept_network import kept_network, weights_digest, weights_path, weights_type
from analysis.measures.learner import LearnerUnit, masked_objective, network_config, train_unit
from analysis.measures.setting import Setting
from generators.ground.codec import fingerprint
from generators.ground.storage import read_json, write_json_atomic
from lo_theory.learning.checkpoint import load_checkpoint
from lo_theory.learning.memory import weight_count
from lo_theory.learning.network import NetworkConfig, Transformer

SIZES = Setting(n_latents=4, n_observations=6, layers=1, width=16, heads=2, steps=4, batch_size=8, optimizer="muon")
UNIT = LearnerUnit(distribution="NAE-SAT", model="mdm", seed=0, setting=SIZES)
OBJECTIVE = masked_objective(SIZES)
RESULTS = Path(__file__).parents[3] / "results"
CPU = torch.device("cpu")
TOKENS = torch.tensor([[2] * 10, [0, 2, 1, 2, 1, 1, 2, 0, 2, 1]])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run")
    kept_network(UNIT, OBJECTIVE, directory, CPU)
    return directory


def answers(network: Transformer) -> torch.Tensor:
    with torch.no_grad():
        return network(TOKENS)


def test_what_is_kept_is_what_was_trained(run, tmp_path):
    trained = train_unit(UNIT, OBJECTIVE, tmp_path, CPU)
    assert torch.equal(answers(kept_network(UNIT, OBJECTIVE, run, CPU)), answers(trained))
    assert answers(trained).abs().max() > 0  # an untrained head answers zero


def test_it_is_read_without_any_training(run, tmp_path, monkeypatch):
    copied = tmp_path / "elsewhere"
    shutil.copytree(run / "weights", copied / "weights")
    monkeypatch.setattr(kept, "train_unit", lambda *_: pytest.fail("nothing is to be trained"))
    assert torch.equal(
        answers(kept_network(UNIT, OBJECTIVE, copied, CPU)), answers(kept_network(UNIT, OBJECTIVE, run, CPU))
    )
    assert weights_digest(UNIT, copied) == weights_digest(UNIT, run)
    assert {path.name for path in copied.iterdir()} == {"weights"}


def test_it_says_how_it_was_trained_and_leaves_the_optimizer_out(run):
    checkpoint = load_checkpoint(weights_path(UNIT, run), UNIT.build().fingerprint)
    assert (checkpoint.step, checkpoint.training["optimizer"]) == (4, "muon")
    assert all(name.startswith("network.") for name in checkpoint.tensors)
    assert checkpoint.checked


def test_a_large_network_is_rounded_and_what_is_measured_is_the_rounded_one(tmp_path, monkeypatch):
    exact = 4 * weight_count(network_config(UNIT, OBJECTIVE))
    monkeypatch.setattr(kept, "LARGEST", kept._DESCRIPTION + exact - 1)
    first = answers(kept_network(UNIT, OBJECTIVE, tmp_path, CPU))
    stored = load_checkpoint(weights_path(UNIT, tmp_path))
    assert {value.dtype for value in stored.tensors.values()} == {torch.bfloat16}
    assert torch.equal(first, answers(kept_network(UNIT, OBJECTIVE, tmp_path, CPU)))
    trained = answers(train_unit(UNIT, OBJECTIVE, tmp_path, CPU))
    assert not torch.equal(first, trained)
    assert torch.allclose(first, trained, atol=0.05)


def test_a_network_that_is_too_large_is_refused_before_it_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "LARGEST", kept._DESCRIPTION + 100)
    with pytest.raises(ValueError, match=r"weights \(1 layers of width 16\) takes more than .* Choose a smaller one"):
        kept_network(UNIT, OBJECTIVE, tmp_path, CPU)
    assert list(tmp_path.iterdir()) == []


def test_files_stay_below_five_megabytes():
    most = NetworkConfig(length=300, vocabulary=2, layers=12, width=128, heads=8)
    assert 2_300_000 < weight_count(most) < 2_450_000
    assert weights_type(most) == torch.bfloat16
    assert weight_count(most) * 2 < 5e6


def test_weights_are_counted_without_being_drawn():
    config = NetworkConfig(length=10, vocabulary=3, layers=2, width=16, heads=2, mlp="swiglu", positions="rotary")
    real = Transformer(config, torch.Generator().manual_seed(0))
    assert weight_count(config) == sum(weight.numel() for weight in real.parameters())


def test_a_damaged_file_is_refused_by_name(run, tmp_path):
    shutil.copytree(run / "weights", tmp_path / "weights")
    path = weights_path(UNIT, tmp_path)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=path.name):
        kept_network(UNIT, OBJECTIVE, tmp_path, CPU)


def faults(folder: Path) -> list[str]:
    """What is wrong with the weights of a recorded run: too large, damaged, or of no unit of its provenance."""
    units = [origin["config"] for origin in read_json(folder / "provenance.json")]
    endings = {fingerprint(config)[:10] for config in units}
    wrong = list[str]()
    for path in sorted((folder / "weights").iterdir()):
        if path.stem.rpartition("-")[2] not in endings:
            wrong.append(f"{path.name} is of no unit")
        if path.stat().st_size > kept.LARGEST:
            wrong.append(f"{path.name} is too large")
        if not load_checkpoint(path).checked:
            wrong.append(f"{path.name} has no digest")
    return wrong


def test_recorded_weights_belong_to_their_rows(run, tmp_path):
    for folder in RESULTS.glob("*/weights"):
        assert not faults(folder.parent)
    shutil.copytree(run / "weights", tmp_path / "weights")
    write_json_atomic(tmp_path / "provenance.json", [{"config": config_to_json(UNIT)}])
    assert not faults(tmp_path)
    write_json_atomic(tmp_path / "provenance.json", [{"config": config_to_json(replace(UNIT, seed=1))}])
    assert faults(tmp_path) == [f"{weights_path(UNIT, run).name} is of no unit"]
