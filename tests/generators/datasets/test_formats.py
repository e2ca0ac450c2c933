"""File formats: what other programs read, what cannot be held is refused, and nothing is drawn or copied twice."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators import families
from generators.datasets import shards as module
from generators.datasets.dataset import read_dataset
from generators.datasets.formats import Layout
from generators.datasets.manifest import MANIFEST
from generators.datasets.shards import Digests, holds
from generators.datasets.sources import Stored, Stream
from generators.datasets.writing import write_dataset
from generators.distribution import LODistribution
from generators.observations import named_tables as named

ORDER = np.random.default_rng(0).permutation(15)
BITS = families.nae_sat(5, 10, structure_seed=0, order=ORDER)
WIDE = families.predicate_csp(named.parity(arity=2, latent_alphabet=300), 3, 4, structure_seed=0)
ALONE = LODistribution(np.array([0.5, 0.5]), 3, ())


def test_packed_rows_are_packbits_and_mapped(tmp_path):
    dataset = write_dataset(BITS, tmp_path, rows=20, sample_seed=1, shard_rows=8, format="packed")
    packed = np.concatenate([np.load(path) for path in sorted(tmp_path.glob("rows-*.npy"))])
    assert np.array_equal(packed, np.packbits(BITS.rows(1, 0, 20), axis=1))
    assert (packed.dtype, packed.shape) == (np.uint8, (20, 2))
    assert np.array_equal(dataset.shard(1), BITS.rows(1, 8, 16))
    assert dataset.rows(3, 20).dtype == BITS.rows(1, 0, 1).dtype


def test_a_packed_row_costs_one_block_once(tmp_path, monkeypatch):
    dataset = write_dataset(BITS, tmp_path, rows=10**6, sample_seed=0, format="packed")  # 2 MB: two blocks
    hashed: list[int] = []
    true = hashlib.sha256
    monkeypatch.setattr(hashlib, "sha256", lambda content: hashed.append(len(content)) or true(content))
    for index in (999_999, 0, 5):
        assert np.array_equal(dataset.rows(index, index + 1), BITS.rows(0, index, index + 1))
    assert hashed == [2**20, (tmp_path / "rows-00000.packed.npy").stat().st_size - 2**20]


def test_parquet_and_lines_with_latents_apart(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    latents, observations = (part.tolist() for part in BITS.split(BITS.rows(2, 0, 9)))
    for form in ("parquet", "jsonl"):
        write_dataset(BITS, tmp_path / form, rows=9, sample_seed=2, format=form, columns="apart")
        expected = [{"latents": z, "observations": x} for z, x in zip(latents, observations, strict=True)]
        (path,) = (tmp_path / form).glob("rows-*")
        if form == "parquet":
            table = parquet.read_table(path)
            assert table.to_pylist() == expected
            assert [str(kind) for kind in table.schema.types] == [
                f"fixed_size_list<element: uint8>[{n}]" for n in (5, 10)
            ]
        else:
            assert [json.loads(line) for line in path.read_text().splitlines()] == expected


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_no_observations_apart(tmp_path, form):
    dataset = write_dataset(ALONE, tmp_path, rows=4, sample_seed=0, format=form, columns="apart")
    assert np.array_equal(dataset.rows(0, 4), ALONE.rows(0, 0, 4))


@pytest.mark.parametrize(
    ("distribution", "words", "message"),
    [
        (WIDE, {"format": "packed"}, "'packed' holds bits; this distribution has 300 symbols.*'npy'"),
        (BITS, {"format": "packed", "columns": "apart"}, "'apart' are fields.*which 'packed' has not.*'parquet'"),
        (BITS, {"format": "npy", "columns": "apart"}, "'npy' has not.*columns 'order'"),
    ],
)
def test_what_a_format_cannot_hold(tmp_path, distribution, words, message):
    with pytest.raises(ValueError, match=message):
        write_dataset(distribution, tmp_path / "new", rows=3, sample_seed=0, **words)
    assert not (tmp_path / "new").exists()


@given(
    sizes=st.lists(st.integers(0, 40), max_size=5),
    block=st.integers(1, 30),
)
@settings(max_examples=50)
def test_digests_of_pieces_are_those_of_the_whole(sizes, block):
    content = np.random.default_rng(0).bytes(sum(sizes))
    ends = np.cumsum([0, *sizes]).tolist()
    parts = [memoryview(content)[low:high] for low, high in itertools.pairwise(ends)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        found = Digests()
        assert list(found.through(parts)) == parts
        blocks = found.blocks()
    pieces = [content[start : start + block] for start in range(0, len(content), block)]
    assert blocks == [hashlib.sha256(piece).hexdigest() for piece in pieces]


def test_a_file_is_compared_with_pieces(tmp_path):
    path, parts = tmp_path / "a", [memoryview(b"abc"), memoryview(b""), memoryview(b"de")]
    for content, same in ((b"abcde", True), (b"abcdf", False), (b"abcd", False), (b"xbcde", False)):
        path.write_bytes(content)
        assert holds(path, parts, 5) is same
    path.write_bytes(b"abcde")
    (tmp_path / "link").symlink_to(path)
    assert not holds(tmp_path / "link", parts, 5)
    assert not holds(tmp_path / "none", parts, 5)


def test_every_byte_is_hashed_once(tmp_path, monkeypatch):
    hashed = []

    class Counting:
        def __init__(self, content=b""):
            self.true = hashlib.new("sha256", content)

        def update(self, piece):
            hashed.append(len(piece))
            self.true.update(piece)

        def hexdigest(self):
            return self.true.hexdigest()

    with monkeypatch.context() as patch:
        patch.setattr(module, "hashlib", SimpleNamespace(sha256=Counting))
        write_dataset(BITS, tmp_path, rows=200_000, sample_seed=0)
    assert sum(hashed) == (tmp_path / "rows-00000.npy").stat().st_size
    read_dataset(tmp_path, verify=True)


@given(passed=st.sets(st.integers(0, 60), max_size=30), start=st.integers(0, 20), count=st.integers(0, 20))
@settings(max_examples=60)
def test_a_stream_without_some_rows(passed, start, count):
    left_out = np.array(sorted(passed), dtype=np.int64)
    source = Stream(BITS, 3, left_out)
    expected = np.delete(BITS.rows(3, 0, 120), left_out, axis=0)[start : start + count]
    assert np.array_equal(source.rows(start, start + count), expected)
    assert np.array_equal(source.packed(start, start + count), np.packbits(expected, axis=1))


@pytest.mark.parametrize("columns", ["position", "order", "apart"])
def test_stored_rows_are_those_of_the_stream(tmp_path, columns):
    dataset = write_dataset(BITS, tmp_path, rows=30, sample_seed=3, shard_rows=7, format="jsonl", columns=columns)
    assert np.array_equal(Stored(dataset).rows(5, 25), BITS.rows(3, 5, 25))
    layout = Layout.of(BITS, dataset.manifest)
    assert np.array_equal(layout.restored(layout.arranged(BITS.rows(3, 0, 9))), BITS.rows(3, 0, 9))


def test_parquet_of_something_else_is_refused(tmp_path):
    """With digests that belong to it."""
    pytest.importorskip("pyarrow")
    from generators.ground.codec import seal

    write_dataset(BITS, tmp_path, rows=10, sample_seed=0, format="parquet")
    write_dataset(BITS, tmp_path / "b", rows=10, sample_seed=0, format="parquet", columns="apart")
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    for content in ((tmp_path / "b" / "rows-00000.parquet").read_bytes(), b"PAR1 torn PAR1"):
        (tmp_path / "rows-00000.parquet").write_bytes(content)
        found = {"bytes": len(content), "blocks": [hashlib.sha256(content).hexdigest()]}
        (tmp_path / MANIFEST).write_text(json.dumps(seal(manifest | {"shards": [manifest["shards"][0] | found]})))
        with pytest.raises(ValueError, match=r"rows-00000\.parquet is no Parquet file with lists.*'tokens'"):
            read_dataset(tmp_path).rows(0, 1)


@pytest.mark.parametrize(("form", "bytes_per_row"), [("npy", 15), ("packed", 2), ("jsonl", 30), ("parquet", 15 / 8)])
def test_what_the_disk_cannot_hold_is_refused_before_it_starts(tmp_path, monkeypatch, form, bytes_per_row):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    most = int(1000 / bytes_per_row)
    with pytest.raises(ValueError, match=r"take 1\.?\d* kB on disk; 1 kB are free"):
        write_dataset(BITS, tmp_path / "new", rows=most + 2, sample_seed=0, format=form)
    assert not (tmp_path / "new").exists()
    write_dataset(BITS, tmp_path / "new", rows=most, sample_seed=0, format=form)
