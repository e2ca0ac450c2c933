"""Loss against the degree of visible constraints: what is possible, what belief propagation finds, what a network does.

Two sizes. At large N belief propagation from the planted start stands for Bayes and from a random start for what local
algorithms reach. At small N (:mod:`~analysis.theory.phase_small`) Bayes is exact and a diffusion model is trained.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from analysis.experiment import run_units, write_tables
from analysis.plots.phase import LARGE, SMALL, draw_phase, draw_phase_small
from analysis.plots.style import save_figure
from analysis.report import write_report
from analysis.scales import ScaleName
from analysis.theory.phase_report import phase_report
from analysis.theory.phase_sizes import DEGREES, LARGE_SIZES, SMALL_SIZES
from analysis.theory.phase_small import SmallUnit
from analysis.theory.planted_curve import CurveUnit


@dataclass(frozen=True, kw_only=True)
class PhaseExperiment:
    """Seven predicates at large N, and at small N with a network.

    Attributes:
        scale: large N, most iterations and instances: 1,000, 250, 3; 4,000, 1,000, 5; 10,000, 3,000, 10. Small N and
            training steps: 8, 200 (two predicates); 12, 900; 16, 50,000 of a larger network, for a GPU.
        directory: for rows, figures and report; finished units in it are kept and skipped.
        jobs: units computed at once; all processors if not given.
        device: of the networks.
    """

    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"

    @property
    def units(self) -> list[CurveUnit | SmallUnit]:
        """The networks first, they take longest; then an instance per degree for each case and seed."""
        n, iterations, seeds = LARGE_SIZES[self.scale]
        small = SMALL_SIZES[self.scale]
        trained = [
            SmallUnit(
                case=name,
                seed=seed,
                n_latents=small.n_latents,
                n_observations=6 * small.n_latents,
                network=small.network,
                samples=small.samples,
            )
            for seed in range(small.seeds)
            for name in small.names
        ]
        curves = [
            CurveUnit(
                experiment=LARGE,
                case=name,
                asked="both",
                seed=seed,
                n_latents=n,
                degrees=degrees,
                iterations=iterations,
            )
            for name, degrees in DEGREES.items()
            for seed in range(seeds)
        ]
        return [*trained, *curves]

    def run(self) -> Path:
        """Compute what is missing, draw the figures, write tables and report; returns the report's file."""
        started = time.perf_counter()
        units = run_units(self.units, self.directory, name=f"phase {self.scale}", jobs=self.jobs, device=self.device)
        rows = [row for unit in units for row in unit.rows]
        write_tables(units, self.directory / "tables")
        figures = {
            LARGE: save_figure(draw_phase(rows), self.directory / "figures", LARGE),
            SMALL: save_figure(draw_phase_small(rows), self.directory / "figures", SMALL),
        }
        report = phase_report(rows, units, figures, self.scale, (time.perf_counter() - started) / 60)
        return write_report(self.directory, report)
