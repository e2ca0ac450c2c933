"""The exact posterior of Markov chains and hidden Markov models, by messages from both ends."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer

from generators.ground.memory import size
from generators.text.messages import log_evidence
from generators.text.passing import Chain, log_emission, logarithm
from lo_theory.posteriors.chain_kernels import bridge, keep, smooth
from lo_theory.posteriors.chain_scaled import LEAST_MOVE, smooth_scaled
from lo_theory.posteriors.enumeration import ImpossibleEvidence
from lo_theory.posteriors.factors import checked_tokens

_SAFE = 1e-150  # products of two numbers above this keep all their digits


class ChainPosterior:
    """``p(x_i | visible tokens)`` for every masked position of a batch, float64, in compiled loops over its rows.

    Chains of memory 1 are cut apart by what is visible, and between two visible tokens a masked one needs one product
    for each value, with powers of the transition matrix that are made once; where those would take too much memory or
    lose digits to underflow, and for other chains, messages are passed. They are scaled to add up to one, or are
    logarithms in rows where a probability below 1e-50 or a message below 1e-100 would cost digits.

    Args:
        distribution: a chain of memory 1 or 2, or a hidden Markov model; zeros are allowed everywhere.
        max_bytes: of the powers; 2**28 holds 256 of them for V = 256.
    Cost: O(V) for each masked token and memory 1, O(V^3) for memory 2, O(S^2 + S V) for S hidden states;
        ``benchmarks/chains.py`` compares with the messages written plainly in torch.
    """

    def __init__(self, distribution: Chain, *, max_bytes: int = 2**28) -> None:
        self.distribution, self.max_bytes = distribution, max_bytes
        self.length, self.vocabulary, self.mask_id = (
            distribution.length,
            distribution.vocabulary,
            distribution.vocabulary,
        )
        passing = distribution.passing
        self._passing, self._powers = passing, None
        self._emission = np.empty((passing.cube.shape[2], 0)) if passing.emission is None else passing.emission
        self._logs = logarithm(passing.start), log_emission(passing)
        moves = (passing.start, passing.cube, self._emission)
        self._scalable = all((part[part > 0] >= LEAST_MOVE).all() for part in moves)
        self._turned = np.ascontiguousarray(passing.cube.transpose(2, 1, 0))
        if passing.memory == 1 and passing.emission is None:
            self._powers = Powers(passing.start, passing.cube[:, 0, :], self.length, max_bytes)

    def log_marginals(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
        """Log posterior of every token, (B, L) -> (B, L, V) in nats; ``-inf`` where a value is impossible.

        Visible positions hold the point mass on their token.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length or a token outside ``range(V + 1)``.
            ImpossibleEvidence: a row's visible tokens have probability zero; the message names a minimal conflict.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        out, evidence = np.empty((*tokens.shape, self.vocabulary)), np.empty(len(tokens))
        bridged = self._bridged(tokens)
        if bridged.all() or not bridged.any():
            (self._bridge if bridged.all() else self._pass)(tokens, out, evidence)
        else:
            for rows, answer in ((bridged, self._bridge), (~bridged, self._pass)):
                some, part = np.empty((int(rows.sum()), *out.shape[1:])), np.empty(int(rows.sum()))
                answer(tokens[rows], some, part)
                out[rows], evidence[rows] = some, part
        self._require_possible(tokens, evidence)
        return out

    def log_evidence(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B"]:
        """Log probability of the visible tokens, in nats; ``-inf`` where they contradict each other.

        Raises:
            TypeError, ValueError: as :meth:`log_marginals`.
        """
        return log_evidence(self._passing, checked_tokens(tokens, self.length, self.vocabulary), self.mask_id)

    def _bridged(self, tokens: Int64[np.ndarray, "B L"]) -> Bool[np.ndarray, "B"]:
        """Rows whose seen tokens stand so close that the powers which may be held lead from one to the next."""
        if self._powers is None:
            return np.zeros(len(tokens), dtype=bool)
        gaps = longest_gaps(tokens != self.mask_id)
        return gaps <= self._powers.up_to(int(gaps.max(initial=0)))

    def _bridge(self, tokens: np.ndarray, out: np.ndarray, evidence: np.ndarray) -> None:
        powers = self._powers
        if powers is not None:  # no row is bridged without them
            bridge(powers.starts, powers.rows, powers.columns, tokens, self.mask_id, out, evidence)

    def _pass(self, tokens: np.ndarray, out: np.ndarray, evidence: np.ndarray) -> None:
        """Scaled messages, and logarithms in rows where those are given up."""
        evidence[:] = np.nan
        if self._scalable:
            start, cube, _, memory = self._passing
            smooth_scaled(start, cube, self._turned, self._emission, tokens, self.mask_id, memory, out, evidence)
        given_up = np.isnan(evidence)
        if given_up.any():
            some, part = np.empty((int(given_up.sum()), *out.shape[1:])), np.empty(int(given_up.sum()))
            self._smooth(tokens[given_up], some, part)
            out[given_up], evidence[given_up] = some, part

    def _smooth(self, tokens: np.ndarray, out: np.ndarray, evidence: np.ndarray) -> None:
        log_start, log_emissions = self._logs
        parts = (log_start, self._passing.cube, self._turned, log_emissions, self._emission[:, None, :])
        smooth(*parts, tokens, self.mask_id, self._passing.memory, out, evidence)

    def _require_possible(self, tokens: Int64[np.ndarray, "B L"], evidence: Float64[np.ndarray, "B"]) -> None:
        impossible = np.flatnonzero(evidence == -np.inf)
        if not impossible.size:
            return
        row = int(impossible[0])
        shown = ", ".join(f"x[{i}] = {tokens[row, i]}" for i in self._conflict(tokens[row]))
        raise ImpossibleEvidence(
            f"row {row}: the visible tokens have probability zero; these conflict: {shown}. Mask one of them, or check "
            "that the sequence comes from this distribution. A decoder that reveals several tokens per step leaves the "
            "support: ask PosteriorDenoiser(forgiving_posterior(distribution)), which answers such tokens too, or "
            "reveal one token per step."
        )

    def _conflict(self, row: Int64[np.ndarray, "L"]) -> list[int]:
        """A minimal set of visible positions of probability zero, by deleting one after the other."""
        needed = row.copy()
        for position in np.flatnonzero(row != self.mask_id):
            without = needed.copy()
            without[position] = self.mask_id
            if self.log_evidence(without[None])[0] == -np.inf:
                needed = without
        return np.flatnonzero(needed != self.mask_id).tolist()


class ForgivingChainPosterior:
    """A chain's posterior that answers contradictory rows too; on consistent rows it is ``posterior``, to the bit.

    The tokens are read from left to right; each that contradicts those kept before it is left out, as if it were
    masked. This is :class:`~lo_theory.posteriors.contradiction.ForgivingPosterior`, with positions for its order.
    """

    def __init__(self, posterior: ChainPosterior) -> None:
        self.posterior, self.distribution = posterior, posterior.distribution
        self.length, self.vocabulary, self.mask_id = posterior.length, posterior.vocabulary, posterior.mask_id

    def log_marginals(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
        """Log posterior of every token given :meth:`kept` of its row, in nats.

        Kept positions hold the point mass on their token; one that was left out holds its posterior.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length, or a token outside ``range(V + 1)``.
        """
        return self.posterior.log_marginals(self.kept(tokens))

    def kept(self, tokens: Integer[np.ndarray, "B L"]) -> Int64[np.ndarray, "B L"]:
        """The tokens with those masked that contradict the ones kept before them; raises as :meth:`log_marginals`."""
        kept = checked_tokens(tokens, self.length, self.vocabulary).copy()
        passing = self.distribution.passing
        emission = np.empty((passing.cube.shape[2], 0)) if passing.emission is None else passing.emission
        keep(passing.start, passing.cube, emission, self.mask_id, passing.memory, kept)
        return kept


class Powers:
    """Powers of a transition matrix, made as they are asked for, as far as they keep their digits and fit.

    Attributes:
        starts: (L, V), the distribution of each position's token.
        rows: (K, V, V), powers 1 to K.
        columns: (K, V, V), the same, each transposed.
    """

    def __init__(self, start: Float64[np.ndarray, "V"], matrix: Float64[np.ndarray, "V V"], length: int, most: int):
        self._possible = (matrix > 0).astype(np.float32)
        self._reached, self._matrix, self._done = self._possible, np.ascontiguousarray(matrix), False
        self._most = most // (2 * matrix.nbytes)
        self.starts, reached = np.empty((length, len(start))), (start > 0).astype(np.float32)
        whole = True
        for t in range(length):
            self.starts[t] = start if t == 0 else self.starts[t - 1] @ matrix
            whole &= _unharmed(self.starts[t], reached)
            reached = (reached @ self._possible > 0).astype(np.float32)
        self.rows, self.columns = (np.empty((0, len(start), len(start))) for _ in range(2))
        self._usable = whole

    def up_to(self, wanted: int) -> int:
        """How many powers there are, once those up to ``wanted`` were made that can be; -1 if none may be used."""
        if not self._usable:
            return -1
        new, last = [], self.rows[-1] if len(self.rows) else np.eye(len(self._matrix))
        while not self._done and len(self.rows) + len(new) < min(wanted, self._most):
            last = last @ self._matrix
            if len(self.rows) + len(new) > 0:
                self._reached = (self._reached @ self._possible > 0).astype(np.float32)
            if _unharmed(last, self._reached):
                new.append(last)
            else:
                self._done = True
        if new:
            self.rows = np.concatenate([self.rows, new])
            self.columns = np.ascontiguousarray(self.rows.transpose(0, 2, 1))
        return len(self.rows)

    def __repr__(self) -> str:
        return f"Powers({len(self.rows)} of them, {size(self.rows.nbytes + self.columns.nbytes)})"


def longest_gaps(seen: Bool[np.ndarray, "B L"]) -> Int64[np.ndarray, "B"]:
    """Steps of the longest way to or from a seen token: from either end of the row, or from one to the next."""
    places = np.arange(seen.shape[1])
    last = np.maximum.accumulate(np.where(seen, places, 0), axis=1)
    before = np.concatenate([np.zeros((len(seen), 1), dtype=np.int64), last[:, :-1]], axis=1)
    return np.where(seen.any(axis=1), (places - before).max(axis=1, initial=0), 0)


def _unharmed(values: Float64[np.ndarray, "..."], possible: np.ndarray) -> bool:
    """Whether nothing that is possible is so small that products lose digits."""
    return bool((values[possible > 0] >= _SAFE).all() and not values[possible == 0].any())
