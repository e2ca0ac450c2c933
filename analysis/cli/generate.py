"""``lo-theory generate``: rows of a distribution on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analysis.cli.families import Family
from analysis.cli.numbers import require_at_least
from generators.datasets.manifest import Columns, FileFormat
from generators.datasets.writing import write_dataset


@dataclass(frozen=True, kw_only=True)
class Generate:
    """Write a synthetic dataset: shards of rows and a manifest that holds the distribution itself.

    Attributes:
        distribution: what to draw from; its options follow its name.
        out: directory, made if needed; the same call again completes or repairs it.
        rows: sequences.
        sample_seed: names the draws. Train and test sets take different ones and the same structure seed.
        format: "npy" arrays or "jsonl" lines.
        columns: "position" keeps the sequence as it is, "order" puts the latents first.
        shard_rows: sequences per file; about 16 MiB if not given.
        jobs: shards written at once.
        cluster: address of a Dask scheduler whose workers write the shards, such as tcp://host:8786 (extra "cluster");
            they must see the directory.
        quiet: show no progress; what was written is said all the same.
    """

    distribution: Family
    out: Path
    rows: int
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
        distribution = self.distribution.build()
        bar = tqdm(total=self.rows, unit="row", unit_scale=True, disable=self.quiet or None)
        with cluster(self.cluster, self.jobs, shared=self.out) as jobs, bar:

            def show(done: int, total: int) -> None:
                bar.update(done - bar.n)

            dataset = write_dataset(
                distribution,
                self.out,
                rows=self.rows,
                sample_seed=self.sample_seed,
                shard_rows=self.shard_rows,
                format=self.format,
                columns=self.columns,
                n_jobs=jobs or 1,
                progress=show,
            )
        print(
            f"{self.out}: {len(dataset)} rows of length {distribution.length}, "
            f"distribution {distribution.fingerprint}, entropy {distribution.entropy():.4f} nats per sequence"
        )
