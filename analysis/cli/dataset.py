"""``lo-theory dataset verify | inspect | repair | export``: datasets that were written, looked after."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from generators.datasets.formats import Columns, FileFormat


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Check every shard against its digests, and a sample of rows against the distribution; names what is damaged.

    Attributes:
        directory: of the dataset, or of its splits.
    """

    directory: Positional[Path]

    def run(self) -> None:
        """Say what was checked; ValueError if something is damaged."""
        from analysis.cli.dataset_upkeep import verify

        verify(self)


@dataclass(frozen=True, kw_only=True)
class Inspect:
    """Show counts, entropy and a few rows, latents and observations in colour; reads little of the data.

    Attributes:
        directory: of the dataset, or of its splits.
        rows: how many to show of each split.
    """

    directory: Positional[Path]
    rows: int = 5

    def run(self) -> None:
        """Print what the dataset is."""
        from analysis.cli.dataset_upkeep import inspect

        inspect(self)


@dataclass(frozen=True, kw_only=True)
class Repair:
    """Write again what is damaged or gone, and nothing else; says which files.

    Attributes:
        directory: of the dataset, or of its splits.
    """

    directory: Positional[Path]

    def run(self) -> None:
        """Repair, and say what was written."""
        from analysis.cli.dataset_upkeep import repair

        repair(self)


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write the same rows in another format, into another directory.

    Attributes:
        directory: of the dataset, or of its splits.
        out: directory, made if needed.
        format: "npy" arrays, "packed" bits, "jsonl" lines, or "parquet" (extra "data").
        columns: "position" keeps the sequence as it is, "order" puts the latents first, "apart" gives latents and
            observations fields of their own (jsonl, parquet).
        shard_rows: sequences per file; about 16 MiB if not given.
        quiet: show no progress; what was written is said all the same.
    """

    directory: Positional[Path]
    out: Path
    format: FileFormat
    columns: Columns = "position"
    shard_rows: int | None = None
    quiet: bool = False

    def run(self) -> None:
        """Export, and say what was written."""
        from analysis.cli.dataset_upkeep import export

        export(self)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Look after a dataset that "lo-theory generate" wrote.

    Attributes:
        action: what to do.
    """

    action: Verify | Inspect | Repair | Export

    def run(self) -> None:
        """Do it."""
        self.action.run()
