"""The exact posterior against the plain way: ``python benchmarks/exact_core.py``. Prints tables and writes nothing.

``naive_elimination.py`` beside it is the yardstick: one compiled variable elimination for every question. Both answer
the same masked sequences in turn, in one process on one thread; a number is a median of processor time. The number of
hidden tokens is uniform on 1..L, as in training. Then both answer single masks, each as a batch of equal rows so that
the cost of a call counts little: on how many is ours the slower one? Wide sequences are beyond the plain way: there all
marginals are compared with one elimination, that of the evidence, for every hidden token. Two threads are compared with
one by wall time, and the processor time that they got says what that is worth. Compilation is not counted.
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
WIDE = (((100, 1000), 4, 0.95), ((500, 5000), 3, 0.95), ((200, 1000), 4, 0.9))  # size, arity, share hidden
WIDE_ROWS, WIDEST = 4, 14
THREADS, THREAD_ROWS, THREAD_TURNS = 2, 4000, 5


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


def wide() -> None:
    """All marginals of wide sequences over one elimination for each hidden token."""
    print(f"\n{'wide sequences':<36}{'width':>8}{'ms':>10}{'ratio':>8}")
    for size, arity, share in WIDE:
        distribution = nae_sat(*size, arity=arity, structure_seed=0)
        exact = EliminatedPosterior(distribution)
        tokens = masked(distribution, WIDE_ROWS, seed=5, ratio=share)
        for row, width in zip(tokens[:, None], exact.plan(tokens).width.tolist(), strict=True):
            if width > WIDEST:
                continue
            spent = []
            for ask in (exact.log_evidence, exact.log_marginals):
                start = time.process_time()
                ask(row)
                spent.append(time.process_time() - start)
            ratio = spent[0] * int((row == distribution.mask_id).sum()) / spent[1]
            name = f"NAE-{arity} {size}, {share:.0%} hidden"
            print(f"  {name:<34}{width:>8}{1e3 * spent[1]:>10.1f}{ratio:>8.1f}", flush=True)


def threads() -> None:
    """Two threads against one, in turn, by wall time."""
    distribution = nae_sat(*SIZES[-1], structure_seed=0)
    tokens = masked(distribution, THREAD_ROWS, seed=6)
    both = [EliminatedPosterior(distribution, threads=count) for count in (1, THREADS)]
    ratios, cores = [], []
    for _ in range(THREAD_TURNS):
        spent = []
        for exact in both:
            wall, processor = time.perf_counter(), time.process_time()
            exact.log_marginals(tokens)
            spent.append(time.perf_counter() - wall)
            cores.append((time.process_time() - processor) / spent[-1])
        ratios.append(spent[0] / spent[1])
    one, two = statistics.median(cores[::2]), statistics.median(cores[1::2])
    print(f"\n{THREADS} threads over one: {statistics.median(ratios):.2f} by wall time")
    print(f"  processor time over wall time: {one:.2f} and {two:.2f}")


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
    wide()
    threads()


if __name__ == "__main__":
    main()
