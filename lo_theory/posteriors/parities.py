"""The exact posterior of parities without noise by Gaussian elimination over GF(2), at any number of latents."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer, UInt8, UInt64

from generators.distribution import LODistribution
from lo_theory.posteriors.affine import affine_forms
from lo_theory.posteriors.enumeration import ImpossibleEvidence, way_out
from lo_theory.posteriors.factors import checked_tokens

_LOG_HALF = -np.log(2.0)
_WORD = 64


class ParityPosterior:
    """``p(x_i | visible tokens)`` when every observation is the parity of some latent bits, or its complement.

    Visible tokens are linear equations in the latents. A masked token is the constant that they imply, or else a fair
    coin: a linear function that is no combination of the equations is balanced on their solutions. So one elimination
    answers everything, where elimination of variables would need exponential tables.

    Args:
        distribution: binary latents, uniform prior, no noise, every table affine over GF(2): the XOR of some or all
            latents of its scope, perhaps complemented.
    Raises:
        ValueError: anything else; the message names the first offender.
    Cost: per sequence O((N + P) N min(N, P) / 64) word operations and O((N + P) N / 8) bytes.
    """

    def __init__(self, distribution: LODistribution) -> None:
        if distribution.alphabet != 2 or distribution.prior[0] != distribution.prior[1]:
            raise ValueError(
                f"Gaussian elimination over GF(2) needs latent bits with a uniform prior; got prior "
                f"{distribution.prior.tolist()}. Use EliminatedPosterior."
            )
        self.distribution = distribution
        self.length, self.vocabulary, self.mask_id = distribution.length, distribution.vocabulary, distribution.mask_id
        n = distribution.n_latents
        # What stands at each position, as bits: its latents, and in column n the constant.
        self._rows = np.zeros((self.length, n + 1), dtype=np.uint8)
        self._rows[distribution.latent_positions, np.arange(n)] = 1
        self._rows[distribution.observation_positions] = _parities(distribution)

    def log_marginals(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
        """Log posterior of every token, (B, L) -> (B, L, V) in nats: 0, -log 2 or ``-inf``.

        Visible positions hold the point mass on their token.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length or a token outside ``range(V + 1)``.
            ImpossibleEvidence: the visible tokens of a row contradict each other; the message names a minimal conflict.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        out = np.full((*tokens.shape, self.vocabulary), -np.inf)
        for number, row in enumerate(tokens):
            known, value, _ = self._reduce(row, number)
            out[number, :, :2] = _LOG_HALF
            out[number, known] = -np.inf
            out[number, known, value[known]] = 0.0
        return out

    def log_evidence(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B"]:
        """Log probability of the visible tokens: minus log 2 times the rank of their equations; raises as above."""
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        ranks = [len(self._reduce(row, number)[2]) for number, row in enumerate(tokens)]
        return _LOG_HALF * np.array(ranks, dtype=np.float64)

    def sample(self, tokens: Integer[np.ndarray, "B L"], rng: np.random.Generator) -> Int64[np.ndarray, "B L"]:
        """One exact draw of all masked tokens together per row, given the visible ones; raises as above."""
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        n, samples = self.distribution.n_latents, np.empty_like(tokens)
        for number, row in enumerate(tokens):
            _, _, solved = self._reduce(row, number)
            latents = np.append(rng.integers(2, size=n), 1).astype(np.uint8)  # the 1 multiplies the constants
            pivots = np.array(sorted(solved), dtype=np.int64)
            latents[pivots] = 0
            equations = np.array([solved[p] for p in pivots.tolist()], dtype=np.uint8).reshape(len(pivots), n + 1)
            latents[pivots] = _parity_of_product(equations, latents)
            samples[number] = _parity_of_product(self._rows, latents)
        return samples

    def _reduce(
        self, row: Int64[np.ndarray, "L"], number: int
    ) -> tuple[Bool[np.ndarray, "L"], UInt8[np.ndarray, "L"], dict[int, UInt8[np.ndarray, "n1"]]]:
        """Which positions are known and their values; for each pivot latent its reduced equation."""
        visible = row != self.mask_id
        outside = np.flatnonzero(visible & (row > 1))
        if outside.size:
            i = int(outside[0])
            raise ImpossibleEvidence(f"row {number}: x[{i}] = {row[i]} is no bit, so the tokens have probability zero.")
        reduced, pivots = self._eliminated(row)
        n = self.distribution.n_latents
        left_over = reduced[:, :n].any(axis=1)
        if (reduced[visible & ~left_over, n]).any():
            raise ImpossibleEvidence(self._conflict(row, number))
        value = np.where(visible, row, reduced[:, n]).astype(np.uint8)
        return visible | ~left_over, value, {p: reduced[i] for p, i in pivots.items()}

    def _eliminated(self, row: Int64[np.ndarray, "L"]) -> tuple[UInt8[np.ndarray, "L n1"], dict[int, int]]:
        """All positions after elimination by the visible ones, and the position whose equation solves each pivot."""
        n = self.distribution.n_latents
        matrix = self._rows.copy()
        visible = row != self.mask_id
        matrix[visible, n] ^= row[visible].astype(np.uint8)  # x_i = row_i becomes "this sum is 0"
        words = _packed(matrix)
        open_rows, pivots = visible.copy(), {}
        for latent in range(n):
            bit = (words[:, latent // _WORD] >> np.uint64(latent % _WORD)) & np.uint64(1) != 0
            candidates = np.flatnonzero(bit & open_rows)
            if not candidates.size:
                continue
            pivot = int(candidates[0])
            open_rows[pivot], bit[pivot] = False, False
            words[bit] ^= words[pivot]
            pivots[latent] = pivot
        return _unpacked(words, n + 1), pivots

    def _conflict(self, row: Int64[np.ndarray, "L"], number: int) -> str:
        """Message with a minimal set of contradicting tokens, by masking one after the other."""
        rest, n = row.copy(), self.distribution.n_latents
        for position in np.flatnonzero(row != self.mask_id):
            rest[position] = self.mask_id
            reduced, _ = self._eliminated(rest)
            void = (rest != self.mask_id) & ~reduced[:, :n].any(axis=1)
            if not reduced[void, n].any():
                rest[position] = row[position]
        shown = ", ".join(f"x[{i}] = {row[i]}" for i in np.flatnonzero(rest != self.mask_id))
        return (
            f"row {number}: the visible tokens have probability zero; these conflict: {shown}. "
            f"{way_out(self.distribution)}"
        )


def _parities(distribution: LODistribution) -> UInt8[np.ndarray, "P n1"]:
    """Coefficients of every observation over the latents and, last, its constant."""
    rows = np.zeros((distribution.n_observations, distribution.n_latents + 1), dtype=np.uint8)
    j = 0
    for function in distribution.functions:
        if function.noise:
            raise ValueError(
                f"Gaussian elimination needs observations without noise; got rate {function.noise}. "
                "Use EliminatedPosterior."
            )
        for form, scope in zip(affine_forms(function), function.scopes, strict=True):
            if form is None:
                raise ValueError(
                    f"observation {j} is no parity of the latents {scope.tolist()}, nor its complement. "
                    "Use EliminatedPosterior."
                )
            rows[j, scope], rows[j, -1] = form
            j += 1
    return rows


def _packed(bits: UInt8[np.ndarray, "r c"]) -> UInt64[np.ndarray, "r w"]:
    width = -(-bits.shape[1] // _WORD) * _WORD
    padded = np.zeros((len(bits), width), dtype=np.uint8)
    padded[:, : bits.shape[1]] = bits
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def _unpacked(words: UInt64[np.ndarray, "r w"], columns: int) -> UInt8[np.ndarray, "r c"]:
    as_bytes = np.ascontiguousarray(words.astype("<u8")).view(np.uint8)
    return np.unpackbits(as_bytes, axis=1, count=columns, bitorder="little")


def _parity_of_product(rows: UInt8[np.ndarray, "r c"], vector: UInt8[np.ndarray, "c"]) -> Int64[np.ndarray, "r"]:
    return np.count_nonzero(rows & vector, axis=1) % 2
