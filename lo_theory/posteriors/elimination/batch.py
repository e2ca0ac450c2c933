"""A batch of rows through the compiled solver, within limits; threads share it, and no row spoils another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from lo_theory.posteriors.answers import Status
from lo_theory.posteriors.elimination.price import Price, price
from lo_theory.posteriors.elimination.rates import measured_rates
from lo_theory.posteriors.elimination.rows import solve
from lo_theory.posteriors.factors import Factors


class Failure(NamedTuple):
    """A row without an answer."""

    row: int
    status: Status
    width: int
    needed: float
    """Entries of tables that there is no room for; seconds of a row that is too slow."""


class Wanted(NamedTuple):
    """Outputs to be filled; what is None is not wanted."""

    uniform: Float64[np.ndarray, "B L"] | None = None
    log_evidence: Float64[np.ndarray, "B"] | None = None
    marginals: Float64[np.ndarray, "B L V"] | None = None
    samples: Int64[np.ndarray, "B L"] | None = None

    def rows(self, rows: slice | Int64[np.ndarray, "n"]) -> Wanted:
        """Some of the rows: views of a slice, copies of others."""
        return Wanted(*(None if out is None else out[rows] for out in self))


class Batches(NamedTuple):
    """The solver with its limits, see :class:`~.posterior.EliminatedPosterior`."""

    factors: Factors
    length: int
    vocabulary: int
    mask_id: int
    max_width: int
    max_bytes: int
    max_seconds: float | None
    threads: int

    def failures(self, tokens: Int64[np.ndarray, "B L"], wanted: Wanted, *, first: bool = False) -> list[Failure]:
        """Fill what is wanted; the rows that cannot be answered in their order.

        With ``first`` it stops at a row that cannot be, and names that one alone: rows beyond ``max_seconds`` are found
        before anything is summed.
        """
        slow = [] if self.max_seconds is None else self._slow(tokens, wanted, self.max_seconds)
        if not slow or first:
            return slow[:1] or self._answered(tokens, wanted, first)
        rows = np.setdiff1d(np.arange(len(tokens)), [failure.row for failure in slow])
        some = wanted.rows(rows)
        others = self._answered(tokens[rows], some, first)
        for out, part in zip(wanted, some, strict=True):
            if out is not None:
                out[rows] = part
        return sorted([*slow, *(failure._replace(row=int(rows[failure.row])) for failure in others)])

    def price(self, tokens: Int64[np.ndarray, "B L"]) -> Price:
        """What each row would take."""
        width, entries, work = np.empty(len(tokens), dtype=np.int64), np.empty(len(tokens)), np.empty((len(tokens), 2))
        price(self.factors, tokens, self.mask_id, width, entries, work)
        rates, summed, products = measured_rates(), work[:, 0], work[:, 1]
        evidence, marginals = rates.evidence(self.length, summed), rates.marginals(self.length, summed, products)
        return Price(width, entries, products, evidence, marginals)

    def solve(
        self, tokens: Int64[np.ndarray, "B L"], wanted: Wanted | None = None, max_width: int | None = None
    ) -> tuple[int, int, int, float]:
        """As :func:`~.rows.solve`, which stops at the first row that it cannot answer."""
        uniform, log_evidence, marginals, samples = wanted or Wanted()
        return solve(
            self.factors,
            tokens,
            self.mask_id,
            self.max_width if max_width is None else max_width,
            self.max_bytes // 8,
            np.empty((0, self.length)) if uniform is None else uniform,
            np.empty(0) if log_evidence is None else log_evidence,
            np.empty((0, self.length, self.vocabulary)) if marginals is None else marginals,
            np.empty((0, self.length), dtype=np.int64) if samples is None else samples,
        )

    def _slow(self, tokens: Int64[np.ndarray, "B L"], wanted: Wanted, most: float) -> list[Failure]:
        found = self.price(tokens)
        seconds = found.evidence_seconds if wanted.marginals is None else found.seconds
        rows = np.flatnonzero(seconds > most).tolist()
        return [Failure(row, Status.TOO_SLOW, int(found.width[row]), float(seconds[row])) for row in rows]

    def _answered(self, tokens: Int64[np.ndarray, "B L"], wanted: Wanted, first: bool) -> list[Failure]:
        size = max(1, -(-len(tokens) // self.threads))
        starts = range(0, len(tokens), size)

        def part(start: int) -> list[Failure]:
            failures, at, stop = [], start, min(start + size, len(tokens))
            while at < stop and not (first and failures):
                status, row, width, entries = self.solve(tokens[at:stop], wanted.rows(slice(at, stop)))
                if status == Status.DONE:
                    break
                failures.append(Failure(at + int(row), Status(status), int(width), float(entries)))
                at += int(row) + 1
            return failures

        if len(starts) < 2:
            return part(0)
        with ThreadPoolExecutor(len(starts)) as pool:
            return [failure for failures in pool.map(part, starts) for failure in failures]
