"""Inverting observations with a SAT solver: planted clauses, observations as clauses, and the work of the solver."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int64, Integer, UInt8

from generators.ground.optional import optional_library
from generators.planted.constraints import PlantedEnsemble
from lo_theory.attacks.inversion import Attempt

CONFLICTS, PROPAGATIONS = "conflicts", "propagations"
Hidden = Literal["one", "two"]
_SOLVER = "glucose4"


@dataclass(frozen=True, eq=False)
class Formula:
    """Clauses over N bits, all of one length, and an assignment that satisfies them.

    Attributes:
        latents: (N,) the planted assignment.
        scopes: (C, k) latents of every clause.
        wanted: (C, k) the value that makes each literal true.
    """

    latents: UInt8[np.ndarray, "N"]
    scopes: Int64[np.ndarray, "C k"]
    wanted: UInt8[np.ndarray, "C k"]

    def satisfied(self, latents: Integer[np.ndarray, "N"]) -> Bool[np.ndarray, "C"]:
        """Which clauses hold."""
        return (latents[self.scopes] == self.wanted).any(axis=1)

    def literals(self) -> list[list[int]]:
        """The clauses in DIMACS numbers, latent i being i + 1."""
        return np.where(self.wanted, self.scopes + 1, -self.scopes - 1).tolist()


def planted_clauses(
    n_latents: int, per_latent: float, *, arity: int, hidden: Hidden, rng: np.random.Generator
) -> Formula:
    """Uniform latents and ``per_latent * N`` random clauses that they satisfy.

    Args:
        hidden: "one" draws a clause uniformly among those satisfied (naive planting: literals agree with the latents
            more often than not, so the majority of its literals betrays a latent). "two" asks that the complement of
            the latents satisfy it too, as not-all-equal does: no literal betrays its latent (Achlioptas, Jia and Moore,
            "Hiding satisfying assignments: two are better than one", JAIR 2005).
    Raises:
        ValueError: an arity beyond N or another ``hidden``.
    """
    if hidden not in ("one", "two") or not 2 <= arity <= n_latents:
        raise ValueError(f"hidden is 'one' or 'two', the arity in 2..{n_latents}; got {hidden!r}, {arity}.")
    count = round(per_latent * n_latents)
    latents = rng.integers(2, size=n_latents, dtype=np.uint8)
    scopes = np.argpartition(rng.random((count, n_latents)), arity - 1, axis=1)[:, :arity].astype(np.int64)
    allowed = np.arange(1, 2**arity - (hidden == "two"))  # bit i: literal i is true; none may be, or none and all
    true = (rng.choice(allowed, count)[:, None] >> np.arange(arity)) & 1
    return Formula(latents, scopes, np.where(true, latents[scopes], 1 - latents[scopes]).astype(np.uint8))


def observation_clauses(planted: PlantedEnsemble, rng: np.random.Generator) -> Formula:
    """An instance of binary constraints as clauses: one for each assignment of a scope that its value excludes.

    Raises:
        ValueError: latents that are no bits.
    """
    if len(planted.prior) != 2:
        raise ValueError(f"clauses are over bits; got latents with {len(planted.prior)} values.")
    instance = planted.sample(rng)
    scopes, wanted = [], []
    for value in (0, 1):
        seen = instance.scopes[instance.values == value]
        for excluded in np.argwhere(planted.table != value):
            scopes.append(seen)
            wanted.append(np.broadcast_to(1 - excluded, seen.shape))
    return Formula(instance.latents.astype(np.uint8), np.concatenate(scopes), np.concatenate(wanted).astype(np.uint8))


def solve_formula(formula: Formula, max_conflicts: int) -> Attempt:
    """Let Glucose 4 (conflict-driven clause learning) find a satisfying assignment; it is checked clause by clause.

    What is found satisfies all that was seen. Where more than one assignment does it need not be the planted one.

    Args:
        max_conflicts: give up then; Glucose looks at its budget when it restarts, so it may overrun it by some hundred.
    Returns:
        costs in "conflicts" (learned clauses) and "propagations" (implied literals).
    Raises:
        MissingLibraryError: the optional python-sat is not installed.
        RuntimeError: the solver returns an assignment that violates a clause, or finds none.
    """
    library = optional_library("pysat.solvers", "solving planted formulas")
    solver = library.Solver(name=_SOLVER, bootstrap_with=formula.literals())
    try:
        solver.conf_budget(max_conflicts)
        started = time.perf_counter()
        outcome = solver.solve_limited()
        seconds, work = time.perf_counter() - started, solver.accum_stats()
        model: Sequence[int] = solver.get_model() or ()
    finally:
        solver.delete()
    found = None
    if outcome is not None:
        found = np.zeros(len(formula.latents), dtype=np.uint8)
        found[[literal - 1 for literal in model if literal > 0]] = 1
        if not (outcome and formula.satisfied(found).all()):
            raise RuntimeError(
                f"{_SOLVER} answered {outcome} to a satisfiable formula of {len(formula.scopes)} clauses."
            )
    return Attempt(found, {CONFLICTS: int(work["conflicts"]), PROPAGATIONS: int(work["propagations"])}, seconds)
