"""How fast rows are drawn: ``python benchmarks/sampling.py``. Prints a table and writes nothing.

All in one process on one thread (the environment is set below), medians of several repetitions. "gather" is what a
plain implementation does: draw int64 latents, take ``z[:, scopes]`` and compare. The first line of a block is the 1.0
of its last column.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported, or its threads are there already

import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np

from generators.datasets.formats import FileFormat
from generators.datasets.writing import write_dataset
from generators.distribution import LODistribution
from generators.families import local_hash, nae_sat, random_logic, random_slabs, whole_hash
from generators.observations.noise import Noisy
from generators.observations.rules.rule import LogicRule

ROWS, N_LATENTS, N_OBSERVATIONS = 4096, 20, 280
GOAL = 10.0  # times the gather
FEW = 512  # rows a call that are drawn by NumPy alone
NOISE = 0.1


def rows_per_second(draw: Callable[[int], object], rows: int, repetitions: int = 15) -> float:
    """Median rate; ``draw(i)`` makes ``rows`` rows, other ones for every i."""
    draw(0)  # tables and caches are made once
    seconds = []
    for repetition in range(1, repetitions + 1):
        start = time.perf_counter()
        draw(repetition)
        seconds.append(time.perf_counter() - start)
    return rows / statistics.median(seconds)


def gather(scopes: np.ndarray) -> Callable[[int], np.ndarray]:
    """Rows (n, L) of int64 by a gather (n, P, k), row-major."""

    def draw(seed: int) -> np.ndarray:
        latents = np.random.default_rng(seed).integers(2, size=(ROWS, N_LATENTS))
        picked = latents[:, scopes]
        observed = (picked != picked[..., :1]).any(axis=-1).astype(np.int64)
        return np.concatenate([latents, observed], axis=1)

    return draw


def stream(distribution: LODistribution, rows: int = ROWS) -> Callable[[int], np.ndarray]:
    """Rows (n, L) of uint8 from the distribution's own stream."""
    return lambda i: distribution.rows(0, i * rows, (i + 1) * rows)


def digest_per_observation(rows: int) -> Callable[[int], np.ndarray]:
    """A bit of a keyed hash for every single observation of every row."""

    def draw(seed: int) -> np.ndarray:
        latents = np.random.default_rng(seed).integers(2, size=(rows, N_LATENTS), dtype=np.uint8)
        numbers = [j.to_bytes(2, "little") for j in range(N_OBSERVATIONS)]
        bits = [
            [hashlib.blake2b(z + j, key=b"key", digest_size=1).digest()[0] & 1 for j in numbers]
            for z in map(bytes, latents)
        ]
        return np.concatenate([latents, np.array(bits, dtype=np.uint8)], axis=1)

    return draw


def show(title: str, rates: dict[str, float]) -> None:
    """One block; the first entry is the yardstick."""
    yardstick = next(iter(rates.values()))
    print(f"{title:<46}{'rows/s':>12}{'ratio':>10}")
    for name, rate in rates.items():
        print(f"  {name:<44}{rate:>12,.0f}{rate / yardstick:>10.1f}")
    print()


def one_digest_per_row(rows: int, length: int, bits: int) -> Callable[[int], object]:
    """hashlib's own time: a keyed digest for each of ``rows`` messages that lie ready, and nothing else."""
    messages = [bytes(row) for row in np.random.default_rng(0).integers(2, size=(rows, length), dtype=np.uint8)]
    key, size = bytes(64), min(64, -(-bits // 8))
    return lambda _: [hashlib.blake2b(message, digest_size=size, key=key).digest() for message in messages]


def gather_tables(distribution: LODistribution) -> Callable[[int], np.ndarray]:
    """Rows of noisy logic, plainly: each table indexed by the latents of its scope, bits flipped by a uniform."""
    rules = cast("LogicRule", cast("Noisy", distribution.functions[0]).base)
    tables = np.array([table.ravel() for table in rules.tables])
    weights = 2 ** np.arange(rules.scopes.shape[1])[::-1]

    def draw(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        latents = rng.integers(2, size=(ROWS, N_LATENTS))
        observed = tables[np.arange(N_OBSERVATIONS), latents[:, rules.scopes] @ weights]
        observed ^= (rng.random(observed.shape) < NOISE).astype(observed.dtype)
        return np.concatenate([latents, observed], axis=1)

    return draw


def with_numpy_alone(distribution: LODistribution) -> Callable[[int], None]:
    """The same rows, too few at a time for compiled kernels."""

    def draw(i: int) -> None:
        for start in range(i * ROWS, (i + 1) * ROWS, FEW):
            distribution.rows(0, start, start + FEW)

    return draw


def to_disk(distribution: LODistribution, directory: Path) -> dict[str, float]:
    """Bytes of rows per second of processor time, all measured in turn: rows to files, and parts of that by themselves.

    A row counts L bytes in every format.
    """
    rows = 2**17
    content = distribution.rows(0, 0, rows).tobytes()

    def write(file_format: FileFormat) -> Callable[[int], object]:
        return lambda i: write_dataset(
            distribution, directory / f"{file_format}-{i}", rows=rows, sample_seed=i, format=file_format
        )

    parts: dict[str, Callable[[int], object]] = {
        "SHA-256 alone": lambda _: hashlib.sha256(content),
        "rows drawn": lambda i: distribution.rows(i, 0, rows),
        "rows to disk with digests, npy": write("npy"),
        "rows to disk with digests, packed": write("packed"),
        "rows to disk with digests, parquet": write("parquet"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for repetition in range(-1, 7):  # the first loads and compiles
        for name, part in parts.items():
            start = time.process_time()
            part(repetition + 1)
            if repetition >= 0:
                seconds[name].append(time.process_time() - start)
    return {name: len(content) / statistics.median(found) for name, found in seconds.items()}


def main() -> None:
    """Measure and print."""
    sizes = (N_LATENTS, N_OBSERVATIONS)
    nae = nae_sat(*sizes, structure_seed=0)
    plain = rows_per_second(gather(nae.functions[0].scopes), ROWS)
    ours = rows_per_second(stream(nae), ROWS)
    show(
        f"NAE {sizes}, {ROWS} rows a call",
        {
            "gather z[:, scopes], int64": plain,
            f"rows(), {FEW} rows a call: NumPy alone": rows_per_second(with_numpy_alone(nae), ROWS),
            "rows()": ours,
            "rows(), 65,536 rows a call": rows_per_second(stream(nae, 65536), 65536, 5),
            "packed_rows()": rows_per_second(lambda i: nae.packed_rows(0, i * ROWS, (i + 1) * ROWS), ROWS),
            "rows(), random order": rows_per_second(
                stream(nae_sat(*sizes, structure_seed=0, order=np.random.default_rng(0).permutation(300))), ROWS
            ),
        },
    )
    show(
        f"keyed hash of all latents {sizes}",
        {
            "hashlib's own time for a digest per row": rows_per_second(
                one_digest_per_row(ROWS, N_LATENTS, N_OBSERVATIONS), ROWS
            ),
            "rows()": rows_per_second(stream(whole_hash(*sizes, structure_seed=0)), ROWS),
            "a digest per observation": rows_per_second(digest_per_observation(64), 64, 5),
        },
    )
    noisy = random_logic(*sizes, noise=NOISE, structure_seed=0)
    show(
        f"random logic, k = 3, noise {NOISE} {sizes}",
        {
            "gather tables[j, z[:, scopes]], flip by uniforms": rows_per_second(gather_tables(noisy), ROWS),
            f"rows(), {FEW} rows a call: NumPy alone": rows_per_second(with_numpy_alone(noisy), ROWS),
            "rows()": rows_per_second(stream(noisy), ROWS),
        },
    )
    show(
        f"other families {sizes}",
        {
            "gather, as above": plain,
            "local hash, k = 3": rows_per_second(stream(local_hash(*sizes, structure_seed=0)), ROWS),
            "random logic, k = 3": rows_per_second(stream(random_logic(*sizes, structure_seed=0)), ROWS),
            "random slabs": rows_per_second(stream(random_slabs(*sizes, 0.7, structure_seed=0)), ROWS),
            "NAE with 3 values": rows_per_second(stream(nae_sat(*sizes, latent_alphabet=3, structure_seed=0)), ROWS),
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        rates = to_disk(nae, Path(folder))
    print(f"NAE {sizes} to disk, {'GB/s of one processor, L bytes a row':<24}")
    for name, rate in rates.items():
        print(f"  {name:<44}{rate / 1e9:>9.2f} GB/s{rate / rates['SHA-256 alone']:>8.2f}")
    print()
    print(
        f"NAE: {ours / plain:.1f} times the gather; goal {GOAL:.0f}: {'reached' if ours >= GOAL * plain else 'MISSED'}"
    )


if __name__ == "__main__":
    main()
