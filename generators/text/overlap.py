"""Whether texts share passages: what was trained on proves nothing when it is measured again."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Integer, UInt64

BLOCK = 64
"""Tokens of a passage that two texts may not share; a power of two."""
_PIECE = 2**22
_FACTOR = 0x9E3779B97F4A7C15


def shared(measured: Integer[np.ndarray, "m"], others: Integer[np.ndarray, "t"], block: int = BLOCK) -> np.ndarray:
    """Which of the consecutive blocks of one text stand anywhere in another, (m // block,) of truth values.

    Args:
        measured: tokens, cut into blocks from its beginning; what is left over at its end is not looked at.
        others: tokens of the other text, of which every place is compared.
        block: tokens of a block, a power of two.
    Raises:
        ValueError: a block that is no power of two.
    Cost: O(t log block), by 64-bit hashes: a block that is not shared is called shared with probability t / 2**64.
    """
    if block < 1 or block & (block - 1):
        raise ValueError(f"block must be a power of two; got {block}.")
    whole = len(measured) // block
    wanted = _hashes(measured[: whole * block], block)[::block]
    found = np.zeros(whole, dtype=bool)
    for low in range(0, max(len(others) - block + 1, 0), _PIECE):
        found |= among(wanted, _hashes(others[low : low + _PIECE + block - 1], block))
    return found


def among(wanted: UInt64[np.ndarray, "w"], there: UInt64[np.ndarray, "t"]) -> Bool[np.ndarray, "w"]:
    """Which of the wanted hashes are there; the larger of the two is not sorted."""
    order = np.argsort(wanted)
    at = np.minimum(np.searchsorted(wanted, there, sorter=order), max(len(wanted) - 1, 0))
    hit = there[wanted[order[at]] == there] if len(wanted) else there[:0]
    return np.isin(wanted, np.unique(hit))


def _hashes(tokens: Integer[np.ndarray, "t"], block: int) -> UInt64[np.ndarray, "n"]:
    """A hash of the block that begins at each place, by doubling: that of 2k tokens from two of k."""
    found = _mixed(tokens.astype(np.uint64) + np.uint64(1))
    size = 1
    while size < block:
        left, right = found[: max(len(found) - size, 0)], found[size:]
        found = _mixed(left * np.uint64(_FACTOR) + right)
        size *= 2
    return found


def _mixed(words: UInt64[np.ndarray, "t"]) -> UInt64[np.ndarray, "t"]:
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
