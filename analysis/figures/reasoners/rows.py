"""What is written down about a path along the solutions: chances of solving, and the account of its guesses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Shaped

from analysis.figures.reasoners.solution_path import SolutionPath
from analysis.lab.rows import Row, Rows, Subject
from analysis.puzzles.judging import BOARD
from lo_theory.estimate import Estimate, effective_interval, mean_estimate, ratio_estimate
from lo_theory.samplers.menu import MARGIN

EXPERIMENT_NAME = "reasoners"
NATS, FORCED_NATS = "nats_per_board", "forced_nats_per_board"
NEEDING, GUESSES = "boards_with_a_guess", "guesses_per_board"
FIRST_RIGHT, LATER_RIGHT, FIRST_CANDIDATES = "first_guess_right", "later_guesses_right", "first_guess_candidates"
EARLY, PREDICTED_EARLY, EARLY_EXCESS = "early_guesses", "early_guesses_predicted", "early_guesses_beyond_prediction"
TOP_EXCESS, SAME_ORDER = "top_probability_minus_this", "boards_in_the_order_of_top_probability"
SAMPLED_EXCESS, REMASKED = "sampled_minus_chain", "remasked_per_board"
CANDIDATES = "candidates"  # the name of what is swept
CONSTANT, ANNEALED = "constant noise", "annealed noise"


@dataclass(frozen=True)
class PathWriter:
    """Rows about one reasoner, set and order.

    All but the last two methods' are exact along the orders and averaged over boards.

    Attributes:
        about: reasoner and set.
        decoder: name of the order.
        swept, at: what else is varied.
    """

    about: Subject
    decoder: str
    swept: str
    at: float

    def solving(self, path: SolutionPath, top: SolutionPath) -> Iterator[Row]:
        """Chance of solving, its price in nats, and both beside the top probability's path on the same boards."""
        yield self.share(BOARD, path.solved)
        yield self.mean(NATS, path.nats.sum(axis=1))
        yield self.mean(TOP_EXCESS, top.solved - path.solved)
        yield self.share(SAME_ORDER, (path.revealed_at == top.revealed_at).all(axis=1).astype(float))

    def account(self, path: SolutionPath) -> Iterator[Row]:
        """How many guesses an order makes, and how good the first and the later ones are on boards that need one.

        The chance of solving such a board is the product of the last two.
        """
        first = path.first_guess
        needing = first > 0
        yield self.share(NEEDING, needing.astype(float))
        yield self.mean(GUESSES, path.guesses.sum(axis=1))
        yield self.mean(EARLY, path.early_guesses.sum(axis=1))
        if not needing.any():
            return
        right = 1.0 / first[needing]
        yield self.share(FIRST_RIGHT, right)
        yield self.row(LATER_RIGHT, ratio_estimate(path.solved[needing], right, method="chain"))
        for count in np.unique(first[needing]).tolist():
            share = (first[needing] == count).astype(float)
            yield self.share(FIRST_CANDIDATES, share, swept=CANDIDATES, at=float(count))

    def noise(self, path: SolutionPath) -> Iterator[Row]:
        """What forced guesses cost, and early guesses beside their prediction."""
        early, predicted, n = path.early_guesses.sum(axis=1), path.early.sum(axis=1), len(path.early)
        yield self.mean(FORCED_NATS, np.where(path.certain, 0.0, path.nats).sum(axis=1))
        yield self.mean(EARLY, early)
        yield self.mean(PREDICTED_EARLY, predicted)
        drawn = float((path.early * (1 - path.early)).sum())  # variance of the number of early guesses on all boards
        yield self.row(EARLY_EXCESS, _known_error(early - predicted, math.sqrt(drawn) / n))

    def sampled(self, solved: Bool[np.ndarray, "n"], path: SolutionPath) -> Row:
        """Boards solved with drawn digits, less the chance of it: zero but for the draws, whose spread is known."""
        chance = path.solved
        difference = solved - chance
        variance = max(float(np.var(difference)), float((chance * (1 - chance)).mean()))
        return self.row(SAMPLED_EXCESS, _known_error(difference, math.sqrt(variance / len(chance))))

    def remasked(self, counts: Float64[np.ndarray, "n"]) -> Row:
        """How often cells of a board were masked again."""
        return self.row(REMASKED, mean_estimate(counts))

    def mean(self, metric: str, values: Shaped[np.ndarray, "n"]) -> Row:
        """Mean over boards."""
        return self.row(metric, mean_estimate(values.astype(float), "chain"))

    def share(self, metric: str, values: Float64[np.ndarray, "n"], **where: Any) -> Row:
        """Mean of values in [0, 1], with Wilson's interval for the effective number of trials."""
        found = mean_estimate(values, "chain")
        low, high = effective_interval(found.value, found.standard_error, found.samples)
        return self.row(metric, found, low=low, high=high, **where)

    def row(self, metric: str, found: Estimate, **where: Any) -> Row:
        """One number; ``where`` has further fields, or others than the writer's."""
        varied = {"swept": self.swept, "at": self.at} | where
        return self.about.row(EXPERIMENT_NAME, metric, found, decoder=self.decoder, **varied)


@dataclass(frozen=True)
class Crossing:
    """Where margin comes to solve more boards than top probability as noise grows.

    Attributes:
        below: largest coefficient at which top probability is above by more than its 95% interval, before the sign
            changes.
        above: smallest from there on at which margin is.
        between: where the difference is zero, interpolated along the logarithm of the coefficient.
    """

    below: float
    above: float
    between: float


def crossing(rows: Rows, schedule: str) -> Crossing | None:
    """From the paired differences of one reasoner and set; None where the sign does not change once for certain."""
    found = rows.where(metric=TOP_EXCESS, decoder=MARGIN, swept=schedule)
    line = sorted((row for row in found if row.at), key=lambda row: row.at or 0.0)
    ahead = [row.at or 0.0 for row in line if row.interval[0] > 0]
    behind = [row.at or 0.0 for row in line if row.interval[1] < 0]
    if not ahead or not behind or max(ahead) > min(behind):
        return None
    for left, right in pairwise(line):
        if left.value > 0 >= right.value:
            share = left.value / (left.value - right.value)
            logs = math.log(left.at or 1.0), math.log(right.at or 1.0)
            return Crossing(max(ahead), min(behind), math.exp(logs[0] + share * (logs[1] - logs[0])))
    return None


def _known_error(values: Float64[np.ndarray, "n"], error: float) -> Estimate:
    return Estimate(value=float(values.mean()), standard_error=error, samples=len(values), method="monte_carlo")
