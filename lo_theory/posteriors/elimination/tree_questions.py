"""Joint counts of two or three roots of a large piece, read off the tables of :mod:`.tree_counts`."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from lo_theory.compiled import lean_kernel


@lean_kernel
def above_each_node(
    roots: Int64[np.ndarray, "g"],
    count: int,
    total: float,
    size: int,
    first: int,
    start: int,
    entries: int,
    node: Int64[np.ndarray, "N"],
    parent: Int64[np.ndarray, "N"],
    width: Int64[np.ndarray, "N"],
    table: Int64[np.ndarray, "N"],
    lowest_below: Int64[np.ndarray, "N"],
    numbers: Float64[np.ndarray, "n"],
    out: Float64[np.ndarray, "s"],
) -> None:
    """Settings of a piece in which the given roots are one, for every choice among two or three."""
    given = start + 2 * entries + (entries >> 1)
    pairs = given + entries * size
    out[0] = total
    low, high = node[roots[0]], node[roots[0]]
    middle = low
    for a in range(count):
        v = node[roots[a]]
        low, high, middle = min(low, v), max(high, v), middle + (v if a else 0)
        own = pairs + (v - first) * size - first
        out[1 << a] = numbers[own + v]
        for b in range(a):
            out[(1 << a) | (1 << b)] = numbers[own + node[roots[b]]]
    if count == 3:
        out[7] = _triple(
            low, middle - low - high, high, first, size, start + entries, given, parent, width, table, lowest_below,
            numbers,
        )  # fmt: skip


@lean_kernel
def _triple(
    low: int,
    middle: int,
    high: int,
    first: int,
    size: int,
    inverse: int,
    given: int,
    parent: Int64[np.ndarray, "N"],
    width: Int64[np.ndarray, "N"],
    table: Int64[np.ndarray, "N"],
    lowest_below: Int64[np.ndarray, "N"],
    numbers: Float64[np.ndarray, "n"],
) -> float:
    """Settings in which three nodes, in order, are one: at the cluster where their ways meet."""
    meet, other = middle, high
    while lowest_below[meet] > low:
        meet = parent[meet]
    while lowest_below[other] > middle:
        other = parent[other]
    meet = min(meet, other)
    total = 0.0
    for z in range(table[meet], table[meet] + (2 << width[meet])):
        at = given + z * size - first
        total += numbers[at + low] * numbers[at + middle] * numbers[at + high] * numbers[inverse + z]
    return np.floor(total + 0.5)
