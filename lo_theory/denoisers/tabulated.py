"""A denoiser that is asked once: its answers to all sequences with masks of a small distribution, in one table."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float64, Int64, Integer
from torch import Tensor

from lo_theory.denoisers.denoiser import Denoiser, ask, whole_tokens

MAX_STATES = 2**19  # sequences with masks, (V + 1)^L
_BATCH = 4096


class TabulatedDenoiser:
    """``denoiser`` with a memory: the same answers, in float64 on the CPU, each computed at its first use.

    Sequences with masks are numbered in base V + 1, the last position being the lowest digit. Pads have no number.

    Args:
        denoiser: a function of the tokens alone.
        grid: round log-probabilities to multiples of this. Answers that are equal in exact arithmetic differ by
            rounding in floating point, and then a tie between positions is not seen and not broken by position. A grid
            of 2**-32 makes them equal again; a law changes by no more than 1e-9, its divergences by 1e-18.
    Raises:
        ValueError: more than 2**19 sequences with masks; a grid that is negative or not finite.
    """

    def __init__(self, denoiser: Denoiser, *, grid: float = 0.0) -> None:
        if not 0 <= grid < math.inf:
            raise ValueError(f"a grid of log-probabilities is >= 0 and finite; got {grid!r}.")
        self.grid = grid
        self.denoiser, self.length, self.vocabulary = denoiser, denoiser.length, denoiser.vocabulary
        self.mask_id, base = self.vocabulary, self.vocabulary + 1
        self.states = base**self.length
        if self.states > MAX_STATES:
            raise ValueError(
                f"a table would hold up to (V + 1)**L = {base}**{self.length} = {self.states} sequences with masks, "
                f"more than {MAX_STATES}. Use a shorter distribution."
            )
        self._place: Int64[Tensor, " L"] = base ** torch.arange(self.length).flip(0)
        self._answers: Float64[Tensor, "S L V"] = torch.empty(
            self.states, self.length, self.vocabulary, dtype=torch.float64
        )
        self._known: Bool[Tensor, " S"] = torch.zeros(self.states, dtype=torch.bool)

    def __call__(self, tokens: Integer[Tensor, "B L"]) -> Float64[Tensor, "B L V"]:
        """The denoiser's log-probabilities on the grid; a copy. Raises as :meth:`number`."""
        code = self.number(tokens)
        unknown = code[~self._known[code]].unique()
        for some in unknown.split(_BATCH):
            answers = ask(self.denoiser, self.tokens(some)).to(torch.float64)
            self._answers[some] = (answers / self.grid).round() * self.grid if self.grid else answers
        self._known[unknown] = True
        return self._answers[code].to(tokens.device)

    def number(self, tokens: Integer[Tensor, "n L"]) -> Int64[Tensor, " n"]:
        """The number of each sequence with masks.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: another shape than (n, L), a pad or another id outside ``range(V + 1)``.
        """
        return table_numbers(tokens, self._place, self.vocabulary)

    def tokens(self, number: Int64[Tensor, " n"]) -> Int64[Tensor, "n L"]:
        """Inverse of :meth:`number`."""
        return number[:, None] // self._place % (self.vocabulary + 1)


def table_numbers(tokens: Integer[Tensor, "n L"], place: Int64[Tensor, " L"], vocabulary: int) -> Int64[Tensor, " n"]:
    """The line of each sequence with masks in a table of all of them, on the CPU.

    Args:
        place: what a token counts at each position, powers of V + 1.
    Raises:
        TypeError, ValueError: as :meth:`TabulatedDenoiser.number`.
    """
    tokens = whole_tokens(tokens, len(place)).cpu()
    outside = (tokens < 0) | (tokens > vocabulary)
    if outside.any():
        raise ValueError(
            f"a table knows tokens in range({vocabulary}) and the mask id {vocabulary}, no pads; got "
            f"{int(tokens[outside][0])}."
        )
    return (tokens * place).sum(dim=1)
