"""Finished runs found on disk: rows that another experiment may read instead of measuring again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from analysis.lab.experiment import TABLES, ScaleName
from analysis.lab.forms import OriginForm
from analysis.lab.rows import Rows, read_csv
from analysis.lab.tables import PROVENANCE, check_table
from generators.ground.forms import read_form
from generators.ground.storage import read_json

_SCALES: tuple[ScaleName, ...] = get_args(ScaleName)  # ascending


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the rows of one experiment come from, in words, and the rows.

    Attributes:
        checked: whether digests vouch for them; tables of before have none.
    """

    words: str
    rows: Rows
    checked: bool = True


def recorded(experiment: str, folders: Sequence[Path], least: ScaleName, *, but: str = "") -> Source | None:
    """Rows of a finished run of at least this scale, the largest scale first; None if there is none.

    A run is a folder ``NAME-SCALE`` with ``EXPERIMENT.csv`` and ``provenance.json`` in it or in ``tables`` below it; an
    experiment writes them when it is finished.

    Args:
        folders: in which runs lie, the preferred one first.
        but: runs of this NAME are not looked at.
    Raises:
        ValueError: a table or its provenance is damaged; the message names the file.
    """
    for scale in reversed(_SCALES[_SCALES.index(least) :]):
        for folder in folders:
            for run in sorted(folder.glob(f"*-{scale}")):
                for tables in (run / TABLES, run):
                    table = tables / f"{experiment}.csv"
                    if table.exists() and not (but and run.name.startswith(f"{but}-")):
                        checked, words = check_table(table), f"recorded run {run.name}, {_commit(tables)}"
                        return Source(words=words, rows=read_csv(table), checked=checked)
    return None


def _commit(tables: Path) -> str:
    """The commits of a run's units, shortened; "changed" where tracked files differed."""
    path = tables / PROVENANCE
    if not path.exists():
        return "no provenance"
    check_table(path)
    origins = read_form(read_json(path), list[OriginForm], what=str(path))
    units = [origin.provenance for origin in origins]
    commits = dict.fromkeys(f"{unit.commit[:7]}{' (changed)' if unit.dirty else ''}" for unit in units)
    return "commit " + ", ".join(commits)
