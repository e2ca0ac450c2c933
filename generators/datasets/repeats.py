"""Sequences that occur in more than one stream of the same law: counted, expected, passed over.

Streams with different seeds are independent, and still repeat one another's sequences where the law has few of them: 20
bits have 2**20 values, so of the rows of one stream about a third occur among 400,000 rows of another.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64

from generators.datasets.sources import Stream
from generators.distribution import LODistribution
from generators.ground.memory import available_bytes, check_memory

MEASURED_ROWS = 10**8
"""Rows of all splits together above which repeats are not counted."""
LEAST_NEW = 0.05
"""Share of the rows of a stream that must be new for repeats to be passed over."""

_CHUNK = 2**16  # rows hashed at once
_BYTES = 24  # per remembered row: its hash, and two copies while they are merged
_MAX_KINDS = 10**6  # of sequences with one probability, in the expected share
_ODD = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)

Seen = UInt64[np.ndarray, "m"]
"""Hashes of rows, ascending, each once."""


def row_hashes(source: Stream, start: int, stop: int) -> UInt64[np.ndarray, "n"]:
    """64-bit hashes of rows: two different rows collide with probability 2**-64; up to 64 bits are never confused."""
    bits = source.distribution.vocabulary == 2
    rows = source.packed(start, stop) if bits else np.ascontiguousarray(source.rows(start, stop)).view(np.uint8)
    padded = np.zeros((len(rows), -(-rows.shape[1] // 8) * 8), dtype=np.uint8)
    padded[:, : rows.shape[1]] = rows
    hashes = np.zeros(len(rows), dtype=np.uint64)
    for word in padded.view("<u8").T:
        hashes ^= word
        for _ in range(2):  # each step is a bijection
            hashes *= _ODD
            hashes ^= hashes >> _HALF
    return hashes


def chunks(stop: int) -> Iterator[tuple[int, int]]:
    """Ranges that cover ``range(stop)``."""
    return ((low, min(low + _CHUNK, stop)) for low in range(0, stop, _CHUNK))


def hashes_of(sources: Iterable[tuple[Stream, int]]) -> Seen:
    """Hashes of the first rows of some streams.

    Args:
        sources: streams, and how many rows of each.
    """
    parts = [row_hashes(source, low, high) for source, rows in sources for low, high in chunks(rows)]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint64)


def occur(hashes: UInt64[np.ndarray, "n"], seen: Seen) -> Bool[np.ndarray, "n"]:
    """Which of the rows were seen."""
    if not len(seen):
        return np.zeros(len(hashes), dtype=bool)
    at = np.minimum(np.searchsorted(seen, hashes), len(seen) - 1)
    return seen[at] == hashes


def repeated_rows(splits: list[tuple[Stream, int]]) -> list[int | None]:
    """How many rows of each split occur in the splits before it; 0 for the first.

    None, not measured, where the splits have more than ``MEASURED_ROWS`` rows, or their hashes would take more than
    half of the memory that is free.
    """
    rows = [rows for _, rows in splits]
    if sum(rows) > MEASURED_ROWS or _BYTES * sum(rows[:-1]) > available_bytes() // 2:
        return [0] + [None] * (len(splits) - 1)
    counts, seen = list[int | None](), hashes_of([])
    for number, (source, count) in enumerate(splits):
        seen = np.union1d(seen, hashes_of(splits[max(0, number - 1) : number]))
        found = (int(occur(row_hashes(source, low, high), seen).sum()) for low, high in chunks(count))
        counts.append(sum(found) if number else 0)
    return counts


def passed_over(source: Stream, rows: int, seen: Seen) -> Int64[np.ndarray, "k"]:
    """Rows of a stream to leave out so that its first ``rows`` others were not seen, ascending.

    Raises:
        ValueError: far too many of them were seen.
    """
    left_out, kept, at = list[Int64[np.ndarray, "k"]](), 0, 0
    while kept < rows:
        step = min(_CHUNK, max(1024, rows - kept))
        again = occur(row_hashes(source, at, at + step), seen)
        new = np.flatnonzero(~again)
        end = int(new[rows - kept - 1]) + 1 if len(new) >= rows - kept else step
        left_out.append(at + np.flatnonzero(again[:end]))
        kept, at = kept + min(len(new), rows - kept), at + end
        if at > 2 * rows / LEAST_NEW + _CHUNK:
            raise ValueError(
                f"of the first {at} rows of the stream {source.sample_seed} only {kept} are new; {rows} were asked "
                "for. Ask for fewer rows, or allow repeats."
            )
    return np.concatenate([*left_out, np.zeros(0, dtype=np.int64)])


def check_enough(distribution: LODistribution, earlier: int, name: str) -> None:
    """Refuse to pass over repeats where nearly every sequence is one; judged before anything is drawn.

    Args:
        earlier: rows of the splits before.
        name: of the split that is to have none of them.
    Raises:
        ValueError: fewer than ``LEAST_NEW`` of the rows are expected to be new, or the memory does not hold the hashes.
    """
    share = expected_share(distribution, earlier)
    if share is not None and 1 - share < LEAST_NEW:
        raise ValueError(
            f"split {name!r} cannot be distinct: after {earlier} rows only a share of {1 - share:.2g} of new rows is "
            f"expected (the sequences have {distribution.entropy() / math.log(2):.4g} bits of entropy), and at least "
            f"{LEAST_NEW} is needed. Ask for fewer rows, allow repeats, or take a distribution with more latents."
        )
    check_memory(_BYTES * earlier, what=f"remembering {earlier} rows", advice="Ask for fewer rows, or allow repeats.")


def expected_share(distribution: LODistribution, earlier: int) -> float | None:
    """Expected share of the rows of one stream that occur among ``earlier`` rows of others: exact, from the law.

    ``sum_x p(x) (1 - (1 - p(x))^n)``, over kinds of sequences of one probability: how many latents have which value,
    how many observations of a function were flipped by its noise.

    Returns:
        None where there are more than a million kinds, or more than two values of a latent, of unequal probability.
    """
    kinds = _latent_kinds(distribution)
    for function in distribution.functions:
        if kinds is not None and function.noise > 0 and len(function.scopes):
            kinds = _times(kinds, _binomial(len(function.scopes), function.noise, function.alphabet))
    if kinds is None:
        return None
    count, each = kinds
    with np.errstate(divide="ignore"):
        found = -np.expm1(earlier * np.log1p(-np.minimum(np.exp(each), 1.0))) if earlier else np.zeros(len(each))
    return float(min(1.0, (np.exp(count + each) * found).sum()))


_Kinds = tuple[Float64[np.ndarray, "_"], Float64[np.ndarray, "_"]]  # logs: how many sequences, of which probability


def _latent_kinds(distribution: LODistribution) -> _Kinds | None:
    prior = distribution.prior[distribution.prior > 0]
    if np.ptp(prior) == 0:
        entropy = distribution.n_latents * math.log(len(prior))
        return np.array([entropy]), np.array([-entropy])
    return _binomial(distribution.n_latents, float(prior[1]), 2) if len(prior) == 2 else None


def _binomial(n: int, rate: float, alphabet: int) -> _Kinds | None:
    """n independent values, of which each differs from a first one with probability ``rate``, and then is any other."""
    if n >= _MAX_KINDS:
        return None
    k = np.arange(n + 1)
    ways = np.array([math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in k.tolist()])
    ways += k * math.log(alphabet - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        hit = np.where(k > 0, k * np.log(rate / (alphabet - 1)), 0.0)
        missed = np.where(k < n, (n - k) * np.log1p(-rate), 0.0)
    possible = np.isfinite(hit + missed)
    return ways[possible], (hit + missed)[possible]


def _times(left: _Kinds, right: _Kinds | None) -> _Kinds | None:
    if right is None or len(left[0]) * len(right[0]) > _MAX_KINDS:
        return None
    return np.add.outer(left[0], right[0]).ravel(), np.add.outer(left[1], right[1]).ravel()
