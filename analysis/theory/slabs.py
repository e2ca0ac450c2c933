"""Random slabs (the paper's Example B.4): what state evolution says, and message passing on instances that checks it.

Prop. B.5 speaks of slabs at small density. Here is the whole phase diagram of Bayes-optimal inference of the latents
from visible observations, with both values seen, as in an L&O sequence, and with satisfied ones alone, as in the proof.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from analysis.experiment import run_units, write_tables
from analysis.plots.slabs import draw_slabs
from analysis.plots.style import save_figure
from analysis.report import write_report
from analysis.rows import Row, Subject
from analysis.scales import ScaleName
from analysis.theory.slabs_report import slabs_report
from generators.planted import Shown
from generators.planted_slab import PlantedSlabs
from lo_theory.phases.slab_amp import AmpResult, AmpSettings, planted_start, random_start, run_amp
from lo_theory.phases.slab_evolution import Slabs, precision, remaining
from lo_theory.phases.slab_thresholds import best_overlap, fixed_point, slab_thresholds

EXPERIMENT = "slabs"
SWEPT = "observations per latent"
OVERLAP, SELF_OVERLAP, CONVERGED = "overlap", "self_overlap", "converged_share"
EVOLUTION, AMP, NO_TEACHER = "state evolution", "AMP", "AMP, no teacher"
LINEARISED = "linearised_density"
WIDTHS = (1.0, 0.6745, 0.5)
SHOWN: tuple[Shown, ...] = ("both", "satisfied")
PANELS: dict[Shown, str] = {"both": "both values visible", "satisfied": "satisfied only"}
START = 1e-3  # overlap from which state evolution is iterated for a random start of AMP
PLANTED_PRECISION = 10.0  # of the noise through which a planted start sees the latents: an overlap of 0.998
_LINEAR = 1e-5
_LINE, _POINTS = 160, 11
_CONTROL_EVERY, _CONTROL_ITERATIONS = 3, 100


def panel_name(width: float, shown: Shown) -> str:
    """Name of one problem in rows, figure and tables."""
    return f"width {width:g}, {PANELS[shown]}"


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

    @property
    def seeds(self) -> dict[str, int]:
        """Nothing is drawn."""
        return {}

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Thresholds, and the overlap from no knowledge, from the teacher and of the best estimate by density."""
        slabs = Slabs(width=self.width, shown=self.shown)
        found = slab_thresholds(slabs)
        for name, value in asdict(found).items():
            yield self._row(f"{name}_density", value)
        yield self._row(LINEARISED, _LINEAR / precision(slabs, 1.0, _LINEAR))
        near_teacher = 1.0 - remaining(PLANTED_PRECISION)
        jumps = np.array([found.exact, found.algorithmic])
        line = np.unique(np.concatenate([np.linspace(*_span(slabs), self.points), jumps - 1e-6, jumps + 1e-6]))
        for density in line:
            yield self._row(OVERLAP, fixed_point(slabs, density, START), density, "random")
            yield self._row(OVERLAP, fixed_point(slabs, density, near_teacher), density, "planted")
            yield self._row(OVERLAP, best_overlap(slabs, density), density, "best")

    def _row(self, metric: str, value: float, density: float | None = None, start: str | None = None) -> Row:
        return Row(
            distribution=panel_name(self.width, self.shown),
            fingerprint="",
            model=EVOLUTION,
            experiment=EXPERIMENT,
            metric=metric,
            value=value,
            standard_error=0.0,
            samples=1,
            method="exact",
            swept=None if density is None else SWEPT,
            at=None if density is None else float(density),
            start=start,
        )


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

    @property
    def seeds(self) -> dict[str, int]:
        """The one there is."""
        return {"seed": self.seed}

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Overlap with the teacher, mean square of the means and convergence, per density and start."""
        settings = AmpSettings(max_iterations=self.iterations)
        short = AmpSettings(max_iterations=min(self.iterations, _CONTROL_ITERATIONS))
        for number, density in enumerate(self.densities):
            rng = np.random.default_rng([self.seed, round(1000 * density)])
            planted = PlantedSlabs(n_latents=self.n_latents, density=density, width=self.width, shown=self.shown)
            instance = planted.sample(rng)
            random, teacher = random_start(self.n_latents, rng), planted_start(instance.latents, rng, PLANTED_PRECISION)
            for start, means in (("random", random), ("planted", teacher)):
                ends = run_amp(instance, self.width, means, settings)
                yield from self._rows(ends, instance.latents, density, start, AMP)
            if number % _CONTROL_EVERY == 0:
                ends = run_amp(planted.without_teacher(instance, rng), self.width, random, short)
                yield from self._rows(ends, instance.latents, density, "random", NO_TEACHER)

    def _rows(self, ends: AmpResult, latents: np.ndarray, density: float, start: str, model: str) -> Iterator[Row]:
        about = Subject(distribution=panel_name(self.width, self.shown), fingerprint="", model=model, seed=self.seed)
        values = {OVERLAP: ends.overlap(latents), SELF_OVERLAP: ends.self_overlap, CONVERGED: float(ends.converged)}
        for metric, value in values.items():
            yield Row(
                **asdict(about),
                experiment=EXPERIMENT,
                metric=metric,
                value=value,
                standard_error=0.0,
                samples=1,
                method="monte_carlo",
                swept=SWEPT,
                at=density,
                start=start,
            )


def amp_densities(slabs: Slabs, points: int = _POINTS) -> tuple[float, ...]:
    """Evenly spaced from below the first threshold to above the last, to three digits."""
    return tuple(round(float(density), 3) for density in np.linspace(*_span(slabs), points))


def _span(slabs: Slabs) -> tuple[float, float]:
    found = slab_thresholds(slabs)
    return 0.85 * found.informative, 1.4 * found.algorithmic


_SIZES: dict[ScaleName, tuple[int, int, int]] = {
    "smoke": (2000, 150, 3),
    "small": (4000, 400, 5),
    "paper": (8000, 1000, 10),
}


@dataclass(frozen=True, kw_only=True)
class SlabsExperiment:
    """Three widths, both kinds of visible observations.

    Attributes:
        scale: N, most iterations and instances per point: 2,000, 150, 3; 4,000, 400, 5; 8,000, 1,000, 10.
            (At 1.1 to 1.3 times the algorithmic density AMP failed on eight of 30 instances with N = 1,000, on most
            of them from every start, and on none of 15 with N = 3,000.)
        directory: for rows, figure and report; finished units in it are kept and skipped.
        jobs: units computed at once; all processors if not given.
        device: not used; message passing runs on the processor.
    """

    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"

    @property
    def units(self) -> list[SlabEvolutionUnit | SlabAmpUnit]:
        """State evolution of every problem, then one per problem and seed."""
        n, iterations, seeds = _SIZES[self.scale]
        problems = [Slabs(width=width, shown=shown) for shown in SHOWN for width in WIDTHS]
        return [
            *(SlabEvolutionUnit(width=s.width, shown=s.shown) for s in problems),
            *(
                SlabAmpUnit(
                    width=s.width, shown=s.shown, seed=seed, n_latents=n, iterations=iterations,
                    densities=amp_densities(s),
                )
                for s in problems for seed in range(seeds)
            ),
        ]  # fmt: skip

    def run(self) -> Path:
        """Compute what is missing, draw the figure, write table and report; returns the report's file."""
        started = time.perf_counter()
        units = run_units(self.units, self.directory, name=f"slabs {self.scale}", jobs=self.jobs)
        rows = [row for unit in units for row in unit.rows]
        write_tables(units, self.directory / "tables")
        figure = save_figure(draw_slabs(rows), self.directory / "figures", "slabs")
        minutes = (time.perf_counter() - started) / 60
        report = slabs_report(rows, units, figure, self.scale, _SIZES[self.scale][0], minutes)
        return write_report(self.directory, report)
