"""``lo-theory dataset`` and splits on the command line: what is said, and the exit code."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from analysis.cli.main import main
from generators.datasets.dataset import read_dataset
from generators.datasets.splits_file import read_splits

FAMILY = ("nae-sat", "--n-latents", "8", "--n-observations", "4")


def run(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.fixture
def splits(tmp_path, capsys) -> Path:
    words = ("--rows", 60, "--split", "test=2e1", "--split", "dev=1_0", "--shard-rows", 40, "--quiet")
    assert run("generate", "--out", tmp_path / "data", *words, *FAMILY) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"{tmp_path / 'data'}: 60, 20, 10 rows of length 12")
    assert said[1].startswith("test: 20 rows; those that occur in the splits before are ")
    assert "% expected)" in said[2]
    return tmp_path / "data"


def test_splits_have_their_rows(splits):
    assert {name: split.rows for name, split in read_splits(splits).items()} == {"train": 60, "test": 20, "dev": 10}
    assert len(read_dataset(splits, split="dev")) == 10


def test_verify_names_what_is_damaged_and_repair_says_what_it_did(splits, capsys):
    assert run("dataset", "verify", splits) == 0
    assert capsys.readouterr().out.count("are as they were written") == 3
    shard = splits / "train" / "rows-00001.npy"
    good = shard.read_bytes()
    shard.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert run("dataset", "verify", splits) == 2
    said = capsys.readouterr()
    assert f"damaged: shard {shard} has SHA-256" in said.out
    assert f"first rows-00001.npy. Repair it with: lo-theory dataset repair {splits}" in said.err
    assert run("dataset", "repair", splits) == 0
    assert capsys.readouterr().out == f"{shard}: written again\n{splits}: 1 file written again\n"
    assert shard.read_bytes() == good
    assert run("dataset", "repair", splits) == 0
    assert capsys.readouterr().out == f"{splits}: nothing to repair\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_inspect_shows_rows_plain_and_in_colour(splits, capsys, monkeypatch):
    assert run("dataset", "inspect", splits, "--rows", 2) == 0
    said = capsys.readouterr().out
    dataset = read_dataset(splits, split="train")
    row = dataset.rows(0, 1)[0].tolist()
    assert f"{' '.join(map(str, row[:8]))} | {' '.join(map(str, row[8:]))}\n" in said
    assert "8.0000 bits per sequence" in said
    assert "train: 60 rows in 2 shards, npy with columns 'position'" in said
    assert "\033" not in said
    assert run("dataset", "inspect", splits / "train", "--rows", 0) == 0
    terminal = Terminal()
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", terminal)
    assert run("dataset", "inspect", splits, "--rows", 1) == 0
    assert f"\033[1;36m{row[7]} \033[33m{row[8]}" in terminal.getvalue()


def test_export_and_another_split_from_a_manifest(splits, tmp_path, capsys):
    assert run("dataset", "export", splits, "--out", tmp_path / "b", "--format", "packed", "--quiet") == 0
    assert capsys.readouterr().out.splitlines()[0] == f"{tmp_path / 'b' / 'train'}: 60 rows, packed"
    assert (
        read_dataset(tmp_path / "b", split="test").rows(0, 20) == read_dataset(splits, split="test").rows(0, 20)
    ).all()
    words = ("--rows", 7, "--sample-seed", 9, "from-file", "--path", splits / "train" / "dataset.json")
    assert run("generate", "--out", tmp_path / "c", *words) == 0
    law = read_dataset(splits, split="train").distribution
    assert (read_dataset(tmp_path / "c", distribution=law).rows(0, 7) == law.rows(9, 0, 7)).all()
    path = splits / "train" / "dataset.json"
    path.write_text(path.read_text().replace('"rows": 60', '"rows": 61'))
    capsys.readouterr()
    assert run("generate", "--out", tmp_path / "d", *words) == 2
    assert "damaged or was edited" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--split", "test"), "such as test=10_000; got 'test'"),
        (("--split", "train=5"), "got 'train=5'"),
        (("--split", "a=5", "--split", "a=6"), "got 'a=6'"),
        (("--split", "Test=5"), "got 'Test=5'"),
        (("--split", "test=ten"), "'ten' is not a whole number"),
        (("--split", "test=0"), "--split test must have at least 1 row; got 0"),
        (("--distinct",), "--distinct is about several splits"),
        (("--split", "test=5", "--distinct", "--rows", "5000"), "split 'test' cannot be distinct"),
    ],
)
def test_splits_that_cannot_be(words, message, tmp_path, capsys):
    assert run("generate", "--out", tmp_path / "new", "--rows", 5, *words, *FAMILY) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert message in said
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("dataset", "verfy", "x"), "'verfy' is not known here; did you mean 'verify'?"),
        (("dataset", "export", "x", "--fromat", "npy"), "'--fromat' is not known here; did you mean '--format'?"),
        (("generate", "--splt", "a=5", "nae-sat"), "'--splt' is not known here; did you mean '--split'?"),
        (("generate", "--split", "a=5", "nae-st"), "'nae-st' is not known here; did you mean 'nae-sat'?"),
    ],
)
def test_advice_for_new_words(words, message, capsys):
    with pytest.raises(SystemExit):
        run(*words)
    assert message in capsys.readouterr().err
