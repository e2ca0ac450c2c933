"""Finished units of several machines in one directory, or what they contradict each other in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.lab.experiment import TABLES, UNITS, write_tables
from analysis.lab.rows import Row, same
from analysis.lab.store import StoredUnit, alike, read_unit
from generators.ground.ownership import owned_directory
from generators.ground.storage import write_atomic

_TIMED = "seconds"
"""In the name of a metric: a time of the machine, which no other machine repeats."""


@dataclass(frozen=True)
class Merged:
    """What was merged: units and rows in the directory, and how many units were taken from each run."""

    units: int
    rows: int
    taken: dict[Path, int]


@dataclass(frozen=True)
class _Found:
    path: Path
    unit: StoredUnit


def merge_runs(directories: Sequence[Path], out: Path, of_one: Callable[[set[str]], bool] | None = None) -> Merged:
    """Bring the finished units of runs of one experiment together in ``out``, and write its tables anew.

    A unit that several have must have the same rows in all: floats but for rounding, and times of the machine aside.
    Provenance may differ; the first one's file is taken, as it is. Nothing is written unless everything agrees.

    Args:
        directories: of the runs; they are only read. One that is still written to gives what is finished.
        out: units in it count as another run, the first one.
        of_one: whether one experiment has units of all these kinds, asked of runs that have neither a kind of unit nor
            a kind of row in common; if not given, such runs are refused.
    Raises:
        ValueError: fewer than two runs, or a damaged unit; two that contradict each other, or units of runs that have
            no experiment in common; the message names the files.
        FileNotFoundError: a directory without finished units.
        DirectoryInUseError, OSError: of ``out``.
    """
    if len(directories) < 2:
        raise ValueError(f"merging takes two directories or more; got {len(directories)}.")
    runs = {directory: _read(directory) for directory in directories}
    if (out / UNITS).is_dir():
        runs = {out: _read(out)} | {place: run for place, run in runs.items() if place.resolve() != out.resolve()}
    _check_one_experiment(runs, of_one)
    merged, taken = list[_Found](), dict.fromkeys(directories, 0)
    named = dict[str, list[_Found]]()  # by what their names say in words: floats may differ by rounding in the hash
    for directory, run in runs.items():
        for found in run:
            rivals = named.setdefault(found.path.stem.rpartition("-")[0], [])
            rival = next((one for one in rivals if alike(one.unit.config, found.unit.config)), None)
            if rival is not None:
                _check_same_rows(rival, found)
                continue
            rivals.append(found)
            merged.append(found)
            if directory in taken:
                taken[directory] += 1
    with owned_directory(out, "merge"):
        for found in merged:
            target = out / UNITS / found.path.name
            if target != found.path:
                write_atomic(target, found.path.read_bytes())
        units = [found.unit for found in sorted(merged, key=lambda found: found.path.name)]
        write_tables(units, out / TABLES)
    return Merged(len(merged), sum(len(unit.rows) for unit in units), taken)


def _read(directory: Path) -> list[_Found]:
    paths = sorted((directory / UNITS).glob("*.json"))
    if not paths:
        raise FileNotFoundError(
            f"{directory} has no finished units in {UNITS}/; merge takes directories of lo-theory reproduce."
        )
    return [_Found(path, read_unit(path)) for path in paths]


def _check_one_experiment(runs: dict[Path, list[_Found]], of_one: Callable[[set[str]], bool] | None) -> None:
    """Every run has a kind of unit or of row in common with those before it, or one experiment has all of them."""
    seen, shown = set[str](), set[str]()
    for directory, run in runs.items():
        kinds = {found.unit.config["kind"] for found in run}
        about = {row.experiment for found in run for row in found.unit.rows}
        apart = seen and not (seen & kinds or shown & about)
        if apart and not (of_one is not None and of_one(seen | kinds)):
            raise ValueError(
                f"{directory} holds units of another experiment ({', '.join(sorted(kinds))}) than the directories "
                f"before it ({', '.join(sorted(seen))}). Merge runs of one experiment."
            )
        seen, shown = seen | kinds, shown | about


def _check_same_rows(one: _Found, other: _Found) -> None:
    left, right = one.unit.rows, other.unit.rows
    if len(left) != len(right):
        difference = f"{len(left)} rows and {len(right)}"
    else:
        pairs = enumerate(zip(left, right, strict=True), start=1)
        difference = next((f"row {number}: {text}" for number, pair in pairs if (text := _differs(*pair))), "")
    if difference:
        raise ValueError(
            f"{one.path} and {other.path} are the same unit with other rows ({difference}). Delete the one that is "
            "wrong, and merge again; nothing was written."
        )


def _differs(left: Row, right: Row) -> str:
    """The first field that differs in two rows, in words; empty if none does."""
    here, there = left.to_json(), right.to_json()
    timed = _TIMED in left.metric
    for name in here:
        if not same(here[name], there[name]) and not (timed and name in ("value", "standard_error", "low", "high")):
            return f"{left.metric} has {name} {here[name]!r} and {there[name]!r}"
    return ""
