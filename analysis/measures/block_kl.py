"""How far written text is from a chain, seen through its blocks: a bound from below that needs no model of the writer.

Of a chain p of memory m and any law q of sequences

    KL(q || p) >= sum_t E_q log( r(x_t | x_{t-k}, ..., x_{t-1}) / p(x_t | x_{t-m}, ..., x_{t-1}) ),   k >= m,

whatever the conditional law r: the chain rule, the convexity of the divergence in the context, and Gibbs' inequality.
With q's own conditionals for r the sum is the cross-entropy minus the entropy of blocks. Those of a sample are too
sharp: the plug-in entropy of blocks is too small, and text of p itself seems to be away from p. So r is counted in
other sequences than those it is measured on, in five parts by turns, and its counts are smoothed towards shorter
contexts and, in the end, towards p, as much as the counted sequences themselves ask for. The mean is then a bound
whatever the number of sequences, and near zero where q is p.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64, Integer

from generators.text.markov import MarkovChain
from lo_theory.estimate import Estimate, mean_estimate

PARTS = 5
_WEIGHTS = np.geomspace(1.0, 1e6, 13)
"""Counts that a shorter context is worth; the largest leaves nothing of what was counted."""


def block_kl(tokens: Integer[np.ndarray, "n L"], chain: MarkovChain, memory: int) -> Estimate:
    """Bound on KL(q || chain) from below in nats per token, by blocks of ``memory + 1`` tokens of sequences of q.

    The standard error is that over sequences, those that r was counted in being held fixed. ``inf``, with error NaN, if
    a token is impossible under the chain.

    Args:
        memory: k, at least the chain's own.
    Raises:
        ValueError: a memory below the chain's or as long as a sequence; fewer than ten sequences; tokens that the chain
            lacks, or sequences of another length.
    """
    tokens = _checked(tokens, chain, memory)
    truth = _true_log_probs(tokens, chain, memory)
    if np.isneginf(truth).any():
        return Estimate(value=np.inf, standard_error=np.nan, samples=len(tokens), method="monte_carlo")
    codes = _codes(tokens, chain.vocabulary, memory)
    part = np.arange(len(tokens)) % PARTS
    excess = np.empty(len(tokens))
    for held in range(PARTS):
        mine = part == held
        fitted = _conditional(codes[~mine], codes[mine], truth[~mine], truth[mine], chain.vocabulary, chain.memory)
        excess[mine] = (fitted - truth[mine]).sum(axis=1)
    return mean_estimate(excess / chain.length)


def plug_in_kl(tokens: Integer[np.ndarray, "n L"], chain: MarkovChain, memory: int) -> float:
    """The same with r counted in the very sequences that it is measured on, which is what :func:`block_kl` corrects.

    Too large by about V^memory (V - 1) / 2 over the number of tokens.
    """
    tokens = _checked(tokens, chain, memory)
    truth = _true_log_probs(tokens, chain, memory)
    code = _codes(tokens, chain.vocabulary, memory)[..., -1]
    size = chain.vocabulary
    pairs = np.bincount(code.ravel(), minlength=size ** (memory + 1)).reshape(-1, size)
    shares = pairs / np.maximum(pairs.sum(axis=1, keepdims=True), 1)
    return float((np.log(shares.ravel()[code]) - truth).sum(axis=1).mean() / chain.length)


def _checked(tokens: Integer[np.ndarray, "n L"], chain: MarkovChain, memory: int) -> Int64[np.ndarray, "n L"]:
    tokens = np.asarray(tokens).astype(np.int64)
    if not chain.memory <= memory < chain.length:
        raise ValueError(
            f"blocks reach back at least over the chain's memory, {chain.memory}, and less than its length, "
            f"{chain.length}; got {memory}."
        )
    if tokens.ndim != 2 or tokens.shape[1] != chain.length or len(tokens) < 2 * PARTS:
        raise ValueError(
            f"blocks are counted in at least {2 * PARTS} sequences of {chain.length} tokens; got shape {tokens.shape}."
        )
    if tokens.min() < 0 or tokens.max() >= chain.vocabulary:
        raise ValueError(f"tokens lie in range({chain.vocabulary}); got {int(tokens.min())} to {int(tokens.max())}.")
    return tokens


def _true_log_probs(tokens: np.ndarray, chain: MarkovChain, memory: int) -> Float64[np.ndarray, "n T"]:
    """Log-probability of each token from ``memory`` on, given those before it; ``-inf`` where it is impossible."""
    count = chain.length - memory
    back = [tokens[:, memory - lag : memory - lag + count] for lag in range(chain.memory, -1, -1)]
    with np.errstate(divide="ignore"):
        return np.log(chain.transition)[tuple(back)]


def _codes(tokens: np.ndarray, vocabulary: int, memory: int) -> Int64[np.ndarray, "n T K"]:
    """Numbers of the blocks of 1 to ``memory + 1`` tokens that end at each token; the context is the number // V."""
    count = tokens.shape[1] - memory
    codes = [tokens[:, memory:]]
    for lag in range(1, memory + 1):
        codes.append(codes[-1] + vocabulary**lag * tokens[:, memory - lag : memory - lag + count])
    return np.stack(codes, axis=-1)


def _conditional(
    counted: np.ndarray, asked: np.ndarray, counted_truth: np.ndarray, asked_truth: np.ndarray, size: int, least: int
) -> Float64[np.ndarray, "n T"]:
    """log r of the last token of each asked block, r counted in other sequences, from short contexts to long ones."""
    base = np.exp(counted_truth), np.exp(asked_truth)
    for lag in range(least, counted.shape[-1]):
        mine, other = counted[..., lag], asked[..., lag]
        blocks = np.bincount(mine.ravel(), minlength=size ** (lag + 1))
        contexts = blocks.reshape(-1, size).sum(axis=1)
        here, around = blocks[mine], contexts[mine // size]
        scores = [
            np.log(np.maximum((here - 1 + w * base[0]) / (around - 1 + w), 1e-300)).sum() for w in _WEIGHTS
        ]  # each token left out of its own counts
        w = _WEIGHTS[int(np.argmax(scores))]
        base = (
            (here - 1 + w * base[0]) / (around - 1 + w),
            (blocks[other] + w * base[1]) / (contexts[other // size] + w),
        )
    return np.log(base[1])
