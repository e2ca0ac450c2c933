"""Two ways to write a puzzle as tokens: as published, and one token per entity.

"published" is the layout of :mod:`generators.zebra.tokens`: 22 tokens, ten for a clue of two entities. "compact" has a
token for each house number and each value of each attribute, 42 in all (``entity = 6 * row + value`` of
:mod:`generators.zebra.clue`), and one for each type of clue: a clue takes four tokens, its type and three entities, a
pad for one that is absent. It says the same in a third of the tokens, and a value of the answer is the token that the
clues use for it. For small networks; it is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from generators.zebra.clue import CLUE_TYPES, MOST, NOTHING
from generators.zebra.puzzle import PADDING, ZebraPuzzles
from generators.zebra.tokens import PAD, SHORTEST_CLUE, VOCABULARY, encode

_CLUE = 4  # tokens of a compact clue


@dataclass(frozen=True)
class Writing:
    """How clues and values become tokens; the mask id is ``vocabulary``, the pad id ``vocabulary + 1``.

    Attributes:
        name: "published" or "compact".
        vocabulary: V.
        clue: tokens that every clue takes; None: it depends on the clue.
        first_value: (6,), the token of value 0 of each attribute; those of the other values follow it.
        length: prompts of at most that many published tokens -> tokens they may take here.
        prompts: (puzzles, length) -> (n, length), pads in front.
    """

    name: str
    vocabulary: int
    clue: int | None
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
    most, pad = length // _CLUE, COMPACT.pad
    absent = puzzles.clues[:, :, 0] == PADDING
    counts = (~absent).sum(axis=1)
    if counts.max(initial=0) > most:
        number = int(np.flatnonzero(counts > most)[0])
        raise ValueError(f"puzzle {number} has {counts[number]} clues, a prompt of {length} tokens room for {most}.")
    kinds = np.where(absent, pad, NOTHING + puzzles.clues[:, :, 0].astype(np.int64))
    entities = puzzles.clues[:, :, 1:].astype(np.int64)
    entities = np.where(absent[:, :, None] | (entities == NOTHING), pad, entities)
    tokens = np.concatenate([kinds[:, :, None], entities], axis=2)[:, :most]
    tokens = np.concatenate([tokens, np.full((len(tokens), most - tokens.shape[1], _CLUE), pad)], axis=1)
    last = (np.arange(most) - (most - counts[:, None])) % most  # the clues move to the end, the pads to the front
    return np.take_along_axis(tokens, last[:, :, None], axis=1).reshape(len(tokens), _CLUE * most)


PUBLISHED = Writing(
    "published", len(VOCABULARY), None, np.zeros(MOST, dtype=np.int64), lambda most: most, _published_prompts
)
COMPACT = Writing(
    "compact",
    NOTHING + len(CLUE_TYPES),
    _CLUE,
    MOST * np.arange(1, MOST + 1),
    lambda most: _CLUE * ((most - 1) // SHORTEST_CLUE),
    _compact_prompts,
)
