"""A written dataset against the same rows in memory: ``python benchmarks/token_dataset.py``.

``DataLoader(shuffle=True)`` over a ``TokenDataset`` and over a ``TensorDataset`` of the same rows as int64, in turns in
one run, without workers; processor time of an epoch on one thread, medians of the ratios. The first epoch, which
compares every block with its digest, is shown apart. Writes a temporary folder and prints a table.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, or its threads are there already

import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import torch
from torch.utils.data import DataLoader, TensorDataset

from generators import nae_sat, write_dataset
from generators.datasets.formats import FileFormat
from lo_theory import ShuffledSampler, TokenDataset

REPEATS = 7
CASES: dict[str, tuple[int, int, int, int, FileFormat]] = {
    "300 tokens, 1 shard": (20, 280, 40_000, 40_000, "npy"),
    "300 tokens, 20 shards": (20, 280, 40_000, 2_000, "npy"),
    "300 tokens, 1,000 shards": (20, 280, 40_000, 40, "npy"),
    "300 tokens, 20 shards, packed": (20, 280, 40_000, 2_000, "packed"),
    "12 tokens, 20 shards": (4, 8, 100_000, 5_000, "npy"),
}
"""N, P, rows, rows per shard, format."""
BATCH_ROWS = (64, 256)


def seconds(loader: Iterable) -> float:
    """Processor time of one epoch."""
    start = time.process_time()
    for _ in loader:
        pass
    return time.process_time() - start


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    print(
        f"{'':<32}{'batch':>6}{'first epoch':>14}{'later':>8}{'ShuffledSampler':>18}   x TensorDataset, of whole epochs"
    )
    for name, (n, p, rows, shard_rows, form) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            distribution = nae_sat(n, p, structure_seed=0)
            where = Path(folder) / "rows"
            written = write_dataset(distribution, where, rows=rows, sample_seed=1, shard_rows=shard_rows, format=form)
            held = TensorDataset(torch.from_numpy(written.rows(0, rows)).long())
            for batch in BATCH_ROWS:
                tokens = TokenDataset(where)
                first = seconds(DataLoader(tokens, batch, shuffle=True))
                base, ratios, own = 0.0, list[float](), list[float]()
                for repeat in range(REPEATS):
                    base = seconds(DataLoader(held, batch, shuffle=True))
                    ratios.append(seconds(DataLoader(tokens, batch, shuffle=True)) / base)
                    sampler = ShuffledSampler(rows, seed=repeat)
                    own.append(seconds(DataLoader(tokens, batch, sampler=sampler)) / base)
                later, sampled = statistics.median(ratios), statistics.median(own)
                print(f"{name:<32}{batch:>6}{first / base:>14.2f}{later:>8.2f}{sampled:>18.2f}")


if __name__ == "__main__":
    main()
