"""What visible tokens settle before any sum: impossible values go, latents that determine each other are merged.

An all-equal observation ties its scope, a parity with one free pair ties the pair, and so on: any table is read alike.
Only hard factors take part, those that rule something out.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64

from lo_theory.compiled import lean_kernel
from lo_theory.posteriors.elimination.ties import Scope, Ties, advance, first, look, settled_index, weight
from lo_theory.posteriors.factors import Factors


@lean_kernel
def settle(factors: Factors, tokens: Int64[np.ndarray, "L"], mask_id: int, ties: Ties, scope: Scope) -> bool:
    """Arc consistency and merging to a fixed point; False when a root is left without a possible value."""
    waiting, head = _begin(factors, tokens, mask_id, ties), 0
    if waiting < 0:
        return False
    while waiting:
        j = ties.queue[head]
        head, waiting = head + 1, waiting - 1
        head = 0 if head == len(ties.queue) else head
        ties.queued[j] = False
        token = tokens[factors.observation_position[j]]
        index = settled_index(factors.scope_start, factors.scope, factors.stride, ties.only, j)
        if index >= 0:
            likelihood = weight(factors, j, token, index)
            if likelihood == -np.inf:
                return False
            ties.spent[j] = likelihood == 0.0
            continue
        count, base = look(factors, ties, j, scope)
        if not _supports(factors, j, token, base, count, scope):
            return False
        for axis in range(count):
            if _restrict(ties, scope, axis):
                waiting = _wake(factors, tokens, mask_id, ties, scope.roots[axis], head, waiting)
        kept = _merge(ties, scope, count)
        if kept >= 0:
            waiting = _wake(factors, tokens, mask_id, ties, kept, head, waiting)
    return True


@lean_kernel
def _begin(factors: Factors, tokens: Int64[np.ndarray, "L"], mask_id: int, ties: Ties) -> int:
    """Every latent its own root, every hard visible factor in the queue: their number, -1 if a latent is impossible."""
    for latent in range(len(ties.root)):
        ties.root[latent] = ties.ring[latent] = latent
        token = tokens[factors.latent_position[latent]]
        size, last = 0, -1
        for x in range(len(factors.log_prior)):
            possible = factors.log_prior[x] > -np.inf and token in (mask_id, x)
            ties.value[latent, x], ties.alive[latent, x] = x, possible
            if possible:
                size, last = size + 1, x
        if size == 0:
            return -1
        ties.size[latent], ties.only[latent] = size, last if size == 1 else -1
    waiting = 0
    for j in range(len(factors.alphabet)):
        token = tokens[factors.observation_position[j]]
        hard = factors.log_kept[j] == -np.inf or factors.log_replaced[j] == -np.inf
        ties.spent[j] = False
        ties.queued[j] = token != mask_id and (hard or token >= factors.alphabet[j])
        if ties.queued[j]:
            ties.queue[waiting] = j
            waiting += 1
    return waiting


@lean_kernel
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


@lean_kernel
def _agree(scope: Scope, a: int, b: int, i: int, j: int) -> bool:
    """Note that i and j occur together; False if i or j has occurred with another value."""
    if scope.partner[a, b, i] == -1:
        scope.partner[a, b, i] = j
    if scope.partner[b, a, j] == -1:
        scope.partner[b, a, j] = i
    return scope.partner[a, b, i] == j and scope.partner[b, a, j] == i


@lean_kernel
def _restrict(ties: Ties, scope: Scope, axis: int) -> bool:
    """Take the unsupported values from a root; True if there were any."""
    root, before = scope.roots[axis], ties.size[scope.roots[axis]]
    for i in range(scope.sizes[axis]):
        if not scope.supported[axis, i]:
            ties.alive[root, scope.values[axis, i]] = False
            ties.size[root] -= 1
    if ties.size[root] == 1:
        x = 0
        while not ties.alive[root, x]:
            x += 1
        ties.only[root] = ties.value[root, x]
        member = ties.ring[root]
        while member != root:
            ties.only[member] = ties.value[member, x]
            member = ties.ring[member]
    return bool(ties.size[root] < before)


@lean_kernel
def _merge(ties: Ties, scope: Scope, count: int) -> int:
    """Tie the first two free roots that determine each other; the root that is kept, or -1."""
    for a in range(count):
        for b in range(a + 1, count):
            kept, gone = scope.roots[a], scope.roots[b]
            if not scope.linked[a, b] or ties.size[kept] < 2:
                continue
            images = scope.images
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
            return kept
    return -1


@lean_kernel
def _wake(
    factors: Factors, tokens: Int64[np.ndarray, "L"], mask_id: int, ties: Ties, root: int, head: int, waiting: int
) -> int:
    """Queue every hard visible factor that reads a latent of ``root``; returns how many wait."""
    member = root
    while True:
        for at in range(factors.touch_start[member], factors.touch_start[member + 1]):
            j = factors.touch[at]
            hard = factors.log_kept[j] == -np.inf or factors.log_replaced[j] == -np.inf
            if hard and not (ties.queued[j] or ties.spent[j]) and tokens[factors.observation_position[j]] != mask_id:
                ties.queued[j] = True
                at_end = head + waiting
                ties.queue[at_end if at_end < len(ties.queue) else at_end - len(ties.queue)] = j
                waiting += 1
        member = ties.ring[member]
        if member == root:
            return waiting
