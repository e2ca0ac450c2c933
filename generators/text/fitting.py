"""Chains counted in a corpus: the statistics of text, with a truth that is known."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Int64

from generators.ground.draws import derived_seed, structure_rng
from generators.ground.memory import check_memory
from generators.ground.numbers import whole_number
from generators.text.corpus import Corpus
from generators.text.hidden import HiddenMarkov
from generators.text.markov import MarkovChain
from generators.text.passing import logarithm
from generators.text.windows import TextWindows

_FIT_TAG, _WINDOWS = 0x7E3, 1  # of structure_rng; of derived_seed


def fit_markov(corpus: Corpus, length: int, *, memory: int = 1, smoothing: float = 0.5) -> MarkovChain:
    """The chain of a corpus' pairs (or triples) of tokens, additively smoothed.

    ``transition[a, b] = (n(ab) + smoothing) / (n(a) + smoothing V)``; the first ``memory`` tokens have the frequencies
    of such runs at all places of the corpus, smoothed alike, as a window begins anywhere. After what never occurs,
    without smoothing, all tokens are equally likely; such pasts have probability zero.

    Args:
        length: tokens of a sequence of the chain, L.
        memory: 1 for pairs, 2 for triples.
        smoothing: added to every count; 0 leaves zeros.
    Raises:
        ValueError: another memory, a negative smoothing, a corpus of no more tokens than the memory, or a table that
            does not fit into memory.
    """
    whole_number(memory, "memory", least=1, most=2)
    size = corpus.vocabulary
    if not 0 <= smoothing < np.inf:
        raise ValueError(f"smoothing is added to every count, a number >= 0; got {smoothing!r}.")
    if len(corpus) <= memory:
        raise ValueError(f"{corpus.name} has {len(corpus)} tokens; counting needs more than {memory}.")
    check_memory(
        32 * size ** (memory + 1),
        what=f"a table of {size}**{memory + 1} counts",
        advice="Use memory=1 or units of fewer tokens, such as LETTERS.",
    )
    runs = _counts(corpus.tokens, memory, size) + smoothing
    moves = _counts(corpus.tokens, memory + 1, size) + smoothing
    totals = moves.sum(axis=-1, keepdims=True)
    transition = np.where(totals > 0, moves / np.where(totals > 0, totals, 1.0), 1.0 / size)
    return MarkovChain(runs / runs.sum(), transition, length)


def fit_hidden(
    corpus: Corpus,
    length: int,
    *,
    states: int,
    structure_seed: int,
    windows: int = 500,
    iterations: int = 30,
    smoothing: float = 0.1,
) -> HiddenMarkov:
    """A hidden Markov model of a corpus by expectation maximization (Baum et al. 1970), additively smoothed.

    Args:
        length: tokens of a sequence of the model and of the windows that it is fitted to, L.
        states: number of hidden states, S.
        structure_seed: of the random start and of the windows.
        windows: how many of the corpus it is fitted to.
        iterations: of expectation and maximization.
        smoothing: added to every expected count, above 0: no token is then impossible.
    Raises:
        ValueError: a size below 1, no smoothing, a window longer than the corpus.
    Cost: O(iterations windows L S (S + V)), and 24 windows L S bytes.
    """
    whole_number(iterations, "iterations", least=1)
    steps = maximized(
        corpus, length, states=states, structure_seed=structure_seed, windows=windows, smoothing=smoothing
    )
    return next(itertools.islice(steps, iterations, None))[0]


def maximized(
    corpus: Corpus, length: int, *, states: int, structure_seed: int, windows: int, smoothing: float
) -> Iterator[tuple[HiddenMarkov, float]]:
    """The models of :func:`fit_hidden`, the random start first, each with what no step lowers, in nats.

    That is the log-likelihood of the windows plus ``smoothing`` times the sum of all log-probabilities of the model.
    """
    whole_number(states, "states", least=1)
    whole_number(windows, "windows", least=1)
    if not 0 < smoothing < np.inf:
        raise ValueError(f"smoothing is added to every expected count, a number > 0; got {smoothing!r}.")
    rng = structure_rng(structure_seed, _FIT_TAG)
    rows = TextWindows(corpus, length).rows(derived_seed(_WINDOWS, structure_seed), 0, windows).astype(np.int64)
    model = HiddenMarkov(
        rng.dirichlet(np.full(states, 5.0)),
        rng.dirichlet(np.full(states, 5.0), size=states),
        rng.dirichlet(np.full(corpus.vocabulary, 5.0), size=states),
        length,
    )
    while True:
        *counts, log_likelihood = expected_counts(model, rows)
        parts = (model.initial, model.transition, model.emission)
        yield model, log_likelihood + smoothing * float(sum(logarithm(part).sum() for part in parts))
        initial, transition, emission = (_shares(count + smoothing) for count in counts)
        model = HiddenMarkov(initial, transition, emission, length)


def expected_counts(
    model: HiddenMarkov, rows: Int64[np.ndarray, "n L"]
) -> tuple[Float64[np.ndarray, "S"], Float64[np.ndarray, "S S"], Float64[np.ndarray, "S V"], float]:
    """Expected numbers of first states, moves and emissions given the rows, and the rows' log-likelihood in nats.

    Messages are scaled to add up to one; for models without zeros.
    """
    length, states = rows.shape[1], model.states
    given = model.emission.T[rows.T]  # (L, n, S)
    alpha, scale = np.empty_like(given), np.empty(given.shape[:2])
    for t in range(length):
        alpha[t] = given[t] * (model.initial if t == 0 else alpha[t - 1] @ model.transition)
        scale[t] = alpha[t].sum(axis=1)
        alpha[t] /= scale[t, :, None]
    moves, beta = np.zeros((states, states)), np.ones_like(given[0])
    alpha[-1] *= beta
    for t in range(length - 2, -1, -1):
        onward = beta * given[t + 1] / scale[t + 1, :, None]
        moves += alpha[t].T @ onward
        beta = onward @ model.transition.T
        alpha[t] *= beta  # now the posterior of the state
    flat, weights = rows.T.ravel(), alpha.reshape(-1, states)
    emissions = [np.bincount(flat, weights=weights[:, s], minlength=model.vocabulary) for s in range(states)]
    return alpha[0].sum(axis=0), moves * model.transition, np.stack(emissions), float(np.log(scale).sum())


def _counts(tokens: np.ndarray, run: int, size: int) -> Float64[np.ndarray, "..."]:
    """How often each run of tokens occurs, (V,) * run."""
    codes = np.zeros(len(tokens) - run + 1, dtype=np.int64)
    for at in range(run):
        codes = codes * size + tokens[at : len(tokens) - run + 1 + at]
    return np.bincount(codes, minlength=size**run).reshape((size,) * run).astype(np.float64)


def _shares(counts: Float64[np.ndarray, "... V"]) -> Float64[np.ndarray, "... V"]:
    return counts / counts.sum(axis=-1, keepdims=True)
