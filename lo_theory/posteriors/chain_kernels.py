"""Posteriors of chains, compiled: messages in logarithms for any chain, powers of the transitions for memory 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from generators.ground.compiled import kernels_of
from generators.text.messages import MESSAGES, forward, log_total, push, settle

_kernel = kernels_of(Path(__file__).parent, [MESSAGES, Path(__file__)])


@_kernel
def smooth(
    log_start: np.ndarray,
    cube: np.ndarray,
    turned: np.ndarray,
    log_emission: np.ndarray,
    emission: np.ndarray,
    tokens: np.ndarray,
    mask_id: int,
    memory: int,
    out: np.ndarray,
    evidence: np.ndarray,
) -> None:
    """Log posteriors of all tokens by forward and backward messages, every one of them with a largest entry of 0.

    Args:
        log_start: (I M,) of the first state; ``cube`` (I, M, J) as :class:`~generators.text.passing.Passing` has it.
        turned: (J, M, I), the same with its ends exchanged.
        log_emission, emission: (J, V) and (J, 1, V); of no columns where the newest part of a state is the token.
        tokens: (B, L).
        out: (B, L, V), untouched in rows whose tokens have probability zero.
        evidence: (B,) log probability of what is seen.
    """
    outer, middle, inner = cube.shape
    states = outer * middle
    alpha = np.empty((tokens.shape[1] - memory + 1, states))
    beta, gamma, logs, parts = np.empty(states), np.empty(states), np.empty(inner), np.empty(outer)
    for row in range(len(tokens)):
        seen, answer = tokens[row], out[row]
        evidence[row] = forward(log_start, cube, log_emission, seen, mask_id, memory, alpha)
        if evidence[row] == -np.inf:
            continue
        beta[:] = 0.0
        for step in range(len(alpha) - 1, -1, -1):
            at = step + memory - 1
            if step < len(alpha) - 1:
                _back(beta, turned, log_emission, seen, at + 1, mask_id, memory, parts)
            if seen[at] != mask_id:
                _visible(answer[at], seen[at])
            else:
                for state in range(states):
                    gamma[state] = alpha[step, state] + beta[state]
                _newest(gamma, logs)
                _answer(logs, emission, answer[at])
        for at in range(memory - 1):  # the older token of the first pair
            if seen[at] != mask_id:
                _visible(answer[at], seen[at])
            else:
                for state in range(states):
                    gamma[(state % inner) * inner + state // inner] = alpha[0, state] + beta[state]
                _newest(gamma, logs)
                _answer(logs, emission, answer[at])


@_kernel
def _back(
    beta: np.ndarray,
    turned: np.ndarray,
    log_emission: np.ndarray,
    seen: np.ndarray,
    at: int,
    mask_id: int,
    memory: int,
    parts: np.ndarray,
) -> None:
    """Messages from the right of position ``at``, turned into those of the position before it, in place."""
    inner, middle, outer = turned.shape
    following = beta.copy()
    token = seen[at]
    for state in range(len(beta)):
        if token != mask_id and log_emission.shape[1] > 0:
            following[state] += log_emission[state % inner, token]
        elif token != mask_id and state % inner != token:
            following[state] = -np.inf
    low, high = 0, outer  # pairs: states that disagree with what is seen are not asked for
    if memory == 2 and at >= 2 and seen[at - 2] != mask_id:
        low, high = seen[at - 2], seen[at - 2] + 1
    beta[:] = -np.inf
    for m in range(middle):
        if middle > 1 and seen[at - 1] != mask_id and m != seen[at - 1]:
            continue
        push(following[m * inner : (m + 1) * inner], turned, m, low, high, parts)
        for i in range(low, high):
            beta[i * middle + m] = parts[i]
    settle(beta)


@_kernel
def _newest(gamma: np.ndarray, logs: np.ndarray) -> None:
    """Add up the states by their newest part."""
    inner = len(logs)
    for j in range(inner):
        logs[j] = log_total(gamma[j::inner])


@_kernel
def _answer(logs: np.ndarray, emission: np.ndarray, out: np.ndarray) -> None:
    """Log posterior of the token from weights of the newest part of the state."""
    if emission.shape[2] > 0:
        push(logs, emission, 0, 0, emission.shape[2], out)
    else:
        out[:] = logs
    total = log_total(out)
    for v in range(len(out)):
        out[v] -= total


@_kernel
def _visible(out: np.ndarray, token: int) -> None:
    """The point mass on a token that is seen."""
    out[:] = -np.inf
    out[token] = 0.0


@_kernel
def bridge(
    starts: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    tokens: np.ndarray,
    mask_id: int,
    out: np.ndarray,
    evidence: np.ndarray,
) -> None:
    """The same for memory 1, where seen tokens cut a row apart: between a and b, ``p(v) ~ T^i[a, v] T^j[v, b]``.

    Args:
        starts: (L, V) probabilities of each position's token.
        rows: (K, V, V), powers 1 to K of the transitions; K is at least the longest way from an end of a row
            that has seen tokens, or from one of them, to the next.
        columns: (K, V, V), the same turned: ``columns[k, b, v] = rows[k, v, b]``.
        out: (B, L, V), unfinished in rows whose tokens have probability zero.
    """
    length, size = starts.shape
    for row in range(len(tokens)):
        seen, left, total = tokens[row], -1, 0.0
        for right in range(length + 1):
            if right < length and seen[right] == mask_id:
                continue
            if right < length:
                b = seen[right]
                link = starts[right, b] if left < 0 else rows[right - left - 1, seen[left], b]
                total += np.log(link)
                if link == 0.0:
                    break
                _visible(out[row, right], b)
            for at in range(left + 1, right):
                to = starts[at] if left < 0 else rows[at - left - 1, seen[left]]
                answer = out[row, at]
                if right == length:
                    answer[:] = to
                else:
                    onward = columns[right - at - 1, seen[right]]
                    for v in range(size):
                        answer[v] = to[v] * onward[v]
                mass = 0.0
                for v in range(size):
                    mass += answer[v]
                share = 1.0 / mass
                for v in range(size):
                    answer[v] = np.log(answer[v] * share)
            left = right
        evidence[row] = total


@_kernel
def keep(
    start: np.ndarray,
    cube: np.ndarray,
    emission: np.ndarray,
    mask_id: int,
    memory: int,
    tokens: np.ndarray,
) -> None:
    """Mask, in place, every token that contradicts those kept before it: what is possible is a set of states.

    Args:
        emission: (J, V); of no columns where the newest part of a state is the token.
    """
    outer, middle, inner = cube.shape
    states = outer * middle
    reach, new = np.empty(states, dtype=np.bool_), np.empty(states, dtype=np.bool_)
    for row in range(len(tokens)):
        for state in range(states):
            reach[state] = start[state] > 0.0
        for at in range(tokens.shape[1]):
            if at >= memory:
                new[:] = False
                for state in range(states):
                    if reach[state]:
                        i, m = state // middle, state % middle
                        for j in range(inner):
                            if cube[i, m, j] > 0.0:
                                new[m * inner + j] = True
                reach[:] = new
            token = tokens[row, at]
            if token == mask_id:
                continue
            kept = False
            for state in range(states):
                part = state // inner if at < memory - 1 else state % inner
                fits = emission[part, token] > 0.0 if emission.shape[1] > 0 else part == token
                new[state] = reach[state] and fits
                kept = kept or new[state]
            if kept:
                reach[:] = new
            else:
                tokens[row, at] = mask_id
