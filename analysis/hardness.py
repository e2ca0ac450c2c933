"""The main job: three distributions, five learners and the truth, three figures and a report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
from tqdm import tqdm

from analysis.forward_hash import forward_hash_units
from analysis.hardness_report import build_report
from analysis.learners import learner_units
from analysis.order_accuracy import naive_lines
from analysis.plots import (
    draw_forward_hash,
    draw_likelihood_gap,
    draw_order_accuracy,
    draw_task_error,
    save_figure,
)
from analysis.plots.style import SavedFigure
from analysis.report import write_report
from analysis.rows import Row, write_csv
from analysis.scales import DISTRIBUTIONS, SCALES, ScaleName
from analysis.store import RowStore, StoredUnit
from analysis.units import UNITS, Unit, finish
from generators.storage import write_json_atomic


@dataclass(frozen=True, kw_only=True)
class HardnessExperiment:
    """The hardness figures at one scale.

    Attributes:
        scale: ``smoke`` (minutes on two cores), ``small`` (about an hour) or ``paper`` (its sizes; a large GPU).
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
        self._compute()
        units = RowStore(self.directory / UNITS).units(self.units)
        rows = [row for unit in units for row in unit.rows]
        figures = draw_figures(rows, self.directory / "figures", self.scale)
        write_tables(units, self.directory / "tables")
        report = build_report(rows, units, figures, scale=self.scale, minutes=(time.perf_counter() - started) / 60)
        return write_report(self.directory, report)

    def _compute(self) -> None:
        jobs = self.jobs or (1 if self.device != "cpu" else joblib.cpu_count())
        tasks = [joblib.delayed(run_one)(unit, self.directory, self.device) for unit in self.units]
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
        with tqdm(total=len(tasks), unit="unit", desc=f"hardness {self.scale}", disable=None) as bar:
            for number, finished in enumerate(parallel(tasks), start=1):
                bar.update()
                bar.write(f"{number:3}/{len(tasks)} {finished}")


def write_tables(units: Sequence[StoredUnit], directory: Path) -> None:
    """A CSV file of rows per experiment, and ``provenance.json``: how each unit was configured, run and when."""
    rows = [row for unit in units for row in unit.rows]
    for experiment in dict.fromkeys(row.experiment for row in rows):
        write_csv(directory / f"{experiment}.csv", [row for row in rows if row.experiment == experiment])
    write_json_atomic(
        directory / "provenance.json", [{"config": unit.config, "provenance": unit.provenance} for unit in units]
    )


def run_one(unit: Unit, directory: Path, device: str) -> str:
    """Finish one unit and say which; what a worker process does."""
    started = time.perf_counter()
    rows = finish(unit, directory, device)
    return f"{unit.label}: {len(rows)} rows, {time.perf_counter() - started:.0f} s"


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
