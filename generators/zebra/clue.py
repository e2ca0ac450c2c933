"""Ten types of clues, each a predicate on up to three houses, and the tables by which a clue strikes candidates.

A puzzle has ``houses`` houses in a row and ``attributes`` attributes; every value of an attribute lives in a house of
its own. An *entity* is a value of an attribute, or a house number: ``entity = 6 * row + value``, where row 0 holds the
house numbers and row i the values of attribute i - 1, all from 0. A clue is four numbers: its type, then up to three
entities, :data:`NOTHING` where there is none.

Shah et al. (2024) do not publish a list of their types; nine are what descriptions of their data name, the ends come
from BBEH, which was built after theirs. Two of the names leave room, filled here so: "between" has a left and a right
side and does not ask for neighbours (as in BBEH), "either-side" asks for neighbours and not for their order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, UInt8

LEAST, MOST = 3, 6  # houses, and attributes
NOTHING = MOST * (MOST + 1)  # the entity code of an absent operand
_MASKS = 1 << MOST


@dataclass(frozen=True)
class ClueType:
    """One type of clue.

    Attributes:
        name: as it stands among the tokens.
        operands: how many entities it names.
        holds: whether it is true when its entities live in three given houses, of so many (the last argument).
        sentence: its form for people, ``{0}`` to ``{2}`` for entities such as "Pet dog".
        numbered: whether its last operand must be a house number.
    """

    name: str
    operands: int
    holds: Callable[[int, int, int, int], bool]
    sentence: str
    numbered: bool = False


_WHO = "The person with {0}"
CLUE_TYPES = (
    ClueType("found-at", 2, lambda a, b, c, n: a == b, _WHO + " lives in {1}.", numbered=True),
    ClueType("not-at", 2, lambda a, b, c, n: a != b, _WHO + " does not live in {1}.", numbered=True),
    ClueType("same-house", 2, lambda a, b, c, n: a == b, _WHO + " also has {1}."),
    ClueType("not-same", 2, lambda a, b, c, n: a != b, _WHO + " does not have {1}."),
    ClueType("left-of", 2, lambda a, b, c, n: a < b, _WHO + " lives somewhere to the left of the person with {1}."),
    ClueType(
        "immediate-left", 2, lambda a, b, c, n: a + 1 == b, _WHO + " lives directly to the left of the person with {1}."
    ),
    ClueType("next-to", 2, lambda a, b, c, n: abs(a - b) == 1, _WHO + " lives next to the person with {1}."),
    ClueType(
        "between",
        3,
        lambda a, b, c, n: b < a < c,
        _WHO + " lives somewhere between the person with {1} on the left and the person with {2} on the right.",
    ),
    ClueType(
        "either-side",
        3,
        lambda a, b, c, n: abs(a - b) == 1 and abs(a - c) == 1 and b != c,
        _WHO + " has the person with {1} and the person with {2} as direct neighbours, one on either side.",
    ),
    ClueType("ends", 1, lambda a, b, c, n: a in (0, n - 1), _WHO + " lives at one of the ends."),
)
TYPE_NUMBERS = {kind.name: number for number, kind in enumerate(CLUE_TYPES)}


@cache
def truth_tables() -> Bool[np.ndarray, "sizes types 6 6 6"]:
    """Entry ``[houses - 3, type, a, b, c]``: whether a clue of that type is true of entities in houses a, b and c."""
    tables = np.zeros((MOST - LEAST + 1, len(CLUE_TYPES), MOST, MOST, MOST), dtype=bool)
    for houses in range(LEAST, MOST + 1):
        for number, kind in enumerate(CLUE_TYPES):
            for a, b, c in np.ndindex(houses, houses, houses):
                tables[houses - LEAST, number, a, b, c] = kind.holds(a, b, c, houses)
    return tables


@cache
def support_tables() -> UInt8[np.ndarray, "sizes types 3 64 64"]:
    """Which houses of one operand a clue leaves, given those of the other two.

    Entry ``[houses - 3, type, slot, p, q]`` is a set of houses, bit h for house h, as are p and q, the candidates of
    the other two operands in their order: the houses for which those hold some pair that makes the clue true.
    """
    inside = ((np.arange(_MASKS)[:, None] >> np.arange(MOST)) & 1).astype(np.float32)  # (masks, houses)
    allowed = truth_tables().astype(np.float32)
    bits = (1 << np.arange(MOST)).astype(np.int64)
    slots = []
    for slot in range(3):
        first = np.moveaxis(allowed, 2 + slot, 2)
        pairs = np.einsum("stabc,pb,qc->stpqa", first, inside, inside, optimize=True)
        slots.append(((pairs > 0.5) * bits).sum(axis=-1).astype(np.uint8))
    return np.ascontiguousarray(np.stack(slots, axis=2))


def entity(row: int, value: int) -> int:
    """The code of a value of attribute ``row - 1``, or of house number ``value`` if ``row`` is 0."""
    return MOST * row + value


def place_of(code: int) -> tuple[int, int]:
    """Row and value of an entity: the inverse of :func:`entity`."""
    return divmod(code, MOST)
