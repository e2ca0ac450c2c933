"""The compiled steps of belief propagation: factor to latent, latent to factor, free entropy.

No kernel of another file is called, so the cache on disk follows the text of this one.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from lo_theory.compiled import kernel

# A value is ruled out where a product is exactly zero, so no product of possible values may underflow: numbers more
# than this factor below the largest of their kind are lifted to it. Messages have a floor of their own: see the caller.
_FLOOR = 1e-130


@kernel
def factors_to_latents(
    scope_start: Int64[np.ndarray, "F1"],
    table_start: Int64[np.ndarray, "F"],
    tables: Float64[np.ndarray, "T"],
    messages: Float64[np.ndarray, "E m"],
    incoming: Float64[np.ndarray, "E m"],
) -> None:
    """Fill ``incoming[e, a] = sum_x table(x) [x_e = a] prod_{others} messages``, unnormalised.

    The table is contracted from both ends, axis by axis: about three passes over it instead of one per slot.
    """
    m = messages.shape[1]
    widest = 1
    for a in range(len(table_start)):
        widest = max(widest, m ** (scope_start[a + 1] - scope_start[a]))
    left, right = np.empty(widest), np.empty(widest)
    for a in range(len(table_start)):
        first, last = scope_start[a], scope_start[a + 1] - 1
        size = m ** (last - first + 1)
        for i in range(size):
            left[i] = tables[table_start[a] + i]
        for e in range(first, last + 1):  # left holds the table with the slots before e summed out
            for i in range(size):
                right[i] = left[i]
            n = size
            for f in range(last, e, -1):
                n //= m
                for i in range(n):
                    total = 0.0
                    for x in range(m):
                        total += right[i * m + x] * messages[f, x]
                    right[i] = total
            peak = 0.0
            for x in range(m):
                if right[x] > peak:
                    peak = right[x]
            for x in range(m):
                incoming[e, x] = _FLOOR * peak if 0.0 < right[x] < _FLOOR * peak else right[x]
            size //= m
            for i in range(size):
                total = 0.0
                for x in range(m):
                    total += left[x * size + i] * messages[e, x]
                left[i] = total


@kernel
def _rescale(weights: Float64[np.ndarray, "m"]) -> float:
    """Divide by the largest weight in place, lift tiny ones, return it."""
    peak = weights.max()
    if peak > 0.0:
        for x in range(len(weights)):
            weights[x] = max(weights[x] / peak, _FLOOR) if weights[x] > 0.0 else 0.0
    return peak


@kernel
def latents_to_factors(
    touch_start: Int64[np.ndarray, "N1"],
    touch: Int64[np.ndarray, "E"],
    field: Float64[np.ndarray, "N m"],
    tilt: Float64[np.ndarray, "m"],
    floor: float,
    exchange: Float64[np.ndarray, "E m"],
    marginals: Float64[np.ndarray, "N m"],
) -> int:
    """Replace the factor-to-latent messages in ``exchange`` by the answers of sum 1; fill ``marginals``.

    Products of all messages but one are built from prefixes and suffixes: no division, so zeros are exact. The edges of
    a latent lie far apart in memory, which is what this costs; hence one array for both directions.

    Returns:
        -1, or a latent of which every value has been ruled out (then the rest is left as it was).
    """
    m = exchange.shape[1]
    widest = 0
    for i in range(len(field)):
        widest = max(widest, touch_start[i + 1] - touch_start[i])
    near, prefix = np.empty((widest, m)), np.empty((widest + 1, m))
    suffix, cavity = np.empty(m), np.empty(m)
    for i in range(len(field)):
        start, degree = touch_start[i], touch_start[i + 1] - touch_start[i]
        for d in range(degree):
            for x in range(m):
                near[d, x] = exchange[touch[start + d], x]
        for x in range(m):
            prefix[0, x], suffix[x] = field[i, x] * tilt[x], 1.0
        for d in range(degree):
            unsafe = False
            for x in range(m):
                grown = prefix[d, x] * near[d, x]
                prefix[d + 1, x] = grown
                unsafe |= (0.0 < grown < _FLOOR) or grown > 1.0 / _FLOOR
            if unsafe:
                _rescale(prefix[d + 1])
        total = prefix[degree].sum()
        if total == 0.0:
            return i
        for x in range(m):
            marginals[i, x] = prefix[degree, x] / total
        for d in range(degree - 1, -1, -1):
            total, unsafe = 0.0, False
            for x in range(m):
                cavity[x] = prefix[d, x] * suffix[x]
                total += cavity[x]
                suffix[x] *= near[d, x]
                unsafe |= (0.0 < suffix[x] < _FLOOR) or suffix[x] > 1.0 / _FLOOR
            scale = 1.0 / total
            for x in range(m):
                new = cavity[x] * scale
                exchange[touch[start + d], x] = floor if 0.0 < new < floor else new
            if unsafe:
                _rescale(suffix)
    return -1


@kernel
def damp(messages: Float64[np.ndarray, "E m"], proposed: Float64[np.ndarray, "E m"], damping: float) -> float:
    """Move ``messages`` towards ``proposed`` in place; the largest difference between the two, before the move.

    A value that has been ruled out goes at once: damping must not keep it alive.
    """
    change = 0.0
    for e in range(len(messages)):
        for x in range(messages.shape[1]):
            difference = abs(proposed[e, x] - messages[e, x])
            if difference > change:
                change = difference
            mixed = damping * messages[e, x] + (1.0 - damping) * proposed[e, x]
            messages[e, x] = mixed if proposed[e, x] > 0.0 else 0.0
    return change


@kernel
def log_normalisers(
    scope_start: Int64[np.ndarray, "F1"],
    touch_start: Int64[np.ndarray, "N1"],
    touch: Int64[np.ndarray, "E"],
    field: Float64[np.ndarray, "N m"],
    tilt: Float64[np.ndarray, "m"],
    incoming: Float64[np.ndarray, "E m"],
    messages: Float64[np.ndarray, "E m"],
) -> tuple[float, float]:
    """``sum_i log Z_i`` and ``sum_a (k_a - 1) log Z_a`` for unnormalised ``incoming`` computed from ``messages``.

    ``Z_i = sum_x field prod incoming`` and ``Z_a = sum_x table prod messages``; the normaliser of an edge equals the
    one of its factor, so the Bethe free entropy is the first sum minus the second.
    """
    m = messages.shape[1]
    latents, factors = 0.0, 0.0
    product = np.empty(m)
    for i in range(len(field)):
        for x in range(m):
            product[x] = field[i, x] * tilt[x]
        for d in range(touch_start[i], touch_start[i + 1]):
            for x in range(m):
                product[x] *= incoming[touch[d], x]
            latents += np.log(_rescale(product))
        latents += np.log(product.sum())
    for a in range(len(scope_start) - 1):
        e, total = scope_start[a], 0.0
        for x in range(m):
            total += incoming[e, x] * messages[e, x]
        factors += (scope_start[a + 1] - e - 1) * np.log(total)
    return latents, factors
