"""The reduction of :mod:`.reduction` for bits and scopes of at most six: sets of settings are single words.

Bit z of a word stands for setting z of a scope, or of six roots; looking at an observation is then a dozen operations.
What is settled, which latents are tied and which root stands for them are the same as in the general reduction.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64

from lo_theory.compiled import lean_kernel
from lo_theory.posteriors.elimination.ties import Ties
from lo_theory.posteriors.factors import COUNTED, Factors

NONE = np.uint64(0)
ONE = np.uint64(1)
ALL = np.uint64(2**64 - 1)
ONES = np.array(
    [0xAAAAAAAAAAAAAAAA, 0xCCCCCCCCCCCCCCCC, 0xF0F0F0F0F0F0F0F0, 0xFF00FF00FF00FF00, 0xFFFF0000FFFF0000,
     0xFFFFFFFF00000000],
    dtype=np.uint64,
)  # fmt: skip
"""Settings z in which bit b of z is one."""
_TWOS, _FOURS, _EIGHTS = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)


@lean_kernel
def ones_in(word: UInt64) -> int:
    """Number of ones."""
    word = word - ((word >> ONE) & _TWOS)
    word = (word & _FOURS) + ((word >> np.uint64(2)) & _FOURS)
    word = (word + (word >> np.uint64(4))) & _EIGHTS
    word = word + (word >> np.uint64(8))
    word = word + (word >> np.uint64(16))
    word = word + (word >> np.uint64(32))
    return int(np.int64(word & np.uint64(127)))


@lean_kernel
def lowest(word: UInt64) -> int:
    """Number of the lowest bit that is set, 64 if none is."""
    return ones_in((word - ONE) & ~word) if word != NONE else 64


@lean_kernel
def settle_bits(
    factors: Factors, tokens: Int64[np.ndarray, "L"], mask_id: int, ties: Ties, axes: Int64[np.ndarray, "6"]
) -> int:
    """As :func:`~.reduction.settle`, but returns the number of hidden observations, now listed, and -1 for False.

    Calls take bare arrays: a compiled call copies every field of its tuples.
    """
    root, value, only, ring, queue, queued, spent = (
        ties.root, ties.value, ties.only, ties.ring, ties.queue, ties.queued, ties.spent
    )  # fmt: skip
    if not _begin(factors.latent_position, factors.log_prior, tokens, mask_id, root, value, only, ring):
        return -1
    alive, size, touch_start, touch = ties.alive, ties.size, factors.touch_start, factors.touch
    scope_start, scope, position = factors.scope_start, factors.scope, factors.observation_position
    allowed, hard = factors.allowed, factors.kind == COUNTED
    (waiting, unseen), head = _look(factors, tokens, mask_id, only, queue, queued, spent, ties.hidden), 0
    if waiting < 0:
        return -1
    while waiting:
        j = queue[head]
        head, waiting = head + 1, waiting - 1
        head = 0 if head == len(queue) else head
        queued[j] = False
        start, stop = scope_start[j], scope_start[j + 1]
        count, fits = agreeing(start, stop, scope, root, value, only, axes)
        found = fits & allowed[j, tokens[position[j]]]
        if found == NONE:
            return -1
        if count == 0:
            spent[j] = hard or always(factors.log_kept[j], factors.log_replaced[j])
            continue
        if found == fits:
            continue
        for a in range(count):
            latent, ones = scope[axes[a]], ONES[stop - 1 - axes[a]]
            if found & ones == NONE or found & ~ones == NONE:
                _fix(root[latent], value[latent, 0 if found & ones == NONE else 1], value, only, ring)
                waiting = _wake(root[latent], touch_start, touch, ring, queue, queued, spent, head, waiting)
        kept = _tie(scope, axes, count, stop, found, root, value, only, ring)
        if kept >= 0:
            waiting = _wake(kept, touch_start, touch, ring, queue, queued, spent, head, waiting)
    for latent in range(len(only)):
        known = only[latent]
        alive[latent, 0], alive[latent, 1], size[latent] = True, True, 2
        if known >= 0:
            x = known ^ value[latent, 0]
            alive[latent, 1 - x], size[latent] = False, 1
    return unseen


@lean_kernel
def always(log_kept: float, log_replaced: float) -> bool:
    """Whether a hard observation whose latents are known, and which is possible, is certain."""
    return log_kept == 0.0 if log_replaced == -np.inf else log_replaced == 0.0


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
        r, fresh = root[latent], True
        for a in range(count):
            other = axes[a]
            if root[scope[other]] == r:
                differ = ones ^ ONES[stop - 1 - other]
                fits &= ~differ if value[latent, 0] == value[scope[other], 0] else differ
                fresh = False
                break
        if fresh:
            axes[count] = at
            count += 1
    return count, fits


@lean_kernel
def _begin(
    position: Int64[np.ndarray, "N"],
    log_prior: Float64[np.ndarray, "2"],
    tokens: Int64[np.ndarray, "L"],
    mask_id: int,
    root: Int64[np.ndarray, "N"],
    value: Int64[np.ndarray, "N 2"],
    only: Int64[np.ndarray, "N"],
    ring: Int64[np.ndarray, "N"],
) -> bool:
    """Every latent its own root; False if one is impossible."""
    no_zero, no_one = log_prior[0] == -np.inf, log_prior[1] == -np.inf
    hidden = 1 if no_zero else 0 if no_one else -1
    for latent in range(len(only)):
        root[latent] = ring[latent] = latent
        value[latent, 0], value[latent, 1] = 0, 1
        token = tokens[position[latent]]
        only[latent] = hidden if token == mask_id else token
        if token != mask_id and (token > 1 or (token == 0 and no_zero) or (token == 1 and no_one)):
            return False
    return True


@lean_kernel
def _look(
    factors: Factors,
    tokens: Int64[np.ndarray, "L"],
    mask_id: int,
    only: Int64[np.ndarray, "N"],
    queue: Int64[np.ndarray, "P1"],
    queued: Bool[np.ndarray, "P"],
    spent: Bool[np.ndarray, "P"],
    hidden: Int64[np.ndarray, "P1"],
) -> tuple[int, int]:
    """A first look at every observation: how many wait, -1 if one is impossible; and how many are hidden.

    Nearly without branches: a mask is not to be foretold.
    """
    position, alphabet, allowed = factors.observation_position, factors.alphabet, factors.allowed
    scope_start, scope, log_kept, log_replaced = (
        factors.scope_start,
        factors.scope,
        factors.log_kept,
        factors.log_replaced,
    )
    queued[:], spent[:] = True, False  # what is hidden or soft never waits
    visible, waiting, possible, plain = 0, 0, ONE, factors.kind == COUNTED
    for j in range(len(position)):
        queue[visible], hidden[j - visible] = j, j
        visible += tokens[position[j]] != mask_id
    for v in range(visible):
        j = queue[v]
        token, at, stop = tokens[position[j]], scope_start[j], scope_start[j + 1]
        index, free = 0, 0
        if stop - at == 3:
            first, second, third = only[scope[at]], only[scope[at + 1]], only[scope[at + 2]]
            index, free = 4 * first + 2 * second + third, first | second | third
        else:
            for i in range(at, stop):
                index, free = 2 * index + only[scope[i]], free | only[scope[i]]
        if token >= alphabet[j]:
            return -1, 0
        if not plain and log_kept[j] > -np.inf and log_replaced[j] > -np.inf:
            continue
        queue[waiting] = j
        waiting += free < 0
        possible &= (allowed[j, token] >> np.uint64(index & 63)) | np.uint64(free < 0)
        spent[j] = free >= 0 and (plain or always(log_kept[j], log_replaced[j]))
    return int(waiting) if possible == ONE else -1, len(position) - int(visible)


@lean_kernel
def _fix(
    root: int,
    x: int,
    value: Int64[np.ndarray, "N 2"],
    only: Int64[np.ndarray, "N"],
    ring: Int64[np.ndarray, "N"],
) -> None:
    """Leave a root the value x alone."""
    member = root
    while True:
        only[member] = value[member, x]
        member = ring[member]
        if member == root:
            return


@lean_kernel
def _tie(
    scope: Int64[np.ndarray, "K"],
    axes: Int64[np.ndarray, "6"],
    count: int,
    stop: int,
    found: UInt64,
    root: Int64[np.ndarray, "N"],
    value: Int64[np.ndarray, "N 2"],
    only: Int64[np.ndarray, "N"],
    ring: Int64[np.ndarray, "N"],
) -> int:
    """Tie the first two free roots that are always equal or always unequal; the root that is kept, or -1."""
    for a in range(count):
        left = scope[axes[a]]
        if only[left] >= 0:
            continue
        for b in range(a + 1, count):
            right = scope[axes[b]]
            differ = ONES[stop - 1 - axes[a]] ^ ONES[stop - 1 - axes[b]]
            if only[right] >= 0 or not (found & differ == NONE or found & ~differ == NONE):
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
def _wake(
    root: int,
    touch_start: Int64[np.ndarray, "N1"],
    touch: Int64[np.ndarray, "K"],
    ring: Int64[np.ndarray, "N"],
    queue: Int64[np.ndarray, "P1"],
    queued: Bool[np.ndarray, "P"],
    spent: Bool[np.ndarray, "P"],
    head: int,
    waiting: int,
) -> int:
    """Queue every hard visible observation that reads a latent of ``root``; returns how many wait."""
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
