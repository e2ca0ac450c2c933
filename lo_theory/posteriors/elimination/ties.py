"""Latents that are tied to each other, and how an observation looks through the ties.

Latents that determine each other share a *root*; the value of a latent is a function of the value of its root. A root
with more than one possible value is free. All of it is scratch of one sequence, reused by the next.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from lo_theory.compiled import kernel, lean_kernel
from lo_theory.posteriors.factors import Factors


class Ties(NamedTuple):
    """State of one sequence: roots, their possible values, and the queue of factors to look at again."""

    root: Int64[np.ndarray, "N"]
    value: Int64[np.ndarray, "N m"]  # value of a latent for each value of its root
    alive: Bool[np.ndarray, "N m"]  # possible values of a root
    size: Int64[np.ndarray, "N"]  # number of possible values of a root
    ring: Int64[np.ndarray, "N"]  # next latent of the same root, in a circle
    only: Int64[np.ndarray, "N"]  # the value of a latent once it is determined, else -1
    queue: Int64[np.ndarray, "P"]
    queued: Bool[np.ndarray, "P"]
    spent: Bool[np.ndarray, "P"]  # visible factors that are 1 whatever the free roots are
    hidden: Int64[np.ndarray, "P1"]  # hidden observations, listed by the reduction of bits


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
    images: Int64[np.ndarray, "m"]


@kernel
def new_ties(n_latents: int, alphabet: int, n_observations: int) -> Ties:
    """Room for one sequence."""
    return Ties(
        np.empty(n_latents, np.int64),
        np.empty((n_latents, alphabet), np.int64),
        np.empty((n_latents, alphabet), np.bool_),
        np.empty(n_latents, np.int64),
        np.empty(n_latents, np.int64),
        np.empty(n_latents, np.int64),
        np.empty(n_observations + 1, np.int64),
        np.empty(n_observations, np.bool_),
        np.empty(n_observations, np.bool_),
        np.empty(n_observations + 1, np.int64),
    )


@lean_kernel
def widest_scope(factors: Factors) -> int:
    """Latents of the widest scope, at least one."""
    arity = 1
    for j in range(len(factors.alphabet)):
        arity = max(arity, factors.scope_start[j + 1] - factors.scope_start[j])
    return arity


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
        np.empty(alphabet, np.int64),
    )


@lean_kernel
def weight(factors: Factors, observation: int, token: int, index: int) -> float:
    """``log Q(token | z)`` with z the entry of the observation's table at ``index``; -inf outside its alphabet."""
    if token >= factors.alphabet[observation]:
        return -np.inf
    sent = factors.codes[factors.table_start[observation] + index]
    return factors.log_kept[observation] if sent == token else factors.log_replaced[observation]


@lean_kernel
def settled_index(
    scope_start: Int64[np.ndarray, "P1"],
    scope: Int64[np.ndarray, "K"],
    stride: Int64[np.ndarray, "K"],
    only: Int64[np.ndarray, "N"],
    observation: int,
) -> int:
    """Index into the table of an observation whose latents are all determined, -1 if one is free.

    The common case; it takes bare arrays because a compiled call copies every field of its tuples.
    """
    index = 0
    for at in range(scope_start[observation], scope_start[observation + 1]):
        value = only[scope[at]]
        if value < 0:
            return -1
        index += stride[at] * value
    return index


@lean_kernel
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


@lean_kernel
def first(scope: Scope, count: int, base: int) -> int:
    """Reset the digits; index of the first setting."""
    for axis in range(count):
        scope.digits[axis] = 0
        base += scope.offsets[axis, 0]
    return base


@lean_kernel
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
