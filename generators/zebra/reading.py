"""Reading logic-grid puzzles from JSON: entities by name, clues as sentences, a stated solution, which is checked.

A record has ``dimensions`` (names of attributes), ``entities`` (their values), ``clues``, ``solution`` and perhaps
``puzzle_id``. The persons stand in no row: the first dimension, their names, takes the part of the house numbers here,
so no clue speaks of left and right. Value j of every dimension belongs to person j, as the entities are listed, which
gives the solution away; ``solution[i]`` is a permutation, and value j is numbered ``solution[i][j]`` here, so that the
file's solution is that of the puzzle: attribute i - 1 of person j has the value ``solution[i][j]``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int8

from generators.zebra.checking import check_puzzle
from generators.zebra.puzzle import ZebraPuzzle
from generators.zebra.sentences import Names, read_sentences

_FIELDS = ("dimensions", "entities", "clues", "solution")


@dataclass(frozen=True, eq=False)
class ZebraRecord:
    """One puzzle of a file: its name there, its clues, what its entities are called, and its only solution."""

    name: str
    puzzle: ZebraPuzzle
    names: Names
    solution: Int8[np.ndarray, "attributes houses"]


@dataclass(frozen=True)
class ZebraRejection:
    """One puzzle that was left out: its place in the file (from 1), its name there, and why, with clue and text."""

    number: int
    name: str
    detail: str


def read_logic_grids(path: Path, *, strict: bool = False) -> tuple[list[ZebraRecord], list[ZebraRejection]]:
    """Puzzles of a JSON file with a unique solution, the stated one; and what was left out.

    Where two attributes have a name and a value in common, a clue that mentions it is read as speaking of the first.

    Args:
        path: a list of records, see the module.
        strict: raise at the first puzzle that would be left out.
    Raises:
        ValueError: no JSON, or no list; with ``strict`` also the first rejection.
        OSError: as the system reports it.
    """
    path = Path(path)
    try:
        forms = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no JSON: {error}.") from error
    if not isinstance(forms, list):
        raise ValueError(f"{path}: expected a list of puzzles; got {type(forms).__name__}.")
    records, rejections = [], []
    for number, form in enumerate(forms, start=1):
        name = str(form.get("puzzle_id", number)) if isinstance(form, dict) else str(number)
        try:
            records.append(_read_record(name, form))
        except ValueError as error:
            if strict:
                raise ValueError(f"{path}, puzzle {number} (id {name}): {error}") from error
            rejections.append(ZebraRejection(number, name, str(error)))
    return records, rejections


def _read_record(name: str, form: Any) -> ZebraRecord:
    if not isinstance(form, dict) or any(not isinstance(form.get(field), list) for field in _FIELDS):
        raise ValueError(f"a puzzle is an object with the lists {', '.join(_FIELDS)}.")
    dimensions = [str(dimension) for dimension in form["dimensions"]]
    entities = [[str(value) for value in values] for values in form["entities"]]
    stated = _permutations(form["solution"], len(dimensions), len(entities[0]) if entities else 0)
    if any(len(row) != stated.shape[1] for row in entities) or len(entities) != len(dimensions):
        raise ValueError(
            f"{len(dimensions)} dimensions of {stated.shape[1]} persons; got rows of {[len(row) for row in entities]} "
            f"entities."
        )
    values = [entities[0]]
    for row, numbers in zip(entities[1:], stated, strict=True):
        values.append([row[person] for person in np.argsort(numbers)])
    names = Names(tuple(dimensions), tuple(tuple(row) for row in values))
    puzzle = read_sentences([str(clue) for clue in form["clues"]], names)
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
    rows = solution[1:]
    if len(solution) != dimensions or any(sorted(row) != list(range(persons)) for row in rows):
        raise ValueError(
            f"a solution has {dimensions} rows; after the first each is a permutation of 0..{persons - 1}; got {rows}."
        )
    return np.array(rows, dtype=np.int8).reshape(len(rows), persons)
