"""Any posterior judged on a sample by pyAgrum, whose algorithms share nothing with ours but the truth tables."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, Integer

from generators.distribution import LODistribution
from lo_theory.denoisers.oracle import Posterior
from lo_theory.posteriors.factors import checked_tokens
from lo_theory.posteriors.second_opinion import LibraryPosterior

TOLERANCE = 1e-9
"""Difference of a probability above which two exact posteriors do not agree."""


class PosteriorsDisagreeError(ValueError):
    """A posterior differs from the library's by more than rounding."""


class LibraryCheck(NamedTuple):
    """What a comparison came to."""

    sequences: int
    tokens: int
    """Hidden tokens whose probabilities were compared."""
    too_wide: int
    """Hidden tokens that the library was not asked for, as its junction tree would have been too wide."""
    difference: float
    """Largest difference of a probability, infinite where the posterior is no number; 0 if no token was compared."""
    at: tuple[int, int]
    """Its sequence and position, (-1, -1) if no token was compared."""

    def line(self) -> str:
        """The comparison as a sentence."""
        left = f" ({self.too_wide} more were too wide for it)" if self.too_wide else ""
        return (
            f"against pyAgrum the posterior differs by at most {self.difference:.1e} on {self.tokens} hidden tokens of "
            f"{self.sequences} sequences{left}"
        )

    def require(self, tolerance: float = TOLERANCE) -> None:
        """Raise unless tokens were compared and the difference is within the tolerance.

        Raises:
            PosteriorsDisagreeError: it is not; the message says where.
            ValueError: no token was compared.
        """
        if not self.tokens:
            raise ValueError(
                f"the check compared no token of {self.sequences} sequences: {self.too_wide} hidden ones were too wide "
                "for the library. Check sequences with fewer hidden tokens."
            )
        if self.difference > tolerance:
            raise PosteriorsDisagreeError(
                f"{self.line()}, more than {tolerance:g}: sequence {self.at[0]}, position {self.at[1]}. One of the two "
                "is wrong; do not use numbers that rest on this posterior."
            )


def check_against_library(
    posterior: Posterior,
    distribution: LODistribution,
    tokens: Integer[np.ndarray, "B L"],
    *,
    per_sequence: int = 16,
    max_width: int = 14,
    seed: int = 0,
) -> LibraryCheck:
    """Compare hidden tokens of some sequences with the library's answers, one junction tree for each.

    Args:
        posterior: what is judged, of ``distribution``.
        distribution: its observations must be tabulated for the library, so none may read many latents.
        tokens: possible evidence, 2 to 50 sequences.
        per_sequence: hidden tokens asked of each, drawn with ``seed``; all if there are fewer.
        max_width: tokens that need a wider junction tree are left out and counted.
        seed: names the draw.
    Raises:
        MissingLibraryError: pyAgrum is not installed; the message says how to.
        TypeError: tokens that are no integers.
        ValueError: tokens of another shape or out of range, an observation of too many latents, or what the posterior
            refuses.
    Cost: milliseconds per token asked.
    """
    tokens = checked_tokens(tokens, distribution.length, distribution.vocabulary)
    library = LibraryPosterior(distribution, "propagation", max_width=max_width)
    answers = np.exp(posterior.log_marginals(tokens))
    rng = np.random.default_rng(seed)
    compared, too_wide, worst, at = 0, 0, 0.0, (-1, -1)
    for number, row in enumerate(tokens):
        hidden = np.flatnonzero(row == distribution.mask_id)
        for position in np.sort(rng.permutation(hidden)[:per_sequence]):
            try:
                expected = library.marginals(row, position[None])[0]
            except ValueError:
                too_wide += 1
                continue
            difference = float(np.abs(answers[number, position] - expected).max())
            difference = float("inf") if np.isnan(difference) else difference
            if not compared or difference > worst:
                worst, at = difference, (number, int(position))
            compared += 1
    return LibraryCheck(len(tokens), compared, too_wide, worst, at)


def hidden_sample(distribution: LODistribution, n: int, seed: int) -> Int64[np.ndarray, "n L"]:
    """``n`` sequences of which the first hides one token and the last hides all, in equal steps between."""
    rng = np.random.default_rng(seed)
    rows = distribution.sample(n, rng).astype(np.int64)
    hidden = np.linspace(1, distribution.length, n).round().astype(np.int64)
    places = rng.random(rows.shape).argsort(axis=1).argsort(axis=1)
    return np.where(places < hidden[:, None], distribution.mask_id, rows)
