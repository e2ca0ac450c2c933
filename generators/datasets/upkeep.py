"""Upkeep of datasets: everything checked, what is damaged written again, the rows in another format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from generators.datasets.card import CARD, dataset_card, write_card
from generators.datasets.dataset import Dataset, opened
from generators.datasets.formats import Columns, FileFormat, Layout
from generators.datasets.manifest import MANIFEST, plan, shard_range
from generators.datasets.room import check_room
from generators.datasets.sources import Stored
from generators.datasets.splits import excluding
from generators.datasets.splits_file import SPLITS, read_splits, splits_form
from generators.datasets.writing import Progress, write_rows, write_shard
from generators.ground.codec import seal
from generators.ground.ownership import owned_directory
from generators.ground.storage import write_json_atomic

SAMPLE = 4096
"""Rows of a dataset that are compared with its distribution and its stream, spread over the shards."""

_OF_A_MANIFEST = {"shards", "digest"}  # what a manifest has and its plan has not


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What was found in one dataset.

    Attributes:
        damaged: shards that are not as they were written, by number, and what is wrong.
        contradictions: what the rows say against the distribution or the seed of the manifest.
        sampled: rows that were compared with them.
    """

    dataset: Dataset
    damaged: dict[int, str]
    contradictions: list[str]
    sampled: int

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.damaged and not self.contradictions


def datasets_in(directory: str | Path) -> dict[str | None, Dataset]:
    """The splits of a directory by name, or its one dataset under None; shards are not looked at.

    Raises:
        FileNotFoundError: there is no manifest.
        ValueError: a manifest that is damaged, or is not that of the split it stands in.
    """
    directory = Path(directory)
    if (directory / MANIFEST).exists() or not (directory / SPLITS).exists():
        return {None: opened(directory)}
    found = dict[str | None, Dataset]()
    for name, split in read_splits(directory).items():
        dataset = opened(directory / name)
        if (len(dataset), dataset.sample_seed) != (split.rows, split.sample_seed):
            raise ValueError(
                f"{directory / SPLITS} says that {name} has {split.rows} rows of seed {split.sample_seed}; "
                f"{dataset.directory} has {len(dataset)} of seed {dataset.sample_seed}. One is of another dataset."
            )
        found[name] = dataset
    return found


def verify_dataset(dataset: Dataset) -> Verified:
    """Compare every shard with its digests, and a sample of rows with the alphabet, the law and the stream.

    Rows agree with the law if none has probability 0: without noise, if the observations are those of the latents.
    """
    damaged, wrong, sampled = dict[int, str](), list[str](), 0
    shards = len(dataset.manifest["shards"])
    source = excluding(dataset.distribution, dataset.manifest)
    layout = Layout.of(dataset.distribution, dataset.manifest)
    for number in range(shards):
        try:
            stored = dataset.shard(number)
        except (ValueError, OSError) as error:
            damaged[number] = str(error)
            continue
        taken = min(len(stored), max(1, SAMPLE // shards))
        rows = layout.restored(np.asarray(stored[:taken]))
        start, _ = shard_range(number, dataset.manifest)
        name = dataset.manifest["shards"][number]["file"]
        wrong += [f"{name}: {what}" for what in _contradictions(dataset, rows, source.rows(start, start + taken))]
        sampled += taken
    return Verified(dataset=dataset, damaged=damaged, contradictions=wrong, sampled=sampled)


def _contradictions(
    dataset: Dataset, rows: Integer[np.ndarray, "n L"], drawn: Integer[np.ndarray, "n L"]
) -> Iterator[str]:
    distribution = dataset.distribution
    outside = (rows >= distribution.alphabets).any(axis=1)
    if outside.any():
        yield f"row {int(outside.argmax())} of it has a token outside its alphabet"
    impossible = ~np.isfinite(distribution.log_prob(rows))
    if impossible.any():
        yield (
            f"{int(impossible.sum())} of {len(rows)} rows are impossible under the distribution: their observations do "
            "not agree with their latents"
        )
    if (rows != drawn).any():
        yield (
            f"row {int((rows != drawn).any(axis=1).argmax())} of it is not what the distribution and sample seed "
            f"{dataset.sample_seed} give"
        )


def repair_dataset(directory: str | Path) -> list[Path]:
    """Write again what is damaged or gone: shards, digests that no longer fit, and the card; nothing else is touched.

    Returns:
        The files that were written.
    Raises:
        FileNotFoundError, ValueError: there is no manifest, or it is damaged itself: only the command that wrote the
            dataset makes it again.
        OSError: as the system reports it.
    """
    directory = Path(directory)
    datasets = datasets_in(directory)
    written = [path for dataset in datasets.values() for path in _repaired(dataset)]
    with owned_directory(directory, "dataset repair"):
        first = next(iter(datasets.values()))
        plans = {name: _plan(dataset) for name, dataset in datasets.items()}
        splits = None if None in datasets else read_splits(directory)
        if not (directory / CARD).exists() and write_card(directory, dataset_card(first.distribution, plans, splits)):
            written.append(directory / CARD)
    return written


def _repaired(dataset: Dataset) -> Iterator[Path]:
    found = verify_dataset(dataset)
    bad = set(found.damaged) | {n for n, s in enumerate(dataset.manifest["shards"]) if _said_of(s["file"], found)}
    if not bad and dataset.sealed:
        return
    job = _plan(dataset)
    source, layout = excluding(dataset.distribution, job), Layout.of(dataset.distribution, job)
    with owned_directory(dataset.directory, "dataset repair"):
        entries = list(dataset.manifest["shards"])
        for number in range(len(entries)) if not dataset.sealed else sorted(bad):
            entries[number], anew = write_shard(source, layout, dataset.directory, job, number)
            if anew:
                yield dataset.directory / entries[number]["file"]
        manifest = seal(job | {"shards": entries})
        if manifest != dataset.manifest:
            write_json_atomic(dataset.directory / MANIFEST, manifest)
            yield dataset.directory / MANIFEST


def _said_of(file: str, found: Verified) -> bool:
    return any(what.startswith(f"{file}: ") for what in found.contradictions)


def _plan(dataset: Dataset) -> dict[str, Any]:
    """What decides the bytes, in the format of now."""
    known = {name: value for name, value in dataset.manifest.items() if name not in _OF_A_MANIFEST}
    now = plan(
        dataset.distribution,
        len(dataset),
        dataset.sample_seed,
        known["shard_rows"],
        known["file_format"],
        known["columns"],
    )
    return now | {name: known[name] for name in ("excludes", "passed_over") if name in known}


def export_dataset(
    directory: str | Path,
    out: str | Path,
    *,
    format: FileFormat,
    columns: Columns = "position",
    shard_rows: int | None = None,
    progress: Progress | None = None,
) -> dict[str | None, Dataset]:
    """Write the rows of a dataset, or of all its splits, in another format; each is checked as it is read.

    Args:
        out: another directory, made if needed.
        shard_rows: rows per file; by default what ``write_dataset`` takes for this format.
    Returns:
        The new datasets by split, or the one under None.
    Raises:
        FileNotFoundError, ValueError: a shard that is gone or damaged, a format that does not hold such rows, more than
            the disk holds, or a directory that holds something else.
        OSError: as the system reports it.
    """
    directory, out = Path(directory), Path(out)
    if out.resolve() == directory.resolve():
        raise ValueError(f"{out} is the dataset itself; export it into another directory.")
    datasets = datasets_in(directory)
    distribution = next(iter(datasets.values())).distribution
    jobs = dict[str | None, dict[str, Any]]()
    for name, dataset in datasets.items():
        job = plan(distribution, len(dataset), dataset.sample_seed, shard_rows, format, columns)
        jobs[name] = job | {
            key: dataset.manifest[key] for key in ("excludes", "passed_over") if key in dataset.manifest
        }
    check_room(distribution, out, list(jobs.values()), 1, 0)
    splits = None if None in datasets else read_splits(directory)
    card = dataset_card(distribution, jobs, splits)
    written = dict[str | None, Dataset]()
    for name, dataset in datasets.items():
        place, text = (out, card) if name is None else (out / name, None)
        source = Stored(dataset)
        written[name] = write_rows(distribution, source, place, jobs[name], progress=progress, card=text)
    if splits is not None:
        with owned_directory(out, "dataset export"):
            write_card(out, card)
            distinct = any("excludes" in job for job in jobs.values())
            form = splits_form(distribution.fingerprint, list(splits.values()), distinct=distinct)
            write_json_atomic(out / SPLITS, form)
    return written
