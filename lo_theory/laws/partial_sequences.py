"""All (V + 1)^L sequences with masks: their probability under a law, its conditionals, a denoiser's answers.

A sequence is numbered in base V + 1, its last position being the lowest digit and the mask the largest one. Revealing a
token makes the number smaller, so a pass over the numbers upwards meets every sequence after all that may follow it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64, Integer
from torch import Tensor

from lo_theory.denoisers.denoiser import Denoiser, ask, require_answers
from lo_theory.denoisers.tabulated import table_numbers

MOST_SEQUENCES = 3**12  # with masks: twelve bits, eight of three symbols
_BATCH = 8192
_ROUNDING_SLACK = 1e-9


@dataclass(frozen=True)
class PartialSequences:
    """The numbers of all sequences with masks.

    Attributes:
        length: L.
        vocabulary: V; the mask is V.
    Raises:
        ValueError: no length, fewer than two values, or more than 3**12 sequences.
    """

    length: int
    vocabulary: int

    def __post_init__(self) -> None:
        base, length = self.vocabulary + 1, self.length
        if length < 1 or base < 3:
            raise ValueError(f"sequences have a length and at least two values; got {length} and {self.vocabulary}.")
        if length * math.log(base) > math.log(MOST_SEQUENCES) + _ROUNDING_SLACK:
            raise ValueError(
                f"a table would hold (V + 1)**L = {base}**{length} sequences with masks, more than {MOST_SEQUENCES} = "
                "3**12. Take a shorter distribution: twelve bits, or eight of three symbols."
            )

    @property
    def count(self) -> int:
        """(V + 1)^L; the last one, number count - 1, is all masks."""
        return (self.vocabulary + 1) ** self.length

    @property
    def place(self) -> Int64[np.ndarray, " L"]:
        """What a digit at each position counts."""
        return (self.vocabulary + 1) ** np.arange(self.length, dtype=np.int64)[::-1].copy()

    def tokens(self) -> Int64[np.ndarray, "S L"]:
        """Every sequence, in the order of its number."""
        return np.arange(self.count)[:, None] // self.place % (self.vocabulary + 1)

    def hidden(self) -> Bool[np.ndarray, "S L"]:
        """Where each of them has its masks."""
        return self.tokens() == self.vocabulary

    def clean(self) -> Int64[np.ndarray, " F"]:
        """The numbers of those without masks, in the order of ``all_sequences``."""
        digits = np.indices((self.vocabulary,) * self.length).reshape(self.length, -1)
        return self.place @ digits

    def probability(self, law: Float64[np.ndarray, " F"]) -> Float64[np.ndarray, " S"]:
        """What each has under a law on the V^L sequences without masks: the sum over all that may become of it."""
        table = law.reshape((self.vocabulary,) * self.length)
        for axis in range(self.length):
            table = np.concatenate([table, table.sum(axis=axis, keepdims=True)], axis=axis)
        return table.reshape(-1)

    def conditionals(self, law: Float64[np.ndarray, " F"]) -> Float64[np.ndarray, "S L V"]:
        """log p(value at a hidden position | visible tokens) under a law; NaN at visible positions.

        Where the visible tokens are impossible all values are equally likely; there is no right answer there.
        """
        base, length = self.vocabulary + 1, self.length
        table = self.probability(law).reshape((base,) * length)
        out = np.full((*table.shape, length, self.vocabulary), np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.log(table)
            for position in range(length):
                here: list[slice | int] = [slice(None)] * length
                here[position] = self.vocabulary
                total, answers = log[tuple(here)], out[(*here, position)]
                for value in range(self.vocabulary):
                    here[position] = value
                    answers[..., value] = np.where(
                        np.isneginf(total), -math.log(self.vocabulary), log[tuple(here)] - total
                    )
        return out.reshape(self.count, length, self.vocabulary)

    def answers(self, denoiser: Denoiser, *, grid: float = 0.0) -> Float64[np.ndarray, "S L V"]:
        """What a denoiser answers at every hidden position; NaN at visible ones.

        Args:
            grid: round to multiples of this, so that ties are ties (:class:`~lo_theory.TabulatedDenoiser`).
        Raises:
            TypeError, ValueError: an answer that is missing or no distribution.
        Cost: (V + 1)^L sequences through the denoiser.
        """
        out = np.full((self.count, self.length, self.vocabulary), np.nan)
        tokens, hidden = torch.from_numpy(self.tokens()), torch.from_numpy(self.hidden())
        for start in range(0, self.count, _BATCH):
            some = slice(start, start + _BATCH)
            found = ask(denoiser, tokens[some]).double()
            require_answers(found, hidden[some])
            found = (found / grid).round() * grid if grid else found
            out[some] = found.masked_fill(~hidden[some][..., None], math.nan).numpy()
        return out


class LawDenoiser:
    """The exact posterior of a law that is given as a table; uniform where visible tokens contradict each other.

    Args:
        law: probability of every sequence, in the order of ``all_sequences``.
    Raises:
        ValueError: as :class:`PartialSequences`; a law of another size, or that does not add up to one.
    """

    def __init__(self, law: Float64[np.ndarray, " F"], length: int, vocabulary: int) -> None:
        self.length, self.vocabulary = length, vocabulary
        self.partial = PartialSequences(length, vocabulary)
        if law.shape != (vocabulary**length,) or not math.isclose(law.sum(), 1.0, abs_tol=_ROUNDING_SLACK):
            raise ValueError(
                f"a law is V**L = {vocabulary**length} probabilities that add up to one; got {len(law)} that make "
                f"{law.sum():.6g}."
            )
        self._answers = torch.from_numpy(self.partial.conditionals(law))
        self._place = torch.from_numpy(self.partial.place)

    def __call__(self, tokens: Integer[Tensor, "B L"]) -> Float64[Tensor, "B L V"]:
        """Log-probabilities in nats, NaN at visible positions.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: another shape, or an id outside ``range(V + 1)``.
        """
        return self._answers[table_numbers(tokens, self._place, self.vocabulary)]
