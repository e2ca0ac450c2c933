"""Marginals below the smallest float64: which there can be, and their logarithms from two evidences.

Answers are summed as probabilities, so what is less likely than about 1e-308 comes out as impossible. An evidence is a
logarithm throughout, so ``log p(x_i = v | seen) = log p(x_i = v, seen) - log p(seen)`` has all its digits at any size.
Few distributions have such values, and a bound over all completions of a row says where there are none to look for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from generators.distribution import LODistribution

FAINT = -650.0
"""Log probability below which a sum of products of probabilities may have lost digits, or all of them."""


class Spread(NamedTuple):
    """How many nats the weights of two completions of a row can differ by."""

    seen: Float64[np.ndarray, "L"]
    """For every visible token: an observation with noise agrees or not."""
    hidden: Float64[np.ndarray, "L"]
    """For every masked one: a latent has any value, of the likeliest or the least likely; so has one observation."""
    asked: float
    """For the value of one masked observation."""
    nowhere: bool
    """Whatever is visible, no marginal can be so faint."""

    def reaches(self, visible: Bool[np.ndarray, "B L"]) -> Bool[np.ndarray, "B"]:
        """Rows that may have a marginal so faint."""
        return visible @ self.seen + ~visible @ self.hidden + self.asked > -FAINT


def spread(distribution: LODistribution) -> Spread:
    """The bound of a distribution."""
    seen, hidden = np.zeros(distribution.length), np.zeros(distribution.length)
    prior = np.log(distribution.prior[distribution.prior > 0])
    hidden[distribution.latent_positions] = prior.max() - prior.min() + np.log(len(prior))
    noise, size = distribution.noise, distribution.alphabets[distribution.observation_positions]
    with np.errstate(divide="ignore"):
        kept, replaced = np.log1p(-noise), np.log(noise) - np.log(np.maximum(size - 1, 1))
    soft = np.isfinite(kept) & np.isfinite(replaced)
    seen[distribution.observation_positions[soft]] = np.abs(kept - replaced)[soft]
    least = np.minimum(np.where(np.isfinite(kept), kept, 0.0), np.where(np.isfinite(replaced), replaced, 0.0))
    asked = float(-least.min(initial=0.0))
    return Spread(seen, hidden, asked, bool(np.maximum(seen, hidden).sum() + asked <= -FAINT))


def restore(
    tokens: Int64[np.ndarray, "B L"],
    log_marginals: Float64[np.ndarray, "B L V"],
    bound: Spread,
    mask_id: int,
    possible: Callable[[Int64[np.ndarray, "L"]], Bool[np.ndarray, "L V"]],
    log_evidence: Callable[[Int64[np.ndarray, "n L"]], Float64[np.ndarray, "n"]],
) -> None:
    """Replace the faint log marginals of masked tokens in place, where the bound says that there may be any.

    Args:
        tokens: rows that were answered.
        log_marginals: their answers, in nats; rows of NaN are left alone.
        bound: of their distribution.
        mask_id: of the masked tokens.
        possible: values of a row that are not ruled out at first sight; those that are stay at ``-inf``.
        log_evidence: ``-inf`` where a row is impossible, NaN where it is not known, which leaves the answer as it was.
    Cost: one evidence per faint value, and one per row that has any.
    """
    if bound.nowhere:
        return
    for row in np.flatnonzero(bound.reaches(tokens != mask_id)):
        with np.errstate(invalid="ignore"):
            faint = (log_marginals[row] < FAINT) & (tokens[row] == mask_id)[:, None]
        if not faint.any():
            continue
        positions, values = np.nonzero(faint & possible(tokens[row]))
        if not len(positions):
            continue
        asked = np.tile(tokens[row], (len(positions) + 1, 1))
        asked[np.arange(len(positions)), positions] = values
        found = log_evidence(asked)
        difference = found[:-1] - found[-1]
        known = ~np.isnan(difference)
        log_marginals[row, positions[known], values[known]] = difference[known]
