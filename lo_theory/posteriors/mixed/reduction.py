"""A masked sequence of bits as what it leaves open: equations over GF(2), a core of entangled latents, fair coins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from generators.distribution import LODistribution
from lo_theory.posteriors.mixed.equations import Contradiction, Equations, Hull, bits_of, hull, relations
from lo_theory.posteriors.mixed.observations import Local, Sum


class Factor(NamedTuple):
    """A weight of latents: ``exp(log_true)`` where the table is true, else ``exp(log_false)``."""

    scope: tuple[int, ...]
    table: bytes
    """A byte per setting of the scope, in the order of ``np.ndindex``."""
    log_true: float
    log_false: float


class SoftSum(NamedTuple):
    """A weight of a sum of latents: ``exp(log_zero)`` where the form is 0, else ``exp(log_one)``."""

    form: int
    log_zero: float
    log_one: float


class Reduced(NamedTuple):
    """What is left of a sequence once its equations are solved.

    The latents of the core are weighted by ``factors`` and ``sums`` and bound by ``bonds``; all others are free coins,
    but for the pivots of ``equations``, which follow from the rest.
    """

    equations: Equations
    core: int
    """Latents that a weight reads, as bits."""
    factors: list[Factor]
    sums: list[SoftSum]
    bonds: list[int]
    """Independent equations among latents of the core, each of few latents: all that bind them."""
    log_constant: float
    """Log probability of the visible tokens, less the log of the sum of weights over the core."""

    @property
    def free(self) -> tuple[int, ...]:
        """Latents of the core that no equation determines."""
        return tuple(bits_of(self.core & ~self.equations.pivots))


class Reducer:
    """Reduces masked sequences of one distribution.

    Args:
        distribution: of latent bits.
        observations: as :func:`~.observations.sorted_observations` has them.
    """

    def __init__(self, distribution: LODistribution, observations: Sequence[Sum | Local]) -> None:
        self.n = distribution.n_latents
        self.one = 1 << self.n
        self._latents = distribution.latent_positions.tolist()
        self._observed = list(zip(distribution.observation_positions.tolist(), observations, strict=True))
        self._mask_id = distribution.mask_id
        prior = distribution.prior
        with np.errstate(divide="ignore"):
            self._log_prior = np.log(prior).tolist()
        self._fair = bool(prior[0] == prior[1])

    def reduced(self, row: Int64[np.ndarray, "L"]) -> Reduced | None:
        """What ``row`` leaves open; None where its visible tokens contradict each other at sight."""
        try:
            return self._reduced(row)
        except Contradiction:
            return None

    def _reduced(self, row: Int64[np.ndarray, "L"]) -> Reduced:
        found: list[int] = []  # equations as they came: mostly of few latents
        equations, factors, sums = Equations(self.one), [], []
        log_constant = self._visible(row, equations, found, factors, sums)
        factors, spent = _closed(factors, equations, found)
        core = 0
        for factor in factors:
            core |= sum(1 << i for i in factor.scope)
        for one in sums:
            core |= one.form & (self.one - 1)
        last = Equations(self.one, first=(self.one - 1) & ~core)
        for form in found:
            last.add(form)
        bonds = _sparse_bonds(found, last, core)
        coins = self.n - core.bit_count() - (len(last.rows) - len(bonds))
        log_constant += spent + math.log(2.0) * coins
        return Reduced(last, core, factors, sums, bonds, log_constant)

    def _visible(
        self,
        row: Int64[np.ndarray, "L"],
        equations: Equations,
        found: list[int],
        factors: list[Factor],
        sums: list[SoftSum],
    ) -> float:
        """Sort what is visible into equations and weights; returns the log of what is constant."""
        for i, position in enumerate(self._latents):
            token = int(row[position])
            if token != self._mask_id:
                _require(token < 2)
                _learn(equations, found, 1 << i | (token << self.n))
            if not self._fair:
                factors.append(Factor((i,), b"\x00\x01", self._log_prior[1], self._log_prior[0]))
        for position, one in self._observed:
            token = int(row[position])
            if token == self._mask_id:
                continue
            _require(token < (2 if isinstance(one, Sum) else one.alphabet))
            if isinstance(one, Local):
                kept, replaced = _channel(one.noise, one.alphabet)
                table = (one.table == token).astype(np.uint8).tobytes()
                factors.append(Factor(one.scope, table, kept, replaced))
            elif one.noise in (0.0, 1.0):
                _learn(equations, found, one.form ^ ((token ^ int(one.noise)) << self.n))
            else:
                kept, replaced = _channel(one.noise, 2)
                sums.append(SoftSum(one.form, *((kept, replaced) if token == 0 else (replaced, kept))))
        return self.n * self._log_prior[0] if self._fair else 0.0


def _channel(noise: float, alphabet: int) -> tuple[float, float]:
    """Log probabilities that a value is kept, and that it is replaced by a certain other one."""
    kept = math.log1p(-noise) if noise < 1.0 else -math.inf
    return kept, math.log(noise / (alphabet - 1)) if noise > 0.0 else -math.inf


def _require(possible: bool) -> None:
    if not possible:
        raise Contradiction


def _learn(equations: Equations, found: list[int], form: int) -> bool:
    if equations.add(form):
        found.append(form)
        return True
    return False


def _closed(factors: list[Factor], equations: Equations, found: list[int]) -> tuple[list[Factor], float]:
    """Learn every equation that a weight implies, until none implies another.

    Returns the weights that say more than their equations, and the log of the constants that the others have become.
    """
    open_, constant, known = factors, 0.0, {}
    learned = True
    while learned:
        learned, left = False, []
        for factor in open_:
            among = relations([equations.reduced(1 << i) for i in factor.scope], equations.one)
            if known.get(id(factor)) == among:
                left.append(factor)
                continue
            known[id(factor)] = among
            implied = _hull(factor, among)
            for axes, value in implied.equations:
                form = sum(1 << i for a, i in enumerate(factor.scope) if axes >> (len(factor.scope) - 1 - a) & 1)
                learned |= _learn(equations, found, form | value * equations.one)
            if implied.full and (implied.level >= 0 or factor.log_true == factor.log_false):
                constant += factor.log_true if implied.level else factor.log_false
            else:
                left.append(factor)
        open_ = left
    return open_, constant


def _hull(factor: Factor, known: tuple[tuple[int, int], ...]) -> Hull:
    found = hull(factor.table, len(factor.scope), factor.log_true > -math.inf, factor.log_false > -math.inf, known)
    _require(found.settings > 0)
    return found


def _sparse_bonds(found: list[int], solved: Equations, core: int) -> list[int]:
    """A basis of the equations within the core, of few latents each as far as a greedy search finds them."""
    latents = solved.one - 1
    inside = [row for bit, row in solved.rows.items() if bit & core]
    candidates = [form for form in found if not form & latents & ~core] + inside
    basis = Equations(solved.one)
    chosen = [form for form in sorted(candidates, key=lambda f: (f & latents).bit_count()) if basis.add(form)]
    shorter = True
    while shorter:
        shorter = False
        for a, b in ((a, b) for a in range(len(chosen)) for b in range(len(chosen)) if a != b):
            both = chosen[a] ^ chosen[b]
            if (both & latents).bit_count() < (chosen[a] & latents).bit_count():
                chosen[a], shorter = both, True
    return chosen
