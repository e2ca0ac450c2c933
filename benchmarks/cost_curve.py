"""What an exact answer costs, one quantity varied at a time: ``python benchmarks/cost_curve.py``.

The base case is NAE-3 at (50, 150), bits, with the number of hidden tokens uniform on 1..L as in training. Varied from
there: N with P / N fixed, P, the share that is hidden, the arity, the alphabet of the latents. Each case is timed in
turn with the base case on one thread of one process; a number is the median over turns of the ratio of processor times
per sequence, all marginals of all hidden tokens, and its interval spans the turns. Sequences whose tables would take
more than ``MAX_BYTES`` are counted, not timed. pyAgrum answers some hidden tokens of a few of the same sequences,
narrow and short enough for it, by its variable elimination, one answer per token; its ratio is to ours on those.

Prints the rows; with ``--write`` it also keeps them as ``docs/theory/exact_cost.csv``, from which
``python -m docs.cost_curve`` draws the picture of the page beside. Compilation is not counted.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported, or its threads are there already

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from posterior import masked

from analysis.lab.rows import CONTROL, Row, Subject, write_csv
from generators.distribution import LODistribution
from generators.families import nae_sat
from generators.ground.optional import MissingLibraryError
from lo_theory.estimate import Estimate, share_estimate, wilson_interval
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.second_opinion import LibraryPosterior

SEQUENCES, SEED = 96, 0
MAX_BYTES = 2**24
TURNS, ENOUGH = (3, 9), 2.0  # turns at least and at most, and seconds after which there are no more
LIBRARY_SEQUENCES, LIBRARY_TOKENS, LIBRARY_BYTES, LIBRARY_LENGTH = 3, 3, 2**16, 400
EXPERIMENT, RATIO, TOO_WIDE, LIBRARY = "exact_cost", "time_ratio", "too_wide_share", "pyAgrum"
KEPT = Path(__file__).resolve().parents[1] / "docs" / "theory" / "exact_cost.csv"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A distribution and how much of it is hidden."""

    n_latents: int = 50
    n_observations: int = 150
    arity: int = 3
    alphabet: int = 2
    share: float | None = None

    def distribution(self) -> LODistribution:
        """NAE over random scopes."""
        return nae_sat(
            self.n_latents, self.n_observations, arity=self.arity, latent_alphabet=self.alphabet, structure_seed=0
        )


BASE = Case()
SWEEPS: dict[str, dict[float, Case]] = {
    "N": {n: replace(BASE, n_latents=n, n_observations=3 * n) for n in (10, 20, 35, 50, 75, 100, 150, 250)},
    "P": {p: replace(BASE, n_observations=p) for p in (15, 30, 75, 150, 300, 600, 1200)},
    "share hidden": {s: replace(BASE, share=s) for s in (0.1, 0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)},
    "arity": {k: replace(BASE, arity=k) for k in (2, 3, 4, 5, 6)},
    "alphabet": {m: replace(BASE, alphabet=m) for m in (2, 3, 4, 5, 6)},
}


class Timed:
    """A case with its posterior and the sequences that its limits admit."""

    def __init__(self, case: Case, sequences: int) -> None:
        self.distribution = case.distribution()
        self.posterior = EliminatedPosterior(self.distribution, max_bytes=MAX_BYTES)
        self.asked = masked(self.distribution, sequences, SEED, case.share)
        self.tokens = self.asked[[self._admitted(row[None]) for row in self.asked]]

    def seconds(self) -> float:
        """Processor time per admitted sequence."""
        start = time.process_time()
        self.posterior.log_marginals(self.tokens)
        return (time.process_time() - start) / len(self.tokens)

    def _admitted(self, row: np.ndarray) -> bool:
        try:
            self.posterior.log_marginals(row)
        except ValueError:
            return False
        return True


def measure(sweeps: dict[str, dict[float, Case]], sequences: int = SEQUENCES) -> Iterator[Row]:
    """The rows of every case, as they are measured."""
    base = Timed(BASE, sequences)
    for swept, cases in sweeps.items():
        for at, case in cases.items():
            timed = Timed(case, sequences)
            label = f"NAE-{case.arity} ({case.n_latents}, {case.n_observations})"
            about = Subject(distribution=label, fingerprint=timed.distribution.fingerprint, model=CONTROL)
            refused = sequences - len(timed.tokens)
            low, high = wilson_interval(refused, sequences)
            share = share_estimate(refused, sequences)
            yield about.row(EXPERIMENT, TOO_WIDE, share, swept=swept, at=float(at), low=low, high=high)
            if len(timed.tokens):
                yield _row(about, _ratios(timed, base), swept, at)
            if against := _library(timed):
                yield _row(replace(about, model=LIBRARY), against, swept, at)


def _row(about: Subject, ratios: Sequence[float], swept: str, at: float) -> Row:
    error = float(np.std(ratios, ddof=1) / np.sqrt(len(ratios))) if len(ratios) > 1 else float("nan")
    median = Estimate(value=float(np.median(ratios)), standard_error=error, samples=len(ratios), method="monte_carlo")
    return about.row(EXPERIMENT, RATIO, median, swept=swept, at=float(at), low=min(ratios), high=max(ratios))


def _ratios(timed: Timed, base: Timed) -> list[float]:
    """Times per sequence, turn by turn, each over that of the base case."""
    found, spent = [], 0.0
    while len(found) < TURNS[0] or (len(found) < TURNS[1] and spent < ENOUGH):
        yardstick, ours = base.seconds(), timed.seconds()
        found.append(ours / yardstick)
        spent += ours * len(timed.tokens) + yardstick * len(base.tokens)
    return found


def _library(timed: Timed) -> list[float]:
    """The library's time for all hidden tokens over ours, for a few sequences; none without the library."""
    if timed.distribution.length > LIBRARY_LENGTH:
        return []
    try:
        library = LibraryPosterior(timed.distribution)
    except MissingLibraryError:
        return []
    narrow = timed.tokens[timed.posterior.plan(timed.tokens).bytes <= LIBRARY_BYTES]
    rng, ratios = np.random.default_rng(SEED), []
    for row in narrow[np.linspace(0, len(narrow) - 1, LIBRARY_SEQUENCES).round().astype(int)] if len(narrow) else []:
        hidden = np.flatnonzero(row == timed.distribution.mask_id)
        asked = rng.permutation(hidden)[:LIBRARY_TOKENS]
        start = time.process_time()
        library.marginals(row, asked)
        theirs = (time.process_time() - start) * len(hidden) / len(asked)
        same = np.repeat(row[None], 20, axis=0)
        start = time.process_time()
        timed.posterior.log_marginals(same)
        ratios.append(theirs / ((time.process_time() - start) / len(same)))
    return ratios


def main(arguments: Sequence[str]) -> None:
    """Measure, print, and keep the rows if asked to."""
    rows = []
    for row in measure(SWEEPS):
        rows.append(row)
        print(f"{row.swept:<14}{row.at:>8g}  {row.model:<16}{row.metric:<16}{row.value:>10.3g}", flush=True)
    if "--write" in arguments:
        write_csv(KEPT, rows)


if __name__ == "__main__":
    main(sys.argv[1:])
