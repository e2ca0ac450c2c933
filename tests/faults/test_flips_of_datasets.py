"""Damage of datasets: a flipped bit, a cut, a file in the place of another: refused, or the rows that were written."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from generators import families
from generators.datasets.dataset import read_dataset
from generators.datasets.formats import SUFFIXES
from generators.datasets.manifest import MANIFEST, UNSEALED
from generators.datasets.writing import write_dataset
from generators.zebra.reading import read_logic_grids
from tests.faults.flips import damage

BITS = families.nae_sat(4, 6, structure_seed=0)
RULES = families.random_logic(4, 6, structure_seed=0)
FILES = [("npy", MANIFEST), ("npy", "rows-00001.npy"), ("jsonl", "rows-00001.jsonl")]
NEW = [("packed", "rows-00001.packed.npy"), ("parquet", "rows-00001.parquet")]


def learnt(directory: Path) -> tuple[Any, ...]:
    """What a reader of a dataset learns of it."""
    dataset = read_dataset(directory)
    rows = dataset.rows(0, len(dataset))
    return rows.tobytes(), rows.shape, dataset.sample_seed, dataset.fingerprint, dataset.manifest["columns"]


def written(directory: Path, file_format: str) -> Path:
    write_dataset(RULES, directory, rows=200, sample_seed=5, shard_rows=64, format=file_format)
    return directory


@pytest.mark.parametrize(("file_format", "file"), [*FILES, *NEW])
def test_damage_is_refused_or_changes_nothing(tmp_path, file_format, file):
    damage(written(tmp_path / "a", file_format), file, learnt, work=tmp_path, flips=24, cuts=6).check()


@pytest.mark.soak
@pytest.mark.parametrize(("file_format", "file"), [*FILES, *NEW])
def test_much_damage_is_refused_or_changes_nothing(tmp_path, file_format, file):
    tally = damage(written(tmp_path / "a", file_format), file, learnt, work=tmp_path, flips=2000, cuts=500, seed=1)
    print(tally)
    tally.check()


def of_before(directory: Path) -> None:
    """Rewrite the manifest in the format without a seal."""
    manifest = json.loads((directory / MANIFEST).read_text())
    del manifest["digest"], manifest["block_bytes"]
    for shard in manifest["shards"]:
        del shard["blocks"]
        shard["sha256"] = hashlib.sha256((directory / shard["file"]).read_bytes()).hexdigest()
    (directory / MANIFEST).write_text(json.dumps(manifest | {"format": UNSEALED}))


@pytest.mark.filterwarnings("ignore:.*which has no digest of its own")
@pytest.mark.parametrize(("file_format", "file"), FILES[1:])
def test_damage_of_files_of_before(tmp_path, file_format, file):
    of_before(written(tmp_path / "a", file_format))
    damage(tmp_path / "a", file, learnt, work=tmp_path, flips=12, cuts=4).check()


def test_the_harness_sees_a_silent_change(tmp_path):
    """Without the digests flips get through: the negative control."""
    written(tmp_path / "a", "npy")

    def trusting(directory: Path) -> bytes:
        return (directory / "rows-00001.npy").read_bytes()

    tally = damage(tmp_path / "a", "rows-00001.npy", trusting, work=tmp_path, flips=20, cuts=0)
    assert tally.verdicts["silent"] == 20
    with pytest.raises(AssertionError):
        tally.check()


def test_damage_of_a_puzzle_file(tmp_path):
    record = {
        "puzzle_id": 7,
        "dimensions": ["Name", "Pet", "Drink"],
        "entities": [["Ann", "Ben", "Cid"], ["dog", "cat", "emu"], ["tea", "ale", "gin"]],
        "clues": ["The person with Name Ann also has Pet dog."],
        "solution": [[], [2, 0, 1], [0, 1, 2]],
    }
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "puzzles.json").write_text(json.dumps([record] * 3))

    def read(directory: Path) -> bool:
        return len(read_logic_grids(directory / "puzzles.json")[0]) >= 0  # no seal: any answer, but no crash

    tally = damage(tmp_path / "a", "puzzles.json", read, work=tmp_path, flips=100, cuts=20)
    assert not tally.faults, tally.faults[:5]


@pytest.mark.parametrize("file_format", ["npy", "packed", "jsonl", "parquet"])
def test_a_file_in_the_place_of_another_is_refused(tmp_path, file_format):
    directory, other = written(tmp_path / "a", file_format), tmp_path / "b"
    write_dataset(RULES, other, rows=200, sample_seed=6, shard_rows=64, format=file_format)
    names = [f"rows-{number:05d}.{SUFFIXES[file_format]}" for number in range(4)]
    whole = learnt(directory)
    for source in (other / names[1], directory / names[0]):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(directory, copy)
        shutil.copy(source, copy / names[1])
        with pytest.raises(ValueError, match=rf"{names[1]}.*(SHA-256|bytes, not).*to repair"):
            learnt(copy)
        write_dataset(RULES, copy, rows=200, sample_seed=5, shard_rows=64, format=file_format)
        assert learnt(copy) == whole


def test_a_link_out_of_the_directory_is_refused_and_repaired(tmp_path):
    directory = written(tmp_path / "a", "npy")
    shard, elsewhere = directory / "rows-00001.npy", tmp_path / "elsewhere.npy"
    shard.rename(elsewhere)
    shard.symlink_to(elsewhere)
    with pytest.raises(ValueError, match=r"rows-00001\.npy is no file of its directory.*to repair"):
        read_dataset(directory)
    written(directory, "npy")
    assert not shard.is_symlink()
    read_dataset(directory, verify=True)
