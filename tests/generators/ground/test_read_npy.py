"""An array on disk is read as it was written; a damaged one is refused by name, whatever NumPy makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from generators.ground.storage import read_npy

ARRAYS = [
    np.arange(12, dtype=np.int64).reshape(3, 4),
    np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    np.zeros((0, 5), dtype=np.uint8),
    np.array(3, dtype=np.uint16),
    np.array([True, False]),
    np.arange(3, dtype=">i4"),
]


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("array", ARRAYS, ids=[f"{a.shape}{a.dtype}" for a in ARRAYS])
def test_an_array_comes_back(tmp_path, array, mmap):
    np.save(tmp_path / "a.npy", array)
    read = read_npy(tmp_path / "a.npy", mmap=mmap)
    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    assert (read == array).all()
    assert not (mmap and read.size and read.flags.writeable)


def test_every_flipped_bit_of_a_header_is_refused_or_changes_nothing(tmp_path):
    path, array = tmp_path / "a.npy", ARRAYS[0].astype(np.uint8)
    np.save(path, array)
    whole = path.read_bytes()
    assert len(whole) == 128 + 12
    for bit in range(8 * 128):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        read, said = outcome(path)
        if read is None:
            assert said.startswith(f"{path} is ")
            assert "\n" not in said
        else:
            assert (read.dtype, read.shape) == (array.dtype, array.shape)
            assert (read == array).all()


def outcome(path):
    """What is read, or the refusal."""
    try:
        return read_npy(path, mmap=True), ""
    except ValueError as error:
        return None, str(error)


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("size", [0, 5, 9, 60, 127, 128, 139, 141])
def test_every_other_length_is_refused(tmp_path, size, mmap):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros(12, dtype=np.uint8))
    path.write_bytes((path.read_bytes() + b"\0")[:size])
    with pytest.raises(ValueError, match=r"a\.npy is .*[Ww]rite it again"):
        read_npy(path, mmap=mmap)


@pytest.mark.parametrize("shape", ["(10000000000000,)", "(-2, -6)", "(True, 12)", "(10000000000, 10000000000)"])
def test_a_shape_is_judged_before_memory_is_asked_for(tmp_path, shape):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros(12, dtype=np.uint8))
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    path.write_bytes(path.read_bytes()[:10] + header.encode() + bytes(12))
    with pytest.raises(ValueError, match=r"a\.npy is "):
        read_npy(path, mmap=False)


def test_objects_and_texts_are_refused_and_nothing_is_unpickled(tmp_path):
    for array in (np.array([{}], dtype=object), np.array(["a"]), np.zeros(2, dtype=[("a", "i4")])):
        np.save(tmp_path / "a.npy", array, allow_pickle=True)
        with pytest.raises(ValueError, match="no array of numbers"):
            read_npy(tmp_path / "a.npy", mmap=False)
    with pytest.raises(FileNotFoundError):
        read_npy(tmp_path / "none.npy", mmap=True)
