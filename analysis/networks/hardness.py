"""The main job: three distributions, five learners and the truth, three figures and a report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.experiment import run_units, write_tables
from analysis.networks.forward_hash import forward_hash_units
from analysis.networks.hardness_report import build_report
from analysis.networks.learners import learner_units
from analysis.networks.order_accuracy import naive_lines
from analysis.plots import (
    draw_forward_hash,
    draw_likelihood_gap,
    draw_order_accuracy,
    draw_task_error,
    save_figure,
)
from analysis.plots.style import SavedFigure
from analysis.report import write_report
from analysis.rows import Row
from analysis.scales import DISTRIBUTIONS, SCALES, ScaleName
from analysis.units import Unit


@dataclass(frozen=True, kw_only=True)
class HardnessExperiment:
    """The hardness figures at one scale.

    Attributes:
        scale: ``smoke`` (minutes on two cores), ``small`` (half an hour) or ``paper`` (its sizes; a large GPU).
        directory: for rows, checkpoints, figures and the report; finished units in it are kept and skipped.
        jobs: units computed at once, each in a process of one thread; all processors if not given, one with a GPU.
        device: of the networks.
    """

    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"

    @property
    def units(self) -> list[Unit]:
        """All units, those of the figures first."""
        scale = SCALES[self.scale]
        return [*learner_units(scale), *forward_hash_units(scale.seeds)]

    def run(self) -> Path:
        """Compute what is missing, draw the figures, write tables and report; returns the report's file."""
        started = time.perf_counter()
        name = f"hardness {self.scale}"
        units = run_units(self.units, self.directory, name=name, jobs=self.jobs, device=self.device)
        rows = [row for unit in units for row in unit.rows]
        figures = draw_figures(rows, self.directory / "figures", self.scale)
        write_tables(units, self.directory / "tables")
        report = build_report(rows, units, figures, scale=self.scale, minutes=(time.perf_counter() - started) / 60)
        return write_report(self.directory, report)


def draw_figures(rows: Sequence[Row], directory: Path, scale: ScaleName) -> dict[str, SavedFigure]:
    """Every figure of the experiment from its rows, as PNG and SVG."""
    planning = SCALES[scale].planning
    naive = {name: naive_lines(family(planning)) for name, family in DISTRIBUTIONS.items()}
    drawn = {
        "task_error": draw_task_error(rows),
        "likelihood_gap": draw_likelihood_gap(rows),
        "order_accuracy": draw_order_accuracy(rows, naive=naive),
        "forward_hash": draw_forward_hash(rows),
    }
    return {name: save_figure(figure, directory, name) for name, figure in drawn.items()}
