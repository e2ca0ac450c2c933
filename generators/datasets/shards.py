"""Shards: digests of their blocks, and rows read back from files whose bytes are checked when first touched."""

from __future__ import annotations

import hashlib
import itertools
import mmap
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Int64, Integer

from generators.datasets.formats import MAPPED, Layout, parsed
from generators.ground.storage import read_npy

BLOCK = 2**20
"""Bytes that are checked together: a random row costs the reading of one such block, once."""
REPAIR = "Write it again with the same arguments to repair the dataset."

_MAX_MAPS = 16384  # shards mapped into memory at once; systems allow some ten thousand maps per process
_LOOK_AGAIN = 0.1  # seconds after which rows at random places ask again whether a file was changed


class Digests:
    """SHA-256 of every ``BLOCK`` bytes of a file that comes in pieces, the last block perhaps of fewer."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._found, self._block, self._room = list[str](), hashlib.sha256(), BLOCK

    def through(self, pieces: Iterable[memoryview]) -> Iterator[memoryview]:
        """The pieces as they are, each hashed before it goes on, while it is still in the cache."""
        for piece in pieces:
            at = 0
            while at < len(piece):
                part = piece[at : at + self._room]
                self._block.update(part)
                at, self._room = at + len(part), self._room - len(part)
                if not self._room:
                    self._found.append(self._block.hexdigest())
                    self._block, self._room = hashlib.sha256(), BLOCK
            yield piece

    def blocks(self) -> list[str]:
        """Digests of all that has come."""
        return self._found if self._room == BLOCK else [*self._found, self._block.hexdigest()]


def holds(path: Path, pieces: Iterable[memoryview], n_bytes: int) -> bool:
    """Whether a file of this directory has just these bytes; it is read only if it has as many."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != n_bytes:
        return False
    with path.open("rb") as stream:
        return all(stream.read(len(piece)) == bytes(piece) for piece in pieces)


@dataclass
class _Map:
    """A shard that is mapped into memory, packed or not.

    ``plain`` is ``array`` without what numpy adds to a map: faster to cut. ``looked`` is when its stamp was compared.
    """

    stamp: tuple[int, ...]
    checked: bytearray
    array: np.memmap
    plain: np.ndarray
    raw: memoryview
    looked: float
    file: str


class Shards:
    """The files of one dataset, checked when they are touched.

    A block whose digest was right is remembered with the file's size, time of change and inode, and not read for
    checking again while these stay as they are. What changes a file and puts its time back is not noticed.
    """

    def __init__(self, directory: Path, manifest: dict[str, Any], layout: Layout) -> None:
        """``layout``: how rows lie in the files, and the range of a token."""
        self._directory, self._layout = directory, layout
        self._listed, self._size = manifest["shards"], manifest.get("block_bytes")
        self._checked: dict[int, tuple[tuple[int, ...], bytearray]] = {}
        self._maps: dict[int, _Map] = {}
        self._last: tuple[int, tuple[int, ...], np.ndarray] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What was checked goes along to other processes; maps and rows do not."""
        return self.__dict__ | {"_maps": {}, "_last": None}

    def stat(self, number: int) -> os.stat_result:
        """Size and times of a shard that is where it belongs and as long as it was.

        Raises:
            FileNotFoundError: it is gone.
            ValueError: it is truncated, or no file of this directory.
        """
        path, listed = self._path(number), self._listed[number]
        try:
            found = path.stat()
        except FileNotFoundError:
            raise FileNotFoundError(f"shard {path} is missing. {REPAIR}") from None
        inside = not path.is_symlink() or path.resolve().parent == self._directory.resolve()
        if not inside or not path.is_file():
            raise ValueError(f"shard {path} is no file of its directory: {path.resolve()}. {REPAIR}")
        if found.st_size != listed["bytes"]:
            raise ValueError(
                f"shard {path} has {found.st_size} bytes, not {listed['bytes']}: it is truncated or changed. {REPAIR}"
            )
        return found

    def rows(self, number: int, low: int, high: int) -> Integer[np.ndarray, "n L"]:
        """Rows ``low..high-1`` of a shard; of a file that is mapped only the blocks that hold them are read.

        Raises:
            FileNotFoundError: the shard is gone.
            ValueError: what is read is not what was written.
        """
        if not self._is_mapped:
            return self._parsed(number)[low:high]
        found, listed = self._map(number), self._listed[number]
        width = found.array.nbytes // listed["rows"]
        start = found.array.offset + low * width
        self._check(number, found.checked, found.raw, start, start + (high - low) * width)
        return self._unpacked(found.plain[low:high])

    def gather(self, places: Int64[np.ndarray, "n"]) -> Integer[np.ndarray, "n L"]:
        """Rows at ``places`` of the dataset, in this order; each shard is asked once, and blocks as in :meth:`rows`.

        A file that changes while rows are taken from it is noticed after a tenth of a second.

        Raises:
            FileNotFoundError: a shard is gone.
            ValueError: what is read is not what was written.
        """
        numbers, within = np.divmod(places, self._listed[0]["rows"])
        by_shard = np.argsort(numbers, kind="stable")
        numbers, within = numbers[by_shard], within[by_shard]
        edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(places)]
        packed = self._layout.file_format == "packed"
        width = -(-self._layout.length // 8) if packed else self._layout.length
        found = np.empty((len(places), width), dtype=self._layout.dtype)
        of_shard, in_shard, asked = numbers.tolist(), within.tolist(), time.monotonic() - _LOOK_AGAIN
        for low, high in itertools.pairwise(edges if len(places) else ()):  # one turn per row where shards are many
            known = self._maps.get(of_shard[low])
            if known is None or known.looked < asked or 0 in known.checked:
                stored = self._stored(of_shard[low], within[low:high])
            else:
                stored = known.plain
            if high == low + 1:
                found[low] = stored[in_shard[low]]
            else:
                found[low:high] = stored[within[low:high]]
        out = np.empty_like(found)
        out[by_shard] = found
        return self._unpacked(out)

    def whole(self, number: int) -> Integer[np.ndarray, "n L"]:
        """All rows of a shard, checked: a read-only map of an npy file, else the unpacked or parsed rows."""
        if not self._is_mapped:
            return self._parsed(number)
        found = self._map(number)
        self._check(number, found.checked, found.raw, 0, len(found.raw))
        return self._unpacked(found.array)

    def _stored(self, number: int, within: Int64[np.ndarray, "k"]) -> np.ndarray:
        """A shard as its file has it, of which these rows are checked."""
        if not self._is_mapped:
            return self._parsed(number)
        known = self._map(number)
        if 0 in known.checked:
            size, width = self._digests(number)[1], known.array.nbytes // self._listed[number]["rows"]
            starts = known.array.offset + within * width
            for first, last in set(
                zip((starts // size).tolist(), ((starts + width - 1) // size).tolist(), strict=True)
            ):
                self._check(number, known.checked, known.raw, first * size, last * size + 1)
        return known.plain

    @property
    def _is_mapped(self) -> bool:
        return self._layout.file_format in MAPPED

    def _unpacked(self, rows: np.ndarray) -> np.ndarray:
        if self._layout.file_format != "packed":
            return rows
        return np.unpackbits(rows, axis=1, count=self._layout.length)

    def _path(self, number: int) -> Path:
        return self._directory / self._listed[number]["file"]

    def _digests(self, number: int) -> tuple[list[str], int]:
        """The digests of a shard and how many bytes each covers; in files of before one covers all."""
        listed = self._listed[number]
        return ([listed["sha256"]], listed["bytes"]) if self._size is None else (listed["blocks"], self._size)

    def _memory(self, number: int, stamp: tuple[int, ...]) -> bytearray:
        """One byte per block of a file as it is now: whether it was checked."""
        known = self._checked.get(number)
        if known is None or known[0] != stamp:
            known = self._checked[number] = (stamp, bytearray(len(self._digests(number)[0])))
        return known[1]

    def _map(self, number: int) -> _Map:
        known = self._maps.get(number)
        if known is not None:
            try:
                if _stamp(os.stat(known.file)) == known.stamp:
                    known.looked = time.monotonic()
                    return known
            except FileNotFoundError:
                pass  # said below
        path, stamp = self._path(number), _stamp(self.stat(number))
        raw = np.memmap(path, dtype=np.uint8, mode="r").data
        checked = self._memory(number, stamp)
        self._check(number, checked, raw, 0, 1)  # the header
        array = read_npy(path, mmap=True)
        packed = self._layout.file_format == "packed"
        self._check_rows(path, array, self._listed[number]["rows"], -(-self._layout.length // 8) if packed else None)
        assert isinstance(array, np.memmap)
        if self._size is None:
            self._check_range(path, array)
        if array.offset < mmap.ALLOCATIONGRANULARITY:  # then its own map is of the whole file, and one is enough
            raw = memoryview(cast(mmap.mmap, array.base))
        self._maps.pop(number, None)
        while len(self._maps) >= _most_maps():
            del self._maps[next(iter(self._maps))]
        found = _Map(stamp, checked, array, array.view(np.ndarray), raw, time.monotonic(), str(path))
        self._maps[number] = found
        return found

    def _parsed(self, number: int) -> Integer[np.ndarray, "n L"]:
        """The rows of a file that is parsed as a whole, read-only; those of the last one are kept."""
        path = self._path(number)
        stamp = _stamp(self.stat(number))
        if self._last is not None and self._last[:2] == (number, stamp):
            return self._last[2]
        checked = self._memory(number, stamp)
        content = path.read_bytes()
        self._check(number, checked, content, 0, len(content))
        rows = parsed(content, self._layout, path)
        self._check_rows(path, rows, self._listed[number]["rows"])
        self._check_range(path, rows)
        rows = rows.astype(self._layout.dtype, copy=False)
        rows.flags.writeable = False
        self._last = (number, stamp, rows)
        return rows

    def _check(self, number: int, checked: bytearray, content: memoryview | bytes, start: int, stop: int) -> None:
        """Check the blocks that hold bytes ``start..stop-1`` and were not checked yet."""
        digests, size = self._digests(number)
        for block in range(start // size, -(-stop // size)):
            if checked[block]:
                continue
            digest = hashlib.sha256(content[block * size : (block + 1) * size]).hexdigest()
            if digest != digests[block]:
                raise ValueError(
                    f"shard {self._path(number)} has SHA-256 {digest} in bytes {block * size} to "
                    f"{min((block + 1) * size, len(content)) - 1}, not {digests[block]}: it was changed. {REPAIR}"
                )
            checked[block] = 1

    def _check_rows(self, path: Path, array: np.ndarray, rows: int, packed: int | None = None) -> None:
        """``packed``: bytes of a packed row."""
        shape, kind = (rows, packed or self._layout.length), np.uint8 if packed else np.integer
        if array.shape != shape or not np.issubdtype(array.dtype, kind):
            raise ValueError(
                f"{path} must hold {'bytes' if packed else 'integers'} of shape {shape}; got {array.dtype} of shape "
                f"{array.shape}. {REPAIR}"
            )

    def _check_range(self, path: Path, array: np.ndarray) -> None:
        """Only where no seal vouches for the digests."""
        if array.min() < 0 or array.max() >= self._layout.vocabulary:
            raise ValueError(
                f"{path} holds tokens from {array.min()} to {array.max()}, outside range({self._layout.vocabulary}). "
                f"{REPAIR}"
            )


@cache
def _most_maps() -> int:
    """Half of the files that this process may have open, as Python keeps one open for each map."""
    try:
        import resource
    except ImportError:  # no limit of this kind on Windows
        return _MAX_MAPS
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MAX_MAPS if allowed == resource.RLIM_INFINITY else max(1, min(_MAX_MAPS, allowed // 2))


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev)
