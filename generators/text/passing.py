"""What Markov chains of memory 1 and 2 and hidden Markov models have in common, as messages along them see it.

At every step the chain is in a state ``i * M + m`` and moves to ``m * J + j`` with probability ``cube[i, m, j]``; the
newest part of a state is the state modulo J. With M = 1 that is a chain of memory 1 or the hidden states of a hidden
Markov model, with M = J one of memory 2, whose states are pairs of tokens.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64


class Passing(NamedTuple):
    """A chain as its messages see it.

    Attributes:
        start: probability of the first state, (I M,).
        cube: of the moves, (I, M, J).
        emission: (J, V) probabilities of the token given the newest part of the state; None where that is the token.
        memory: tokens that a state holds, 1 or 2.
    """

    start: Float64[np.ndarray, "N"]
    cube: Float64[np.ndarray, "I M J"]
    emission: Float64[np.ndarray, "J V"] | None
    memory: int


@runtime_checkable
class Chain(Protocol):
    """A distribution that messages can be passed along: ``MarkovChain`` and ``HiddenMarkov``."""

    @property
    def length(self) -> int:
        """Tokens of a sequence, L."""
        ...

    @property
    def vocabulary(self) -> int:
        """Number of tokens, V; the mask id is V."""
        ...

    @property
    def passing(self) -> Passing:
        """The chain as its messages see it."""
        ...


def distribution_function(probabilities: Float64[np.ndarray, "... V"]) -> Float64[np.ndarray, "... V"]:
    """Running sums; from the last possible value on infinite, so that rounding opens no value of probability zero."""
    edges = np.cumsum(probabilities, axis=-1)
    size = probabilities.shape[-1]
    last = size - 1 - (probabilities[..., ::-1] > 0).argmax(axis=-1)
    edges[np.arange(size) >= last[..., None]] = np.inf
    return edges


def logarithm(probabilities: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """``-inf`` of 0, without a warning."""
    with np.errstate(divide="ignore"):
        return np.log(probabilities)


def log_emission(passing: Passing) -> Float64[np.ndarray, "J V"]:
    """As the kernels take it: no columns where the newest part of a state is the token."""
    inner = passing.cube.shape[2]
    return np.empty((inner, 0)) if passing.emission is None else logarithm(passing.emission)
