"""Puzzles in JSON, in JSON lines and in Parquet: objects with named fields, or bare grids, as texts or as numbers."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from generators.ground.optional import optional_library
from generators.sudoku.files.cells import Alphabet, alphabet_of, givens_alone
from generators.sudoku.files.drawn import Row
from generators.sudoku.files.names import find_columns
from generators.sudoku.files.text import LIKELIEST
from generators.sudoku.grid import SIZES, size_of

_LONGEST_ITEM = 1 << 26
_ROWS = frozenset((3, 4, 5, 6, 8, 9))  # commas of a list that is a row of a grid; 15 are those of a 4x4 grid
_ROW_OF_LIST = re.compile(r"\[[^\[\]{}\"]*\],?[ \t]*\n\s*\[")
_WRAPPERS = ("data", "rows", "puzzles", "items", "records", "train", "test", "examples", "grids", "boards")
_PARQUET_ROWS = 16_384


def is_json(head: str) -> bool:
    """Whether a text begins as JSON does; ``[Puzzle]`` is the section of another format."""
    text = head.lstrip()
    row = _ROW_OF_LIST.match(text)
    if row is not None and row[0].count(",") in _ROWS:
        return False  # a line for each row of a grid, each a list
    return text[:1] == "{" or (text[:1] == "[" and text[1:].lstrip()[:1] in '[{"]0123456789-')


def json_items(chunks: Iterator[str]) -> Iterator[tuple[int, Any]]:
    """Every puzzle's value with its number from 1, one in memory at a time.

    A list, lines or a row of values; an object that wraps a list, or that holds columns, is taken apart.

    Raises:
        ValueError: no JSON, with the number of the item.
    """
    values = enumerate(_values(chunks), start=1)
    first = next(values, None)
    if first is None:
        return
    second = next(values, None)
    if second is None and isinstance(first[1], dict):
        yield from enumerate(_unwrapped(first[1]), start=1)
        return
    yield first
    if second is not None:
        yield second
        yield from values


def _values(chunks: Iterator[str]) -> Iterator[Any]:
    """The items of the outermost list, or the values that stand one after another."""
    decoder, text, started, number, in_list = json.JSONDecoder(), "", False, 0, False
    for chunk in itertools.chain(chunks, ("",)):
        text += chunk
        at = 0
        while True:
            while at < len(text) and (text[at].isspace() or (started and text[at] in ",]")):
                at += 1
            if at == len(text):
                break
            if not started:
                in_list = text[at] == "[" and not _is_one_grid(text[at : at + 4096])
                at, started = at + in_list, True
                continue
            try:
                value, end = decoder.raw_decode(text, at)
            except (json.JSONDecodeError, RecursionError) as error:
                if chunk and len(text) - at < _LONGEST_ITEM and not isinstance(error, RecursionError):
                    break  # its end has not been read yet
                raise ValueError(
                    f"item {number + 1} is no JSON ({str(error)[:80]}); the file may be truncated."
                ) from error
            if chunk and end == len(text):
                break  # a number may go on
            number, at = number + 1, end
            yield value
        text = text[at:]


def _is_one_grid(text: str) -> bool:
    """Whether a list is a grid itself, of numbers, or of rows that the text shows to the end: ``[[5,3,...],...]``."""
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return False
    if not isinstance(value, list):
        return False
    if value and all(isinstance(row, list) and len(row) == len(value) for row in value):
        return len(value) in SIZES and not any(isinstance(cell, list) for row in value for cell in row)
    return len(value) in {size.cells for size in SIZES.values()} and not any(
        isinstance(c, list | dict | str) for c in value
    )


def _unwrapped(form: dict[str, Any]) -> Iterator[Any]:
    for name in _WRAPPERS:
        if isinstance(form.get(name), list) and form[name] and not _is_grid_value(form[name]):
            yield from form[name]
            return
    names = list(form)
    puzzle, solution = find_columns(names)
    column = form[names[puzzle]] if puzzle is not None else None
    if isinstance(column, list) and column and not _is_grid_value(column):
        claimed = form[names[solution]] if solution is not None else []
        claimed = claimed if isinstance(claimed, list) else []
        for one, other in itertools.zip_longest(column, claimed[: len(column)]):
            yield {"puzzle": one, "solution": other}
        return
    if puzzle is None and form and all(isinstance(value, dict) for value in form.values()):
        yield from form.values()
        return
    yield form


def _is_grid_value(value: Any) -> bool:
    """Whether a list is one grid: numbers, rows of numbers, or texts of a row each."""
    side = len(value)
    if all(isinstance(row, list) for row in value):
        return side in SIZES and all(len(row) == side for row in value)
    if all(isinstance(row, str) for row in value):
        return side in SIZES and all(len(row) == side for row in value)
    return not any(isinstance(cell, str | dict) for cell in value)


def object_rows(
    items: Iterator[tuple[int, Any]], side: int | None, digits: str | None
) -> tuple[Alphabet, Iterator[Row]]:
    """The alphabet, and puzzle and solution of every item.

    Args:
        side: of the grids; None: that of the first item that has a grid.
        digits: as somebody stated them; None: the usual ones.
    Raises:
        ValueError: digits of another size; objects without a field of puzzles.
    """
    head = list(itertools.islice(items, 64))
    if side is None:
        lengths = [len(text) for _, value in head for text in _texts(value, 16) if text]
        sides = [size_of(n).side for n in lengths if n in {size.cells for size in SIZES.values()}]
        side = next((each for each in LIKELIEST if each in sides), 9)
    alphabet = alphabet_of(SIZES[side], digits)
    objects = [value for _, value in head if isinstance(value, dict)]
    if objects and all(find_columns(list(value))[0] is None for value in objects):
        names = ", ".join(ascii(str(name)[:40]) for name in list(objects[0])[:8])
        raise ValueError(f"no field named puzzle, quizzes, question, board or the like; its fields are {names}.")
    return alphabet, _rows(itertools.chain(head, items), side)


def _rows(items: Iterator[tuple[int, Any]], side: int) -> Iterator[Row]:
    for number, value in items:
        puzzle, solution = _texts(value, side)
        yield number, puzzle or "", solution or None


def _texts(value: Any, side: int) -> tuple[str, str]:
    """Puzzle and solution of an item as texts, empty where there is none."""
    if isinstance(value, dict):
        names = [str(name) for name in value]
        values = list(value.values())
        puzzle, solution = find_columns(names)
        return (
            _grid(values[puzzle], side) if puzzle is not None else "",
            _grid(values[solution], side) if solution is not None else "",
        )
    if isinstance(value, list) and len(value) == 2 and all(isinstance(one, str | list) for one in value):
        return _grid(value[0], side), _grid(value[1], side)
    return _grid(value, side), ""


def _grid(value: Any, side: int) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return givens_alone("".join(value.split()))
    if isinstance(value, list):
        return "".join(_grid(one, side) if isinstance(one, list) else _cell(one) for one in value)
    return ""


def _cell(value: Any) -> str:
    """A cell that stands alone: a number, nothing, or a text of one character or of several cells."""
    if value is None or value == "" or value != value:  # NaN
        return "."
    if isinstance(value, bool):
        return "!"
    if isinstance(value, int | float):
        return "0123456789ABCDEFG"[int(value)] if value == int(value) and 0 <= value <= 16 else "!"
    return str(value).strip() or "."


def parquet_items(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Every row of a Parquet file with its number from 1, a few thousand in memory at a time.

    Raises:
        MissingLibraryError: pyarrow is not installed.
        ValueError: the file is damaged.
    """
    purpose, way_out = f"{path}, a Parquet file,", "Or save it as CSV."
    parquet = optional_library("pyarrow.parquet", purpose, otherwise=way_out)  # slow to load
    damaged = optional_library("pyarrow", purpose, otherwise=way_out).ArrowException
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            chosen = [names[place] for place in find_columns(names) if place is not None] or names
            number = 0
            for batch in file.iter_batches(_PARQUET_ROWS, columns=chosen):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except damaged as error:
        raise ValueError(f"{path} is a damaged Parquet file: {str(error)[:100]}. Write it again.") from error
