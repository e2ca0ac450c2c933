"""``lo-theory generate``: rows of a distribution on disk."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tyro.conf import UseAppendAction

from analysis.cli.families import Family
from analysis.cli.numbers import require_at_least, whole_number
from generators.datasets.formats import Columns, FileFormat
from generators.datasets.splits import write_splits
from generators.datasets.splits_file import NAME, read_splits
from generators.datasets.writing import write_dataset


@dataclass(frozen=True, kw_only=True)
class Generate:
    """Write a synthetic dataset: shards of rows, a card, and a manifest that holds the distribution itself.

    Attributes:
        distribution: what to draw from; its options follow its name.
        out: directory, made if needed; the same call again completes or repairs it.
        rows: sequences; of the split "train" if there are others.
        split: another split and its sequences, such as test=10_000; may be given several times. All draw from one
            distribution, each from a stream of its own; what they share is counted.
        distinct: pass over sequences that occur in a split before.
        sample_seed: names the draws; those of other splits follow from it.
        format: "npy" arrays, "packed" bits in an eighth of the space, "jsonl" lines, or "parquet" (extra "data").
        columns: "position" keeps the sequence as it is, "order" puts the latents first, "apart" gives latents and
            observations fields of their own (jsonl, parquet).
        shard_rows: sequences per file; about 16 MiB if not given.
        jobs: shards written at once.
        cluster: address of a Dask scheduler whose workers write the shards, such as tcp://host:8786 (extra "cluster");
            they must see the directory.
        quiet: show no progress; what was written is said all the same.
    """

    distribution: Family
    out: Path
    rows: int
    split: UseAppendAction[tuple[str, ...]] = ()
    distinct: bool = False
    sample_seed: int = 0
    format: FileFormat = "npy"
    columns: Columns = "position"
    shard_rows: int | None = None
    jobs: int = 1
    cluster: str | None = None
    quiet: bool = False

    def run(self) -> None:
        """Write the dataset and say what it is."""
        from tqdm import tqdm

        from analysis.cli.cluster import cluster

        require_at_least(1, rows=self.rows, jobs=self.jobs, shard_rows=self.shard_rows)
        require_at_least(0, sample_seed=self.sample_seed)
        rows = self._rows()
        distribution = self.distribution.build()
        bar = tqdm(total=sum(rows.values()), unit="row", unit_scale=True, disable=self.quiet or None)
        with cluster(self.cluster, self.jobs, shared=self.out) as jobs, bar:

            def show(done: int, total: int) -> None:
                bar.update(done - bar.n)

            options: dict[str, Any] = {
                "sample_seed": self.sample_seed,
                "shard_rows": self.shard_rows,
                "format": self.format,
                "columns": self.columns,
                "n_jobs": jobs or 1,
                "progress": show,
            }
            if len(rows) == 1:
                write_dataset(distribution, self.out, rows=self.rows, **options)
            else:
                write_splits(distribution, self.out, rows=rows, distinct=self.distinct, **options)
        print(
            f"{self.out}: {', '.join(map(str, rows.values()))} rows of length {distribution.length}, "
            f"distribution {distribution.fingerprint}, entropy {distribution.entropy():.4f} nats per sequence"
        )
        if len(rows) > 1:
            self._tell_splits()

    def _rows(self) -> dict[str, int]:
        """Splits by name and their numbers of rows."""
        rows = {"train": self.rows}
        for text in self.split:
            name, equals, count = text.partition("=")
            if not equals or not re.fullmatch(NAME, name) or name in rows:
                raise ValueError(
                    f"--split takes the name of a split and its number of rows, such as test=10_000; got {text!r}. A "
                    'name is a lower-case word and stands for one split; --rows says those of "train".'
                )
            rows[name] = whole_number(count)
            if rows[name] < 1:
                raise ValueError(f"--split {name} must have at least 1 row; got {count}.")
        if self.distinct and len(rows) == 1:
            raise ValueError("--distinct is about several splits; add one, such as --split test=10_000.")
        return rows

    def _tell_splits(self) -> None:
        for split in list(read_splits(self.out).values())[1:]:
            share = "were not counted" if split.repeated is None else f"are {split.repeated / split.rows:.2%}"
            expected = (
                "" if split.expected_share is None or self.distinct else f" ({split.expected_share:.2%} expected)"
            )
            left_out = f"; {split.passed_over} rows of its stream were passed over" if self.distinct else ""
            print(f"{split.name}: {split.rows} rows; those that occur in the splits before {share}{expected}{left_out}")
