"""The exact posterior where visible tokens contradict each other: which of them to believe, and the answer given those.

Decoding several tokens at once soon writes tokens that no sequence of the distribution has together. Bayes' rule then
has no answer, a network always has one. The fallback stated here is the smallest departure that keeps the rest exact:
read the visible tokens one after the other, latents before observations and each kind by position, and leave out (treat
as masked) every token that contradicts the ones kept before it. What is kept is a maximal consistent subset.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer

from lo_theory.denoisers.oracle import PosteriorOfDistribution
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.elimination.rows import DONE, IMPOSSIBLE, solve
from lo_theory.posteriors.factors import checked_tokens, local_factors


class ForgivingPosterior:
    """A posterior that answers contradictory rows too; on consistent rows it is ``posterior``, to the bit.

    A row's answer is a function of that row alone. A latent leaves only if it is impossible by itself; an observation
    leaves if it disagrees with the latents and observations kept before it.

    Args:
        posterior: gives the answers, once a row is consistent.
        max_width, max_bytes: limits of the elimination that judges consistency, see :class:`EliminatedPosterior`.
    Raises:
        ValueError: an observation of too many latents to be tabulated.
    Cost: one check of consistency per row (20 to 150 microseconds at L = 300); a contradictory row takes about
        log2(L) + 1 checks and one elimination for each round, and a round drops all tokens that its prefix rules out.
    """

    def __init__(self, posterior: PosteriorOfDistribution, *, max_width: int = 20, max_bytes: int = 2**30) -> None:
        self.posterior, self.distribution = posterior, posterior.distribution
        self.length, self.vocabulary = posterior.length, posterior.vocabulary
        self.mask_id = self.distribution.mask_id
        self._judge = EliminatedPosterior(self.distribution, max_width=max_width, max_bytes=max_bytes)
        self._factors = local_factors(self.distribution)
        positions = (self.distribution.latent_positions, self.distribution.observation_positions)
        self._rank = np.empty(self.length, dtype=np.int64)
        self._rank[np.concatenate([np.sort(kind) for kind in positions])] = np.arange(self.length)

    def log_marginals(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
        """Log posterior of every token given :meth:`kept` of its row, in nats.

        Kept positions hold the point mass on their token; one that was left out holds its posterior, in which its own
        token is impossible, so a sampler that revises its tokens sees what is wrong.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length, a token outside ``range(V + 1)``, or a sequence beyond the width or memory limit.
        """
        return self.posterior.log_marginals(self.kept(tokens))

    def kept(self, tokens: Integer[np.ndarray, "B L"]) -> Int64[np.ndarray, "B L"]:
        """The tokens with those masked that contradict the ones kept before them; raises as :meth:`log_marginals`."""
        kept = checked_tokens(tokens, self.length, self.vocabulary).copy()
        rows = np.flatnonzero(~self.possible(kept))
        known = np.zeros(len(rows), dtype=np.int64)  # tokens of lower rank are consistent
        while rows.size:
            cut = self._first_contradiction(kept[rows], known)
            kept[rows] = self._without_excluded(kept[rows], cut)
            still = ~self.possible(kept[rows])
            rows, known = rows[still], cut[still]
        return kept

    def possible(self, tokens: Integer[np.ndarray, "B L"]) -> Bool[np.ndarray, "B"]:
        """Whether the visible tokens of each row have positive probability together; raises as above."""
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        verdict, start = np.ones(len(tokens), dtype=bool), 0
        while start < len(tokens):
            status, row, width, _ = self._solve(tokens[start:])
            if status == DONE:
                break
            if status != IMPOSSIBLE:
                raise ValueError(
                    f"row {start + row}: whether its visible tokens contradict each other takes an elimination of "
                    f"width {width} or more; the limits are max_width = {self._judge.max_width} and max_bytes = "
                    f"{self._judge.max_bytes}. Raise them."
                )
            verdict[start + row] = False
            start += row + 1
        return verdict

    def _solve(self, tokens: Int64[np.ndarray, "B L"]) -> tuple[int, int, int, float]:
        return solve(
            self._factors,
            tokens,
            self.mask_id,
            self._judge.max_width,
            self._judge.max_bytes // 8,
            np.empty((0, self.length)),
            np.empty(len(tokens)),
            np.empty((0, self.length, self.vocabulary)),
            np.empty((0, self.length), dtype=np.int64),
        )

    def _first_contradiction(
        self, tokens: Int64[np.ndarray, "B L"], known: Int64[np.ndarray, "B"]
    ) -> Int64[np.ndarray, "B"]:
        """Rank of the first token that contradicts those of lower rank, by bisection above ``known``."""
        low, high = known.copy(), np.full(len(tokens), self.length)
        while (high - low > 1).any():
            middle = (low + high) // 2
            fine = self.possible(self._prefix(tokens, middle))
            low, high = np.where(fine, middle, low), np.where(fine, high, middle)
        return low

    def _without_excluded(
        self, tokens: Int64[np.ndarray, "B L"], cut: Int64[np.ndarray, "B"]
    ) -> Int64[np.ndarray, "B L"]:
        """Mask the token of rank ``cut``, and every later one that the tokens before ``cut`` rule out by themselves."""
        log_marginals = self._judge.log_marginals(self._prefix(tokens, cut))
        asked = np.where(tokens == self.mask_id, 0, tokens)[..., None]
        excluded = np.take_along_axis(log_marginals, asked, axis=-1)[..., 0] == -np.inf
        dropped = (excluded & (self._rank > cut[:, None])) | (self._rank == cut[:, None])
        return np.where(dropped, self.mask_id, tokens)

    def _prefix(self, tokens: Int64[np.ndarray, "B L"], cut: Int64[np.ndarray, "B"]) -> Int64[np.ndarray, "B L"]:
        """Only the tokens of rank below ``cut`` stay visible."""
        return np.where(self._rank < cut[:, None], tokens, self.mask_id)
