"""Orders: which position is revealed at which step. ``order[t]`` is the position revealed at step t.

The paper's pi-learners (section 3.1) train on three families: uniform orders, the identity after L/10 random swaps
("closer") and after sqrt(L) random swaps ("much closer"). Below L = 100 the second family has *more* swaps than the
first; the names speak of the paper's L = 2048, where they mean 204 and 45 swaps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Int64

from generators.ground.permutation import check_permutation

OrderName = Literal["natural", "reversed", "closer", "much-closer", "uniform"]


def identity(length: int) -> Int64[np.ndarray, " L"]:
    """Left to right: the order of an ARM."""
    _check_length(length)
    return np.arange(length, dtype=np.int64)


def reverse(length: int) -> Int64[np.ndarray, " L"]:
    """Right to left; on an L&O distribution in its natural order the observations come before the latents."""
    return identity(length)[::-1].copy()


def uniform(length: int, rng: np.random.Generator) -> Int64[np.ndarray, " L"]:
    """A permutation drawn uniformly from all L! of them."""
    return rng.permutation(identity(length))


def swaps(length: int, n_swaps: int, rng: np.random.Generator) -> Int64[np.ndarray, " L"]:
    """The identity after ``n_swaps`` random transpositions.

    Each transposition exchanges two distinct places, drawn uniformly and independently of the others, so later ones can
    undo earlier ones. About ``L log(L) / 2`` of them make the order nearly uniform.

    Raises:
        ValueError: ``n_swaps`` is negative, or positive with fewer than two positions to swap.
    """
    order = identity(length)
    if n_swaps < 0 or (n_swaps > 0 and length < 2):
        raise ValueError(f"cannot make {n_swaps} swaps of {length} positions; n_swaps must be >= 0, length >= 2.")
    for _ in range(n_swaps):
        places = rng.choice(length, size=2, replace=False)
        order[places] = order[places[::-1]]
    return order


def closer(length: int, rng: np.random.Generator) -> Int64[np.ndarray, " L"]:
    """The paper's "closer" orders: the identity after ``L // 10`` swaps (section 3.1)."""
    return swaps(length, length // 10, rng)


def much_closer(length: int, rng: np.random.Generator) -> Int64[np.ndarray, " L"]:
    """The paper's "much closer" orders: the identity after ``round(sqrt(L))`` swaps (section 3.1)."""
    return swaps(length, round(math.sqrt(length)), rng)


_OVER: dict[OrderName, Callable[[int, np.random.Generator], Int64[np.ndarray, " L"]]] = {
    "natural": lambda length, rng: identity(length),
    "reversed": lambda length, rng: reverse(length),
    "closer": closer,
    "much-closer": much_closer,
    "uniform": uniform,
}


def named_order(name: OrderName, natural: Int64[np.ndarray, " L"], rng: np.random.Generator) -> Int64[np.ndarray, " L"]:
    """An order by its name, on top of a natural one: ``natural`` itself, its reverse, or a random one drawn by ``rng``.

    Args:
        natural: of an L&O distribution, latents before observations.
    """
    return natural[_OVER[name](len(natural), rng)]


def check_order(order: Sequence[int] | np.ndarray, length: int) -> Int64[np.ndarray, " L"]:
    """``order`` as a fresh int64 array, once it is known to be a permutation of ``range(length)``.

    Raises:
        ValueError: it is none; the message names the first entry that is no integer, out of range or seen before.
    """
    _check_length(length)
    return check_permutation(order, length, f"For left-to-right pass orders.identity({length}).")


def _check_length(length: int) -> None:
    if length < 1:
        raise ValueError(f"an order needs at least one position; got length {length}.")
