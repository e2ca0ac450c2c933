"""Log posterior of one sequence whose completions are counted, see :mod:`.pieces`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int32, Int64

from lo_theory.compiled import kernel, lean_kernel
from lo_theory.posteriors.elimination.joint_queries import Query, apart, joint
from lo_theory.posteriors.elimination.order import Forest
from lo_theory.posteriors.elimination.pieces import Pieces, joint_of_counts
from lo_theory.posteriors.elimination.remainder import Remainder
from lo_theory.posteriors.elimination.ties import Ties
from lo_theory.posteriors.factors import Factors


class View(NamedTuple):
    """An observation seen through its free roots, at most six: root a is bit a of a setting."""

    roots: Int64[np.ndarray, "6"]
    step: Int64[np.ndarray, "6"]  # what a one at root a adds to the index of the observation's table
    members: Int64[np.ndarray, "6"]  # those of one piece: which of the roots they are
    group: Int64[np.ndarray, "6"]  # and their roots, or the numbers of these
    chance: Float64[np.ndarray, "64"]  # of the settings of the roots
    part: Float64[np.ndarray, "64"]  # of those of one piece
    value: Float64[np.ndarray, "V"]  # of the values of the observation
    others: Int64[np.ndarray, "P"]  # observations that ask for a joint
    last: Float64[np.ndarray, "2"]  # the last chance and its log: chances repeat


@kernel
def new_view(vocabulary: int, n_observations: int) -> View:
    """Room for one sequence."""
    i, f = np.empty(6, np.int64), np.empty(64)
    others, last = np.empty(n_observations, np.int64), np.array([1.0, 0.0])
    return View(i, i.copy(), i.copy(), i.copy(), f, f.copy(), np.empty(vocabulary), others, last)


@kernel
def write_counted(
    factors: Factors,
    tokens: Int64[np.ndarray, "L"],
    mask_id: int,
    ties: Ties,
    pieces: Pieces,
    chance: Float64[np.ndarray, "N 2"],
    counts: Int32[np.ndarray, "c"],
    view: View,
    remainder: Remainder,
    roots: int,
    root_marginals: Float64[np.ndarray, "R 2"],
    forest: Forest,
    conditionals: Float64[np.ndarray, "n"],
    joints: Float64[np.ndarray, "n"],
    buffers: tuple[Float64[np.ndarray, "s"], Float64[np.ndarray, "s"]],
    query: Query,
    max_entries: int,
    out: Float64[np.ndarray, "L V"],
) -> tuple[float, tuple[Float64[np.ndarray, "s"], Float64[np.ndarray, "s"]]]:
    """Log marginals of all tokens, ``roots`` of the free roots eliminated and the others counted.

    Returns (entries of a joint beyond the limit or 0, the buffers).
    """
    for v in range(roots):
        chance[remainder.latent[v], 0] = root_marginals[v, 0]
        chance[remainder.latent[v], 1] = root_marginals[v, 1]
    _write_tokens(factors, tokens, mask_id, ties, chance, out)
    others = _write_apart(factors, tokens, mask_id, ties, pieces, chance, view, out)
    return _write_together(
        factors, ties, pieces, chance, counts, view, others, remainder.number, forest,
        conditionals, joints, buffers, query, max_entries, out,
    )  # fmt: skip


@lean_kernel
def _write_tokens(
    factors: Factors,
    tokens: Int64[np.ndarray, "L"],
    mask_id: int,
    ties: Ties,
    chance: Float64[np.ndarray, "N 2"],
    out: Float64[np.ndarray, "L V"],
) -> None:
    """Point masses at visible tokens, marginals of hidden latents, ``-inf`` at every other value."""
    for i in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[i, x] = -np.inf
        if tokens[i] != mask_id:
            out[i, tokens[i]] = 0.0
    only, root, value, position = ties.only, ties.root, ties.value, factors.latent_position
    for latent in range(len(only)):
        i = position[latent]
        if only[latent] >= 0:
            out[i, only[latent]] = 0.0
        else:
            for x in range(2):
                out[i, value[latent, x]] = np.log(chance[root[latent], x])


@lean_kernel
def _write_apart(
    factors: Factors,
    tokens: Int64[np.ndarray, "L"],
    mask_id: int,
    ties: Ties,
    pieces: Pieces,
    chance: Float64[np.ndarray, "N 2"],
    view: View,
    out: Float64[np.ndarray, "L V"],
) -> int:
    """Log marginals of the hidden observations whose free roots lie in different pieces.

    Returns how many others there are; they are listed in ``view.others``.
    """
    position, codes, alphabet, piece, roots = (
        factors.observation_position, factors.codes, factors.alphabet, pieces.piece, view.roots
    )  # fmt: skip
    scope_start, scope, stride, table_start = factors.scope_start, factors.scope, factors.stride, factors.table_start
    only, root, value, step, weight = ties.only, ties.root, ties.value, view.step, view.chance
    others = 0
    for j in range(len(position)):
        if tokens[position[j]] != mask_id:
            continue
        count, base = _see(scope_start[j], scope_start[j + 1], scope, stride, only, root, value, roots, step)
        base += table_start[j]
        if count == 0:
            out[position[j], codes[base]] = 0.0
            continue
        if not apart(piece, roots, count):
            view.others[others] = j
            others += 1
            continue
        weight[0] = 1.0
        for a in range(count):
            zero, one, half = chance[roots[a], 0], chance[roots[a], 1], 1 << a
            for s in range(half):
                weight[s + half] = weight[s] * one
                weight[s] *= zero
        _add_up(count, base, step, weight, codes, alphabet[j], view.value, view.last, out[position[j]])
    return others


@kernel
def _write_together(
    factors: Factors,
    ties: Ties,
    pieces: Pieces,
    chance: Float64[np.ndarray, "N 2"],
    counts: Int32[np.ndarray, "c"],
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
    for at in range(others):
        j = view.others[at]
        count, base = _see(
            factors.scope_start[j], factors.scope_start[j + 1], factors.scope, factors.stride,
            ties.only, ties.root, ties.value, view.roots, view.step,
        )  # fmt: skip
        too_large, buffers = _settings_together(
            count, pieces, chance, counts, view, number, forest, conditionals, joints, buffers, query, max_entries
        )
        if too_large:
            return too_large, buffers
        line = out[factors.observation_position[j]]
        base += factors.table_start[j]
        _add_up(
            count, base, view.step, view.chance, factors.codes, factors.alphabet[j], view.value, view.last, line
        )  # fmt: skip
    return 0.0, buffers


@lean_kernel
def _see(
    start: int,
    stop: int,
    scope: Int64[np.ndarray, "K"],
    stride: Int64[np.ndarray, "K"],
    only: Int64[np.ndarray, "N"],
    root: Int64[np.ndarray, "N"],
    value: Int64[np.ndarray, "N 2"],
    roots: Int64[np.ndarray, "6"],
    step: Int64[np.ndarray, "6"],
) -> tuple[int, int]:
    """Fill ``roots`` and ``step`` for an observation; returns the number of free roots and the index for all zero."""
    count, base = 0, 0
    for at in range(start, stop):
        latent = scope[at]
        known = only[latent]
        if known >= 0:
            base += stride[at] * known
            continue
        r, a = root[latent], 0
        while a < count and roots[a] != r:
            a += 1
        if a == count:
            roots[a], step[a], count = r, 0, count + 1
        base += stride[at] * value[latent, 0]
        step[a] += stride[at] * (value[latent, 1] - value[latent, 0])
    return count, base


@lean_kernel
def _add_up(
    count: int,
    base: int,
    step: Int64[np.ndarray, "6"],
    chance: Float64[np.ndarray, "64"],
    codes: Int64[np.ndarray, "T"],
    alphabet: int,
    value: Float64[np.ndarray, "V"],
    last: Float64[np.ndarray, "2"],
    out: Float64[np.ndarray, "V"],
) -> None:
    """Log chances of the values that the settings yield."""
    for y in range(alphabet):
        value[y] = 0.0
    total = 0.0
    for s in range(1 << count):
        index = base
        for a in range(count):
            index += step[a] * ((s >> a) & 1)
        value[codes[index]] += chance[s]
        total += chance[s]
    for y in range(alphabet):
        p = value[y] / total
        if p == last[0]:
            out[y] = last[1]
        elif p > 0.0:
            out[y] = np.log(p)
            last[0], last[1] = p, out[y]


@kernel
def _settings_together(
    count: int,
    pieces: Pieces,
    chance: Float64[np.ndarray, "N 2"],
    counts: Int32[np.ndarray, "c"],
    view: View,
    number: Int64[np.ndarray, "N"],
    forest: Forest,
    conditionals: Float64[np.ndarray, "n"],
    joints: Float64[np.ndarray, "n"],
    buffers: tuple[Float64[np.ndarray, "s"], Float64[np.ndarray, "s"]],
    query: Query,
    max_entries: int,
) -> tuple[float, tuple[Float64[np.ndarray, "s"], Float64[np.ndarray, "s"]]]:
    """The chances of the settings, piece by piece; returns (entries of a joint beyond the limit or 0, the buffers)."""
    for s in range(1 << count):
        view.chance[s] = 1.0
    roots, part, members, group = view.roots, view.part, view.members, view.group
    for a in range(count):
        c, size, fresh = pieces.piece[roots[a]], 0, True
        for b in range(count):
            if pieces.piece[roots[b]] == c:
                fresh = fresh and b >= a
                members[size], group[size] = b, roots[b]
                size += 1
        if not fresh:
            continue
        if size == 1:
            part[0], part[1] = chance[roots[a], 0], chance[roots[a], 1]
        elif pieces.words[c]:
            joint_of_counts(pieces, group, size, counts, part)
        else:
            for b in range(size):
                group[b] = number[group[b]]
            too_large, buffers = joint(forest, group, size, conditionals, joints, buffers, query, max_entries)
            if too_large:
                return too_large, buffers
            _in_order(query.axes, group, size, buffers[0], part)
        for s in range(1 << count):
            inside = 0
            for b in range(size):
                inside |= ((s >> members[b]) & 1) << b
            view.chance[s] *= part[inside]
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
