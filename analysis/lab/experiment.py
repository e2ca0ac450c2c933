"""An experiment as a value, and how any of them is reproduced: units side by side, rows kept, figures, a report."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import joblib
import torch
from tqdm import tqdm

from analysis.lab.provenance import collect
from analysis.lab.report import Account, Report, SavedFigure, write_report
from analysis.lab.rows import Row, Rows, write_csv
from analysis.lab.scale import ScaleName
from analysis.lab.store import Config, RowStore, StoredUnit
from generators.ground.storage import write_json_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Size = TypeVar("Size")

UNITS, TABLES, FIGURES = "units", "tables", "figures"
"""Folders of a run."""


class Unit(Config, Protocol):
    """A frozen dataclass that knows what it measures; all that its rows depend on stands in its fields."""

    @property
    def label(self) -> str:
        """Short name for people."""
        ...

    def measure(self, directory: Path, device: torch.device) -> Iterable[Row]:
        """Compute the rows; checkpoints go below ``directory``."""
        ...


@dataclass(frozen=True, kw_only=True)
class Run(Generic[Size]):
    """A finished run: what a report is written from.

    Attributes:
        size: the experiment's numbers at this scale.
        units: as they lie on disk, in the experiment's order.
        rows: of all units.
        figures: by name.
    """

    scale: ScaleName
    size: Size
    units: Sequence[StoredUnit]
    rows: Rows
    figures: Mapping[str, SavedFigure]


@dataclass(frozen=True, kw_only=True)
class Experiment(Generic[Size]):
    """What is measured, drawn and said, as a value.

    Attributes:
        name: as ``lo-theory reproduce`` knows it.
        sizes: a small frozen dataclass per scale.
        units: what is computed, each once.
        figures: by name, drawn from rows and from nothing else.
        report: what the page says of a run; the lab adds what was run, and when.
    """

    name: str
    sizes: Mapping[ScaleName, Size]
    units: Callable[[Size], Sequence[Unit]]
    figures: Callable[[Rows, Size], Mapping[str, Figure]]
    report: Callable[[Run[Size]], Report]

    def reproduce(
        self, scale: ScaleName, directory: Path, *, jobs: int | None = None, device: str = "cpu", quiet: bool = False
    ) -> Path:
        """From nothing to the report; returns its file.

        Args:
            directory: for rows, checkpoints, figures and report; finished units in it are kept and skipped.
            jobs: units computed at once, see :func:`run_units`.
            device: of the networks, where there are any.
            quiet: show no progress.
        """
        started = time.perf_counter()
        size = self.sizes[scale]
        wanted, name = self.units(size), f"{self.name} {scale}"
        units = run_units(wanted, directory, name=name, jobs=jobs, device=device, quiet=quiet)
        rows = all_rows(units)
        write_tables(units, directory / TABLES)
        from analysis.lab.style import save_figure  # so that units load without a plotting library

        drawn = self.figures(rows, size)
        figures = {name: save_figure(figure, directory / FIGURES, name) for name, figure in drawn.items()}
        run = Run(scale=scale, size=size, units=units, rows=rows, figures=figures)
        account = Account(scale=scale, minutes=(time.perf_counter() - started) / 60, units=units)
        return write_report(directory, self.report(run), account)


def run_units(
    units: Sequence[Unit],
    directory: Path,
    *,
    name: str,
    jobs: int | None = None,
    device: str = "cpu",
    quiet: bool = False,
) -> list[StoredUnit]:
    """Finish every unit and read all of them back, in their order; what is there already is not computed again.

    Args:
        directory: units and checkpoints go below it.
        name: of the experiment, beside the progress bar.
        jobs: units computed at once, each in a process of one thread; all processors if not given, one with a GPU. The
            backend is joblib's, so ``joblib.parallel_config`` may send them to a cluster.
        device: of the networks.
        quiet: neither the bar, whose time left is that of the units not finished before, nor a line for each unit.
    """
    store, lines, tasks = RowStore(directory / UNITS), list[str](), list[Any]()
    for unit in units:
        kept = store.get(unit)
        if kept is None:
            tasks.append(joblib.delayed(_finish)(unit, directory, device))
        else:
            lines.append(f"{unit.label}: {len(kept)} rows, kept")
    workers = jobs or (1 if device != "cpu" else joblib.cpu_count())
    finished = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")(tasks) if tasks else ()
    with tqdm(total=len(units), initial=len(lines), unit="unit", desc=name, disable=quiet or None) as bar:
        for number, line in enumerate(chain(lines, finished), start=1):
            bar.update(number > len(lines))
            if not quiet:
                bar.write(f"{number:3}/{len(units)} {line}")
    return store.units(units)


def finish(unit: Unit, directory: Path, device: str = "cpu") -> list[Row]:
    """The rows of a unit: read if it is finished, else computed and kept.

    In a process of its own this uses one thread: small networks gain nothing from two.
    """
    store = RowStore(directory / UNITS)
    kept = store.get(unit)
    if kept is not None:
        return kept
    torch.set_num_threads(1)
    started = time.perf_counter()
    rows = list(unit.measure(directory, torch.device(device)))
    store.put(unit, rows, collect(named_seeds(unit), device=device, seconds=time.perf_counter() - started))
    return rows


def named_seeds(config: Any) -> dict[str, int]:
    """Every seed in a configuration by its field's name, ``seed`` or ``*_seed``, of nested dataclasses too."""
    seeds: dict[str, int] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            seeds = named_seeds(value) | seeds  # its own stand above those of its parts
        elif (field.name == "seed" or field.name.endswith("_seed")) and isinstance(value, int):
            seeds[field.name] = value
    return seeds


def all_rows(units: Iterable[StoredUnit]) -> Rows:
    """The rows of finished units, one after another."""
    return Rows(row for unit in units for row in unit.rows)


def write_tables(units: Sequence[StoredUnit], directory: Path) -> None:
    """A CSV file of rows per experiment, and ``provenance.json``: how each unit was configured, run and when."""
    for experiment, rows in all_rows(units).by("experiment").items():
        write_csv(directory / f"{experiment}.csv", rows)
    write_json_atomic(
        directory / "provenance.json", [{"config": unit.config, "provenance": unit.provenance} for unit in units]
    )


def _finish(unit: Unit, directory: Path, device: str) -> str:
    started = time.perf_counter()
    rows = finish(unit, directory, device)
    return f"{unit.label}: {len(rows)} rows, {time.perf_counter() - started:.0f} s"
