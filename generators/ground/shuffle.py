"""Shuffles that are computed, not kept: place i of an order of n rows is a function of (n, seed, epoch, i)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Int64

from generators.ground.numbers import whole_number

MOST_ROWS = 2**62
"""Both halves of a row number are then below 2^32, so that their products fit into 64 bits."""

_ROUNDS = 8  # four for each half: two and two are enough to look random to few questions (Luby and Rackoff 1988)
_FEW, _ROUNDS_OF_FEW = 4096, 24  # few rows have so few keyed functions that their orders are uneven after eight
_TAG = 0x73687566666C65  # "shuffle": keys that no stream of draws has


def shuffled(rows: int, seed: int, epoch: int, start: int, stop: int) -> Int64[np.ndarray, "k"]:
    """Row numbers at places ``start..stop-1`` of the order that ``seed`` and ``epoch`` give to ``range(rows)``.

    All places of an epoch together are a permutation. It is a network of Feistel's on pairs (r // b, r % b), which
    add a keyed function of the one to the other; numbers that leave the range walk on until they are back (Black and
    Rogaway 2002). It is no draw from all ``rows!`` orders, of which its keys can name few.

    Raises:
        TypeError: one of them is no integer.
        ValueError: no rows or more than ``MOST_ROWS``, a negative seed or epoch, or places outside ``range(rows)``.
    Cost: memory and time of the places that are asked for, about 0.1 microseconds each.
    """
    rows = whole_number(rows, "rows", least=1, most=MOST_ROWS)
    if not 0 <= start <= stop <= rows:
        raise ValueError(f"places start..stop must satisfy 0 <= start <= stop <= {rows}; got {start}..{stop}.")
    keys = _keys(whole_number(seed, "seed", least=0), whole_number(epoch, "epoch", least=0))
    low = math.isqrt(rows - 1) + 1
    sides = (-(-rows // low), low)  # their product is at least rows, and above it by less than low
    keys = keys if rows <= _FEW else keys[:_ROUNDS]
    found = _round_trip(np.arange(start, stop, dtype=np.uint64), sides, keys)
    outside = np.flatnonzero(found >= rows)
    while len(outside):
        found[outside] = _round_trip(found[outside], sides, keys)
        outside = outside[found[outside] >= rows]
    return found.astype(np.int64)


@lru_cache(maxsize=64)
def _keys(seed: int, epoch: int) -> tuple[np.uint64, ...]:
    state = np.random.SeedSequence(seed, spawn_key=(_TAG, epoch)).generate_state(_ROUNDS_OF_FEW, np.uint64)
    return tuple(state)


def _round_trip(numbers: np.ndarray, sides: tuple[int, int], keys: Sequence[Any]) -> np.ndarray:
    """A permutation of ``range(sides[0] * sides[1])``, of 64-bit words; a key for each round."""
    size = [np.uint64(side) for side in sides]
    halves = list(np.divmod(numbers, size[1]))
    for number, key in enumerate(keys):
        turn = number % 2
        halves[turn] = (halves[turn] + _below(size[turn], halves[1 - turn] + key)) % size[turn]
    return halves[0] * size[1] + halves[1]


def _below(limit: np.uint64, words: np.ndarray) -> np.ndarray:
    """A number in ``range(limit)`` for each word, all about as often: the last step of SplitMix64, cut to the limit.

    Source: Steele, Lea and Flood 2014. Every bit in moves every bit out; of them the upper half counts.
    """
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (((words ^ (words >> np.uint64(31))) >> np.uint64(32)) * limit) >> np.uint64(32)
