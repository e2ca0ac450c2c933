"""The exact posterior of bits of which some observations are parities of any width, and the others local."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float64, Int64, Integer

from generators.distribution import LODistribution
from lo_theory.posteriors.answers import Answers, Status
from lo_theory.posteriors.enumeration import ImpossibleEvidence, way_out
from lo_theory.posteriors.factors import checked_tokens
from lo_theory.posteriors.faint import restore, spread
from lo_theory.posteriors.mixed.enumerated import EnumeratedCore
from lo_theory.posteriors.mixed.equations import Contradiction
from lo_theory.posteriors.mixed.observations import Sum, sorted_observations
from lo_theory.posteriors.mixed.questions import Question, asked, token_law
from lo_theory.posteriors.mixed.reduction import Reduced, Reducer
from lo_theory.posteriors.mixed.split import SplitCore, TooWideError

_QUICK = 10  # free bits below which nobody asks what an elimination would take
_VISIT, _ENTRY, _START = 3e-9, 3e-8, 5e-3
"""Seconds: of one latent in one solution; of an entry of an elimination's tables; of any elimination."""

Core = EnumeratedCore | SplitCore
T = TypeVar("T")


class MixedPlan(NamedTuple):
    """One number per sequence; both are -1 where the visible tokens contradict each other at sight."""

    free_bits: Int64[np.ndarray, "B"]
    """Latents of the core that its equations leave free."""
    width: Int64[np.ndarray, "B"]
    """Latents of the largest table less one, if the core is eliminated with partial sums."""


class MixedPosterior:
    """``p(x_i | visible tokens)`` where parities of wide scopes stand beside local observations.

    Visible parities are equations over GF(2), and so are the linear consequences of local observations (not-all-equal
    of value 0 makes all of a scope equal), learned until none implies another. A latent that no remaining local
    observation reads is a fair coin, or follows from others by an equation, and is never summed over. The rest, the
    core, is answered by what takes less time: visiting the solutions of its equations, 2 to the number of free bits, or
    elimination of variables, in which an equation becomes narrow ones through partial sums along the elimination
    forest. Nothing is approximated and every sum is of positive terms; where neither is feasible it refuses.

    Args:
        distribution: latent bits, any prior; parities of any width, with noise or without (with noise each is a weight
            and no equation), beside observations of at most 16 latents of any kind.
        max_free_bits: visit at most 2 to this number of solutions.
        max_width: refuse wider elimination orders, as :class:`EliminatedPosterior` does.
        max_bytes: likewise, per sequence.
    Raises:
        ValueError: latents that are no bits, a wide observation that is no parity, or limits that allow nothing.
    Cost: per sequence some milliseconds for the equations, then 2**free_bits per hidden token, or one elimination for
        all hidden tokens that read single latents of the core and one for each sum of many that is asked for.
    """

    def __init__(
        self, distribution: LODistribution, *, max_free_bits: int = 20, max_width: int = 20, max_bytes: int = 2**30
    ) -> None:
        if not 0 <= max_free_bits <= 30 or max_width < 0 or max_bytes < 8:
            raise ValueError(
                "limits must allow something: max_free_bits in 0..30, max_width >= 0 and max_bytes >= 8; got "
                f"{max_free_bits}, {max_width} and {max_bytes}."
            )
        observations = sorted_observations(distribution)
        self.distribution = distribution
        self.length, self.vocabulary, self.mask_id = distribution.length, distribution.vocabulary, distribution.mask_id
        self.max_free_bits, self.max_width, self.max_bytes = max_free_bits, max_width, max_bytes
        self._reducer, self._spread = Reducer(distribution, observations), spread(distribution)
        bit = np.arange(2, dtype=np.int32).tobytes()
        self._questions = [
            Question(i, (1 << latent,), bit, 2, 0.0) for latent, i in enumerate(distribution.latent_positions.tolist())
        ]
        for i, one in zip(distribution.observation_positions.tolist(), observations, strict=True):
            if isinstance(one, Sum):
                self._questions.append(Question(i, (one.form,), bit, 2, one.noise))
            else:
                table = one.table.astype(np.int32).tobytes()
                self._questions.append(Question(i, tuple(1 << s for s in one.scope), table, one.alphabet, one.noise))

    def log_marginals(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
        """Log posterior of every token, (B, L) -> (B, L, V) in nats; ``-inf`` where a value is impossible.

        Visible positions hold the point mass on their token. Values below the smallest float64, about 1e-308, are asked
        for one by one.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length, a token outside ``range(V + 1)``, or a sequence beyond the limits; the message has
                the number of free bits and the width.
            ImpossibleEvidence: a row's visible tokens have probability zero; the message names a minimal conflict.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        log_marginals = np.empty((len(tokens), self.length, self.vocabulary))
        for number, (row, into) in enumerate(zip(tokens, log_marginals, strict=True)):
            try:
                self._write(row, number, into)
            except Contradiction:
                raise ImpossibleEvidence(self._conflict(row, number)) from None
        self._restore(tokens, log_marginals)
        return log_marginals

    def answers(self, tokens: Integer[np.ndarray, "B L"]) -> Answers:
        """Marginals and evidence of every row that has them, and of each other one the reason why not.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length or a token outside ``range(V + 1)``.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        status = np.full(len(tokens), int(Status.DONE))
        log_marginals = np.full((len(tokens), self.length, self.vocabulary), np.nan)
        log_evidence = np.array([self._known_evidence(row) for row in tokens], dtype=np.float64)
        for number, row in enumerate(tokens):
            if log_evidence[number] == -np.inf:
                status[number] = Status.IMPOSSIBLE
                continue
            try:
                self._write(row, number, log_marginals[number])
            except Contradiction:
                status[number], log_evidence[number] = Status.IMPOSSIBLE, -np.inf
            except ValueError:
                status[number] = Status.TOO_WIDE
        self._restore(tokens, log_marginals)
        return Answers(log_marginals, log_evidence, status)

    def log_evidence(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B"]:
        """Log probability of the visible tokens, in nats; raises as :meth:`log_marginals` does."""
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        found = np.empty(len(tokens))
        for number, row in enumerate(tokens):
            try:
                found[number] = self._log_evidence(row, number)
            except Contradiction:
                raise ImpossibleEvidence(self._conflict(row, number)) from None
        return found

    def sample(self, tokens: Integer[np.ndarray, "B L"], rng: np.random.Generator) -> Int64[np.ndarray, "B L"]:
        """One exact draw of all masked tokens together per row, given the visible ones; raises as above.

        For many draws given the same tokens repeat the row: equal rows are reduced once.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        samples = np.empty_like(tokens)
        rows, group = np.unique(tokens, axis=0, return_inverse=True)
        for number, row in enumerate(rows):
            members = np.flatnonzero(group.ravel() == number)
            try:
                samples[members] = self._drawn(row, int(members[0]), len(members), rng)
            except Contradiction:
                raise ImpossibleEvidence(self._conflict(row, int(members[0]))) from None
        return samples

    def plan(self, tokens: Integer[np.ndarray, "B L"]) -> MixedPlan:
        """What each sequence would take, without doing it.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length or a token outside ``range(V + 1)``.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        found = MixedPlan(np.full(len(tokens), -1), np.full(len(tokens), -1))
        for number, row in enumerate(tokens):
            reduced = self._reducer.reduced(row)
            if reduced is not None:
                found.free_bits[number] = len(reduced.free)
                found.width[number] = self._split(reduced).plan().width[0] if reduced.core else 0
        return found

    def _write(self, row: Int64[np.ndarray, "L"], number: int, into: Float64[np.ndarray, "L V"]) -> None:
        reduced = self._reduced(row)
        hidden = [question for question in self._questions if row[question.position] == self.mask_id]
        about = [asked(question.forms, reduced) for question in hidden]
        wanted = sorted({one.sums for one in about if one.sums})
        if wanted:
            found = self._ask(reduced, number, lambda core: core.joints(wanted), wanted)
        else:
            found = []
            self._ask(reduced, number, lambda core: core.log_total)  # whether the core has a solution
        joints = {(): np.ones(1), **dict(zip(wanted, found, strict=True))}
        seen = np.flatnonzero(row != self.mask_id)
        into[:] = -np.inf
        into[seen, row[seen]] = 0.0
        with np.errstate(divide="ignore"):
            for question, one in zip(hidden, about, strict=True):
                into[question.position, : question.alphabet] = np.log(token_law(question, one, joints[one.sums]))

    def _log_evidence(self, row: Int64[np.ndarray, "L"], number: int) -> float:
        reduced = self._reduced(row)
        return reduced.log_constant + self._ask(reduced, number, lambda core: core.log_total)

    def _drawn(
        self, row: Int64[np.ndarray, "L"], number: int, count: int, rng: np.random.Generator
    ) -> Int64[np.ndarray, "n L"]:
        reduced, distribution = self._reduced(row), self.distribution
        latents = rng.integers(2, size=(count, distribution.n_latents), dtype=np.uint8)
        latents[:, list(reduced.free)] = self._ask(reduced, number, lambda core: core.draw(count, rng))
        solved = latents.copy()
        for pivot, form in reduced.equations.rows.items():
            others = [i for i in range(distribution.n_latents) if (form ^ pivot) >> i & 1]
            constant = np.uint8(form >= reduced.equations.one)
            solved[:, pivot.bit_length() - 1] = (latents[:, others].sum(axis=1) + constant) % 2
        observed = distribution.observe(solved).astype(np.int64)
        at = 0
        for function in distribution.functions:
            block = observed[:, at : at + len(function.scopes)]
            moved = rng.random(block.shape) < function.noise
            block[moved] = (block[moved] + rng.integers(1, function.alphabet, size=moved.sum())) % function.alphabet
            at += len(function.scopes)
        return np.where(row == self.mask_id, distribution.join(solved, observed), row)

    def _reduced(self, row: Int64[np.ndarray, "L"]) -> Reduced:
        reduced = self._reducer.reduced(row)
        if reduced is None:
            raise Contradiction
        return reduced

    def _ask(
        self, reduced: Reduced, number: int, ask: Callable[[Core], T], wanted: Sequence[tuple[int, ...]] = ()
    ) -> T:
        """What the core answers; where a question is wider than the plan, by the other method."""
        core = self._core(reduced, number, wanted)
        try:
            return ask(core)
        except TooWideError:
            free = len(reduced.free)
            if free > self.max_free_bits:
                raise ValueError(self._refusal(number, free, self.max_width + 1)) from None
            return ask(EnumeratedCore(reduced))

    def _core(self, reduced: Reduced, number: int, wanted: Sequence[tuple[int, ...]]) -> Core:
        """The core by what takes less time; raises ValueError where neither is feasible."""
        free = len(reduced.free)
        if not reduced.core or free <= min(_QUICK, self.max_free_bits):
            return EnumeratedCore(reduced)
        split = self._split(reduced)
        price = split.plan()
        apart = sum(split.separate(sums) for sums in wanted)
        eliminating = (1 + apart) * (_START + _ENTRY * float(price.entries[0]))
        reads = sum(len(factor.scope) for factor in reduced.factors) + sum(map(len, wanted)) + len(reduced.sums)
        visiting = _VISIT * 2.0**free * reads
        narrow = price.width[0] <= self.max_width and price.bytes[0] <= self.max_bytes
        if free <= self.max_free_bits and (visiting < eliminating or not narrow):
            return EnumeratedCore(reduced)
        if narrow:
            return split
        raise ValueError(self._refusal(number, free, int(price.width[0])))

    def _split(self, reduced: Reduced) -> SplitCore:
        return SplitCore(reduced, max_width=self.max_width, max_bytes=self.max_bytes)

    def _refusal(self, number: int, free: int, width: int) -> str:
        return (
            f"row {number}: its equations leave {free} bits free, and to eliminate them has width {width} or more; the "
            f"limits are max_free_bits = {self.max_free_bits}, max_width = {self.max_width} and max_bytes = "
            f"{self.max_bytes} ({self.max_bytes / 2**20:.3g} MiB). Raise them or mask other tokens."
        )

    def _known_evidence(self, row: Int64[np.ndarray, "L"]) -> float:
        """Log probability of the visible tokens: ``-inf`` if it is zero, NaN where that is too wide to be judged."""
        try:
            return self._log_evidence(row, 0)
        except Contradiction:
            return -np.inf
        except ValueError:
            return np.nan

    def _restore(self, tokens: Int64[np.ndarray, "B L"], log_marginals: Float64[np.ndarray, "B L V"]) -> None:
        """Ask for the values one by one that are below the smallest float64."""
        inside = np.arange(self.vocabulary) < self.distribution.alphabets[:, None]

        def log_evidence(rows: Int64[np.ndarray, "n L"]) -> Float64[np.ndarray, "n"]:
            return np.array([self._known_evidence(row) for row in rows])

        restore(tokens, log_marginals, self._spread, self.mask_id, lambda row: inside, log_evidence)

    def _conflict(self, row: Int64[np.ndarray, "L"], number: int) -> str:
        """Message with a minimal set of contradicting tokens, by masking ever smaller parts of them.

        A token stays in the set when the rest without it is too wide to be judged; it then need not be minimal.
        """
        rest = row.copy()
        size = max(1, int((row != self.mask_id).sum()) // 2)
        while True:
            visible = np.flatnonzero(rest != self.mask_id)
            for part in np.array_split(visible, max(1, -(-len(visible) // size))):
                kept = rest[part].copy()
                rest[part] = self.mask_id
                if self._known_evidence(rest) != -np.inf:
                    rest[part] = kept
            if size == 1:
                break
            size //= 2
        shown = ", ".join(f"x[{i}] = {row[i]}" for i in np.flatnonzero(rest != self.mask_id))
        return (
            f"row {number}: the visible tokens have probability zero; these conflict: {shown}. "
            f"{way_out(self.distribution)}"
        )
