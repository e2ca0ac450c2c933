"""The likeliest completions of a row: the likeliest latents, and what each hidden observation then is.

Every token is a latent or an observation, and given the latents observations are independent, so a completion is a
vector of latents and, for each hidden observation, the value that they send or another one. The search is for the
latents; a row with noise then has further completions, one swapped value at a time.

Ties: of equally probable completions those come first whose latents, read in their order, are smaller, and then those
whose hidden observations, read in theirs, are. Log probabilities are compared as multiples of a small power of two, so
that those which are sums of the same numbers are equal whatever the order they were added in.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from generators.distribution import LODistribution
from generators.ground.integers import integers
from generators.ground.memory import check_memory
from lo_theory.posteriors.answers import Completions

_DIGITS = 52
"""Sums of whole numbers below two to this power are exact in float64."""


class Scores(NamedTuple):
    """Log probabilities of one distribution in units of ``unit`` nats, rounded: whole numbers, or ``-inf``."""

    unit: float
    prior: Float64[np.ndarray, "m"]
    kept: Float64[np.ndarray, "P"]
    """Of an observation that is what the latents send."""
    replaced: Float64[np.ndarray, "P"]
    """Of each other value."""


def scores(distribution: LODistribution) -> Scores:
    """The unit is as fine as lets the score of a whole sequence be exact, 2e-13 nats at (100, 200)."""
    noise, size = distribution.noise, distribution.alphabets[distribution.observation_positions]
    with np.errstate(divide="ignore"):
        prior = np.log(distribution.prior)
        kept, replaced = np.log1p(-noise), np.log(noise) - np.log(np.maximum(size - 1, 1))
    largest = distribution.n_latents * np.abs(prior[np.isfinite(prior)]).max()
    for one, other in zip(kept.tolist(), replaced.tolist(), strict=True):
        largest += max(abs(x) for x in (one, other) if x > -math.inf)
    unit = 2.0 ** (math.ceil(math.log2(max(largest, 1.0))) - _DIGITS)
    return Scores(unit, *(np.rint(x / unit) for x in (prior, kept, replaced)))


def complete(
    distribution: LODistribution,
    scores: Scores,
    row: Int64[np.ndarray, "L"],
    latents: Int64[np.ndarray, "n N"],
    latent_scores: Float64[np.ndarray, "n"],
    count: int,
) -> Int64[np.ndarray, "k L"]:
    """The ``count`` best completions of a row, or all if there are fewer, best first.

    Args:
        latents: the best ones in their order, ``count`` of them unless there are fewer.
        latent_scores: of the latents with all visible tokens.
    Cost: O(count H log(count H)) for H hidden observations with noise.
    """
    positions = distribution.observation_positions
    by_value = np.lexsort(latents.T[::-1])  # equal sums are settled by the latents, whatever their own scores are
    latents, latent_scores = latents[by_value], latent_scores[by_value]
    hidden = np.flatnonzero(row[positions] == distribution.mask_id)
    sent = distribution.observe(latents).astype(np.int64)[:, hidden]
    sizes, kept, replaced = distribution.alphabets[positions[hidden]], scores.kept[hidden], scores.replaced[hidden]
    options = [
        [_options(*each) for each in zip(values, sizes.tolist(), kept.tolist(), replaced.tolist(), strict=True)]
        for values in sent.tolist()
    ]
    chosen = _best_first(latent_scores.tolist(), options, count)
    lines = np.tile(row, (len(chosen), 1))
    for line, (number, values) in zip(lines, chosen, strict=True):
        line[distribution.latent_positions] = latents[number]
        line[positions[hidden]] = values
    return lines


def _options(sent: int, size: int, kept: float, replaced: float) -> list[tuple[float, int]]:
    """Score and value of everything that an observation can be, best first."""
    every = [(kept if value == sent else replaced, value) for value in range(size)]
    return sorted((pair for pair in every if pair[0] > -math.inf), key=lambda pair: (-pair[0], pair[1]))


def _best_first(
    latent_scores: list[float], options: list[list[list[tuple[float, int]]]], count: int
) -> list[tuple[int, list[int]]]:
    """Number of the latents and values of the hidden observations of the ``count`` best, in order.

    A choice is reached from the one whose last worse value was better by one place, so each is reached once, and from
    one that comes before it.
    """
    waiting = [
        (-score - sum(of_one[0][0] for of_one in each), number, [of_one[0][1] for of_one in each], (0,) * len(each))
        for number, (score, each) in enumerate(zip(latent_scores, options, strict=True))
    ]
    heapq.heapify(waiting)
    found = []
    while waiting and len(found) < count:
        cost, number, values, places = heapq.heappop(waiting)
        found.append((number, values))
        last = max((at for at, place in enumerate(places) if place), default=0)
        for at in range(last, len(places)):
            of_one, place = options[number][at], places[at] + 1
            if place < len(of_one):
                dearer = cost + of_one[place - 1][0] - of_one[place][0]
                other = [*values[:at], of_one[place][1], *values[at + 1 :]]
                heapq.heappush(waiting, (dearer, number, other, (*places[:at], place, *places[at + 1 :])))
    return found


def checked_count(count: int) -> int:
    """How many completions are asked for.

    Raises:
        TypeError: no integer.
        ValueError: fewer than one.
    """
    whole = int(integers(count, "counts"))
    if whole < 1:
        raise ValueError(f"at least one completion must be asked for; got k = {count}.")
    return whole


Best = Callable[[Int64[np.ndarray, "L"], int], tuple[Int64[np.ndarray, "k N"], Float64[np.ndarray, "k"]]]
"""The likeliest latents of a row with this number, at most as many as asked for, in order, and their scores."""


def likeliest(
    distribution: LODistribution,
    scores: Scores,
    tokens: Int64[np.ndarray, "B L"],
    log_evidence: Float64[np.ndarray, "B"],
    count: int,
    best: Best,
) -> Completions:
    """The ``count`` likeliest completions of every row, (B, count, L) and (B, count).

    Where there are fewer, the row itself with its masks fills the rest, at ``-inf``.

    Raises:
        ValueError: the answer does not fit into memory.
    """
    check_memory(
        8 * count * tokens.size,
        what=f"{count} completions of {len(tokens)} rows",
        advice="Ask for fewer, or for fewer rows at a time.",
    )
    completed = np.repeat(tokens[:, None], count, axis=1)
    log_probabilities = np.full((len(tokens), count), -np.inf)
    for number, row in enumerate(tokens):
        latents, latent_scores = best(row, number)
        lines = complete(distribution, scores, row, latents, latent_scores, count)
        completed[number, : len(lines)] = lines
        log_probabilities[number, : len(lines)] = distribution.log_prob(lines) - log_evidence[number]
    return Completions(completed, log_probabilities)
