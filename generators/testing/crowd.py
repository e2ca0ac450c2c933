"""Many rows of which only a word each is kept: enough to count how often sequences come again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int64, UInt64


@dataclass(frozen=True)
class Crowd:
    """Rows as words and log-probabilities. One half is what the other is searched for.

    Attributes:
        words: a hash of each row.
        log_prob: its log-probability in nats.
    """

    words: UInt64[np.ndarray, "n"]
    log_prob: Float[np.ndarray, "n"]

    @cached_property
    def known(self) -> tuple[UInt64[np.ndarray, "k"], Float[np.ndarray, "k"]]:
        """The different sequences of the first half, ascending by word, with their log-probabilities."""
        half = len(self.words) // 2
        words, first = np.unique(self.words[:half], return_index=True)
        return words, self.log_prob[:half][first]

    @property
    def others(self) -> UInt64[np.ndarray, "h"]:
        """The second half, independent of what is known."""
        return self.words[len(self.words) // 2 :]


def count_known(known: UInt64[np.ndarray, "k"], words: UInt64[np.ndarray, "n"]) -> tuple[Int64[np.ndarray, "k"], int]:
    """How often each of the ascending ``known`` words occurs, and how many words are none of them."""
    at = np.minimum(np.searchsorted(known, words), len(known) - 1)
    hit = known[at] == words
    return np.bincount(at[hit], minlength=len(known)), int((~hit).sum())
