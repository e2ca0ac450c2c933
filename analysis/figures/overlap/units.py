"""Belief propagation on planted not-all-equal instances: the paper's Fig. 4, and the same with both values visible.

Prop. 3.3 rests on planted instances that show satisfied constraints only. In an L&O distribution a visible observation
of value 0 is there too, and for not-all-equal it says that three latents are equal. The two panels differ in nothing
else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from analysis.lab.experiment import ScaleName
from analysis.lab.rows import Row, Subject
from analysis.planted.curve import CONVERGED, OVERLAP, PROPAGATION, STARTS, one_instance
from generators.observations.named_tables import nae
from generators.planted.constraints import PlantedEnsemble, Shown
from lo_theory.phases.belief_propagation import Settings, overlap, planted_beliefs
from lo_theory.phases.ensemble import Ensemble
from lo_theory.phases.thresholds import first_moment_degree, kesten_stigum_degree

EXPERIMENT_NAME = "overlap"
ARITY, VALUES = 3, 3
DEGREES: dict[Shown, tuple[float, ...]] = {
    "satisfied": (20.0, 22.0, 24.0, 26.0, 28.0, 30.0, 34.0, 36.0, 38.0),
    "both": (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0, 20.0, 31.5),
}
PANELS: dict[Shown, str] = {"satisfied": "only satisfied constraints visible", "both": "both values visible"}
KESTEN_STIGUM, FIRST_MOMENT = "KS", "first moment"


@dataclass(frozen=True, kw_only=True)
class OverlapSize:
    """How large the instances are, and how many.

    Attributes:
        n_latents: of an instance, N.
        iterations: of belief propagation, at most.
        instances: per point.
    """

    n_latents: int
    iterations: int
    instances: int


SIZES: dict[ScaleName, OverlapSize] = {
    "smoke": OverlapSize(n_latents=1500, iterations=400, instances=3),
    "small": OverlapSize(n_latents=4000, iterations=1000, instances=5),
    "paper": OverlapSize(n_latents=10_000, iterations=2000, instances=10),
}


@dataclass(frozen=True, kw_only=True)
class OverlapUnit:
    """Belief propagation from a random and from the planted start, on one instance per degree.

    Attributes:
        shown: which constraints are visible.
        seed: of instances and starts.
        iterations: at most so many; near a threshold that is not enough, and ``converged_share`` says so.
    """

    shown: Shown
    seed: int
    n_latents: int
    iterations: int
    degrees: tuple[float, ...]
    damping: float = 0.3
    tolerance: float = 1e-6

    @property
    def label(self) -> str:
        """Panel and seed."""
        return f"{PANELS[self.shown]}, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Overlap with the planted latents per degree and start, and whether the iteration converged."""
        settings = Settings(damping=self.damping, tolerance=self.tolerance, max_iterations=self.iterations)
        about = Subject(distribution=PANELS[self.shown], fingerprint="", model=PROPAGATION, seed=self.seed)
        for degree in self.degrees:
            rng = np.random.default_rng([self.seed, round(1000 * degree)])
            planted = ensemble_of(self.shown, self.n_latents, degree)
            instance = planted.sample(rng)
            symmetries = Ensemble.from_planted(planted).label_symmetries()
            for start in STARTS:
                ends = planted_beliefs(planted, instance, start, rng=rng, settings=settings)
                agreed = overlap(ends.marginals, instance.latents, symmetries)
                for metric, value in ((OVERLAP, agreed), (CONVERGED, float(ends.converged))):
                    yield about.row(EXPERIMENT_NAME, metric, one_instance(value), degree=degree, start=start)


def units(size: OverlapSize) -> list[OverlapUnit]:
    """One per panel and seed."""
    return [
        OverlapUnit(shown=shown, seed=seed, n_latents=size.n_latents, iterations=size.iterations, degrees=degrees)
        for shown, degrees in DEGREES.items()
        for seed in range(size.instances)
    ]


def ensemble_of(shown: Shown, n_latents: int, degree: float) -> PlantedEnsemble:
    """Not-all-equal of three latents with three values, as in the paper's Fig. 4."""
    return PlantedEnsemble(
        np.full(VALUES, 1 / VALUES), n_latents, nae(arity=ARITY, latent_alphabet=VALUES), degree, shown
    )


def thresholds() -> dict[str, dict[str, float]]:
    """Kesten-Stigum degree and first-moment bound of each panel, exact, in units of kP/N."""
    found = {}
    for shown, name in PANELS.items():
        ensemble = Ensemble.from_table(nae(arity=ARITY, latent_alphabet=VALUES), shown=shown)
        found[name] = {KESTEN_STIGUM: kesten_stigum_degree(ensemble), FIRST_MOMENT: first_moment_degree(ensemble)}
    return found
