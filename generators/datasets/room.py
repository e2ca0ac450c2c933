"""Whether a dataset fits: judged on the disk and in memory before any of it is made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from generators.datasets.formats import MAPPED, Layout
from generators.datasets.manifest import n_shards
from generators.distribution import LODistribution
from generators.ground.memory import check_disk, check_memory


def check_room(
    distribution: LODistribution, directory: Path, plans: Sequence[dict[str, Any]], n_jobs: int, written: int
) -> None:
    """Refuse what fits neither on the disk nor into memory; both are lower bounds, but for Parquet, which is a guess.

    Args:
        plans: of the datasets that are written one after the other.
        written: bytes that are there already.
    Raises:
        ValueError: says what is needed and what is free.
    """
    bits = Layout.of(distribution, plans[0]).bits
    for plan in plans:
        _check_memory(distribution, plan, n_jobs)
    rows = sum(plan["rows"] for plan in plans)
    check_disk(
        int(rows * distribution.length * bits / 8) - written,
        directory,
        what=f"{rows} rows of length {distribution.length}",
        advice=f"Ask for fewer rows, or choose another disk{_smaller(distribution, plans[0])}.",
    )


def bytes_of_shards(directory: Path) -> int:
    """What the shards in a directory take."""
    return sum(path.stat().st_size for path in directory.glob("rows-*.*")) if directory.is_dir() else 0


def _check_memory(distribution: LODistribution, plan: dict[str, Any], n_jobs: int) -> None:
    """Arrays are written piece by piece; of other formats a shard is in memory, as rows and as text or columns."""
    layout, rows = Layout.of(distribution, plan), min(plan["rows"], plan["shard_rows"])
    if layout.file_format in MAPPED:
        return
    jobs = min(n_jobs if n_jobs > 0 else os.cpu_count() or 1, n_shards(plan))
    check_memory(
        int(jobs * rows * distribution.length * (layout.dtype.itemsize + layout.bits / 4)),
        what=f"writing shards of {rows} rows, {jobs} at once,",
        advice="Lower shard_rows or n_jobs, or choose format 'npy'.",
    )


def _smaller(distribution: LODistribution, plan: dict[str, Any]) -> str:
    bits = distribution.vocabulary == 2 and plan["file_format"] in ("npy", "jsonl")
    return ", or format 'packed', which takes an eighth of an array" if bits else ""
