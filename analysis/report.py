"""The report: one self-contained page of figures, tables, checks, and what was run.

The page needs neither network nor script. All text is escaped; numbers are put in words by the caller.
"""

from __future__ import annotations

import base64
import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.page import PAGE
from analysis.rows import Row
from analysis.store import StoredUnit
from generators.storage import write_atomic

REPORT_NAME = "report.html"
_MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}


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
    """Everything on the page, in its order.

    Attributes:
        title, summary: what this is, and its message in a few sentences.
        checks: expectations; those not met are repeated at the top.
        sections: the figures and tables.
        units: finished units, for the account of what was run.
        scale: of the run, as it was named on the command line.
        minutes: wall clock of the whole run.
        caveats: what the page does not show, and why its numbers may not be the paper's.
    """

    title: str
    summary: Sequence[str]
    scale: str
    minutes: float | None = None
    checks: Sequence[Check] = ()
    sections: Sequence[Section] = ()
    units: Sequence[StoredUnit] = field(default=(), repr=False)
    caveats: Sequence[str] = ()


def write_report(directory: Path, report: Report) -> Path:
    """Write ``report.html`` into ``directory``, atomically, with every figure inside; returns the file.

    Raises:
        ValueError: a figure that is neither SVG nor PNG.
        FileNotFoundError: a figure that is not there.
    """
    path = Path(directory) / REPORT_NAME
    write_atomic(path, render(report).encode())
    return path


def render(report: Report) -> str:
    """The page as HTML."""
    parts = [_checks(report.checks), *(_section(section) for section in report.sections)]
    parts += [_caveats(report.caveats), _what_was_run(report)]
    return PAGE.substitute(
        title=html.escape(report.title),
        summary=_paragraphs(report.summary),
        failures=_failures(report.checks),
        body="\n".join(filter(None, parts)),
    )


def show(row: Row, digits: int = 3, scale: float = 1.0, unit: str = "") -> str:
    """``value [low, high]unit``, the interval of 95%; without it where it is not known.

    Args:
        digits: after the point.
        scale: factor on all three, such as 100 for per cent.
    """
    value, low, high = (_digits(scale * number, digits) for number in (row.value, *row.interval))
    return f"{value}{unit}" if "nan" in (low, high) else f"{value}{unit} [{low}, {high}]"


def _digits(number: float, digits: int) -> str:
    return f"{round(number, digits) + 0.0:.{digits}f}" if math.isfinite(number) else str(number)  # no minus zero


def _failures(checks: Sequence[Check]) -> str:
    failed = [check for check in checks if check.met is False]
    if not failed:
        return ""
    items = "".join(
        f"<li>{html.escape(c.text)}: expected {html.escape(c.expected)}, measured {html.escape(c.measured)}.</li>"
        for c in failed
    )
    noun = "expectation was" if len(failed) == 1 else "expectations were"
    return f'<aside class="failed"><p><strong>{len(failed)} {noun} not met.</strong></p><ul>{items}</ul></aside>'


def _checks(checks: Sequence[Check]) -> str:
    if not checks:
        return ""
    words = {True: ("met", "yes"), False: ("not met", "no"), None: ("not measured", "unknown")}
    rows = "".join(
        f"<tr><td>{html.escape(c.text)}</td><td>{html.escape(c.expected)}</td><td>{html.escape(c.measured)}</td>"
        f'<td class="{words[c.met][1]}">{words[c.met][0]}</td></tr>'
        for c in checks
    )
    head = "<tr><th>expectation</th><th>expected</th><th>measured</th><th>met?</th></tr>"
    table = f'<div class="scroll"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
    return f"<section><h2>Expectations</h2>{table}</section>"


def _section(section: Section) -> str:
    figures = "".join(_figure(item) for item in section.figures)
    tables = "".join(_table(item) for item in section.tables)
    return f"<section><h2>{html.escape(section.title)}</h2>{_paragraphs(section.paragraphs)}{figures}{tables}</section>"


def _figure(item: FigureItem) -> str:
    kind = _MEDIA.get(item.path.suffix.lower())
    if kind is None:
        raise ValueError(f"a figure of the report is an .svg or .png file; got {item.path.name!r}.")
    data = base64.b64encode(item.path.read_bytes()).decode("ascii")
    image = f'<img alt="{html.escape(item.alt)}" src="data:{kind};base64,{data}">'
    return f"<figure>{image}<figcaption>{html.escape(item.caption)}</figcaption></figure>"


def _table(item: TableItem) -> str:
    numeric = [bool(item.rows) and all(_numeric(row[i]) for row in item.rows) for i in range(len(item.header))]
    mark = [' class="number"' if right else "" for right in numeric]
    head = "".join(f"<th{m}>{html.escape(cell)}</th>" for m, cell in zip(mark, item.header, strict=True))
    marked = {text: f' class="{html.escape(name)}"' for text, name in item.marks.items()}
    body = "".join(
        "<tr>"
        + "".join(f"<td{marked.get(c, m)}>{html.escape(c)}</td>" for m, c in zip(mark, row, strict=True))
        + "</tr>"
        for row in item.rows
    )
    caption = f"<caption>{html.escape(item.caption)}</caption>"
    return f'<div class="scroll"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _numeric(cell: str) -> bool:
    return cell.strip() in {"", "-", "inf", "nan"} or cell.strip().lstrip("-+<>")[:1].isdigit()


def _caveats(caveats: Sequence[str]) -> str:
    if not caveats:
        return ""
    items = "".join(f"<li>{html.escape(text)}</li>" for text in caveats)
    return f"<section><h2>What is not shown</h2><ul>{items}</ul></section>"


def _what_was_run(report: Report) -> str:
    wall = "" if report.minutes is None else f" The whole run took {report.minutes:.1f} minutes."
    seconds = sum(unit.provenance.get("seconds") or 0.0 for unit in report.units)
    spent = (
        f" Their computation took {seconds / 60:.1f} minutes, kept ones from earlier starts included."
        if seconds
        else ""
    )
    intro = f"<p>Scale <code>{html.escape(report.scale)}</code>, {len(report.units)} finished units.{wall}{spent}</p>"
    shared = _definitions(_shared_provenance(report.units))
    units = "".join(_unit(unit) for unit in report.units)
    return f"<section><h2>What was run</h2>{intro}{shared}{units}</section>"


def _shared_provenance(units: Sequence[StoredUnit]) -> dict[str, str]:
    """Each field of the provenance with all its different values; several mean that the units were not run alike."""
    names = ("commit", "dirty", "versions", "device", "threads")
    return {
        name: "; ".join(dict.fromkeys(_words(unit.provenance[name]) for unit in units if name in unit.provenance))
        for name in names
        if any(name in unit.provenance for unit in units)
    }


def _unit(unit: StoredUnit) -> str:
    own = {name: unit.provenance[name] for name in ("date", "seconds", "seeds") if name in unit.provenance}
    strings = [v for k, v in unit.config.items() if isinstance(v, str) and k != "kind"]
    seed = [f"seed {unit.config['seed']}"] if isinstance(unit.config.get("seed"), int) else []
    name = ", ".join([*strings, *seed]) or str(unit.config.get("kind", "unit"))
    body = _definitions({key: _words(value) for key, value in {**unit.config, **own}.items()})
    return f"<details><summary>{html.escape(name)}: {len(unit.rows)} rows</summary>{body}</details>"


def _definitions(pairs: Mapping[str, str]) -> str:
    if not pairs:
        return ""
    items = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in pairs.items())
    return f"<dl>{items}</dl>"


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_words(v)}" for k, v in value.items())
    if value is None or isinstance(value, bool):
        return {None: "unknown", True: "yes", False: "no"}[value]
    return value if isinstance(value, str) else json.dumps(value)


def _paragraphs(texts: Iterable[str]) -> str:
    return "".join(f"<p>{html.escape(text)}</p>" for text in texts)
