"""Finished runs found on disk: rows that another experiment may read instead of measuring again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from analysis.lab.experiment import TABLES, ScaleName
from analysis.lab.rows import Rows, read_csv
from generators.ground.storage import read_json

_SCALES: tuple[ScaleName, ...] = get_args(ScaleName)  # ascending


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the rows of one experiment come from, in words, and the rows."""

    words: str
    rows: Rows


def recorded(experiment: str, folders: Sequence[Path], least: ScaleName, *, but: str = "") -> Source | None:
    """Rows of a finished run of at least this scale, the largest scale first; None if there is none.

    A run is a folder ``NAME-SCALE`` with ``EXPERIMENT.csv`` and ``provenance.json`` in it or in ``tables`` below it; an
    experiment writes them when it is finished.

    Args:
        folders: in which runs lie, the preferred one first.
        but: runs of this NAME are not looked at.
    """
    for scale in reversed(_SCALES[_SCALES.index(least) :]):
        for folder in folders:
            for run in sorted(folder.glob(f"*-{scale}")):
                for tables in (run / TABLES, run):
                    table = tables / f"{experiment}.csv"
                    if table.exists() and not (but and run.name.startswith(f"{but}-")):
                        return Source(words=f"recorded run {run.name}, {_commit(tables)}", rows=read_csv(table))
    return None


def _commit(tables: Path) -> str:
    """The commits of a run's units, shortened; "changed" where tracked files differed."""
    path = tables / "provenance.json"
    if not path.exists():
        return "no provenance"
    units = [unit["provenance"] for unit in read_json(path)]
    commits = dict.fromkeys(f"{u['commit'][:7]}{' (changed)' if u.get('dirty') else ''}" for u in units)
    return "commit " + ", ".join(commits)
