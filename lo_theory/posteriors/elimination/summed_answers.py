"""Log posterior of the hidden observations that read several roots of a piece that is eliminated."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int32, Int64

from lo_theory.compiled import kernel, lean_kernel
from lo_theory.posteriors.elimination.bits import agreeing
from lo_theory.posteriors.elimination.counted_answers import View, add_up, differences, join, see
from lo_theory.posteriors.elimination.joint_queries import Query, joint
from lo_theory.posteriors.elimination.order import Forest
from lo_theory.posteriors.elimination.piece_trees import Trees
from lo_theory.posteriors.elimination.pieces import SUMS, TABLE, Pieces, above_each
from lo_theory.posteriors.elimination.ties import Ties
from lo_theory.posteriors.elimination.tree_questions import above_each_node
from lo_theory.posteriors.factors import Factors


@kernel
def write_eliminated(
    factors: Factors,
    ties: Ties,
    pieces: Pieces,
    counts: Int32[np.ndarray, "c"],
    trees: Trees,
    numbers: Float64[np.ndarray, "n"],
    view: View,
    others: int,
    number: Int64[np.ndarray, "N"],
    forest: Forest,
    conditionals: Float64[np.ndarray, "n"],
    joints: Float64[np.ndarray, "n"],
    buffers: tuple[Float64[np.ndarray, "s"], Float64[np.ndarray, "s"]],
    query: Query,
    max_entries: int,
    out: Float64[np.ndarray, "L V"],
) -> tuple[float, tuple[Float64[np.ndarray, "s"], Float64[np.ndarray, "s"]]]:
    """Log marginals of the others; returns (entries of a joint beyond the limit or 0, the buffers)."""
    roots, part, group, piece, axes = view.roots, view.part, view.group, pieces.piece, pieces.axes
    scope, root, value, only = factors.scope, ties.root, ties.value, ties.only
    for at in range(others):
        j = ties.hidden[at]
        start, stop = factors.scope_start[j], factors.scope_start[j + 1]
        count, _ = agreeing(start, stop, scope, root, value, only, axes)
        see(start, stop, scope, root, value, only, count, axes, piece, roots, view.step, view.places)
        done = 0
        while done < count:
            c, size = piece[roots[done]], 0
            while done + size < count and piece[roots[done + size]] == c:
                group[size] = number[roots[done + size]]
                size += 1
            if size > 1 and pieces.way[c] == SUMS:
                too_large, buffers = joint(forest, group, size, conditionals, joints, buffers, query, max_entries)
                if too_large:
                    return too_large, buffers
                _in_order(query.axes, group, size, buffers[0], part)
            else:
                _part(size, roots[done:], pieces, counts, trees, numbers, part)
            join(done, size, part, view.weight)
            done += size
        line = out[factors.observation_position[j]]
        add_up(
            count, factors.table_start[j], factors.codes, factors.alphabet[j], view.places, view.weight, view.value,
            view.seen, view.log, line,
        )  # fmt: skip
    return 0.0, buffers


@lean_kernel
def _in_order(
    axes: Int64[np.ndarray, "R"],
    group: Int64[np.ndarray, "6"],
    size: int,
    table: Float64[np.ndarray, "s"],
    out: Float64[np.ndarray, "64"],
) -> None:
    """A C-ordered table over ``axes`` with member b as bit b of the index."""
    for s in range(1 << size):
        at = 0
        for k in range(size):
            b = 0
            while group[b] != axes[k]:
                b += 1
            at = 2 * at + ((s >> b) & 1)
        out[s] = table[at]


@lean_kernel
def _part(
    size: int,
    roots: Int64[np.ndarray, "g"],
    pieces: Pieces,
    counts: Int32[np.ndarray, "c"],
    trees: Trees,
    numbers: Float64[np.ndarray, "n"],
    part: Float64[np.ndarray, "64"],
) -> None:
    """Weights of the settings of ``size`` roots of one piece, which has been counted if they are several."""
    c = pieces.piece[roots[0]]
    if size == 1:
        part[0], part[1] = pieces.share[roots[0], 0], pieces.share[roots[0], 1]
    elif pieces.way[c] == TABLE:
        above_each(64 * pieces.start[c], pieces.bit, roots, size, counts, part)
        differences(part, size)
    else:
        above_each_node(
            roots, size, pieces.total[c], pieces.size[c], trees.first[c], trees.start[c], trees.entries[c],
            trees.node, trees.parent, trees.width, trees.table, trees.low, numbers, part,
        )  # fmt: skip
        differences(part, size)
