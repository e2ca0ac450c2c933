"""What ``lo-theory dataset`` does once its words are understood."""

from __future__ import annotations

import math
import os
import sys
from typing import TYPE_CHECKING

import numpy as np

from analysis.cli.numbers import require_at_least
from generators.datasets.dataset import Dataset
from generators.datasets.formats import Layout
from generators.datasets.manifest import MANIFEST
from generators.datasets.splits_file import read_splits
from generators.datasets.upkeep import datasets_in, export_dataset, repair_dataset, verify_dataset
from generators.ground.memory import size

if TYPE_CHECKING:
    from analysis.cli.dataset import Export, Inspect, Repair, Verify

_LATENT, _OBSERVATION, _PLAIN = "\033[1;36m", "\033[33m", "\033[0m"


def verify(asked: Verify) -> None:
    """Say of every dataset what was checked; ValueError that names the damaged shards."""
    bad = []
    for dataset in datasets_in(asked.directory).values():
        found = verify_dataset(dataset)
        bad += [dataset.manifest["shards"][number]["file"] for number in found.damaged]
        bad += found.contradictions
        for what in (*found.damaged.values(), *(f"{dataset.directory / what}" for what in found.contradictions)):
            print(f"damaged: {what}")
        if found.whole:
            shards = len(dataset.manifest["shards"])
            print(
                f"{dataset.directory}: {len(dataset)} rows in {shards} shards are as they were written; of these "
                f"{found.sampled} are also those of distribution {dataset.fingerprint}, seed {dataset.sample_seed}"
            )
        if not dataset.sealed:
            print(f"unchecked: {dataset.directory / MANIFEST} has no digest of its own")
    if bad:
        raise ValueError(
            f"{asked.directory}: {len(bad)} damaged, first {bad[0]}. Repair it with: "
            f"lo-theory dataset repair {asked.directory}"
        )


def inspect(asked: Inspect) -> None:
    """Print what the dataset is, and its first rows."""
    require_at_least(0, rows=asked.rows)
    datasets = datasets_in(asked.directory)
    distribution = next(iter(datasets.values())).distribution
    nats = distribution.entropy()
    bits = nats / math.log(2)
    print(
        f"{asked.directory}: sequences of {distribution.length} tokens in range({distribution.vocabulary}), "
        f"{distribution.n_latents} latents and {distribution.n_observations} observations\n"
        f"distribution {distribution.fingerprint}, entropy {nats:.4f} nats = {bits:.4f} bits per sequence, "
        f"{bits / distribution.length:.4f} per token"
    )
    splits = {} if None in datasets else read_splits(asked.directory)
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for name, dataset in datasets.items():
        manifest = dataset.manifest
        on_disk = sum(shard["bytes"] for shard in manifest["shards"])
        print(
            f"\n{f'{name}: ' if name else ''}{len(dataset)} rows in {len(manifest['shards'])} shards, "
            f"{manifest['file_format']} with columns {manifest['columns']!r}, {size(on_disk)}, "
            f"sample seed {manifest['sample_seed']}"
        )
        if name in splits and splits[name].repeated is not None:
            print(
                f"{splits[name].repeated} rows occur in the splits before, {splits[name].passed_over} were passed over"
            )
        _show(dataset, min(asked.rows, len(dataset)), coloured)


def _show(dataset: Dataset, count: int, coloured: bool) -> None:
    layout = Layout.of(dataset.distribution, dataset.manifest)
    rows = layout.restored(dataset.rows(0, count))
    frequencies = np.bincount(rows.ravel(), minlength=layout.vocabulary)
    if count:
        print(f"counts of the tokens shown: {', '.join(f'{token}: {n}' for token, n in enumerate(frequencies))}")
    if coloured:
        observed = np.ones(layout.length, dtype=bool)
        observed[dataset.distribution.latent_positions] = False
        for row in rows.tolist():
            marked = (f"{_OBSERVATION if o else _LATENT}{token}" for token, o in zip(row, observed, strict=True))
            print(" ".join(marked) + _PLAIN)
    else:
        for latents, observations in zip(*dataset.distribution.split(rows), strict=True):
            print(" ".join(map(str, latents)), "|", " ".join(map(str, observations)))


def repair(asked: Repair) -> None:
    """Repair, and say which files were written."""
    written = repair_dataset(asked.directory)
    for path in written:
        print(f"{path}: written again")
    number = f"{len(written)} file{'s' * (len(written) > 1)} written again" if written else "nothing to repair"
    print(f"{asked.directory}: {number}")


def export(asked: Export) -> None:
    """Export, and say what was written."""
    from tqdm import tqdm

    require_at_least(1, shard_rows=asked.shard_rows)
    with tqdm(unit="row", unit_scale=True, disable=asked.quiet or None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        written = export_dataset(
            asked.directory,
            asked.out,
            format=asked.format,
            columns=asked.columns,
            shard_rows=asked.shard_rows,
            progress=show,
        )
    for dataset in written.values():
        print(f"{dataset.directory}: {len(dataset)} rows, {asked.format}")
