"""The exact posterior of any L&O distribution of local factors, by elimination: the Bayes-optimal answer at N = 100."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float64, Int64, Integer

from generators.distribution import LODistribution
from lo_theory.posteriors.elimination.price import Price, price
from lo_theory.posteriors.elimination.rows import DONE, IMPOSSIBLE, TOO_LARGE, solve
from lo_theory.posteriors.enumeration import ImpossibleEvidence, way_out
from lo_theory.posteriors.factors import checked_tokens, local_factors

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
        threads: share the rows of a batch among so many; answers do not depend on it. Each has tables of its own.
    Raises:
        ValueError: an observation of too many latents to be tabulated, limits that allow no table, or no thread.
    Cost: per sequence O(P m^k) for the reduction, then at most O(N m^(w+1) + P N m^(w+k)) for width w; the worst masks
        of NAE-3 at (100, 200) have width about 8. The first call of a fresh install compiles for about half a minute.
    Source: Dechter, "Bucket elimination" (1999), on the distribution of Def. 3.1.
    """

    def __init__(
        self, distribution: LODistribution, *, max_width: int = 20, max_bytes: int = 2**30, threads: int = 1
    ) -> None:
        if max_width < 0 or max_bytes < 8:
            raise ValueError(
                f"limits must allow some table: max_width >= 0 and max_bytes >= 8; got {max_width} and {max_bytes}."
            )
        if threads < 1:
            raise ValueError(f"threads must be at least 1; got {threads}. One answers in the calling thread.")
        self.distribution, self.threads = distribution, threads
        self.length, self.vocabulary, self.mask_id = distribution.length, distribution.vocabulary, distribution.mask_id
        self.max_width, self.max_bytes = max_width, max_bytes
        self._factors = local_factors(distribution)

    def log_marginals(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
        """Log posterior of every token, (B, L) -> (B, L, V) in nats; ``-inf`` where a value is impossible.

        (Or less likely than the smallest float64, about 1e-308.) Visible positions hold the point mass on their token.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length, a token outside ``range(V + 1)``, or a sequence beyond the width or memory limit.
            ImpossibleEvidence: a row's visible tokens have probability zero; the message names a minimal conflict.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        log_marginals = np.empty((len(tokens), self.length, self.vocabulary))
        self._solve(tokens, marginals=log_marginals)
        return log_marginals

    def log_evidence(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B"]:
        """Log probability of the visible tokens, in nats; raises as :meth:`log_marginals` does."""
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        log_evidence = np.empty(len(tokens))
        self._solve(tokens, log_evidence=log_evidence)
        return log_evidence

    def sample(self, tokens: Integer[np.ndarray, "B L"], rng: np.random.Generator) -> Int64[np.ndarray, "B L"]:
        """One exact draw of all masked tokens together per row, given the visible ones; raises as above.

        For many draws given the same tokens repeat the row. Each row uses L uniforms of ``rng``.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        samples = np.empty_like(tokens)
        self._solve(tokens, uniform=rng.random(tokens.shape), samples=samples)
        return samples

    def plan(self, tokens: Integer[np.ndarray, "B L"]) -> Price:
        """What each sequence would take by elimination, without doing it: width, operations and memory.

        Takes about as long as the reduction; raises nothing but for malformed tokens. Where completions are counted the
        work is less.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length or a token outside ``range(V + 1)``.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        found = Price(np.empty(len(tokens), dtype=np.int64), np.empty(len(tokens)))
        price(self._factors, tokens, self.mask_id, found.width, found.entries)
        return found

    def _solve(
        self,
        tokens: Int64[np.ndarray, "B L"],
        *,
        uniform: np.ndarray | None = None,
        log_evidence: np.ndarray | None = None,
        marginals: np.ndarray | None = None,
        samples: np.ndarray | None = None,
    ) -> None:
        outputs = (uniform, log_evidence, marginals, samples)
        size = -(-len(tokens) // self.threads) if len(tokens) else 1
        starts = range(0, max(len(tokens), 1), size)

        def part(start: int) -> tuple[int, int, int, float]:
            rows = slice(start, start + size)
            of_rows = [None if out is None else out[rows] for out in outputs]
            return self._status(tokens[rows], of_rows[0], of_rows[1], of_rows[2], of_rows[3])

        if len(starts) == 1:
            ends = [part(0)]
        else:
            with ThreadPoolExecutor(len(starts)) as pool:
                ends = list(pool.map(part, starts))
        first = next((i for i, end in enumerate(ends) if end[0] != DONE), 0)
        status, row, width, entries = ends[first]
        row += starts[first]
        if status == DONE:
            return
        if status == IMPOSSIBLE:
            raise ImpossibleEvidence(self._conflict(tokens[row], int(row)))
        raise ValueError(self._refusal(int(row), int(width), float(entries), joint=status == TOO_LARGE))

    def _status(
        self,
        tokens: Int64[np.ndarray, "B L"],
        uniform: np.ndarray | None = None,
        log_evidence: np.ndarray | None = None,
        marginals: np.ndarray | None = None,
        samples: np.ndarray | None = None,
        max_width: int | None = None,
    ) -> tuple[int, int, int, float]:
        return solve(
            self._factors,
            tokens,
            self.mask_id,
            self.max_width if max_width is None else max_width,
            self.max_bytes // 8,
            np.empty((0, self.length)) if uniform is None else uniform,
            np.empty(0) if log_evidence is None else log_evidence,
            np.empty((0, self.length, self.vocabulary)) if marginals is None else marginals,
            np.empty((0, self.length), dtype=np.int64) if samples is None else samples,
        )

    def _refusal(self, row: int, width: int, entries: float, *, joint: bool) -> str:
        found = f"{width} and the joint of one masked observation" if joint else f"{width} or more and its tables"
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
            if self._status(rest[None], max_width=width)[0] != IMPOSSIBLE:
                rest[position] = row[position]
        shown = ", ".join(f"x[{i}] = {row[i]}" for i in np.flatnonzero(rest != self.mask_id))
        return (
            f"row {number}: the visible tokens have probability zero; these conflict: {shown}. "
            f"{way_out(self.distribution)}"
        )
