"""The likeliest latents of a row, and the next ones: elimination with maxima for sums, in NumPy.

A message holds, for every setting of the separator, the best choices of what was eliminated: scores, best first, and
with each a code, the values of the latents as digits. Codes are sums like scores, ties are settled by them, and the
answer is read from the code: nothing is traced back.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from lo_theory.posteriors.elimination.order import Forest
from lo_theory.posteriors.elimination.reduced import Reduced, Weights

_CODE_BITS = 62


class Choices(NamedTuple):
    """The best of every setting along the last axis, in any order; W words of digits, the first the most telling."""

    scores: Float64[np.ndarray, "*S k"]
    codes: Int64[np.ndarray, "W *S k"]


class Digits(NamedTuple):
    """Where a root stands in the code: roots in the order of their lowest latents."""

    alphabet: int
    per_word: int

    def words(self, roots: int) -> int:
        """How many words ``roots`` digits take."""
        return max(1, -(-roots // self.per_word))

    def place(self, root: int) -> tuple[int, int]:
        """Word, and what a one of the digit counts in it."""
        word, at = divmod(root, self.per_word)
        return word, self.alphabet ** (self.per_word - 1 - at)


def digits(alphabet: int) -> Digits:
    """As many in a word as there is room for."""
    return Digits(alphabet, int(_CODE_BITS / math.log2(alphabet)))


def needed_bytes(entries: float, count: int, alphabet: int, roots: int) -> float:
    """Memory of an elimination with ``count`` choices in every entry, about: scores, codes, and those being merged."""
    return 8.0 * entries * count * (1 + digits(alphabet).words(roots)) * 4


def best_latents(
    row: Reduced, weights: Weights, forest: Forest, count: int, alphabet: int
) -> tuple[Int64[np.ndarray, "k N"], Float64[np.ndarray, "k"]]:
    """The ``count`` likeliest latent vectors given the visible tokens, or all if there are fewer, best first.

    Returns (latents, scores): equal scores in the order of the latents; none where the tokens are impossible.
    """
    roots, code = len(row.members), digits(alphabet)
    words = code.words(roots)
    factors_of, messages_of = _buckets(weights, forest, roots)
    done = Choices(np.zeros(1), np.zeros((words, 1), dtype=np.int64))
    for step in range(roots):
        v = int(forest.sequence[step])
        cluster = forest.cluster[v, : forest.width[v] + 1].tolist()
        shape = tuple(len(weights.single[u]) for u in cluster)
        table = np.broadcast_to(weights.single[v], shape)
        for axes, factor in factors_of[v]:
            table = table + _aligned(factor, axes, cluster)
        word, worth = code.place(v)
        own = np.zeros((words, *shape, 1), dtype=np.int64)
        own[word] += (row.values[row.members[v][0]] * worth)[:, None]
        here = Choices(table[..., None], own)
        for axes, message in messages_of[v]:
            here = _together(here, _spread(message, axes, cluster), count)
        merged = (*shape[:-1], shape[-1] * here.scores.shape[-1])
        here = _best(Choices(here.scores.reshape(merged), here.codes.reshape(words, *merged)), count)
        if len(cluster) > 1:
            messages_of[int(forest.parent[v])].append((cluster[:-1], here))
        else:
            done = _together(done, here, count)
    return _read(row, code, done)


def _buckets(weights: Weights, forest: Forest, roots: int) -> tuple[list[list], list[list]]:
    """Tables that are added when a root is eliminated, each at the first of its roots; room for messages."""
    factors_of: list[list] = [[] for _ in range(roots)]
    for axes, table in weights.tables:
        first = min(axes, key=lambda u: int(forest.rank[u]))
        factors_of[first].append((list(axes), table))
    return factors_of, [[] for _ in range(roots)]


def _aligned(table: np.ndarray, axes: list[int], cluster: list[int]) -> np.ndarray:
    """The table with its axes in the order of the cluster, of length one where it lacks them."""
    order = [axes.index(u) for u in cluster if u in axes]
    sizes = iter(np.transpose(table, order).shape)
    return np.transpose(table, order).reshape([next(sizes) if u in axes else 1 for u in cluster])


def _spread(message: Choices, axes: list[int], cluster: list[int]) -> Choices:
    """A message, whose axes stand in the order of the cluster, over all of the cluster."""
    sizes = iter(message.scores.shape)
    shape = [next(sizes) if u in axes else 1 for u in cluster]
    kept = message.scores.shape[-1]
    by_rank = [axes.index(u) for u in cluster if u in axes]
    scores = np.transpose(message.scores, (*by_rank, len(axes))).reshape(*shape, kept)
    codes = np.transpose(message.codes, (0, *(a + 1 for a in by_rank), len(axes) + 1))
    return Choices(scores, codes.reshape(len(codes), *shape, kept))


def _together(left: Choices, right: Choices, count: int) -> Choices:
    """The best of all pairs of choices."""
    scores = left.scores[..., :, None] + right.scores[..., None, :]
    codes = left.codes[..., :, None] + right.codes[..., None, :]
    flat = (*scores.shape[:-2], scores.shape[-2] * scores.shape[-1])
    return _best(Choices(scores.reshape(flat), codes.reshape(len(codes), *flat)), count)


def _best(choices: Choices, count: int) -> Choices:
    """The best ``count`` of each setting: higher scores, then lower codes."""
    if choices.scores.shape[-1] <= count:
        return choices
    order = np.lexsort((*choices.codes[::-1], -choices.scores), axis=-1)[..., :count]
    codes = [np.take_along_axis(word, order, axis=-1) for word in choices.codes]
    return Choices(np.take_along_axis(choices.scores, order, axis=-1), np.stack(codes))


def _read(row: Reduced, code: Digits, done: Choices) -> tuple[Int64[np.ndarray, "k N"], Float64[np.ndarray, "k"]]:
    """The latents that the codes stand for, in order."""
    order = np.lexsort((*done.codes[::-1], -done.scores))
    order = order[done.scores[order] > -np.inf]
    scores, codes = done.scores[order], done.codes[:, order]
    latents = np.empty((len(order), len(row.values)), dtype=np.int64)
    for latent, values in enumerate(row.values):
        if row.number[latent] < 0:
            latents[:, latent] = values[0]
    for v, members in enumerate(row.members):
        word, worth = code.place(v)
        digit = codes[word] // worth % code.alphabet
        choice_of = np.zeros(code.alphabet, dtype=np.int64)
        choice_of[row.values[members[0]]] = np.arange(len(row.values[members[0]]))
        for latent in members:
            latents[:, latent] = row.values[latent][choice_of[digit]]
    return latents, scores
