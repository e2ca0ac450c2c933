"""Linear equations over GF(2) as Python integers, and the equations that a truth table implies.

A form is an integer: bit i is the coefficient of latent i, bit N its constant. As an equation it says that it is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

_MANY = 2**10  # possible settings of a scope above which it is not asked which equations they satisfy


class Contradiction(Exception):  # noqa: N818 - it is caught where it arises, and says what was found
    """Equations that have no common solution."""


class Equations:
    """Equations in reduced row echelon form: each has a pivot latent that no other one mentions.

    Args:
        one: the form that is the constant 1, ``1 << N``.
        first: latents that become pivots where an equation has one of them, as bits.
    """

    def __init__(self, one: int, first: int = 0) -> None:
        self.one, self.first = one, first
        self.pivots = 0
        self.rows: dict[int, int] = {}  # bit of the pivot -> equation

    def reduced(self, form: int) -> int:
        """The form that agrees with ``form`` on all solutions and mentions no pivot."""
        hit = form & self.pivots
        while hit:
            bit = hit & -hit
            form ^= self.rows[bit]
            hit ^= bit
        return form

    def add(self, form: int) -> bool:
        """Whether the equation ``form = 0`` says something new; raises Contradiction where it has no solution."""
        form = self.reduced(form)
        if form == self.one:
            raise Contradiction
        if form == 0:
            return False
        latents = form & (self.one - 1)
        wanted = latents & self.first or latents
        pivot = wanted & -wanted
        for other, row in self.rows.items():
            if row & pivot:
                self.rows[other] = row ^ form
        self.rows[pivot] = form
        self.pivots |= pivot
        return True


class Hull(NamedTuple):
    """What the possible settings of a scope of k latents satisfy; bit k - 1 - a of a number belongs to axis a."""

    equations: tuple[tuple[int, int], ...]
    """(axes, constant): the sum of these axes is the constant. They are all that the settings satisfy."""
    settings: int
    """How many are possible."""
    full: bool
    """Whether they are all solutions of the equations."""
    level: int
    """1 where the table is true in all of them, 0 where in none, -1 where in some."""


@lru_cache(maxsize=2**16)
def hull(
    table: bytes, arity: int, true_possible: bool, false_possible: bool, known: tuple[tuple[int, int], ...]
) -> Hull:
    """The affine hull of the settings that a truth table and ``known`` equations among its axes leave possible.

    Args:
        table: a byte per setting, 1 where it is true, in the order of ``np.ndindex``.
        arity: latents of its scope, k.
        true_possible: whether settings where it is true are possible.
        false_possible: the same where it is false.
        known: equations (axes, constant) that hold besides.
    """
    true = np.frombuffer(table, dtype=np.uint8) != 0
    possible = np.where(true, true_possible, false_possible)
    codes = np.arange(len(true), dtype=np.uint32)
    for axes, constant in known:
        possible &= np.bitwise_count(codes & np.uint32(axes)) % 2 == constant
    left = codes[possible]
    if not left.size:
        return Hull((), 0, False, -1)
    held = true[possible]
    level = 1 if held.all() else -1 if held.any() else 0
    if left.size > _MANY:
        return Hull((), left.size, False, level)
    origin, span = int(left[0]), _span(int(code) for code in left ^ left[0])
    equations = tuple((axes, (axes & origin).bit_count() % 2) for axes in _orthogonal(span, arity))
    return Hull(equations, left.size, left.size == 2 ** len(span), level)


def relations(forms: Sequence[int], one: int) -> tuple[tuple[int, int], ...]:
    """The equations (axes, constant) among k forms: independent sums of them that mention no latent.

    Bit k - 1 - a of ``axes`` belongs to form a, as in :class:`Hull`.
    """
    found, basis = [], {}
    for a, start in enumerate(forms):
        form, axes = start, 1 << (len(forms) - 1 - a)
        while form & (one - 1):
            latents = form & (one - 1)
            pivot = latents & -latents
            if pivot not in basis:
                basis[pivot] = (form, axes)
                break
            form, axes = form ^ basis[pivot][0], axes ^ basis[pivot][1]
        else:
            found.append((axes, 1 if form else 0))
    return tuple(found)


def bits_of(form: int) -> Iterator[int]:
    """Numbers of the bits that are set, ascending."""
    while form:
        low = form & -form
        yield low.bit_length() - 1
        form ^= low


def _span(vectors: Iterable[int]) -> list[int]:
    """A basis in reduced echelon form, its leading bits the highest."""
    basis: list[int] = []
    for start in vectors:
        vector = start
        for row in basis:
            vector = min(vector, vector ^ row)
        if vector:
            lead = 1 << (vector.bit_length() - 1)
            basis = [row ^ vector if row & lead else row for row in basis] + [vector]
    return basis


def _orthogonal(basis: list[int], arity: int) -> list[int]:
    """A basis of the vectors whose product with every row of a reduced ``basis`` is even."""
    leads = {row.bit_length() - 1: row for row in basis}
    return [
        1 << free | sum(1 << lead for lead, row in leads.items() if row >> free & 1)
        for free in range(arity)
        if free not in leads
    ]
