"""The exact posterior of a batch of bits without noise under a uniform prior: reduce, split, count, read off."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int32, Int64, UInt64

from lo_theory.compiled import kernel, lean_kernel
from lo_theory.posteriors.elimination.bits import settle_bits
from lo_theory.posteriors.elimination.bucket_tree import Buckets, eliminate, new_buckets
from lo_theory.posteriors.elimination.counted_answers import new_view, write_counted
from lo_theory.posteriors.elimination.joint_queries import Query, calibrate, new_query
from lo_theory.posteriors.elimination.order import Forest, Graph, new_forest, new_graph, plan
from lo_theory.posteriors.elimination.piece_trees import ROOM, Trees, new_trees, plant
from lo_theory.posteriors.elimination.pieces import (
    ALONE,
    SUMS,
    TREE,
    Pieces,
    count_settings,
    large_pieces,
    new_pieces,
    split,
    strike,
)
from lo_theory.posteriors.elimination.remainder import Remainder, new_remainder
from lo_theory.posteriors.elimination.summed_answers import write_eliminated
from lo_theory.posteriors.elimination.tables import grown
from lo_theory.posteriors.elimination.ties import Ties, new_ties, widest_scope
from lo_theory.posteriors.elimination.tree_counts import LIMIT, ascend, descend, numbers_of
from lo_theory.posteriors.factors import Factors

DONE, IMPOSSIBLE, TOO_WIDE, TOO_LARGE = 0, 1, 2, 3


class Pools(NamedTuple):
    """Tables of one sequence, which grow as they must."""

    sets: UInt64[np.ndarray, "w"]
    counts: Int32[np.ndarray, "c"]
    numbers: Float64[np.ndarray, "n"]
    links: Int64[np.ndarray, "l"]
    scratch: Float64[np.ndarray, "s"]


class Sums(NamedTuple):
    """What the pieces that are eliminated need; without room until the first of them comes."""

    remainder: Remainder
    graph: Graph
    forest: Forest
    buckets: Buckets
    query: Query
    tables: Float64[np.ndarray, "t"]
    conditionals: Float64[np.ndarray, "e"]
    messages: Float64[np.ndarray, "e"]
    joints: Float64[np.ndarray, "e"]
    marginals: Float64[np.ndarray, "R 2"]
    buffers: tuple[Float64[np.ndarray, "b"], Float64[np.ndarray, "b"]]


@kernel
def _new_sums(n: int, n_observations: int, arity: int) -> Sums:
    f = np.empty(64 if n else 0)
    return Sums(
        new_remainder(n, 2, n_observations, arity), new_graph(n), new_forest(n), new_buckets(n, n_observations),
        new_query(n), f, f.copy(), f.copy(), f.copy(), np.empty((n, 2)), (f.copy(), f.copy()),
    )  # fmt: skip


@kernel
def solve_counted(
    factors: Factors,
    tokens: Int64[np.ndarray, "B L"],
    mask_id: int,
    max_width: int,
    max_entries: int,
    log_evidence: Float64[np.ndarray, "weighed"],
    marginals: Float64[np.ndarray, "asked L V"],
) -> tuple[int, int, int, float]:
    """As :func:`~.rows.solve`, where no sample is wanted."""
    n, n_observations, arity = len(factors.latent_position), len(factors.alphabet), widest_scope(factors)
    ties, pieces, trees = new_ties(n, 2, n_observations), new_pieces(n, n_observations), new_trees(n)
    nothing = 0 * n  # and not the literal, for which sums would be compiled once more
    view, sums, width, entries = new_view(marginals.shape[2]), _new_sums(nothing, nothing, arity), 0, 0.0
    pools = Pools(np.empty(64, np.uint64), np.empty(4096, np.int32), np.empty(0), np.empty(0, np.int64), np.empty(0))
    for row in range(len(tokens)):
        line = tokens[row]
        hidden = settle_bits(factors, line, mask_id, ties, pieces.axes)
        if hidden < 0:
            return IMPOSSIBLE, row, 0, 0.0
        found, telling, words = split(factors, line, mask_id, ties, pieces, arity <= 3)
        summed = 0
        if found:
            pools, summed = _count(factors, line, ties, pieces, trees, found, telling, words, len(marginals) > 0, pools)
        constant = len(ties.root) * factors.log_prior[0] + _log_settings(pieces, found)
        if summed:
            if len(sums.forest.size) == 0:
                sums = _new_sums(n, n_observations, arity)
            constant, width, entries, sums = _sum(
                factors, ties, pieces, telling, constant, max_width, max_entries, sums
            )
            if width > max_width or 3 * entries > max_entries:
                return TOO_WIDE, row, width, 3 * entries
        if constant == -np.inf:
            return IMPOSSIBLE, row, 0, 0.0
        if len(log_evidence):
            log_evidence[row] = constant
        if len(marginals) == 0:
            continue
        if summed:
            sums = _calibrated(pieces, sums)
        others = write_counted(
            factors, line, hidden, ties, pieces, pools.counts, trees, pools.numbers, view, marginals[row]
        )
        if others:
            too_large, buffers = write_eliminated(
                factors, ties, pieces, pools.counts, trees, pools.numbers, view, others, sums.remainder.number,
                sums.forest, sums.conditionals, sums.joints, sums.buffers, sums.query, max_entries, marginals[row],
            )  # fmt: skip
            sums = _with_buffers(sums, buffers)
            if too_large:
                return TOO_LARGE, row, width, too_large
    return DONE, 0, 0, 0.0


@kernel
def _count(
    factors: Factors,
    tokens: Int64[np.ndarray, "L"],
    ties: Ties,
    pieces: Pieces,
    trees: Trees,
    found: int,
    telling: int,
    words: int,
    asked: bool,
    pools: Pools,
) -> tuple[Pools, int]:
    """Count all pieces that can be counted, for single questions if any are ``asked``; (pools, pieces that cannot)."""
    sets, counts, numbers, links, scratch = pools
    if words:
        if words > len(sets):
            sets, counts = np.empty(2 * words, np.uint64), np.empty(128 * words, np.int32)
        strike(factors, ties, pieces, telling, found, sets)
    count_settings(pieces, found, sets, counts)
    summed, first, start, end = 0, 0, 0, 0
    for c in range(found):
        if pieces.way[c] == TREE:
            size = pieces.size[c]
            entries, n_links = plant(factors, ties, pieces, telling, c, first, start, end, trees)
            room, fits = numbers_of(entries, size), entries * size <= ROOM
            if fits:
                numbers = grown(numbers, start + room)
                if end + n_links + entries > len(links):
                    longer = np.empty(2 * (end + n_links + entries), np.int64)
                    longer[:end] = links[:end]
                    links = longer
                if entries * size > len(scratch):
                    scratch = np.empty(2 * entries * size)
                pieces.total[c] = ascend(
                    factors, tokens, ties, pieces, telling, c, trees, numbers, links, links[end + n_links :]
                )
                fits = pieces.total[c] <= LIMIT
            if not fits:
                pieces.way[c] = SUMS
            elif asked and pieces.total[c] > 0.0:
                descend(pieces, c, trees, numbers, links, scratch)
                first, start, end = first + size, start + room, end + n_links
        summed += pieces.way[c] == SUMS
    return Pools(sets, counts, numbers, links, scratch), summed


@lean_kernel
def _log_settings(pieces: Pieces, found: int) -> float:
    """Log of the number of settings of all pieces that are counted."""
    alone, total = 0, 0.0
    for c in range(found):
        if pieces.way[c] == ALONE:
            alone += 1
        elif pieces.way[c] != SUMS:
            total += np.log(pieces.total[c])
    return total + alone * np.log(2.0)


@kernel
def _sum(
    factors: Factors,
    ties: Ties,
    pieces: Pieces,
    telling: int,
    constant: float,
    max_width: int,
    max_entries: int,
    sums: Sums,
) -> tuple[float, int, float, Sums]:
    """Eliminate the pieces that cannot be counted, within the limits: (log of the total, width, entries, tables)."""
    tables = grown(sums.tables, telling << 6)
    roots, count = large_pieces(factors, ties, pieces, telling, sums.remainder, tables)
    width, entries = plan(sums.remainder, roots, count, sums.graph, sums.forest, max_width)
    conditionals, messages, joints = sums.conditionals, sums.messages, sums.joints
    if width <= max_width and 3 * entries <= max_entries:
        needed = int(entries)
        conditionals, messages, joints = grown(conditionals, needed), grown(messages, needed), grown(joints, needed)
        constant += eliminate(sums.remainder, roots, count, tables, sums.forest, sums.buckets, conditionals, messages)
    sums = Sums(
        sums.remainder, sums.graph, sums.forest, sums.buckets, sums.query, tables, conditionals, messages, joints,
        sums.marginals, sums.buffers,
    )  # fmt: skip
    return constant, width, entries, sums


@kernel
def _calibrated(pieces: Pieces, sums: Sums) -> Sums:
    """Shares of the roots that have been eliminated."""
    number, roots = sums.remainder.number, 0
    for r in range(len(number)):
        roots += number[r] >= 0
    buffers = calibrate(
        sums.forest, roots, sums.conditionals, sums.joints, sums.marginals, sums.buffers, sums.query
    )  # fmt: skip
    for v in range(roots):
        r = sums.remainder.latent[v]
        pieces.total[pieces.piece[r]] = 1.0
        pieces.share[r, 0], pieces.share[r, 1] = sums.marginals[v, 0], sums.marginals[v, 1]
    return _with_buffers(sums, buffers)


@kernel
def _with_buffers(sums: Sums, buffers: tuple[Float64[np.ndarray, "b"], Float64[np.ndarray, "b"]]) -> Sums:
    """The same with buffers that may have grown."""
    return Sums(
        sums.remainder, sums.graph, sums.forest, sums.buckets, sums.query, sums.tables, sums.conditionals,
        sums.messages, sums.joints, sums.marginals, buffers,
    )  # fmt: skip
