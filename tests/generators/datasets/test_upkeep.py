"""Upkeep: what is damaged is named and written again, and only that; rows come out of an export as they went in."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from generators import families
from generators.datasets.card import CARD
from generators.datasets.dataset import opened, read_dataset
from generators.datasets.manifest import MANIFEST, UNSEALED
from generators.datasets.splits import write_splits
from generators.datasets.splits_file import SPLITS
from generators.datasets.upkeep import datasets_in, export_dataset, repair_dataset, verify_dataset
from generators.datasets.writing import write_dataset
from generators.ground.codec import seal

LAW = families.nae_sat(8, 12, structure_seed=0, order=np.random.default_rng(0).permutation(20))
FORMATS = ["npy", "packed", "jsonl", "parquet"]


def times(directory: Path) -> dict[Path, int]:
    files = (path for path in directory.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path: path.stat().st_mtime_ns for path in files}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def verified(directory: Path) -> list[tuple[dict[int, str], list[str]]]:
    return [(found.damaged, found.contradictions) for found in map(verify_dataset, datasets_in(directory).values())]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("distinct", [False, True])
def test_what_is_damaged_is_named_and_written_again_alone(tmp_path, format, distinct):
    arguments = {"sample_seed": 5, "shard_rows": 20, "format": format, "distinct": distinct}
    write_splits(LAW, tmp_path, rows={"train": 50, "validation": 40, "test": 60}, **arguments)
    assert verified(tmp_path) == [({}, [])] * 3
    assert repair_dataset(tmp_path) == []
    truth = {path: path.read_bytes() for path in times(tmp_path)}
    second, third = sorted((tmp_path / "test").glob("rows-*"))[1:]
    flip(second)
    third.unlink()
    (tmp_path / CARD).unlink()
    (*whole, damaged), before = map(verify_dataset, datasets_in(tmp_path).values()), times(tmp_path)
    assert all(found.whole for found in whole)
    assert list(damaged.damaged) == [1, 2]
    assert second.name in damaged.damaged[1]
    assert f"shard {third} is missing" in damaged.damaged[2]
    assert repair_dataset(tmp_path) == [second, third, tmp_path / CARD]
    assert {path: path.read_bytes() for path in times(tmp_path)} == truth
    kept = {path: time for path, time in before.items() if path != second}
    assert kept.items() <= times(tmp_path).items()
    assert verified(tmp_path) == [({}, [])] * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: np.where(rows == 1, 7, rows), "row 0 of it has a token outside its alphabet"),
        (lambda rows: 1 - rows, "rows are impossible under the distribution"),
        (lambda rows: rows[::-1].copy(), "is not what the distribution and sample seed 5 give"),
    ],
)
def test_rows_that_contradict_the_manifest(tmp_path, change, message):
    """With digests that belong to them: whoever edits all of it is seen by the law and by the stream."""
    write_dataset(LAW, tmp_path, rows=50, sample_seed=5, shard_rows=20)
    shard, manifest = tmp_path / "rows-00001.npy", json.loads((tmp_path / MANIFEST).read_text())
    np.save(shard, change(np.load(shard)).astype(np.uint8))
    manifest["shards"][1]["blocks"] = [hashlib.sha256(shard.read_bytes()).hexdigest()]
    (tmp_path / MANIFEST).write_text(json.dumps(seal(manifest)))
    ((damaged, contradictions),) = verified(tmp_path)
    assert damaged == {}
    assert all(said.startswith("rows-00001.npy: ") for said in contradictions)
    assert any(message in said for said in contradictions)
    assert repair_dataset(tmp_path) == [shard, tmp_path / MANIFEST]
    assert verified(tmp_path) == [({}, [])]
    assert np.array_equal(read_dataset(tmp_path).rows(0, 50), LAW.rows(5, 0, 50))


@pytest.mark.filterwarnings("ignore:.*which has no digest of its own")
def test_a_dataset_of_before_is_sealed(tmp_path):
    write_dataset(LAW, tmp_path, rows=50, sample_seed=5, shard_rows=20)
    whole = (tmp_path / MANIFEST).read_bytes()
    manifest = json.loads(whole) | {"format": UNSEALED}
    del manifest["digest"], manifest["block_bytes"]
    for shard in manifest["shards"]:
        del shard["blocks"]
        shard["sha256"] = hashlib.sha256((tmp_path / shard["file"]).read_bytes()).hexdigest()
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    assert not opened(tmp_path).sealed
    assert verified(tmp_path) == [({}, [])]
    assert repair_dataset(tmp_path) == [tmp_path / MANIFEST]
    assert (tmp_path / MANIFEST).read_bytes() == whole


def test_a_manifest_that_is_gone_or_of_another_split(tmp_path):
    write_splits(LAW, tmp_path, rows={"train": 50, "test": 30}, sample_seed=5)
    train = (tmp_path / "train" / MANIFEST).read_bytes()
    (tmp_path / "test" / MANIFEST).write_bytes(train)
    with pytest.raises(ValueError, match=r"says that test has 30 rows of seed .* has 50 of seed 5"):
        repair_dataset(tmp_path)
    (tmp_path / "test" / MANIFEST).unlink()
    with pytest.raises(FileNotFoundError, match=r"test has no dataset\.json"):
        verified(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"has no dataset\.json"):
        datasets_in(tmp_path / "none")


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_has_the_same_rows_and_the_files_of_a_dataset_of_its_own(tmp_path, format):
    arguments = {"rows": {"train": 50, "test": 60}, "sample_seed": 5, "distinct": True}
    write_splits(LAW, tmp_path / "a", **arguments, shard_rows=20, format="parquet", columns="apart")
    export_dataset(tmp_path / "a", tmp_path / "b", format=format, columns="order", shard_rows=7)
    write_splits(LAW, tmp_path / "c", **arguments, shard_rows=7, format=format, columns="order")
    files = [
        {path.relative_to(place): path.read_bytes() for path in times(place)}
        for place in (tmp_path / "b", tmp_path / "c")
    ]
    assert files[0] == files[1]
    assert Path(SPLITS) in files[0]


def test_an_export_of_what_is_damaged_stops(tmp_path):
    write_dataset(LAW, tmp_path / "a", rows=50, sample_seed=5, shard_rows=20)
    flip(tmp_path / "a" / "rows-00001.npy")
    with pytest.raises(ValueError, match=r"rows-00001\.npy has SHA-256"):
        export_dataset(tmp_path / "a", tmp_path / "b", format="packed")
    assert not (tmp_path / "b" / MANIFEST).exists()
    with pytest.raises(ValueError, match="is the dataset itself"):
        export_dataset(tmp_path / "a", tmp_path / "a", format="packed")
