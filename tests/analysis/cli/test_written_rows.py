"""``--data``: a written dataset is learned from and judged by as a stream is, or refused in one line."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from analysis.cli import main as cli
from analysis.cli import training
from analysis.cli.written_rows import written_rows
from generators import nae_sat
from generators.ground.storage import write_json_atomic
from lo_theory import ShuffledSampler
from lo_theory.learning.checkpoint import load_checkpoint
from lo_theory.learning.stored_rows import StoredRows

NETWORK = ("--layers", "1", "--width", "16", "--heads", "2", "--batch-size", "16")
BITS = nae_sat(4, 6, structure_seed=0, order=np.random.default_rng(0).permutation(10))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two splits, latents first, and one stream, of one law."""
    where = tmp_path_factory.mktemp("data")
    write_json_atomic(where / "law.json", BITS.to_json())
    splits = ("--out", str(where / "splits"), "--split", "test=40", "--columns", "order")
    assert cli.main(["generate", "--rows", "50", *splits, *law(where)]) == 0
    assert (
        cli.main(["generate", "--rows", "30", "--sample-seed", "7", "--out", str(where / "stream"), *law(where)]) == 0
    )
    return where


def law(data):
    return "from-file", "--path", str(data / "law.json")


@pytest.fixture(scope="module")
def model(data):
    assert train(data / "model", data / "splits") == 0
    return data / "model"


def train(folder, data, *words):
    return cli.main(["train", "--out", str(folder), "--data", str(data), "--steps", "8", *NETWORK, *words])


def evaluate(model, *words):
    return cli.main(["evaluate", "--model", str(model), *map(str, words)])


def tensors(folder):
    return load_checkpoint(folder / "checkpoint.safetensors").tensors


def test_the_training_split_is_learned_from_in_the_shuffled_order(data, model):
    source = load_checkpoint(model / "checkpoint.safetensors").source
    read = StoredRows(written_rows(data / "splits", "train", usual="test"), batch_size=16)
    assert source == read.to_json()
    assert source["fingerprint"] == BITS.fingerprint
    numbers = list(ShuffledSampler(50, seed=0))
    expected = BITS.rows(read.dataset.sample_seed, 0, 50)[numbers[16:32]]
    assert np.array_equal(read.batch(1).numpy(), expected)


def test_a_run_goes_on_bit_for_bit(data, model, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        batch = StoredRows.batch
        patch.setattr(training, "TrainConfig", partial(training.TrainConfig, checkpoint_every=2))
        patch.setattr(StoredRows, "batch", lambda self, step: batch(self, step) if step < 5 else interrupted())
        assert train(tmp_path, data / "splits") == 130
    assert load_checkpoint(tmp_path / "checkpoint.safetensors").step == 4
    assert train(tmp_path, data / "splits", *law(data)) == 0
    whole, resumed = tensors(model), tensors(tmp_path)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_another_split_is_another_run(data, model, capsys):
    assert train(model, data / "splits", "--split", "test") == 2
    assert "its source has digest=" in capsys.readouterr().err


def test_a_model_is_judged_by_the_test_split(data, model, capsys, tmp_path):
    judged = []
    for words in (["--rows", 30], ["--split", "test", "--rows", 30], []):
        assert evaluate(model, "--data", data / "splits", "--out", tmp_path / "rows.csv", *words) == 0
        judged.append(capsys.readouterr())
    assert judged[0].out == judged[1].out
    assert "n = 40" in judged[2].out
    assert judged[0].err == ""
    seed = written_rows(data / "splits", None, usual="test").sample_seed
    with pytest.MonkeyPatch.context() as patch:
        drawn = BITS.rows(seed, 0, 30)
        patch.setattr(type(BITS), "rows", lambda *_: drawn)
        assert evaluate(model, "--rows", 30) == 0
    gap = capsys.readouterr().out.splitlines()[0]
    assert gap == judged[0].out.splitlines()[0], "the same rows, whatever the columns of the files"


def test_rows_of_the_training_are_called_so(data, model, capsys):
    assert evaluate(model, "--data", data / "splits", "--split", "train", "--rows", 10) == 0
    assert "the model was trained on draws of the same seed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "splits", "nae-sat"], "not of the one that was named, {}; leave it out"),
        (["--data", "splits", "--split", "tset"], "no split 'tset'; it has 'train', 'test'"),
        (["--data", "stream", "--split", "test"], "a dataset without splits"),
        (["--data", "stream", "--train-rows", "5"], "--train-rows 5 draws rows, and --data has some"),
        (["--data", "stream", "--sample-seed", "3"], "holds the rows of --sample-seed 7, not 3"),
        (["--data", "nowhere"], "there is no dataset"),
        ([], "Name a distribution, such as nae-sat, or a written dataset with --data."),
        (["--split", "test", "nae-sat"], "name that with --data"),
    ],
)
def test_what_contradicts_the_data_is_refused_and_leaves_nothing(data, tmp_path, capsys, monkeypatch, words, said):
    monkeypatch.chdir(data)
    assert cli.main(["train", "--out", str(tmp_path / "run"), *words]) == 2
    error = capsys.readouterr().err
    assert said.format(nae_sat(20, 280, structure_seed=0).fingerprint) in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "splits", "--rows", "41"], "--rows 41 are more than the 40 of splits/test"),
        (["--data", "other"], "was trained on {}"),
        (["--split", "test"], "name that with --data"),
        (["--data", "stream", "--split", "test"], "a dataset without splits"),
    ],
)
def test_other_rows_judge_nothing(data, model, capsys, monkeypatch, words, said):
    monkeypatch.chdir(data)
    assert cli.main(["generate", "--rows", "5", "--out", "other", "sparse-parity", "--n-latents", "4"]) == 0
    capsys.readouterr()
    assert evaluate(model, *words) == 2
    out, error = capsys.readouterr()
    assert said.format(BITS.fingerprint) in error
    assert (out, len(error.splitlines())) == ("", 1)
