"""Writing a dataset: shards first, the manifest last, by one owner of the directory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from generators.datasets.card import CARD, dataset_card, is_card, write_card
from generators.datasets.dataset import Dataset, read_dataset
from generators.datasets.formats import Columns, FileFormat, Layout, encoded
from generators.datasets.manifest import MANIFEST, n_shards, plan, read_manifest, shard_name, shard_range
from generators.datasets.room import bytes_of_shards, check_room
from generators.datasets.shards import Digests, holds
from generators.datasets.sources import Source, Stream
from generators.distribution import LODistribution
from generators.ground.codec import seal
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
    """Write rows ``0..rows-1`` of the distribution's stream as shards, a card, and last of all ``dataset.json``.

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
        format: "npy", an array (rows, L) of the smallest unsigned type; "packed", the array of
            ``np.packbits(rows, axis=1)``, for bits alone; "jsonl", one ``{"tokens": [...]}`` per line; "parquet", a
            column ``tokens`` of lists of one length (extra "data").
        columns: "position", the sequence as the distribution has it; "order", column t holding position
            ``order[t]``: latents first, ready for left-to-right training in the natural order; "apart", the same in two
            fields ``latents`` and ``observations``, in jsonl and parquet.
        n_jobs: shards written at once, by joblib (its ``parallel_config`` chooses the backend); the files are the same.
        progress: called with (rows done, rows in all) after each shard.
    Returns:
        The dataset, as :func:`~generators.datasets.dataset.read_dataset` opens it.
    Raises:
        TypeError: a size or the seed is no integer.
        ValueError: a size below 1, a negative seed, an unknown format or one that does not hold such rows, more than
            the disk or the memory holds, or a directory that holds something else.
        DirectoryInUseError: another process writes into the directory; the message names it.
        FileNotFoundError: the directory was removed or replaced meanwhile.
        OSError: as the system reports it; no manifest is written then, and whatever was whole before is still whole.
    Cost: memory for some thousand rows per job; for a few times a shard in jsonl and parquet.
    """
    directory = Path(directory)
    job = plan(distribution, rows, sample_seed, shard_rows, format, columns)
    whole_number(n_jobs, "n_jobs", least=-(2**31), most=2**31)
    check_directory(directory, job)
    check_room(distribution, directory, [job], n_jobs, bytes_of_shards(directory))
    source = Stream(distribution, job["sample_seed"])
    card = dataset_card(distribution, {None: job})
    return write_rows(distribution, source, directory, job, n_jobs=n_jobs, progress=progress, card=card)


def write_rows(
    distribution: LODistribution,
    source: Source,
    directory: Path,
    job: dict[str, Any],
    *,
    n_jobs: int = 1,
    progress: Progress | None = None,
    card: str | None = None,
) -> Dataset:
    """Write what is planned, whatever the rows come from.

    Args:
        card: text of the card; None for a split, whose card lies above.
    """
    layout = Layout.of(distribution, job)
    with owned_directory(directory, "generate"):
        check_directory(directory, job)  # again: its last owner may have finished in between
        place = _identity(directory)
        shards, done = [], 0
        for shard in _in_parallel(source, layout, directory, job, n_jobs):
            _check_place(directory, place, shard)
            shards.append(shard)
            done += shard["rows"]
            if progress is not None:
                progress(done, job["rows"])
        for shard in shards:
            _check_place(directory, place, shard)
        if card is not None:
            write_card(directory, card)
        manifest = seal(job | {"shards": shards})
        if not (directory / MANIFEST).exists() or read_json(directory / MANIFEST) != manifest:
            write_json_atomic(directory / MANIFEST, manifest)
    return read_dataset(directory)


def check_directory(directory: Path, job: dict[str, Any]) -> None:
    """Nothing but this dataset, whole or not, may be in the directory."""
    path = directory / MANIFEST
    if path.exists():
        try:
            present, _ = read_manifest(path)
        except ValueError as error:
            raise ValueError(f"{directory} holds a dataset that cannot be read. Delete it first. {error}") from error
        first = "fingerprint"  # of which the other fields follow: the size of a shard from the length of a row
        others = sorted((set(job) | {"excludes"}) - {"format", "distribution", "block_bytes", first})
        for name in (first, *others):
            if present.get(name) != job.get(name):
                raise ValueError(
                    f"{directory} already holds another dataset: its {name} is {present.get(name)!r}, not "
                    f"{job.get(name)!r}. "
                    f"Choose another directory, or delete {MANIFEST} and the shards first."
                )
    if not directory.exists():
        return
    if not directory.is_dir():
        raise ValueError(f"{directory} is a file; a dataset needs a directory of its own.")
    others = sorted(p.name for p in directory.iterdir() if not _is_ours(p, job) and not p.name.startswith("."))
    if others:
        raise ValueError(
            f"{directory} holds {others[0]!r}, which is no part of this dataset ({len(others)} such files, perhaps of "
            "an interrupted run with other arguments). Choose an empty directory, or delete them first."
        )


def _is_ours(path: Path, job: dict[str, Any]) -> bool:
    if path.name == CARD:
        return is_card(path) or path.with_name(MANIFEST).exists()
    number = re.fullmatch(r"rows-(\d{5,15})\..*", path.name, re.ASCII)
    return path.name == MANIFEST or (
        number is not None and int(number[1]) < n_shards(job) and path.name == shard_name(int(number[1]), job)
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
    source: Source, layout: Layout, directory: Path, job: dict[str, Any], n_jobs: int
) -> Iterable[dict[str, Any]]:
    """Entries of the manifest in the order of the shards, as they are finished."""
    numbers = range(n_shards(job))
    if n_jobs == 1:
        return (write_shard(source, layout, directory, job, number)[0] for number in numbers)
    place = directory.absolute()  # a worker may stand elsewhere
    small = {name: value for name, value in job.items() if name != "distribution"}
    calls = ((source, layout, place, small, number) for number in numbers)
    return (entry for entry, _ in side_by_side(write_shard, calls, jobs=n_jobs))


def write_shard(
    source: Source, layout: Layout, directory: Path, job: dict[str, Any], number: int
) -> tuple[dict[str, Any], bool]:
    """Make one shard; a file with its bytes is left alone. Its entry in the manifest, and whether it was written."""
    start, stop = shard_range(number, job)
    file = encoded(source, start, stop, layout)
    path = directory / shard_name(number, job)
    found = Digests()
    there = holds(path, found.through(file.pieces()), file.n_bytes)
    if not there:
        require_owned(directory)
        found = Digests()
        write_atomic(path, found.through(file.pieces()), n_bytes=file.n_bytes)
    return {"file": path.name, "rows": stop - start, "bytes": file.n_bytes, "blocks": found.blocks()}, not there
