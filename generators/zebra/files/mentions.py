"""Whom the words of a clue speak of: the one value of all characteristics that they name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from generators.zebra.clue import NOTHING, TYPE_NUMBERS, entity

_SHORTEST_STEM = 3
_SMALL = frozenset(("a", "an", "the", "of", "who", "is", "in", "to", "has", "have", "with", "person", "one", "their"))
_SMALL |= {"they", "for", "and", "each", "unique", "different"}
_SAME = re.compile(r" (?:is|has|likes|also has|are) ", re.IGNORECASE)
_NOT = re.compile(r" (?:is not|isn't|does not have|does not like|has not) ", re.IGNORECASE)


class Mentions:
    """The values of a puzzle, to be found in words.

    A value is named where its own words stand, perhaps in the plural; of two that overlap the longer counts. Where no
    value stands as it is, the one whose beginning a word shares does ("Swedish" for swede). A value that two
    characteristics share belongs to the one whose description has more words in common with the clue.
    """

    def __init__(self, values: Sequence[Sequence[str]], descriptions: Sequence[str]) -> None:
        """Values of each characteristic, and how the puzzle describes it."""
        self._values = [
            (entity(row, number), row, value.lower())
            for row, listed in enumerate(values, start=1)
            for number, value in enumerate(listed)
        ]
        self._patterns = [
            re.compile(rf"(?<![\w-]){re.escape(value)}(?:s|es|'s)?(?![\w-])", re.IGNORECASE)
            for _, _, value in self._values
        ]
        self._about = [_words(text) for text in descriptions]

    def code(self, words: str) -> int | None:
        """The entity that the words name; None if they name none or several."""
        spans = [
            (match.start(), match.end(), code, row)
            for pattern, (code, row, _) in zip(self._patterns, self._values, strict=True)
            for match in pattern.finditer(words)
        ]
        longest = [span for span in spans if not any(_covers(other, span) for other in spans)]
        found = {(code, row) for _, _, code, row in longest}
        if not found:
            found = self._by_stem(words)
        if len(found) > 1 and len({span[:2] for span in longest}) == 1:
            found = self._by_description(words, found)
        return next(iter(found))[0] if len(found) == 1 else None

    def same(self, line: str) -> list[int] | None:
        """A clue that two values belong, or do not belong, to one person; None if the line is none."""
        for kind, between in (("not-same", _NOT), ("same-house", _SAME)):
            for match in between.finditer(line):
                one, other = self.code(line[: match.start()]), self.code(line[match.end() :])
                if one is not None and other is not None and one != other:
                    return [TYPE_NUMBERS[kind], one, other, NOTHING]
        return None

    def _by_stem(self, words: str) -> set[tuple[int, int]]:
        best, found = _SHORTEST_STEM - 1, set[tuple[int, int]]()
        for code, row, value in self._values:
            shared = max((_shared(word, stem) for word in _words(words) for stem in _words(value)), default=0)
            if shared > best:
                best, found = shared, set()
            if shared == best and shared >= _SHORTEST_STEM:
                found.add((code, row))
        return found

    def _by_description(self, words: str, found: set[tuple[int, int]]) -> set[tuple[int, int]]:
        said = _words(words)
        common = {one: max((_shared(a, b) for a in said for b in self._about[one[1] - 1]), default=0) for one in found}
        best = max(common.values())
        return {one for one, shared in common.items() if shared == best}


def _covers(other: tuple[int, int, int, int], span: tuple[int, int, int, int]) -> bool:
    """Whether another mention holds this one and more."""
    return other[0] <= span[0] and span[1] <= other[1] and other[1] - other[0] > span[1] - span[0]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower())) - _SMALL


def _shared(one: str, other: str) -> int:
    """Length of the beginning that two words share."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count
