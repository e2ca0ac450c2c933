"""What visible tokens settle before any sum: values that are impossible, latents that are tied, factors that are done.

Latents tied by a bijection share a *root*; the value of a latent is a function of the value of its root. A root with
more than one possible value is free.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from lo_theory.compiled import kernel
from lo_theory.factors import Factors


class Ties(NamedTuple):
    """State of one sequence: roots, their possible values, and the queue of factors to look at again."""

    root: Int64[np.ndarray, "N"]
    value: Int64[np.ndarray, "N m"]  # value of a latent for each value of its root
    alive: Bool[np.ndarray, "N m"]  # possible values of a root
    size: Int64[np.ndarray, "N"]  # number of possible values of a root
    ring: Int64[np.ndarray, "N"]  # next latent of the same root, in a circle
    queue: Int64[np.ndarray, "P"]
    queued: Bool[np.ndarray, "P"]


class Scope(NamedTuple):
    """Scratch for one factor seen through its free roots: at most k of them, each with its possible values in order."""

    roots: Int64[np.ndarray, "k"]
    sizes: Int64[np.ndarray, "k"]
    values: Int64[np.ndarray, "k m"]
    offsets: Int64[np.ndarray, "k m"]  # what value number i of a root adds to the index of the factor's table
    digits: Int64[np.ndarray, "k"]
    supported: Bool[np.ndarray, "k m"]
    linked: Bool[np.ndarray, "k k"]
    partner: Int64[np.ndarray, "k k m"]


@kernel
def new_ties(n_latents: int, alphabet: int, n_observations: int) -> Ties:
    """Room for one sequence."""
    return Ties(
        np.empty(n_latents, np.int64),
        np.empty((n_latents, alphabet), np.int64),
        np.empty((n_latents, alphabet), np.bool_),
        np.empty(n_latents, np.int64),
        np.empty(n_latents, np.int64),
        np.empty(n_observations + 1, np.int64),
        np.empty(n_observations, np.bool_),
    )


@kernel
def new_scope(arity: int, alphabet: int) -> Scope:
    """Room for a factor of at most ``arity`` latents."""
    return Scope(
        np.empty(arity, np.int64),
        np.empty(arity, np.int64),
        np.empty((arity, alphabet), np.int64),
        np.empty((arity, alphabet), np.int64),
        np.empty(arity, np.int64),
        np.empty((arity, alphabet), np.bool_),
        np.empty((arity, arity), np.bool_),
        np.empty((arity, arity, alphabet), np.int64),
    )


@kernel
def weight(factors: Factors, observation: int, token: int, index: int) -> float:
    """``log Q(token | z)`` with z the entry of the observation's table at ``index``; -inf outside its alphabet."""
    if token >= factors.alphabet[observation]:
        return -np.inf
    sent = factors.codes[factors.table_start[observation] + index]
    return factors.log_kept[observation] if sent == token else factors.log_replaced[observation]


@kernel
def look(factors: Factors, ties: Ties, observation: int, scope: Scope) -> tuple[int, int]:
    """Fill ``scope`` for an observation; returns the number of free roots and the index that the others add up to."""
    count, base = 0, 0
    for at in range(factors.scope_start[observation], factors.scope_start[observation + 1]):
        latent, stride = factors.scope[at], factors.stride[at]
        root = ties.root[latent]
        axis = 0
        while axis < count and scope.roots[axis] != root:
            axis += 1
        fresh = axis == count
        i = 0
        for x in range(ties.alive.shape[1]):
            if not ties.alive[root, x]:
                continue
            step = stride * ties.value[latent, x]
            if ties.size[root] == 1:
                base += step
            elif fresh:
                scope.values[axis, i], scope.offsets[axis, i] = x, step
            else:
                scope.offsets[axis, i] += step
            i += 1
        if fresh and i > 1:
            scope.roots[axis], scope.sizes[axis] = root, i
            count += 1
    return count, base


@kernel
def advance(scope: Scope, count: int, index: int) -> int:
    """Next setting of the free roots (the last one runs fastest) and its index; -1 after the last setting."""
    axis = count - 1
    while axis >= 0:
        i = scope.digits[axis]
        index -= scope.offsets[axis, i]
        if i + 1 < scope.sizes[axis]:
            scope.digits[axis] = i + 1
            return index + scope.offsets[axis, i + 1]
        scope.digits[axis] = 0
        index += scope.offsets[axis, 0]
        axis -= 1
    return -1


@kernel
def first(scope: Scope, count: int, base: int) -> int:
    """Reset the digits; index of the first setting."""
    for axis in range(count):
        scope.digits[axis] = 0
        base += scope.offsets[axis, 0]
    return base


@kernel
def settle(factors: Factors, tokens: Int64[np.ndarray, "L"], mask_id: int, ties: Ties, scope: Scope) -> bool:
    """Arc consistency and merging to a fixed point; False when a root is left without a possible value."""
    for latent in range(len(ties.root)):
        ties.root[latent] = ties.ring[latent] = latent
        token = tokens[factors.latent_position[latent]]
        ties.size[latent] = 0
        for x in range(len(factors.log_prior)):
            possible = factors.log_prior[x] > -np.inf and (token == mask_id or token == x)
            ties.value[latent, x], ties.alive[latent, x] = x, possible
            ties.size[latent] += possible
        if ties.size[latent] == 0:
            return False
    head, waiting, room = 0, 0, len(ties.queue)
    for j in range(len(factors.alphabet)):
        token = tokens[factors.observation_position[j]]
        hard = factors.log_kept[j] == -np.inf or factors.log_replaced[j] == -np.inf
        ties.queued[j] = token != mask_id and (hard or token >= factors.alphabet[j])
        if ties.queued[j]:
            ties.queue[waiting] = j
            waiting += 1
    while waiting:
        j = ties.queue[head]
        head, waiting = (head + 1) % room, waiting - 1
        ties.queued[j] = False
        count, base = look(factors, ties, j, scope)
        token = tokens[factors.observation_position[j]]
        if not _supports(factors, j, token, base, count, scope):
            return False
        for axis in range(count):
            changed = False
            root = scope.roots[axis]
            for i in range(scope.sizes[axis]):
                if not scope.supported[axis, i]:
                    ties.alive[root, scope.values[axis, i]] = False
                    ties.size[root] -= 1
                    changed = True
            if changed:
                waiting = _wake(factors, tokens, mask_id, ties, root, head, waiting)
        kept, gone = _merge(ties, scope, count)
        if kept >= 0:
            waiting = _wake(factors, tokens, mask_id, ties, kept, head, waiting)
    return True


@kernel
def _supports(factors: Factors, observation: int, token: int, base: int, count: int, scope: Scope) -> bool:
    """Which values of which roots some possible setting uses, and which pairs of roots determine each other."""
    missing, open_pairs, possible = 0, count * (count - 1) // 2, False
    for a in range(count):
        missing += scope.sizes[a]
        scope.supported[a] = False
        for b in range(count):
            scope.linked[a, b] = a < b
            scope.partner[a, b] = -1
    index = first(scope, count, base)
    while index >= 0 and not (possible and missing == 0 and open_pairs == 0):
        if weight(factors, observation, token, index) > -np.inf:
            possible = True
            for a in range(count):
                i = scope.digits[a]
                if not scope.supported[a, i]:
                    scope.supported[a, i] = True
                    missing -= 1
                for b in range(a + 1, count):
                    if scope.linked[a, b] and not _agree(scope, a, b, i, scope.digits[b]):
                        scope.linked[a, b] = False
                        open_pairs -= 1
        index = advance(scope, count, index)
    return possible


@kernel
def _agree(scope: Scope, a: int, b: int, i: int, j: int) -> bool:
    """Note that i and j occur together; False if i or j has occurred with another value."""
    if scope.partner[a, b, i] == -1:
        scope.partner[a, b, i] = j
    if scope.partner[b, a, j] == -1:
        scope.partner[b, a, j] = i
    return scope.partner[a, b, i] == j and scope.partner[b, a, j] == i


@kernel
def _merge(ties: Ties, scope: Scope, count: int) -> tuple[int, int]:
    """Tie the first two free roots that determine each other; (kept root, absorbed root) or (-1, -1)."""
    for a in range(count):
        for b in range(a + 1, count):
            kept, gone = scope.roots[a], scope.roots[b]
            if not scope.linked[a, b] or ties.size[kept] < 2:
                continue
            images = np.empty(ties.value.shape[1], np.int64)
            member = gone
            while True:
                for x in range(len(images)):
                    images[x] = ties.value[member, x]
                for i in range(scope.sizes[a]):
                    if scope.supported[a, i]:
                        seen = scope.values[b, scope.partner[a, b, i]]
                        ties.value[member, scope.values[a, i]] = images[seen]
                ties.root[member] = kept
                member = ties.ring[member]
                if member == gone:
                    break
            ties.ring[kept], ties.ring[gone] = ties.ring[gone], ties.ring[kept]
            return kept, gone
    return -1, -1


@kernel
def _wake(
    factors: Factors, tokens: Int64[np.ndarray, "L"], mask_id: int, ties: Ties, root: int, head: int, waiting: int
) -> int:
    """Queue every hard visible factor that reads a latent of ``root``; returns how many wait."""
    member = root
    while True:
        for at in range(factors.touch_start[member], factors.touch_start[member + 1]):
            j = factors.touch[at]
            hard = factors.log_kept[j] == -np.inf or factors.log_replaced[j] == -np.inf
            if hard and not ties.queued[j] and tokens[factors.observation_position[j]] != mask_id:
                ties.queued[j] = True
                ties.queue[(head + waiting) % len(ties.queue)] = j
                waiting += 1
        member = ties.ring[member]
        if member == root:
            return waiting
