"""How fast exact posteriors are: ``python benchmarks/posterior.py``. Prints tables and writes nothing.

Masked sequences per second of processor time on one thread, all marginals of all masked tokens. The number of hidden
tokens is uniform on 1..L, as in training; "slowest" is the worst single sequence among them. The yardstick, the 1.0 of
a ratio, is enumeration at (16, 100), the largest size of the paper's kind that it answers quickly. Compilation is not
counted: it happens once per installation.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported, or its threads are there already

import statistics
import time
from collections.abc import Iterable
from typing import Protocol

import numpy as np

from generators.distribution import LODistribution
from generators.families import nae_sat, sparse_parity
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.posteriors.parities import ParityPosterior

SIZES = ((20, 280), (25, 275), (30, 270), (40, 260), (50, 250), (100, 200))
GOALS = {(20, 280): 10_000.0, (100, 200): 4_000.0}  # sequences per second
RATIOS = (0.5, 0.7, 0.9, 0.95)


class Posterior(Protocol):
    """What is timed."""

    def log_marginals(self, tokens: np.ndarray) -> np.ndarray:
        """Tokens (B, L) -> log-probabilities (B, L, V)."""
        ...


def masked(distribution: LODistribution, n: int, seed: int, ratio: float | None = None) -> np.ndarray:
    """``n`` sequences with a uniform number of hidden tokens on 1..L, or with the share ``ratio`` hidden."""
    rng = np.random.default_rng(seed)
    rows = distribution.sample(n, rng).astype(np.int64)
    length = distribution.length
    hidden = rng.integers(1, length + 1, size=n) if ratio is None else np.full(n, round(ratio * length))
    places = rng.random(rows.shape).argsort(axis=1).argsort(axis=1)
    return np.where(places < hidden[:, None], distribution.mask_id, rows)


def seconds(posterior: Posterior, batches: Iterable[np.ndarray]) -> list[float]:
    """Processor time of one call per batch, after one that warms up."""
    spent = []
    for number, tokens in enumerate([*batches]):
        if number == 0:
            posterior.log_marginals(tokens)
        start = time.process_time()
        posterior.log_marginals(tokens)
        spent.append(time.process_time() - start)
    return spent


def rate(posterior: Posterior, distribution: LODistribution, batch: int, ratio: float | None = None) -> float:
    """Median sequences per second over five batches of other sequences."""
    return batch / statistics.median(seconds(posterior, [masked(distribution, batch, s, ratio) for s in range(5)]))


def main() -> None:
    """Measure and print."""
    small = nae_sat(16, 100, structure_seed=0)
    yardstick = rate(EnumeratedPosterior(small), small, 32)
    print(f"{'NAE-3, hidden tokens uniform on 1..L':<40}{'per second':>12}{'ratio':>8}{'slowest ms':>12}")
    print(f"  {'enumeration (16, 100)':<38}{yardstick:>12,.0f}{1.0:>8.1f}")
    reached = {}
    for size in ((16, 100), *SIZES):
        distribution = nae_sat(*size, structure_seed=0)
        exact = EliminatedPosterior(distribution)
        found = rate(exact, distribution, 1000)
        slowest = max(seconds(exact, np.split(masked(distribution, 1000, 9), 1000)))
        print(f"  {f'elimination {size}':<38}{found:>12,.0f}{found / yardstick:>8.1f}{slowest * 1e3:>12.2f}")
        reached[size] = found
    print(f"\n{'microseconds per sequence, share hidden':<40}" + "".join(f"{ratio:>10}" for ratio in RATIOS))
    for size in SIZES:
        distribution = nae_sat(*size, structure_seed=0)
        exact = EliminatedPosterior(distribution)
        shown = "".join(f"{1e6 / rate(exact, distribution, 200, ratio):>10.0f}" for ratio in RATIOS)
        print(f"  {size!s:<38}{shown}")
    parity = sparse_parity(100, 200, arity=3, noise=0.0, structure_seed=0)
    found = rate(ParityPosterior(parity), parity, 50)
    print(f"\nparities of 3 by Gaussian elimination, (100, 200): {found:,.0f} per second")
    for size, goal in GOALS.items():
        print(f"goal {goal:,.0f} per second at {size}: {'reached' if reached[size] >= goal else 'MISSED'}")


if __name__ == "__main__":
    main()
