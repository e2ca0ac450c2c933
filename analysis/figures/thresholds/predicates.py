"""The predicates whose phases are mapped, and what was said of their thresholds before.

``published`` values are from the literature or exact (k-XORSAT has a closed form: its planted messages are certain or
empty, ``x = 1 - exp(-D x^2)`` of them certain for three latents). ``noted`` ones are those of the theory notes behind
this project, from small populations, with their stated error of 1%; here they are claims under test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer

from generators.observations import named_tables as named
from generators.planted.constraints import Shown
from lo_theory.phases.ensemble import Ensemble

NOTED_ERROR = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class PhaseCase:
    """One predicate in one mode.

    Attributes:
        table, prior_of_one, shown, noise: the ensemble; a uniform prior unless bits have the given chance of a 1.
        published: D_cond and the half unit of its last digit.
        published_spinodal: D_d.
        noted: D_cond of the notes, None where they have none or only a bound.
        noted_spinodal: their bracket of D_d.
        noted_continuous: they call the transition continuous at D_KS; None where they say nothing.
        algebraic: Gaussian elimination solves it wherever the latents are determined, whatever D_KS is.
    """

    table: Integer[np.ndarray, "..."]
    prior_of_one: float | None = None
    shown: Shown = "both"
    noise: float = 0.0
    published: tuple[float, float] | None = None
    published_spinodal: float | None = None
    noted: float | None = None
    noted_spinodal: tuple[float, float] | None = None
    noted_continuous: bool | None = None
    algebraic: bool = False

    @property
    def ensemble(self) -> Ensemble:
        """What thresholds depend on."""
        chance = self.prior_of_one
        prior = None if chance is None else np.array([1.0 - chance, chance])
        return Ensemble.from_table(self.table, prior=prior, shown=self.shown, noise=self.noise)


def _one(table: np.ndarray, **said: object) -> PhaseCase:
    return PhaseCase(table=table, shown="satisfied", **said)  # type: ignore[arg-type]


def _both(table: np.ndarray, **said: object) -> PhaseCase:
    return PhaseCase(table=table, **said)  # type: ignore[arg-type]


CASES: dict[str, PhaseCase] = {
    "5-colouring, 1 only": _one(
        named.not_equal(5), published=(13.23, 0.005), noted=13.28, noted_spinodal=(12.75, 12.9), noted_continuous=False
    ),
    "3-XOR": _both(
        named.parity(arity=3), published=(2.7538, 0.00005), published_spinodal=2.4554, noted=2.749,
        noted_spinodal=(2.44, 2.48), noted_continuous=False, algebraic=True,
    ),
    "NAE-3, 1 only": _one(named.nae(arity=3), noted_continuous=True),
    "NAE-3": _both(named.nae(arity=3), noted_continuous=True),
    "NAE-4, 1 only": _one(named.nae(arity=4), noted_continuous=True),
    "NAE-4": _both(named.nae(arity=4)),
    "NAE-5": _both(named.nae(arity=5)),
    "NAE-6": _both(named.nae(arity=6)),
    "NAE-5, 1 only": _one(named.nae(arity=5), noted=51.1, noted_spinodal=(48.0, 49.0), noted_continuous=False),
    "NAE-6, 1 only": _one(named.nae(arity=6), noted_continuous=False),
    "NAE-3 m=3, 1 only": _one(
        named.nae(arity=3, latent_alphabet=3), noted=26.3, noted_spinodal=(24.4, 25.0), noted_continuous=False
    ),
    "NAE-3 m=3": _both(named.nae(arity=3, latent_alphabet=3), noted_continuous=True),
    "5-colouring": _both(named.not_equal(5)),
    "3-XOR, 5% noise": _both(
        named.parity(arity=3), noise=0.05, noted=3.75, noted_spinodal=(3.3, 3.5), noted_continuous=False
    ),
    "2-in-4": _both(named.t_in_k(2, arity=4), noted=3.895, noted_spinodal=(3.5, 3.6), noted_continuous=False),
    "3-in-6": _both(named.t_in_k(3, arity=6), noted=6.56, noted_spinodal=(5.4, 5.7), noted_continuous=False),
    "{1,4}-in-5": _both(named.t_in_k([1, 4], arity=5), noted_continuous=False),
    "1-in-3, P(1)=1/3": _both(
        named.t_in_k(1, arity=3), prior_of_one=1 / 3, noted=2.195, noted_spinodal=(2.15, 2.2), noted_continuous=False
    ),
    "1-in-3, P(1)=1/3, 1 only": _one(named.t_in_k(1, arity=3), prior_of_one=1 / 3),
    "1-in-4, P(1)=1/4": _both(
        named.t_in_k(1, arity=4), prior_of_one=1 / 4, noted=2.93, noted_spinodal=(2.7, 2.9), noted_continuous=False
    ),
    "all different, m=3": _both(
        named.all_different(arity=3, latent_alphabet=3), noted=5.02, noted_spinodal=(0.0, 5.0), noted_continuous=False
    ),
    "P4": _both(named.p4(), noted=3.63, noted_spinodal=(3.3, 3.5), noted_continuous=False),
    "P5": _both(named.p5(), noted=4.86, noted_spinodal=(3.7, 4.0), noted_continuous=False),
    "sum mod 3": _both(named.parity(arity=3, latent_alphabet=3), noted_continuous=False, algebraic=True),
}  # fmt: skip
"""By name. Every visible value is seen unless the name says "1 only" (Def. B.9: satisfied constraints alone)."""
