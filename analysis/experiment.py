"""What every experiment does: finish its units side by side, keep their rows, write tables of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import joblib
from tqdm import tqdm

from analysis.rows import write_csv
from analysis.store import RowStore, StoredUnit
from analysis.units import UNITS, Unit, finish
from generators.storage import write_json_atomic


@runtime_checkable
class Experiment(Protocol):
    """A frozen dataclass with a scale and a directory."""

    def run(self) -> Path:
        """From nothing to the report; returns its file."""
        ...


def run_units(
    units: Sequence[Unit], directory: Path, *, name: str, jobs: int | None = None, device: str = "cpu"
) -> list[StoredUnit]:
    """Finish every unit and read all of them back, in their order; what is there already is not computed again.

    Args:
        directory: units and checkpoints go below it.
        name: of the experiment, beside the progress bar.
        jobs: units computed at once, each in a process of one thread; all processors if not given, one with a GPU. The
            backend is joblib's, so ``joblib.parallel_config`` may send them to a cluster.
        device: of the networks.
    """
    workers = jobs or (1 if device != "cpu" else joblib.cpu_count())
    tasks = [joblib.delayed(_finish)(unit, directory, device) for unit in units]
    parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")
    with tqdm(total=len(tasks), unit="unit", desc=name, disable=None) as bar:
        for number, finished in enumerate(parallel(tasks), start=1):
            bar.update()
            bar.write(f"{number:3}/{len(tasks)} {finished}")
    return RowStore(directory / UNITS).units(units)


def write_tables(units: Sequence[StoredUnit], directory: Path) -> None:
    """A CSV file of rows per experiment, and ``provenance.json``: how each unit was configured, run and when."""
    rows = [row for unit in units for row in unit.rows]
    for experiment in dict.fromkeys(row.experiment for row in rows):
        write_csv(directory / f"{experiment}.csv", [row for row in rows if row.experiment == experiment])
    write_json_atomic(
        directory / "provenance.json", [{"config": unit.config, "provenance": unit.provenance} for unit in units]
    )


def _finish(unit: Unit, directory: Path, device: str) -> str:
    started = time.perf_counter()
    rows = finish(unit, directory, device)
    return f"{unit.label}: {len(rows)} rows, {time.perf_counter() - started:.0f} s"
