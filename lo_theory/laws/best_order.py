"""The best order there is: backward induction over all sequences with masks, one token per call.

A policy chooses the next position from what is visible. With one token per call the law of what it generates is a
product of the denoiser's answers along each sequence's own path, so what a policy is worth obeys

    value(s) = sum_v weight(v | s, i) [ gain(v | s, i) + value(s with v at i) ],    i the policy's choice at s,

and the best policy takes the best i everywhere (Bellman 1957). Two readings: :func:`generating` draws tokens from the
denoiser q and is paid at the end, by whether the sequence is possible or by any other reward; :func:`explaining` draws
them from the truth p and is paid log q on the way, so that minus the value is the cross-entropy of the policy's law,
and the best value belongs to the policy of least KL(p || law). No learned or heuristic order can beat either.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from generators.ground.compiled import kernels_of
from lo_theory.laws.partial_sequences import PartialSequences
from lo_theory.samplers.scores import Score, require_scores

_BEST, _RANDOM = -2, -1  # in the place of a position
_kernel = kernels_of(Path(__file__).parent, [Path(__file__)])


@dataclass(frozen=True, eq=False)
class OrderProblem:
    """What an order is worth. Choices are a position for every sequence with masks, in the order of their numbers.

    Attributes:
        partial: the sequences.
        weight: (S, L, V) probability of each value at a hidden position; anything at visible ones.
        gain: (S, L, V) what revealing it pays at once.
        reward: of the V^L sequences without masks.
    """

    partial: PartialSequences
    weight: Float64[np.ndarray, "S L V"]
    gain: Float64[np.ndarray, "S L V"]
    reward: Float64[np.ndarray, " F"]

    def best(self) -> tuple[Int64[np.ndarray, " S"], Float64[np.ndarray, " S"]]:
        """Choices of a best policy, ties to the lower position, and the value from every sequence on."""
        choices = np.full(self.partial.count, _BEST)
        value, chosen = _induct(self.weight, self.gain, self.reward, choices, self.partial.place)
        return chosen, value

    def value(self, choices: Int64[np.ndarray, " S"]) -> float:
        """Of a policy, from all masks on."""
        self._check(choices)
        return float(_induct(self.weight, self.gain, self.reward, choices, self.partial.place)[0][-1])

    def random_value(self) -> float:
        """The mean over all orders: one token per call at a uniformly random position."""
        choices = np.full(self.partial.count, _RANDOM)
        return float(_induct(self.weight, self.gain, self.reward, choices, self.partial.place)[0][-1])

    def is_best(
        self, choices: Int64[np.ndarray, " S"], value: Float64[np.ndarray, " S"], slack: float = 1e-9
    ) -> Bool[np.ndarray, " S"]:
        """Whether a choice is one of the best, when the best are made from then on; True where nothing is hidden.

        Args:
            value: of the best policy.
            slack: what a choice may lose.
        """
        self._check(choices)
        return _outcome(self.weight, self.gain, value, choices, self.partial.place) >= value - slack

    def outcomes(self, value: Float64[np.ndarray, " S"]) -> Float64[np.ndarray, "S L"]:
        """What revealing each hidden position next leads to, if ``value`` is what follows; ``-inf`` at visible ones."""
        each = [
            _outcome(self.weight, self.gain, value, np.full(self.partial.count, i), self.partial.place)
            for i in range(self.partial.length)
        ]
        return np.where(self.partial.hidden(), np.stack(each, axis=1), -np.inf)

    def reached(self, choices: Int64[np.ndarray, " S"] | None) -> Float64[np.ndarray, " S"]:
        """Chance that a policy comes by each sequence when values are drawn from ``weight``; None: a random order."""
        if choices is None:
            choices = np.full(self.partial.count, _RANDOM)
        else:
            self._check(choices)
        return _push(self.weight, choices, self.partial.place)

    def law(self, choices: Int64[np.ndarray, " S"] | None) -> Float64[np.ndarray, " F"]:
        """What comes out, in the order of ``all_sequences``: :meth:`reached` of the sequences without masks."""
        return self.reached(choices)[self.partial.clean()]

    def _check(self, choices: Int64[np.ndarray, " S"]) -> None:
        """ValueError unless every sequence with masks is given one of them."""
        hidden = self.partial.hidden()
        if choices.shape != (self.partial.count,):
            raise ValueError(f"a policy chooses for each of {self.partial.count} sequences; got {choices.shape}.")
        inside = (choices >= 0) & (choices < self.partial.length)
        right = inside & hidden[np.arange(len(choices)), np.where(inside, choices, 0)]
        wrong = np.flatnonzero(~right & hidden.any(axis=1))
        if wrong.size:
            raise ValueError(f"a policy chooses a hidden position; at sequence {wrong[0]} it is {choices[wrong[0]]}.")


def generating(
    partial: PartialSequences, answers: Float64[np.ndarray, "S L V"], reward: Float64[np.ndarray, " F"]
) -> OrderProblem:
    """Values drawn from a denoiser, paid by what comes out: with the indicator of the support, the chance of it.

    Args:
        answers: of the denoiser (:meth:`~lo_theory.laws.partial_sequences.PartialSequences.answers`).
    Raises:
        ValueError: a reward for another number of sequences than V^L.
    """
    if reward.shape != (partial.vocabulary**partial.length,):
        raise ValueError(f"a reward is given for each of {partial.vocabulary**partial.length}; got {reward.shape}.")
    return OrderProblem(partial, np.exp(answers), np.zeros_like(answers), reward)


def explaining(
    partial: PartialSequences, truth: Float64[np.ndarray, "S L V"], answers: Float64[np.ndarray, "S L V"]
) -> OrderProblem:
    """Values drawn from the truth, each paid its log-probability in nats: the value is minus a cross-entropy.

    For a policy that draws nothing the value plus the entropy is -KL(p || law). Of a random order it is the mean over
    orders, the NELBO: KL(p || law) itself is smaller, as the law is a mixture.

    Args:
        truth, answers: of the law and of the denoiser.
    """
    nothing = np.zeros(partial.vocabulary**partial.length)
    return OrderProblem(partial, np.exp(truth), answers, nothing)


def choices_by_score(
    partial: PartialSequences, answers: Float64[np.ndarray, "S L V"], score: Score
) -> Int64[np.ndarray, " S"]:
    """The position that a score reveals first, ties to the lower one; 0 where nothing is hidden.

    Args:
        score: one that draws nothing.
    Raises:
        ValueError: the score is NaN.
    """
    scores, hidden = (part.numpy() for part in hidden_scores(partial, answers, score))
    return np.where(hidden.any(axis=1), _first_best(scores, hidden), 0)


def hidden_scores(
    partial: PartialSequences, answers: Float64[np.ndarray, "S L V"], score: Score
) -> tuple[Float64[Tensor, "S L"], Bool[Tensor, "S L"]]:
    """What a score that draws nothing says of every hidden position, ``-inf`` elsewhere; and where they are.

    Raises:
        ValueError: the score is NaN.
    """
    hidden = torch.from_numpy(partial.hidden())
    scores = score(torch.from_numpy(np.nan_to_num(answers, nan=0.0)), hidden, torch.Generator())
    scores = scores.double().masked_fill(~hidden, -torch.inf)
    require_scores(scores)
    return scores, hidden


def choices_in_order(partial: PartialSequences, order: Int64[np.ndarray, " L"]) -> Int64[np.ndarray, " S"]:
    """The first hidden position of a fixed order; 0 where nothing is hidden."""
    hidden = partial.hidden()
    return np.where(hidden.any(axis=1), order[hidden[:, order].argmax(axis=1)], 0)


def _first_best(scores: Float64[np.ndarray, "S L"], hidden: Bool[np.ndarray, "S L"]) -> Int64[np.ndarray, " S"]:
    """The lowest hidden position of the highest score, even where all are ``-inf``."""
    tied = hidden & (scores == scores.max(axis=1, keepdims=True))
    return tied.argmax(axis=1)


@_kernel
def _induct(
    weight: Float64[np.ndarray, "S L V"],
    gain: Float64[np.ndarray, "S L V"],
    reward: Float64[np.ndarray, " F"],
    choices: Int64[np.ndarray, " S"],
    place: Int64[np.ndarray, " L"],
) -> tuple[Float64[np.ndarray, " S"], Int64[np.ndarray, " S"]]:
    """Values and choices from the smallest number upwards."""
    count, length, vocabulary = weight.shape
    value, chosen = np.empty(count), np.zeros(count, np.int64)
    for s in range(count):
        clean, hidden, total, best, at = 0, 0, 0.0, -np.inf, -1
        for i in range(length):
            digit = s // place[i] % (vocabulary + 1)
            if digit != vocabulary:
                clean = clean * vocabulary + digit
                continue
            hidden += 1
            if choices[s] >= 0 and choices[s] != i:
                continue
            outcome = 0.0
            for v in range(vocabulary):
                if weight[s, i, v] > 0:
                    outcome += weight[s, i, v] * (gain[s, i, v] + value[s - (vocabulary - v) * place[i]])
            total += outcome
            if at < 0 or outcome > best:
                best, at = outcome, i
        if hidden == 0:
            value[s] = reward[clean]
        elif choices[s] == -1:
            value[s] = total / hidden
        else:
            value[s], chosen[s] = best, at
    return value, chosen


@_kernel
def _outcome(
    weight: Float64[np.ndarray, "S L V"],
    gain: Float64[np.ndarray, "S L V"],
    value: Float64[np.ndarray, " S"],
    choices: Int64[np.ndarray, " S"],
    place: Int64[np.ndarray, " L"],
) -> Float64[np.ndarray, " S"]:
    """What one choice leads to, if ``value`` is what follows."""
    count, _, vocabulary = weight.shape
    out = value.copy()
    for s in range(count):
        i = choices[s]
        if s // place[i] % (vocabulary + 1) == vocabulary:
            out[s] = 0.0
            for v in range(vocabulary):
                if weight[s, i, v] > 0:
                    out[s] += weight[s, i, v] * (gain[s, i, v] + value[s - (vocabulary - v) * place[i]])
    return out


@_kernel
def _push(
    weight: Float64[np.ndarray, "S L V"], choices: Int64[np.ndarray, " S"], place: Int64[np.ndarray, " L"]
) -> Float64[np.ndarray, " S"]:
    """Chance of each sequence, from all masks downwards."""
    count, length, vocabulary = weight.shape
    mass = np.zeros(count)
    mass[count - 1] = 1.0
    for s in range(count - 1, -1, -1):
        hidden = 0
        for i in range(length):
            hidden += s // place[i] % (vocabulary + 1) == vocabulary
        if mass[s] == 0.0 or hidden == 0:
            continue
        for i in range(length):
            masked = s // place[i] % (vocabulary + 1) == vocabulary
            if not masked or (choices[s] >= 0 and choices[s] != i):
                continue
            share = mass[s] / hidden if choices[s] < 0 else mass[s]
            for v in range(vocabulary):
                mass[s - (vocabulary - v) * place[i]] += share * weight[s, i, v]
    return mass
