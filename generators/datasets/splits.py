"""Train, validation and test in one go: one distribution, a stream of draws for each, and what they share."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from generators.datasets.card import CARD, dataset_card, is_card, write_card
from generators.datasets.dataset import Dataset
from generators.datasets.formats import Columns, FileFormat
from generators.datasets.manifest import MANIFEST, plan
from generators.datasets.repeats import check_enough, expected_share, hashes_of, passed_over, repeated_rows
from generators.datasets.room import bytes_of_shards, check_room
from generators.datasets.sources import Stream
from generators.datasets.splits_file import NAME, SPLITS, Split, read_splits, splits_form
from generators.datasets.writing import Progress, check_directory, write_rows
from generators.distribution import LODistribution
from generators.ground.numbers import whole_number
from generators.ground.ownership import owned_directory
from generators.ground.storage import read_json, write_json_atomic


def write_splits(
    distribution: LODistribution,
    directory: str | Path,
    *,
    rows: Mapping[str, int],
    sample_seed: int | np.integer,
    distinct: bool = False,
    shard_rows: int | np.integer | None = None,
    format: FileFormat = "npy",
    columns: Columns = "position",
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> dict[str, Dataset]:
    """Write splits of one distribution into folders of a directory, a card, and last of all ``splits.json``.

    The first split is what :func:`~generators.datasets.writing.write_dataset` writes with this seed; the others have
    seeds derived from it and their names (:func:`split_seed`). Their draws are independent, and where the law has few
    sequences they share some all the same: how many is counted, and beside it stands the expectation.

    Args:
        rows: names of the splits and their numbers of rows; repeats are looked for in the splits before.
        distinct: pass over rows of a stream that occur in a split before. A split may still repeat itself.
        shard_rows, format, columns, n_jobs: as in ``write_dataset``.
        progress: called with (rows done, rows in all) over all splits.
    Returns:
        The datasets by name.
    Raises:
        TypeError: a size or the seed is no integer.
        ValueError: as ``write_dataset``; no split, or a name that is no lower-case word; with ``distinct``, too few
            sequences, which is judged before anything is written.
        OSError: as ``write_dataset``.
    """
    directory = Path(directory)
    jobs = _plans(distribution, rows, sample_seed, shard_rows, format, columns)
    whole_number(n_jobs, "n_jobs", least=-(2**31), most=2**31)
    _check_top(directory, jobs)
    written = sum(bytes_of_shards(directory / name) for name in jobs)
    check_room(distribution, directory, list(jobs.values()), n_jobs, written)
    before = _rows_before(jobs)
    if distinct:
        for name in list(jobs)[1:]:
            check_enough(distribution, before[name], name)
    datasets, done, total = dict[str, Dataset](), 0, sum(job["rows"] for job in jobs.values())
    with owned_directory(directory, "generate"):
        sources = _sources(distribution, jobs, distinct=distinct)
        for name, job in jobs.items():
            check_directory(directory / name, job)
        for name, job in jobs.items():

            def show(now: int, _: int, done: int = done) -> None:
                if progress is not None:
                    progress(done + now, total)

            datasets[name] = write_rows(
                distribution, sources[name], directory / name, job, n_jobs=n_jobs, progress=show
            )
            done += job["rows"]
        splits = _described(distribution, jobs, sources, before, distinct=distinct)
        write_card(directory, dataset_card(distribution, {**jobs}, splits))
        form = splits_form(distribution.fingerprint, list(splits.values()), distinct=distinct)
        if not (directory / SPLITS).exists() or read_json(directory / SPLITS) != form:
            write_json_atomic(directory / SPLITS, form)
    return datasets


def split_seed(sample_seed: int, name: str) -> int:
    """The seed of a split that is not the first: 53 bits of a digest of the first one's seed and the name."""
    digest = hashlib.sha256(f"lo-theory split {name} of sample seed {sample_seed}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 11


def excluding(distribution: LODistribution, job: dict[str, Any]) -> Stream:
    """The source of a planned dataset, without the rows that its plan or manifest excludes."""
    source = Stream(distribution, job["sample_seed"])
    excluded = [(Stream(distribution, one["sample_seed"]), one["rows"]) for one in job.get("excludes", [])]
    if not excluded:
        return source
    return Stream(distribution, job["sample_seed"], passed_over(source, job["rows"], hashes_of(excluded)))


def _plans(
    distribution: LODistribution, rows: Mapping[str, int], sample_seed: Any, shard_rows: Any, format: str, columns: str
) -> dict[str, dict[str, Any]]:
    if not rows:
        raise ValueError("rows names no split; give at least one, such as {'train': 1000, 'test': 100}.")
    jobs: dict[str, dict[str, Any]] = {}
    for name, count in rows.items():
        if not isinstance(name, str) or not re.fullmatch(NAME, name):
            raise ValueError(
                f"a split is named by a word of lower-case letters, digits and '_', at most 32; got {name!r}."
            )
        first = whole_number(sample_seed, "sample_seed", least=0)
        seed = split_seed(first, name) if jobs else first
        jobs[name] = plan(distribution, count, seed, shard_rows, format, columns)
    return jobs


def _rows_before(jobs: dict[str, dict[str, Any]]) -> dict[str, int]:
    before, total = {}, 0
    for name, job in jobs.items():
        before[name] = total
        total += job["rows"]
    return before


def _check_top(directory: Path, jobs: dict[str, dict[str, Any]]) -> None:
    """Nothing but these splits, whole or not, may be in the directory."""
    if not directory.exists():
        return
    if not directory.is_dir():
        raise ValueError(f"{directory} is a file; splits need a directory of their own.")
    if (directory / MANIFEST).exists():
        raise ValueError(f"{directory} holds a dataset without splits. Choose another directory, or delete it first.")
    present = set(read_splits(directory)) if (directory / SPLITS).exists() else set()
    if present - set(jobs):
        raise ValueError(
            f"{directory} already holds the splits {', '.join(sorted(present))}, not {', '.join(jobs)}. Choose another "
            "directory, or delete it first."
        )
    others = sorted(p.name for p in directory.iterdir() if not p.name.startswith(".") and not _is_ours(p, jobs))
    if others:
        raise ValueError(
            f"{directory} holds {others[0]!r}, which is no part of these splits ({len(others)} such files). "
            "Choose an empty directory, or delete them first."
        )


def _is_ours(path: Path, jobs: dict[str, dict[str, Any]]) -> bool:
    if path.name == CARD:
        return is_card(path) or path.with_name(SPLITS).exists()
    return path.name == SPLITS or (path.name in jobs and path.is_dir())


def _sources(distribution: LODistribution, jobs: dict[str, dict[str, Any]], *, distinct: bool) -> dict[str, Stream]:
    """A stream for each split; with ``distinct`` the plans say what they exclude."""
    sources, excludes, seen = dict[str, Stream](), list[dict[str, int]](), np.zeros(0, dtype=np.uint64)
    for number, (name, job) in enumerate(jobs.items()):
        source = Stream(distribution, job["sample_seed"])
        if distinct and number:
            source = Stream(distribution, job["sample_seed"], passed_over(source, job["rows"], seen))
            job["excludes"] = [dict(one) for one in excludes]
            job["passed_over"] = len(source.passed_over)
        sources[name] = source
        if distinct and number + 1 < len(jobs):
            seen = np.union1d(seen, hashes_of([(source, job["rows"])]))
            excludes.append({"sample_seed": job["sample_seed"], "rows": job["rows"] + len(source.passed_over)})
    return sources


def _described(
    distribution: LODistribution,
    jobs: dict[str, dict[str, Any]],
    sources: dict[str, Stream],
    before: dict[str, int],
    *,
    distinct: bool,
) -> dict[str, Split]:
    counts: list[int | None] = [0] * len(jobs)
    if not distinct:
        counts = repeated_rows([(sources[name], job["rows"]) for name, job in jobs.items()])
    return {
        name: Split(
            name=name,
            rows=job["rows"],
            sample_seed=job["sample_seed"],
            repeated=count,
            expected_share=0.0 if distinct else expected_share(distribution, before[name]),
            passed_over=len(sources[name].passed_over),
        )
        for (name, job), count in zip(jobs.items(), counts, strict=True)
    }
