"""Datasets on disk: exact rows, whole files, and an error with a way out for all that is not as it was written."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators import families
from generators.datasets import manifest as module
from generators.datasets import writing
from generators.datasets.dataset import read_dataset
from generators.datasets.manifest import MANIFEST, UNSEALED
from generators.datasets.writing import write_dataset
from generators.distribution import LODistribution
from generators.ground.codec import seal
from generators.ground.ownership import DirectoryInUseError
from generators.observations import named_tables as named

ORDER = np.random.default_rng(0).permutation(15)
BITS = families.nae_sat(5, 10, structure_seed=0, order=ORDER)
DIGESTS = {"blocks": ["0" * 64]}
WIDE = families.predicate_csp(named.parity(arity=2, latent_alphabet=300), 3, 4, structure_seed=0)  # two bytes per token


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir()) if not path.name.startswith(".")}


@given(
    wide=st.booleans(),
    rows=st.integers(1, 40),
    shard_rows=st.integers(1, 50),
    columns=st.sampled_from(["position", "order"]),
    format=st.sampled_from(["npy", "packed", "jsonl", "parquet"]),
    data=st.data(),
)
@settings(max_examples=40)
def test_what_is_read_is_the_stream(tmp_path_factory, wide, rows, shard_rows, columns, format, data):
    distribution = WIDE if wide and format != "packed" else BITS
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
    for shard in manifest["shards"]:
        assert [hashlib.sha256((tmp_path / shard["file"]).read_bytes()).hexdigest()] == shard["blocks"]
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
    write_dataset(BITS, tmp_path / "warm", rows=10_000, sample_seed=0)  # kernels are loaded
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
        (WIDE, {"sample_seed": 1, "rows": 20, "shard_rows": None}, "its fingerprint is"),  # what the others follow from
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
        ({"format": "lo-theory/dataset/3"}, "its format is 'lo-theory/dataset/3'.*version that wrote it"),
        ({"extra": 1}, "unknown field 'extra'"),
        ({"rows": None}, "lacks the field 'rows'"),
        ({"fingerprint": "0" * 16}, "says fingerprint '0000000000000000'.*edited by hand"),
        ({"mask_id": 0}, "says mask_id 0.*edited by hand"),
        ({"rows": 31}, "promises 31 rows.*edited by hand"),
        ({"shards": []}, "lists 0 shards"),
        ({"shards": [{"file": "../../elsewhere.npy", "rows": 30, "bytes": 1} | DIGESTS]}, "edited by hand"),
        ({"distribution": families.nae_sat(5, 10, structure_seed=1).to_json()}, "says fingerprint.*edited by hand"),
        ({"distribution": {}}, r"dataset\.json holds no distribution: distribution lacks the field"),
    ],
)
def test_manifests_that_do_not_fit(tmp_path, change, message):
    write_dataset(BITS, tmp_path, rows=30, sample_seed=0, shard_rows=10)
    manifest = json.loads((tmp_path / MANIFEST).read_text()) | change
    manifest = {name: value for name, value in manifest.items() if value is not None}
    (tmp_path / MANIFEST).write_text(json.dumps(seal(manifest)))
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
            module.plan(BITS, 3, 0, None, **words)


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


def of_before(directory: Path) -> None:
    """Rewrite the manifest in the format without a seal."""
    manifest = json.loads((directory / MANIFEST).read_text())
    del manifest["digest"], manifest["block_bytes"]
    for shard in manifest["shards"]:
        del shard["blocks"]
        shard["sha256"] = hashlib.sha256((directory / shard["file"]).read_bytes()).hexdigest()
    (directory / MANIFEST).write_text(json.dumps(manifest | {"format": UNSEALED}))


@pytest.mark.parametrize("format", ["npy", "jsonl"])
def test_files_of_before_are_read_reported_and_sealed_by_the_same_call(tmp_path, format):
    arguments = {"rows": 30, "sample_seed": 0, "shard_rows": 10, "format": format}
    assert write_dataset(BITS, tmp_path, **arguments).sealed
    of_before(tmp_path)
    with pytest.warns(UserWarning, match=r"dataset\.json is in lo-theory/dataset/1.*unchecked.*same arguments"):
        dataset = read_dataset(tmp_path, verify=True)
    assert not dataset.sealed
    assert np.array_equal(dataset.rows(3, 27), BITS.rows(0, 3, 27))
    shard = tmp_path / f"rows-00002.{format}"
    good = shard.read_bytes()
    shard.write_bytes(good[:-4] + bytes([good[-4] ^ 1]) + good[-3:])
    with pytest.raises(ValueError, match=r"SHA-256.*to repair"):
        dataset.rows(20, 21)
    assert write_dataset(BITS, tmp_path, **arguments).sealed


@pytest.mark.filterwarnings("ignore:.*which has no digest of its own")
@pytest.mark.parametrize("format", ["npy", "jsonl"])
def test_tokens_outside_the_alphabet_are_refused(tmp_path, format):
    """With digests that belong to them, as whoever edits a file of before may write."""
    write_dataset(BITS, tmp_path, rows=10, sample_seed=0, format=format)
    of_before(tmp_path)
    shard = tmp_path / f"rows-00000.{format}"
    content = shard.read_bytes()
    content = content[:-1] + b"\x07" if format == "npy" else content.replace(b"[1", b"[7").replace(b"[0", b"[7")
    shard.write_bytes(content)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    manifest["shards"][0]["sha256"] = hashlib.sha256(content).hexdigest()
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r"tokens from 0 to 7, outside range\(2\)"):
        read_dataset(tmp_path).rows(9, 10)


def test_a_damaged_header_names_the_file(tmp_path):
    write_dataset(BITS, tmp_path, rows=10, sample_seed=0)
    shard = tmp_path / "rows-00000.npy"
    content = shard.read_bytes().replace(b"'descr'", b"(descr'")
    shard.write_bytes(content)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    manifest["shards"][0]["blocks"] = [hashlib.sha256(content).hexdigest()]
    (tmp_path / MANIFEST).write_text(json.dumps(seal(manifest)))
    with pytest.raises(ValueError, match=r"rows-00000\.npy is no array of numbers that NumPy wrote"):
        read_dataset(tmp_path).rows(0, 1)


def test_a_random_row_costs_one_block_once(tmp_path, monkeypatch):
    dataset = write_dataset(BITS, tmp_path, rows=200_000, sample_seed=0)  # 3 MB: three blocks
    hashed: list[int] = []
    true = hashlib.sha256
    monkeypatch.setattr(hashlib, "sha256", lambda content: hashed.append(len(content)) or true(content))
    rows = BITS.rows(0, 0, 200_000)
    for index in (0, 100_000, 100_001, 5):
        assert np.array_equal(dataset[index], rows[index])
    assert hashed == [2**20, 2**20]  # that of the header and the first rows, and the second
    assert np.array_equal(dataset.shard(0), rows)
    assert hashed == [2**20, 2**20, (tmp_path / "rows-00000.npy").stat().st_size - 2**21]
    again = pickle.loads(pickle.dumps(dataset))  # as a DataLoader gives it to its workers
    assert np.array_equal(again.rows(0, 200_000), rows)
    assert len(hashed) == 3
    os.utime(tmp_path / "rows-00000.npy", ns=(0, 0))
    assert np.array_equal(dataset[7], rows[7])
    assert len(hashed) == 4


def test_a_block_that_is_not_touched_does_no_harm(tmp_path):
    dataset = write_dataset(BITS, tmp_path, rows=200_000, sample_seed=0)
    shard = tmp_path / "rows-00000.npy"
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    assert np.array_equal(dataset.rows(0, 10), BITS.rows(0, 0, 10))
    with pytest.raises(ValueError, match=rf"SHA-256 .* in bytes 2097152 to {len(content) - 1}, not .*to repair"):
        dataset.rows(199_990, 200_000)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 10**12}, "promises 1000000000000 rows in 100000000000 shards of 10, but lists 3"),
        ({"rows": 2**63}, "rows; got 9223372036854775808"),
        ({"columns": "nonsense"}, "in columns; got 'nonsense'"),
        ({"sample_seed": "x"}, "`int`, got `str` in sample_seed; got 'x'"),
        ({"sample_seed": True}, "`int`, got `bool` in sample_seed"),
        ({"rows": 30.5}, "`int`, got `float` in rows; got 30.5"),
        ({"shards": {}}, "in shards"),
        ({"shards": [1, 2, 3]}, r"in shards\[0\]; got 1"),
        ({"shards": None}, "`null` in shards"),
        ({"block_bytes": 1}, "edited by hand"),
        ({"fingerprint": "x"}, "in fingerprint; got 'x'"),
        ({"distribution": [1]}, "in distribution"),
    ],
)
def test_every_field_of_a_manifest_has_its_type_and_range(tmp_path, change, message):
    write_dataset(BITS, tmp_path, rows=30, sample_seed=0, shard_rows=10)
    manifest = json.loads((tmp_path / MANIFEST).read_text()) | change
    (tmp_path / MANIFEST).write_text(json.dumps(seal(manifest)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    with pytest.raises(ValueError, match=message):
        read_dataset(tmp_path)
    assert time.process_time() - started < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**19  # kilobytes


def test_a_manifest_that_was_edited_says_so(tmp_path):
    write_dataset(BITS, tmp_path, rows=30, sample_seed=0, shard_rows=10)
    manifest = json.loads((tmp_path / MANIFEST).read_text()) | {"sample_seed": 1}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r"dataset\.json is damaged or was edited"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 60.0}, r"rows must be an integer; got 60\.0 \(float\)"),
        ({"rows": True}, r"rows must be an integer; got True \(bool\)"),
        ({"rows": "60"}, "rows must be an integer; got '60'"),
        ({"rows": None}, "rows must be an integer; got None"),
        ({"shard_rows": 2.0}, "shard_rows must be an integer"),
        ({"sample_seed": 1.5}, "sample_seed must be an integer"),
    ],
)
def test_what_is_no_integer(change, message):
    arguments = {"rows": 60, "sample_seed": 0, "shard_rows": None} | change
    with pytest.raises(TypeError, match=message):
        module.plan(BITS, **arguments, format="npy", columns="position")


def test_integers_of_numpy_and_long_seeds(tmp_path):
    dataset = write_dataset(BITS, tmp_path, rows=np.int64(7), sample_seed=np.uint8(3), shard_rows=np.int32(5))
    assert np.array_equal(dataset.rows(0, 7), BITS.rows(3, 0, 7))
    dataset = write_dataset(BITS, tmp_path / "long", rows=2, sample_seed=2**100)
    assert dataset.sample_seed == 2**100


def test_what_does_not_fit_is_refused_before_it_starts(tmp_path, monkeypatch):
    started = time.process_time()
    with pytest.raises(ValueError, match=r"15 take 150 TB on disk; .* are free at .*another disk"):
        write_dataset(BITS, tmp_path / "new", rows=10**13, sample_seed=0, shard_rows=2 * 10**7)
    with pytest.raises(ValueError, match="make 1000000000000 files, more than 1000000; raise shard_rows"):
        write_dataset(BITS, tmp_path / "new", rows=10**12, sample_seed=0, shard_rows=1)
    with pytest.raises(ValueError, match=r"writing shards of 1000000000000 rows, 1 at once, takes 75 TB of memory"):
        write_dataset(BITS, tmp_path / "new", rows=10**12, sample_seed=0, shard_rows=10**12, format="jsonl")
    assert time.process_time() - started < 1
    assert not (tmp_path / "new").exists()
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ValueError, match=r"100 rows of length 15 take 1\.5 kB on disk; 1 kB are free"):
        write_dataset(BITS, tmp_path / "new", rows=100, sample_seed=0)
    write_dataset(BITS, tmp_path / "new", rows=60, sample_seed=0)


WRITER = """
import sys, time
from pathlib import Path
from generators import nae_sat, write_dataset

def hold(done, total):
    Path(sys.argv[2]).touch()
    while not Path(sys.argv[3]).exists():
        time.sleep(0.01)

write_dataset(nae_sat(5, 10, structure_seed=0), sys.argv[1], rows=60, sample_seed=1, shard_rows=10, progress=hold)
"""


def test_of_two_writers_at_once_one_is_refused_and_told_of_the_other(tmp_path):
    data, started, end = tmp_path / "data", tmp_path / "started", tmp_path / "end"
    other = subprocess.Popen([sys.executable, "-c", WRITER, data, started, end])
    try:
        while not started.exists():
            assert other.poll() is None
            time.sleep(0.01)
        with pytest.raises(DirectoryInUseError, match=rf"is in use by process {other.pid} on .*generate"):
            write_dataset(BITS, data, rows=60, sample_seed=2, shard_rows=10)
    finally:
        end.touch()
        code = other.wait()
    assert code == 0
    dataset = read_dataset(data, verify=True)
    assert np.array_equal(dataset.rows(0, 60), families.nae_sat(5, 10, structure_seed=0).rows(1, 0, 60))


@pytest.mark.parametrize("kept", [True, False])
def test_a_directory_removed_midway_gets_no_manifest(tmp_path, kept):
    data = tmp_path / "data"

    def remove(done: int, total: int) -> None:
        if done == 20:
            data.rename(tmp_path / "moved") if kept else shutil.rmtree(data)
            if kept:
                data.mkdir()

    with pytest.raises(FileNotFoundError, match="removed"):
        write_dataset(BITS, data, rows=60, sample_seed=0, shard_rows=10, progress=remove)
    assert not (data / MANIFEST).exists()
    write_dataset(BITS, data, rows=60, sample_seed=0, shard_rows=10)
    read_dataset(data, verify=True)


def test_a_shard_removed_midway_gets_no_manifest(tmp_path):
    def remove(done: int, total: int) -> None:
        (tmp_path / "rows-00000.npy").unlink(missing_ok=True)

    with pytest.raises(FileNotFoundError, match=r"rows-00000\.npy in it was removed.*same arguments"):
        write_dataset(BITS, tmp_path, rows=60, sample_seed=0, shard_rows=10, progress=remove)
    assert not (tmp_path / MANIFEST).exists()


def test_strays_of_killed_runs_are_swept(tmp_path):
    stray = tmp_path / ".rows-00001.npy.0123456789abcdef.part"
    stray.write_bytes(b"torn")
    write_dataset(BITS, tmp_path, rows=30, sample_seed=0, shard_rows=10)
    assert not stray.exists()
    assert writing.MANIFEST in contents(tmp_path)
