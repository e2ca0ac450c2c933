"""Scopes: which latents an observation reads. Rows of an integer array (P, k), distinct within a row."""

from __future__ import annotations

import itertools
import math

import numpy as np
from jaxtyping import Int64, Integer

from generators.ground.draws import structure_rng
from generators.ground.memory import check_memory


def random_scopes(n_latents: int, n_observations: int, *, arity: int, structure_seed: int) -> Int64[np.ndarray, "P k"]:
    """Uniform ordered tuples of *distinct* latents, independent between observations.

    Drawing with replacement would shift the rate of ``NAE = 1`` away from 3/4: at N = 20 to 0.7125 (Sec. 2.1 of the
    experiments leaves the choice open; only distinct indices give the stated 75%).

    Raises:
        ValueError: ``arity > n_latents`` or ``arity < 1``, or P N keys and their order do not fit into memory.
    """
    _check_arity(arity, n_latents)
    _check_size(16 * n_observations * n_latents, n_latents, n_observations)
    rng = structure_rng(structure_seed, _SCOPES_TAG)
    keys = rng.random((n_observations, n_latents))
    return np.argsort(keys, axis=1, kind="stable")[:, :arity].astype(np.int64)


def ordered_scopes(n_latents: int, *, arity: int) -> Int64[np.ndarray, "P k"]:
    """Every ordered ``arity``-subset of the latents, P = N! / (N - k)! rows in lexicographic order (Example 3.2)."""
    _check_arity(arity, n_latents)
    rows = math.perm(n_latents, arity)
    if rows > 10**7:
        raise ValueError(
            f"every ordered {arity}-subset of {n_latents} latents makes {rows} scopes, more than 10,000,000; "
            "draw some of them with random_scopes instead."
        )
    return np.array(list(itertools.permutations(range(n_latents), arity)), dtype=np.int64).reshape(rows, arity)


def regular_scopes(n_latents: int, n_observations: int, *, arity: int, structure_seed: int) -> Int64[np.ndarray, "P k"]:
    """Random scopes in which every latent is read (almost) equally often: degrees differ by at most one.

    Each latent receives ``P * k / N`` slots, the remainder goes to latents drawn at random, slots are shuffled
    (configuration model), and a repeated latent within a scope is swapped with another slot until none is left.

    Raises:
        ValueError: ``arity > n_latents`` or ``arity < 1``, or the slots do not fit into memory.
    """
    _check_arity(arity, n_latents)
    _check_size(8 * n_latents + 16 * n_observations * arity, n_latents, n_observations)
    rng = structure_rng(structure_seed, _REGULAR_TAG)
    slots = n_observations * arity
    extra = rng.permutation(n_latents)[: slots % n_latents]
    scopes = rng.permutation(np.concatenate([np.tile(np.arange(n_latents), slots // n_latents), extra]))
    scopes = scopes.reshape(n_observations, arity).astype(np.int64)
    while (faulty := np.flatnonzero(_has_repeat(scopes))).size:
        for row in faulty:
            _swap_one_repeat(scopes, int(row), rng)
    return scopes


def check_scopes(scopes: Integer[np.ndarray, "P k"], n_latents: int) -> None:
    """Raise ValueError unless every entry lies in ``range(n_latents)`` and no row repeats a latent."""
    if scopes.ndim != 2 or scopes.shape[1] < 1 or not np.issubdtype(scopes.dtype, np.integer):
        raise ValueError(
            f"scopes must be an integer array (P, k) with k >= 1; got shape {scopes.shape} of {scopes.dtype}."
        )
    _check_arity(scopes.shape[1], n_latents)
    outside = np.argwhere((scopes < 0) | (scopes >= n_latents))
    if outside.size:
        row, column = outside[0]
        raise ValueError(
            f"scopes[{row}, {column}] = {scopes[row, column]} is no latent; indices lie in range({n_latents})."
        )
    repeated = np.flatnonzero(_has_repeat(scopes))
    if repeated.size:
        raise ValueError(
            f"scopes[{repeated[0]}] = {scopes[repeated[0]].tolist()} reads a latent twice; the entries of a scope must "
            "be distinct. For a predicate of fewer latents pass a smaller table."
        )


_SCOPES_TAG, _REGULAR_TAG = 0x5C0, 0x5C1


def _check_size(needed: int, n_latents: int, n_observations: int) -> None:
    if needed > 2**24:  # below it nobody asks how much memory there is
        check_memory(
            needed,
            what=f"drawing {n_observations} scopes among {n_latents} latents",
            advice="Use fewer latents or observations.",
        )


def _check_arity(arity: int, n_latents: int) -> None:
    if not 1 <= arity <= n_latents:
        raise ValueError(
            f"arity k = {arity} must lie in 1..N = {n_latents}: a scope holds k distinct latents. "
            "Use more latents or a smaller scope."
        )


def _has_repeat(scopes: Integer[np.ndarray, "P k"]) -> np.ndarray:
    ordered = np.sort(scopes, axis=1)
    return (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)


def _repeats(row: np.ndarray) -> int:
    return len(row) - len(np.unique(row))


def _swap_one_repeat(scopes: Int64[np.ndarray, "P k"], row: int, rng: np.random.Generator) -> None:
    """Exchange a repeated entry of ``row`` with a drawn slot unless that makes more repeats, in place."""
    values, counts = np.unique(scopes[row], return_counts=True)
    if not (counts > 1).any():
        return
    here = (row, int(np.flatnonzero(scopes[row] == values[counts > 1][0])[-1]))
    there = (int(rng.integers(len(scopes))), int(rng.integers(scopes.shape[1])))
    before = _repeats(scopes[row]) + _repeats(scopes[there[0]])
    scopes[here], scopes[there] = scopes[there], scopes[here]
    if _repeats(scopes[row]) + _repeats(scopes[there[0]]) > before:
        scopes[here], scopes[there] = scopes[there], scopes[here]
