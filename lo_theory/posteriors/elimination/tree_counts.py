"""Settings of a large piece, counted along its tree, see :mod:`.piece_trees`.

One sweep up and one down give the number of allowed settings for every setting of every cluster. Two more sweeps
count, among these, the settings in which a given root is one, for all roots at once. Three roots are independent given
the cluster in which their ways through the tree meet, so that any triple is one short sum, see :mod:`.tree_questions`.
Counts are whole numbers; what comes of a division is rounded, which is right as long as they stay below ``LIMIT``.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64, UInt64

from lo_theory.compiled import lean_kernel
from lo_theory.posteriors.elimination.bits import NONE, ONE, lowest
from lo_theory.posteriors.elimination.piece_trees import Trees
from lo_theory.posteriors.elimination.pieces import Pieces
from lo_theory.posteriors.elimination.ties import Ties
from lo_theory.posteriors.factors import Factors

LIMIT = 2.0**40
"""Settings of the largest piece: five roundings of a product of three counts stay far below a half."""


@lean_kernel
def numbers_of(entries: int, size: int) -> int:
    """Room that the counts of one tree take."""
    return 2 * entries + (entries >> 1) + entries * size + size * size


@lean_kernel
def ascend(
    factors: Factors,
    tokens: Int64[np.ndarray, "L"],
    ties: Ties,
    pieces: Pieces,
    telling: int,
    c: int,
    trees: Trees,
    numbers: Float64[np.ndarray, "n"],
    links: Int64[np.ndarray, "l"],
    scratch: Int64[np.ndarray, "z"],
) -> float:
    """Number of settings of piece c; what is counted below every cluster stands in ``numbers``."""
    first, start, entries, size = trees.first[c], trees.start[c], trees.entries[c], pieces.size[c]
    counts, messages = numbers[start : start + entries], numbers[start + 2 * entries :]
    counts[:] = 1.0
    scope_start, scope, root, value, only = factors.scope_start, factors.scope, ties.root, ties.value, ties.only
    for f in range(telling):
        j, home, here = pieces.observation[f], first + size, True
        for at in range(scope_start[j], scope_start[j + 1]):
            if only[scope[at]] < 0:
                r = root[scope[at]]
                here = pieces.piece[r] == c
                if not here:
                    break
                home = min(home, trees.node[r])
        if here:
            cluster = counts[trees.table[home] : trees.table[home] + (2 << trees.width[home])]
            _strike(
                scope_start[j], scope_start[j + 1], scope, root, value, only, trees.node, home, first,
                trees.separator[home], ~factors.allowed[j, tokens[factors.observation_position[j]]], cluster, scratch,
            )  # fmt: skip
    _link(first, size, trees.separator, trees.parent, trees.width, trees.link, links)
    total = 0.0
    for v in range(first, first + size):
        begin, width, u = trees.table[v], trees.width[v], trees.parent[v]
        message = messages[begin >> 1 : (begin >> 1) + (1 << width)]
        for s in range(len(message)):
            message[s] = counts[begin + 2 * s] + counts[begin + 2 * s + 1]
        if u < 0:
            total = message[0]
            continue
        link = links[trees.link[v] : trees.link[v] + (2 << trees.width[u])]
        above = counts[trees.table[u] : trees.table[u] + len(link)]
        for z in range(len(link)):
            above[z] *= message[link[z]]
    return total


@lean_kernel
def _strike(
    start: int,
    stop: int,
    scope: Int64[np.ndarray, "K"],
    root: Int64[np.ndarray, "N"],
    value: Int64[np.ndarray, "N 2"],
    only: Int64[np.ndarray, "N"],
    node: Int64[np.ndarray, "N"],
    home: int,
    first: int,
    separator: UInt64,
    forbidden: UInt64,
    cluster: Float64[np.ndarray, "z"],
    setting: Int64[np.ndarray, "z"],
) -> None:
    """Zeros at the settings of the cluster of ``home`` in which an observation reads a forbidden setting."""
    base = 0
    for at in range(start, stop):
        known = only[scope[at]]
        base = 2 * base + (value[scope[at], 0] if known < 0 else known)
    setting[0], half, v, rest = base, 1, home, separator
    while half < len(cluster):
        step = 0
        for at in range(start, stop):
            latent = scope[at]
            if only[latent] < 0 and node[root[latent]] == v:
                one = 1 << (stop - 1 - at)
                step += one if value[latent, 0] == 0 else -one
        for z in range(half):
            setting[half + z] = setting[z] + step
        half *= 2
        if rest != NONE:
            v = first + lowest(rest)
            rest &= rest - ONE
    for z in range(len(cluster)):
        if (forbidden >> np.uint64(setting[z])) & ONE != NONE:
            cluster[z] = 0.0


@lean_kernel
def _link(
    first: int,
    size: int,
    separator: UInt64[np.ndarray, "N"],
    parent: Int64[np.ndarray, "N"],
    width: Int64[np.ndarray, "N"],
    link: Int64[np.ndarray, "N"],
    links: Int64[np.ndarray, "l"],
) -> None:
    """For every setting of the parent's cluster the setting of the separator that it holds."""
    for v in range(first, first + size):
        u = parent[v]
        if u < 0:
            continue
        line = links[link[v] : link[v] + (2 << width[u])]
        line[0], half, step = 0, 1, 1
        member, rest = u - first, separator[u]
        while half < len(line):
            inside = (separator[v] >> np.uint64(member)) & ONE != NONE
            for z in range(half):
                line[half + z] = line[z] + (step if inside else 0)
            step, half = 2 * step if inside else step, 2 * half
            if rest != NONE:
                member = lowest(rest)
                rest &= rest - ONE


@lean_kernel
def descend(
    pieces: Pieces, c: int, trees: Trees, numbers: Float64[np.ndarray, "n"], links: Int64[np.ndarray, "l"],
    scratch: Float64[np.ndarray, "s"],
) -> None:  # fmt: skip
    """From the counts below every cluster to all that a question reads; fills the shares of the roots, too."""
    first, size, start, entries = trees.first[c], pieces.size[c], trees.start[c], trees.entries[c]
    parent, width, table, link, low = trees.parent, trees.width, trees.table, trees.link, trees.low
    counts, inverse = numbers[start : start + entries], numbers[start + entries : start + 2 * entries]
    messages = numbers[start + 2 * entries : start + 2 * entries + (entries >> 1)]
    start += 2 * entries + (entries >> 1)
    given = numbers[start : start + entries * size]
    pairs = numbers[start + entries * size : start + entries * size + size * size]
    _complete(first, size, parent, width, table, link, links, counts, messages, scratch)
    for z in range(entries):
        inverse[z] = 1.0 / (counts[z] * counts[z]) if counts[z] > 0.0 else 0.0
    _given_below(first, size, parent, width, table, link, low, links, counts, messages, given, scratch)
    _given_beyond(first, size, parent, width, table, link, low, links, counts, messages, given, scratch)
    _pair(first, size, width, table, given, pairs)
    for r in range(len(pieces.piece)):
        if pieces.piece[r] == c:
            v = trees.node[r]
            ones = 0.0
            for z in range(table[v] + 1, table[v] + (2 << width[v]), 2):
                ones += counts[z]
            pieces.share[r, 0], pieces.share[r, 1] = pieces.total[c] - ones, ones


@lean_kernel
def _complete(
    first: int,
    size: int,
    parent: Int64[np.ndarray, "N"],
    width: Int64[np.ndarray, "N"],
    table: Int64[np.ndarray, "N"],
    link: Int64[np.ndarray, "N"],
    links: Int64[np.ndarray, "l"],
    counts: Float64[np.ndarray, "E"],
    messages: Float64[np.ndarray, "e"],
    scratch: Float64[np.ndarray, "s"],
) -> None:
    """From the counts below to those of the whole piece, of clusters and, in ``messages``, of separators."""
    for v in range(first + size - 1, first - 1, -1):
        u, begin, count = parent[v], table[v], 1 << width[v]
        if u < 0:
            continue
        message, whole = messages[begin >> 1 : (begin >> 1) + count], scratch[:count]
        line = links[link[v] : link[v] + (2 << width[u])]
        above = counts[table[u] : table[u] + len(line)]
        whole[:] = 0.0
        for z in range(len(line)):
            whole[line[z]] += above[z]
        for s in range(count):
            ratio = whole[s] / message[s] if message[s] > 0.0 else 0.0
            message[s] = whole[s]
            for at in range(begin + 2 * s, begin + 2 * s + 2):
                counts[at] = np.floor(counts[at] * ratio + 0.5)


@lean_kernel
def _given_below(
    first: int,
    size: int,
    parent: Int64[np.ndarray, "N"],
    width: Int64[np.ndarray, "N"],
    table: Int64[np.ndarray, "N"],
    link: Int64[np.ndarray, "N"],
    low: Int64[np.ndarray, "N"],
    links: Int64[np.ndarray, "l"],
    counts: Float64[np.ndarray, "E"],
    messages: Float64[np.ndarray, "e"],
    given: Float64[np.ndarray, "G"],
    scratch: Float64[np.ndarray, "s"],
) -> None:
    """Settings with each cluster and a one at each node below it or at its own."""
    for v in range(first, first + size):
        begin, u, below = table[v], parent[v], low[v] - first
        own = v - first
        for z in range(begin, begin + (2 << width[v])):
            given[z * size + own] = counts[z] if z & 1 else 0.0
        if u < 0:
            continue
        n = own + 1 - below
        for s in range(1 << width[v]):
            row, at = scratch[s * n : s * n + n], (begin + 2 * s) * size + below
            zero, one = given[at : at + n], given[at + size : at + size + n]
            for r in range(n):
                row[r] = zero[r] + one[r]
        for z in range(2 << width[u]):
            s = links[link[v] + z]
            total = messages[(begin >> 1) + s]
            ratio = counts[table[u] + z] / total if total > 0.0 else 0.0
            at = (table[u] + z) * size + below
            row, out = scratch[s * n : s * n + n], given[at : at + n]
            for r in range(n):
                out[r] = ratio * row[r]


@lean_kernel
def _given_beyond(
    first: int,
    size: int,
    parent: Int64[np.ndarray, "N"],
    width: Int64[np.ndarray, "N"],
    table: Int64[np.ndarray, "N"],
    link: Int64[np.ndarray, "N"],
    low: Int64[np.ndarray, "N"],
    links: Int64[np.ndarray, "l"],
    counts: Float64[np.ndarray, "E"],
    messages: Float64[np.ndarray, "e"],
    given: Float64[np.ndarray, "G"],
    scratch: Float64[np.ndarray, "s"],
) -> None:
    """The same for the nodes that are not below a cluster."""
    for v in range(first + size - 1, first - 1, -1):
        begin, u, below, after = table[v], parent[v], low[v] - first, v - first + 1
        if u < 0:
            continue
        scratch[: size << width[v]] = 0.0
        for z in range(2 << width[u]):
            s, at = links[link[v] + z], (table[u] + z) * size
            row, line = scratch[s * size : s * size + size], given[at : at + size]
            for r in range(size):  # those below are added in vain
                row[r] += line[r]
        for s in range(1 << width[v]):
            total = messages[(begin >> 1) + s]
            row = scratch[s * size : s * size + size]
            for z in range(begin + 2 * s, begin + 2 * s + 2):
                ratio = counts[z] / total if total > 0.0 else 0.0
                out = given[z * size : z * size + size]
                for r in range(below):
                    out[r] = ratio * row[r]
                for r in range(after, size):
                    out[r] = ratio * row[r]


@lean_kernel
def _pair(
    first: int,
    size: int,
    width: Int64[np.ndarray, "N"],
    table: Int64[np.ndarray, "N"],
    given: Float64[np.ndarray, "G"],
    pairs: Float64[np.ndarray, "F"],
) -> None:
    """Settings in which two nodes are one."""
    for v in range(size):
        begin, line = table[first + v], pairs[v * size : v * size + size]
        line[:] = 0.0
        for z in range(begin + 1, begin + (2 << width[first + v]), 2):
            row = given[z * size : z * size + size]
            for r in range(size):
                line[r] += row[r]
        for r in range(size):
            line[r] = np.floor(line[r] + 0.5)
