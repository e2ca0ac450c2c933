"""What streams of token sequences of one length have in common, whatever their tokens come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int64, Integer

from generators.ground.codec import fingerprint
from generators.ground.draws import named_stream


class Sequences(ABC):
    """Rows of ``length`` tokens in ``range(vocabulary)``; the mask id is ``vocabulary``, the pad id one more."""

    length: int

    @property
    @abstractmethod
    def vocabulary(self) -> int:
        """Number of tokens, V."""

    @abstractmethod
    def rows(self, sample_seed: int, start: int, stop: int) -> Integer[np.ndarray, "n L"]:
        """Rows ``start..stop-1`` of the endless sample named by ``sample_seed``, (stop - start, L), smallest dtype."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """What names the stream, exact to the bit."""

    @property
    def mask_id(self) -> int:
        """Token that hides a position."""
        return self.vocabulary

    @property
    def pad_id(self) -> int:
        """Token that fills a sequence beyond its end."""
        return self.vocabulary + 1

    def sample(self, n: int, rng: np.random.Generator) -> Integer[np.ndarray, "n L"]:
        """``n`` independent sequences, (n, L); one word of ``rng`` names the stream they are read from.

        Raises:
            TypeError: ``rng`` is no Generator, such as a seed.
        """
        return self.rows(named_stream(rng, n), 0, n)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name the stream."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        return fingerprint(self.to_json())


class Law(Sequences):
    """A distribution on such rows; two of a class are equal when their JSON forms are."""

    @property
    def alphabets(self) -> Int64[np.ndarray, "L"]:
        """Number of values at each position."""
        return np.full(self.length, self.vocabulary)

    def __eq__(self, other: object) -> bool:
        """Same class and same fingerprint."""
        return isinstance(other, type(self)) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        """Hash of the fingerprint."""
        return hash(self.fingerprint)
