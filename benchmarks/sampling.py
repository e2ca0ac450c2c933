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
import time
from collections.abc import Callable

import numpy as np

from generators.distribution import LODistribution
from generators.families import local_hash, nae_sat, random_logic, random_slabs, whole_hash

ROWS, N_LATENTS, N_OBSERVATIONS = 4096, 20, 280
GOAL = 10.0  # times the gather


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
            "rows(), uint8": ours,
            "rows(), uint8, 256 rows a call": rows_per_second(stream(nae, 256), 256, 60),
            "rows(), uint8, 65,536 rows a call": rows_per_second(stream(nae, 65536), 65536, 5),
            "random order": rows_per_second(
                stream(nae_sat(*sizes, structure_seed=0, order=np.random.default_rng(0).permutation(300))), ROWS
            ),
        },
    )
    show(
        f"keyed hash of all latents {sizes}",
        {
            "a digest per observation": rows_per_second(digest_per_observation(64), 64, 5),
            "a digest per row": rows_per_second(stream(whole_hash(*sizes, structure_seed=0)), ROWS),
        },
    )
    show(
        f"other families {sizes}",
        {
            "gather, as above": plain,
            "local hash, k = 3": rows_per_second(stream(local_hash(*sizes, structure_seed=0)), ROWS),
            "random logic, k = 3": rows_per_second(stream(random_logic(*sizes, structure_seed=0)), ROWS),
            "random logic, k = 3, noise 0.1": rows_per_second(
                stream(random_logic(*sizes, noise=0.1, structure_seed=0)), ROWS
            ),
            "random slabs": rows_per_second(stream(random_slabs(*sizes, 0.7, structure_seed=0)), ROWS),
            "NAE with 3 values": rows_per_second(stream(nae_sat(*sizes, latent_alphabet=3, structure_seed=0)), ROWS),
        },
    )
    print(
        f"NAE: {ours / plain:.1f} times the gather; goal {GOAL:.0f}: {'reached' if ours >= GOAL * plain else 'MISSED'}"
    )


if __name__ == "__main__":
    main()
