"""Datasets on disk, read: rows by number, of which nothing is returned that is not as it was written."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from generators.datasets.formats import Layout
from generators.datasets.indexing import row_numbers
from generators.datasets.manifest import EDITED, MANIFEST, check_format, read_manifest
from generators.datasets.shards import Shards
from generators.datasets.splits_file import SPLITS, read_splits
from generators.distribution import LODistribution


def read_dataset(
    directory: str | Path,
    *,
    distribution: LODistribution | None = None,
    verify: bool = False,
    split: str | None = None,
) -> Dataset:
    """Open a dataset that :func:`~generators.datasets.writing.write_dataset` has finished.

    Arrays are mapped into memory, not read. What is read later is checked against its digest when it is first touched,
    by blocks of 1 MiB.

    Args:
        distribution: the one that the rows must come from, if the caller has one.
        verify: check every shard now, which reads all of them.
        split: which one, of a directory with splits, such as "test".
    Raises:
        FileNotFoundError: no manifest (the writing was interrupted), or a shard is gone.
        ValueError: a manifest that is damaged, of another format or with other fields, a fingerprint that does not
            belong to the distribution, a truncated or changed shard; a directory with splits and none named, or one
            that it has not.
    Warns:
        UserWarning: the manifest is of the format of before, without a digest, so that its own fields are unchecked.
    """
    dataset = opened(directory if split is None else _split(Path(directory), split))
    if distribution is not None and distribution.fingerprint != dataset.fingerprint:
        raise ValueError(
            f"{directory} holds rows of distribution {dataset.fingerprint}, but {distribution.fingerprint} was asked "
            "for: another structure_seed or size? Write a dataset for it into another directory."
        )
    if not dataset.sealed:
        warnings.warn(
            f"{dataset.directory / MANIFEST} is in {dataset.manifest['format']}, which has no digest of its own: what "
            "it says is unchecked. Write the dataset again with the same arguments to seal it.",
            stacklevel=2,
        )
    for number in range(len(dataset.manifest["shards"])):
        dataset.shard(number) if verify else dataset._shards.stat(number)
    return dataset


def opened(directory: str | Path) -> Dataset:
    """A dataset whose manifest was read and checked, and none of its shards looked at.

    Raises:
        FileNotFoundError: no manifest.
        ValueError: as :func:`read_dataset`, for the manifest.
    """
    directory = Path(directory)
    path = directory / MANIFEST
    if not path.exists():
        if (directory / SPLITS).exists():
            names = ", ".join(repr(name) for name in read_splits(directory))
            raise ValueError(
                f"{directory} has the splits {names}; say which one, such as split={names.split(', ')[0]}."
            )
        raise FileNotFoundError(
            f"{directory} has no {MANIFEST}: there is no dataset, or its writing was interrupted. "
            "Write it again with the same arguments to complete it."
        )
    manifest, sealed = read_manifest(path)
    try:
        found = LODistribution.from_json(manifest["distribution"])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no distribution: {error}") from error
    for name in ("fingerprint", "mask_id", "pad_id"):
        if (true := getattr(found, name)) != manifest[name]:
            raise ValueError(
                f"{path} says {name} {manifest[name]!r}, but the distribution in it has {true!r}. {EDITED}"
            )
    check_format(found, manifest["file_format"], manifest["columns"])
    return Dataset(directory, found, manifest, sealed)


def _split(directory: Path, name: str) -> Path:
    """The folder of a split that the directory lists."""
    if not (directory / SPLITS).exists() and (directory / MANIFEST).exists():
        raise ValueError(f"{directory} is a dataset without splits; leave out split={name!r}.")
    splits = read_splits(directory)
    if name not in splits:
        raise ValueError(f"{directory} has no split {name!r}; it has {', '.join(map(repr, splits))}.")
    return directory / name


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset on disk, opened by :func:`read_dataset`. ``len`` is its number of rows, ``dataset[i]`` row i (L,).

    What is read is checked once: a file that changes afterwards, by its size or its time, is checked again; where rows
    are picked by lists of numbers, within a tenth of a second.

    Attributes:
        sealed: whether a digest covers the manifest; False for files of before, whose fields are then unchecked.
    """

    directory: Path
    distribution: LODistribution
    manifest: dict[str, Any]
    sealed: bool
    _shards: Shards = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Nothing is opened yet."""
        files = Shards(self.directory, self.manifest, Layout.of(self.distribution, self.manifest))
        object.__setattr__(self, "_shards", files)

    @property
    def fingerprint(self) -> str:
        """That of the distribution."""
        return self.distribution.fingerprint

    @property
    def sample_seed(self) -> int:
        """The seed of the draws."""
        return self.manifest["sample_seed"]

    def __len__(self) -> int:
        """Number of rows."""
        return self.manifest["rows"]

    def __getitem__(self, index: Any) -> Integer[np.ndarray, "*rows L"]:
        """Rows by number as NumPy picks them: a copy, in the order of ``index``.

        Args:
            index: an integer for one row (L,); a slice, integers in a list or array, or a mask of all rows for an array
                of the shape of the index and L. Negative numbers count from the end.
        Raises:
            IndexError: a number outside the dataset, or another kind of index.
            FileNotFoundError, ValueError: as :meth:`rows`.
        Cost: of npy and packed files only blocks are read. JSON lines and Parquet are parsed by shards, of which the
            last one is kept: rows at random places of many such shards are slow.
        """
        if isinstance(index, int | np.integer) and not isinstance(index, bool):
            at = int(index) + len(self) if index < 0 else int(index)
            if not 0 <= at < len(self):
                raise IndexError(f"row {index} of a dataset of {len(self)} rows.")
            number, within = divmod(at, self.manifest["shard_rows"])
            return self._shards.rows(number, within, within + 1)[0].astype(self._dtype)
        if isinstance(index, slice) and index.step in (None, 1):
            start, stop, _ = index.indices(len(self))
            return self.rows(start, max(start, stop))
        numbers = row_numbers(index, len(self))
        return self._shards.gather(numbers.ravel()).reshape(*numbers.shape, self.distribution.length)

    @property
    def _dtype(self) -> np.dtype[Any]:
        return np.min_scalar_type(self.distribution.pad_id)

    def shard(self, number: int) -> Integer[np.ndarray, "n L"]:
        """The rows of one shard, all checked: a read-only map of an npy file, else the unpacked or parsed rows.

        Raises:
            FileNotFoundError: the shard is gone.
            ValueError: it is not as it was written.
        """
        return self._shards.whole(number)

    def rows(self, start: int, stop: int) -> Integer[np.ndarray, "n L"]:
        """Rows ``start..stop-1``, (stop - start, L); of the files only the blocks that hold them are read.

        Raises:
            FileNotFoundError: a shard is gone.
            ValueError: a range outside the dataset, or a shard that is not as it was written.
        """
        if not 0 <= start <= stop <= len(self):
            raise ValueError(f"rows start..stop must satisfy 0 <= start <= stop <= {len(self)}; got {start}..{stop}.")
        size = self.manifest["shard_rows"]
        out = np.empty((stop - start, self.distribution.length), dtype=self._dtype)
        for number in range(start // size, -(-stop // size)):
            low, high = max(start, number * size), min(stop, (number + 1) * size)
            out[low - start : high - start] = self._shards.rows(number, low - number * size, high - number * size)
        return out

    def batches(self, batch_rows: int) -> Iterator[Integer[np.ndarray, "n L"]]:
        """All rows in their order, ``batch_rows`` at a time and what is left over last; one shard in memory at most.

        Raises:
            ValueError: ``batch_rows < 1``, or a shard that is not as it was written.
        """
        if batch_rows < 1:
            raise ValueError(f"batch_rows must be at least 1; got {batch_rows}.")
        held = np.empty((0, self.distribution.length), dtype=self._dtype)
        for number in range(len(self.manifest["shards"])):
            held = np.concatenate([held, self.shard(number)], dtype=held.dtype, casting="same_kind")
            whole = len(held) - len(held) % batch_rows
            yield from (held[i : i + batch_rows] for i in range(0, whole, batch_rows))
            held = held[whole:]
        if len(held):
            yield held
