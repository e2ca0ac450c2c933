"""Windows of a corpus as a stream of rows: what training, fitting and measuring read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Integer

from generators.ground.draws import words
from generators.ground.numbers import whole_number
from generators.text.corpus import Corpus
from generators.text.sequences import Sequences

FORMAT = "lo-theory/text-windows/1"


@dataclass(frozen=True, eq=False)
class TextWindows(Sequences):
    """Windows of L consecutive tokens, each place of the corpus as likely as any other.

    A row stream as a distribution is one, so ``lo_theory.FreshRows(windows, sample_seed, batch_size)`` trains on it and
    ``FixedRows(windows.rows(seed, 0, n), windows.fingerprint, ...)`` on n of its windows again and again. The truth is
    not known: there is no ``log_prob``.

    Args:
        corpus: at least L tokens long.
        length: tokens of a window, L.
    Raises:
        ValueError: a window longer than the corpus.
    """

    corpus: Corpus
    length: int

    def __post_init__(self) -> None:
        """Check that there is a window."""
        length = whole_number(self.length, "length", least=1)
        if length > len(self.corpus):
            raise ValueError(
                f"a window of {length} tokens is longer than {self.corpus.name}, which has {len(self.corpus)}. Use "
                "shorter windows or more text."
            )
        object.__setattr__(self, "length", length)

    @property
    def vocabulary(self) -> int:
        """Number of tokens, V."""
        return self.corpus.vocabulary

    @property
    def places(self) -> int:
        """Number of different windows, T - L + 1."""
        return len(self.corpus) - self.length + 1

    def rows(self, sample_seed: int, start: int, stop: int) -> Integer[np.ndarray, "n L"]:
        """Rows ``start..stop-1`` of the endless sample named by ``sample_seed``, (stop - start, L), smallest dtype.

        A promised stream: row i depends on (corpus, L, sample_seed, i) alone; one word says where its window begins.

        Raises:
            ValueError: a negative seed, or a range that runs backwards.
        """
        return self._at((words(sample_seed, 0, start, stop) % np.uint64(self.places)).astype(np.int64))

    def consecutive(self) -> Integer[np.ndarray, "n L"]:
        """The corpus cut into T // L windows that do not overlap, in its order: what a validation loss is a mean of."""
        return self._at(np.arange(len(self.corpus) // self.length) * self.length)

    def to_json(self) -> dict[str, Any]:
        """What names the stream: its length, and the corpus by its digest, which other texts and other units change."""
        return {
            "format": FORMAT,
            "corpus": self.corpus.digest,
            "vocabulary": self.vocabulary,
            "length": self.length,
        }

    def _at(self, places: Integer[np.ndarray, "n"]) -> Integer[np.ndarray, "n L"]:
        windows = np.lib.stride_tricks.sliding_window_view(self.corpus.tokens, self.length)
        return windows[places].astype(np.min_scalar_type(self.pad_id))
