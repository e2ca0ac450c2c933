"""Joint posteriors of a few positions and mutual information between any two, from evidences and marginals alone.

A joint is a difference of evidences: ``log p(x_A = a | seen) = log p(x_A = a, seen) - log p(seen)``. The information
between two tokens is a mean over the values of one: ``I(x_i; x_j) = sum_a p(x_i = a) KL(p(x_j | a) || p(x_j))``, so one
batch of marginals, with x_i seen to be each of its values, gives it with every other token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float64, Int64, Integer

from generators.ground.integers import integers
from generators.ground.memory import check_memory

_CHUNK_BYTES = 2**26
Evidence = Callable[[Int64[np.ndarray, "n L"], int], Float64[np.ndarray, "n"]]
"""Log evidence of changed copies of one row, ``-inf`` where impossible; the row's number is for the message."""
Marginals = Callable[[Int64[np.ndarray, "n L"], int], Float64[np.ndarray, "n L V"]]
"""Log marginals of changed copies of one row."""


def log_joint(
    tokens: Int64[np.ndarray, "B L"],
    positions: Sequence[int] | Integer[np.ndarray, "k"],
    vocabulary: int,
    log_evidence: Evidence,
) -> Float64[np.ndarray, "B ..."]:
    """Log posterior of the tokens at ``positions`` together, (B, V, ..., V) in nats; visible ones have a point mass.

    Raises:
        TypeError: positions that are no integers.
        ValueError: none, one twice or outside the sequence; a table that does not fit into memory.
    Cost: one evidence for every setting of the masked ones among the positions.
    """
    asked = _positions(positions, tokens.shape[1])
    shape = (vocabulary,) * len(asked)
    check_memory(
        8 * len(tokens) * vocabulary ** len(asked),
        what=f"the joint of {len(asked)} positions for {len(tokens)} rows of {vocabulary} values",
        advice="Ask for fewer positions or rows at a time.",
    )
    joint = np.full((len(tokens), *shape), -np.inf)
    for number, row in enumerate(tokens):
        hidden = [int(i) for i in asked if row[i] == vocabulary]
        inside = tuple(slice(None) if row[i] == vocabulary else int(row[i]) for i in asked)
        known = float(log_evidence(row[None], number)[0])
        settings, chunk = vocabulary ** len(hidden), max(1, _CHUNK_BYTES // row.nbytes)
        found = np.empty(settings)
        for start in range(0, settings, chunk):
            part = np.arange(start, min(start + chunk, settings))
            copies = np.tile(row, (len(part), 1))
            for place, position in enumerate(reversed(hidden)):
                copies[:, position] = part // vocabulary**place % vocabulary
            found[part] = log_evidence(copies, number) - known
        joint[(number, *inside)] = found.reshape((vocabulary,) * len(hidden))
    return joint


def mutual_information(
    tokens: Int64[np.ndarray, "B L"],
    pairs: Sequence[Sequence[int]] | Integer[np.ndarray, "n 2"] | None,
    vocabulary: int,
    first: Int64[np.ndarray, "N"],
    log_marginals: Marginals,
) -> Float64[np.ndarray, "B ..."]:
    """Information between the tokens of each pair in nats, (B, n); (B, L, L) for all if ``pairs`` is None.

    A token with itself has its entropy, a visible one no information with any. Rounding below zero is taken off.

    Args:
        tokens: rows with masks.
        pairs: positions, in any order.
        vocabulary: V, also the mask id.
        first: positions whose values are rather set than those of the others, here the latents: it widens nothing.
        log_marginals: of copies of a row with one more token visible.
    Raises:
        TypeError: positions that are no integers.
        ValueError: pairs of another shape or outside the sequence; a table that does not fit into memory.
    Cost: all marginals of a row, V times for each token that stands first in a pair.
    """
    batch, length = tokens.shape
    wanted = _pairs(pairs, length)
    check_memory(
        8 * batch * (length**2 if pairs is None else len(wanted)),
        what=f"the information of {'all' if pairs is None else len(wanted)} pairs of {length} positions, {batch} rows",
        advice="Ask for fewer pairs or rows at a time.",
    )
    rank = np.ones(length, dtype=np.int64)
    rank[first] = 0
    turned = rank[wanted[:, 0]] > rank[wanted[:, 1]]
    ordered = np.where(turned[:, None], wanted[:, ::-1], wanted)
    found = np.zeros((batch, len(wanted)))
    for number, row in enumerate(tokens):
        hidden = (row[ordered] == vocabulary).all(axis=1)
        if hidden.any():
            found[number, hidden] = _information(row, ordered[hidden], vocabulary, number, log_marginals)
    if pairs is not None:
        return found
    square = np.empty((batch, length, length))
    square[:, wanted[:, 0], wanted[:, 1]] = square[:, wanted[:, 1], wanted[:, 0]] = found
    return square


def _information(
    row: Int64[np.ndarray, "L"], pairs: Int64[np.ndarray, "n 2"], vocabulary: int, number: int, log_marginals: Marginals
) -> Float64[np.ndarray, "n"]:
    """Of pairs of masked positions of one row, the values of the first of each set in turn."""
    alone = log_marginals(row[None], number)[0]
    sources = np.unique(pairs[:, 0])
    source, value = np.nonzero(alone[sources] > -np.inf)
    chunk = max(1, _CHUNK_BYTES // alone.nbytes)
    gain = np.zeros((len(sources), len(row)))
    for start in range(0, len(source), chunk):
        at, set_to = source[start : start + chunk], value[start : start + chunk]
        copies = np.tile(row, (len(at), 1))
        copies[np.arange(len(at)), sources[at]] = set_to
        given = log_marginals(copies, number)
        with np.errstate(invalid="ignore"):
            terms = np.where(given > -np.inf, np.exp(given) * (given - alone), 0.0)
        np.add.at(gain, at, np.exp(alone[sources[at], set_to])[:, None] * terms.sum(axis=-1))
    return np.maximum(gain[np.searchsorted(sources, pairs[:, 0]), pairs[:, 1]], 0.0)


def _positions(positions: Sequence[int] | Integer[np.ndarray, "k"], length: int) -> Int64[np.ndarray, "k"]:
    asked = integers(positions, "positions")
    if asked.ndim != 1 or not len(asked) or len(np.unique(asked)) < len(asked):
        raise ValueError(f"positions must be one or more, each once; got {asked.tolist()}.")
    return _inside(asked, length)


def _pairs(pairs: Sequence[Sequence[int]] | Integer[np.ndarray, "n 2"] | None, length: int) -> Int64[np.ndarray, "n 2"]:
    if pairs is None:
        return np.stack(np.triu_indices(length), axis=1)
    found = integers(pairs, "pairs")
    if found.ndim != 2 or found.shape[1] != 2:
        raise ValueError(f"pairs must have shape (n, 2); got {found.shape}.")
    return _inside(found, length)


def _inside(positions: Integer[np.ndarray, "..."], length: int) -> Int64[np.ndarray, "..."]:
    if positions.size and (positions.min() < 0 or positions.max() >= length):
        raise ValueError(f"positions lie in range({length}); got {positions.min()} to {positions.max()}.")
    return positions.astype(np.int64)
