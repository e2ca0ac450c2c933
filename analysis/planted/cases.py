"""The constraint ensembles of the figures, and where their phases begin: exact where a formula is known, else cited.

D_KS is computed. D_d and D_cond come from this project's recorded population dynamics or from the literature, each with
its error and its source; they place bars in figures and are never fitted to what the figures show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Integer

from generators.observations.named_tables import majority, nae, not_equal, p4, p5, parity, t_in_k
from generators.planted.constraints import PlantedEnsemble, Shown
from lo_theory.phases.ensemble import Ensemble
from lo_theory.phases.thresholds import kesten_stigum_degree

Verdict = Literal["trivial", "easy", "easy by algebra", "hard", "hard, superlinear"]

_POPULATION = "population dynamics: lo-theory reproduce thresholds --scale small, both routes, results/thresholds-small"


@dataclass(frozen=True, kw_only=True)
class Condensation:
    """Degrees kP/N at which inference becomes possible.

    Attributes:
        degree, error: D_cond and one standard deviation.
        spinodal: bracket of D_d, from where on the planted start keeps what it is given; None at a continuous
            transition, where D_d = D_cond = D_KS.
        source: where the numbers are from.
    """

    degree: float
    error: float
    spinodal: tuple[float, float] | None
    source: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Case:
    """One predicate with its prior and what is visible of it.

    Attributes:
        name: in the figures.
        table: ``(m,) * k`` truth table.
        prior: (m,) probabilities of a latent's values.
        shown: which constraints are visible.
        verdict: what is expected; "hard" is a conjecture about all efficient algorithms, and is tested here on belief
            propagation and networks only.
        condensation: None where any positive degree informs (no balance, so no transition).
    """

    name: str
    table: Integer[np.ndarray, "..."]
    prior: tuple[float, ...]
    shown: Shown
    verdict: Verdict
    condensation: Condensation | None

    @property
    def ensemble(self) -> Ensemble:
        """What its thresholds depend on."""
        return Ensemble.from_table(self.table, prior=np.array(self.prior), shown=self.shown)

    @property
    def kesten_stigum(self) -> float:
        """D_KS, exact; ``inf`` or 0 as in :func:`~lo_theory.phases.thresholds.kesten_stigum_degree`."""
        return kesten_stigum_degree(self.ensemble)

    @property
    def arity(self) -> int:
        """k."""
        return self.table.ndim

    def planted(self, n_latents: int, degree: float) -> PlantedEnsemble:
        """Instances with ``round(degree * N / k)`` constraints: one source of spread less than a binomial number."""
        return PlantedEnsemble(np.array(self.prior), n_latents, self.table, degree, self.shown, "fixed")


def _continuous(degree: float) -> Condensation:
    return Condensation(degree=degree, error=0.0, spinodal=None, source="continuous: equal to D_KS, exact")


def _measured(degree: float, error: float, spinodal: tuple[float, float], source: str = _POPULATION) -> Condensation:
    return Condensation(degree=degree, error=error, spinodal=spinodal, source=source)


_COINS, _COLOURS = (0.5, 0.5), (1 / 3, 1 / 3, 1 / 3)
_XOR = _measured(2.754, 0.0005, (2.455, 2.455), "exact: 3-XORSAT, Mezard, Ricci-Tersenghi and Zecchina (2003)")

CASES: dict[str, Case] = {
    case.name: case
    for case in (
        Case(
            name="NAE-3", table=nae(arity=3), prior=_COINS, shown="both", verdict="easy", condensation=_continuous(1.5)
        ),
        Case(
            name="majority", table=majority(arity=3), prior=_COINS, shown="both", verdict="trivial", condensation=None
        ),
        Case(
            name="XOR-3", table=parity(arity=3), prior=_COINS, shown="both", verdict="easy by algebra",
            condensation=_XOR,
        ),
        Case(
            name="2-in-4", table=t_in_k(2, arity=4), prior=_COINS, shown="both", verdict="hard",
            condensation=_measured(3.892, 0.002, (3.576, 3.618)),
        ),
        Case(
            name="1-in-4", table=t_in_k(1, arity=4), prior=(0.75, 0.25), shown="both", verdict="hard",
            condensation=_measured(2.898, 0.005, (2.768, 2.806)),
        ),
        Case(
            name="P4", table=p4(), prior=_COINS, shown="both", verdict="hard",
            condensation=_measured(3.660, 0.003, (3.334, 3.381)),
        ),
        Case(
            name="P5", table=p5(), prior=_COINS, shown="both", verdict="hard, superlinear",
            condensation=_measured(4.882, 0.003, (3.880, 3.953)),
        ),
        Case(
            name="1-in-3", table=t_in_k(1, arity=3), prior=(2 / 3, 1 / 3), shown="both", verdict="hard",
            condensation=_measured(2.207, 0.016, (2.179, 2.200)),
        ),
        Case(
            name="NAE-3, m = 3, satisfied", table=nae(arity=3, latent_alphabet=3), prior=_COLOURS,
            shown="satisfied", verdict="hard",
            condensation=_measured(26.15, 0.08, (24.57, 25.65)),
        ),
        Case(
            name="NAE-3, m = 3", table=nae(arity=3, latent_alphabet=3), prior=_COLOURS, shown="both", verdict="easy",
            condensation=_continuous(4.0),
        ),
        Case(
            name="5-colouring, satisfied", table=not_equal(5), prior=(0.2,) * 5, shown="satisfied", verdict="hard",
            condensation=_measured(13.23, 0.01, (12.589, 12.993), "cavity method, Krzakala and Zdeborova (2009)"),
        ),
        Case(
            name="5-colouring", table=not_equal(5), prior=(0.2,) * 5, shown="both", verdict="easy",
            condensation=_continuous(4.0),
        ),
        Case(
            name="NAE-3, satisfied", table=nae(arity=3), prior=_COINS, shown="satisfied", verdict="easy",
            condensation=_continuous(4.5),
        ),
    )
}  # fmt: skip
"""Every case by its name; without a word about it, both values are visible and a latent is a fair coin."""
