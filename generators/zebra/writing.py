"""Three ways to write a puzzle as tokens: as published, one token per entity, one token per clue.

"published" is the layout of :mod:`generators.zebra.tokens`: 22 tokens, ten for a clue of two entities. "compact" has a
token for each house number and each value of each attribute, 42 in all (``entity = 6 * row + value`` of
:mod:`generators.zebra.clue`), and one for each type of clue: a clue takes four tokens, its type and three entities, a
pad for one that is absent. It says the same in a third of the tokens, and a value of the answer is the token that the
clues use for it. "whole" numbers the clues themselves: one token for each, behind the 42 entities of the answers. No
network has to learn to put a clue together, and sequences are short, but the number of tokens grows with the cube of
the number of entities: 4,518 for 3 houses and 3 attributes, 18,862 for 4 and 4. The last two are ours, for small
networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

import numpy as np
from jaxtyping import Int8, Int64

from generators.zebra.clue import CLUE_TYPES, MOST, NOTHING
from generators.zebra.puzzle import PADDING, ZebraPuzzles
from generators.zebra.tokens import PAD, SHORTEST_CLUE, VOCABULARY, encode

WritingName = Literal["published", "compact", "whole"]
_CLUE = 4  # tokens of a compact clue
_MOST_TOKENS = 50_000


@dataclass(frozen=True)
class Writing:
    """How clues and values become tokens; the mask id is ``vocabulary``, the pad id ``vocabulary + 1``.

    Attributes:
        name: "published", "compact" or "whole".
        vocabulary: V.
        first_value: (6,), the token of value 0 of each attribute; those of the other values follow it.
        length: prompts of at most that many published tokens -> tokens they may take here.
        prompts: (puzzles, length) -> (n, length), pads in front.
    """

    name: str
    vocabulary: int
    first_value: Int64[np.ndarray, "6"]
    length: Callable[[int], int]
    prompts: Callable[[ZebraPuzzles, int], np.ndarray]

    @property
    def pad(self) -> int:
        """The pad id."""
        return self.vocabulary + 1


def _published_prompts(puzzles: ZebraPuzzles, length: int) -> Int64[np.ndarray, "n P"]:
    """Clues and ``ANSWER``."""
    nothing = np.full((len(puzzles), MOST**2, 3), -1, dtype=np.int8)
    made = encode(puzzles, nothing, length=length)
    origin = np.arange(length) - (length - made.lengths)[:, None]
    return np.where(origin < 0, PAD, np.take_along_axis(made.ids, origin.clip(0), axis=1)).astype(np.int64)


def _compact_prompts(puzzles: ZebraPuzzles, length: int) -> Int64[np.ndarray, "n P"]:
    """Type and three entities of each clue."""
    pad = NOTHING + len(CLUE_TYPES) + 1
    clues = _clues_last(puzzles, length // _CLUE, length).astype(np.int64)
    absent = clues[:, :, :1] == PADDING
    kinds = np.where(absent, pad, NOTHING + clues[:, :, :1])
    entities = np.where(absent | (clues[:, :, 1:] == NOTHING), pad, clues[:, :, 1:])
    return np.concatenate([kinds, entities], axis=2).reshape(len(clues), length)


def _whole_prompts(puzzles: ZebraPuzzles, length: int, *, houses: int, attributes: int) -> Int64[np.ndarray, "n P"]:
    """The number of each clue among all that such puzzles may have."""
    entities, first = _clue_numbers(houses, attributes)
    clues = _clues_last(puzzles, length, length).astype(np.int64)
    absent = clues[:, :, 0] == PADDING
    kind = np.where(absent, 0, clues[:, :, 0])
    number = np.zeros(kind.shape, dtype=np.int64)
    for slot in range(1, 4):
        row, value = np.divmod(np.where(absent, NOTHING, clues[:, :, slot]), MOST)
        present = clues[:, :, slot] != NOTHING
        number = np.where(present & ~absent, entities * number + row * houses + value, number)
    return np.where(absent, first[-1] + 1, first[kind] + number)


def _clue_numbers(houses: int, attributes: int) -> tuple[int, Int64[np.ndarray, "tokens"]]:
    """Number of entities of such puzzles; the first token of each type of clue, then the number of tokens."""
    entities = houses * (attributes + 1)
    return entities, NOTHING + np.cumsum([0, *(entities**kind.operands for kind in CLUE_TYPES)])


def _clues_last(puzzles: ZebraPuzzles, most: int, length: int) -> Int8[np.ndarray, "n M 4"]:
    """The clues at the end of ``most`` places, :data:`PADDING` before them."""
    counts = (puzzles.clues[:, :, 0] != PADDING).sum(axis=1)
    if counts.max(initial=0) > most:
        number = int(np.flatnonzero(counts > most)[0])
        raise ValueError(f"puzzle {number} has {counts[number]} clues, a prompt of {length} tokens room for {most}.")
    room = max(most - puzzles.clues.shape[1], 0)
    clues = np.pad(puzzles.clues[:, :most], ((0, 0), (0, room), (0, 0)), constant_values=PADDING)
    moved = (np.arange(most) - (most - counts[:, None])) % max(most, 1)
    return np.take_along_axis(clues, moved[:, :, None], axis=1)


PUBLISHED = Writing("published", len(VOCABULARY), np.zeros(MOST, dtype=np.int64), lambda most: most, _published_prompts)
COMPACT = Writing(
    "compact",
    NOTHING + len(CLUE_TYPES),
    MOST * np.arange(1, MOST + 1),
    lambda most: _CLUE * ((most - 1) // SHORTEST_CLUE),
    _compact_prompts,
)


@cache
def writing(name: WritingName, houses: int, attributes: int) -> Writing:
    """The writing of that name for puzzles of at most so many houses and attributes.

    Raises:
        ValueError: an unknown name; "whole" for puzzles with more than 50,000 different clues.
    """
    if name in ("published", "compact"):
        return PUBLISHED if name == "published" else COMPACT
    if name != "whole":
        raise ValueError(f"writing must be published, compact or whole; got {name!r}.")
    _, first = _clue_numbers(houses, attributes)
    vocabulary = int(first[-1])
    if vocabulary > _MOST_TOKENS:
        raise ValueError(
            f"{houses} houses and {attributes} attributes have {vocabulary} clues and entities, too many for a token "
            f"each (at most {_MOST_TOKENS}); take writing='compact'."
        )
    prompts = partial(_whole_prompts, houses=houses, attributes=attributes)
    return Writing("whole", vocabulary, COMPACT.first_value, lambda most: (most - 1) // SHORTEST_CLUE, prompts)
