"""Log posterior of one sequence whose completions are counted, see :mod:`.pieces` and :mod:`.tree_counts`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int32, Int64

from lo_theory.compiled import kernel, lean_kernel
from lo_theory.posteriors.elimination.bits import agreeing, ones_in
from lo_theory.posteriors.elimination.piece_trees import Trees
from lo_theory.posteriors.elimination.pieces import ALONE, TABLE, TREE, Pieces, above_each
from lo_theory.posteriors.elimination.ties import Ties
from lo_theory.posteriors.elimination.tree_questions import above_each_node
from lo_theory.posteriors.factors import Factors

_LOGS = 256


class View(NamedTuple):
    """An observation seen through its free roots, at most six: root a is bit a of a setting."""

    roots: Int64[np.ndarray, "6"]
    step: Int64[np.ndarray, "6"]  # what a one at root a adds to the index of the observation's table
    group: Int64[np.ndarray, "6"]  # numbers of the roots of a piece that is eliminated
    places: Int64[np.ndarray, "64"]  # in the observation's table, for each setting
    weight: Float64[np.ndarray, "64"]  # of the settings
    part: Float64[np.ndarray, "64"]  # of those of the roots of one piece
    value: Float64[np.ndarray, "V"]  # of the values of the observation
    seen: Float64[np.ndarray, "256"]  # chances that have come before: they repeat
    log: Float64[np.ndarray, "256"]


@kernel
def new_view(vocabulary: int) -> View:
    """Room for one sequence."""
    i, f, logs = np.empty(6, np.int64), np.empty(64), np.zeros(_LOGS)
    return View(
        i, i.copy(), i.copy(), np.empty(64, np.int64), f, f.copy(), np.empty(vocabulary), logs, logs.copy()
    )  # fmt: skip


@lean_kernel
def write_counted(
    factors: Factors,
    tokens: Int64[np.ndarray, "L"],
    hidden: int,
    ties: Ties,
    pieces: Pieces,
    counts: Int32[np.ndarray, "c"],
    trees: Trees,
    numbers: Float64[np.ndarray, "n"],
    view: View,
    out: Float64[np.ndarray, "L V"],
) -> int:
    """Log marginals of all tokens but of the ``hidden`` observations that ask for a joint by elimination.

    Returns how many these are; they come first in ``ties.hidden`` then.
    """
    if out.shape[1] == 2:
        for i in range(len(out)):
            token = tokens[i]
            out[i, 0], out[i, 1] = 0.0 if token == 0 else -np.inf, 0.0 if token == 1 else -np.inf
    else:
        for i in range(len(out)):
            for x in range(out.shape[1]):
                out[i, x] = 0.0 if tokens[i] == x else -np.inf
    only, root, value, position = ties.only, ties.root, ties.value, factors.latent_position
    piece, share, total, seen, log = pieces.piece, pieces.share, pieces.total, view.seen, view.log
    for latent in range(len(only)):
        if only[latent] >= 0:
            out[position[latent], only[latent]] = 0.0
            continue
        r = root[latent]
        for x in range(2):
            if share[r, x] > 0.0:
                out[position[latent], value[latent, x]] = _logarithm(share[r, x] / total[piece[r]], seen, log)
    others = _write_fair(factors, hidden, ties, pieces, view, out)
    return _write_weighed(factors, others, ties, pieces, counts, trees, numbers, view, out) if others else 0


@lean_kernel
def _write_fair(
    factors: Factors, hidden: int, ties: Ties, pieces: Pieces, view: View, out: Float64[np.ndarray, "L V"]
) -> int:
    """Log marginals of the hidden observations whose latents are known or fair coins; returns how many are left."""
    position, codes, alphabet, allowed = factors.observation_position, factors.codes, factors.alphabet, factors.allowed
    scope_start, scope, table_start = factors.scope_start, factors.scope, factors.table_start
    only, root, value, piece, way, listed = ties.only, ties.root, ties.value, pieces.piece, pieces.way, ties.hidden
    seen, log, axes = view.seen, view.log, pieces.axes
    others = 0
    for h in range(hidden):
        j = listed[h]
        start, stop = scope_start[j], scope_start[j + 1]
        index, free = 0, 0
        for at in range(start, stop):
            known = only[scope[at]]
            index, free = 2 * index + known, free | known
        line = out[position[j]]
        if free >= 0:
            line[codes[table_start[j] + index]] = 0.0
            continue
        count, fits = agreeing(start, stop, scope, root, value, only, axes)
        fair = True
        for a in range(count):
            fair &= way[piece[root[scope[axes[a]]]]] == ALONE
        if fair:  # all settings weigh the same
            total = float(ones_in(fits))
            for y in range(alphabet[j]):
                with_it = float(ones_in(fits & allowed[j, y]))
                if with_it > 0.0:
                    line[y] = _logarithm(with_it / total, seen, log)
            continue
        listed[others] = j
        others += 1
    return others


@lean_kernel
def _write_weighed(
    factors: Factors,
    rest: int,
    ties: Ties,
    pieces: Pieces,
    counts: Int32[np.ndarray, "c"],
    trees: Trees,
    numbers: Float64[np.ndarray, "n"],
    view: View,
    out: Float64[np.ndarray, "L V"],
) -> int:
    """Those of the rest; returns how many read two roots of a piece that is eliminated."""
    scope_start, scope, root, value, only = factors.scope_start, factors.scope, ties.root, ties.value, ties.only
    position, table_start, codes, alphabet = (
        factors.observation_position, factors.table_start, factors.codes, factors.alphabet,
    )  # fmt: skip
    axes, bit, share, piece, way, roots, step = (
        pieces.axes, pieces.bit, pieces.share, pieces.piece, pieces.way, view.roots, view.step,
    )  # fmt: skip
    part, weight, index, listed, others = view.part, view.weight, view.places, ties.hidden, 0
    for h in range(rest):
        j = listed[h]
        start, stop = scope_start[j], scope_start[j + 1]
        count, _ = agreeing(start, stop, scope, root, value, only, axes)
        see(start, stop, scope, root, value, only, count, axes, piece, roots, step, index)
        done = 0
        while done < count:
            c, size = piece[roots[done]], 1
            while done + size < count and piece[roots[done + size]] == c:
                size += 1
            if size == 1:
                part[0], part[1] = share[roots[done], 0], share[roots[done], 1]
            elif way[c] == TABLE:
                above_each(64 * pieces.start[c], bit, roots[done:], size, counts, part)
                differences(part, size)
            elif way[c] == TREE:
                above_each_node(
                    roots[done:], size, pieces.total[c], pieces.size[c], trees.first[c], trees.start[c],
                    trees.entries[c], trees.node, trees.parent, trees.width, trees.table, trees.low, numbers, part,
                )  # fmt: skip
                differences(part, size)
            else:
                break
            join(done, size, part, weight)
            done += size
        if done < count:
            listed[others] = j
            others += 1
            continue
        add_up(
            count, table_start[j], codes, alphabet[j], index, weight, view.value, view.seen, view.log, out[position[j]]
        )
    return others


@lean_kernel
def see(
    start: int,
    stop: int,
    scope: Int64[np.ndarray, "K"],
    root: Int64[np.ndarray, "N"],
    value: Int64[np.ndarray, "N 2"],
    only: Int64[np.ndarray, "N"],
    count: int,
    axes: Int64[np.ndarray, "6"],
    piece: Int64[np.ndarray, "N"],
    roots: Int64[np.ndarray, "6"],
    step: Int64[np.ndarray, "6"],
    index: Int64[np.ndarray, "64"],
) -> None:
    """The free roots, those of a piece together, and where in the observation's table every setting of them leads."""
    for a in range(count):
        r, at = root[scope[axes[a]]], a
        while at > 0 and piece[roots[at - 1]] > piece[r]:
            roots[at] = roots[at - 1]
            at -= 1
        roots[at] = r
    base, step[:count] = 0, 0
    for at in range(start, stop):
        latent, one = scope[at], 1 << (stop - 1 - at)
        known = only[latent]
        if known >= 0:
            base += one * known
            continue
        a, turned = 0, value[latent, 0]
        while roots[a] != root[latent]:
            a += 1
        base += one * turned
        step[a] += one - 2 * one * turned
    index[0] = base
    for a in range(count):
        half = 1 << a
        for s in range(half):
            index[s + half] = index[s] + step[a]


@lean_kernel
def join(done: int, size: int, part: Float64[np.ndarray, "64"], weight: Float64[np.ndarray, "64"]) -> None:
    """Multiply the weights of the settings of the roots so far by those of the next, which are independent of them."""
    if done == 0:
        for t in range(1 << size):
            weight[t] = part[t]
        return
    for t in range((1 << size) - 1, -1, -1):
        for s in range(1 << done):
            weight[s + (t << done)] = weight[s] * part[t]


@lean_kernel
def differences(part: Float64[np.ndarray, "64"], count: int) -> None:
    """From the settings in which some roots are one to those in which the others are zero."""
    for a in range(count):
        half = 1 << a
        for low in range(0, 1 << count, 2 * half):
            for s in range(low, low + half):
                part[s] -= part[s + half]


@lean_kernel
def add_up(
    count: int,
    start: int,
    codes: Int32[np.ndarray, "T"],
    alphabet: int,
    index: Int64[np.ndarray, "64"],
    weight: Float64[np.ndarray, "64"],
    chance: Float64[np.ndarray, "V"],
    seen: Float64[np.ndarray, "256"],
    log: Float64[np.ndarray, "256"],
    out: Float64[np.ndarray, "V"],
) -> None:
    """Log chances of the values that the settings yield."""
    for y in range(alphabet):
        chance[y] = 0.0
    total = 0.0
    for s in range(1 << count):
        chance[codes[start + index[s]]] += weight[s]
        total += weight[s]
    for y in range(alphabet):
        if chance[y] > 0.0:
            out[y] = _logarithm(chance[y] / total, seen, log)


@lean_kernel
def _logarithm(chance: float, seen: Float64[np.ndarray, "256"], log: Float64[np.ndarray, "256"]) -> float:
    """The log of a chance, looked up where it has come before."""
    at = int(chance * 65536.0) & (_LOGS - 1)
    if seen[at] != chance:
        seen[at], log[at] = chance, np.log(chance)
    return log[at]
