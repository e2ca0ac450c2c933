"""Large pieces as trees of small clusters: the elimination order, by min-fill on words, and where the tables stand.

A root of the piece is a node. Nodes are numbered so that the descendants of one stand right before it. The cluster of a
node holds it (bit 0 of a setting) and its separator, all of them ancestors (bits 1, 2, .. in the order of the nodes).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt64

from lo_theory.compiled import kernel, lean_kernel
from lo_theory.posteriors.elimination.bits import NONE, ONE, lowest, ones_in
from lo_theory.posteriors.elimination.pieces import Pieces
from lo_theory.posteriors.elimination.ties import Ties
from lo_theory.posteriors.factors import Factors

ROOM = 2**20
"""Numbers that the counts of one tree may take."""


class Trees(NamedTuple):
    """The trees of one sequence; the nodes of a piece are ``first[c]``, ``first[c] + 1``, .."""

    node: Int64[np.ndarray, "N"]  # of a root
    first: Int64[np.ndarray, "N"]  # node of a piece
    start: Int64[np.ndarray, "N"]  # of the numbers of a piece
    entries: Int64[np.ndarray, "N"]  # of all cluster tables of a piece
    separator: UInt64[np.ndarray, "N"]  # of a node, as a set of nodes counted from the first
    width: Int64[np.ndarray, "N"]  # their number
    parent: Int64[np.ndarray, "N"]  # -1 at the top
    low: Int64[np.ndarray, "N"]  # the first descendant
    table: Int64[np.ndarray, "N"]  # of a node: where its cluster begins among those of the piece
    link: Int64[np.ndarray, "N"]  # of a node: where the links from the parent's cluster to its separator begin
    near: UInt64[np.ndarray, "64"]  # scratch: neighbours
    fill: Int64[np.ndarray, "64"]  # scratch
    sequence: Int64[np.ndarray, "64"]  # scratch
    rank: Int64[np.ndarray, "64"]  # scratch
    above: Int64[np.ndarray, "64"]  # scratch
    below: Int64[np.ndarray, "64"]  # scratch


@kernel
def new_trees(n: int) -> Trees:
    """Room for one sequence of ``n`` latents."""
    i, u, scratch, words = (
        np.empty(n, np.int64),
        np.empty(n, np.uint64),
        np.empty(64, np.int64),
        np.empty(64, np.uint64),
    )
    return Trees(
        i, i.copy(), i.copy(), i.copy(), u, i.copy(), i.copy(), i.copy(), i.copy(), i.copy(),
        words, scratch, scratch.copy(), scratch.copy(), scratch.copy(), scratch.copy(),
    )  # fmt: skip


@lean_kernel
def plant(
    factors: Factors, ties: Ties, pieces: Pieces, telling: int, c: int, first: int, start: int, links: int, trees: Trees
) -> tuple[int, int]:
    """The tree of piece c, whose nodes, numbers and links begin at ``first``, ``start`` and ``links``.

    Returns (entries of its tables, links).
    """
    size = pieces.size[c]
    trees.first[c], trees.start[c] = first, start
    _meet(factors.scope_start, factors.scope, ties.root, ties.value, ties.only, pieces, telling, c, trees.near)
    separator = trees.separator[first : first + size]
    _choose(trees.near, size, trees.fill, trees.sequence, trees.rank, trees.above)
    _number(pieces.piece, pieces.bit, c, size, first, trees)
    entries, end = 0, links
    width, table, parent = trees.width, trees.table, trees.parent
    for v in range(first, first + size):
        width[v], table[v] = ones_in(separator[v - first]), entries
        entries += 2 << width[v]
    for v in range(first, first + size):
        trees.link[v] = end
        if parent[v] >= 0:
            end += 2 << width[parent[v]]
    trees.entries[c] = entries
    return int(entries), int(end - links)


@lean_kernel
def _meet(
    scope_start: Int64[np.ndarray, "P1"],
    scope: Int64[np.ndarray, "K"],
    root: Int64[np.ndarray, "N"],
    value: Int64[np.ndarray, "N 2"],
    only: Int64[np.ndarray, "N"],
    pieces: Pieces,
    telling: int,
    c: int,
    near: UInt64[np.ndarray, "64"],
) -> None:
    """Who shares an observation with whom."""
    piece, bit, size = pieces.piece, pieces.bit, pieces.size[c]
    near[:size] = NONE
    for f in range(telling):
        j = pieces.observation[f]
        together, here = NONE, True
        for at in range(scope_start[j], scope_start[j + 1]):
            if only[scope[at]] < 0:
                r = root[scope[at]]
                here = piece[r] == c
                if not here:
                    break
                together |= ONE << np.uint64(bit[r])
        left = together if here else NONE
        while left != NONE:
            v = lowest(left)
            left &= left - ONE
            near[v] |= together & ~(ONE << np.uint64(v))


@lean_kernel
def _choose(
    near: UInt64[np.ndarray, "64"],
    size: int,
    fill: Int64[np.ndarray, "64"],
    sequence: Int64[np.ndarray, "64"],
    rank: Int64[np.ndarray, "64"],
    parent: Int64[np.ndarray, "64"],
) -> None:
    """Least fill first, then the lowest number; ``near`` holds the separators when it is done."""
    for v in range(size):
        fill[v], rank[v] = -1, size
    for step in range(size):
        best, fewest = -1, 1 << 60
        for v in range(size):
            if rank[v] < size:
                continue
            if fill[v] < 0:
                around, missing = near[v], 0
                left = around
                while left != NONE:
                    u = lowest(left)
                    left &= left - ONE
                    missing += ones_in(around & ~near[u]) - 1
                fill[v] = missing
            if fill[v] < fewest:
                best, fewest = v, fill[v]
                if fewest == 0:
                    break
        rank[best], sequence[step] = step, best
        itself, around = ONE << np.uint64(best), near[best]
        changed, left = around, around
        while left != NONE:
            u = lowest(left)
            left &= left - ONE
            near[u] = (near[u] | around) & ~itself & ~(ONE << np.uint64(u))
            if fewest > 0:
                changed |= near[u]
        while changed != NONE:
            fill[lowest(changed)] = -1
            changed &= changed - ONE
    for v in range(size):
        left, parent[v] = near[v], -1
        while left != NONE:
            u = lowest(left)
            left &= left - ONE
            if parent[v] < 0 or rank[u] < rank[parent[v]]:
                parent[v] = u


@lean_kernel
def _number(
    piece: Int64[np.ndarray, "N"], bit: Int64[np.ndarray, "N"], c: int, size: int, first: int, trees: Trees
) -> None:
    """Nodes in an order in which descendants stand together, with parents, lowest descendants and separators."""
    sequence, parent, below, place = trees.sequence, trees.above, trees.below, trees.rank
    for v in range(size):
        below[v] = 1
    for step in range(size - 1):
        v = sequence[step]
        below[parent[v]] += below[v]
    for step in range(size - 1, -1, -1):  # ``fill`` holds the place of the next child
        v = sequence[step]
        u = parent[v]
        place[v] = size - 1 if u < 0 else trees.fill[u]
        trees.fill[v] = place[v] - 1
        if u >= 0:
            trees.fill[u] -= below[v]
    for v in range(size):
        node, left, found = first + place[v], trees.near[v], NONE
        while left != NONE:
            found |= ONE << np.uint64(place[lowest(left)])
            left &= left - ONE
        trees.separator[node] = found
        trees.parent[node] = -1 if parent[v] < 0 else first + place[parent[v]]
        trees.low[node] = node + 1 - below[v]
    for r in range(len(piece)):
        if piece[r] == c:
            trees.node[r] = first + place[bit[r]]
