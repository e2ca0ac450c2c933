"""Noisy parities (Example B.1 and its dense form): instances, and the attack by pooled Gaussian elimination.

Without noise N independent parities determine the latents. With noise the attack guesses N of a pool that happen to be
free of it: solve, verify on other parities, try again. A trial succeeds with probability (1 - eta)**N, so that each
latent costs -log2(1 - eta) bits (Esser, Kuebler and May, "LPN Decoded", CRYPTO 2017).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8, UInt64

from lo_theory.attacks.inversion import Attempt
from lo_theory.compiled import kernel

TRIALS = "trials"
_WORD = 64
_CONFIDENCE = 6.0  # standard deviations between the acceptance threshold and either hypothesis


@dataclass(frozen=True, eq=False)
class NoisyParities:
    """Parities of hidden bits, each flipped with probability ``noise``.

    Attributes:
        latents: (N,) hidden bits.
        rows: (P, W) packed coefficients: bit i of a row says whether latent i is in the parity; bit N is the noisy
            value.
        noise: eta, in [0, 1/2).
        arity: latents in every parity; None for dense ones, each latent in or out by a fair coin.
    """

    latents: UInt8[np.ndarray, "N"]
    rows: UInt64[np.ndarray, "P W"]
    noise: float
    arity: int | None

    @property
    def bits_per_latent(self) -> float:
        """-log2(1 - eta): what the attack pays for each latent."""
        return -math.log2(1.0 - self.noise)


def draw_parities(
    n_latents: int, count: int, noise: float, *, arity: int | None, rng: np.random.Generator
) -> NoisyParities:
    """Uniform latents and ``count`` independent parities of them.

    Raises:
        ValueError: a rate outside [0, 1/2), an arity beyond N.
    """
    if not 0.0 <= noise < 0.5 or not (arity is None or 1 <= arity <= n_latents):
        raise ValueError(
            f"noisy parities need a rate in [0, 1/2) and an arity in 1..{n_latents} or None; got {noise}, {arity}."
        )
    latents = rng.integers(2, size=n_latents, dtype=np.uint8)
    members = rng.integers(2, size=(count, n_latents), dtype=np.uint8)
    if arity is not None:
        members = np.zeros_like(members)
        np.put_along_axis(members, _subsets(n_latents, count, arity, rng), 1, axis=1)
    values = (members.astype(np.float32) @ latents.astype(np.float32)).astype(np.int64) % 2
    values ^= rng.random(count) < noise
    return NoisyParities(latents, _packed(np.column_stack([members, values.astype(np.uint8)])), noise, arity)


def pool_size(n_latents: int, noise: float, *, excess: float = 0.02) -> int:
    """Parities that make the pool as good as fresh ones: the mean number of trials is then within about ``excess``.

    In a pool of P the share of flipped ones is fixed. The success rate of a trial given the pool varies by a relative
    variance of about N**2 eta / (P (1 - eta)), by which the mean of its inverse exceeds (1 - eta)**-N.
    """
    return max(20 * n_latents, math.ceil(n_latents**2 * noise / ((1.0 - noise) * excess)))


def held_out_size(n_latents: int, noise: float, *, arity: int | None) -> int:
    """Parities that tell the latents from all but one of them, with six standard deviations to either side.

    A trial in a thousand million is then accepted wrongly, or rejected wrongly.
    """
    gap = _gap(n_latents, noise, arity)
    variance = max(rate * (1.0 - rate) for rate in (1.0 - noise, 1.0 - noise - gap))
    return math.ceil((2 * _CONFIDENCE) ** 2 * variance / gap**2)


def pooled_gauss(
    parities: NoisyParities, held_out: NoisyParities, max_trials: int, rng: np.random.Generator
) -> Attempt:
    """Solve random independent parities of the pool until a solution agrees with the held-out ones.

    A trial draws parities in random order and keeps those independent of the ones before, N in all: independence does
    not look at the values, so all N are free of noise with probability (1 - eta)**N exactly, on average over pools.
    Accepted is an agreement above the middle between 1 - eta, that of the latents, and that of a vector with one
    latent wrong, which is close to it for sparse parities.

    Args:
        parities: the pool; see :func:`pool_size`.
        held_out: other parities of the same latents, for the verification only; see :func:`held_out_size`.
        max_trials: give up then.
    Returns:
        the accepted latents or None; cost in "trials".
    Raises:
        ValueError: a pool that does not determine the latents.
    Cost: per trial about N draws (dense) to N log N (sparse) and O(N**2 / 2) operations on words of 64 latents.
    """
    n = len(parities.latents)
    agreement = 1.0 - parities.noise - _gap(n, parities.noise, parities.arity) / 2
    needed = math.ceil(agreement * len(held_out.rows))
    found, order = np.zeros(n, dtype=np.uint8), np.arange(len(parities.rows))
    started = time.perf_counter()
    trials = _gauss(parities.rows, held_out.rows, needed, max_trials, order, found, rng)
    if trials == 0:
        raise ValueError(f"the {len(order)} parities of the pool do not determine {n} latents; draw more of them.")
    return Attempt(found if trials > 0 else None, {TRIALS: abs(int(trials))}, time.perf_counter() - started)


def _gap(n_latents: int, noise: float, arity: int | None) -> float:
    """How much less a vector with one wrong latent agrees with noisy parities."""
    return (1.0 - 2.0 * noise) * (0.5 if arity is None else arity / n_latents)


def _subsets(n_latents: int, count: int, arity: int, rng: np.random.Generator) -> Int64[np.ndarray, "P k"]:
    """Uniform subsets, by rejection of tuples that repeat a latent, or by sorting where most would."""
    if arity * arity > n_latents:
        return np.argsort(rng.random((count, n_latents)), axis=1)[:, :arity]
    subsets = rng.integers(n_latents, size=(count, arity))
    while True:
        again = np.flatnonzero((np.diff(np.sort(subsets, axis=1), axis=1) == 0).any(axis=1))
        if not again.size:
            return subsets
        subsets[again] = rng.integers(n_latents, size=(len(again), arity))


def _packed(bits: UInt8[np.ndarray, "r c"]) -> UInt64[np.ndarray, "r w"]:
    padded = np.zeros((len(bits), -(-bits.shape[1] // _WORD) * _WORD), dtype=np.uint8)
    padded[:, : bits.shape[1]] = bits
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64)


@kernel
def _odd(row: UInt64[np.ndarray, "W"], vector: UInt64[np.ndarray, "W"]) -> bool:
    """Parity of the common bits."""
    folded = np.uint64(0)
    for w in range(len(row)):
        folded ^= row[w] & vector[w]
    for shift in (32, 16, 8, 4, 2, 1):
        folded ^= folded >> np.uint64(shift)
    return folded & np.uint64(1) != 0


@kernel
def _solve(
    rows: UInt64[np.ndarray, "P W"],
    order: Int64[np.ndarray, "P"],
    basis: UInt64[np.ndarray, "N W"],
    filled: UInt8[np.ndarray, "N"],
    solution: UInt64[np.ndarray, "W"],
    rng: np.random.Generator,
) -> bool:
    """Fill ``solution`` (bits and a last bit 1) from independent rows in random order; False if there are too few."""
    n, width = basis.shape
    one = np.uint64(1)
    filled[:] = 0
    row, rank = np.empty(width, dtype=np.uint64), 0
    for drawn in range(len(order)):
        other = drawn + rng.integers(0, len(order) - drawn)
        order[drawn], order[other] = order[other], order[drawn]
        for w in range(width):
            row[w] = rows[order[drawn], w]
        for latent in range(n):
            word = latent >> 6
            if (row[word] >> np.uint64(latent & 63)) & one == 0:
                continue
            if filled[latent] == 0:
                for w in range(width):
                    basis[latent, w] = row[w]
                filled[latent] = 1
                rank += 1
                break
            for w in range(word, width):
                row[w] ^= basis[latent, w]
        if rank == n:
            break
    if rank < n:
        return False
    solution[:] = 0
    solution[n >> 6] = one << np.uint64(n & 63)
    for latent in range(n - 1, -1, -1):  # its equation holds this latent, later ones, and the constant
        if _odd(basis[latent], solution):
            solution[latent >> 6] |= one << np.uint64(latent & 63)
    return True


@kernel
def _gauss(
    rows: UInt64[np.ndarray, "P W"],
    held_out: UInt64[np.ndarray, "T W"],
    needed: int,
    max_trials: int,
    order: Int64[np.ndarray, "P"],
    found: UInt8[np.ndarray, "N"],
    rng: np.random.Generator,
) -> int:
    """Trials until acceptance; minus their number if there was none, 0 if the pool has not full rank."""
    n, width = len(found), rows.shape[1]
    basis, filled = np.empty((n, width), dtype=np.uint64), np.empty(n, dtype=np.uint8)
    solution = np.empty(width, dtype=np.uint64)
    for trial in range(1, max_trials + 1):
        if not _solve(rows, order, basis, filled, solution, rng):
            return 0
        agreed = 0
        for t in range(len(held_out)):
            if not _odd(held_out[t], solution):
                agreed += 1
        if agreed >= needed:
            for latent in range(n):
                found[latent] = (solution[latent >> 6] >> np.uint64(latent & 63)) & np.uint64(1)
            return trial
    return -max_trials
