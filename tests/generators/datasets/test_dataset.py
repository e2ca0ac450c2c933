"""Datasets on disk: exact rows, whole files, and an error with a way out for all that is not as it was written."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators import families
from generators.datasets import dataset as module
from generators.datasets.dataset import MANIFEST, read_dataset, write_dataset
from generators.distribution import LODistribution
from generators.observations import named_tables as named

ORDER = np.random.default_rng(0).permutation(15)
BITS = families.nae_sat(5, 10, structure_seed=0, order=ORDER)
WIDE = families.predicate_csp(named.parity(arity=2, latent_alphabet=300), 3, 4, structure_seed=0)  # two bytes per token


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


@given(
    wide=st.booleans(),
    rows=st.integers(1, 40),
    shard_rows=st.integers(1, 50),
    columns=st.sampled_from(["position", "order"]),
    format=st.sampled_from(["npy", "jsonl"]),
    data=st.data(),
)
@settings(max_examples=40)
def test_what_is_read_is_the_stream(tmp_path_factory, wide, rows, shard_rows, columns, format, data):
    distribution = WIDE if wide else BITS
    directory = tmp_path_factory.mktemp("dataset")
    written = write_dataset(
        distribution, directory, rows=rows, sample_seed=3, shard_rows=shard_rows, format=format, columns=columns
    )
    opened = read_dataset(directory, distribution=distribution, verify=True)
    expected = distribution.rows(3, 0, rows)
    if columns == "order":
        expected = expected[:, distribution.order]
    start = data.draw(st.integers(0, rows))
    stop = data.draw(st.integers(start, rows))
    for dataset in (written, opened):
        assert len(dataset) == rows
        assert (dataset.fingerprint, dataset.sample_seed) == (distribution.fingerprint, 3)
        assert np.array_equal(dataset.rows(start, stop), expected[start:stop])
        assert dataset.rows(0, rows).dtype == expected.dtype
        size = data.draw(st.integers(1, 50))
        batches = list(dataset.batches(size))
        assert {len(b) for b in batches[:-1]} <= {size}
        assert np.array_equal(np.concatenate(batches), expected)
        assert np.array_equal(dataset[rows - 1], expected[-1])
        assert np.array_equal(dataset[-rows], expected[0])


def test_rows_are_mapped_and_read_only(tmp_path):
    dataset = write_dataset(BITS, tmp_path / "a" / "b", rows=20, sample_seed=0)
    shard = dataset.shard(0)
    assert isinstance(shard, np.memmap)
    assert not shard.flags.writeable
    assert [r.tolist() for r in dataset] == BITS.rows(0, 0, 20).tolist()


def test_other_programs_can_read_it(tmp_path):
    write_dataset(BITS, tmp_path, rows=7, sample_seed=1, shard_rows=4, format="jsonl")
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    lines = [line for s in manifest["shards"] for line in (tmp_path / s["file"]).read_text().splitlines()]
    assert [json.loads(line)["tokens"] for line in lines] == BITS.rows(1, 0, 7).tolist()
    assert [hashlib.sha256((tmp_path / s["file"]).read_bytes()).hexdigest() for s in manifest["shards"]] == [
        s["sha256"] for s in manifest["shards"]
    ]
    assert (manifest["mask_id"], manifest["pad_id"]) == (2, 3)


def test_writing_in_parallel_gives_the_same_files(tmp_path):
    write_dataset(BITS, tmp_path / "one", rows=50, sample_seed=0, shard_rows=9)
    write_dataset(BITS, tmp_path / "two", rows=50, sample_seed=0, shard_rows=9, n_jobs=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_progress_counts_rows(tmp_path):
    seen = []
    write_dataset(BITS, tmp_path, rows=10, sample_seed=0, shard_rows=4, progress=lambda *done: seen.append(done))
    assert seen == [(4, 10), (8, 10), (10, 10)]


def test_memory_is_bounded_by_the_shard(tmp_path):
    write_dataset(BITS, tmp_path / "warm", rows=10, sample_seed=0)
    peaks = []
    for rows in (20_000, 400_000):
        tracemalloc.start()
        write_dataset(BITS, tmp_path / str(rows), rows=rows, sample_seed=0, shard_rows=10_000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 400_000 * 15  # below the dataset itself


class Killed(BaseException):
    """Stands for a signal: it passes every ``except Exception``."""


def failing_after(monkeypatch, name: str, calls: int, error: BaseException) -> None:
    true, seen = getattr(os, name), []

    def fail(*arguments, **options):
        seen.append(1)
        if len(seen) > calls:
            raise error
        return true(*arguments, **options)

    monkeypatch.setattr(os, name, fail)


@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize("calls", [0, 1, 3, 4])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), Killed()])
def test_an_interrupted_run_leaves_whole_shards_and_no_manifest(tmp_path, monkeypatch, name, calls, error):
    directory, whole = tmp_path / "broken", tmp_path / "whole"
    arguments = {"rows": 50, "sample_seed": 0, "shard_rows": 13}
    write_dataset(BITS, whole, **arguments)
    with monkeypatch.context() as patch:
        failing_after(patch, name, calls, error)
        with pytest.raises(type(error)):
            write_dataset(BITS, directory, **arguments)
    left = contents(directory)
    assert MANIFEST not in left
    assert len(left) == min(calls, 4)
    assert all(contents(whole)[file] == content for file, content in left.items())
    with pytest.raises(FileNotFoundError, match=r"interrupted.*same arguments"):
        read_dataset(directory)
    times = {file: (directory / file).stat().st_mtime_ns for file in left}
    write_dataset(BITS, directory, **arguments)
    assert contents(directory) == contents(whole)
    assert {file: (directory / file).stat().st_mtime_ns for file in left} == times  # finished shards are kept


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_failed_repair_leaves_the_previous_files_intact(tmp_path, monkeypatch, name):
    write_dataset(BITS, tmp_path, rows=30, sample_seed=0, shard_rows=10)
    shard = tmp_path / "rows-00001.npy"
    shard.write_bytes(shard.read_bytes()[:-1])
    before = contents(tmp_path)
    with monkeypatch.context() as patch:
        failing_after(patch, name, 0, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(OSError, match="No space"):
            write_dataset(BITS, tmp_path, rows=30, sample_seed=0, shard_rows=10)
    assert contents(tmp_path) == before


def test_a_whole_dataset_is_left_alone(tmp_path, monkeypatch):
    write_dataset(BITS, tmp_path, rows=30, sample_seed=0, shard_rows=10)
    failing_after(monkeypatch, "replace", 0, AssertionError("wrote again"))
    write_dataset(BITS, tmp_path, rows=30, sample_seed=0, shard_rows=10)


@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped"])
@pytest.mark.parametrize("format", ["npy", "jsonl"])
def test_damage_is_named_and_repaired(tmp_path, damage, format):
    arguments = {"rows": 30, "sample_seed": 0, "shard_rows": 10, "format": format}
    write_dataset(BITS, tmp_path, **arguments)
    shard = tmp_path / f"rows-00002.{format}"
    good = shard.read_bytes()
    if damage == "missing":
        shard.unlink()
    else:
        shard.write_bytes(good[:-1] if damage == "truncated" else good[:-2] + bytes([good[-2] ^ 1]) + good[-1:])
    kind, message = {
        "missing": (FileNotFoundError, "missing.*to repair"),
        "truncated": (ValueError, f"has {len(good) - 1} bytes, not {len(good)}.*to repair"),
        "flipped": (ValueError, "SHA-256.*to repair"),
    }[damage]
    with pytest.raises(kind, match=message):
        read_dataset(tmp_path, verify=True)
    write_dataset(BITS, tmp_path, **arguments)
    assert shard.read_bytes() == good
    read_dataset(tmp_path, verify=True)


def test_another_dataset_is_refused(tmp_path):
    write_dataset(BITS, tmp_path, rows=30, sample_seed=0, shard_rows=10)
    before = contents(tmp_path)
    other = families.nae_sat(5, 10, structure_seed=1)
    for distribution, change, message in (
        (other, {}, "its fingerprint is"),
        (BITS, {"sample_seed": 1}, "its sample_seed is 0, not 1"),
        (BITS, {"rows": 20}, "its rows is 30, not 20"),
        (BITS, {"shard_rows": 15}, "its shard_rows is 10, not 15"),
        (BITS, {"format": "jsonl"}, "its file_format is 'npy'"),
        (BITS, {"columns": "order"}, "its columns is 'position'"),
    ):
        with pytest.raises(ValueError, match=f"another dataset: {message}.*another directory"):
            write_dataset(distribution, tmp_path, **({"rows": 30, "sample_seed": 0, "shard_rows": 10} | change))
    with pytest.raises(ValueError, match="was asked for"):
        read_dataset(tmp_path, distribution=other)
    assert contents(tmp_path) == before


def test_a_directory_with_other_files_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"notes\.txt.*empty directory"):
        write_dataset(BITS, tmp_path, rows=3, sample_seed=0)
    with pytest.raises(ValueError, match="is a file"):
        write_dataset(BITS, tmp_path / "notes.txt", rows=3, sample_seed=0)
    assert contents(tmp_path) == {"notes.txt": b"mine"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "lo-theory/dataset/2"}, "its format is 'lo-theory/dataset/2'.*version that wrote it"),
        ({"extra": 1}, "unknown field 'extra'"),
        ({"rows": None}, "lacks the field 'rows'"),
        ({"fingerprint": "0" * 16}, "says fingerprint '0000000000000000'.*edited by hand"),
        ({"mask_id": 0}, "says mask_id 0.*edited by hand"),
        ({"rows": 31}, "promises 31 rows.*edited by hand"),
        ({"shards": []}, "lists 0 shards"),
        ({"shards": [{"file": "../../elsewhere.npy", "rows": 30, "bytes": 1, "sha256": ""}]}, "edited by hand"),
        ({"distribution": families.nae_sat(5, 10, structure_seed=1).to_json()}, "says fingerprint.*edited by hand"),
        ({"distribution": {}}, "lacks the field"),
    ],
)
def test_manifests_that_do_not_fit(tmp_path, change, message):
    write_dataset(BITS, tmp_path, rows=30, sample_seed=0, shard_rows=10)
    manifest = json.loads((tmp_path / MANIFEST).read_text()) | change
    (tmp_path / MANIFEST).write_text(json.dumps({name: value for name, value in manifest.items() if value is not None}))
    with pytest.raises(ValueError, match=message):
        read_dataset(tmp_path)


def test_garbled_manifest(tmp_path):
    write_dataset(BITS, tmp_path, rows=3, sample_seed=0)
    whole = (tmp_path / MANIFEST).read_bytes()
    (tmp_path / MANIFEST).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="not valid JSON"):
        read_dataset(tmp_path)
    with pytest.raises(ValueError, match="Delete it"):
        write_dataset(BITS, tmp_path, rows=3, sample_seed=0)
    (tmp_path / MANIFEST).unlink()
    write_dataset(BITS, tmp_path, rows=3, sample_seed=0)
    assert (tmp_path / MANIFEST).read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 0}, "rows must be at least 1; got 0"),
        ({"shard_rows": 0}, "shard_rows must be at least 1; got 0"),
        ({"sample_seed": -1}, "sample_seed must be at least 0; got -1"),
    ],
)
def test_bad_sizes(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        write_dataset(BITS, tmp_path / "new", **({"rows": 3, "sample_seed": 0} | change))
    assert not (tmp_path / "new").exists()


def test_bad_words():
    for name in ("format", "columns"):
        words = {"format": "npy", "columns": "position"} | {name: "csv"}
        with pytest.raises(ValueError, match=f"{name} must be one of"):
            module._plan(BITS, 3, 0, None, **words)


def test_bad_ranges(tmp_path):
    dataset = write_dataset(BITS, tmp_path, rows=3, sample_seed=0)
    for start, stop in ((-1, 2), (2, 1), (0, 4)):
        with pytest.raises(ValueError, match="<= 3; got"):
            dataset.rows(start, stop)
    for index in (3, -4):
        with pytest.raises(IndexError, match="of 3 rows"):
            _ = dataset[index]
    with pytest.raises(ValueError, match="batch_rows must be at least 1"):
        next(dataset.batches(0))


def test_the_distribution_comes_back(tmp_path):
    dataset = write_dataset(BITS, tmp_path, rows=3, sample_seed=0)
    assert isinstance(dataset.distribution, LODistribution)
    assert dataset.distribution == BITS
    assert np.isfinite(dataset.distribution.log_prob(dataset.rows(0, 3))).all()
