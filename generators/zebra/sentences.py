"""Puzzles for people: names of attributes and values, clues as English sentences, and sentences read back.

The sentences are those of public logic-grid files ("The person with Pet dog also has Drink tea."), continued in the
same manner for clues about places, which such files do not have.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from jaxtyping import Integer

from generators.zebra.clue import CLUE_TYPES, NOTHING, entity, place_of
from generators.zebra.puzzle import ZebraPuzzle, check_size

_EVERYDAY = (
    ("Nationality", ("Norwegian", "Spaniard", "Japanese", "Ukrainian", "Kenyan", "Chilean")),
    ("Colour", ("red", "green", "ivory", "yellow", "blue", "black")),
    ("Pet", ("zebra", "dog", "snail", "fox", "horse", "parrot")),
    ("Drink", ("water", "coffee", "tea", "milk", "juice", "cider")),
    ("Instrument", ("violin", "flute", "drum", "harp", "guitar", "oboe")),
    ("Job", ("baker", "painter", "doctor", "pilot", "farmer", "diplomat")),
)


class UnknownSentenceError(ValueError):
    """A clue that is of none of the known kinds."""


@dataclass(frozen=True)
class Names:
    """What entities are called: ``attributes[0]`` and ``values[0]`` are the houses' names, the others follow.

    Raises:
        ValueError: a name or a row of values too many or too few, or sizes outside 3..6.
    """

    attributes: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        """Refuse lists that do not fit each other."""
        lengths = {len(row) for row in self.values}
        if len(lengths) != 1 or len(self.values) != len(self.attributes):
            raise ValueError(
                f"every attribute needs one name and as many values as there are houses; got {len(self.attributes)} "
                f"attributes and rows of {[len(row) for row in self.values]} values."
            )
        check_size(lengths.pop(), len(self.attributes) - 1)

    @property
    def houses(self) -> int:
        """Number of houses."""
        return len(self.values[0])

    @cached_property
    def codes(self) -> dict[str, int]:
        """Entity of every label such as "Pet dog"; the first attribute's where two share a name and a value."""
        found: dict[str, int] = {}
        for row, values in enumerate(self.values):
            for value in range(len(values)):
                found.setdefault(self.label(entity(row, value)), entity(row, value))
        return found

    def label(self, code: int) -> str:
        """Attribute and value of an entity, "Pet dog" or "House 3"."""
        row, value = place_of(code)
        return f"{self.attributes[row]} {self.values[row][value]}"


def everyday_names(houses: int, attributes: int) -> Names:
    """Names for a puzzle of that size: houses 1, 2, ... from the left; nationalities, colours, pets, ...

    Raises:
        ValueError: a size outside 3..6.
    """
    check_size(houses, attributes)
    rows = _EVERYDAY[:attributes]
    numbers = tuple(str(house + 1) for house in range(houses))
    return Names(("House", *(name for name, _ in rows)), (numbers, *(values[:houses] for _, values in rows)))


def clue_sentence(clue: Sequence[int] | Integer[np.ndarray, "4"], names: Names) -> str:
    """A clue as a sentence."""
    number, *codes = (int(x) for x in clue)
    return CLUE_TYPES[number].sentence.format(*(names.label(code) for code in codes if code != NOTHING))


def sentences(puzzle: ZebraPuzzle, names: Names | None = None) -> list[str]:
    """All clues of a puzzle as sentences; :func:`everyday_names` if none are given.

    Raises:
        ValueError: names of another size.
    """
    names = fitting_names(puzzle, names)
    return [clue_sentence(clue, names) for clue in puzzle.clues]


def fitting_names(puzzle: ZebraPuzzle, names: Names | None) -> Names:
    """The given names, or everyday ones.

    Raises:
        ValueError: names of another size.
    """
    if names is None:
        return everyday_names(puzzle.houses, puzzle.attributes)
    if (names.houses, len(names.attributes) - 1) != (puzzle.houses, puzzle.attributes):
        raise ValueError(
            f"the puzzle has {puzzle.houses} houses and {puzzle.attributes} attributes; the names are for "
            f"{names.houses} and {len(names.attributes) - 1}."
        )
    return names


def read_sentences(lines: Sequence[str], names: Names) -> ZebraPuzzle:
    """The puzzle of clues written as :func:`sentences` writes them.

    Raises:
        UnknownSentenceError: a sentence of no known kind, with the clue's number (from 1) and text.
        ValueError: an unknown attribute or an unknown value, in the same manner.
    """
    rows = [_read_sentence(number, line.strip(), names) for number, line in enumerate(lines, start=1)]
    return ZebraPuzzle(names.houses, len(names.attributes) - 1, np.array(rows, dtype=np.int8).reshape(-1, 4))


def _read_sentence(number: int, line: str, names: Names) -> list[int]:
    for kind, pattern in enumerate(_patterns()):
        match = pattern.fullmatch(line)
        if match:
            codes = [_read_label(number, line, label, names) for label in match.groups()]
            return [kind, *codes, *[NOTHING] * (3 - len(codes))]
    known = "; ".join(kind.sentence.format("A x", "B y", "C z") for kind in CLUE_TYPES)
    raise UnknownSentenceError(f"clue {number} ({line}): no sentence of a known kind. Known: {known}")


def _read_label(number: int, line: str, label: str, names: Names) -> int:
    if label in names.codes:
        return names.codes[label]
    for row, attribute in enumerate(names.attributes):
        if label.startswith(f"{attribute} "):
            raise ValueError(
                f"clue {number} ({line}): {attribute} has no value {label[len(attribute) + 1 :]!r}; it has "
                f"{', '.join(names.values[row])}."
            )
    raise ValueError(
        f"clue {number} ({line}): unknown attribute in {label!r}; attributes are {', '.join(names.attributes)}."
    )


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(
        re.compile(
            re.escape(kind.sentence).replace(r"\{0\}", "(.+?)").replace(r"\{1\}", "(.+?)").replace(r"\{2\}", "(.+?)")
        )
        for kind in CLUE_TYPES
    )
