"""Reading logic-grid puzzles: entities by name, clues as sentences or prose, and a stated solution, which is checked.

A *record* has ``dimensions`` (names of attributes), ``entities`` (their values), ``clues``, ``solution`` and perhaps
``puzzle_id``. The persons stand in no row: the first dimension, their names, takes the part of the house numbers here,
so no clue speaks of left and right. Value j of every dimension belongs to person j, as the entities are listed, which
gives the solution away; ``solution[i]`` is a permutation, and value j is numbered ``solution[i][j]`` here, so that the
file's solution is that of the puzzle: attribute i - 1 of person j has the value ``solution[i][j]``.

A *text* is prose with lists of characteristics and numbered clues, see :mod:`generators.zebra.files.prose`: the
``puzzle`` of a row of ZebraLogicBench with its table ``solution``, the ``question`` of reasoning-gym with its
``answer``, the ``input`` of BBEH, or a text file. Rows of ``lo-theory generate zebra`` hold ``attributes``, ``values``,
``sentences`` and ``solution``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int8

from generators.ground.codec import shown
from generators.ground.forms import Form, read_form
from generators.sudoku.files.containers import opened
from generators.sudoku.files.objects import json_items
from generators.zebra.checking import check_puzzle
from generators.zebra.files.prose import FOREIGN, ProseError, read_prose
from generators.zebra.puzzle import ZebraPuzzle
from generators.zebra.sentences import Names, UnknownSentenceError, read_sentences

_FIELDS = ("dimensions", "entities", "clues", "solution")
_TEXTS = ("puzzle", "question", "input", "prompt", "text")
_NAMES = ("puzzle_id", "id", "example_id", "name")
_BEGINNING = re.compile(r"^.*\bThere are \w+ (?:houses|people|persons)\b", re.MULTILINE)
_FIRST_HOUSE = re.compile(r"what is (?:the )?name of the person who lives in house (\d+)", re.IGNORECASE)
OTHER = "puzzle that is not taken"
_Label = str | int | float
_Permutations = list[list[int]]


class _Made(Form, frozen=True):
    attributes: list[str]
    values: list[list[str]]
    sentences: list[str]


class _Form(Form, frozen=True):
    dimensions: list[_Label]
    entities: list[list[_Label]]
    clues: list[str]
    solution: list[Any]


@dataclass(frozen=True, eq=False)
class ZebraRecord:
    """One puzzle of a file: its name there, its clues, what its entities are called, and its only solution."""

    name: str
    puzzle: ZebraPuzzle
    names: Names
    solution: Int8[np.ndarray, "attributes houses"]


@dataclass(frozen=True)
class ZebraRejection:
    """One puzzle that was left out: its place in the file (from 1), its name there, why, and why in a few words."""

    number: int
    name: str
    detail: str
    reason: str = OTHER


def read_logic_grids(path: Path, *, strict: bool = False) -> tuple[list[ZebraRecord], list[ZebraRejection]]:
    """Puzzles of a file with a unique solution, the stated one if one is stated; and what was left out.

    Where two attributes have a name and a value in common, a clue that mentions it is read as speaking of the first.

    Args:
        path: records or texts, see the module: JSON with one of them or a list, JSON lines, or a text file of one
            puzzle or several; perhaps packed by gzip, bzip2, xz or in a zip.
        strict: raise at the first puzzle that would be left out.
    Raises:
        ValueError: neither JSON nor text; with ``strict`` also the first rejection.
        OSError: as the system reports it.
    """
    path = Path(path)
    records, rejections = [], []
    for number, form in _forms(path):
        name = _name(form, number)
        try:
            records.append(_read_form(name, form))
        except ValueError as error:
            if strict:
                raise ValueError(f"{path}, puzzle {number} (id {name}): {error}") from error
            rejections.append(ZebraRejection(number, name, str(error), _reason(error)))
    return records, rejections


def _reason(error: ValueError) -> str:
    if isinstance(error, UnknownSentenceError):
        return FOREIGN
    return error.reason if isinstance(error, ProseError) else OTHER


def _forms(path: Path) -> Iterator[tuple[int, Any]]:
    """What stands for a puzzle, with its number from 1."""
    with opened(path) as source:
        if source.kind != "text":
            raise ValueError(f"{path} is neither JSON nor text. Zebra puzzles are read from these, packed or not.")
        if source.head.lstrip()[:1] not in ("{", "["):
            whole = "".join(source.chunks())
            starts = [match.start() for match in _BEGINNING.finditer(whole)] or [0]
            ends = [*starts[1:], len(whole)]
            yield from enumerate((whole[a:b] for a, b in zip(starts, ends, strict=True)), start=1)
            return
        try:
            found = False
            for number, form in json_items(source.chunks()):
                found = True
                yield number, form
        except (ValueError, RecursionError) as error:  # the latter of lists inside lists inside lists
            raise ValueError(f"{path}: no JSON: {error}") from error
        if not found and source.head.strip() != "[]":
            raise ValueError(f"{path}: no JSON: it ends where a puzzle should begin.")


def _name(form: Any, number: int) -> str:
    known = [str(form[field]) for field in _NAMES if field in form] if isinstance(form, dict) else []
    return known[0][:80] if known else str(number)


def _read_form(name: str, form: Any) -> ZebraRecord:
    if isinstance(form, dict) and "sentences" in form:
        return _read_made(name, form)
    text = form if isinstance(form, str) else None
    if isinstance(form, dict) and "dimensions" not in form:
        text = next((form[field] for field in _TEXTS if isinstance(form.get(field), str)), None)
    if text is None:
        return _read_record(name, form)
    stated = form.get("solution") if isinstance(form, dict) else None
    table = stated if isinstance(stated, dict) and isinstance(stated.get("header"), list) else {}
    header = {i: str(title) for i, title in enumerate(table.get("header", [])[1:])}
    prose = read_prose(text, header)
    solution = check_puzzle(prose.puzzle, prose.names)
    _compare(prose.names, solution, table.get("rows"), text, form.get("answer") if isinstance(form, dict) else None)
    return ZebraRecord(name, prose.puzzle, prose.names, solution)


def _read_made(name: str, form: dict[str, Any]) -> ZebraRecord:
    """A row as ``lo-theory generate zebra`` writes them."""
    read = read_form({field: form.get(field) for field in ("attributes", "values", "sentences")}, _Made, what="puzzle")
    houses = tuple(str(house + 1) for house in range(len(read.values[0]) if read.values else 0))
    names = Names(("House", *read.attributes), (houses, *(tuple(values) for values in read.values)))
    puzzle = read_sentences(read.sentences, names)
    solution = check_puzzle(puzzle, names)
    wanted = [[names.values[row + 1][value] for value in values] for row, values in enumerate(solution.tolist())]
    if form.get("solution") not in (None, wanted):
        raise ValueError(f"the stated solution is {str(form['solution'])[:80]}; the clues give {str(wanted)[:80]}.")
    return ZebraRecord(name, puzzle, names, solution)


def _compare(names: Names, solution: Int8[np.ndarray, "attributes houses"], rows: Any, text: str, answer: Any) -> None:
    """Refuse a stated table or answer that is not the clues'; one that is hidden (___) states nothing."""
    wanted = [[names.values[i + 1][value] for i, value in enumerate(column)] for column in solution.T.tolist()]
    if isinstance(rows, list):
        for house, (row, mine) in enumerate(zip(rows, wanted, strict=False), start=1):
            for said, ours in zip(row[1:], mine, strict=False):
                if set(str(said)) != {"_"} and str(said).lower() != ours.lower():
                    raise ValueError(f"the stated solution has {said!r} in house {house}; the clues give {ours!r}.")
    asked = _FIRST_HOUSE.search(text)
    if asked and isinstance(answer, str) and 1 <= int(asked[1]) <= len(wanted):
        ours = wanted[int(asked[1]) - 1][0]
        if answer.strip().lower() != ours.lower():
            raise ValueError(f"the stated answer is {answer[:40]!r}; the clues give {ours!r}.")


def _read_record(name: str, form: Any) -> ZebraRecord:
    if not isinstance(form, dict) or any(not isinstance(form.get(field), list) for field in _FIELDS):
        raise ValueError(f"a puzzle is an object with the lists {', '.join(_FIELDS)}.")
    read = read_form({field: form[field] for field in _FIELDS}, _Form, what="puzzle")
    dimensions = [str(dimension) for dimension in read.dimensions]
    entities = [[str(value) for value in values] for values in read.entities]
    stated = _permutations(read.solution, len(dimensions), len(entities[0]) if entities else 0)
    if any(len(row) != stated.shape[1] for row in entities) or len(entities) != len(dimensions):
        raise ValueError(
            f"{len(dimensions)} dimensions of {stated.shape[1]} persons; got rows of {[len(row) for row in entities]} "
            f"entities."
        )
    values = [entities[0]]
    for row, numbers in zip(entities[1:], stated, strict=True):
        values.append([row[person] for person in np.argsort(numbers)])
    names = Names(tuple(dimensions), tuple(tuple(row) for row in values))
    puzzle = read_sentences(list(read.clues), names)
    solution = check_puzzle(puzzle, names)
    wrong = np.argwhere(solution != stated)
    if len(wrong):
        attribute, person = (int(i) for i in wrong[0])
        raise ValueError(
            f"the stated solution gives {entities[0][person]} the {dimensions[attribute + 1]} "
            f"{entities[attribute + 1][person]}; the clues give {values[attribute + 1][solution[attribute, person]]}."
        )
    return ZebraRecord(name, puzzle, names, solution)


def _permutations(solution: list[Any], dimensions: int, persons: int) -> Int8[np.ndarray, "attributes houses"]:
    """The rows after the first, which names the persons."""
    rows = read_form(solution[1:], _Permutations, what="solution after its first row")
    if len(solution) != dimensions or any(sorted(row) != list(range(persons)) for row in rows):
        raise ValueError(
            f"a solution has {dimensions} rows; after the first each is a permutation of 0..{persons - 1}; "
            f"got {shown(rows)}."
        )
    return np.array(rows, dtype=np.int8).reshape(len(rows), persons)
