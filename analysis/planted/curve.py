"""Belief propagation from two starts on planted instances, and the losses at both ends: the curves of three figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64

from analysis.lab.rows import Role, Row, Subject
from analysis.planted.cases import CASES
from analysis.planted.fresh_observation import fresh_scopes, latent_nats, observation_nats, symmetrised
from generators.planted.constraints import PlantedEnsemble, PlantedInstance, Shown
from lo_theory.estimate import Estimate, mean_estimate
from lo_theory.phases.belief_propagation import Settings, Start, overlap, planted_beliefs
from lo_theory.phases.ensemble import Ensemble
from lo_theory.phases.thresholds import is_balanced
from lo_theory.posteriors.enumeration import ImpossibleEvidence

OBSERVATION, LATENT, RELABELLED = "observation_nats", "latent_nats", "relabelled_latent_nats"
PHI, OVERLAP, CONVERGED, REFUSED = "free_entropy_nats", "overlap", "converged_share", "refused_share"
PROPAGATION, BAYES = "belief propagation", "Bayes"
STARTS: tuple[Start, ...] = ("random", "planted")

MakeRow = Callable[..., Row]


@dataclass(frozen=True, kw_only=True)
class CurveUnit:
    """One instance per degree of one case.

    Attributes:
        experiment: the figure that its rows are for.
        case: a key of ``CASES``.
        asked: whose loss is measured, that of any fresh tuple or of one whose predicate holds.
        seed: of instances, starts and fresh tuples.
        iterations: at most so many; ``converged_share`` says where that was not enough.
        fresh: tuples behind the loss of an observation, per instance.
    """

    experiment: str
    case: str
    asked: Shown
    seed: int
    n_latents: int
    degrees: tuple[float, ...]
    iterations: int
    fresh: int = 40_000
    damping: float = 0.3
    tolerance: float = 1e-6

    @property
    def label(self) -> str:
        """Case and seed."""
        return f"{self.case}, seed {self.seed}"

    @property
    def settings(self) -> Settings:
        """How belief propagation iterates."""
        return Settings(damping=self.damping, tolerance=self.tolerance, max_iterations=self.iterations)

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Rows of :func:`end_rows` per degree."""
        about = Subject(distribution=self.case, fingerprint="", model=PROPAGATION, seed=self.seed)
        for degree in self.degrees:
            rng = np.random.default_rng([self.seed, round(1000 * degree)])
            planted = CASES[self.case].planted(self.n_latents, degree)
            instance = planted.sample(rng)
            made = partial(about.row, self.experiment, degree=degree)
            yield from end_rows(planted, instance, self.asked, self.fresh, self.settings, rng, made)


def end_rows(
    planted: PlantedEnsemble,
    instance: PlantedInstance,
    asked: Shown,
    fresh: int,
    settings: Settings,
    rng: np.random.Generator,
    made: MakeRow,
) -> Iterator[Row]:
    """Both ends of belief propagation, and what they say about the Bayes-optimal answer.

    From either start: the losses of a fresh observation and of a latent (relabelled: up to the symmetries of the case),
    overlap, Bethe free entropy, convergence. A start at which every value of a latent was ruled out has only
    ``refused_share`` 1.

    The model ``Bayes`` is the planted end where its free entropy is positive (or knowing nothing is no fixed point),
    else ignorance: of several fixed points the Bayes-optimal one has the largest free entropy, and ignorance has 0.
    This holds as N grows (Coja-Oghlan, Krzakala, Perkins and Zdeborova 2018), not at every finite N.

    Args:
        asked: whose loss is measured, that of any fresh tuple or of one whose predicate holds.
        fresh: tuples behind the loss of an observation.
        made: a row from its metric, its estimate and further fields, such as ``about.row`` with the experiment given.
    """
    ensemble = Ensemble.from_planted(planted)
    scopes = fresh_scopes(planted, instance, asked, fresh, rng)
    ignorant = np.tile(ensemble.prior, (planted.n_latents, 1))
    bayes = ignorant
    for start in STARTS:
        try:
            ends = planted_beliefs(planted, instance, start, rng=rng, settings=settings)
        except ImpossibleEvidence:
            yield made(REFUSED, one_instance(1.0), start=start)
            continue
        yield made(REFUSED, one_instance(0.0), start=start)
        yield made(PHI, one_instance(ends.free_entropy), start=start)
        yield made(CONVERGED, one_instance(float(ends.converged)), start=start)
        yield from _losses(planted, instance, ends.marginals, scopes, partial(made, start=start))
        agreed = overlap(ends.marginals, instance.latents, ensemble.label_symmetries())
        yield made(OVERLAP, one_instance(agreed), start=start)
        if start == "planted" and (ends.free_entropy > 0 or not is_balanced(ensemble)):
            bayes = ends.marginals
    yield from _losses(planted, instance, bayes, scopes, partial(made, model=BAYES))


def _losses(
    planted: PlantedEnsemble,
    instance: PlantedInstance,
    marginals: Float64[np.ndarray, "N m"],
    scopes: np.ndarray,
    made: MakeRow,
) -> Iterator[Row]:
    symmetries = Ensemble.from_planted(planted).label_symmetries()
    values: dict[tuple[str, Role], np.ndarray] = {
        (OBSERVATION, "observation"): observation_nats(planted, instance, marginals, scopes),
        (LATENT, "latent"): latent_nats(symmetrised(marginals, symmetries), instance.latents),
        (RELABELLED, "latent"): latent_nats(marginals, instance.latents, symmetries),
    }
    for (metric, role), loss in values.items():
        yield made(metric, mean_estimate(loss), role=role)


def one_instance(value: float) -> Estimate:
    """An estimate of one number of one instance; what it varies over are the instances."""
    return Estimate(value=value, standard_error=0.0, samples=1, method="monte_carlo")
