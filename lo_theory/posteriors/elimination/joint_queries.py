"""Marginals, joint marginals of a few roots, and samples of an eliminated model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from lo_theory.compiled import kernel, lean_kernel
from lo_theory.posteriors.elimination.order import Forest
from lo_theory.posteriors.elimination.tables import contract, grown


class Query(NamedTuple):
    """Scratch for contractions over the free roots; the joint over ``axes[:count]`` is the answer."""

    axes: Int64[np.ndarray, "R"]
    union: Int64[np.ndarray, "R"]
    shape: Int64[np.ndarray, "R"]
    left: Int64[np.ndarray, "R"]
    right: Int64[np.ndarray, "R"]
    digits: Int64[np.ndarray, "R"]
    left_of: Int64[np.ndarray, "R"]  # stride of a root in the left operand; all zero between calls
    right_of: Int64[np.ndarray, "R"]
    pending: Bool[np.ndarray, "R"]  # roots whose factor is still to come; all False between calls
    asked: Bool[np.ndarray, "R"]  # all False between calls
    seen: Bool[np.ndarray, "R"]  # all False between calls
    open: Int64[np.ndarray, "R"]  # the pending roots
    one: Float64[np.ndarray, "1"]  # the table without axes


@kernel
def new_query(n: int) -> Query:
    """Room for at most ``n`` roots."""
    i = np.empty(n + 1, np.int64)
    b = np.zeros(n + 1, np.bool_)
    zero = np.zeros(n + 1, np.int64)
    return Query(
        i, i.copy(), i.copy(), i.copy(), i.copy(), i.copy(), zero, zero.copy(), b, b.copy(), b.copy(), i.copy(),
        np.ones(1),
    )  # fmt: skip


@kernel
def calibrate(
    forest: Forest,
    roots: int,
    conditionals: Float64[np.ndarray, "n"],
    joints: Float64[np.ndarray, "n"],
    marginals: Float64[np.ndarray, "R m"],
    buffers: tuple[Float64[np.ndarray, "s"], Float64[np.ndarray, "s"]],
    query: Query,
) -> tuple[Float64[np.ndarray, "s"], Float64[np.ndarray, "s"]]:
    """From the last root to the first: joint of every cluster into ``joints``, of every root into ``marginals``.

    Returns the buffers, which may have grown.
    """
    buffer, other = buffers
    for step in range(roots - 1, -1, -1):
        v = forest.sequence[step]
        width, size, start = forest.width[v], forest.size[v], forest.table_start[v]
        separators = 1
        for a in range(width):
            separators *= forest.size[forest.cluster[v, a]]
        if width == 0:
            buffer[0] = 1.0
        else:
            buffer = grown(buffer, separators)
            _separator(forest, v, joints, buffer, query)
        marginals[v, :size] = 0.0
        for s in range(separators):
            for i in range(size):
                at = start + s * size + i
                joints[at] = conditionals[at] * buffer[s]
                marginals[v, i] += joints[at]
    return buffer, other


@lean_kernel
def _separator(
    forest: Forest, v: int, joints: Float64[np.ndarray, "n"], out: Float64[np.ndarray, "s"], query: Query
) -> None:
    """Joint of the separator of v: it lies in the cluster of its parent."""
    u = forest.parent[v]
    stride = 1
    for a in range(forest.width[u], -1, -1):
        query.left_of[forest.cluster[u, a]] = stride
        stride *= forest.size[forest.cluster[u, a]]
    axes = forest.width[v]
    for a in range(axes):
        w = forest.cluster[v, a]
        query.shape[a], query.left[a], query.right[a] = forest.size[w], query.left_of[w], 0
        query.left_of[w] = 0
    for a in range(forest.width[u] + 1):
        w = forest.cluster[u, a]
        if query.left_of[w] > 0:
            query.shape[axes], query.left[axes], query.right[axes] = forest.size[w], query.left_of[w], 0
            query.left_of[w] = 0
            axes += 1
    table = joints[forest.table_start[u] :]
    contract(out, table, query.left, query.one, query.right, query.shape, forest.width[v], axes, query.digits)


@lean_kernel
def apart(component: Int64[np.ndarray, "N"], roots: Int64[np.ndarray, "d"], count: int) -> bool:
    """Do the roots lie in different components?"""
    for a in range(count):
        for b in range(a):
            if component[roots[a]] == component[roots[b]]:
                return False
    return True


@kernel
def joint(
    forest: Forest,
    asked: Int64[np.ndarray, "d"],
    count: int,
    conditionals: Float64[np.ndarray, "n"],
    joints: Float64[np.ndarray, "n"],
    buffers: tuple[Float64[np.ndarray, "s"], Float64[np.ndarray, "s"]],
    query: Query,
    max_entries: int,
) -> tuple[float, tuple[Float64[np.ndarray, "s"], Float64[np.ndarray, "s"]]]:
    """Joint of ``count`` distinct roots, C-ordered over ``query.axes[:count]``, in the first of the returned buffers.

    Climbs from the first root to be eliminated: multiplies the conditionals in and sums out, until what is left to come
    lies in one cluster, whose joint is known. Returns (0, buffers), or (entries, buffers) when a table would be larger
    than ``max_entries``.
    """
    table, spare = buffers
    table[0], axes, open_count = 1.0, 0, count
    for a in range(count):
        query.asked[asked[a]] = query.pending[asked[a]] = True
        query.open[a] = asked[a]
    too_large = 0.0
    while open_count:
        v = query.open[0]
        for a in range(1, open_count):
            if forest.rank[query.open[a]] < forest.rank[v]:
                v = query.open[a]
        closes = _closes(forest, v, open_count, query)
        kept, union, entries = _arrange(forest, v, closes, axes, query)
        if entries > max_entries:
            too_large = entries
            break
        spare = grown(spare, int(entries))
        other = joints if closes else conditionals
        factor = other[forest.table_start[v] :]
        contract(spare, table, query.left, factor, query.right, query.shape, kept, union, query.digits)
        table, spare = spare, table
        query.axes[:kept] = query.union[:kept]
        axes = kept
        open_count = _next_open(forest, v, closes, open_count, query)
    for a in range(open_count):
        query.pending[query.open[a]] = False
    for a in range(count):
        query.asked[asked[a]] = False
    return too_large, (table, spare)


@lean_kernel
def _closes(forest: Forest, v: int, open_count: int, query: Query) -> bool:
    """Do all pending roots of the component lie in the cluster of v?"""
    inside = 0
    for a in range(forest.width[v] + 1):
        inside += query.pending[forest.cluster[v, a]]
    total = 0
    for a in range(open_count):
        total += forest.tree[query.open[a]] == forest.tree[v]
    return inside == total


@lean_kernel
def _arrange(forest: Forest, v: int, closes: bool, axes: int, query: Query) -> tuple[int, int, float]:
    """Axes of (table so far) x (factor of v), those to stay first: how many stay, how many in all, entries to stay."""
    stride = 1
    for a in range(axes - 1, -1, -1):
        query.left_of[query.axes[a]] = stride
        stride *= forest.size[query.axes[a]]
    stride = 1
    for a in range(forest.width[v], -1, -1):
        query.right_of[forest.cluster[v, a]] = stride
        stride *= forest.size[forest.cluster[v, a]]
    union, kept, entries = 0, 0, 1.0
    for summed in range(2):
        for a in range(axes + forest.width[v] + 1):
            u = query.axes[a] if a < axes else forest.cluster[v, a - axes]
            goes = not query.asked[u] and (u == v or (closes and forest.tree[u] == forest.tree[v]))
            if goes != (summed == 1) or query.seen[u]:
                continue
            query.seen[u] = True
            query.union[union], query.shape[union] = u, forest.size[u]
            query.left[union], query.right[union] = query.left_of[u], query.right_of[u]
            union += 1
            if summed == 0:
                entries *= forest.size[u]
        if summed == 0:
            kept = union
    for a in range(union):
        u = query.union[a]
        query.seen[u], query.left_of[u], query.right_of[u] = False, 0, 0
    return kept, union, float(entries)


@lean_kernel
def _next_open(forest: Forest, v: int, closes: bool, open_count: int, query: Query) -> int:
    """The pending roots after the factor of v has come; returns their number."""
    left = 0
    for a in range(open_count):
        u = query.open[a]
        if u == v or (closes and forest.tree[u] == forest.tree[v]):
            query.pending[u] = False
        else:
            query.open[left] = u
            left += 1
    if not closes:
        for a in range(forest.width[v]):
            u = forest.cluster[v, a]
            if not query.pending[u]:
                query.pending[u] = True
                query.open[left] = u
                left += 1
    return left


@lean_kernel
def draw(
    forest: Forest,
    roots: int,
    conditionals: Float64[np.ndarray, "n"],
    latent: Int64[np.ndarray, "N"],
    uniform: Float64[np.ndarray, "N"],
    choice: Int64[np.ndarray, "R"],
) -> None:
    """Number of the value of every root in one exact sample; ``uniform`` holds one draw from [0, 1) per latent."""
    for step in range(roots - 1, -1, -1):
        v = forest.sequence[step]
        at = 0
        for a in range(forest.width[v]):
            u = forest.cluster[v, a]
            at = at * forest.size[u] + choice[u]
        start = forest.table_start[v] + at * forest.size[v]
        choice[v] = pick(conditionals[start : start + forest.size[v]], uniform[latent[v]])


@lean_kernel
def pick(probabilities: Float64[np.ndarray, "n"], uniform: float) -> int:
    """Value at quantile ``uniform``, never one of probability zero."""
    reached, last = 0.0, 0
    for i in range(len(probabilities)):
        if probabilities[i] > 0.0:
            reached, last = reached + probabilities[i], i
            if uniform < reached:
                break
    return last
