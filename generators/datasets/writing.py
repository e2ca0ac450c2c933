"""Writing a dataset: shards first, the manifest last, by one owner of the directory."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from generators.datasets.dataset import Dataset, read_dataset
from generators.datasets.manifest import (
    MANIFEST,
    Columns,
    FileFormat,
    n_shards,
    plan,
    read_manifest,
    shard_name,
    shard_range,
)
from generators.datasets.shards import digests, sha256, shard_content
from generators.distribution import LODistribution
from generators.ground.codec import seal
from generators.ground.memory import check_memory, size
from generators.ground.numbers import whole_number
from generators.ground.ownership import owned_directory, require_owned
from generators.ground.storage import read_json, write_atomic, write_json_atomic
from generators.ground.workers import side_by_side

Progress = Callable[[int, int], None]


def write_dataset(
    distribution: LODistribution,
    directory: str | Path,
    *,
    rows: int | np.integer,
    sample_seed: int | np.integer,
    shard_rows: int | np.integer | None = None,
    format: FileFormat = "npy",
    columns: Columns = "position",
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Dataset:
    """Write rows ``0..rows-1`` of the distribution's stream as shards, and last of all ``dataset.json``.

    A run that was interrupted leaves whole shards and no manifest; the same call again completes it. Rows are made
    about as fast as a disk reads them, so shards are always made anew: a file with the same bytes is left alone, any
    other is replaced. The call is therefore also the repair of a damaged dataset, and does nothing to a whole one.
    One process owns the directory while it writes; its workers write under its lock.

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
        The dataset, as :func:`~generators.datasets.dataset.read_dataset` opens it.
    Raises:
        TypeError: a size or the seed is no integer.
        ValueError: a size below 1, a negative seed, an unknown format, more than the disk or the memory holds, or a
            directory that holds something else.
        DirectoryInUseError: another process writes into the directory; the message names it.
        FileNotFoundError: the directory was removed or replaced meanwhile.
        OSError: as the system reports it; no manifest is written then, and whatever was whole before is still whole.
    Cost: memory for about three shards per job.
    """
    directory = Path(directory)
    job = plan(distribution, rows, sample_seed, shard_rows, format, columns)
    whole_number(n_jobs, "n_jobs", least=-(2**31), most=2**31)
    _check_directory(directory, job)
    _check_sizes(distribution, directory, job, n_jobs)
    with owned_directory(directory, "generate"):
        _check_directory(directory, job)  # again: its last owner may have finished in between
        place = _identity(directory)
        shards, done = [], 0
        for shard in _in_parallel(distribution, directory, job, n_jobs):
            _check_place(directory, place, shard)
            shards.append(shard)
            done += shard["rows"]
            if progress is not None:
                progress(done, job["rows"])
        for shard in shards:
            _check_place(directory, place, shard)
        manifest = seal(job | {"shards": shards})
        if not (directory / MANIFEST).exists() or read_json(directory / MANIFEST) != manifest:
            write_json_atomic(directory / MANIFEST, manifest)
    return read_dataset(directory)


def _check_directory(directory: Path, job: dict[str, Any]) -> None:
    """Nothing but this dataset, whole or not, may be in the directory."""
    path = directory / MANIFEST
    if path.exists():
        try:
            present, _ = read_manifest(path)
        except ValueError as error:
            raise ValueError(f"{directory} holds a dataset that cannot be read ({error}). Delete it first.") from error
        for name in set(job) - {"format", "distribution", "block_bytes"}:
            if present[name] != job[name]:
                raise ValueError(
                    f"{directory} already holds another dataset: its {name} is {present[name]!r}, not {job[name]!r}. "
                    f"Choose another directory, or delete {MANIFEST} and the shards first."
                )
    if not directory.exists():
        return
    if not directory.is_dir():
        raise ValueError(f"{directory} is a file; a dataset needs a directory of its own.")
    others = sorted(p.name for p in directory.iterdir() if not _is_ours(p.name, job) and not p.name.startswith("."))
    if others:
        raise ValueError(
            f"{directory} holds {others[0]!r}, which is no part of this dataset ({len(others)} such files, perhaps of "
            "an interrupted run with other arguments). Choose an empty directory, or delete them first."
        )


def _is_ours(name: str, job: dict[str, Any]) -> bool:
    number = re.fullmatch(r"rows-(\d{5,15})\..*", name, re.ASCII)
    return name == MANIFEST or (
        number is not None and int(number[1]) < n_shards(job) and name == shard_name(int(number[1]), job)
    )


def _check_sizes(distribution: LODistribution, directory: Path, job: dict[str, Any], n_jobs: int) -> None:
    """Refuse what fits neither on the disk nor into memory, before any of it is made; both are lower bounds."""
    token = np.min_scalar_type(distribution.pad_id).itemsize
    on_disk = 2 if job["file_format"] == "jsonl" else token  # a digit and a comma at least
    at_once = min(job["rows"], job["shard_rows"]) * distribution.length
    jobs = n_jobs if n_jobs > 0 else os.cpu_count() or 1
    jobs = min(jobs, n_shards(job))
    check_memory(
        jobs * at_once * (token + 2 * on_disk),
        what=f"writing shards of {min(job['rows'], job['shard_rows'])} rows, {jobs} at once,",
        advice="Lower shard_rows or n_jobs.",
    )
    there = next(path for path in (directory.absolute(), *directory.absolute().parents) if path.exists())
    written = sum(p.stat().st_size for p in there.glob("rows-*.*")) if there == directory.absolute() else 0
    needed, free = job["rows"] * distribution.length * on_disk - written, shutil.disk_usage(there).free
    if needed > free:
        raise ValueError(
            f"{job['rows']} rows of length {distribution.length} take {size(needed)} on disk; {size(free)} are free at "
            f"{there}. Ask for fewer rows, or choose another disk."
        )


def _identity(directory: Path) -> tuple[int, int]:
    found = directory.stat()
    return found.st_dev, found.st_ino


def _check_place(directory: Path, place: tuple[int, int], shard: dict[str, Any]) -> None:
    """A shard that is there, in the directory that the writing began with."""
    try:
        there = _identity(directory) == place and (directory / shard["file"]).stat().st_size == shard["bytes"]
    except FileNotFoundError:
        there = False
    if not there:
        raise FileNotFoundError(
            f"{directory} or {shard['file']} in it was removed or replaced while rows were written; no manifest is "
            "written. Write the dataset again with the same arguments."
        )


def _in_parallel(
    distribution: LODistribution, directory: Path, job: dict[str, Any], n_jobs: int
) -> Iterable[dict[str, Any]]:
    """Entries of the manifest in the order of the shards, as they are finished."""
    numbers = range(n_shards(job))
    if n_jobs == 1:
        return (_write_shard(distribution, directory, job, number) for number in numbers)
    place = directory.absolute()  # a worker may stand elsewhere
    return side_by_side(_write_shard, ((distribution, place, job, number) for number in numbers), jobs=n_jobs)


def _write_shard(distribution: LODistribution, directory: Path, job: dict[str, Any], number: int) -> dict[str, Any]:
    start, stop = shard_range(number, job)
    rows = distribution.rows(job["sample_seed"], start, stop)
    if job["columns"] == "order":
        rows = np.concatenate(distribution.split(rows), axis=1)
    content = shard_content(rows, job["file_format"])
    digest, blocks = digests(content)
    path = directory / shard_name(number, job)
    same = path.is_file() and not path.is_symlink() and path.stat().st_size == len(content) and sha256(path) == digest
    if not same:
        require_owned(directory)
        write_atomic(path, content)
    return {"file": path.name, "rows": stop - start, "bytes": len(content), "sha256": digest, "blocks": blocks}
