"""How a cell is written: which characters are digits, which say that it is empty, and numbers of two figures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from generators.sudoku.grid import SIZES, Size, place

Digits = Literal["1-4", "0-3", "1-6", "0-5", "1-9", "0-8", "1-g", "0-f"]
"""The digits of a file, lowest and highest."""
BAD, ZERO = 255, 254
"""What stands in the table of :class:`Alphabet` for no cell, and for a 0 that may be a digit or an empty cell."""

EMPTY = ".*_-xX?"
"""Characters of an empty cell, beside 0 where that is no digit."""
_SYMBOLS = "0123456789ABCDEFG"
_PLACED = re.compile(r"\+.")  # HoDoKu's mark of a digit that is no given
_WIDE = re.compile(r"[^\x00-\xff]")
_NUMBER = re.compile(r"(-?\d+)(?:\.0*)?")
_ASCII_ZERO = ord("0")


@dataclass(frozen=True)
class Alphabet:
    """The characters of one size's cells.

    Attributes:
        size: of the grids.
        lowest: 1; or 0, where the digits of the file are one less than ours.
        stated: whether somebody said so. If not, a 0 is an empty cell unless another sign for that stands beside it.
    """

    size: Size
    lowest: int = 1
    stated: bool = False

    @property
    def symbols(self) -> str:
        """Digits in ascending order."""
        return _SYMBOLS[self.lowest : self.lowest + self.size.side]

    @cached_property
    def table(self) -> UInt8[np.ndarray, "256"]:
        """Code of a character -> digit from 1, 0 for empty, :data:`ZERO` for the character 0 as an empty cell."""
        table = np.full(256, BAD, dtype=np.uint8)
        table[[ord(sign) for sign in EMPTY]] = 0
        table[_ASCII_ZERO] = ZERO
        for digit, symbol in enumerate(self.symbols, start=1):
            table[[ord(symbol), ord(symbol.lower())]] = digit
        return table

    @cached_property
    def signs(self) -> frozenset[str]:
        """All characters that a cell may have."""
        return frozenset(chr(code) for code in np.flatnonzero(self.table != BAD))

    def holds(self, text: str) -> bool:
        """Whether a text is a row of cells, but for a tenth of them."""
        strange = len(text) - sum(map(self.signs.__contains__, text))
        return strange * 10 <= len(text)

    def codes(self, texts: list[str]) -> UInt8[np.ndarray, "n cells"]:
        """Texts of one grid each through :attr:`table`."""
        whole = "".join(texts)
        try:
            raw = whole.encode("latin-1")
        except UnicodeEncodeError:
            raw = _WIDE.sub("\0", whole).encode("latin-1")
        return self.table[np.frombuffer(raw, dtype=np.uint8)].reshape(len(texts), self.size.cells)

    def fault(self, text: str) -> str:
        """The first character that is none of a cell's, in a sentence; empty if there is none."""
        for cell, character in enumerate(text):
            if character not in self.signs:
                side = self.size.side
                return (
                    f"{place(cell, self.size)} holds {character!a}; a cell of a {side}x{side} grid holds one of "
                    f"{self.symbols}, or one of {'' if self.lowest == 0 else '0 '}{' '.join(EMPTY)} if it is empty."
                )
        return ""

    def token(self, text: str) -> str:
        """The character of a cell that stands alone, such as ``10`` or ``5.0`` or nothing; "!" if it is none.

        A number beyond the digits is a list of pencil marks, so an empty cell, if its figures are digits.
        """
        text = text.strip().strip("\"'")
        if text == "" or text.lower() in ("nan", "none", "null"):
            return "."
        if len(text) == 1:
            return text
        number = _NUMBER.fullmatch(text)
        if number is None:
            return "!"
        value = int(number[1])
        if 0 <= value < self.lowest + self.size.side:
            return _SYMBOLS[value]
        marks = self.size.side <= 9 and number[1] == text and len(set(text)) == len(text)
        return "." if marks and set(text) <= set(self.symbols) else "!"


def alphabet_of(size: Size, digits: str | None) -> Alphabet:
    """The alphabet of a size with the digits that somebody stated, or with the usual ones, 1 to 9 and A to G.

    Raises:
        ValueError: digits of another size, or none that are known.
    """
    if digits is None:
        return Alphabet(size)
    lowest, side = range_of(digits)
    if side != size.side:
        raise ValueError(f"digits {digits} are those of {side}x{side} grids, and these are {size.side}x{size.side}.")
    return Alphabet(size, lowest, stated=True)


def range_of(digits: str) -> tuple[int, int]:
    """Lowest digit and side of a range such as "0-8".

    Raises:
        ValueError: none that is known.
    """
    known = {f"{low}-{_SYMBOLS[side - 1 + low].lower()}": (low, side) for side in SIZES for low in (0, 1)}
    if digits.lower() not in known:
        raise ValueError(f"digits are one of {', '.join(sorted(known))}; got {digits!r}.")
    return known[digits.lower()]


def givens_alone(text: str) -> str:
    """A grid without the digits that are marked by ``+`` as placed later."""
    return _PLACED.sub(".", text) if "+" in text else text
