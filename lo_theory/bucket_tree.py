"""Variable elimination of the free roots, kept as a directed model: ``p(x) = prod_v p(x_v | x_separator(v))``.

Summing a root out of the product of everything that mentions it leaves a message over its neighbours, the separator, and
on the way gives the conditional of the root. The separator of a root is eliminated later, so the conditionals
are a Bayesian network over the elimination forest; every marginal and every sample follows from them by sums and products
of probabilities, without a division. Messages are in log space: no evidence, however long, underflows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from lo_theory.compiled import kernel
from lo_theory.factors import Factors
from lo_theory.reduction import Scope, Ties, advance, first, look, weight
from lo_theory.tables import add_table, grown


class Forest(NamedTuple):
    """Free roots numbered 0..R-1, the factors that remain among them, and the elimination forest.

    The cluster of v is ``cluster[v, : width[v] + 1]``: its separator, latest eliminated first, then v itself.
    """

    number: Int64[np.ndarray, "N"]  # of a root, -1 where it is not free
    latent: Int64[np.ndarray, "R"]  # the root itself
    size: Int64[np.ndarray, "R"]
    log_prior: Float64[np.ndarray, "R m"]  # and every factor of one root
    factor_start: Int64[np.ndarray, "P"]  # in the pool of factor tables
    factor_axes: Int64[np.ndarray, "P k"]
    factor_arity: Int64[np.ndarray, "P"]
    adjacent: Bool[np.ndarray, "R R"]
    neighbours: Int64[np.ndarray, "R R"]
    degree: Int64[np.ndarray, "R"]
    fill: Int64[np.ndarray, "R"]  # edges missing among the neighbours, -1 where it must be counted again
    sequence: Int64[np.ndarray, "R"]
    rank: Int64[np.ndarray, "R"]  # place in the sequence, -1 before elimination
    cluster: Int64[np.ndarray, "R R"]
    width: Int64[np.ndarray, "R"]
    parent: Int64[np.ndarray, "R"]  # first of the separator to be eliminated, -1 if it is empty
    tree: Int64[np.ndarray, "R"]  # last root eliminated in the component
    table_start: Int64[np.ndarray, "R"]  # of the cluster of v in the pools of conditionals and of marginals
    message_start: Int64[np.ndarray, "R"]
    factors_of: Int64[np.ndarray, "R"]  # first factor in the bucket of v, then along next_factor
    next_factor: Int64[np.ndarray, "P"]
    children_of: Int64[np.ndarray, "R"]
    next_child: Int64[np.ndarray, "R"]


@kernel
def new_forest(n: int, alphabet: int, n_observations: int, arity: int) -> Forest:
    """Room for one sequence of ``n`` latents."""
    r, p = (n,), (n_observations,)
    return Forest(
        np.empty(r, np.int64),
        np.empty(r, np.int64),
        np.empty(r, np.int64),
        np.empty((n, alphabet)),
        np.empty(p, np.int64),
        np.empty((n_observations, arity), np.int64),
        np.empty(p, np.int64),
        np.empty((n, n), np.bool_),
        np.empty((n, n), np.int64),
        np.empty(r, np.int64),
        np.empty(r, np.int64),
        np.empty(r, np.int64),
        np.empty(r, np.int64),
        np.empty((n, n), np.int64),
        np.empty(r, np.int64),
        np.empty(r, np.int64),
        np.empty(r, np.int64),
        np.empty(r, np.int64),
        np.empty(r, np.int64),
        np.empty(r, np.int64),
        np.empty(p, np.int64),
        np.empty(r, np.int64),
        np.empty(r, np.int64),
    )


@kernel
def collect(
    factors: Factors,
    tokens: Int64[np.ndarray, "L"],
    mask_id: int,
    ties: Ties,
    scope: Scope,
    forest: Forest,
    pool: Float64[np.ndarray, "n"],
) -> tuple[int, int, float, Float64[np.ndarray, "n"]]:
    """Number the free roots and tabulate what the visible factors say about them.

    Returns (number of roots R, number of factors that remain, log of the constant, pool of factor tables, in logs).
    """
    roots, constant = _number_roots(factors, ties, forest)
    count_factors, end = 0, 0
    for j in range(len(factors.alphabet)):
        token = tokens[factors.observation_position[j]]
        if token == mask_id:
            continue
        count, base = look(factors, ties, j, scope)
        if count == 0:
            constant += weight(factors, j, token, base)
            continue
        entries = 1
        for axis in range(count):
            entries *= scope.sizes[axis]
        pool = grown(pool, end + entries)
        table = pool[end : end + entries]
        index, at = first(scope, count, base), 0
        while index >= 0:
            table[at] = weight(factors, j, token, index)
            index, at = advance(scope, count, index), at + 1
        arity = _drop_idle(table, scope, count, forest.factor_axes[count_factors])
        if arity == 0:
            constant += table[0]
        elif arity == 1:
            v = forest.number[scope.roots[forest.factor_axes[count_factors, 0]]]
            for i in range(forest.size[v]):
                forest.log_prior[v, i] += table[i]
        else:
            entries = 1
            for axis in range(arity):
                v = forest.number[scope.roots[forest.factor_axes[count_factors, axis]]]
                forest.factor_axes[count_factors, axis] = v
                entries *= forest.size[v]
            forest.factor_start[count_factors], forest.factor_arity[count_factors] = end, arity
            count_factors, end = count_factors + 1, end + entries
    return roots, count_factors, constant, pool


@kernel
def _number_roots(factors: Factors, ties: Ties, forest: Forest) -> tuple[int, float]:
    roots, constant = 0, 0.0
    forest.number[:] = -1
    for root in range(len(ties.root)):
        if ties.root[root] != root:
            continue
        i = 0
        for x in range(len(factors.log_prior)):
            if not ties.alive[root, x]:
                continue
            total, member = factors.log_prior[ties.value[root, x]], ties.ring[root]
            while member != root:
                total += factors.log_prior[ties.value[member, x]]
                member = ties.ring[member]
            if ties.size[root] == 1:
                constant += total
            else:
                forest.log_prior[roots, i] = total
            i += 1
        if ties.size[root] > 1:
            forest.number[root], forest.latent[roots], forest.size[roots] = roots, root, i
            roots += 1
    return roots, constant


@kernel
def _drop_idle(table: Float64[np.ndarray, "n"], scope: Scope, count: int, axes: Int64[np.ndarray, "k"]) -> int:
    """Leave out the axes on which a table does not depend, in place; the others go to ``axes``. Returns their number."""
    arity = 0
    outer, entries = 1, len(table)
    for axis in range(count):
        size = scope.sizes[axis]
        inner = entries // (outer * size)
        matters = False
        for block in range(outer):
            start = block * size * inner
            for i in range(inner, size * inner):
                if table[start + i] != table[start + i % inner]:
                    matters = True
                    break
            if matters:
                break
        if matters:
            axes[arity] = axis
            arity += 1
            outer *= size
        else:
            for block in range(outer):
                for i in range(inner):
                    table[block * inner + i] = table[block * size * inner + i]
            entries //= size
    return arity


@kernel
def plan(forest: Forest, roots: int, count_factors: int) -> tuple[int, float]:
    """Choose the elimination order by min-fill; returns (its width, entries of all cluster tables together)."""
    _connect(forest, roots, count_factors)
    widest, entries = 0, 0.0
    for step in range(roots):
        v = _next_root(forest, roots)
        cluster, width = forest.cluster[v], forest.degree[v]
        cluster[:width] = forest.neighbours[v, :width]
        cluster[width] = v
        forest.sequence[step], forest.rank[v], forest.width[v] = v, step, width
        table = float(forest.size[v])
        for a in range(width):
            table *= forest.size[cluster[a]]
        widest, entries = max(widest, width), entries + table
        _eliminate(forest, v)
    for step in range(roots - 1, -1, -1):
        v = forest.sequence[step]
        _sort_by_rank(forest.cluster[v], forest.width[v], forest.rank)
        has_parent = forest.width[v] > 0
        forest.parent[v] = forest.cluster[v, forest.width[v] - 1] if has_parent else -1
        forest.tree[v] = forest.tree[forest.parent[v]] if has_parent else v
    return widest, entries


@kernel
def _connect(forest: Forest, roots: int, count_factors: int) -> None:
    forest.adjacent[:roots, :roots] = False
    for v in range(roots):
        forest.degree[v], forest.fill[v], forest.rank[v] = 0, -1, -1
    for f in range(count_factors):
        for a in range(forest.factor_arity[f]):
            for b in range(a):
                _join(forest, forest.factor_axes[f, a], forest.factor_axes[f, b])


@kernel
def _join(forest: Forest, u: int, v: int) -> bool:
    if forest.adjacent[u, v]:
        return False
    forest.adjacent[u, v] = forest.adjacent[v, u] = True
    forest.neighbours[u, forest.degree[u]] = v
    forest.neighbours[v, forest.degree[v]] = u
    forest.degree[u] += 1
    forest.degree[v] += 1
    return True


@kernel
def _next_root(forest: Forest, roots: int) -> int:
    """Least fill, then least degree, then lowest number."""
    best = -1
    for v in range(roots):
        if forest.rank[v] >= 0:
            continue
        degree = forest.degree[v]
        if forest.fill[v] < 0:
            missing = 0
            for a in range(degree):
                for b in range(a):
                    missing += not forest.adjacent[forest.neighbours[v, a], forest.neighbours[v, b]]
            forest.fill[v] = missing
        if best < 0 or (forest.fill[v], degree) < (forest.fill[best], forest.degree[best]):
            best = v
    return best


@kernel
def _eliminate(forest: Forest, v: int) -> None:
    """Join the neighbours of v to each other and take v away."""
    degree = forest.degree[v]
    for a in range(degree):
        u = forest.neighbours[v, a]
        forest.fill[u] = -1
        for at in range(forest.degree[u]):
            if forest.neighbours[u, at] == v:
                forest.degree[u] -= 1
                forest.neighbours[u, at] = forest.neighbours[u, forest.degree[u]]
                break
    for a in range(degree):
        u = forest.neighbours[v, a]
        for b in range(a):
            if _join(forest, u, forest.neighbours[v, b]):
                for at in range(forest.degree[u]):
                    forest.fill[forest.neighbours[u, at]] = -1


@kernel
def _sort_by_rank(vertices: Int64[np.ndarray, "R"], count: int, rank: Int64[np.ndarray, "R"]) -> None:
    for i in range(1, count):
        v, at = vertices[i], i
        while at > 0 and rank[vertices[at - 1]] < rank[v]:
            vertices[at] = vertices[at - 1]
            at -= 1
        vertices[at] = v


@kernel
def eliminate(
    forest: Forest,
    roots: int,
    count_factors: int,
    factor_pool: Float64[np.ndarray, "n"],
    conditionals: Float64[np.ndarray, "n"],
    messages: Float64[np.ndarray, "n"],
    strides: Int64[np.ndarray, "R"],
    shape: Int64[np.ndarray, "R"],
    digits: Int64[np.ndarray, "R"],
    stride_of: Int64[np.ndarray, "R"],
) -> float:
    """Sum the roots out in order; fills ``conditionals`` and returns the log of the total. ``-inf``: impossible."""
    _fill_buckets(forest, roots, count_factors)
    constant, end, message_end = 0.0, 0, 0
    for step in range(roots):
        v = forest.sequence[step]
        width, size = forest.width[v], forest.size[v]
        separators = 1
        for a in range(width + 1):
            shape[a] = forest.size[forest.cluster[v, a]]
            separators *= shape[a]
        separators //= size
        table = conditionals[end : end + separators * size]
        forest.table_start[v], forest.message_start[v] = end, message_end
        for at in range(separators):
            table[at * size : (at + 1) * size] = forest.log_prior[v, :size]
        f = forest.factors_of[v]
        while f >= 0:
            _strides_in(forest.factor_axes[f], forest.factor_arity[f], forest, v, strides, stride_of)
            add_table(table, factor_pool[forest.factor_start[f] :], shape, strides, width + 1, digits)
            f = forest.next_factor[f]
        child = forest.children_of[v]
        while child >= 0:
            _strides_in(forest.cluster[child], forest.width[child], forest, v, strides, stride_of)
            add_table(table, messages[forest.message_start[child] :], shape, strides, width + 1, digits)
            child = forest.next_child[child]
        message = messages[message_end : message_end + separators]
        _normalise(table, size, message)
        if width == 0:
            constant += message[0]
        end, message_end = end + len(table), message_end + separators
    return constant


@kernel
def _fill_buckets(forest: Forest, roots: int, count_factors: int) -> None:
    """Every factor goes to the first of its roots to be eliminated, every message to the parent."""
    for v in range(roots):
        forest.factors_of[v] = forest.children_of[v] = -1
    for f in range(count_factors):
        v = forest.factor_axes[f, 0]
        for a in range(1, forest.factor_arity[f]):
            u = forest.factor_axes[f, a]
            if forest.rank[u] < forest.rank[v]:
                v = u
        forest.next_factor[f], forest.factors_of[v] = forest.factors_of[v], f
    for v in range(roots):
        u = forest.parent[v]
        if u >= 0:
            forest.next_child[v], forest.children_of[u] = forest.children_of[u], v


@kernel
def _strides_in(
    axes: Int64[np.ndarray, "k"],
    count: int,
    forest: Forest,
    v: int,
    strides: Int64[np.ndarray, "R"],
    stride_of: Int64[np.ndarray, "R"],
) -> None:
    """Strides of a C-ordered table over ``axes`` along the axes of the cluster of v; ``stride_of`` is zero again after."""
    stride = 1
    for a in range(count - 1, -1, -1):
        stride_of[axes[a]] = stride
        stride *= forest.size[axes[a]]
    for a in range(forest.width[v] + 1):
        strides[a] = stride_of[forest.cluster[v, a]]
    for a in range(count):
        stride_of[axes[a]] = 0


@kernel
def _normalise(table: Float64[np.ndarray, "n"], size: int, message: Float64[np.ndarray, "s"]) -> None:
    """Log weights to conditional probabilities of the last axis, in place; the log sums go to ``message``."""
    for at in range(len(message)):
        peak = -np.inf
        for i in range(at * size, (at + 1) * size):
            peak = max(peak, table[i])
        if peak == -np.inf:
            message[at] = -np.inf
            table[at * size : (at + 1) * size] = 0.0
            continue
        total = 0.0
        for i in range(at * size, (at + 1) * size):
            table[i] = np.exp(table[i] - peak)
            total += table[i]
        for i in range(at * size, (at + 1) * size):
            table[i] /= total
        message[at] = peak + np.log(total)
