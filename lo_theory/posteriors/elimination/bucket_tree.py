"""Variable elimination of the free roots, kept as a directed model: ``p(x) = prod_v p(x_v | x_separator(v))``.

Summing a root out of the product of everything that mentions it leaves a message over its neighbours, the separator,
and on the way gives the conditional of the root. Separators are eliminated later, so the conditionals are a Bayesian
network over the elimination forest: every marginal and every sample follows by sums and products of probabilities,
without a division. Messages are in log space: no evidence, however long, underflows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from lo_theory.compiled import kernel, lean_kernel
from lo_theory.posteriors.elimination.order import Forest
from lo_theory.posteriors.elimination.remainder import Remainder
from lo_theory.posteriors.elimination.tables import add_table


class Buckets(NamedTuple):
    """What is multiplied when a root is summed out: linked lists of its factors and of its children's messages."""

    first_factor: Int64[np.ndarray, "N"]
    next_factor: Int64[np.ndarray, "P"]
    first_child: Int64[np.ndarray, "N"]
    next_child: Int64[np.ndarray, "N"]
    message_start: Int64[np.ndarray, "N"]
    strides: Int64[np.ndarray, "N"]
    shape: Int64[np.ndarray, "N"]
    digits: Int64[np.ndarray, "N"]
    stride_of: Int64[np.ndarray, "N"]  # all zero between uses


@kernel
def new_buckets(n: int, n_observations: int) -> Buckets:
    """Room for ``n`` roots."""
    i = np.empty(n, np.int64)
    factors = np.empty(n_observations, np.int64)
    return Buckets(i, factors, i.copy(), i.copy(), i.copy(), i.copy(), i.copy(), i.copy(), np.zeros(n, np.int64))


@lean_kernel
def eliminate(
    remainder: Remainder,
    roots: int,
    count_factors: int,
    factor_pool: Float64[np.ndarray, "n"],
    forest: Forest,
    buckets: Buckets,
    conditionals: Float64[np.ndarray, "n"],
    messages: Float64[np.ndarray, "n"],
) -> float:
    """Sum the roots out in order; fills ``conditionals`` and returns the log of the total. ``-inf``: impossible."""
    _fill_buckets(remainder, forest, buckets, roots, count_factors)
    constant, end, message_end = 0.0, 0, 0
    shape, strides, stride_of, digits = buckets.shape, buckets.strides, buckets.stride_of, buckets.digits
    for step in range(roots):
        v = forest.sequence[step]
        axes, size, cluster = forest.width[v] + 1, forest.size[v], forest.cluster[v]
        separators = 1
        for a in range(axes):
            shape[a] = forest.size[cluster[a]]
            separators *= shape[a]
        separators //= size
        table = conditionals[end : end + separators * size]
        forest.table_start[v], buckets.message_start[v] = end, message_end
        for at in range(separators):
            for i in range(size):
                table[at * size + i] = remainder.log_weight[v, i]
        f = buckets.first_factor[v]
        while f >= 0:
            _align(remainder.factor_axes[f], remainder.factor_arity[f], forest.size, cluster, axes, strides, stride_of)
            add_table(table, factor_pool[remainder.factor_start[f] :], shape, strides, axes, digits)
            f = buckets.next_factor[f]
        child = buckets.first_child[v]
        while child >= 0:
            _align(forest.cluster[child], forest.width[child], forest.size, cluster, axes, strides, stride_of)
            add_table(table, messages[buckets.message_start[child] :], shape, strides, axes, digits)
            child = buckets.next_child[child]
        message = messages[message_end : message_end + separators]
        _normalise(table, size, message)
        if axes == 1:
            constant += message[0]
        end, message_end = end + len(table), message_end + separators
    return constant


@lean_kernel
def _fill_buckets(remainder: Remainder, forest: Forest, buckets: Buckets, roots: int, count_factors: int) -> None:
    """Every factor goes to the first of its roots to be eliminated, every message to the parent."""
    for v in range(roots):
        buckets.first_factor[v] = buckets.first_child[v] = -1
    for f in range(count_factors):
        v = remainder.factor_axes[f, 0]
        for a in range(1, remainder.factor_arity[f]):
            u = remainder.factor_axes[f, a]
            if forest.rank[u] < forest.rank[v]:
                v = u
        buckets.next_factor[f], buckets.first_factor[v] = buckets.first_factor[v], f
    for v in range(roots):
        u = forest.parent[v]
        if u >= 0:
            buckets.next_child[v], buckets.first_child[u] = buckets.first_child[u], v


@lean_kernel
def _align(
    table_axes: Int64[np.ndarray, "k"],
    count: int,
    size: Int64[np.ndarray, "N"],
    axes: Int64[np.ndarray, "N"],
    n_axes: int,
    strides: Int64[np.ndarray, "N"],
    stride_of: Int64[np.ndarray, "N"],
) -> None:
    """Strides of a C-ordered table over ``table_axes`` along ``axes``, which hold them all and more."""
    stride = 1
    for a in range(count - 1, -1, -1):
        stride_of[table_axes[a]] = stride
        stride *= size[table_axes[a]]
    for a in range(n_axes):
        strides[a] = stride_of[axes[a]]
    for a in range(count):
        stride_of[table_axes[a]] = 0


@lean_kernel
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
