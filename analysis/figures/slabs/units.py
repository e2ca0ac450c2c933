"""Random slabs (the paper's Example B.4): what state evolution says, and message passing on instances that checks it.

Prop. B.5 speaks of slabs at small density. Here is the whole phase diagram of Bayes-optimal inference of the latents
from visible observations, with both values seen, as in an L&O sequence, and with satisfied ones alone, as in the proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from analysis.lab.experiment import ScaleName
from analysis.lab.rows import Row, Subject
from analysis.planted.curve import one_instance
from generators.planted.constraints import Shown
from generators.planted.slabs import PlantedSlabs
from lo_theory.estimate import exact_estimate
from lo_theory.phases.slab_amp import AmpSettings, planted_start, random_start, run_amp
from lo_theory.phases.slab_evolution import Slabs, precision, remaining
from lo_theory.phases.slab_thresholds import best_overlap, fixed_point, slab_thresholds

EXPERIMENT_NAME = "slabs"
SWEPT = "observations per latent"
OVERLAP, SELF_OVERLAP, CONVERGED = "overlap", "self_overlap", "converged_share"
WEAK_RECOVERY, FIRST_MOMENT, LINEARISED = "weak_recovery_density", "first_moment_density", "linearised_density"
INFORMATIVE, EXACT, ALGORITHMIC = "informative_density", "exact_density", "algorithmic_density"
EVOLUTION, AMP, NO_TEACHER = "state evolution", "AMP", "AMP, no teacher"
WIDTHS = (1.0, 0.6745, 0.5)
SHOWN: tuple[Shown, ...] = ("both", "satisfied")

_PANELS: dict[Shown, str] = {"both": "both values visible", "satisfied": "satisfied only"}
_START = 1e-3  # overlap from which state evolution is iterated for a random start of AMP
_PLANTED_PRECISION = 10.0  # of the noise through which a planted start sees the latents: an overlap of 0.998
_LINEAR = 1e-5
_LINE, _POINTS = 160, 11
_CONTROL_EVERY, _CONTROL_ITERATIONS = 3, 100


@dataclass(frozen=True, kw_only=True)
class SlabsSize:
    """How large the instances of message passing are, and how many.

    Attributes:
        n_latents: of an instance, N. At 1.1 to 1.3 times the algorithmic density AMP failed on eight of 30 instances
            with N = 1,000, on most of them from every start, and on none of 15 with N = 3,000.
        iterations: of message passing, at most.
        instances: per density.
        widths: of the slabs.
    """

    n_latents: int
    iterations: int
    instances: int
    widths: tuple[float, ...] = WIDTHS


SIZES: dict[ScaleName, SlabsSize] = {
    "smoke": SlabsSize(n_latents=2000, iterations=150, instances=3),
    "small": SlabsSize(n_latents=4000, iterations=400, instances=5),
    "paper": SlabsSize(n_latents=8000, iterations=1000, instances=10),
}


def panel_name(width: float, shown: Shown) -> str:
    """Name of one problem in rows, figure and tables."""
    return f"width {width:g}, {_PANELS[shown]}"


@dataclass(frozen=True, kw_only=True)
class SlabEvolutionUnit:
    """State evolution of one problem: deterministic."""

    width: float
    shown: Shown
    points: int = _LINE

    @property
    def label(self) -> str:
        """The problem."""
        return f"state evolution, {panel_name(self.width, self.shown)}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Thresholds, and the overlap from no knowledge, from the teacher and of the best estimate by density."""
        slabs = Slabs(width=self.width, shown=self.shown)
        about = Subject(distribution=panel_name(self.width, self.shown), fingerprint="", model=EVOLUTION)
        made = partial(about.row, EXPERIMENT_NAME)
        found = slab_thresholds(slabs)
        for name, value in asdict(found).items():
            yield made(f"{name}_density", exact_estimate(value))
        yield made(LINEARISED, exact_estimate(_LINEAR / precision(slabs, 1.0, _LINEAR)))
        near_teacher = 1.0 - remaining(_PLANTED_PRECISION)
        jumps = np.array([found.exact, found.algorithmic])
        line = np.unique(np.concatenate([np.linspace(*_span(slabs), self.points), jumps - 1e-6, jumps + 1e-6]))
        for density in line.tolist():
            overlaps = {
                "random": fixed_point(slabs, density, _START),
                "planted": fixed_point(slabs, density, near_teacher),
                "best": best_overlap(slabs, density),
            }
            for start, value in overlaps.items():
                yield made(OVERLAP, exact_estimate(value), swept=SWEPT, at=density, start=start)


@dataclass(frozen=True, kw_only=True)
class SlabAmpUnit:
    """Message passing on one instance per density, from a random and from the planted start.

    At every third density also without a teacher, the control.

    Attributes:
        seed: of instances and starts.
        iterations: at most so many.
        densities: observations per latent; of the satisfied ones where only those are seen.
    """

    width: float
    shown: Shown
    seed: int
    n_latents: int
    iterations: int
    densities: tuple[float, ...]

    @property
    def label(self) -> str:
        """Problem and seed."""
        return f"AMP, {panel_name(self.width, self.shown)}, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Overlap with the teacher, mean square of the means and convergence, per density and start."""
        about = Subject(distribution=panel_name(self.width, self.shown), fingerprint="", model=AMP, seed=self.seed)
        settings = AmpSettings(max_iterations=self.iterations)
        short = AmpSettings(max_iterations=min(self.iterations, _CONTROL_ITERATIONS))
        for number, density in enumerate(self.densities):
            rng = np.random.default_rng([self.seed, round(1000 * density)])
            planted = PlantedSlabs(n_latents=self.n_latents, density=density, width=self.width, shown=self.shown)
            instance = planted.sample(rng)
            random = random_start(self.n_latents, rng)
            teacher = planted_start(instance.latents, rng, _PLANTED_PRECISION)
            runs = [
                (AMP, "random", run_amp(instance, self.width, random, settings)),
                (AMP, "planted", run_amp(instance, self.width, teacher, settings)),
            ]
            if number % _CONTROL_EVERY == 0:
                other = planted.without_teacher(instance, rng)
                runs.append((NO_TEACHER, "random", run_amp(other, self.width, random, short)))
            for model, start, ends in runs:
                made = partial(about.row, EXPERIMENT_NAME, model=model, swept=SWEPT, at=density, start=start)
                yield made(OVERLAP, one_instance(ends.overlap(instance.latents)))
                yield made(SELF_OVERLAP, one_instance(ends.self_overlap))
                yield made(CONVERGED, one_instance(float(ends.converged)))


def units(size: SlabsSize) -> list[SlabEvolutionUnit | SlabAmpUnit]:
    """State evolution of every problem, then one per problem and seed."""
    problems = [Slabs(width=width, shown=shown) for shown in SHOWN for width in size.widths]
    return [
        *(SlabEvolutionUnit(width=problem.width, shown=problem.shown) for problem in problems),
        *(
            SlabAmpUnit(
                width=problem.width, shown=problem.shown, seed=seed, n_latents=size.n_latents,
                iterations=size.iterations, densities=amp_densities(problem),
            )
            for problem in problems
            for seed in range(size.instances)
        ),
    ]  # fmt: skip


def amp_densities(slabs: Slabs, points: int = _POINTS) -> tuple[float, ...]:
    """Evenly spaced from below the first threshold to above the last, to three digits."""
    return tuple(round(float(density), 3) for density in np.linspace(*_span(slabs), points))


def _span(slabs: Slabs) -> tuple[float, float]:
    found = slab_thresholds(slabs)
    return 0.85 * found.informative, 1.4 * found.algorithmic
