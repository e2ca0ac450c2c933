"""Every state of a small distribution, in pieces: a million sequences of hundreds of tokens need no memory at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, Integer, UInt64

CHUNK = 2**13  # states at a time


@dataclass(frozen=True)
class Enumeration:
    """All sequences over some alphabets, or all settings of the latents with what they determine.

    Attributes:
        values: the values of each place, ascending; states count up in them like a number with these digits.
        complete: the places are all positions; otherwise ``fill`` makes sequences of the latents.
        inferred: the values are those of a sample, and the distribution may have others.
        fill: from settings of the places, (c, d), to sequences, (c, L).
    """

    values: tuple[Int64[np.ndarray, "_"], ...]
    complete: bool
    inferred: bool
    fill: Callable[[Int64[np.ndarray, "c d"]], Integer[np.ndarray, "c L"]]

    def __len__(self) -> int:
        """Number of states, S."""
        return math.prod(map(len, self.values))

    def chunks(self) -> Iterator[Integer[np.ndarray, "c L"]]:
        """All states in order, some thousand at a time."""
        for start in range(0, len(self), CHUNK):
            yield self.states(np.arange(start, min(start + CHUNK, len(self))))

    def states(self, numbers: Int64[np.ndarray, "c"]) -> Integer[np.ndarray, "c L"]:
        """The states of these numbers, as sequences."""
        digits = np.unravel_index(numbers, tuple(map(len, self.values)))
        return self.fill(np.stack([v[d] for v, d in zip(self.values, digits, strict=True)], axis=1))

    def state(self, number: int) -> Integer[np.ndarray, "L"]:
        """One of them."""
        return self.states(np.array([number]))[0]

    def __str__(self) -> str:
        """What was enumerated."""
        what = "sequences" if self.complete else "settings of the latents"
        return f"all {len(self)} {what}" + (" of the tokens that were drawn" if self.inferred else "")


def fits(sizes: Integer[np.ndarray, "d"], most: int) -> bool:
    """Whether so many values at each place make at most ``most`` states."""
    return float(np.log(np.maximum(sizes, 1)).sum()) <= math.log(most) + 1e-9


def hashes(x: Integer[np.ndarray, "n L"]) -> UInt64[np.ndarray, "n"]:
    """A word per sequence; of two different ones among a million, chance makes equal words once in 10**7 runs."""
    weights = np.random.default_rng(x.shape[1]).integers(0, 2**64, x.shape[1], dtype=np.uint64)
    return x.astype(np.uint64) @ (weights | np.uint64(1))
