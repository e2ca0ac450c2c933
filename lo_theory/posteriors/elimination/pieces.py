"""What is left of bits without noise under a uniform prior, counted: components of the free roots as sets of settings.

Every completion weighs the same, so a marginal is a ratio of two numbers of completions. A small component is the set
of its allowed settings, one bit for each, from which observations strike settings out. One sweep per root turns the set
into the number of allowed settings above each setting, those that have its ones and maybe more: every joint of a few
roots is read off that table. Counts are whole numbers. Larger components are counted along a tree, see
:mod:`.tree_counts`, or eliminated.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int32, Int64, UInt64

from lo_theory.compiled import kernel, lean_kernel
from lo_theory.posteriors.elimination.bits import ALL, NONE, ONE, ONES, agreeing
from lo_theory.posteriors.elimination.remainder import Remainder
from lo_theory.posteriors.elimination.ties import Ties
from lo_theory.posteriors.factors import Factors

FEW = 18
"""Roots of the largest piece of which a table is made."""
_TABLE = 10  # the same where a tree serves as well
_TREE = 62  # of the largest piece that is counted along a tree: a set of them is a word
ALONE, TABLE, TREE, SUMS = 0, 1, 2, 3
"""How a piece is answered: one root; a table of counts; counts along a tree; elimination."""
_SWEEP, _ROOT, _QUESTION = 1 / 16, 1500.0, 2000.0
"""Nanoseconds, about: of one addition when counting; of one root and of one joint when eliminating."""
_BYTE = np.uint64(255)
_ABOVE = np.array(
    [[sum(byte >> s & 1 for s in range(8) if s & t == t) for t in range(8)] for byte in range(256)], dtype=np.int32
)  # of three roots: for every set of their settings, how many of it lie above each setting


class Pieces(NamedTuple):
    """Components, numbered by their first root, and the observations that still say something about them."""

    piece: Int64[np.ndarray, "N"]  # of a root, -1 where it is not free
    bit: Int64[np.ndarray, "N"]  # number of a root in its piece
    size: Int64[np.ndarray, "C"]
    way: Int64[np.ndarray, "C"]
    words: Int64[np.ndarray, "C"]  # of the set of settings of a table
    start: Int64[np.ndarray, "C"]  # of the set in the pool of sets; 64 times as far the counts in theirs
    total: Float64[np.ndarray, "C"]  # settings; 1 where a piece is eliminated
    share: Float64[np.ndarray, "N 2"]  # of a root: the settings with each value, or their chances
    observation: Int64[np.ndarray, "P"]
    struck: UInt64[np.ndarray, "P"]  # settings of the scope that agree with what is known and not with the token
    axes: Int64[np.ndarray, "6"]  # scratch: where an observation reads its free roots first
    bits: Int64[np.ndarray, "6"]  # scratch: the numbers of these roots


@kernel
def new_pieces(n: int, n_observations: int) -> Pieces:
    """Room for one sequence."""
    i, struck, total = np.empty(n, np.int64), np.empty(n_observations, np.uint64), np.empty(n)
    observation = np.empty(n_observations, np.int64)
    return Pieces(
        i, i.copy(), i.copy(), i.copy(), i.copy(), i.copy(), total, np.empty((n, 2)), observation, struck,
        np.empty(6, np.int64), np.empty(6, np.int64),
    )  # fmt: skip


@lean_kernel
def split(
    factors: Factors, tokens: Int64[np.ndarray, "L"], mask_id: int, ties: Ties, pieces: Pieces, trees: bool
) -> tuple[int, int, int]:
    """Components of the free roots; returns (their number, observations that say something, words of all sets).

    ``trees``: large pieces may be counted along a tree.
    """
    root, only, value, piece, axes = ties.root, ties.only, ties.value, pieces.piece, pieces.axes
    scope_start, scope, position, spent = factors.scope_start, factors.scope, factors.observation_position, ties.spent
    observation, allowed, free, candidates = pieces.observation, factors.allowed, 0, 0
    for r in range(len(root)):
        is_free = root[r] == r and only[r] < 0
        piece[r] = r if is_free else -1
        free += is_free
    if free == 0:
        return 0, 0, 0
    for j in range(len(position)):
        observation[candidates] = j
        candidates += tokens[position[j]] != mask_id and not spent[j]
    telling = 0
    for at in range(candidates):
        j = observation[at]
        count, fits = agreeing(scope_start[j], scope_start[j + 1], scope, root, value, only, axes)
        struck = fits & ~allowed[j, tokens[position[j]]]
        if struck == NONE:
            continue
        observation[telling], pieces.struck[telling] = j, struck
        telling += 1
        first = _leader(piece, root[scope[axes[0]]])
        for a in range(1, count):
            other = _leader(piece, root[scope[axes[a]]])
            low, high = min(first, other), max(first, other)
            piece[high] = first = low
    pairs = 0.0  # of latents that hidden observations read
    if not trees:
        for j in range(len(position)):
            if tokens[position[j]] == mask_id:
                arity = scope_start[j + 1] - scope_start[j]
                pairs += 0.5 * arity * (arity - 1)
    found, words = _number(pieces, pairs / len(root) ** 2, trees)
    return found, telling, words


@lean_kernel
def _leader(piece: Int64[np.ndarray, "N"], r: int) -> int:
    while piece[r] != r:
        piece[r] = piece[piece[r]]
        r = piece[r]
    return r


@lean_kernel
def _number(pieces: Pieces, pairs: float, trees: bool) -> tuple[int, int]:
    """Number the pieces and the roots in them; returns the number of pieces and the words of all sets.

    Where no tree serves a table is made where that takes less time than to eliminate; ``pairs`` times the square of the
    size is about how many hidden observations ask for two roots of a piece.
    """
    piece, size, bit, way, found, words = pieces.piece, pieces.size, pieces.bit, pieces.way, 0, 0
    for r in range(len(piece)):
        if piece[r] == r:
            piece[r], size[found], bit[r] = found, 1, 0
            found += 1
        elif piece[r] >= 0:
            c = piece[piece[r]]  # what it points to is lower and has been numbered
            piece[r], bit[r] = c, size[c]
            size[c] += 1
    for c in range(found):
        n = size[c]
        few = n <= (_TABLE if trees else FEW)
        if few and not trees:
            few = _SWEEP * n * (1 << n) <= _ROOT * n + _QUESTION * pairs * n * n
        way[c] = ALONE if n == 1 else TABLE if few else TREE if trees and n <= _TREE else SUMS
        pieces.words[c], pieces.start[c] = (1 << max(0, n - 6)) if way[c] == TABLE else 0, words
        words += pieces.words[c]
    return found, words


@lean_kernel
def strike(
    factors: Factors, ties: Ties, pieces: Pieces, telling: int, found: int, sets: UInt64[np.ndarray, "w"]
) -> None:
    """The sets of settings of all small pieces."""
    for c in range(found):
        start, size = pieces.start[c], pieces.size[c]
        full = ALL if size >= 6 else (ONE << np.uint64(1 << size)) - ONE
        for w in range(start, start + pieces.words[c]):
            sets[w] = full
    root, value, axes, bits = ties.root, ties.value, pieces.axes, pieces.bits
    scope_start, scope = factors.scope_start, factors.scope
    for f in range(telling):
        j, left = pieces.observation[f], pieces.struck[f]
        stop = scope_start[j + 1]
        count, _ = agreeing(scope_start[j], stop, scope, root, value, ties.only, axes)
        c = pieces.piece[root[scope[axes[0]]]]
        start, words, setting = pieces.start[c], pieces.words[c], 0
        for a in range(count):
            bits[a] = pieces.bit[root[scope[axes[a]]]]
        while words and left != NONE:
            if left & ONE != NONE:
                inside, high, wanted = ALL, 0, 0
                for a in range(count):
                    one = ((setting >> (stop - 1 - axes[a])) & 1) ^ value[scope[axes[a]], 0]
                    if bits[a] < 6:
                        inside &= ONES[bits[a]] if one else ~ONES[bits[a]]
                    else:
                        high |= 1 << (bits[a] - 6)
                        wanted |= one << (bits[a] - 6)
                for w in range(words):
                    if w & high == wanted:
                        sets[start + w] &= ~inside
            left >>= ONE
            setting += 1


@lean_kernel
def count_settings(pieces: Pieces, found: int, sets: UInt64[np.ndarray, "w"], counts: Int32[np.ndarray, "c"]) -> None:
    """Fill ``counts``, the totals and the shares of the roots of all pieces of one root or with a table."""
    way, size, total, share, bit = pieces.way, pieces.size, pieces.total, pieces.share, pieces.bit
    for c in range(found):
        if way[c] == ALONE:
            total[c] = 2.0
        elif way[c] == TABLE:
            words, start = pieces.words[c], pieces.start[c]
            _sweep(sets[start : start + words], counts[64 * start : 64 * (start + words)], size[c])
            total[c] = counts[64 * start]
    for r in range(len(bit)):
        c = pieces.piece[r]
        if c < 0 or way[c] > TABLE:
            continue
        ones = 1.0 if way[c] == ALONE else float(counts[64 * pieces.start[c] + (1 << bit[r])])
        share[r, 0], share[r, 1] = total[c] - ones, ones


@lean_kernel
def _sweep(sets: UInt64[np.ndarray, "w"], counts: Int32[np.ndarray, "c"], size: int) -> None:
    """Number of settings of the set above each setting."""
    used = 1 << max(size, 3)
    at = 0
    for w in range(len(sets)):
        word = sets[w]
        for _ in range(min(8, used // 8)):
            above, line = _ABOVE[np.int64(word & _BYTE)], counts[at : at + 8]
            for s in range(8):
                line[s] = above[s]
            word >>= np.uint64(8)
            at += 8
    half = 8
    while half < used:
        for low in range(0, used, 2 * half):
            lower, upper = counts[low : low + half], counts[low + half : low + 2 * half]
            for i in range(len(lower)):
                lower[i] += upper[i]
        half *= 2


@lean_kernel
def above_each(
    start: int,
    bit: Int64[np.ndarray, "N"],
    roots: Int64[np.ndarray, "g"],
    count: int,
    counts: Int32[np.ndarray, "c"],
    out: Float64[np.ndarray, "s"],
) -> None:
    """Settings of a piece with a table in which the given roots are one, for every choice among ``count`` roots."""
    for s in range(1 << count):
        setting = start
        for a in range(count):
            setting += ((s >> a) & 1) << bit[roots[a]]
        out[s] = counts[setting]


@lean_kernel
def large_pieces(
    factors: Factors, ties: Ties, pieces: Pieces, telling: int, remainder: Remainder, pool: Float64[np.ndarray, "n"]
) -> tuple[int, int]:
    """The roots of the pieces that are eliminated, with their observations as tables of logs, into ``remainder``.

    Returns the numbers of roots and of factors; ``pool`` has room for all tables.
    """
    roots, count_factors, end = 0, 0, 0
    for r in range(len(pieces.piece)):
        c = pieces.piece[r]
        remainder.number[r] = -1
        if c >= 0 and pieces.way[c] == SUMS:
            remainder.number[r], remainder.latent[roots], remainder.size[roots] = roots, r, 2
            remainder.log_weight[roots, :] = 0.0
            roots += 1
    root, value, scope, axes = ties.root, ties.value, factors.scope, pieces.axes
    for f in range(telling if roots else 0):
        j = pieces.observation[f]
        start, stop = factors.scope_start[j], factors.scope_start[j + 1]
        count, _ = agreeing(start, stop, scope, root, value, ties.only, axes)
        if pieces.way[pieces.piece[root[scope[axes[0]]]]] != SUMS:
            continue
        for a in range(count):
            remainder.factor_axes[count_factors, a] = remainder.number[root[scope[axes[a]]]]
        pool[end : end + (1 << count)] = 0.0
        for setting in range(1 << (stop - start)):
            if (pieces.struck[f] >> np.uint64(setting)) & ONE != NONE:
                at = 0
                for a in range(count):
                    at = 2 * at + (((setting >> (stop - 1 - axes[a])) & 1) ^ value[scope[axes[a]], 0])
                pool[end + at] = -np.inf
        remainder.factor_start[count_factors], remainder.factor_arity[count_factors] = end, count
        count_factors, end = count_factors + 1, end + (1 << count)
    return roots, count_factors
