"""Texts with a hole: items of HumanEval-Infill (Bavarian et al. 2022, arXiv 2207.14255) and of ROCStories."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generators.ground.optional import optional_library
from generators.ground.storage import parse_json

CODE_FIELDS = ("task_id", "prompt", "suffix", "canonical_solution", "test", "entry_point")
SENTENCES = 5


@dataclass(frozen=True)
class InfillItem:
    """A text whose middle is hidden.

    Attributes:
        key: its name in the rows.
        before, hidden, after: the text.
        test, entry_point: of a program, what checks it and the function that is checked; empty for other texts.
    """

    key: str
    before: str
    hidden: str
    after: str
    test: str = ""
    entry_point: str = ""

    def program(self, completion: str) -> str:
        """The program with its check, put together as the published harness does."""
        return f"{self.before}{completion}{self.after}\n{self.test}\ncheck({self.entry_point})"


def read_records(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Records of a file, each with where it stands: JSON lines (``.jsonl``, also ``.gz``) or CSV with a header.

    Raises:
        FileNotFoundError: there is none.
        ValueError: another kind of file, one that is damaged; a line that is no JSON object, or has half a character; a
            line of CSV with more or fewer cells than columns, two columns of one name. The message names file and line.
    """
    names = path.name.removesuffix(".gz")
    if not names.endswith((".jsonl", ".csv")):
        raise ValueError(f"items are .jsonl, .jsonl.gz or .csv; got {path.name}.")
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is no whole gzip file: {error}. Fetch or write it again.") from error
    try:
        text = io.StringIO(content.decode("utf-8-sig"), newline="")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8 ({error}).") from error
    if names.endswith(".csv"):
        yield from _csv_records(path, text)
        return
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            record = parse_json(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number} is not valid JSON ({error}).") from error
        if not isinstance(record, dict):
            raise ValueError(f"{path}, line {number}: an item is a JSON object; got {type(record).__name__}.")
        _require_characters(record, line, f"{path}, line {number}")
        yield f"{path}, line {number}", record


def _csv_records(path: Path, text: io.StringIO) -> Iterator[tuple[str, dict[str, str]]]:
    """Lines of a table by its columns; empty ones are left out, and so is what stands under a column without a name."""
    reader = csv.reader(text)
    try:
        columns = next(reader, [])
        twice = [name for name in columns if name and columns.count(name) > 1]
        if twice:
            raise ValueError(f"{path}, line 1: two columns are called {twice[0]!r}.")
        for cells in reader:
            if cells and len(cells) != len(columns):
                raise ValueError(
                    f"{path}, line {reader.line_num}: {len(cells)} cells under {len(columns)} columns. A text with a "
                    "comma stands in quotes."
                )
            if cells:
                yield f"{path}, line {reader.line_num}", {k: v for k, v in zip(columns, cells, strict=True) if k}
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num} is no CSV: {error}.") from error


def _require_characters(record: Mapping[str, Any], line: str, place: str) -> None:
    r"""Refuse half a character, which JSON can write (``\ud800``) and no tokenizer can read."""
    if "\\u" not in line:
        return
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise ValueError(f"{place}: {half!r} is half a character, a surrogate without its other half.") from error


def hub_records(name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Records of a dataset of the hub, or of a folder that ``datasets`` reads.

    Args:
        name: ``NAME[:CONFIGURATION][@SPLIT]``; the split is "test" if none is named.
    Raises:
        MissingLibraryError: without the extra ``hf``. OSError, ValueError: as the library says.
    """
    library = optional_library("datasets", f"the dataset {name}", otherwise="--items reads a file without it.")
    rest, at, split = name.partition("@")
    where, _, configuration = rest.partition(":")
    rows = library.load_dataset(where, configuration or None, split=split if at else "test")
    for number, row in enumerate(rows):
        yield f"{name}, row {number}", row


def code_items(records: Iterable[tuple[str, Mapping[str, Any]]]) -> list[InfillItem]:
    """Items of HumanEval-Infill by their published fields.

    Raises:
        ValueError: no items, a missing field, one that is no text, a task_id twice, an empty span.
    """
    items = list[InfillItem]()
    for place, record in records:
        key, before, after, hidden, test, entry = (_text(record, name, place) for name in CODE_FIELDS)
        items.append(InfillItem(key, before, hidden, after, test, entry))
    return _checked(items)


def story_items(records: Iterable[tuple[str, Mapping[str, Any]]], hidden: Sequence[int] = (3,)) -> list[InfillItem]:
    """Stories of five sentences with some consecutive ones hidden; the paper does not say which.

    Args:
        records: fields ``sentence1`` to ``sentence5``, as ROCStories has them, or ``sentences``, a list of five; and
            ``storyid``, if there is one.
        hidden: numbers of the hidden sentences, from 1.
    Raises:
        ValueError: as :func:`code_items`; hidden sentences that are not consecutive, or all.
    """
    first, last = min(hidden, default=0), max(hidden, default=0)
    if not 1 <= first <= last <= SENTENCES or list(hidden) != list(range(first, last + 1)) or len(hidden) == SENTENCES:
        raise ValueError(f"hidden sentences are consecutive numbers in 1..{SENTENCES}, not all; got {tuple(hidden)}.")
    items = list[InfillItem]()
    for number, (place, record) in enumerate(records):
        told = _sentences(record, place)
        before, middle, after = told[: first - 1], told[first - 1 : last], told[last:]
        key = str(record.get("storyid") or number)
        # A space belongs to the word behind it, as byte-pair vocabularies have it.
        items.append(InfillItem(key, " ".join(before), _spaced(middle, bool(before)), _spaced(after, True)))
    return _checked(items)


def _sentences(record: Mapping[str, Any], place: str) -> list[str]:
    told = record.get("sentences")
    if told is None:
        return [_text(record, f"sentence{i}", place).strip() for i in range(1, SENTENCES + 1)]
    if not isinstance(told, list) or len(told) != SENTENCES or not all(isinstance(one, str) for one in told):
        raise ValueError(f"{place}: sentences are a list of {SENTENCES} texts; got {told!r:.80}.")
    return [one.strip() for one in told]


def _spaced(sentences: Sequence[str], leading: bool) -> str:
    joined = " ".join(sentences)
    return f" {joined}" if leading and joined else joined


def _text(record: Mapping[str, Any], name: str, place: str) -> str:
    if name not in record:
        raise ValueError(f"{place}: the field {name!r} is missing; there are {', '.join(map(str, record)) or 'none'}.")
    if not isinstance(record[name], str):
        raise ValueError(f"{place}: the field {name!r} is a text; got {type(record[name]).__name__}.")
    return record[name]


def _checked(items: list[InfillItem]) -> list[InfillItem]:
    if not items:
        raise ValueError("there are no items.")
    seen = set[str]()
    for item in items:
        if item.key in seen:
            raise ValueError(f"two items are called {item.key!r}.")
        if not item.hidden:
            raise ValueError(f"item {item.key!r} hides nothing.")
        seen.add(item.key)
    return items
