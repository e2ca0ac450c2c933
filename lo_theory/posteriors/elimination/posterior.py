"""The exact posterior of any L&O distribution of local factors, by elimination: the Bayes-optimal answer at N = 100."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int64, Integer

from generators.distribution import LODistribution
from lo_theory.posteriors.answers import Answers, Completions, Status
from lo_theory.posteriors.completions import Scores, checked_count, likeliest, scores
from lo_theory.posteriors.elimination.batch import Batches, Failure, Wanted
from lo_theory.posteriors.elimination.best import best_latents, needed_bytes
from lo_theory.posteriors.elimination.price import Price
from lo_theory.posteriors.elimination.reduced import elimination_order, possible_values, reduced, weights
from lo_theory.posteriors.enumeration import ImpossibleEvidence, way_out
from lo_theory.posteriors.factors import checked_tokens, local_factors
from lo_theory.posteriors.faint import Spread, restore, spread
from lo_theory.posteriors.joints import log_joint, mutual_information

_CONFLICT_WIDTH = 12


class EliminatedPosterior:
    """``p(x_i | visible tokens)`` for every masked position, and samples, by reduction and variable elimination.

    A sequence is first reduced: values that a visible token rules out go (arc consistency), latents that determine each
    other are merged (an all-equal observation ties its scope), settled factors become constants. What is still free is
    eliminated once, in min-fill order, which leaves a Bayesian network over the elimination forest. One sweep back
    gives the joint of every cluster; a masked observation needs the joint of its free latents, a climb in the forest to
    the cluster that holds the rest of them. Nothing is approximated: where tables would be too wide it refuses.

    Args:
        distribution: any alphabets, prior and noise, as long as each observation reads few latents.
        max_width: refuse wider elimination orders: the largest table is over ``max_width + 1`` latents.
        max_bytes: refuse when the tables of one sequence, or one joint, would take more.
        max_seconds: refuse a sequence, before anything is summed, that :meth:`plan` says takes longer on one core;
            nothing is planned if it is None.
        threads: share the rows of a batch among so many; answers do not depend on it. Each has tables of its own.
    Raises:
        ValueError: an observation of too many latents to be tabulated, limits that allow no table or time, no thread.
    Cost: per sequence O(P m^k) for the reduction, then at most O(N m^(w+1) + P N m^(w+k)) for width w; the worst masks
        of NAE-3 at (100, 200) have width about 8. The first call of a fresh install compiles for about half a minute.
    Source: Dechter, "Bucket elimination" (1999), on the distribution of Def. 3.1.
    """

    def __init__(
        self,
        distribution: LODistribution,
        *,
        max_width: int = 20,
        max_bytes: int = 2**30,
        max_seconds: float | None = None,
        threads: int = 1,
    ) -> None:
        if max_width < 0 or max_bytes < 8:
            raise ValueError(
                f"limits must allow some table: max_width >= 0 and max_bytes >= 8; got {max_width} and {max_bytes}."
            )
        if max_seconds is not None and not max_seconds > 0:
            raise ValueError(f"max_seconds must be positive, or None for no limit; got {max_seconds}.")
        if threads < 1:
            raise ValueError(f"threads must be at least 1; got {threads}. One answers in the calling thread.")
        self.distribution, self.threads = distribution, threads
        self.length, self.vocabulary, self.mask_id = distribution.length, distribution.vocabulary, distribution.mask_id
        self.max_width, self.max_bytes, self.max_seconds = max_width, max_bytes, max_seconds
        self._factors = local_factors(distribution)
        self._rows = Batches(
            self._factors, self.length, self.vocabulary, self.mask_id, max_width, max_bytes, max_seconds, threads
        )

    def log_marginals(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
        """Log posterior of every token, (B, L) -> (B, L, V) in nats; ``-inf`` where a value is impossible.

        Visible positions hold the point mass on their token. Values below the smallest float64, about 1e-308, are asked
        for one by one; where a limit refuses that, they stay at ``-inf``.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length, a token outside ``range(V + 1)``, or a sequence beyond the limits on width, memory
                or time.
            ImpossibleEvidence: a row's visible tokens have probability zero; the message names a minimal conflict.
        """
        return self._log_marginals(checked_tokens(tokens, self.length, self.vocabulary))

    def log_evidence(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B"]:
        """Log probability of the visible tokens, in nats; raises as :meth:`log_marginals` does."""
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        log_evidence = np.empty(len(tokens))
        self._solve(tokens, Wanted(log_evidence=log_evidence))
        return log_evidence

    def sample(self, tokens: Integer[np.ndarray, "B L"], rng: np.random.Generator) -> Int64[np.ndarray, "B L"]:
        """One exact draw of all masked tokens together per row, given the visible ones; raises as above.

        For many draws given the same tokens repeat the row. Each row uses L uniforms of ``rng``.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        samples = np.empty_like(tokens)
        self._solve(tokens, Wanted(uniform=rng.random(tokens.shape), samples=samples))
        return samples

    def answers(self, tokens: Integer[np.ndarray, "B L"]) -> Answers:
        """Marginals and evidence of every row that has them, and of each other one the reason why not.

        No row keeps the others from being answered; of malformed tokens it raises what :meth:`log_marginals` raises.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length or a token outside ``range(V + 1)``.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        status = np.full(len(tokens), int(Status.DONE))
        log_evidence = np.full(len(tokens), np.nan)
        marginals = np.full((len(tokens), self.length, self.vocabulary), np.nan)
        for failure in self._rows.failures(tokens, Wanted(log_evidence=log_evidence, marginals=marginals)):
            status[failure.row], marginals[failure.row] = failure.status, np.nan
            if failure.status != Status.TOO_LARGE:
                log_evidence[failure.row] = -np.inf if failure.status == Status.IMPOSSIBLE else np.nan
        self._restore(tokens, marginals)
        return Answers(marginals, log_evidence, status)

    def plan(self, tokens: Integer[np.ndarray, "B L"]) -> Price:
        """What each sequence would take by elimination, without doing it: width, operations, memory and seconds.

        Takes about as long as the reduction, milliseconds for wide rows; raises nothing but for malformed tokens.
        Seconds are of one core, from rates measured at the first call of a process (:mod:`.rates`): about right from
        milliseconds upwards. Where completions are counted the work is less.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length or a token outside ``range(V + 1)``.
        """
        return self._rows.price(checked_tokens(tokens, self.length, self.vocabulary))

    def most_probable(self, tokens: Integer[np.ndarray, "B L"]) -> Completions:
        """The likeliest completion of every row, (B, L), and its log posterior probability, (B,).

        Of equally probable ones the first in the order of :mod:`~lo_theory.posteriors.completions`. Raises and costs as
        :meth:`k_most_probable`.
        """
        best = self.k_most_probable(tokens, 1)
        return Completions(best.tokens[:, 0], best.log_probabilities[:, 0])

    def k_most_probable(self, tokens: Integer[np.ndarray, "B L"], k: int) -> Completions:
        """The k likeliest completions of every row, best first, (B, k, L), and their log probabilities, (B, k).

        Ties are settled as :meth:`most_probable` says. Where there are fewer than k, the row with its masks fills the
        rest, at ``-inf``. ``max_seconds`` is held against the evidence, which takes a hundredth of the time.

        Raises:
            TypeError: tokens or k that are no integers.
            ValueError: k below 1, tables of choices beyond ``max_bytes``, and as :meth:`log_marginals`.
            ImpossibleEvidence: a row's visible tokens have probability zero.
        Cost: elimination in NumPy, milliseconds for a narrow row at L = 300; k times the tables, k**2 times the work.
        """
        tokens, k = checked_tokens(tokens, self.length, self.vocabulary), checked_count(k)

        def best(row: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
            left = reduced(self._factors, row, self.mask_id)
            assert left is not None  # its evidence is known
            tables = weights(self._factors, row, self.mask_id, left, self._scores)
            forest, width, entries = elimination_order(self._factors, tables, self.max_width)
            needed = needed_bytes(entries, k, self.distribution.alphabet, len(left.members))
            if width > self.max_width or needed > self.max_bytes:
                raise ValueError(self._refusal(number, width, needed / 8, f"{k} choices in each entry of its tables"))
            return best_latents(left, tables, forest, k, self.distribution.alphabet)

        return likeliest(self.distribution, self._scores, tokens, self.log_evidence(tokens), k, best)

    def log_joint(
        self, tokens: Integer[np.ndarray, "B L"], positions: Sequence[int] | Integer[np.ndarray, "k"]
    ) -> Float64[np.ndarray, "B ..."]:
        """Log posterior of the tokens at a few positions together, (B, V, ..., V) in nats, one axis for each position.

        Visible positions hold the point mass on their token.

        Raises:
            TypeError, ValueError, ImpossibleEvidence: as :meth:`log_marginals`; no position, one twice or outside the
                sequence, a table that does not fit into memory.
        Cost: one evidence for every setting of the masked ones among the positions.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        self.log_evidence(tokens)
        return log_joint(tokens, positions, self.vocabulary, self._possible_evidence)

    def mutual_information(
        self,
        tokens: Integer[np.ndarray, "B L"],
        pairs: Sequence[Sequence[int]] | Integer[np.ndarray, "n 2"] | None = None,
    ) -> Float64[np.ndarray, "B ..."]:
        """Information between two tokens given the visible ones, in nats: (B, n) for n pairs, else (B, L, L) for all.

        A token with itself has its entropy; a visible one has no information with any.

        Raises:
            TypeError, ValueError, ImpossibleEvidence: as :meth:`log_marginals`; pairs of another shape or outside the
                sequence, a table that does not fit into memory.
        Cost: all marginals V times for every token that stands first in a pair; a pair is turned so that this is a
            latent if either is.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        self.log_evidence(tokens)
        latents = self.distribution.latent_positions
        return mutual_information(tokens, pairs, self.vocabulary, latents, self._log_marginals)

    @cached_property
    def _scores(self) -> Scores:
        return scores(self.distribution)

    @cached_property
    def _spread(self) -> Spread:
        return spread(self.distribution)

    def _log_marginals(self, tokens: Int64[np.ndarray, "B L"], name: int | None = None) -> np.ndarray:
        log_marginals = np.empty((len(tokens), self.length, self.vocabulary))
        self._solve(tokens, Wanted(marginals=log_marginals), name)
        self._restore(tokens, log_marginals)
        return log_marginals

    def _possible_evidence(self, tokens: Int64[np.ndarray, "B L"], name: int) -> Float64[np.ndarray, "B"]:
        """Log evidence of copies of the row ``name``, ``-inf`` where they are impossible."""
        found = np.empty(len(tokens))
        for failure in self._rows.failures(tokens, Wanted(log_evidence=found)):
            if failure.status != Status.IMPOSSIBLE:
                raise self._error(tokens, failure, name)
            found[failure.row] = -np.inf
        return found

    def _restore(self, tokens: Int64[np.ndarray, "B L"], log_marginals: Float64[np.ndarray, "B L V"]) -> None:
        def log_evidence(copies: np.ndarray) -> np.ndarray:
            found = np.empty(len(copies))
            for failure in self._rows.failures(copies, Wanted(log_evidence=found)):
                found[failure.row] = -np.inf if failure.status == Status.IMPOSSIBLE else np.nan
            return found

        def possible(row: np.ndarray) -> np.ndarray:
            return possible_values(self._factors, row, self.mask_id, self.vocabulary)

        restore(tokens, log_marginals, self._spread, self.mask_id, possible, log_evidence)

    def _solve(self, tokens: Int64[np.ndarray, "B L"], wanted: Wanted, name: int | None = None) -> None:
        """Fill what is wanted, or raise for the first row that cannot be answered; ``name`` is its number if it is

        one of changed copies of a row.
        """
        failures = self._rows.failures(tokens, wanted, first=True)
        if failures:
            raise self._error(tokens, failures[0], name)

    def _error(self, tokens: Int64[np.ndarray, "B L"], failure: Failure, name: int | None = None) -> ValueError:
        number = failure.row if name is None else name
        if failure.status == Status.IMPOSSIBLE:
            return ImpossibleEvidence(self._conflict(tokens[failure.row], number))
        if failure.status == Status.TOO_SLOW:
            return ValueError(
                f"row {number}: it would take about {failure.needed:.3g} s on one core, by an elimination of width "
                f"{failure.width}; the limit is max_seconds = {self.max_seconds}. Raise it, mask other tokens, or take "
                "answers(tokens), which leaves such rows out."
            )
        large = failure.status == Status.TOO_LARGE
        what = "the joint of one masked observation" if large else "or more and its tables"
        return ValueError(self._refusal(number, failure.width, failure.needed, what))

    def _refusal(self, row: int, width: int, entries: float, what: str) -> str:
        found = f"{width} {what}" if what.startswith("or more") else f"{width} and {what}"
        return (
            f"row {row}: the elimination order found has width {found} would take at least "
            f"{8 * entries / 2**20:.3g} MiB; the limits are max_width = {self.max_width} and max_bytes = "
            f"{self.max_bytes} ({self.max_bytes / 2**20:.3g} MiB). Raise them or mask other tokens; "
            "for parities without noise use ParityPosterior."
        )

    def _conflict(self, row: Int64[np.ndarray, "L"], number: int) -> str:
        """Message with a minimal set of visible tokens of probability zero, by masking one after the other.

        A token stays in the set when the rest without it is too wide to be judged quickly; such a set conflicts, but
        need not be minimal.
        """
        rest, width = row.copy(), min(self.max_width, _CONFLICT_WIDTH)
        for position in np.flatnonzero(row != self.mask_id):
            rest[position] = self.mask_id
            if self._rows.solve(rest[None], max_width=width)[0] != Status.IMPOSSIBLE:
                rest[position] = row[position]
        shown = ", ".join(f"x[{i}] = {row[i]}" for i in np.flatnonzero(rest != self.mask_id))
        return (
            f"row {number}: the visible tokens have probability zero; these conflict: {shown}. "
            f"{way_out(self.distribution)}"
        )
