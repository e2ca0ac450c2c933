"""What is asked about a hidden token: the joint of a few sums over the core, and fair coins independent of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from lo_theory.posteriors.mixed.reduction import Reduced


class Question(NamedTuple):
    """A hidden token: its table over sums of latents, and its noise."""

    position: int
    forms: tuple[int, ...]
    table: bytes
    """Values as int32, a setting of the sums after the other, in the order of ``np.ndindex``."""
    alphabet: int
    noise: float


class Axis(NamedTuple):
    """One of the sums that a token reads: coins, a sum over the core and a constant, added modulo 2."""

    coins: int
    core: int
    """Which of the sums over the core, -1 for none."""
    constant: int


class Asked(NamedTuple):
    """The sums over the core that a token depends on, different and none of them constant, and how."""

    sums: tuple[int, ...]
    axes: tuple[Axis, ...]


def asked(forms: Sequence[int], reduced: Reduced) -> Asked:
    """What the sums ``forms`` come to, given the equations of a sequence.

    A sum with a part outside the core is a fair coin, independent of the core and of the coins before it, unless that
    part is a combination of the parts before it.
    """
    equations, sums, axes = reduced.equations, [], []
    basis: dict[int, tuple[int, int]] = {}  # lowest latent outside the core -> (form, coin that it is)
    outside = (equations.one - 1) & ~reduced.core
    for start in forms:
        form, coins = equations.reduced(start), 0
        while (part := form & outside) and part & -part in basis:
            known, coin = basis[part & -part]
            form, coins = form ^ known, coins ^ coin
        if part:
            coin = 1 << len(basis)
            basis[part & -part] = (form, coin)
            axes.append(Axis(coins | coin, -1, 0))
            continue
        core, constant = form & (equations.one - 1), int(form >= equations.one)
        if core and core not in sums:
            sums.append(core)
        axes.append(Axis(coins, sums.index(core) if core else -1, constant))
    return Asked(tuple(sums), tuple(axes))


def token_law(question: Question, about: Asked, joint: Float64[np.ndarray, "s"]) -> Float64[np.ndarray, "V"]:
    """Probabilities of the values of a hidden token, from the joint of the sums that it depends on."""
    values = _values(question.table, about.axes, len(about.sums), question.alphabet)
    others = joint @ (1.0 - values)  # a sum of its own: a difference from all could fall below 0 by rounding
    return (1.0 - question.noise) * (joint @ values) + question.noise / max(question.alphabet - 1, 1) * others


@lru_cache(maxsize=2**14)
def _values(table: bytes, axes: tuple[Axis, ...], sums: int, alphabet: int) -> Float64[np.ndarray, "s V"]:
    """Probability of each value for each setting of the sums, over the coins."""
    flips = 0
    for axis in axes:
        flips |= axis.coins
    coins = flips.bit_length()
    setting, tossed = np.indices((1 << sums, 1 << coins), dtype=np.int64)
    index = np.zeros_like(setting)
    for axis in axes:
        bit = np.bitwise_count(tossed & axis.coins).astype(np.int64) + axis.constant
        if axis.core >= 0:
            bit += setting >> (sums - 1 - axis.core)
        index = 2 * index + bit % 2
    found = np.frombuffer(table, dtype=np.int32)[index]
    return (found[..., None] == np.arange(alphabet)).mean(axis=1)
