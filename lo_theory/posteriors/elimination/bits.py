"""The reduction of :mod:`.reduction` for bits and scopes of at most six: sets of settings are single words.

Bit z of a word stands for setting z of a scope, or of six roots; looking at an observation is then a dozen operations.
What is settled, which latents are tied and which root stands for them are the same as in the general reduction.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, UInt64

from lo_theory.compiled import lean_kernel
from lo_theory.posteriors.elimination.ties import Ties
from lo_theory.posteriors.factors import Factors

NONE = np.uint64(0)
ONE = np.uint64(1)
ALL = np.uint64(2**64 - 1)
ONES = np.array(
    [0xAAAAAAAAAAAAAAAA, 0xCCCCCCCCCCCCCCCC, 0xF0F0F0F0F0F0F0F0, 0xFF00FF00FF00FF00, 0xFFFF0000FFFF0000,
     0xFFFFFFFF00000000],
    dtype=np.uint64,
)  # fmt: skip
"""Settings z in which bit b of z is one."""


@lean_kernel
def settle_bits(
    factors: Factors, tokens: Int64[np.ndarray, "L"], mask_id: int, ties: Ties, axes: Int64[np.ndarray, "6"]
) -> bool:
    """As :func:`~.reduction.settle`."""
    waiting, head = _begin(factors, tokens, mask_id, ties), 0
    if waiting < 0:
        return False
    queue, queued, spent, only, root = ties.queue, ties.queued, ties.spent, ties.only, ties.root
    scope_start, scope, position = factors.scope_start, factors.scope, factors.observation_position
    while waiting:
        j = queue[head]
        head, waiting = head + 1, waiting - 1
        head = 0 if head == len(queue) else head
        queued[j] = False
        start, stop = scope_start[j], scope_start[j + 1]
        count, fits = agreeing(start, stop, scope, root, ties.value, only, axes)
        found = fits & factors.allowed[j, tokens[position[j]]]
        if found == NONE:
            return False
        if count == 0:
            kept = factors.log_kept[j] == 0.0
            spent[j] = kept if factors.log_replaced[j] == -np.inf else factors.log_replaced[j] == 0.0
            continue
        if found == fits:
            continue
        for a in range(count):
            latent, ones = scope[axes[a]], ONES[stop - 1 - axes[a]]
            if found & ones == NONE or found & ~ones == NONE:
                _fix(ties, root[latent], ties.value[latent, 0 if found & ones == NONE else 1])
                waiting = _wake(factors, ties, root[latent], head, waiting)
        kept_root = _tie(ties, scope, axes, count, stop, found)
        if kept_root >= 0:
            waiting = _wake(factors, ties, kept_root, head, waiting)
    return True


@lean_kernel
def agreeing(
    start: int,
    stop: int,
    scope: Int64[np.ndarray, "K"],
    root: Int64[np.ndarray, "N"],
    value: Int64[np.ndarray, "N 2"],
    only: Int64[np.ndarray, "N"],
    axes: Int64[np.ndarray, "6"],
) -> tuple[int, UInt64]:
    """Where in ``scope`` each free root of an observation is read first, into ``axes``: their number; and the settings

    of the scope that agree with what is known and tied.
    """
    size = 1 << (stop - start)
    fits = ALL if size == 64 else (np.uint64(1) << np.uint64(size)) - np.uint64(1)
    count = 0
    for at in range(start, stop):
        latent, ones = scope[at], ONES[stop - 1 - at]
        known = only[latent]
        if known >= 0:
            fits &= ones if known == 1 else ~ones
            continue
        fresh = True
        for a in range(count):
            other = scope[axes[a]]
            if root[other] == root[latent]:
                differ = ones ^ ONES[stop - 1 - axes[a]]
                fits &= ~differ if value[other, 0] == value[latent, 0] else differ
                fresh = False
        if fresh:
            axes[count] = at
            count += 1
    return count, fits


@lean_kernel
def _begin(factors: Factors, tokens: Int64[np.ndarray, "L"], mask_id: int, ties: Ties) -> int:
    """Every latent its own root; a look at every visible observation: how many wait, -1 if one is impossible."""
    only, value, alive = ties.only, ties.value, ties.alive
    for latent in range(len(only)):
        ties.root[latent] = ties.ring[latent] = latent
        value[latent, 0], value[latent, 1] = 0, 1
        token = tokens[factors.latent_position[latent]]
        zero = factors.log_prior[0] > -np.inf and (token == mask_id or token == 0)
        one = factors.log_prior[1] > -np.inf and (token == mask_id or token == 1)
        if not (zero or one):
            return -1
        alive[latent, 0], alive[latent, 1] = zero, one
        only[latent] = -1 if zero and one else (1 if one else 0)
        ties.size[latent] = 2 if zero and one else 1
    waiting = 0
    position, alphabet, queue = factors.observation_position, factors.alphabet, ties.queue
    scope_start, scope, stride = factors.scope_start, factors.scope, factors.stride
    log_kept, log_replaced, queued, spent = factors.log_kept, factors.log_replaced, ties.queued, ties.spent
    for j in range(len(alphabet)):
        token = tokens[position[j]]
        spent[j], queued[j] = False, True  # what is hidden or soft never waits
        if token == mask_id:
            continue
        if token >= alphabet[j]:
            return -1
        kept, replaced = log_kept[j], log_replaced[j]
        if kept > -np.inf and replaced > -np.inf:
            continue
        index = 0
        for at in range(scope_start[j], scope_start[j + 1]):
            known = only[scope[at]]
            if known < 0:
                index = -1
                break
            index += stride[at] * known
        if index < 0:
            queued[j] = True
            queue[waiting] = j
            waiting += 1
        elif (factors.allowed[j, token] >> np.uint64(index)) & np.uint64(1) == NONE:
            return -1
        else:
            spent[j] = (kept if replaced == -np.inf else replaced) == 0.0
    return waiting


@lean_kernel
def _fix(ties: Ties, root: int, x: int) -> None:
    """Leave a root the value x alone."""
    ties.alive[root, 1 - x] = False
    ties.size[root] = 1
    member = root
    while True:
        ties.only[member] = ties.value[member, x]
        member = ties.ring[member]
        if member == root:
            return


@lean_kernel
def _tie(
    ties: Ties, scope: Int64[np.ndarray, "K"], axes: Int64[np.ndarray, "6"], count: int, stop: int, found: UInt64
) -> int:
    """Tie the first two free roots that are always equal or always unequal; the root that is kept, or -1."""
    root, value, ring = ties.root, ties.value, ties.ring
    for a in range(count):
        left = scope[axes[a]]
        if ties.only[left] >= 0:
            continue
        for b in range(a + 1, count):
            right = scope[axes[b]]
            differ = ONES[stop - 1 - axes[a]] ^ ONES[stop - 1 - axes[b]]
            if ties.only[right] >= 0 or not (found & differ == NONE or found & ~differ == NONE):
                continue
            kept, gone = root[left], root[right]
            turned = value[left, 0] ^ value[right, 0] ^ (0 if found & differ == NONE else 1)
            member = gone
            while True:
                root[member] = kept
                value[member, 0] ^= turned
                value[member, 1] ^= turned
                member = ring[member]
                if member == gone:
                    break
            ring[kept], ring[gone] = ring[gone], ring[kept]
            return int(kept)
    return -1


@lean_kernel
def _wake(factors: Factors, ties: Ties, root: int, head: int, waiting: int) -> int:
    """Queue every hard visible observation that reads a latent of ``root``; returns how many wait."""
    queue, queued, spent, ring = ties.queue, ties.queued, ties.spent, ties.ring
    touch_start, touch = factors.touch_start, factors.touch
    member = root
    while True:
        for at in range(touch_start[member], touch_start[member + 1]):
            j = touch[at]
            if not (queued[j] or spent[j]):
                queued[j] = True
                end = head + waiting
                queue[end if end < len(queue) else end - len(queue)] = j
                waiting += 1
        member = ring[member]
        if member == root:
            return waiting
