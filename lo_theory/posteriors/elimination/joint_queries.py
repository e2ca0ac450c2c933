"""Marginals, joint marginals of a few roots, and samples of an eliminated model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from lo_theory.compiled import kernel, lean_kernel
from lo_theory.posteriors.elimination.order import Forest
from lo_theory.posteriors.elimination.tables import contract, grown


class Query(NamedTuple):
    """Scratch for contractions over the free roots; the joint over ``axes[:count]`` is the answer.

    A question climbs the forest in branches. Those that have begun lie in a stack, of nodes and of tables.
    """

    axes: Int64[np.ndarray, "R"]
    union: Int64[np.ndarray, "R"]
    shape: Int64[np.ndarray, "R"]
    left: Int64[np.ndarray, "R"]
    right: Int64[np.ndarray, "R"]
    digits: Int64[np.ndarray, "R"]
    left_of: Int64[np.ndarray, "R"]  # stride of a root in the left operand; all zero between calls
    right_of: Int64[np.ndarray, "R"]
    asked: Bool[np.ndarray, "R"]  # all False between calls
    seen: Bool[np.ndarray, "R"]  # all False between calls
    wanted: Int64[np.ndarray, "R"]  # the roots asked for, first eliminated first
    node: Int64[np.ndarray, "16"]  # the root that a branch sums out next, -1 where it has come to its end
    start: Int64[np.ndarray, "16"]  # of its table in the first buffer
    arity: Int64[np.ndarray, "16"]
    held: Int64[np.ndarray, "16 R"]  # axes of its table
    one: Float64[np.ndarray, "1"]  # the table without axes


@kernel
def new_query(n: int) -> Query:
    """Room for at most ``n`` roots; a scope of bits whose table can be held has at most sixteen."""
    i = np.empty(n + 1, np.int64)
    b = np.zeros(n + 1, np.bool_)
    zero, branches = np.zeros(n + 1, np.int64), np.empty(16, np.int64)
    return Query(
        i, i.copy(), i.copy(), i.copy(), i.copy(), i.copy(), zero, zero.copy(), b, b.copy(), i.copy(),
        branches, branches.copy(), branches.copy(), np.empty((16, n + 1), np.int64), np.ones(1),
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

    From every root asked for a branch climbs the forest: it multiplies the conditionals in and sums out, and holds the
    conditional of what was asked below, given a separator. Branches that meet are multiplied; the last one ends where
    what is left to come lies in one cluster, whose joint is known. Returns (0, buffers), or (entries, buffers) when a
    table would be larger than ``max_entries``.
    """
    pool, spare = buffers
    _sort(forest.rank, asked, count, query)
    node, wanted, depth, met, too_large = query.node, query.wanted, 0, 0, 0.0
    while not too_large and (met < count or depth > 1 or node[0] >= 0):
        top = depth - 1
        if met == count and node[top] < 0:  # the trees are independent
            too_large, pool, spare = _meet(forest, top, pool, spare, query, max_entries)
            depth = top
            continue
        fresh = depth == 0 or node[top] < 0
        if fresh or (met < count and forest.rank[wanted[met]] < forest.rank[node[top]]):
            end = 0 if depth == 0 else query.start[top] + _entries(forest.size, query.held[top], query.arity[top])
            pool = grown(pool, end + 1)
            node[depth], query.start[depth], query.arity[depth], pool[end] = wanted[met], end, 0, 1.0
            top, depth = depth, depth + 1
        v = node[top]
        met += met < count and wanted[met] == v
        if top and node[top - 1] == v:
            too_large, pool, spare = _meet(forest, top, pool, spare, query, max_entries)
            depth = top
            continue
        last = _closes(forest, v, met, count, query) if top == 0 or node[top - 1] < 0 else -1
        met = max(met, last)
        entries, spare = _climb(
            forest, v, last >= 0, top, joints if last >= 0 else conditionals, pool, spare, query, max_entries
        )
        if entries > max_entries:
            too_large = entries
            break
        pool, spare = _put_down(top, int(entries), pool, spare, query)
        node[top] = -1 if last >= 0 else forest.parent[v]
    for a in range(count):
        query.asked[asked[a]] = False
    query.axes[:count] = query.held[0, :count]
    return too_large, (pool, spare)


@lean_kernel
def _sort(rank: Int64[np.ndarray, "R"], asked: Int64[np.ndarray, "d"], count: int, query: Query) -> None:
    """Mark the roots asked for and list them, first eliminated first."""
    wanted = query.wanted
    for i in range(count):
        v, at = asked[i], i
        query.asked[v] = True
        while at > 0 and rank[wanted[at - 1]] > rank[v]:
            wanted[at] = wanted[at - 1]
            at -= 1
        wanted[at] = v


@lean_kernel
def _closes(forest: Forest, v: int, met: int, count: int, query: Query) -> int:
    """Number of the roots met when all others of this tree that are asked for lie in the cluster of v, else -1."""
    while met < count and forest.tree[query.wanted[met]] == forest.tree[v]:
        inside = False
        for a in range(forest.width[v]):
            inside = inside or forest.cluster[v, a] == query.wanted[met]
        if not inside:
            return -1
        met += 1
    return met


@kernel
def _climb(
    forest: Forest,
    v: int,
    ends: bool,
    top: int,
    factor: Float64[np.ndarray, "n"],
    pool: Float64[np.ndarray, "s"],
    spare: Float64[np.ndarray, "s"],
    query: Query,
    max_entries: int,
) -> tuple[float, Float64[np.ndarray, "s"]]:
    """The branch on top times the factor of v, without v unless it is asked for, into ``spare``: (entries, spare).

    Where the branch ``ends`` nothing stays but what is asked for. Nothing is done beyond ``max_entries``.
    """
    cluster = forest.cluster[v, : forest.width[v] + 1]
    kept, union, entries = _arrange(forest, v, 2 if ends else 1, top, cluster, query)
    if entries <= max_entries:
        spare = grown(spare, int(entries))
        table, factor = pool[query.start[top] :], factor[forest.table_start[v] :]
        contract(spare, table, query.left, factor, query.right, query.shape, kept, union, query.digits)
        query.held[top, :kept] = query.union[:kept]
        query.arity[top] = kept
    return entries, spare


@kernel
def _meet(
    forest: Forest,
    top: int,
    pool: Float64[np.ndarray, "s"],
    spare: Float64[np.ndarray, "s"],
    query: Query,
    max_entries: int,
) -> tuple[float, Float64[np.ndarray, "s"], Float64[np.ndarray, "s"]]:
    """The product of the two branches on top in their place; returns (entries beyond the limit or 0, the buffers)."""
    _, union, entries = _arrange(forest, -1, 0, top - 1, query.held[top, : query.arity[top]], query)
    if entries > max_entries:
        return entries, pool, spare
    spare = grown(spare, int(entries))
    left, right = pool[query.start[top - 1] :], pool[query.start[top] :]
    contract(spare, left, query.left, right, query.right, query.shape, union, union, query.digits)
    query.held[top - 1, :union] = query.union[:union]
    query.arity[top - 1] = union
    pool, spare = _put_down(top - 1, int(entries), pool, spare, query)
    return 0.0, pool, spare


@kernel
def _put_down(
    top: int, entries: int, pool: Float64[np.ndarray, "s"], spare: Float64[np.ndarray, "s"], query: Query
) -> tuple[Float64[np.ndarray, "s"], Float64[np.ndarray, "s"]]:
    """The table in ``spare`` takes the place of the one on top of the stack."""
    if top == 0:
        return spare, pool
    start = query.start[top]
    pool = grown(pool, start + entries)
    pool[start : start + entries] = spare[:entries]
    return pool, spare


@lean_kernel
def _arrange(
    forest: Forest, v: int, sums: int, branch: int, others: Int64[np.ndarray, "c"], query: Query
) -> tuple[int, int, float]:
    """Axes of (table of the branch) x (table over ``others``), those to stay first: how many stay, how many in all,

    entries to stay. Summed out are: 0, none; 1, v; 2, all of the tree of v; but never what is asked for.
    """
    size, held, count = forest.size, query.held[branch], query.arity[branch]
    stride = 1
    for a in range(count - 1, -1, -1):
        query.left_of[held[a]] = stride
        stride *= size[held[a]]
    stride = 1
    for a in range(len(others) - 1, -1, -1):
        query.right_of[others[a]] = stride
        stride *= size[others[a]]
    union, kept, entries = 0, 0, 1.0
    for summed in range(2):
        for a in range(count + len(others)):
            u = held[a] if a < count else others[a - count]
            goes = sums > 0 and not query.asked[u] and (u == v or (sums == 2 and forest.tree[u] == forest.tree[v]))
            if goes != (summed == 1) or query.seen[u]:
                continue
            query.seen[u] = True
            query.union[union], query.shape[union] = u, size[u]
            query.left[union], query.right[union] = query.left_of[u], query.right_of[u]
            union += 1
            if summed == 0:
                entries *= size[u]
        if summed == 0:
            kept = union
    for a in range(union):
        u = query.union[a]
        query.seen[u], query.left_of[u], query.right_of[u] = False, 0, 0
    return kept, union, float(entries)


@lean_kernel
def _entries(size: Int64[np.ndarray, "R"], axes: Int64[np.ndarray, "d"], count: int) -> int:
    entries = 1
    for a in range(count):
        entries *= size[axes[a]]
    return int(entries)


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
