"""Products of small dense tables over few variables: the two inner loops of the exact posterior."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from lo_theory.compiled import kernel, lean_kernel


@kernel
def grown(pool: Float64[np.ndarray, "n"], entries: int) -> Float64[np.ndarray, "n"]:
    """The same pool with room for ``entries`` numbers: itself, or a copy of at least twice its size."""
    if entries <= len(pool):
        return pool
    larger = np.empty(max(entries, 2 * len(pool)))
    larger[: len(pool)] = pool
    return larger


@lean_kernel
def add_table(
    out: Float64[np.ndarray, "n"],
    table: Float64[np.ndarray, "q"],
    shape: Int64[np.ndarray, "d"],
    strides: Int64[np.ndarray, "d"],
    axes: int,
    digits: Int64[np.ndarray, "d"],
) -> None:
    """Add ``table`` in place to the C-ordered table ``out`` of ``axes`` axes; stride 0 where it lacks the axis."""
    digits[:axes] = 0
    at, entries, last = 0, 1, axes - 1
    for axis in range(axes):
        entries *= shape[axis]
    fastest, step = shape[last], strides[last]
    for start in range(0, entries, fastest):
        for i in range(fastest):
            out[start + i] += table[at + i * step]
        axis = last - 1
        while axis >= 0:
            digits[axis] += 1
            at += strides[axis]
            if digits[axis] < shape[axis]:
                break
            at -= strides[axis] * shape[axis]
            digits[axis] = 0
            axis -= 1


@lean_kernel
def contract(
    out: Float64[np.ndarray, "n"],
    left: Float64[np.ndarray, "p"],
    left_strides: Int64[np.ndarray, "d"],
    right: Float64[np.ndarray, "q"],
    right_strides: Int64[np.ndarray, "d"],
    shape: Int64[np.ndarray, "d"],
    kept: int,
    axes: int,
    digits: Int64[np.ndarray, "d"],
) -> None:
    """Write ``sum left * right`` to ``out``, C-ordered over the first ``kept`` of ``axes`` axes; the others are summed.

    A stride is 0 where an operand lacks the axis.
    """
    digits[:axes] = 0
    entries, terms, last = 1, 1, axes - 1
    for axis in range(axes):
        if axis < kept:
            entries *= shape[axis]
        else:
            terms *= shape[axis]
    run = shape[last] if kept < axes else 1  # the innermost sum has a loop of its own
    carry = last - 1 if kept < axes else last
    a, b = 0, 0
    for entry in range(entries):
        total = 0.0
        for _ in range(terms // run):
            for i in range(run):
                total += left[a + i * left_strides[last]] * right[b + i * right_strides[last]]
            axis = carry
            while axis >= 0:
                digits[axis] += 1
                a += left_strides[axis]
                b += right_strides[axis]
                if digits[axis] < shape[axis]:
                    break
                a -= left_strides[axis] * shape[axis]
                b -= right_strides[axis] * shape[axis]
                digits[axis] = 0
                axis -= 1
        out[entry] = total
