"""Small chains of every kind, and what the definition says about them."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import strategies as st

from generators.text.hidden import HiddenMarkov
from generators.text.markov import MarkovChain


def probabilities(rng: np.random.Generator, *shape: int, zeros: float) -> np.ndarray:
    """Distributions along the last axis, a share of whose entries is zero."""
    weights = rng.gamma(0.5, size=shape) * (rng.random(shape) >= zeros)
    weights[..., 0] += weights.sum(axis=-1) == 0
    return weights / weights.sum(axis=-1, keepdims=True)


def chain(seed: int, kind: str, zeros: float, *, most: int = 5) -> MarkovChain | HiddenMarkov:
    """Two or three tokens, ``most`` positions at most; kind is "1", "2" (the memory) or "hidden"."""
    rng = np.random.default_rng(seed)
    size, length, states = int(rng.integers(2, 4)), int(rng.integers(2, most + 1)), int(rng.integers(1, 4))
    if kind == "hidden":
        parts = ((states,), (states, states), (states, size))
        initial, moves, emission = (probabilities(rng, *shape, zeros=zeros) for shape in parts)
        return HiddenMarkov(initial, moves, emission, length)
    memory = int(kind)
    initial = probabilities(rng, size**memory, zeros=zeros).reshape((size,) * memory)
    return MarkovChain(initial, probabilities(rng, *(size,) * (memory + 1), zeros=zeros), length)


def chains(*, most: int = 5) -> st.SearchStrategy[MarkovChain | HiddenMarkov]:
    kinds, zeros = st.sampled_from(["1", "2", "hidden"]), st.sampled_from([0.0, 0.4])
    return st.builds(lambda seed, kind, share: chain(seed, kind, share, most=most), st.integers(0, 10**6), kinds, zeros)


def joint(law: MarkovChain | HiddenMarkov) -> tuple[np.ndarray, np.ndarray]:
    """All sequences (S, L) and their probabilities, from the definition, in plain products."""
    sequences = np.array(list(itertools.product(range(law.vocabulary), repeat=law.length)))
    return sequences, np.array([probability(law, x) for x in sequences.tolist()])


def probability(law: MarkovChain | HiddenMarkov, x: list[int]) -> float:
    if isinstance(law, HiddenMarkov):
        total = 0.0
        for z in itertools.product(range(law.states), repeat=len(x)):
            weight = law.initial[z[0]]
            for before, after in itertools.pairwise(z):
                weight *= law.transition[before, after]
            for state, token in zip(z, x, strict=True):
                weight *= law.emission[state, token]
            total += weight
        return float(total)
    weight = law.initial[tuple(x[: law.memory])]
    for at in range(law.memory, len(x)):
        weight *= law.transition[tuple(x[at - law.memory : at + 1])]
    return float(weight)
