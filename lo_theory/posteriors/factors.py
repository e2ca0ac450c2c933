"""A distribution of local factors as flat arrays: what the compiled exact posterior reads."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int32, Int64, Integer, UInt64

from generators.distribution import LODistribution
from generators.ground.integers import integers
from generators.observations.function import ObservationFunction, noiseless_tables
from generators.observations.predicate import Predicate

LARGEST_SCOPE = 2**16
"""Entries of a local truth table that elimination can hold."""
GENERAL, BITS, COUNTED = 0, 1, 2
"""Kinds: any; bits, scopes of at most six and few values, so that a word holds the settings of a scope; the same
without noise under a uniform prior, so that all completions weigh the same."""
_WORD, _FEW_VALUES = 6, 64


class Factors(NamedTuple):
    """Prior, scopes and truth tables of all P observations; K is the sum of their arities.

    An observation reads ``scope[scope_start[j] : scope_start[j + 1]]``; its noiseless value is
    ``codes[table_start[j] + sum_i stride[i] * latents[scope[i]]]``. Latents that a table does not depend on have been
    left out of its scope, equal tables are stored once.
    """

    log_prior: Float64[np.ndarray, "m"]
    scope_start: Int64[np.ndarray, "P1"]
    scope: Int64[np.ndarray, "K"]
    stride: Int64[np.ndarray, "K"]
    table_start: Int64[np.ndarray, "P"]
    codes: Int32[np.ndarray, "T"]
    alphabet: Int64[np.ndarray, "P"]
    log_kept: Float64[np.ndarray, "P"]  # log Q(y | z) for y = z
    log_replaced: Float64[np.ndarray, "P"]  # log Q(y | z) for y != z
    touch_start: Int64[np.ndarray, "N1"]
    touch: Int64[np.ndarray, "K"]  # observations that read latent i: touch[touch_start[i] : touch_start[i + 1]]
    latent_position: Int64[np.ndarray, "N"]
    observation_position: Int64[np.ndarray, "P"]
    kind: int
    allowed: UInt64[np.ndarray, "Q V"]  # bit i is set where entry i of the table can yield the value; none if GENERAL


def is_local(distribution: LODistribution) -> bool:
    """Whether every observation reads few enough latents for :func:`~.exact.forgiving_posterior`."""
    widest = max((f.scopes.shape[1] for f in distribution.functions), default=0)
    return distribution.alphabet**widest <= LARGEST_SCOPE


def local_factors(distribution: LODistribution) -> Factors:
    """Tabulate every observation of a distribution.

    Raises:
        ValueError: an observation whose table would have more than 2**20 entries: it is not a local factor.
    Cost: O(P m^k) for predicates; P evaluations of all P observations for other kinds.
    """
    tables, scopes = [], []
    for function in distribution.functions:
        for table, scope in zip(observation_tables(function), function.scopes, strict=True):
            needed = _axes_that_matter(table)
            tables.append(np.asarray(table[tuple(slice(None) if i in needed else 0 for i in range(table.ndim))]))
            scopes.append(np.asarray(scope, dtype=np.int64)[needed])
    codes, table_start = _pooled(tables)
    arity = np.array([len(scope) for scope in scopes], dtype=np.int64)
    scope = np.concatenate([*scopes, np.empty(0, dtype=np.int64)])
    readers = np.repeat(np.arange(len(scopes)), arity)
    by_latent = np.argsort(scope, kind="stable")
    functions = distribution.functions
    sizes = [len(function.scopes) for function in functions]
    alphabet = np.repeat(np.array([f.alphabet for f in functions], dtype=np.int64), sizes)
    noise = np.repeat(np.array([f.noise for f in functions], dtype=np.float64), sizes)
    with np.errstate(divide="ignore"):
        log_prior = np.log(distribution.prior)
        log_kept, log_replaced = np.log1p(-noise), np.log(noise / np.maximum(alphabet - 1, 1))
    kind = _kind(distribution, int(arity.max(initial=0)))
    return Factors(
        log_prior=log_prior,
        scope_start=_starts(arity),
        scope=scope,
        stride=np.concatenate([*map(_strides, tables), np.empty(0, dtype=np.int64)]),
        table_start=table_start,
        codes=codes,
        alphabet=alphabet,
        log_kept=log_kept,
        log_replaced=log_replaced,
        touch_start=_starts(np.bincount(scope, minlength=distribution.n_latents)),
        touch=readers[by_latent].astype(np.int64),
        latent_position=distribution.latent_positions.astype(np.int64),
        observation_position=distribution.observation_positions.astype(np.int64),
        kind=kind,
        allowed=_allowed(tables if kind else [], noise, alphabet, distribution.vocabulary),
    )


def _kind(distribution: LODistribution, widest: int) -> int:
    if distribution.alphabet != 2 or widest > _WORD or distribution.vocabulary > _FEW_VALUES:
        return GENERAL
    plain = distribution.prior[0] == distribution.prior[1] and all(f.noise == 0.0 for f in distribution.functions)
    return COUNTED if plain else BITS


def _allowed(
    tables: list[np.ndarray], noise: Float64[np.ndarray, "P"], alphabet: Int64[np.ndarray, "P"], vocabulary: int
) -> UInt64[np.ndarray, "Q V"]:
    """For every observation and value the entries of its table that do not rule the value out, as bits of a word."""
    found = np.zeros((len(tables), vocabulary), dtype=np.uint64)
    for line, table, flips, size in zip(found, tables, noise, alphabet, strict=False):
        bits = np.uint64(1) << np.arange(table.size, dtype=np.uint64)
        for y in range(size):
            same = table.ravel() == y
            line[y] = bits[(same & (flips < 1.0)) | (~same & (flips > 0.0))].sum(dtype=np.uint64)
    return found


def observation_tables(function: ObservationFunction) -> list[np.ndarray]:
    """Truth table of every observation over its scope; a predicate has one for all and is not evaluated."""
    base = getattr(function, "base", function)
    if isinstance(base, Predicate):
        return [base.table] * len(base.scopes)
    return noiseless_tables(function)


def checked_tokens(tokens: Integer[np.ndarray, "B L"], length: int, vocabulary: int) -> Int64[np.ndarray, "B L"]:
    """Tokens of any integer type as int64.

    Raises:
        TypeError: no integers: floats, even whole ones, or truth values.
        ValueError: another length, or a token outside ``range(vocabulary + 1)``.
    """
    tokens = integers(tokens, "tokens")
    if tokens.ndim != 2 or tokens.shape[1] != length:
        raise ValueError(f"tokens must have shape (B, {length}); got {tokens.shape}.")
    if tokens.size and (tokens.min() < 0 or tokens.max() > vocabulary):
        raise ValueError(
            f"tokens lie in range({vocabulary}) or are the mask id {vocabulary}; "
            f"got values from {tokens.min()} to {tokens.max()}."
        )
    return np.ascontiguousarray(tokens, dtype=np.int64)


def _axes_that_matter(table: np.ndarray) -> list[int]:
    return [axis for axis in range(table.ndim) if (table != table.take([0], axis=axis)).any()]


def _pooled(tables: list[np.ndarray]) -> tuple[Int32[np.ndarray, "T"], Int64[np.ndarray, "P"]]:
    """All tables end to end, equal ones once, and where each begins."""
    starts: dict[tuple[tuple[int, ...], bytes], int] = {}
    pieces, table_start, end = [], [], 0
    for table in tables:
        flat = table.ravel().astype(np.int32)
        key = (table.shape, flat.tobytes())
        if key not in starts:
            starts[key] = end
            pieces.append(flat)
            end += table.size
        table_start.append(starts[key])
    return np.concatenate([*pieces, np.empty(0, dtype=np.int32)]), np.array(table_start, dtype=np.int64)


def _strides(table: np.ndarray) -> Int64[np.ndarray, "k"]:
    if not table.ndim:
        return np.empty(0, dtype=np.int64)
    return table.shape[0] ** np.arange(table.ndim - 1, -1, -1, dtype=np.int64)


def _starts(sizes: np.ndarray) -> Int64[np.ndarray, "n1"]:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
