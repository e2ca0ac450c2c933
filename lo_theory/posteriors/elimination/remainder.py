"""The problem that is left after the reduction: free roots, their weights, and tables over two or more of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from lo_theory.compiled import kernel, lean_kernel
from lo_theory.posteriors.elimination.tables import grown
from lo_theory.posteriors.elimination.ties import Scope, Ties, advance, first, look, settled_index, weight
from lo_theory.posteriors.factors import Factors


class Remainder(NamedTuple):
    """Free roots numbered 0..R-1 and the factors among them."""

    number: Int64[np.ndarray, "N"]  # of a root, -1 where it is not free
    latent: Int64[np.ndarray, "N"]  # the root of a number
    size: Int64[np.ndarray, "N"]  # possible values
    log_weight: Float64[np.ndarray, "N m"]  # prior and every factor of one root
    factor_start: Int64[np.ndarray, "P"]  # in the pool of factor tables
    factor_axes: Int64[np.ndarray, "P k"]
    factor_arity: Int64[np.ndarray, "P"]


@kernel
def new_remainder(n: int, alphabet: int, n_observations: int, arity: int) -> Remainder:
    """Room for one sequence of ``n`` latents."""
    return Remainder(
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty((n, alphabet)),
        np.empty(n_observations, np.int64),
        np.empty((n_observations, arity), np.int64),
        np.empty(n_observations, np.int64),
    )


@kernel
def collect(
    factors: Factors,
    tokens: Int64[np.ndarray, "L"],
    mask_id: int,
    ties: Ties,
    scope: Scope,
    remainder: Remainder,
    pool: Float64[np.ndarray, "n"],
) -> tuple[int, int, float, Float64[np.ndarray, "n"]]:
    """Number the free roots and tabulate what the visible factors say about them.

    Returns (number of roots R, number of factors that remain, log of the constant, pool of factor tables, in logs).
    """
    roots, constant = _number_roots(factors, ties, remainder)
    count_factors, end = 0, 0
    for j in range(len(factors.alphabet)):
        token = tokens[factors.observation_position[j]]
        if token == mask_id or ties.spent[j]:
            continue
        index = settled_index(factors.scope_start, factors.scope, factors.stride, ties.only, j)
        if index >= 0:
            constant += weight(factors, j, token, index)
            continue
        count, base = look(factors, ties, j, scope)
        entries = 1
        for axis in range(count):
            entries *= scope.sizes[axis]
        pool = grown(pool, end + entries)
        table = pool[end : end + entries]
        index, at = first(scope, count, base), 0
        while index >= 0:
            table[at] = weight(factors, j, token, index)
            index, at = advance(scope, count, index), at + 1
        arity = _drop_idle(table, scope, count, remainder.factor_axes[count_factors])
        if arity == 0:
            constant += table[0]
        elif arity == 1:
            v = remainder.number[scope.roots[remainder.factor_axes[count_factors, 0]]]
            for i in range(remainder.size[v]):
                remainder.log_weight[v, i] += table[i]
        else:
            entries = 1
            for axis in range(arity):
                v = remainder.number[scope.roots[remainder.factor_axes[count_factors, axis]]]
                remainder.factor_axes[count_factors, axis] = v
                entries *= remainder.size[v]
            remainder.factor_start[count_factors], remainder.factor_arity[count_factors] = end, arity
            count_factors, end = count_factors + 1, end + entries
    return roots, count_factors, constant, pool


@lean_kernel
def _number_roots(factors: Factors, ties: Ties, remainder: Remainder) -> tuple[int, float]:
    roots, constant = 0, 0.0
    remainder.number[:] = -1
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
                remainder.log_weight[roots, i] = total
            i += 1
        if ties.size[root] > 1:
            remainder.number[root], remainder.latent[roots], remainder.size[roots] = roots, root, i
            roots += 1
    return roots, float(constant)


@lean_kernel
def _drop_idle(table: Float64[np.ndarray, "n"], scope: Scope, count: int, axes: Int64[np.ndarray, "k"]) -> int:
    """Leave out the axes on which a table does not depend, in place; the others, counted, go to ``axes``."""
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
