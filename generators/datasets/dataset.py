"""Datasets on disk: shards of rows and a manifest that names the distribution; whole, or recognisably unfinished."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
from jaxtyping import Integer

from generators.distribution import LODistribution
from generators.ground.codec import strict_fields
from generators.ground.storage import read_json, write_atomic, write_json_atomic

FORMAT = "lo-theory/dataset/1"
MANIFEST = "dataset.json"
_SHARD_BYTES = 2**24  # of a shard where shard_rows is not given; three copies are in memory while it is written

_EDITED = "It was edited by hand: restore it, or write the dataset again into an empty directory."

FileFormat = Literal["npy", "jsonl"]
Columns = Literal["position", "order"]
Progress = Callable[[int, int], None]


def write_dataset(
    distribution: LODistribution,
    directory: str | Path,
    *,
    rows: int,
    sample_seed: int,
    shard_rows: int | None = None,
    format: FileFormat = "npy",
    columns: Columns = "position",
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Dataset:
    """Write rows ``0..rows-1`` of the distribution's stream as shards, and last of all ``dataset.json``.

    A run that was interrupted leaves whole shards and no manifest; the same call again completes it. Rows are made
    about as fast as a disk reads them, so shards are always made anew: a file with the same bytes is left alone, any
    other is replaced. The call is therefore also the repair of a damaged dataset, and does nothing to a whole one.

    Args:
        distribution: its JSON and fingerprint go into the manifest.
        directory: made if it does not exist; must hold nothing else (hidden files do not count).
        rows: number of sequences n.
        sample_seed: names the draws; use another one for the test set.
        shard_rows: rows per file; by default as many as fill 16 MiB.
        format: "npy", an array (rows, L) of the smallest unsigned type, or "jsonl", one ``{"tokens": [...]}`` per line.
        columns: "position", the sequence as the distribution has it, or "order", column t holding position
            ``order[t]``: latents first, ready for left-to-right training in the natural order.
        n_jobs: shards written at once, by joblib (its ``parallel_config`` chooses the backend); the files are the same.
        progress: called with (rows done, rows in all) after each shard.
    Returns:
        The dataset, as :func:`read_dataset` opens it.
    Raises:
        ValueError: a size below 1, a negative seed, an unknown format, or a directory that holds something else.
        OSError: as the system reports it; no manifest is written then, and whatever was whole before is still whole.
    Cost: memory for about three shards per job.
    """
    directory = Path(directory)
    plan = _plan(distribution, rows, sample_seed, shard_rows, format, columns)
    _check_directory(directory, plan)
    directory.mkdir(parents=True, exist_ok=True)
    shards, done = [], 0
    for shard in _in_parallel(distribution, directory, plan, n_jobs):
        shards.append(shard)
        done += shard["rows"]
        if progress is not None:
            progress(done, rows)
    manifest = plan | {"shards": shards}
    if not (directory / MANIFEST).exists() or read_json(directory / MANIFEST) != manifest:
        write_json_atomic(directory / MANIFEST, manifest)
    return read_dataset(directory)


def read_dataset(directory: str | Path, *, distribution: LODistribution | None = None, verify: bool = False) -> Dataset:
    """Open a dataset that :func:`write_dataset` has finished. Arrays are mapped into memory, not read.

    Args:
        distribution: the one that the rows must come from, if the caller has one.
        verify: also compare the SHA-256 of every shard, which reads all of them.
    Raises:
        FileNotFoundError: no manifest (the writing was interrupted), or a shard is gone.
        ValueError: a manifest of another format or with other fields, a fingerprint that does not belong to the
            distribution, a truncated or changed shard.
    """
    directory = Path(directory)
    path = directory / MANIFEST
    if not path.exists():
        raise FileNotFoundError(
            f"{directory} has no {MANIFEST}: there is no dataset, or its writing was interrupted. "
            "Write it again with the same arguments to complete it."
        )
    manifest = _check_manifest(read_json(path), path)
    found = LODistribution.from_json(manifest["distribution"])
    for name in ("fingerprint", "mask_id", "pad_id"):
        if (true := getattr(found, name)) != manifest[name]:
            raise ValueError(
                f"{path} says {name} {manifest[name]!r}, but the distribution in it has {true!r}. {_EDITED}"
            )
    if distribution is not None and distribution.fingerprint != found.fingerprint:
        raise ValueError(
            f"{directory} holds rows of distribution {found.fingerprint}, but {distribution.fingerprint} was asked "
            "for: another structure_seed or size? Write a dataset for it into another directory."
        )
    for shard in manifest["shards"]:
        _check_shard(directory / shard["file"], shard, verify)
    return Dataset(directory, found, manifest)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset on disk, opened by :func:`read_dataset`. ``len`` is its number of rows, ``dataset[i]`` row i (L,)."""

    directory: Path
    distribution: LODistribution
    manifest: dict[str, Any]

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

    def __getitem__(self, index: int) -> Integer[np.ndarray, "L"]:
        """Row ``index``, negative from the end. In JSON lines this parses a shard: read them with :meth:`rows`."""
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(f"row {index} of a dataset of {len(self)} rows.")
        return self.rows(at, at + 1)[0]

    def shard(self, number: int) -> Integer[np.ndarray, "n L"]:
        """The rows of one shard: a read-only map of an npy file, or the parsed lines."""
        path = self.directory / self.manifest["shards"][number]["file"]
        shape = (self.manifest["shards"][number]["rows"], self.distribution.length)
        array = _read_jsonl(path, self.distribution) if path.suffix == ".jsonl" else np.load(path, mmap_mode="r")
        if array.shape != shape or not np.issubdtype(array.dtype, np.integer):
            raise ValueError(
                f"{path} must hold integers of shape {shape}; got {array.dtype} of shape {array.shape}. "
                "Write it again with the same arguments to repair it."
            )
        return array

    def rows(self, start: int, stop: int) -> Integer[np.ndarray, "n L"]:
        """Rows ``start..stop-1``, (stop - start, L); of the files only the shards that hold them are opened.

        Raises:
            ValueError: a range outside the dataset.
        """
        if not 0 <= start <= stop <= len(self):
            raise ValueError(f"rows start..stop must satisfy 0 <= start <= stop <= {len(self)}; got {start}..{stop}.")
        size = self.manifest["shard_rows"]
        out = np.empty((stop - start, self.distribution.length), dtype=np.min_scalar_type(self.distribution.pad_id))
        for number in range(start // size, -(-stop // size)):
            low, high = max(start, number * size), min(stop, (number + 1) * size)
            out[low - start : high - start] = self.shard(number)[low - number * size : high - number * size]
        return out

    def batches(self, batch_rows: int) -> Iterator[Integer[np.ndarray, "n L"]]:
        """All rows in their order, ``batch_rows`` at a time and what is left over last; one shard in memory at most.

        Raises:
            ValueError: ``batch_rows < 1``.
        """
        if batch_rows < 1:
            raise ValueError(f"batch_rows must be at least 1; got {batch_rows}.")
        held = np.empty((0, self.distribution.length), dtype=np.min_scalar_type(self.distribution.pad_id))
        for number in range(len(self.manifest["shards"])):
            held = np.concatenate([held, self.shard(number)], dtype=held.dtype, casting="same_kind")
            whole = len(held) - len(held) % batch_rows
            yield from (held[i : i + batch_rows] for i in range(0, whole, batch_rows))
            held = held[whole:]
        if len(held):
            yield held


def _plan(
    distribution: LODistribution, rows: int, sample_seed: int, shard_rows: int | None, format: str, columns: str
) -> dict[str, Any]:
    """The manifest without its shards: everything that decides the bytes."""
    width = distribution.length * np.min_scalar_type(distribution.pad_id).itemsize
    size = max(1, _SHARD_BYTES // width) if shard_rows is None else shard_rows
    for name, value, least in (("rows", rows, 1), ("shard_rows", size, 1), ("sample_seed", sample_seed, 0)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}; got {value}.")
    for name, value, choices in (("format", format, get_args(FileFormat)), ("columns", columns, get_args(Columns))):
        if value not in choices:
            raise ValueError(f"{name} must be one of {choices}; got {value!r}.")
    return {
        "format": FORMAT,
        "distribution": distribution.to_json(),
        "fingerprint": distribution.fingerprint,
        "sample_seed": int(sample_seed),
        "rows": int(rows),
        "shard_rows": int(size),
        "file_format": format,
        "columns": columns,
        "mask_id": distribution.mask_id,
        "pad_id": distribution.pad_id,
    }


def _check_directory(directory: Path, plan: dict[str, Any]) -> None:
    path = directory / MANIFEST
    if path.exists():
        try:
            present = _check_manifest(read_json(path), path)
        except ValueError as error:
            raise ValueError(f"{directory} holds a dataset that cannot be read ({error}). Delete it first.") from error
        for name in plan:
            if name != "distribution" and present[name] != plan[name]:
                raise ValueError(
                    f"{directory} already holds another dataset: its {name} is {present[name]!r}, not {plan[name]!r}. "
                    f"Choose another directory, or delete {MANIFEST} and the shards first."
                )
    if not directory.exists():
        return
    if not directory.is_dir():
        raise ValueError(f"{directory} is a file; a dataset needs a directory of its own.")
    ours = {MANIFEST, *(_shard_name(number, plan) for number in range(_n_shards(plan)))}
    others = sorted(p.name for p in directory.iterdir() if p.name not in ours and not p.name.startswith("."))
    if others:
        raise ValueError(
            f"{directory} holds {others[0]!r}, which is no part of this dataset ({len(others)} such files, perhaps of "
            "an interrupted run with other arguments). Choose an empty directory, or delete them first."
        )


def _n_shards(plan: dict[str, Any]) -> int:
    return -(-plan["rows"] // plan["shard_rows"])


def _shard_range(number: int, plan: dict[str, Any]) -> tuple[int, int]:
    start = number * plan["shard_rows"]
    return start, min(start + plan["shard_rows"], plan["rows"])


def _shard_name(number: int, plan: dict[str, Any]) -> str:
    return f"rows-{number:05d}.{plan['file_format']}"


def _in_parallel(
    distribution: LODistribution, directory: Path, plan: dict[str, Any], n_jobs: int
) -> Iterable[dict[str, Any]]:
    """Entries of the manifest in the order of the shards, as they are finished."""
    numbers = range(_n_shards(plan))
    if n_jobs == 1:
        return (_write_shard(distribution, directory, plan, number) for number in numbers)
    from joblib import Parallel, delayed  # needed for parallel writing only

    jobs = (delayed(_write_shard)(distribution, directory, plan, number) for number in numbers)
    return cast("Iterable[dict[str, Any]]", Parallel(n_jobs=n_jobs, return_as="generator")(jobs))


def _write_shard(distribution: LODistribution, directory: Path, plan: dict[str, Any], number: int) -> dict[str, Any]:
    start, stop = _shard_range(number, plan)
    rows = distribution.rows(plan["sample_seed"], start, stop)
    if plan["columns"] == "order":
        rows = np.concatenate(distribution.split(rows), axis=1)
    content = _npy(rows) if plan["file_format"] == "npy" else _jsonl(rows)
    digest = hashlib.sha256(content).hexdigest()
    path = directory / _shard_name(number, plan)
    if not path.exists() or path.stat().st_size != len(content) or _sha256(path) != digest:
        write_atomic(path, content)
    return {"file": path.name, "rows": stop - start, "bytes": len(content), "sha256": digest}


def _npy(rows: Integer[np.ndarray, "n L"]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ascontiguousarray(rows), version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def _jsonl(rows: Integer[np.ndarray, "n L"]) -> bytes:
    return "".join(json.dumps({"tokens": row}, separators=(",", ":")) + "\n" for row in rows.tolist()).encode()


def _read_jsonl(path: Path, distribution: LODistribution) -> Integer[np.ndarray, "n L"]:
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line)["tokens"] for line in lines]
    return np.array(rows, dtype=np.min_scalar_type(distribution.pad_id))


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check_manifest(manifest: Any, path: Path) -> dict[str, Any]:
    known = manifest.get("format") if isinstance(manifest, dict) else None
    if known != FORMAT:
        raise ValueError(
            f"{path} is no dataset in format {FORMAT!r}; its format is {known!r}. "
            "Read it with the version that wrote it, or write it again into an empty directory."
        )
    fields = {"distribution", "fingerprint", "sample_seed", "rows", "shard_rows", "file_format", "columns"}
    strict_fields(manifest, fields | {"format", "mask_id", "pad_id", "shards"}, what=f"dataset manifest {path}")
    listed = manifest["shards"]
    for shard in listed:
        strict_fields(shard, {"file", "rows", "bytes", "sha256"}, what=f"shard in {path}")
    promised = [(_shard_name(i, manifest), _shard_range(i, manifest)) for i in range(_n_shards(manifest))]
    if [(shard["file"], shard["rows"]) for shard in listed] != [
        (name, stop - start) for name, (start, stop) in promised
    ]:
        raise ValueError(
            f"{path} promises {manifest['rows']} rows in {len(promised)} shards of {manifest['shard_rows']}, but lists "
            f"{len(listed)} shards with {sum(shard['rows'] for shard in listed)} rows. {_EDITED}"
        )
    return manifest


def _check_shard(path: Path, shard: dict[str, Any], verify: bool) -> None:
    repair = "Write it again with the same arguments to repair the dataset."
    if not path.exists():
        raise FileNotFoundError(f"shard {path} is missing. {repair}")
    if (size := path.stat().st_size) != shard["bytes"]:
        raise ValueError(f"shard {path} has {size} bytes, not {shard['bytes']}: it is truncated or changed. {repair}")
    if verify and (digest := _sha256(path)) != shard["sha256"]:
        raise ValueError(f"shard {path} has SHA-256 {digest}, not {shard['sha256']}: it was changed. {repair}")
