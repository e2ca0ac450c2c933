"""Between brackets a dataset takes what an array of its rows takes, and asks each shard once."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from generators import families
from generators.datasets import manifest
from generators.datasets import shards as module
from generators.datasets.writing import write_dataset

ROWS, SHARD = 53, 10
BITS = families.nae_sat(5, 10, structure_seed=0, order=np.random.default_rng(0).permutation(15))


@pytest.fixture(scope="module", params=["npy", "packed", "jsonl"])
def pair(request, tmp_path_factory):
    """A dataset of six shards, and its rows."""
    written = write_dataset(
        BITS, tmp_path_factory.mktemp("rows"), rows=ROWS, sample_seed=3, shard_rows=SHARD, format=request.param
    )
    return written, BITS.rows(3, 0, ROWS)


@given(data=st.data())
def test_rows_are_picked_as_from_an_array(pair, data):
    dataset, expected = pair
    number, bound = st.integers(-ROWS, ROWS - 1), st.none() | st.integers(-2 * ROWS, 2 * ROWS)
    index = data.draw(
        number
        | st.lists(number, max_size=20)
        | st.lists(number, max_size=20).map(np.array).filter(len)
        | st.lists(st.integers(0, 2), min_size=ROWS, max_size=ROWS).map(lambda marks: np.array(marks) == 0)
        | st.builds(slice, bound, bound, st.none() | st.integers(-60, 60).filter(bool))
        | st.just(np.array([[0, -1, 20], [52, 7, 7]], dtype=np.int16))
    )
    found = dataset[index]
    assert np.array_equal(found, expected[index])
    assert found.dtype == expected.dtype
    assert found.shape == expected[index].shape
    assert found.flags.writeable


def test_numbers_of_any_kind(pair):
    dataset, expected = pair
    ends = [True, *[False] * (ROWS - 2), True]
    for index in (np.uint8(52), np.int64(-1), torch.tensor([3, -3]), ends, range(4, 20, 5), [[]]):
        numbers = np.asarray(index)
        assert np.array_equal(dataset[index], expected[numbers if numbers.size else numbers.astype(int)])


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (ROWS, "row 53 of a dataset of 53 rows"),
        (-ROWS - 1, "row -54 of a dataset of 53 rows"),
        ([0, ROWS], "row 53 of a dataset of 53 rows"),
        (np.array([2**63], dtype=np.uint64), "row 9223372036854775808 of"),
        ([-ROWS - 1], "row -54 of"),
        ([True, False], r"a mask of 53 rows has shape \(53,\); got shape \(2,\)"),
        (True, r"got shape \(\)"),
        ((1, 2), r"tokens are cut from what it returns, as in dataset\[rows\]\[:, columns\]"),
        (None, "is no index of rows"),
        (..., "is no index of rows"),
        (1.0, "its type is float64"),
        ("3", "is no index of rows"),
        (np.array([]), "its type is float64"),
    ],
)
def test_another_index_is_an_index_error(pair, index, said):
    with pytest.raises(IndexError, match=said):
        pair[0][index]


@pytest.fixture
def small_blocks(monkeypatch):
    """Digests over 16 bytes each, so that rows of 15 lie in one or two blocks."""
    monkeypatch.setattr(module, "BLOCK", 16)
    monkeypatch.setattr(manifest, "BLOCK", 16)


def damage(dataset, byte):
    """Flip a bit of the first shard, behind its header."""
    path = dataset.directory / dataset.manifest["shards"][0]["file"]
    content = bytearray(path.read_bytes())
    content[128 + byte] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(("format", "width"), [("npy", 15), ("packed", 2)])
def test_a_block_is_checked_when_one_of_many_rows_touches_it(tmp_path, monkeypatch, small_blocks, format, width):
    dataset = write_dataset(BITS, tmp_path, rows=200, sample_seed=3, shard_rows=150, format=format)
    expected = BITS.rows(3, 0, 200)
    damage(dataset, 100 * width)
    beside = [5, 160, 100 + 32, 100 - 32, 5]
    assert np.array_equal(dataset[beside], expected[beside])
    with pytest.raises(ValueError, match=r"has SHA-256 .* it was changed"):
        dataset[[160, 100]]
    with pytest.raises(ValueError, match="it was changed"):
        dataset[100]
    monkeypatch.setattr(module, "_LOOK_AGAIN", -1.0)
    damage(dataset, 100 * width)
    assert np.array_equal(dataset[[160, 100]], expected[[160, 100]])
    assert np.array_equal(dataset.shard(0), expected[:150])
    damage(dataset, 100 * width)
    with pytest.raises(ValueError, match="it was changed"):
        dataset[[160, 100]]
    os.truncate(dataset.directory / dataset.manifest["shards"][0]["file"], 1000)
    with pytest.raises(ValueError, match="truncated or changed"):
        dataset[[160, 100]]


@pytest.mark.parametrize("byte", [0, 20, 39])
def test_a_row_longer_than_a_block_is_checked_whole(tmp_path, small_blocks, byte):
    long = families.nae_sat(5, 35, structure_seed=0)
    dataset = write_dataset(long, tmp_path, rows=5, sample_seed=0)
    damage(dataset, 2 * 40 + byte)
    assert np.array_equal(dataset[[0, 4]], long.rows(0, 0, 5)[[0, 4]])
    with pytest.raises(ValueError, match="it was changed"):
        dataset[[2]]


def test_no_more_maps_than_files_may_be_open(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_most_maps", lambda: 3)
    dataset = write_dataset(BITS, tmp_path, rows=100, sample_seed=3, shard_rows=1)
    opened = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    order = np.random.default_rng(0).permutation(100)
    assert np.array_equal(dataset[order], BITS.rows(3, 0, 100)[order])
    assert len(dataset._shards._maps) == 3
    if opened:
        assert len(os.listdir("/proc/self/fd")) <= opened + 3, "one open file for a map"
    again = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(again[order], dataset[order])
