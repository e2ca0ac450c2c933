"""The report: one self-contained page of figures, tables, checks, and what was run.

The page needs neither network nor script. All text is escaped; numbers are put in words by the caller.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.lab.page import page
from analysis.lab.rows import Row
from analysis.lab.store import StoredUnit
from generators.ground.storage import write_atomic

REPORT_NAME = "report.html"
_TEMPLATE = "report.html"
_MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True)
class SavedFigure:
    """The two files of a figure."""

    png: Path
    svg: Path


@dataclass(frozen=True, kw_only=True)
class FigureItem:
    """A figure with its caption; ``alt`` says in a sentence what it shows to someone who cannot see it."""

    path: Path
    caption: str
    alt: str


@dataclass(frozen=True, kw_only=True)
class TableItem:
    """A table; a cell is text. Columns whose every cell starts like a number are set flush right.

    Attributes:
        marks: class of the page's style for cells that hold exactly this text, such as ``{"holds": "yes"}``.

    Raises:
        ValueError: a row with another number of cells than the header.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    marks: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the width of every row."""
        for number, row in enumerate(self.rows):
            if len(row) != len(self.header):
                raise ValueError(
                    f"table {self.caption!r}: row {number} has {len(row)} cells under {len(self.header)} headings: "
                    f"{row}."
                )


@dataclass(frozen=True, kw_only=True)
class Check:
    """An expectation beside what came out. ``met`` None: not measured in this run."""

    text: str
    expected: str
    measured: str
    met: bool | None


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading with paragraphs, then figures, then tables."""

    title: str
    paragraphs: Sequence[str] = ()
    figures: Sequence[FigureItem] = ()
    tables: Sequence[TableItem] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an experiment says of a run, in the order of the page.

    Attributes:
        title, summary: what this is, and its message in a few sentences.
        checks: expectations; those not met are repeated at the top.
        sections: the figures and tables.
        caveats: what the page does not show, and why its numbers may not be the paper's.
    """

    title: str
    summary: Sequence[str]
    checks: Sequence[Check] = ()
    sections: Sequence[Section] = ()
    caveats: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Account:
    """What was run: the lab's part of the page.

    Attributes:
        scale: as it was named on the command line.
        minutes: wall clock of the whole run, None if not measured.
        units: the finished units.
    """

    scale: str
    minutes: float | None = None
    units: Sequence[StoredUnit] = field(default=(), repr=False)


def write_report(directory: Path, report: Report, account: Account) -> Path:
    """Write ``report.html`` into ``directory``, atomically, with every figure inside; returns the file.

    Raises:
        ValueError: a figure that is neither SVG nor PNG.
        FileNotFoundError: a figure that is not there.
    """
    path = Path(directory) / REPORT_NAME
    write_atomic(path, render(report, account).encode())
    return path


def render(report: Report, account: Account) -> str:
    """The page as HTML."""
    return page(
        _TEMPLATE,
        report=report,
        account=account,
        failed=[check for check in report.checks if check.met is False],
        image=_image,
        numeric=_numeric_columns,
        seconds=sum(unit.provenance.get("seconds") or 0.0 for unit in account.units),
        shared=_shared_provenance(account.units),
        name=_unit_name,
        details=_unit_details,
    )


def show(row: Row, digits: int = 3, scale: float = 1.0, unit: str = "") -> str:
    """``value [low, high]unit``, the interval of 95%; without it where it is not known.

    Args:
        digits: after the point.
        scale: factor on all three, such as 100 for per cent.
    """
    value, low, high = (_digits(scale * number, digits) for number in (row.value, *row.interval))
    return f"{value}{unit}" if "nan" in (low, high) else f"{value}{unit} [{low}, {high}]"


def cell(row: Row | None, digits: int = 3, scale: float = 1.0, unit: str = "") -> str:
    """:func:`show`, a dash where there is no row."""
    return "-" if row is None else show(row, digits, scale, unit)


def _digits(number: float, digits: int) -> str:
    return f"{round(number, digits) + 0.0:.{digits}f}" if math.isfinite(number) else str(number)  # no minus zero


def _image(item: FigureItem) -> str:
    """The figure as the address of an image that needs no file."""
    kind = _MEDIA.get(item.path.suffix.lower())
    if kind is None:
        raise ValueError(f"a figure of the report is an .svg or .png file; got {item.path.name!r}.")
    return f"data:{kind};base64,{base64.b64encode(item.path.read_bytes()).decode('ascii')}"


def _numeric_columns(item: TableItem) -> list[bool]:
    return [bool(item.rows) and all(_numeric(row[i]) for row in item.rows) for i in range(len(item.header))]


def _numeric(cell: str) -> bool:
    return cell.strip() in {"", "-", "inf", "nan"} or cell.strip().lstrip("-+<>")[:1].isdigit()


def _shared_provenance(units: Sequence[StoredUnit]) -> dict[str, str]:
    """Each field of the provenance with all its different values; several mean that the units were not run alike."""
    names = ("commit", "dirty", "versions", "device", "threads")
    return {
        name: "; ".join(dict.fromkeys(_words(unit.provenance[name]) for unit in units if name in unit.provenance))
        for name in names
        if any(name in unit.provenance for unit in units)
    }


def _unit_name(unit: StoredUnit) -> str:
    strings = [v for k, v in unit.config.items() if isinstance(v, str) and k != "kind"]
    seed = [f"seed {unit.config['seed']}"] if isinstance(unit.config.get("seed"), int) else []
    return ", ".join([*strings, *seed]) or str(unit.config.get("kind", "unit"))


def _unit_details(unit: StoredUnit) -> dict[str, str]:
    own = {name: unit.provenance[name] for name in ("date", "seconds", "seeds") if name in unit.provenance}
    return {key: _words(value) for key, value in {**unit.config, **own}.items()}


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_words(v)}" for k, v in value.items())
    if value is None or isinstance(value, bool):
        return {None: "unknown", True: "yes", False: "no"}[value]
    return value if isinstance(value, str) else json.dumps(value)
