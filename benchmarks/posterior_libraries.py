"""The exact posterior against a library: ``python benchmarks/posterior_libraries.py``. Prints tables, writes nothing.

The same masked sequences of L&O-NAE-SAT go to ``EliminatedPosterior`` and to pyAgrum, one sequence a call for both, on
one thread, in one run. Milliseconds of processor time, medians over the sequences; ours answers all masked tokens
always, so its time stands beside both of the library's. pyAgrum calibrates a junction tree (lazy propagation) for the
latents. For all masked tokens that tree gets wide, as each masked observation needs its scope within a clique, and
variable elimination asks once per token: what counts is the faster of the two for each sequence. The last column is the
largest difference of a probability.

Neither compilation nor building the library's network is counted. pyAgrum is an extra: without it this says so and
exits with 0, as the other benchmarks do not need it.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported, or its threads are there already

import math
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from generators.distribution import LODistribution
from generators.families import nae_sat
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.second_opinion import LibraryPosterior, pyagrum

SIZES = ((20, 280), (25, 275), (30, 270), (40, 260), (50, 250), (100, 200))
SHARES = (0.5, 0.7, 0.9)
SEQUENCES = 7  # per size and share
SLOW_SEQUENCES = 3  # of them, for all masked tokens
WIDEST = 18  # junction tree that is still tried
REPEATS = 15  # of ours
GOAL = 1e-9  # difference of a probability


def masked(distribution: LODistribution, n: int, share: float, seed: int) -> np.ndarray:
    """``n`` sequences with the share ``share`` of their tokens hidden."""
    rng = np.random.default_rng(seed)
    rows = distribution.sample(n, rng).astype(np.int64)
    places = rng.random(rows.shape).argsort(axis=1).argsort(axis=1)
    return np.where(places < round(share * distribution.length), distribution.mask_id, rows)


def milliseconds(ask: Callable[[], object], repeats: int = 1) -> float:
    """Median processor time of a call."""
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        ask()
        spent.append(1e3 * (time.process_time() - start))
    return statistics.median(spent)


def one_share(distribution: LODistribution, share: float) -> tuple[list[float], float]:
    """Milliseconds of ours, of the library for latents and for all masked tokens; largest difference of both."""
    exact, queries = EliminatedPosterior(distribution), LibraryPosterior(distribution)
    tree = LibraryPosterior(distribution, "propagation", max_width=WIDEST)
    spent: list[list[float]] = [[], [], []]
    differences = [0.0]
    for number, row in enumerate(masked(distribution, SEQUENCES, share, seed=0)):
        ours = np.exp(exact.log_marginals(row[None])[0])
        spent[0].append(milliseconds(partial(exact.log_marginals, row[None]), REPEATS))
        hidden = np.flatnonzero(row == distribution.mask_id)
        latents = np.intersect1d(hidden, distribution.latent_positions)
        spent[1].append(milliseconds(partial(tree.marginals, row, latents)))
        differences.append(np.abs(tree.marginals(row, latents) - ours[latents]).max(initial=0.0))
        if number < SLOW_SEQUENCES:
            spent[2].append(min(milliseconds(partial(queries.marginals, row, hidden)), if_narrow(tree, row, hidden)))
            differences.append(np.abs(queries.marginals(row, hidden) - ours[hidden]).max(initial=0.0))
    return [statistics.median(column) for column in spent], float(max(differences))


def if_narrow(tree: LibraryPosterior, row: np.ndarray, positions: np.ndarray) -> float:
    """Milliseconds of one junction tree for all ``positions``; infinite where it is too wide."""
    try:
        return milliseconds(partial(tree.marginals, row, positions))
    except ValueError:
        return math.inf


def main() -> None:
    """Measure and print."""
    try:
        version = pyagrum().__version__
    except ModuleNotFoundError as error:
        print(f"not measured: {error}")
        return
    print(f"NAE-3, milliseconds per masked sequence; pyAgrum {version}")
    heads = ("ours, all", "latents", "ratio", "all tokens", "ratio", "difference")
    print(f"{'size, share hidden':<28}" + "".join(f"{head:>12}" for head in heads))
    worst, ratios = 0.0, []
    for size in SIZES:
        distribution = nae_sat(*size, structure_seed=0)
        for share in SHARES:
            (ours, latents, tokens), difference = one_share(distribution, share)
            worst = max(worst, difference)
            ratios.append((latents / ours, tokens / ours))
            print(
                f"  {f'{size}, {share:.0%}':<26}{ours:>12.3f}{latents:>12.1f}{latents / ours:>12,.0f}"
                f"{tokens:>12.0f}{tokens / ours:>12,.0f}{difference:>12.1e}",
                flush=True,
            )
    for name, column in zip(("latents alone", "all masked tokens"), zip(*ratios, strict=True), strict=True):
        print(f"the library takes {min(column):,.0f} to {max(column):,.0f} times as long, {name}")
    print(f"agreement within {GOAL:g}: {'reached' if worst <= GOAL else 'MISSED'} (largest difference {worst:.1e})")


if __name__ == "__main__":
    main()
