"""The exact posterior against the plain way: ``python benchmarks/exact_core.py``. Prints tables and writes nothing.

``naive_elimination.py`` beside it is the yardstick: one compiled variable elimination for every question. Both answer
the same masked sequences in turn, in one process on one thread; a number is a median of processor time. The number of
hidden tokens is uniform on 1..L, as in training. Then both answer single masks, each as a batch of equal rows so that
the cost of a call counts little: on how many is ours the slower one? Compilation is not counted.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported, or its threads are there already

import statistics
import time

import numpy as np
from naive_elimination import NaivePosterior
from posterior import SIZES, Posterior, masked

from generators.families import nae_sat
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior

BATCH, TURNS = 300, 7
MASKS, EQUAL_ROWS, TRIES = 1000, 20, 5
GOAL = 3.0  # times as fast on average at every size
AGREEMENT = 1e-12  # of a probability


def in_turn(posteriors: tuple[Posterior, Posterior], tokens: np.ndarray, turns: int) -> tuple[list[float], float]:
    """Median microseconds per sequence of each, and the median of the second over the first."""
    spent: list[list[float]] = [[], []]
    for _ in range(turns):
        for posterior, times in zip(posteriors, spent, strict=True):
            start = time.process_time()
            posterior.log_marginals(tokens)
            times.append(1e6 * (time.process_time() - start) / len(tokens))
    ratio = statistics.median(theirs / ours for ours, theirs in zip(*spent, strict=True))
    return [statistics.median(times) for times in spent], ratio


def main() -> None:
    """Measure and print."""
    print(f"{'NAE-3, microseconds per sequence':<36}{'ours':>8}{'plain':>8}{'ratio':>8}{'difference':>12}")
    reached, single, where = [], [], []
    for size in SIZES:
        distribution = nae_sat(*size, structure_seed=0)
        both = (EliminatedPosterior(distribution), NaivePosterior(distribution))
        tokens = masked(distribution, BATCH, seed=3)
        ours, theirs = (np.exp(posterior.log_marginals(tokens)) for posterior in both)
        difference = float(np.abs(ours - theirs).max())
        (mine, plain), ratio = in_turn(both, tokens, TURNS)
        reached.append(ratio >= GOAL and difference <= AGREEMENT)
        print(f"  {size!s:<34}{mine:>8.1f}{plain:>8.1f}{ratio:>8.2f}{difference:>12.1e}", flush=True)
        for row in masked(distribution, -(-MASKS // len(SIZES)), seed=4)[: MASKS // len(SIZES) + 1]:
            single.append(in_turn(both, np.tile(row, (EQUAL_ROWS, 1)), TRIES)[1])
            where.append((size, int((row == distribution.mask_id).sum())))
    slower = [place for ratio, place in zip(single, where, strict=True) if ratio < 1.0]
    print(f"\n{len(single)} single masks: ratios {min(single):.2f} to {max(single):.2f}, ours slower on {len(slower)}")
    for size, hidden in slower[:10]:
        print(f"  slower at {size} with {hidden} tokens hidden")
    print(f"goal {GOAL:g} times as fast at every size: {'reached' if all(reached) else 'MISSED'}")


if __name__ == "__main__":
    main()
