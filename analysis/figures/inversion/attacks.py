"""The attacks of the inversion experiment as values: draw an instance of some size, attack it, say what came out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Integer

from generators.families import whole_hash
from generators.observations import named_tables as named
from generators.observations.keyed_hash import KeyedHash
from generators.planted.constraints import PlantedEnsemble
from lo_theory.attacks.hash_search import EVALUATIONS, search_hash
from lo_theory.attacks.inversion import Attempt, Statistic
from lo_theory.attacks.noisy_parity import TRIALS, NoisyParities, draw_parities, held_out_size, pool_size, pooled_gauss
from lo_theory.attacks.planted_sat import (
    CONFLICTS,
    PROPAGATIONS,
    Formula,
    observation_clauses,
    planted_clauses,
    solve_formula,
)

_MARGIN = 64  # observations beyond the latents of a hash: another preimage has probability 2**-64


@dataclass(frozen=True)
class Trial:
    """One attempt, and whether it recovered exactly the planted latents."""

    attempt: Attempt
    planted: bool


@runtime_checkable
class Attack(Protocol):
    """A frozen dataclass.

    Attributes:
        method: name of the attack.
        statistic: the typical cost of many runs.
        units: units of its costs, the main one first.
    """

    method: ClassVar[str]
    statistic: ClassVar[Statistic]
    units: ClassVar[tuple[str, ...]]

    @property
    def subject(self) -> str:
        """Name of what is inverted."""
        ...

    @property
    def known_bits(self) -> float | None:
        """log2 of the factor in cost per latent that theory gives; None if it gives none."""
        ...

    def run(self, size: int, budget: int, rng: np.random.Generator) -> Trial:
        """Draw an instance with ``size`` hidden latents and attack it, at most at the cost ``budget``."""
        ...


@dataclass(frozen=True)
class HashAttack:
    """Exhaustive search for hidden ones of ``n_latents`` latents; all observations of a whole hash are visible."""

    method: ClassVar[str] = "exhaustive search"
    statistic: ClassVar[Statistic] = "mean"
    units: ClassVar[tuple[str, ...]] = (EVALUATIONS,)
    n_latents: int = 40

    @property
    def subject(self) -> str:
        """Size of the hash."""
        return f"hash of {self.n_latents} latents"

    @property
    def known_bits(self) -> float | None:
        """The cost doubles with every hidden latent."""
        return 1.0

    def run(self, size: int, budget: int, rng: np.random.Generator) -> Trial:
        """A fresh key, fresh latents, ``size`` of them hidden. The search always ends: no budget."""
        n = self.n_latents
        distribution = whole_hash(n, n + _MARGIN, structure_seed=int(rng.integers(2**31)))
        (hashed,) = distribution.functions
        assert isinstance(hashed, KeyedHash)
        row = distribution.sample(1, rng)[0]
        hidden = np.zeros(n, dtype=bool)
        hidden[rng.choice(n, size, replace=False)] = True
        return _trial(search_hash(hashed, row[:n], hidden, row[n:], rng), row[:n])


@dataclass(frozen=True)
class ParityAttack:
    """Pooled Gaussian elimination on parities of ``arity`` latents, dense if None, flipped at rate ``noise``."""

    method: ClassVar[str] = "pooled Gauss"
    statistic: ClassVar[Statistic] = "mean"
    units: ClassVar[tuple[str, ...]] = (TRIALS,)
    noise: float
    arity: int | None

    @property
    def subject(self) -> str:
        """Kind of parity and noise."""
        return f"{'dense' if self.arity is None else f'{self.arity}-sparse'} parity, noise {self.noise:g}"

    @property
    def known_bits(self) -> float | None:
        """-log2(1 - eta)."""
        return float(np.log2(1.0 / (1.0 - self.noise)))

    def run(self, size: int, budget: int, rng: np.random.Generator) -> Trial:
        """A fresh pool, and fresh parities for the verification."""
        pool = pool_size(size, self.noise)
        drawn = draw_parities(
            size, pool + held_out_size(size, self.noise, arity=self.arity), self.noise, arity=self.arity, rng=rng
        )
        first, rest = (
            NoisyParities(drawn.latents, rows, drawn.noise, drawn.arity)
            for rows in (drawn.rows[:pool], drawn.rows[pool:])
        )
        return _trial(pooled_gauss(first, rest, budget, rng), drawn.latents)


Draw = Callable[[int, np.random.Generator], Formula]


def _observations(table: Integer[np.ndarray, "..."], degree: float) -> Draw:
    prior = np.full(2, 0.5)
    return lambda n, rng: observation_clauses(PlantedEnsemble(prior, n, table, degree, "both", "fixed"), rng)


FORMULAS: dict[str, Draw] = {
    "3-SAT, two hidden": lambda n, rng: planted_clauses(n, 4.25, arity=3, hidden="two", rng=rng),
    "3-SAT, one hidden": lambda n, rng: planted_clauses(n, 4.25, arity=3, hidden="one", rng=rng),
    "P5": _observations(named.p5(), 5.2),
    "2-in-4": _observations(named.t_in_k(2, arity=4), 4.4),
    "3-XOR": _observations(named.parity(arity=3), 3.6),
    "NAE-3": _observations(named.nae(arity=3), 3.0),
}
"""3-SAT at 4.25 clauses per latent, near the density 4.27 at which random formulas are hardest. The others are L&O
observations with both values visible: P5 at degree 5.2 and 2-in-4 at 4.4, between condensation and Kesten-Stigum
degree; 3-XOR at 3.6, above its condensation degree (easy by algebra, not for a solver of clauses); not-all-equal at 3,
twice its Kesten-Stigum degree, the easy control."""


@dataclass(frozen=True)
class SatAttack:
    """A SAT solver on the constraints of this name in ``FORMULAS``."""

    method: ClassVar[str] = "SAT solver"
    statistic: ClassVar[Statistic] = "median"
    units: ClassVar[tuple[str, ...]] = (CONFLICTS, PROPAGATIONS)
    formula: str

    @property
    def subject(self) -> str:
        """Name of the constraints."""
        return self.formula

    @property
    def known_bits(self) -> float | None:
        """No exponent is known for these ensembles."""
        return None

    def run(self, size: int, budget: int, rng: np.random.Generator) -> Trial:
        """A fresh instance. Any assignment that satisfies everything seen is a solution."""
        formula = FORMULAS[self.formula](size, rng)
        return _trial(solve_formula(formula, budget), formula.latents)


def _trial(attempt: Attempt, latents: Integer[np.ndarray, "N"]) -> Trial:
    return Trial(attempt, attempt.latents is not None and bool((attempt.latents == latents).all()))
