"""The elimination order of the free roots, by min-fill, and the forest that it makes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from lo_theory.compiled import kernel, lean_kernel
from lo_theory.posteriors.elimination.remainder import Remainder


class Forest(NamedTuple):
    """Elimination forest of R roots.

    The cluster of v is ``cluster[v, : width[v] + 1]``: its separator, latest eliminated first, then v itself. The
    separator holds the neighbours of v at its elimination; they are ancestors of v.
    """

    size: Int64[np.ndarray, "N"]
    sequence: Int64[np.ndarray, "N"]
    rank: Int64[np.ndarray, "N"]  # place in the sequence, -1 before elimination
    cluster: Int64[np.ndarray, "N N"]
    width: Int64[np.ndarray, "N"]
    parent: Int64[np.ndarray, "N"]  # first of the separator to be eliminated, -1 if it is empty
    tree: Int64[np.ndarray, "N"]  # last root eliminated in the component
    table_start: Int64[np.ndarray, "N"]  # of the cluster of v in the pools of conditionals and of joints


class Graph(NamedTuple):
    """Who shares a factor with whom among the roots not eliminated yet."""

    adjacent: Bool[np.ndarray, "N N"]
    neighbours: Int64[np.ndarray, "N N"]
    degree: Int64[np.ndarray, "N"]
    fill: Int64[np.ndarray, "N"]  # edges missing among the neighbours, -1 where it must be counted again


@kernel
def new_forest(n: int) -> Forest:
    """Room for ``n`` roots."""
    i = np.empty(n, np.int64)
    square = np.empty((n, n), np.int64)
    return Forest(i, i.copy(), i.copy(), square, i.copy(), i.copy(), i.copy(), i.copy())


@kernel
def new_graph(n: int) -> Graph:
    """Room for ``n`` roots."""
    return Graph(np.empty((n, n), np.bool_), np.empty((n, n), np.int64), np.empty(n, np.int64), np.empty(n, np.int64))


@lean_kernel
def plan(
    remainder: Remainder, roots: int, count_factors: int, graph: Graph, forest: Forest, max_width: int
) -> tuple[int, float]:
    """Choose the elimination order by min-fill; returns (its width, entries of all cluster tables together).

    Stops once the width is beyond ``max_width``: both numbers are then lower bounds and the forest is not finished.
    """
    for v in range(roots):
        forest.size[v], forest.rank[v] = remainder.size[v], -1
    _connect(remainder, graph, roots, count_factors)
    widest, entries = 0, 0.0
    for step in range(roots):
        v = _next_root(graph, forest.rank, roots)
        cluster, width = forest.cluster[v], graph.degree[v]
        for a in range(width):
            cluster[a] = graph.neighbours[v, a]
        cluster[width] = v
        forest.sequence[step], forest.rank[v], forest.width[v] = v, step, width
        table = float(forest.size[v])
        for a in range(width):
            table *= forest.size[cluster[a]]
        widest, entries = max(widest, width), entries + table
        if width > max_width:
            return int(widest), float(entries)
        _eliminate(graph, v)
    _link(forest, roots)
    return int(widest), float(entries)


@lean_kernel
def _link(forest: Forest, roots: int) -> None:
    """Parents and trees; then the same elimination in an order in which the descendants of a root stand together."""
    sequence, rank, below, last = forest.sequence, forest.rank, forest.table_start, forest.tree
    for step in range(roots):
        below[sequence[step]] = 1
    for step in range(roots):
        v = sequence[step]
        _sort_by_rank(forest.cluster[v], forest.width[v], rank)
        forest.parent[v] = forest.cluster[v, forest.width[v] - 1] if forest.width[v] > 0 else -1
        if forest.parent[v] >= 0:
            below[forest.parent[v]] += below[v]
    free = roots  # places from here on are taken
    for step in range(roots - 1, -1, -1):
        v = sequence[step]
        u = forest.parent[v]
        if u < 0:
            free -= below[v]
            rank[v] = free + below[v] - 1
        else:
            rank[v] = last[u]
            last[u] -= below[v]
        last[v] = rank[v] - 1  # place of the next child
    for v in range(roots):
        sequence[rank[v]] = v
    for step in range(roots - 1, -1, -1):
        v = sequence[step]
        forest.tree[v] = forest.tree[forest.parent[v]] if forest.parent[v] >= 0 else v


@lean_kernel
def _connect(remainder: Remainder, graph: Graph, roots: int, count_factors: int) -> None:
    graph.adjacent[:roots, :roots] = False
    graph.degree[:roots], graph.fill[:roots] = 0, -1
    for f in range(count_factors):
        for a in range(remainder.factor_arity[f]):
            for b in range(a):
                _join(graph, remainder.factor_axes[f, a], remainder.factor_axes[f, b])


@lean_kernel
def _join(graph: Graph, u: int, v: int) -> bool:
    if graph.adjacent[u, v]:
        return False
    graph.adjacent[u, v] = graph.adjacent[v, u] = True
    graph.neighbours[u, graph.degree[u]] = v
    graph.neighbours[v, graph.degree[v]] = u
    graph.degree[u] += 1
    graph.degree[v] += 1
    return True


@lean_kernel
def _next_root(graph: Graph, rank: Int64[np.ndarray, "N"], roots: int) -> int:
    """Least fill, then least degree, then lowest number."""
    best = -1
    for v in range(roots):
        if rank[v] >= 0:
            continue
        degree = graph.degree[v]
        if graph.fill[v] < 0:
            missing = 0
            for a in range(degree):
                for b in range(a):
                    missing += not graph.adjacent[graph.neighbours[v, a], graph.neighbours[v, b]]
            graph.fill[v] = missing
        if best < 0 or (graph.fill[v], degree) < (graph.fill[best], graph.degree[best]):
            best = v
    return best


@lean_kernel
def _eliminate(graph: Graph, v: int) -> None:
    """Join the neighbours of v to each other and take v away."""
    degree = graph.degree[v]
    for a in range(degree):
        u = graph.neighbours[v, a]
        graph.fill[u] = -1
        for at in range(graph.degree[u]):
            if graph.neighbours[u, at] == v:
                graph.degree[u] -= 1
                graph.neighbours[u, at] = graph.neighbours[u, graph.degree[u]]
                break
    for a in range(degree):
        u = graph.neighbours[v, a]
        for b in range(a):
            if _join(graph, u, graph.neighbours[v, b]):
                for at in range(graph.degree[u]):
                    graph.fill[graph.neighbours[u, at]] = -1


@lean_kernel
def _sort_by_rank(vertices: Int64[np.ndarray, "R"], count: int, rank: Int64[np.ndarray, "R"]) -> None:
    for i in range(1, count):
        v, at = vertices[i], i
        while at > 0 and rank[vertices[at - 1]] < rank[v]:
            vertices[at] = vertices[at - 1]
            at -= 1
        vertices[at] = v
