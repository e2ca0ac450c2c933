"""Puzzles as prose: ZebraLogicBench, reasoning-gym and BBEH list characteristics, then numbered clues in English.

A line with a colon and as many values as there are houses is a characteristic; "1." or "Clue 1:" begins a clue. A clue
is read by its form, and a person in it by the one value that the words name. Forms that are none of the ten types, such
as "There is one house between ...", are told as such.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from generators.zebra.clue import LEAST, MOST, NOTHING, TYPE_NUMBERS, entity
from generators.zebra.files.mentions import Mentions
from generators.zebra.puzzle import ZebraPuzzle, check_size
from generators.zebra.sentences import Names

FOREIGN, UNREADABLE, SIZE = "clue of another type", "clue that is not understood", "size out of range"
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_CLUE = re.compile(r"\s*(?:clue\s*)?(\d+)\s*[.):]\s*(.+)", re.IGNORECASE)
_LIST = re.compile(r"\s*(?:[-*]\s*)?([^:]+?)\s*:\s*(.+?)\.?\s*$")
_FILLERS = re.compile(r"^(?:each|every)\w*(?: \w+)?(?: \w+)? (?:a|an) (?:unique|different)\s+", re.IGNORECASE)
_IS = r"(?:is|lives|stands|sits|resides|stays)"
_ARE = r"(?:are|live|stand|sit)"
_NEAR = r"(?:directly|immediately|just)"
_WHERE = r"(?:in|at|on)(?: the)?"
_FORMS: tuple[tuple[str, str], ...] = (
    ("foreign", r"there (?:is|are) (?:exactly )?\w+ (?:house|houses|person|people) between .+"),
    ("ends", rf"(.+?) {_IS} {_WHERE} (?:one|either) (?:of the )?ends?(?: of .+)?"),
    ("ends", rf"(.+?) {_IS} (?:{_WHERE} )?(?:the )?(?:far|most) left or (?:the )?(?:far|most) right.*"),
    ("foreign", r".*\b(?:either|exactly one|if|or)\b.*"),
    ("between", rf"(.+?) {_IS} (?:somewhere )?between (.+?) and (.+?)(?:,? in that order)?"),
    ("immediate-left", rf"(.+?) {_IS} {_NEAR}(?: to the)? left of (.+)"),
    ("immediate-right", rf"(.+?) {_IS} {_NEAR}(?: to the)? right of (.+)"),
    ("left-of", rf"(.+?) {_IS} (?:somewhere )?(?:on |to )?(?:the )?left of (.+)"),
    ("right-of", rf"(.+?) {_IS} (?:somewhere )?(?:on |to )?(?:the )?right of (.+)"),
    ("next-to", rf"(.+?) and (.+?) {_ARE} (?:directly |immediately )?(?:next to|beside) (?:each other|one another)"),
    ("next-to", rf"(.+?) {_IS} (?:directly |immediately |right )?(?:next to|beside|adjacent to) (.+)"),
    ("not-at", rf"(.+?) (?:is|does|lives) not(?: live)? {_WHERE} (\w+) (?:house|position|place)"),
    ("found-at", rf"(.+?) {_IS} {_WHERE} (\w+) (?:house|position|place)"),
    ("not-at", r"(.+?) (?:is|does|lives) not(?: live)? in house (\d+)"),
    ("found-at", rf"(.+?) {_IS} in house (\d+)"),
)
_PATTERNS = tuple((name, re.compile(text, re.IGNORECASE)) for name, text in _FORMS)


class ProseError(ValueError):
    """A puzzle that cannot be taken; ``reason`` says why in a few words that can be counted."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True)
class Prose:
    """A puzzle read from prose."""

    names: Names
    puzzle: ZebraPuzzle


def read_prose(text: str, header: Mapping[int, str] | None = None) -> Prose:
    """The puzzle that a text describes.

    Args:
        header: names of the characteristics by their number from 0, where they are known; else their lines are used.
    Raises:
        ProseError: no list of characteristics, a size outside 3..6, a clue of a type that is none of the ten, or one
            that is not understood, with its number and words.
    """
    lines = text.splitlines()
    listed = _characteristics(lines)
    houses = len(listed[0][1])
    if not LEAST <= houses <= MOST or not LEAST <= len(listed) <= MOST:
        raise ProseError(SIZE, f"{houses} houses and {len(listed)} characteristics; both lie in {LEAST}..{MOST}.")
    check_size(houses, len(listed))
    labels = [(header or {}).get(i, name) for i, (name, _) in enumerate(listed)]
    if len(set(labels)) < len(labels):
        labels = [f"{label} ({i})" for i, label in enumerate(labels, start=1)]
    numbers = tuple(str(house + 1) for house in range(houses))
    names = Names(("House", *labels), (numbers, *(tuple(values) for _, values in listed)))
    mentions = Mentions([values for _, values in listed], [name for name, _ in listed])
    rows = [_read_clue(int(m[1]), m[2], mentions, houses) for m in _clues(lines)]
    if not rows:
        raise ProseError(UNREADABLE, "no line begins with the number of a clue, such as '1.' or 'Clue 1:'.")
    return Prose(names, ZebraPuzzle(houses, len(listed), np.array(rows, dtype=np.int8).reshape(-1, 4)))


def _clues(lines: list[str]) -> list[re.Match[str]]:
    found = [match for line in lines if (match := _CLUE.match(line))]
    return [match for match in found if not match[2].rstrip().endswith(":")]


def _characteristics(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Name and values of every list before the first clue; those that are not as long as the most are no lists."""
    found = list[tuple[str, list[str]]]()
    for line in lines:
        if _CLUE.match(line):
            break
        match = _LIST.match(line)
        if match and "," in match[2]:
            values = [value.strip().strip("`'\"").strip() for value in match[2].split(",")]
            found.append((_FILLERS.sub("", match[1]).strip(), values))
    lengths = [len(values) for _, values in found]
    if not lengths:
        raise ProseError(
            UNREADABLE, "no line lists a characteristic, such as 'Each person has a unique name: a, b, c'."
        )
    usual = max(set(lengths), key=lengths.count)
    return [(name, values) for name, values in found if len(values) == usual]


def _read_clue(number: int, words: str, mentions: Mentions, houses: int) -> list[int]:
    """Type and three entities."""
    line = words.strip().rstrip(".").strip()
    for kind, pattern in _PATTERNS:
        match = pattern.fullmatch(line)
        if match is None:
            continue
        if kind == "foreign":
            if (same := mentions.same(line)) is None:
                raise ProseError(FOREIGN, f"clue {number} ({line[:120]}) is of none of the types that are known here.")
            return same
        return _clue(number, line, kind, match.groups(), mentions, houses)
    same = mentions.same(line)
    if same is None:
        raise ProseError(UNREADABLE, f"clue {number} ({line[:120]}) is not understood.")
    return same


def _clue(number: int, line: str, kind: str, parts: tuple[str, ...], mentions: Mentions, houses: int) -> list[int]:
    if kind.endswith("-at"):
        place = parts[1].lower()
        house = _ORDINALS.index(place) if place in _ORDINALS else int(place) - 1 if place.isdigit() else -1
        if not 0 <= house < houses:
            raise ProseError(UNREADABLE, f"clue {number} ({line[:120]}) names no house of 1..{houses}.")
        codes = [mentions.code(parts[0]), entity(0, house)]
    else:
        codes = [mentions.code(part) for part in parts]
    if None in codes:
        missing = parts[codes.index(None)]
        raise ProseError(UNREADABLE, f"clue {number} ({line[:120]}): {missing[:60]!r} names no one value.")
    if kind in ("immediate-right", "right-of"):
        kind, codes = kind.replace("right-of", "left-of").replace("right", "left"), codes[::-1]
    known = [code for code in codes if code is not None]
    return [TYPE_NUMBERS[kind], *known, *[NOTHING] * (3 - len(known))]
