"""Where the audit's rows come from: finished runs of the experiments, where there are any, or small runs of its own."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from analysis.audit.claim import Evidence, Source
from analysis.rows import Row
from analysis.scales import ScaleName
from analysis.store import StoredUnit
from generators.storage import read_json

COMPUTED = "exact formula"
"""The experiment of claims that need no rows."""

NEVER_RUN = ("task_error",)
"""Experiments that train networks: the audit reads their rows and does not make them."""

_SCALES: tuple[ScaleName, ...] = get_args(ScaleName)  # ascending
_INTEGERS = ("seed", "samples", "position", "n_masked", "latents_masked", "step")
_NEVER_NONE = ("distribution", "fingerprint", "model")  # an empty cell is an empty text there
_NUMBERS = ("value", "standard_error", "calls", "degree", "at", "low", "high")


def recorded(experiment: str, folders: Sequence[Path], least: ScaleName) -> Source | None:
    """Rows of a finished run of at least this scale, the largest scale first; None if there is none.

    A run is a folder ``NAME-SCALE`` with ``EXPERIMENT.csv`` and ``provenance.json`` in it or in ``tables`` below it; an
    experiment writes them when it is finished. Runs of audits are not looked at.

    Args:
        folders: in which runs lie, the preferred one first.
    """
    for scale in reversed(_SCALES[_SCALES.index(least) :]):
        for folder in folders:
            for run in sorted(folder.glob(f"*-{scale}")):
                for tables in (run / "tables", run):
                    table = tables / f"{experiment}.csv"
                    if table.exists() and not run.name.startswith("audit-"):
                        return Source(words=f"recorded run {run.name}, {_commit(tables)}", rows=tuple(read_csv(table)))
    return None


def gather(units: Sequence[StoredUnit], found: Mapping[str, Source], wanted: Mapping[str, int]) -> Evidence:
    """The audit's evidence: recorded sources, and the rows of its own units for all other experiments.

    Args:
        wanted: number of own units by experiment.
    """
    own: dict[str, list[Row]] = {}
    for unit in units:
        for row in unit.rows:
            own.setdefault(row.experiment, []).append(row)
    sources = {
        name: Source(words=f"run for this audit, {wanted.get(name, 0)} units", rows=tuple(rows))
        for name, rows in own.items()
        if name not in found
    }
    return Evidence({**sources, **found, COMPUTED: Source(words="computed, exact", rows=())})


def read_csv(path: Path) -> list[Row]:
    """The rows of a table that ``analysis.rows.write_csv`` has written, now or by an earlier version.

    Raises:
        ValueError: a column that rows do not have, or a cell that is no number where one is due.
    """
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    return [Row.from_json({k: _cell(k, v) for k, v in line.items() if v or k in _NEVER_NONE}) for line in lines]


def _cell(name: str, text: str) -> str | int | float:
    if name in _INTEGERS:
        return int(text)
    return float(text) if name in _NUMBERS else text


def _commit(tables: Path) -> str:
    """The commits of a run's units, shortened; "changed" where tracked files differed."""
    path = tables / "provenance.json"
    if not path.exists():
        return "no provenance"
    units = [unit["provenance"] for unit in read_json(path)]
    commits = dict.fromkeys(f"{u['commit'][:7]}{' (changed)' if u.get('dirty') else ''}" for u in units)
    return "commit " + ", ".join(commits)
