"""Splits: one law, streams apart, repeats said or removed, one owner, and nothing lost when the writing stops."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from generators import families
from generators.datasets.dataset import read_dataset
from generators.datasets.manifest import MANIFEST
from generators.datasets.splits import split_seed, write_splits
from generators.datasets.splits_file import SPLITS, read_splits
from generators.datasets.writing import write_dataset
from generators.ground.codec import seal

LAW = families.nae_sat(8, 12, structure_seed=0)
ROWS = {"train": 100, "validation": 30, "test": 60}


def contents(directory: Path) -> dict[str, bytes]:
    paths = [path for path in sorted(directory.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


def keys(rows: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in rows]


def test_train_is_the_stream_and_the_others_are_streams_of_their_own(tmp_path):
    written = write_splits(LAW, tmp_path / "all", rows=ROWS, sample_seed=5, shard_rows=40)
    write_dataset(LAW, tmp_path / "alone", rows=100, sample_seed=5, shard_rows=40)
    train = contents(tmp_path / "all" / "train")
    alone = contents(tmp_path / "alone")
    assert train == {name: content for name, content in alone.items() if name != "README.md"}
    seeds = {name: dataset.sample_seed for name, dataset in written.items()}
    assert seeds == {"train": 5} | {name: split_seed(5, name) for name in ("validation", "test")}
    assert len(set(seeds.values())) == 3
    for name, count in ROWS.items():
        dataset = read_dataset(tmp_path / "all", split=name, verify=True)
        assert np.array_equal(dataset.rows(0, count), LAW.rows(seeds[name], 0, count))
        assert dataset.distribution == LAW


def test_seeds_of_splits_are_promised():
    assert [split_seed(0, "test"), split_seed(0, "validation"), split_seed(1, "test")] == [
        5441382053201023,
        8820701632107352,
        split_seed(1, "test"),
    ]
    assert len({split_seed(seed, name) for seed in range(50) for name in ("test", "validation", "dev")}) == 150


def test_the_file_says_what_splits_share(tmp_path):
    written = write_splits(LAW, tmp_path, rows=ROWS, sample_seed=5)
    rows = {name: keys(dataset.rows(0, len(dataset))) for name, dataset in written.items()}
    splits = read_splits(tmp_path)
    assert list(splits) == list(ROWS)
    assert splits["train"].repeated == 0
    assert splits["validation"].repeated == sum(key in set(rows["train"]) for key in rows["validation"])
    assert splits["test"].repeated == sum(key in {*rows["train"], *rows["validation"]} for key in rows["test"])
    assert splits["test"].expected_share == pytest.approx(1 - (1 - 2**-8) ** 130)


@pytest.mark.parametrize("format", ["npy", "packed"])
def test_distinct_splits_share_nothing_and_say_what_was_passed_over(tmp_path, format):
    written = write_splits(LAW, tmp_path, rows=ROWS, sample_seed=5, distinct=True, shard_rows=20, format=format)
    rows = {name: keys(dataset.rows(0, len(dataset))) for name, dataset in written.items()}
    assert {name: len(found) for name, found in rows.items()} == ROWS
    assert not set(rows["train"]) & set(rows["validation"])
    assert not set(rows["test"]) & {*rows["train"], *rows["validation"]}
    before = {"train": set(), "validation": set(rows["train"]), "test": {*rows["train"], *rows["validation"]}}
    for name, split in read_splits(tmp_path).items():
        stream = keys(LAW.rows(split.sample_seed, 0, split.rows + split.passed_over))
        assert [key for key in stream if key not in before[name]] == rows[name]
        assert (split.repeated, split.expected_share) == (0, 0.0)
    assert read_splits(tmp_path)["test"].passed_over > 0
    again = contents(tmp_path)
    write_splits(LAW, tmp_path, rows=ROWS, sample_seed=5, distinct=True, shard_rows=20, format=format)
    assert contents(tmp_path) == again
    with pytest.raises(ValueError, match=r"validation already holds another dataset: its excludes is"):
        write_splits(LAW, tmp_path, rows=ROWS, sample_seed=5, shard_rows=20, format=format)


def test_too_few_sequences_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="split 'test' cannot be distinct: after 2000 rows"):
        write_splits(LAW, tmp_path / "new", rows={"train": 2000, "test": 10}, sample_seed=0, distinct=True)
    assert not (tmp_path / "new").exists()


def test_all_splits_together_must_fit(tmp_path):
    with pytest.raises(ValueError, match=r"20000000000100 rows of length 20 take 400 TB on disk.*'packed'"):
        write_splits(LAW, tmp_path / "new", rows={"train": 2 * 10**13, "test": 100}, sample_seed=0, shard_rows=10**8)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("calls", range(0, 8, 2))
def test_an_interrupted_writing_is_completed(tmp_path, monkeypatch, calls):
    whole, broken, left, true = tmp_path / "whole", tmp_path / "broken", [calls], os.replace
    write_splits(LAW, whole, rows=ROWS, sample_seed=5, shard_rows=60)

    def replace(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        true(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            write_splits(LAW, broken, rows=ROWS, sample_seed=5, shard_rows=60)
    assert contents(broken).items() <= contents(whole).items()
    assert SPLITS not in contents(broken)
    with pytest.raises(FileNotFoundError, match="interrupted"):
        read_dataset(broken)
    write_splits(LAW, broken, rows=ROWS, sample_seed=5, shard_rows=60)
    assert contents(broken) == contents(whole)


def test_which_split_must_be_said(tmp_path):
    write_splits(LAW, tmp_path / "a", rows=ROWS, sample_seed=5)
    write_dataset(LAW, tmp_path / "b", rows=5, sample_seed=5)
    with pytest.raises(ValueError, match=r"has the splits 'train', 'validation', 'test'; say which one.*split='train'"):
        read_dataset(tmp_path / "a")
    with pytest.raises(ValueError, match="has no split 'dev'; it has 'train', 'validation', 'test'"):
        read_dataset(tmp_path / "a", split="dev")
    with pytest.raises(ValueError, match="is a dataset without splits; leave out split='test'"):
        read_dataset(tmp_path / "b", split="test")
    with pytest.raises(FileNotFoundError, match=r"has no splits\.json"):
        read_dataset(tmp_path / "c", split="test")


def test_other_things_in_the_directory(tmp_path):
    write_splits(LAW, tmp_path / "a", rows=ROWS, sample_seed=5)
    write_dataset(LAW, tmp_path / "b", rows=5, sample_seed=5)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "notes.txt").write_text("mine")
    arguments = {"rows": {"train": 10}, "sample_seed": 5}
    for place, message in (
        ("a", "already holds the splits test, train, validation, not train"),
        ("b", "holds a dataset without splits"),
        ("c", r"holds 'notes\.txt', which is no part of these splits"),
        ("c/notes.txt", "is a file"),
    ):
        with pytest.raises(ValueError, match=message):
            write_splits(LAW, tmp_path / place, **arguments)
    with pytest.raises(ValueError, match=r"holds 'splits\.json'|holds 'test'"):
        write_dataset(LAW, tmp_path / "a", rows=5, sample_seed=5)


@pytest.mark.parametrize("name", ["Test", "../up", "", "a b", "x" * 33, "1st"])
def test_names_of_splits(tmp_path, name):
    with pytest.raises(ValueError, match="a split is named by a word of lower-case"):
        write_splits(LAW, tmp_path / "new", rows={"train": 5, name: 5}, sample_seed=0)
    with pytest.raises(ValueError, match="names no split"):
        write_splits(LAW, tmp_path / "new", rows={}, sample_seed=0)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "lo-theory/splits/9"}, "its format is 'lo-theory/splits/9'"),
        ({"extra": 1}, "unknown field 'extra'"),
        ({"splits": []}, "in splits"),
        ({"distinct": 1}, "in distinct"),
    ],
)
def test_lists_of_splits_that_do_not_fit(tmp_path, change, message):
    write_splits(LAW, tmp_path, rows={"train": 5}, sample_seed=5)
    form = json.loads((tmp_path / SPLITS).read_text()) | change
    (tmp_path / SPLITS).write_text(json.dumps(seal(form)))
    with pytest.raises(ValueError, match=message):
        read_splits(tmp_path)


def test_an_edited_list_of_splits_says_so(tmp_path):
    write_splits(LAW, tmp_path, rows={"train": 5}, sample_seed=5)
    text = (tmp_path / SPLITS).read_text()
    (tmp_path / SPLITS).write_text(text.replace('"rows": 5', '"rows": 6'))
    with pytest.raises(ValueError, match=r"splits\.json is damaged or was edited"):
        read_dataset(tmp_path, split="train")
    manifest = json.loads((tmp_path / "train" / MANIFEST).read_text())
    assert "excludes" not in manifest
