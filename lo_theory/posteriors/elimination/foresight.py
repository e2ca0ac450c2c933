"""What the joints of hidden observations would take, counted along the elimination forest without a table."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from lo_theory.compiled import kernel, lean_kernel
from lo_theory.posteriors.elimination.order import Forest
from lo_theory.posteriors.elimination.remainder import Remainder
from lo_theory.posteriors.elimination.ties import Scope, Ties, look
from lo_theory.posteriors.factors import COUNTED, Factors

HOPELESS = 2.0**40
"""Operations, hours of them, from which on nobody asks how many more there are."""
_FEW, _SEVERAL, _ROOM = 18, 40, 2.0**20
"""Where completions are counted, components of few roots take that many times 2**roots sums, and those of several, if
no observation reads more than three latents, one for each entry of their tables and each root, if there is room."""


class Climb(NamedTuple):
    """Scratch of one sequence; the marks are all False between two climbs."""

    axes: Int64[np.ndarray, "N"]  # of the table so far
    open: Int64[np.ndarray, "N"]  # roots whose factor is still to come
    held: Bool[np.ndarray, "N"]
    pending: Bool[np.ndarray, "N"]
    asked: Bool[np.ndarray, "N"]
    members: Int64[np.ndarray, "N"]  # roots of a component, by the last of them to be eliminated
    tables: Float64[np.ndarray, "N"]  # entries of the tables of a component
    joints: Float64[np.ndarray, "N"]  # products that the joints of a component take


@kernel
def new_climb(n: int) -> Climb:
    """Room for at most ``n`` roots."""
    i, mark, number = np.empty(n, np.int64), np.zeros(n, np.bool_), np.empty(n)
    return Climb(i, i.copy(), mark, mark.copy(), mark.copy(), i.copy(), number, number.copy())


@lean_kernel
def foresee(
    factors: Factors,
    tokens: Int64[np.ndarray, "L"],
    mask_id: int,
    ties: Ties,
    scope: Scope,
    remainder: Remainder,
    roots: int,
    forest: Forest,
    climb: Climb,
) -> tuple[float, float]:
    """Entries of the tables of one sweep, and products that the joints of all hidden observations take.

    A component of few roots is taken at the price of counting its completions where all weigh the same (see
    :mod:`.pieces` and :mod:`.tree_counts`). Beyond ``HOPELESS`` the products are a lower bound.
    """
    climb.members[:roots], climb.tables[:roots], climb.joints[:roots] = 0, 0.0, 0.0
    total = 0.0
    for v in range(roots):
        table = 1.0
        for a in range(forest.width[v] + 1):
            table *= forest.size[forest.cluster[v, a]]
        climb.members[forest.tree[v]] += 1
        climb.tables[forest.tree[v]] += table
        total += table
    for j in range(len(factors.alphabet)):
        if tokens[factors.observation_position[j]] == mask_id and total < HOPELESS:
            count, _ = look(factors, ties, j, scope)
            for a in range(count):
                climb.open[a] = remainder.number[scope.roots[a]]
            if count > 1:
                tree, products = forest.tree[climb.open[0]], _products(forest, count, climb)
                climb.joints[tree] += products
                total += products
    tables, joints = 0.0, 0.0
    for tree in range(roots):
        size, entries, products = climb.members[tree], climb.tables[tree], climb.joints[tree]
        if factors.kind == COUNTED and size <= _FEW:
            counting = float(size * 2**size)
            entries, products = min(entries, counting), min(products, counting)
        if factors.kind == COUNTED and len(scope.roots) <= 3 and size <= _SEVERAL and entries * size <= _ROOM:
            products = min(products, entries * size)
        tables, joints = tables + entries, joints + products
    return float(tables), float(joints)


@lean_kernel
def _products(forest: Forest, count: int, climb: Climb) -> float:
    """Products to the joint of ``count`` open roots, from the first to go up to a cluster that holds the rest.

    Roots of different components take one product for each setting.
    """
    apart, settings = True, 1.0
    for a in range(count):
        settings *= forest.size[climb.open[a]]
        for b in range(a):
            apart &= forest.tree[climb.open[a]] != forest.tree[climb.open[b]]
    if apart:
        return float(settings)
    for a in range(count):
        climb.asked[climb.open[a]] = climb.pending[climb.open[a]] = True
    products, axes, open_count = 0.0, 0, count
    while open_count:
        v = climb.open[0]
        for a in range(1, open_count):
            if forest.rank[climb.open[a]] < forest.rank[v]:
                v = climb.open[a]
        closes = _closes(forest, v, open_count, climb)
        entries, axes = _multiply_in(forest, v, closes, axes, climb)
        products += entries
        open_count = _next_open(forest, v, closes, open_count, climb)
    for a in range(axes):  # those that were asked for are left
        climb.held[climb.axes[a]] = climb.asked[climb.axes[a]] = False
    return float(products)


@lean_kernel
def _closes(forest: Forest, v: int, open_count: int, climb: Climb) -> bool:
    """Do all pending roots of the component lie in the cluster of v?"""
    inside, total = 0, 0
    for a in range(forest.width[v] + 1):
        inside += climb.pending[forest.cluster[v, a]]
    for a in range(open_count):
        total += forest.tree[climb.open[a]] == forest.tree[v]
    return inside == total


@lean_kernel
def _multiply_in(forest: Forest, v: int, closes: bool, axes: int, climb: Climb) -> tuple[float, int]:
    """Axes of the table times the factor of v, those summed out taken off: (entries of the product, axes left)."""
    for a in range(forest.width[v] + 1):
        u = forest.cluster[v, a]
        if not climb.held[u]:
            climb.held[u], climb.axes[axes] = True, u
            axes += 1
    entries, left = 1.0, 0
    for a in range(axes):
        u = climb.axes[a]
        entries *= forest.size[u]
        if not climb.asked[u] and (u == v or (closes and forest.tree[u] == forest.tree[v])):
            climb.held[u] = False
        else:
            climb.axes[left] = u
            left += 1
    return float(entries), left


@lean_kernel
def _next_open(forest: Forest, v: int, closes: bool, open_count: int, climb: Climb) -> int:
    """The pending roots after the factor of v has come; returns their number."""
    left = 0
    for a in range(open_count):
        u = climb.open[a]
        if u == v or (closes and forest.tree[u] == forest.tree[v]):
            climb.pending[u] = False
        else:
            climb.open[left] = u
            left += 1
    for a in range(0 if closes else forest.width[v]):
        u = forest.cluster[v, a]
        if not climb.pending[u]:
            climb.pending[u] = True
            climb.open[left] = u
            left += 1
    return left
