"""Zebra puzzles as values: clues of one puzzle, or of many in one array, and what makes them well formed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int8, Int64, Integer

from generators.zebra.clue import CLUE_TYPES, LEAST, MOST, NOTHING, TYPE_NUMBERS, entity, place_of

PADDING = -1  # the type of an absent clue


@dataclass(frozen=True, eq=False)
class ZebraPuzzle:
    """One puzzle.

    Args:
        houses: 3 to 6.
        attributes: 3 to 6.
        clues: (m, 4), type and three entity codes each, see :mod:`generators.zebra.clue`; :meth:`of` writes them.
    Raises:
        ValueError: sizes out of range, or a clue with an unknown type, an unknown attribute or value, or a wrong number
            of operands, with the clue's number (from 1) and text.
    """

    houses: int
    attributes: int
    clues: Int8[np.ndarray, "m 4"]

    def __post_init__(self) -> None:
        """Refuse what is no puzzle."""
        check_size(self.houses, self.attributes)
        for number, clue in enumerate(self.clues.tolist(), start=1):
            wrong = _fault(clue, self.houses, self.attributes)
            if wrong:
                raise ValueError(f"clue {number} ({clue_text(clue)}): {wrong}")

    @classmethod
    def of(cls, houses: int, attributes: int, clues: Iterable[tuple[str, *tuple[tuple[int, int], ...]]]) -> ZebraPuzzle:
        """The puzzle of clues like ``("left-of", (1, 0), (2, 3))``: a type, then (row, value) of every entity.

        Row 0 means house numbers, row i attribute i - 1; values and houses count from 0.

        Raises:
            ValueError: as the class.
        """
        check_size(houses, attributes)
        rows = []
        for number, (name, *places) in enumerate(clues, start=1):
            if name not in TYPE_NUMBERS:
                raise ValueError(f"clue {number} ({name} {places}): unknown type {name!r}; known: {_known_types()}.")
            for row, value in places:
                wrong = _wrong_place(row, value, houses, attributes)
                if wrong:
                    raise ValueError(f"clue {number} ({name} {places}): {wrong}")
            if len(places) > 3:
                raise ValueError(f"clue {number} ({name} {places}): a clue has at most 3 operands; got {len(places)}.")
            codes = [entity(row, value) for row, value in places]
            rows.append([TYPE_NUMBERS[name], *codes, *[NOTHING] * (3 - len(codes))])
        return cls(houses, attributes, np.array(rows, dtype=np.int8).reshape(-1, 4))


@dataclass(frozen=True, eq=False)
class ZebraPuzzles:
    """Many puzzles, of one size or of several.

    Args:
        houses, attributes: (n,).
        clues: (n, M, 4); after the last clue of a puzzle its rows have the type -1.
    Raises:
        ValueError: as :class:`ZebraPuzzle`, with the number of the puzzle from 0; or a clue after the padding.
    """

    houses: Int64[np.ndarray, "n"]
    attributes: Int64[np.ndarray, "n"]
    clues: Int8[np.ndarray, "n M 4"]

    def __post_init__(self) -> None:
        """Refuse what kernels must not see."""
        suspects = np.flatnonzero(~_well_formed(self.houses, self.attributes, self.clues))
        if len(suspects):
            number = int(suspects[0])
            try:
                self[number]
            except ValueError as error:
                raise ValueError(f"puzzle {number}: {error}") from error
            raise ValueError(f"puzzle {number}: clues stand first, rows of type {PADDING} after the last one.")

    def __len__(self) -> int:
        return len(self.houses)

    def __getitem__(self, number: int) -> ZebraPuzzle:
        clues = self.clues[number]
        return ZebraPuzzle(int(self.houses[number]), int(self.attributes[number]), clues[clues[:, 0] != PADDING])

    @property
    def counts(self) -> Int64[np.ndarray, "n"]:
        """Number of clues of every puzzle, (n,)."""
        return (self.clues[:, :, 0] != PADDING).sum(axis=1)


def stack(puzzles: Sequence[ZebraPuzzle]) -> ZebraPuzzles:
    """Puzzles in one array."""
    most = max((len(puzzle.clues) for puzzle in puzzles), default=0)
    clues = np.full((len(puzzles), most, 4), PADDING, dtype=np.int8)
    for row, puzzle in zip(clues, puzzles, strict=True):
        row[: len(puzzle.clues)] = puzzle.clues
    houses = np.array([puzzle.houses for puzzle in puzzles], dtype=np.int64)
    return ZebraPuzzles(houses, np.array([puzzle.attributes for puzzle in puzzles], dtype=np.int64), clues)


def clue_text(clue: Sequence[int] | Integer[np.ndarray, "4"]) -> str:
    """A clue in tokens, without ``CLUE_END``: ``left-of LHS c 0 0 RHS c 1 3`` (houses, attributes, values from 0).

    The part after ``LHS`` is the first entity, the part after ``RHS`` the others: ``c`` attribute value, or ``n`` 0
    house.
    """
    number, *codes = (int(x) for x in clue)
    name = CLUE_TYPES[number].name if 0 <= number < len(CLUE_TYPES) else f"type-{number}"
    parts = [_operand_text(code) for code in codes if code != NOTHING]
    return " ".join([name, "LHS", *parts[:1], "RHS", *parts[1:]])


def check_size(houses: int, attributes: int) -> None:
    """Raise unless both are in 3..6.

    Raises:
        ValueError: one is not.
    """
    for name, value in (("houses", houses), ("attributes", attributes)):
        if not LEAST <= value <= MOST:
            raise ValueError(f"{name} lies in {LEAST}..{MOST}; got {value}.")


def _operand_text(code: int) -> str:
    row, value = place_of(code)
    return f"n 0 {value}" if row == 0 else f"c {row - 1} {value}"


def _fault(clue: list[int], houses: int, attributes: int) -> str:
    """What is wrong with a clue, in words; empty if nothing is."""
    number, *codes = clue
    if not 0 <= number < len(CLUE_TYPES):
        return f"unknown type {number}; known: {_known_types()}."
    kind = CLUE_TYPES[number]
    used = [code for code in codes if code != NOTHING]
    if len(used) != kind.operands or NOTHING in codes[: len(used)]:
        return f"{kind.name} has {kind.operands} operands; got {len(used)}."
    for code in used:
        wrong = _wrong_place(*place_of(code), houses, attributes)
        if wrong:
            return wrong
    if kind.numbered and place_of(used[-1])[0] != 0:
        return f"the last operand of {kind.name} is a house number (n); got an attribute (c)."
    return ""


def _wrong_place(row: int, value: int, houses: int, attributes: int) -> str:
    if not 0 <= row <= attributes:
        return f"unknown attribute {row - 1}; the puzzle has {attributes}, counted from 0."
    if not 0 <= value < houses:
        what = "house" if row == 0 else f"value of attribute {row - 1}"
        return f"unknown {what} {value}; there are {houses}, counted from 0."
    return ""


def _well_formed(
    houses: Int64[np.ndarray, "n"], attributes: Int64[np.ndarray, "n"], clues: Int8[np.ndarray, "n M 4"]
) -> Bool[np.ndarray, "n"]:
    """What :func:`_fault` finds nothing wrong with, and no clue after the padding."""
    operands = np.array([kind.operands for kind in CLUE_TYPES])
    numbered = np.array([kind.numbered for kind in CLUE_TYPES])
    kind, codes = clues[:, :, 0], clues[:, :, 1:]
    known = (kind >= 0) & (kind < len(CLUE_TYPES))
    safe = np.where(known, kind, 0)
    used = np.arange(3) < operands[safe][:, :, None]
    row, value = codes // MOST, codes % MOST
    inside = (codes >= 0) & (row <= attributes[:, None, None]) & (value < houses[:, None, None])
    placed = np.where(used, inside, codes == NOTHING).all(axis=2) & ((row[:, :, 1] == 0) | ~numbered[safe])
    shown = kind != PADDING
    in_order = (np.diff(shown.astype(np.int8), axis=1) <= 0).all(axis=1)
    sizes = (np.minimum(houses, attributes) >= LEAST) & (np.maximum(houses, attributes) <= MOST)
    return sizes & in_order & (~shown | (known & placed)).all(axis=1)


def _known_types() -> str:
    return ", ".join(TYPE_NUMBERS)
