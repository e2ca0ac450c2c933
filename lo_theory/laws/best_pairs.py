"""The best choice of two tokens per call: the recursion of :mod:`lo_theory.laws.best_order` over pairs of positions.

Two tokens of one call are drawn from their marginals, as if they were independent. With the exact posterior as denoiser
what is lost is what the two know of each other, so the best pairs tell what two tokens per call cost at least.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64

from generators.ground.compiled import kernels_of
from lo_theory.laws.best_order import hidden_scores
from lo_theory.laws.partial_sequences import PartialSequences
from lo_theory.samplers.reveal import reveal_top_k
from lo_theory.samplers.scores import Score

_kernel = kernels_of(Path(__file__).parent, [Path(__file__)])


@dataclass(frozen=True, eq=False)
class PairProblem:
    """What pairs are worth. Choices are two hidden positions for every sequence, the second -1 where one is left.

    Attributes:
        partial: the sequences.
        answers: (S, L, V) log-probabilities of the denoiser in nats, anything at visible positions.
        truth: of the V^L sequences without masks.
    """

    partial: PartialSequences
    answers: Float64[np.ndarray, "S L V"]
    truth: Float64[np.ndarray, " F"]

    def most_valid(self) -> tuple[Int64[np.ndarray, "S 2"], float]:
        """Choices that generate the fewest impossible sequences, and the chance of a possible one."""
        reward = (self.truth > 0).astype(np.float64)
        value, choices = _induct(
            np.exp(self.answers), np.zeros(0), np.zeros_like(self.answers), reward, self.partial.place
        )
        return choices, float(value[-1])

    def least_divergence(self) -> tuple[Int64[np.ndarray, "S 2"], float]:
        """Choices of least KL(truth || law), and that divergence in nats; ties to the lower positions."""
        mass, reward = self.partial.probability(self.truth), np.zeros_like(self.truth)
        value, choices = _induct(self.answers, mass, self.answers, reward, self.partial.place)
        possible = self.truth[self.truth > 0]
        return choices, float(possible @ np.log(possible) - value[-1])

    def law(self, choices: Int64[np.ndarray, "S 2"] | None) -> Float64[np.ndarray, " F"]:
        """What comes out, in the order of ``all_sequences``; None: a random pair at every call."""
        if choices is None:
            choices = np.full((self.partial.count, 2), -1)
        return _push(np.exp(self.answers), choices, self.partial.place)[self.partial.clean()]


def pairs_by_score(
    partial: PartialSequences, answers: Float64[np.ndarray, "S L V"], score: Score
) -> Int64[np.ndarray, "S 2"]:
    """The two positions that a score reveals together, ties to the lower ones.

    Args:
        score: one that draws nothing.
    Raises:
        ValueError: the score is NaN.
    """
    scores, hidden = hidden_scores(partial, answers, score)
    chosen = reveal_top_k(scores, hidden, torch.full((partial.count,), 2)).numpy()
    first = chosen.argmax(axis=1)
    last = partial.length - 1 - chosen[:, ::-1].argmax(axis=1)
    pairs = np.stack([first, np.where(last == first, -1, last)], axis=1)
    pairs[~chosen.any(axis=1)] = -1
    return pairs


@_kernel
def _induct(
    weight: Float64[np.ndarray, "S L V"],
    mass: Float64[np.ndarray, " M"],
    gain: Float64[np.ndarray, "S L V"],
    reward: Float64[np.ndarray, " F"],
    place: Int64[np.ndarray, " L"],
) -> tuple[Float64[np.ndarray, " S"], Int64[np.ndarray, "S 2"]]:
    """Values and best pairs; tokens are drawn by ``weight`` independently or, where a mass is given, jointly by it."""
    count, length, vocabulary = weight.shape
    value, chosen, at = np.empty(count), np.full((count, 2), -1), np.empty(length, np.int64)
    for s in range(count):
        hidden, clean = 0, 0
        for i in range(length):
            digit = s // place[i] % (vocabulary + 1)
            if digit == vocabulary:
                at[hidden] = i
                hidden += 1
            else:
                clean = clean * vocabulary + digit
        value[s] = reward[clean] if hidden == 0 else -np.inf
        for a in range(hidden):
            for b in range(a + 1, max(hidden, 2)):
                i, single = at[a], hidden == 1
                j = at[a] if single else at[b]
                outcome = 0.0
                for v in range(vocabulary):
                    for w in range(1 if single else vocabulary):
                        child = s - (vocabulary - v) * place[i]
                        pays = gain[s, i, v]
                        chance = weight[s, i, v] if mass.size == 0 else 0.0
                        if not single:
                            child -= (vocabulary - w) * place[j]
                            pays += gain[s, j, w]
                            chance *= weight[s, j, w] if mass.size == 0 else 0.0
                        if mass.size > 0 and mass[s] > 0:
                            chance = mass[child] / mass[s]
                        if chance > 0:
                            outcome += chance * (pays + value[child])
                if chosen[s, 0] < 0 or outcome > value[s]:
                    value[s], chosen[s, 0], chosen[s, 1] = outcome, i, -1 if single else j
    return value, chosen


@_kernel
def _push(
    weight: Float64[np.ndarray, "S L V"], choices: Int64[np.ndarray, "S 2"], place: Int64[np.ndarray, " L"]
) -> Float64[np.ndarray, " S"]:
    """Chance of each sequence, from all masks downwards; where no choice is made all pairs are equally likely."""
    count, length, vocabulary = weight.shape
    mass, at = np.zeros(count), np.empty(length, np.int64)
    mass[count - 1] = 1.0
    for s in range(count - 1, -1, -1):
        hidden = 0
        for i in range(length):
            if s // place[i] % (vocabulary + 1) == vocabulary:
                at[hidden] = i
                hidden += 1
        if mass[s] == 0.0 or hidden == 0:
            continue
        if hidden == 1:
            for v in range(vocabulary):
                mass[s - (vocabulary - v) * place[at[0]]] += mass[s] * weight[s, at[0], v]
            continue
        pairs = hidden * (hidden - 1) / 2
        for a in range(hidden):
            for b in range(a + 1, hidden):
                i, j = at[a], at[b]
                if choices[s, 0] >= 0 and (choices[s, 0] != i or choices[s, 1] != j):
                    continue
                share = mass[s] / pairs if choices[s, 0] < 0 else mass[s]
                for v in range(vocabulary):
                    for w in range(vocabulary):
                        child = s - (vocabulary - v) * place[i] - (vocabulary - w) * place[j]
                        mass[child] += share * weight[s, i, v] * weight[s, j, w]
    return mass
