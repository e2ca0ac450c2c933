"""The rows that ``--data`` names."""

from __future__ import annotations

from pathlib import Path

from generators.datasets.dataset import Dataset, read_dataset
from generators.datasets.splits_file import SPLITS


def written_rows(directory: Path, split: str | None, *, usual: str) -> Dataset:
    """A dataset, or of a directory with splits the one asked for.

    Args:
        split: its name; ``usual`` if none is given and there are splits.
    Raises:
        FileNotFoundError: there is no dataset, or no such file of it.
        ValueError: no such split, or a damaged dataset.
    """
    if split is None and (directory / SPLITS).exists():
        split = usual
    return read_dataset(directory, split=split)
