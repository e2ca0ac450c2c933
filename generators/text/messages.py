"""Messages along chains, and rows of them, compiled; see :mod:`generators.text.passing` for states and moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64, Integer

from generators.ground.compiled import kernels_of
from generators.text.passing import Passing, log_emission, logarithm

MESSAGES = Path(__file__)
"""The file of these kernels, for those of others that call them."""

_kernel = kernels_of(MESSAGES.parent, [MESSAGES])
_FAINT = 1e-280  # sums below are added up once more, in logarithms


@_kernel
def push(logs: np.ndarray, cube: np.ndarray, m: int, low: int, high: int, out: np.ndarray) -> None:
    """``out[j] = log(sum_i exp(logs[i]) * cube[i, m, j])`` for j in ``low..high-1``; ``-inf`` only if it is impossible.

    One exponential and one logarithm for each entry; what that loses to underflow is added up once more.
    """
    top = -np.inf
    for i in range(len(logs)):
        top = max(top, logs[i])
    if top == -np.inf:
        out[low:high] = -np.inf
        return
    out[low:high] = 0.0
    for i in range(len(logs)):
        weight = np.exp(logs[i] - top)
        if weight > 0.0:
            for j in range(low, high):
                out[j] += weight * cube[i, m, j]
    for j in range(low, high):
        out[j] = np.log(out[j]) + top if out[j] >= _FAINT else _faint(logs, cube, m, j)


@_kernel
def _faint(logs: np.ndarray, cube: np.ndarray, m: int, j: int) -> float:
    """One entry of :func:`push`, in logarithms throughout."""
    top = -np.inf
    for i in range(len(logs)):
        if logs[i] > -np.inf and cube[i, m, j] > 0.0:
            top = max(top, logs[i] + np.log(cube[i, m, j]))
    if top == -np.inf:
        return top
    total = 0.0
    for i in range(len(logs)):
        if logs[i] > -np.inf and cube[i, m, j] > 0.0:
            total += np.exp(logs[i] + np.log(cube[i, m, j]) - top)
    return np.log(total) + top


@_kernel
def settle(logs: np.ndarray) -> float:
    """Subtract the largest entry, in place, and return it; nothing is done where all are ``-inf``."""
    top = -np.inf
    for i in range(len(logs)):
        top = max(top, logs[i])
    if top > -np.inf:
        for i in range(len(logs)):
            logs[i] -= top
    return top


@_kernel
def log_total(logs: np.ndarray) -> float:
    """Logarithm of the sum of the exponentials."""
    top = -np.inf
    for i in range(len(logs)):
        top = max(top, logs[i])
    if top == -np.inf:
        return top
    total = 0.0
    for i in range(len(logs)):
        total += np.exp(logs[i] - top)
    return np.log(total) + top


@_kernel
def forward(
    log_start: np.ndarray,
    cube: np.ndarray,
    log_emission: np.ndarray,
    row: np.ndarray,
    mask_id: int,
    memory: int,
    alpha: np.ndarray,
) -> float:
    """Messages from the left of one row into ``alpha`` (L - memory + 1, I M), each with a largest entry of 0.

    Args:
        log_emission: (J, V); of no columns where the newest part of a state is the token.
        row: (L,) tokens, ``mask_id`` where nothing is seen.
    Returns:
        The logarithm of the probability of what is seen; ``alpha`` is unfinished where that is ``-inf``.
    """
    outer, middle, inner = cube.shape
    hidden = log_emission.shape[1] > 0
    logs = np.empty(outer)
    for state in range(outer * middle):
        alpha[0, state] = log_start[state]
        if memory == 2 and row[0] != mask_id and state // inner != row[0]:
            alpha[0, state] = -np.inf
    scale = 0.0
    for step in range(len(alpha)):
        token = row[step + memory - 1]
        low, high = 0, inner
        if token != mask_id and not hidden:
            low, high = token, token + 1
        if step > 0:
            alpha[step] = -np.inf
            for m in range(middle):
                for i in range(outer):
                    logs[i] = alpha[step - 1, i * middle + m]
                push(logs, cube, m, low, high, alpha[step, m * inner : (m + 1) * inner])
        elif token != mask_id and not hidden:
            for state in range(outer * middle):
                if state % inner != token:
                    alpha[0, state] = -np.inf
        if hidden and token != mask_id:
            for state in range(inner):
                alpha[step, state] += log_emission[state, token]
        top = settle(alpha[step])
        if top == -np.inf:
            return top
        scale += top
    return scale + log_total(alpha[-1])


@_kernel
def evidence(
    log_start: np.ndarray,
    cube: np.ndarray,
    log_emission: np.ndarray,
    tokens: np.ndarray,
    mask_id: int,
    memory: int,
    out: np.ndarray,
) -> None:
    """Logarithm of the probability of what is seen in each row, (B, L) -> (B,)."""
    alpha = np.empty((tokens.shape[1] - memory + 1, len(log_start)))
    for row in range(len(tokens)):
        out[row] = forward(log_start, cube, log_emission, tokens[row], mask_id, memory, alpha)


@_kernel
def walk(start: np.ndarray, edges: np.ndarray, memory: int, draws: np.ndarray, out: np.ndarray) -> None:
    """Rows of a chain by inversion; draw t of a row decides token t, the first ``memory`` tokens are decided together.

    Args:
        start: (V ** memory,) and edges: (V ** memory, V), distribution functions as :func:`distribution_function`.
        draws: (n, L) in [0, 1).
        out: (n, L) tokens.
    """
    states, inner = edges.shape
    for row in range(len(draws)):
        state = np.searchsorted(start, draws[row, 0], side="right")
        rest = state
        for t in range(memory - 1, -1, -1):
            out[row, t] = rest % inner
            rest //= inner
        for t in range(memory, draws.shape[1]):
            token = np.searchsorted(edges[state], draws[row, t], side="right")
            out[row, t] = token
            state = (state * inner + token) % states


@_kernel
def pick(edges: np.ndarray, states: np.ndarray, draws: np.ndarray, out: np.ndarray) -> None:
    """A token for each state by inversion: ``edges`` (S, V), the others (n, L)."""
    for row in range(len(draws)):
        for t in range(draws.shape[1]):
            out[row, t] = np.searchsorted(edges[states[row, t]], draws[row, t], side="right")


def log_evidence(passing: Passing, tokens: Integer[np.ndarray, "B L"], mask_id: int) -> Float64[np.ndarray, "B"]:
    """Logarithm of the probability of what is seen in each row, in nats; ``tokens`` in ``range(mask_id + 1)``."""
    out = np.empty(len(tokens))
    wide: Int64[np.ndarray, "B L"] = np.ascontiguousarray(tokens, dtype=np.int64)
    evidence(logarithm(passing.start), passing.cube, log_emission(passing), wide, mask_id, passing.memory, out)
    return out
