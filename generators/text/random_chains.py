"""Chains drawn at random, each from its sizes and one ``structure_seed``."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from generators.ground.draws import structure_rng
from generators.ground.numbers import whole_number
from generators.text.hidden import HiddenMarkov
from generators.text.markov import MarkovChain

_MARKOV_TAG, _HIDDEN_TAG = 0x7E1, 0x7E2


def random_markov(
    vocabulary: int,
    length: int,
    *,
    structure_seed: int,
    memory: int = 1,
    concentration: float = 1.0,
    successors: int | None = None,
) -> MarkovChain:
    """A chain whose distributions are drawn from a Dirichlet distribution.

    Args:
        memory: tokens that the next one depends on, 1 or 2.
        concentration: of the Dirichlet distribution; below 1 a few tokens are likely after each past.
        successors: how many tokens may follow each past at all; all of them if not given.
    Raises:
        ValueError: sizes that make no chain, a concentration that is not positive.

    >>> chain = random_markov(27, 256, structure_seed=0, successors=3)
    >>> int((chain.transition > 0).sum(axis=1).max())
    3
    """
    whole_number(memory, "memory", least=1, most=2)
    whole_number(vocabulary, "vocabulary", least=2)
    rng = structure_rng(structure_seed, _MARKOV_TAG)
    initial = _dirichlet(rng, 1, vocabulary**memory, concentration, None).reshape((vocabulary,) * memory)
    moves = _dirichlet(rng, vocabulary**memory, vocabulary, concentration, successors)
    return MarkovChain(initial, moves.reshape((vocabulary,) * (memory + 1)), length)


def random_hidden(
    states: int,
    vocabulary: int,
    length: int,
    *,
    structure_seed: int,
    concentration: float = 1.0,
    successors: int | None = None,
) -> HiddenMarkov:
    """A hidden Markov model whose distributions are drawn from a Dirichlet distribution.

    Args:
        concentration: of the Dirichlet distribution; below 1 the model is nearly deterministic.
        successors: how many states may follow each state, and how many tokens it may emit; all of them if not given.
    Raises:
        ValueError: sizes that make no model, a concentration that is not positive.
    """
    whole_number(states, "states", least=1)
    whole_number(vocabulary, "vocabulary", least=2)
    rng = structure_rng(structure_seed, _HIDDEN_TAG)
    return HiddenMarkov(
        _dirichlet(rng, 1, states, concentration, None)[0],
        _dirichlet(rng, states, states, concentration, None if successors is None else min(successors, states)),
        _dirichlet(rng, states, vocabulary, concentration, successors),
        length,
    )


def _dirichlet(
    rng: np.random.Generator, rows: int, size: int, concentration: float, few: int | None
) -> Float64[np.ndarray, "n V"]:
    """Rows of probabilities, with ``few`` that are not zero."""
    if not 0 < concentration < np.inf:
        raise ValueError(f"concentration must be positive and finite; got {concentration!r}.")
    kept = size if few is None else whole_number(few, "successors", least=1, most=size)
    drawn = rng.dirichlet(np.full(kept, concentration), size=rows)
    if kept == size:
        return drawn
    places = np.argsort(rng.random((rows, size)), axis=1)[:, :kept]
    out = np.zeros((rows, size))
    np.put_along_axis(out, places, drawn, axis=1)
    return out
