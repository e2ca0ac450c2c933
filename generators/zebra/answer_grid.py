"""What an answer fills in: a grid of attributes x houses that holds values, or of attributes x values holding houses.

Both say the same. In the first a cell asks who lives here, the form of Shah et al. (2024); in the second it asks where
this one lives, which is what clues speak about. Where an answer is no permutation the two part: of values that claim
the same house none gets it, since nothing in the answer prefers one.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Int8, Integer

from generators.prompted import agreed
from generators.zebra.clue import MOST
from generators.zebra.create import ZebraSource
from generators.zebra.puzzle import ZebraPuzzles

Asks = Literal["value", "house"]  # of the other, in each attribute


def check_asks(asks: str) -> None:
    """Raise ValueError unless it is "value" or "house"."""
    if asks not in get_args(Asks):
        raise ValueError(f"asks must be one of {', '.join(get_args(Asks))}; got {asks!r}.")


def as_asked(grids: Int8[np.ndarray, "n 6 6"], asks: Asks) -> Int8[np.ndarray, "n 6 6"]:
    """Values of houses as the grid that is asked for, and such a grid as values of houses: it is its own inverse.

    For "value" nothing happens. For "house" ``[attribute, i] = j`` becomes ``[attribute, j] = i``; -1 where no i has j,
    or several have it: an answer that can be read in two ways is none.
    """
    if asks == "value":
        return grids
    attribute, column = (np.broadcast_to(axis, grids.shape) for axis in np.ogrid[:MOST, :MOST])
    places = np.where(grids < 0, -1, MOST * attribute + grids).astype(np.int64)
    turned = agreed(places.reshape(-1, MOST**2), column.reshape(-1, MOST**2), MOST**2, -1)
    return turned.reshape(-1, MOST, MOST).astype(np.int8)


def inside(puzzles: ZebraPuzzles) -> Bool[np.ndarray, "n 6 6"]:
    """The cells that a puzzle has, whichever is asked: it has as many values of an attribute as houses."""
    attribute, house = np.ogrid[:MOST, :MOST]
    return (attribute < puzzles.attributes[:, None, None]) & (house < puzzles.houses[:, None, None])


def check_sizes(source: ZebraSource, puzzles: ZebraPuzzles) -> None:
    """Raise ValueError if a puzzle is larger than those of the source."""
    houses, attributes = source.houses[1], source.attributes[1]
    too_large = (puzzles.houses > houses) | (puzzles.attributes > attributes)
    if too_large.any():
        number = int(np.flatnonzero(too_large)[0])
        raise ValueError(
            f"row {number}: a puzzle of {puzzles.houses[number]} houses and {puzzles.attributes[number]} attributes "
            f"does not fit into rows for at most {houses} and {attributes}. Make the form with a source of that size."
        )


def asked_grids(
    source: ZebraSource, puzzles: ZebraPuzzles, solutions: Int8[np.ndarray, "n 6 6"], asks: Asks
) -> Int8[np.ndarray, "n 6 6"]:
    """What the answers to puzzles hold, -1 beyond a puzzle's size.

    Raises:
        ValueError: a puzzle larger than those of the source; another number of solutions, or one of another size; if
            houses are asked for, a solution in which a value has no house or two.
    """
    check_sizes(source, puzzles)
    if len(solutions) != len(puzzles):
        raise ValueError(f"need one solution per puzzle; got {len(solutions)} for {len(puzzles)}.")
    shown = inside(puzzles)
    fits = np.where(shown, (solutions >= 0) & (solutions < puzzles.houses[:, None, None]), solutions == -1)
    if not fits.all():
        number, attribute, house = (int(i) for i in np.argwhere(~fits)[0])
        raise ValueError(
            f"row {number}: the solution has {solutions[number, attribute, house]} at attribute {attribute}, house "
            f"{house}; values of a puzzle with {puzzles.houses[number]} houses and {puzzles.attributes[number]} "
            f"attributes count from 0, and beyond its size stands -1."
        )
    grids = as_asked(solutions, asks)
    homeless = shown & (grids < 0)
    if homeless.any():
        number, attribute, value = (int(i) for i in np.argwhere(homeless)[0])
        houses = np.flatnonzero(solutions[number, attribute] == value).tolist()
        raise ValueError(
            f"row {number}: value {value} of attribute {attribute} lives in houses {houses}; it must have one, or the "
            "answer cannot say which."
        )
    return grids


def check_rows(tokens: Integer[np.ndarray, "rows length"], length: int, puzzles: ZebraPuzzles) -> None:
    """Raise ValueError unless there is one row of that length per puzzle."""
    if tokens.ndim != 2 or tokens.shape != (len(puzzles), length):
        raise ValueError(f"rows of {len(puzzles)} puzzles have shape ({len(puzzles)}, {length}); got {tokens.shape}.")
