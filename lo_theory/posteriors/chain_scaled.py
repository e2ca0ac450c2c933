"""Posteriors of chains by messages that add up to one, compiled: quick, and given up where a number might underflow."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from generators.ground.compiled import kernels_of

LEAST_MESSAGE = 1e-100
"""Messages hold nothing smaller but zeros, or the row is given up."""
LEAST_MOVE = 1e-50
"""Probabilities of moves and emissions are zero or at least this; then no product of a message and two of them, nor of
two messages and one of them, underflows, and a zero is an impossibility."""

_kernel = kernels_of(Path(__file__).parent, [Path(__file__)])


@_kernel
def smooth_scaled(
    start: np.ndarray,
    cube: np.ndarray,
    turned: np.ndarray,
    emission: np.ndarray,
    tokens: np.ndarray,
    mask_id: int,
    memory: int,
    out: np.ndarray,
    evidence: np.ndarray,
) -> None:
    """Log posteriors of all tokens, as :func:`~lo_theory.posteriors.chain_kernels.smooth` has them.

    Args:
        emission: (J, V); of no columns where the newest part of a state is the token.
        out: (B, L, V), unfinished in rows whose evidence is ``-inf`` or NaN.
        evidence: (B,) log probability of what is seen; NaN in rows that are given up.
    """
    inner = cube.shape[2]
    states = len(start)
    alpha = np.empty((tokens.shape[1] - memory + 1, states))
    beta, following, gamma = np.empty(states), np.empty(states), np.empty(inner)
    for row in range(len(tokens)):
        seen = tokens[row]
        evidence[row] = _forward(start, cube, emission, seen, mask_id, memory, alpha)
        if not evidence[row] > -np.inf:
            continue
        beta[:] = 1.0
        for step in range(len(alpha) - 1, -1, -1):
            at = step + memory - 1
            if step < len(alpha) - 1 and not _back(beta, following, turned, emission, seen, at + 1, mask_id, memory):
                evidence[row] = np.nan
                break
            if seen[at] != mask_id:
                out[row, at] = -np.inf
                out[row, at, seen[at]] = 0.0
                continue
            gamma[:] = 0.0
            for outer in range(states // inner):
                for j in range(inner):
                    gamma[j] += alpha[step, outer * inner + j] * beta[outer * inner + j]
            _answer(gamma, emission, out[row, at])
        if memory == 1 or np.isnan(evidence[row]):
            continue
        if seen[0] != mask_id:
            out[row, 0] = -np.inf
            out[row, 0, seen[0]] = 0.0
            continue
        for first in range(inner):
            gamma[first] = 0.0
            for j in range(inner):
                gamma[first] += alpha[0, first * inner + j] * beta[first * inner + j]
        _answer(gamma, emission, out[row, 0])


@_kernel
def _forward(
    start: np.ndarray,
    cube: np.ndarray,
    emission: np.ndarray,
    seen: np.ndarray,
    mask_id: int,
    memory: int,
    alpha: np.ndarray,
) -> float:
    """Messages from the left; the log probability of what is seen, or NaN."""
    outer, middle, inner = cube.shape
    hidden, scale = emission.shape[1] > 0, 0.0
    for step in range(len(alpha)):
        message, token = alpha[step], seen[step + memory - 1]
        low, high = 0, inner
        if token != mask_id and not hidden:
            low, high = token, token + 1
        message[:] = 0.0
        if step == 0:
            for state in range(len(start)):
                older = memory == 1 or seen[0] == mask_id or state // inner == seen[0]
                if older and low <= state % inner < high:
                    message[state] = start[state]
        else:
            for i in range(outer):
                for m in range(middle):
                    weight = alpha[step - 1, i * middle + m]
                    if weight > 0.0:
                        for j in range(low, high):
                            message[m * inner + j] += weight * cube[i, m, j]
        if hidden and token != mask_id:
            for state in range(inner):
                message[state] *= emission[state, token]
        total = _scaled(message)
        if not total > 0.0:
            return np.log(total)
        scale += np.log(total)
    return scale


@_kernel
def _back(
    beta: np.ndarray,
    following: np.ndarray,
    turned: np.ndarray,
    emission: np.ndarray,
    seen: np.ndarray,
    at: int,
    mask_id: int,
    memory: int,
) -> bool:
    """Messages from the right of position ``at``, turned into those of the position before; False where given up."""
    inner, middle, outer = turned.shape
    token, before = seen[at], seen[at - 1]
    following[:] = beta
    first, last = 0, inner
    if token != mask_id and emission.shape[1] > 0:
        for state in range(inner):
            following[state] *= emission[state, token]
    elif token != mask_id:
        first, last = token, token + 1
    low, high = 0, outer  # pairs that disagree with what is seen are not asked for
    if memory == 2 and at >= 2 and seen[at - 2] != mask_id:
        low, high = seen[at - 2], seen[at - 2] + 1
    beta[:] = 0.0
    for m in range(middle):
        if middle > 1 and before != mask_id and m != before:
            continue
        for j in range(first, last):
            weight = following[m * inner + j]
            if weight > 0.0:
                for i in range(low, high):
                    beta[i * middle + m] += weight * turned[j, m, i]
    return _scaled(beta) > 0.0


@_kernel
def _scaled(message: np.ndarray) -> float:
    """Divide a message by its sum, in place; the sum, or NaN if something in it is too small to go on with."""
    total, least = 0.0, np.inf
    for state in range(len(message)):
        total += message[state]
        if message[state] > 0.0:
            least = min(least, message[state])
    if total > 0.0:
        if least < LEAST_MESSAGE * total:
            return np.nan
        share = 1.0 / total
        for state in range(len(message)):
            message[state] *= share
    return total


@_kernel
def _answer(gamma: np.ndarray, emission: np.ndarray, out: np.ndarray) -> None:
    """Log posterior of the token from weights of the newest part of the state."""
    if emission.shape[1] > 0:
        out[:] = 0.0
        for state in range(len(gamma)):
            for v in range(len(out)):
                out[v] += gamma[state] * emission[state, v]
    else:
        out[:] = gamma
    total = 0.0
    for v in range(len(out)):
        total += out[v]
    share = 1.0 / total
    for v in range(len(out)):
        out[v] = np.log(out[v] * share)
