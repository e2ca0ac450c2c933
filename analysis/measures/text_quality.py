"""Whether written text varies and whether it repeats itself, sample by sample: what a perplexity does not see."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Integer

WORDS, PHRASES = 4, 8
"""Tokens of a block whose variety is counted, and of one whose return is: a short word, and a phrase of letters."""


def token_entropy(tokens: Integer[np.ndarray, "n L"]) -> Float64[np.ndarray, " n"]:
    """Entropy of the shares of tokens within each sample, in nats: published code calls it the entropy of a sample."""
    tokens = np.asarray(tokens).astype(np.int64)
    counts = np.zeros((len(tokens), int(tokens.max(initial=0)) + 1))
    np.add.at(counts, (np.arange(len(tokens))[:, None], tokens), 1.0)
    shares = counts / tokens.shape[1]
    return -np.where(shares > 0, shares * np.log(np.where(shares > 0, shares, 1.0)), 0.0).sum(axis=1)


def distinct_share(tokens: Integer[np.ndarray, "n L"], block: int = WORDS) -> Float64[np.ndarray, " n"]:
    """Different blocks of so many tokens in each sample over its blocks (distinct-n); 1: none comes twice.

    Raises:
        ValueError: blocks longer than the samples, or of no token.

    >>> distinct_share(np.array([[0, 1, 0, 1, 0]]), 2)
    array([0.5])
    """
    if not 1 <= block <= tokens.shape[1]:
        raise ValueError(f"a block has 1 to {tokens.shape[1]} tokens, those of a sample; got {block}.")
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(tokens), block, axis=1)
    return np.array([len(np.unique(some, axis=0)) / len(some) for some in windows])


def repeated_share(tokens: Integer[np.ndarray, "n L"], block: int = PHRASES) -> Float64[np.ndarray, " n"]:
    """Share of a sample's blocks of so many tokens that stood in it before; raises as :func:`distinct_share`."""
    return 1.0 - distinct_share(tokens, block)
