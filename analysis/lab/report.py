"""The report: one self-contained page of figures, tables, checks, and what was run.

The page needs neither network nor script. All text is escaped; numbers are put in words by the caller.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analysis.lab.page import page
from analysis.lab.rows import Row
from analysis.lab.store import StoredUnit
from analysis.lab.unit_names import unit_names, words
from generators.ground.storage import write_atomic

REPORT_NAME = "report.html"
_TEMPLATE = "report.html"
_MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}
_PIXELS = {"": 1.0, "px": 1.0, "pt": 96 / 72, "in": 96.0}  # of a browser, per unit of an SVG's width
_LONG = 60  # characters from which a column of text needs room

_PROPORTIONS = {"accuracy", "agreement", "rank", "share", "success", "validity", "variation"}
_NEVER_NEGATIVE = _PROPORTIONS | {
    "calls", "candidates", "conflicts", "degree", "density", "error", "evaluations", "gap", "guesses", "kl", "loss",
    "misfit", "nats", "propagations", "remasked", "seconds", "squared", "trials",
}  # fmt: skip
_NEVER_ABOVE_ONE = _PROPORTIONS | {"overlap"}
_SIGNED = {"beyond", "blocks", "entropy", "excess", "log2", "minus", "over"}


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
        headline: the figure right after them, one of the sections'; their first one if not given.
        checks: expectations; those not met are repeated at the top.
        sections: the figures and tables.
        caveats: what the page does not show, and why its numbers may not be the paper's.
        names: words for people by value, such as ``{"mdm": "masked diffusion model"}``; they replace a cell of a table
            that holds exactly this value, and texts in the configurations of units.
    """

    title: str
    summary: Sequence[str]
    checks: Sequence[Check] = ()
    sections: Sequence[Section] = ()
    caveats: Sequence[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    headline: FigureItem | None = None


@dataclass(frozen=True, kw_only=True)
class Account:
    """What was run: the lab's part of the page.

    Attributes:
        scale: as it was named on the command line.
        minutes: wall clock of the whole run, None if not measured.
        units: the finished units.
        wanted: how many there are to be; None: no more than these.
    """

    scale: str
    minutes: float | None = None
    units: Sequence[StoredUnit] = field(default=(), repr=False)
    wanted: int | None = None

    @property
    def missing(self) -> int:
        """Units that are not finished yet."""
        return max((self.wanted or 0) - len(self.units), 0)


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
    figures = [item for section in report.sections for item in section.figures]
    headline = report.headline or next(iter(figures), None)
    sections = [section for section in report.sections if _has_more(section, headline)]
    titles = ["Expectations"] * bool(report.checks) + [section.title for section in sections]
    titles += ["What is not shown"] * bool(report.caveats) + ["What was run"]
    return page(
        _TEMPLATE,
        report=report,
        account=account,
        headline=headline,
        sections=sections,
        contents=list(zip(_anchors(titles), titles, strict=True)),
        failed=[check for check in report.checks if check.met is False],
        image=_image,
        size=_natural_size,
        columns=_columns,
        spoken=lambda cell: report.names.get(cell, cell),
        seconds=sum(unit.provenance.get("seconds") or 0.0 for unit in account.units),
        shared=_shared_provenance(account.units),
        units=list(zip(account.units, unit_names([unit.config for unit in account.units], report.names), strict=True)),
        details=_unit_details,
    )


def show(row: Row, digits: int = 3, scale: float = 1.0, unit: str = "") -> str:
    """``value [low, high]unit``, the interval of 95%; without it where it is not known.

    The interval ends where the true value must (:func:`bounds`), unless the number itself lies beyond.

    Args:
        digits: after the point.
        scale: factor on all three, such as 100 for per cent.
    """
    least, most = bounds(row.metric)
    within = least <= row.value <= most
    ends = [min(max(end, least), most) if within else end for end in row.interval]
    value, low, high = (_digits(scale * number, digits) for number in (row.value, *ends))
    return f"{value}{unit}" if "nan" in (low, high) else f"{value}{unit} [{low}, {high}]"


def cell(row: Row | None, digits: int = 3, scale: float = 1.0, unit: str = "") -> str:
    """:func:`show`, a dash where there is no row."""
    return "-" if row is None else show(row, digits, scale, unit)


def bounds(metric: str) -> tuple[float, float]:
    """Between what the true value of a metric lies whatever was measured, by the words of its name.

    Divergences, losses, errors and counts are not negative: a word of ``_NEVER_NEGATIVE`` is in the name. Shares,
    accuracies and other ``_PROPORTIONS`` are not above 1 either, nor are overlaps. Differences, quotients, free
    entropies and logarithms have no bounds, whatever they are of: a word of ``_SIGNED`` says so, and wins. Of any other
    name nothing is known. A divergence estimated from blocks of text without bias may fall below 0, too.
    """
    found = set(re.split(r"[^a-z0-9]+", metric.lower()))
    if found & _SIGNED:
        return -math.inf, math.inf
    return 0.0 if found & _NEVER_NEGATIVE else -math.inf, 1.0 if found & _NEVER_ABOVE_ONE else math.inf


def _digits(number: float, digits: int) -> str:
    return f"{round(number, digits) + 0.0:.{digits}f}" if math.isfinite(number) else str(number)  # no minus zero


def _image(item: FigureItem) -> str:
    """The figure as the address of an image that needs no file."""
    kind = _MEDIA.get(item.path.suffix.lower())
    if kind is None:
        raise ValueError(f"a figure of the report is an .svg or .png file; got {item.path.name!r}.")
    return f"data:{kind};base64,{base64.b64encode(item.path.read_bytes()).decode('ascii')}"


def _natural_size(item: FigureItem) -> tuple[int, int] | None:
    """Width and height of an SVG in a browser's pixels, so that one point is one size on the page; None if unknown."""
    if item.path.suffix.lower() != ".svg":
        return None
    root = re.search(r"<svg\b[^>]*>", item.path.read_text(encoding="utf-8", errors="replace"))
    found = [re.search(rf'\s{side}="([\d.]+)([a-z]*)"', root[0]) if root else None for side in ("width", "height")]
    sizes = [round(float(side[1]) * _PIXELS[side[2]]) for side in found if side and side[2] in _PIXELS]
    return (sizes[0], sizes[1]) if len(sizes) == 2 else None


def _has_more(section: Section, headline: FigureItem | None) -> bool:
    """Whether anything is left of a section whose figure may have gone to the top."""
    return bool(section.paragraphs or section.tables or [item for item in section.figures if item is not headline])


def _anchors(titles: Sequence[str]) -> list[str]:
    """Addresses within the page, one per heading; equal headings are numbered."""
    slugs = [re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section" for title in titles]
    return [f"{slug}-{slugs[:i].count(slug) + 1}" if slug in slugs[:i] else slug for i, slug in enumerate(slugs)]


def _columns(item: TableItem) -> list[str]:
    """Class of the page's style per column: ``number``, ``long`` for much text, or none."""
    every = [[row[i] for row in item.rows] for i in range(len(item.header))]
    return [
        "number" if cells and all(map(_numeric, cells)) else "long" if max(map(len, cells), default=0) > _LONG else ""
        for cells in every
    ]


def _numeric(cell: str) -> bool:
    return cell.strip() in {"", "-", "inf", "nan"} or cell.strip().lstrip("-+<>")[:1].isdigit()


def _shared_provenance(units: Sequence[StoredUnit]) -> dict[str, str]:
    """Each field of the provenance with all its different values; several mean that the units were not run alike."""
    names = ("commit", "dirty", "versions", "device", "threads")
    return {
        name: "; ".join(dict.fromkeys(words(unit.provenance[name]) for unit in units if name in unit.provenance))
        for name in names
        if any(name in unit.provenance for unit in units)
    }


def _unit_details(unit: StoredUnit) -> dict[str, str]:
    own = {name: unit.provenance[name] for name in ("date", "seconds", "seeds") if name in unit.provenance}
    return {key: words(value) for key, value in {**unit.config, **own}.items()}
