"""An experiment as a value, and how any of them is reproduced: units side by side, rows kept, figures, a report."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import joblib
import torch
from tqdm import tqdm

from analysis.lab.provenance import Provenance, checkout, collect
from analysis.lab.report import REPORT_NAME, Account, Report, SavedFigure, write_report
from analysis.lab.rows import Row, Rows, read_csv, write_csv
from analysis.lab.scale import ScaleName
from analysis.lab.store import OF_BEFORE, Config, RowStore, StoredUnit
from analysis.lab.tables import DIGESTS, PROVENANCE, write_digests
from generators.ground.allocator import return_freed_memory
from generators.ground.ownership import owned_directory, require_owned
from generators.ground.storage import write_json_atomic
from generators.ground.workers import side_by_side

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
        growing: scales whose units lie hours apart: tables, figures and page are written anew when one is finished, of
            those that are. ``figures`` and ``report`` then take what there is.
    """

    name: str
    sizes: Mapping[ScaleName, Size]
    units: Callable[[Size], Sequence[Unit]]
    figures: Callable[[Rows, Size], Mapping[str, Figure]]
    report: Callable[[Run[Size]], Report]
    growing: tuple[ScaleName, ...] = ()

    @property
    def scales(self) -> tuple[ScaleName, ...]:
        """Those that it has, ascending."""
        return tuple(self.sizes)

    def reproduce(
        self, scale: ScaleName, directory: Path, *, jobs: int | None = None, device: str = "cpu", quiet: bool = False
    ) -> Path:
        """From nothing to the report; returns its file.

        Args:
            directory: for rows, checkpoints, figures and report, owned until the end; finished units in it are kept and
                skipped. If it cannot be written and holds the finished run, nothing is.
            jobs: units computed at once, see :func:`run_units`.
            device: of the networks, where there are any.
            quiet: show no progress.
        Raises:
            ValueError: it has no such scale.
            ChildProcessError, OSError: as :func:`run_units`.
        """
        started = time.perf_counter()
        if scale not in self.sizes:
            raise ValueError(f"{self.name} has no scale {scale!r}; it has {', '.join(self.scales)}.")
        wanted, name = self.units(self.sizes[scale]), f"{self.name} {scale}"
        page = kept_report(wanted, directory)
        if page is not None:
            return page

        def write(units: Sequence[StoredUnit]) -> Path:
            minutes = (time.perf_counter() - started) / 60
            account = Account(scale=scale, minutes=minutes, units=units, wanted=len(wanted))
            return self._write(scale, units, directory, account)

        with owned_directory(directory, f"reproduce {name}"):
            after_each = write if scale in self.growing else None
            units = run_units(
                wanted, directory, name=name, jobs=jobs, device=device, quiet=quiet, after_each=after_each
            )
            return write(units)

    def _write(self, scale: ScaleName, units: Sequence[StoredUnit], directory: Path, account: Account) -> Path:
        """Tables, figures and page of finished units; returns the page."""
        from analysis.lab.style import save_figure  # so that units load without a plotting library

        size, rows = self.sizes[scale], all_rows(units)
        write_tables(units, directory / TABLES)
        drawn = self.figures(rows, size)
        figures = {name: save_figure(figure, directory / FIGURES, name) for name, figure in drawn.items()}
        run = Run(scale=scale, size=size, units=units, rows=rows, figures=figures)
        return write_report(directory, self.report(run), account)


def kept_report(wanted: Sequence[Unit], directory: Path) -> Path | None:
    """The report of a finished run in a directory that cannot be written, such as an archive; None of any other.

    Raises:
        ValueError: a unit's file is damaged.
    """
    if os.access(directory, os.W_OK) or not directory.is_dir():
        return None
    page, store = directory / REPORT_NAME, RowStore(directory / UNITS)
    units = store.units(wanted)
    if len(units) < len(wanted) or not page.exists():
        return None
    tables = {path.stem: read_csv(path) for path in (directory / TABLES).glob("*.csv")}
    written, told = (
        {name: [row.to_json() for row in rows] for name, rows in some.items()}
        for some in (tables, all_rows(units).by("experiment"))
    )
    return page if written == told else None


def run_units(
    units: Sequence[Unit],
    directory: Path,
    *,
    name: str,
    jobs: int | None = None,
    device: str = "cpu",
    quiet: bool = False,
    after_each: Callable[[Sequence[StoredUnit]], object] | None = None,
) -> list[StoredUnit]:
    """Finish every unit and read all of them back, in their order; what is there already is not computed again.

    Args:
        directory: units and checkpoints go below it.
        name: of the experiment, beside the progress bar.
        jobs: units computed at once, each in a process of one thread; all processors if not given, one with a GPU. The
            backend is joblib's, so ``joblib.parallel_config`` may send them to a cluster.
        device: of the networks.
        quiet: neither the bar, whose time left is that of the units not finished before, nor a line for each unit.
        after_each: called with all that are finished, in their order, whenever another one is, but for the last.
    Raises:
        DirectoryInUseError: another process owns ``directory``
            (:func:`~generators.ground.ownership.owned_directory`). Workers write below it under this process's lock,
            and end with this process.
        ChildProcessError: a worker was killed.
        OSError: ``directory`` cannot be written, or was removed meanwhile. What is finished is kept.
    """
    with owned_directory(directory, f"reproduce {name}"):
        store, lines, calls = RowStore(directory / UNITS), list[str](), list[tuple[Any, ...]]()
        for number, unit in enumerate(units):
            kept = store.find(unit)
            if kept is None:
                calls.append((number, unit, directory.absolute(), device))  # a worker may stand elsewhere
            else:
                unchecked = "" if kept.checked else f" (unchecked: {OF_BEFORE})"
                lines.append(f"{unit.label}: {len(kept.rows)} rows, kept{unchecked}")
        workers = jobs or (1 if device != "cpu" else joblib.cpu_count())
        finished = _finished(units, calls, directory, min(workers, len(calls))) if calls else ()
        with tqdm(total=len(units), initial=len(lines), unit="unit", desc=name, disable=quiet or None) as bar:
            for number, line in enumerate(chain(lines, finished), start=1):
                bar.update(number > len(lines))
                if not quiet:
                    bar.write(f"{number:3}/{len(units)} {line}")
                if after_each is not None and len(lines) < number < len(units):
                    after_each(store.units(units))
        return store.units(units)


def finish(unit: Unit, directory: Path, device: str = "cpu") -> list[Row]:
    """The rows of a unit: read if it is finished, else computed and kept.

    In a process of its own this uses one thread: small networks gain nothing from two.
    """
    store = RowStore(directory / UNITS)
    kept = store.get(unit)
    if kept is not None:
        return kept
    rows, provenance = _measured(unit, directory, device)
    store.put(unit, rows, provenance)
    return rows


def _measured(unit: Unit, directory: Path, device: str) -> tuple[list[Row], Provenance]:
    checkout()  # before hours pass in which the repository may go on
    threads, started = torch.get_num_threads(), time.perf_counter()
    torch.set_num_threads(1)
    try:
        rows = list(unit.measure(directory, torch.device(device)))
        return_freed_memory()
        return rows, collect(named_seeds(unit), device=device, seconds=time.perf_counter() - started)
    finally:
        torch.set_num_threads(threads)


def _numbered(number: int, unit: Unit, directory: Path, device: str) -> tuple[int, list[Row], Provenance]:
    """What a worker does, which may sit on another machine: it measures and writes no rows."""
    return number, *_measured(unit, directory, device)


def _finished(units: Sequence[Unit], calls: Sequence[tuple[Any, ...]], directory: Path, workers: int) -> Iterator[str]:
    """Keep the rows of each unit as its worker hands them over, in one place and so once; yields a line for each."""
    store = RowStore(directory / UNITS)
    for number, rows, provenance in side_by_side(_numbered, calls, jobs=workers, in_order=False):
        require_owned(directory)
        store.put(units[number], rows, provenance)
        yield f"{units[number].label}: {len(rows)} rows, {provenance.seconds:.0f} s"


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
    """A CSV file of rows per experiment, and ``provenance.json``: how each unit was configured, run and when.

    ``digests.json`` vouches for all of them; it goes first and comes last, so it is never that of other tables.
    """
    (directory / DIGESTS).unlink(missing_ok=True)
    tables = {f"{experiment}.csv": rows for experiment, rows in all_rows(units).by("experiment").items()}
    for name, rows in tables.items():
        write_csv(directory / name, rows)
    origins = [{"config": unit.config, "provenance": unit.provenance} for unit in units]
    write_json_atomic(directory / PROVENANCE, origins)
    write_digests(directory, [*tables, PROVENANCE])
