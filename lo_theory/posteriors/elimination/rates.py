"""Seconds of an elimination from the number of its operations: rates measured once per process, on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from generators.families import sparse_parity
from lo_theory.posteriors.elimination.price import price
from lo_theory.posteriors.elimination.rows import solve
from lo_theory.posteriors.factors import local_factors

_LATENTS, _OBSERVATIONS, _SEEN, _ROWS, _REPEATS = 30, 90, 27, 4, 3
"""Of the sweep: parities with noise, all latents and most observations hidden: width about 8."""


class Rates(NamedTuple):
    """Seconds per operation, on one core; a row's own share is the price of a position times its length."""

    position: float
    entry: float
    product: float

    def evidence(self, length: int, entries: Float64[np.ndarray, "B"]) -> Float64[np.ndarray, "B"]:
        """Seconds of one evidence, or sample, of each row."""
        return length * self.position + entries * self.entry

    def marginals(
        self, length: int, entries: Float64[np.ndarray, "B"], products: Float64[np.ndarray, "B"]
    ) -> Float64[np.ndarray, "B"]:
        """Seconds of all marginals: the evidence, the sweep back over the same tables, and the joints."""
        return self.evidence(length, entries) + (entries + products) * self.product


@cache
def measured_rates() -> Rates:
    """The least of three passes over a few rows: a fifth of a second, at the first call of a process.

    A row of small tables takes longer per entry, up to tenfold at width 2 where it is microseconds that are estimated;
    a machine that is busy with other work is slower than it was found.
    """
    distribution = sparse_parity(_LATENTS, _OBSERVATIONS, arity=3, noise=0.1, structure_seed=0)
    factors, mask_id = local_factors(distribution), distribution.mask_id
    seen = distribution.rows(0, 0, _ROWS).astype(np.int64)
    wide = np.full_like(seen, mask_id)
    shown = distribution.observation_positions[:_SEEN]
    wide[:, shown] = seen[:, shown]
    work = np.empty((_ROWS, 2))
    price(factors, wide, mask_id, np.empty(_ROWS, np.int64), np.empty(_ROWS), work)
    entries, products = work.sum(axis=0)

    def answer(tokens: Int64[np.ndarray, "B L"], vocabulary: int) -> None:
        evidence, samples = np.empty(len(tokens)), np.empty((0, tokens.shape[1]), dtype=np.int64)
        marginals = np.empty((len(tokens) if vocabulary else 0, tokens.shape[1], distribution.vocabulary))
        solve(factors, tokens, mask_id, _LATENTS, 2**27, np.empty((0, tokens.shape[1])), evidence, marginals, samples)

    narrow = least_seconds(lambda: answer(seen, 1)) / _ROWS
    forwards, both = least_seconds(lambda: answer(wide, 0)), least_seconds(lambda: answer(wide, 1))
    return Rates(
        position=narrow / distribution.length,
        entry=max(forwards - _ROWS * narrow, 0.0) / float(entries),
        product=max(both - forwards, 0.0) / float(entries + products),
    )


def least_seconds(work: Callable[[], object]) -> float:
    """The least of three times that ``work`` takes, after one that does not count."""
    work()
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)
