"""The plain way to the exact posterior, compiled: what ``benchmarks/exact_core.py`` measures ours against.

Every visible observation is looked at until nothing changes: values that it rules out go, latents that it ties are
merged. What is left splits into components. Every question, a hidden latent or observation, is one variable elimination
of its own in every component that it touches, in min-fill order, that leaves the roots asked for; components are
independent. Nothing else is shared between questions.

Bits without noise, uniform prior, one predicate: what the paper's sizes have. It shares no line with the posterior.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from jaxtyping import Float64, Int64, Integer, UInt64

from generators.distribution import LODistribution
from generators.observations.predicate import Predicate

options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}  # all but one make no array
kernel = numba.njit(**options)
LARGEST = 64  # roots of a component: a set of them is a word
ONE, NONE = np.uint64(1), np.uint64(0)


class Problem(NamedTuple):
    """Scopes, the set of settings of a scope for each value, and where everything stands."""

    scopes: Int64[np.ndarray, "P k"]
    settings: Int64[np.ndarray, "2"]  # bit z is set where setting z of a scope gives the value
    ones: Int64[np.ndarray, "k"]  # settings in which latent a of the scope is one
    latent_position: Int64[np.ndarray, "N"]
    observation_position: Int64[np.ndarray, "P"]


class Space(NamedTuple):
    """Scratch of one sequence and of one elimination."""

    root: Int64[np.ndarray, "N"]
    flip: Int64[np.ndarray, "N"]
    known: Int64[np.ndarray, "N"]  # value of a latent, or -1
    component: Int64[np.ndarray, "N"]  # of a root
    local: Int64[np.ndarray, "N"]  # number of a root in its component
    size: Int64[np.ndarray, "N"]  # of a component
    kept: Int64[np.ndarray, "P"]  # observations that still say something
    home: Int64[np.ndarray, "P"]  # their components
    roots: UInt64[np.ndarray, "F"]  # of the factor of a kept observation, then of those made on the way
    start: Int64[np.ndarray, "F"]  # of its table
    live: Int64[np.ndarray, "F"]
    near: UInt64[np.ndarray, "64"]
    shift: Int64[np.ndarray, "64"]  # where a factor reads its roots in an entry of a table
    pool: Float64[np.ndarray, "n"]
    table: Float64[np.ndarray, "n"]


class NaivePosterior:
    """Marginals of all masked tokens of sound input. ValueError: no single predicate over bits, uniform, noiseless."""

    def __init__(self, distribution: LODistribution) -> None:
        (rule, *others) = distribution.functions
        if not isinstance(rule, Predicate) or others or not np.array_equal(distribution.prior, [0.5, 0.5]):
            raise ValueError("the plain way is written for one predicate over bits, uniform and without noise.")
        table = np.asarray(rule.table)
        bits = 1 << np.arange(table.size, dtype=np.int64).reshape(table.shape)
        self.distribution = distribution
        self._problem = Problem(
            np.ascontiguousarray(rule.scopes, dtype=np.int64),
            np.array([bits[table == value].sum() for value in range(2)]),
            np.array([bits.take(1, axis=axis).sum() for axis in range(table.ndim)]),
            distribution.latent_positions.astype(np.int64),
            distribution.observation_positions.astype(np.int64),
        )

    def log_marginals(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L 2"]:
        """Log-probabilities, nats."""
        chances = np.empty((*tokens.shape, 2))
        answer(self._problem, np.ascontiguousarray(tokens, dtype=np.int64), self.distribution.mask_id, chances)
        with np.errstate(divide="ignore"):
            return np.log(chances, out=chances)


@numba.njit(nogil=True, error_model="numpy")
def answer(problem: Problem, tokens: Int64[np.ndarray, "B L"], mask_id: int, out: Float64[np.ndarray, "B L 2"]) -> None:
    """Chances of both values of every token."""
    (n, k), p = (len(problem.latent_position), problem.scopes.shape[1]), len(problem.observation_position)
    i, j, f = np.empty(n, np.int64), np.empty(p, np.int64), np.empty(p + n, np.int64)
    space = Space(
        i, i.copy(), i.copy(), i.copy(), i.copy(), i.copy(), j, j.copy(), np.empty(p + n, np.uint64), f, f.copy(),
        np.empty(LARGEST, np.uint64), np.empty(LARGEST, np.int64), np.empty(1 << 20), np.empty(1 << 16),
    )  # fmt: skip
    asked, joint, itself = np.empty(k, np.int64), np.empty(1 << k), np.empty(1, np.int64)
    for b in range(len(tokens)):
        line = tokens[b]
        kept = propagate(problem, line, mask_id, space)
        factors, end = split(problem, line, space, kept, asked)
        for i in range(tokens.shape[1]):
            if line[i] != mask_id:
                out[b, i, line[i]], out[b, i, 1 - line[i]] = 1.0, 0.0
        for latent in range(n):
            itself[0], position = latent, problem.latent_position[latent]
            if line[position] == mask_id:
                ask(problem, space, factors, end, itself, 2, asked, joint, out[b, position])
        for o in range(p):
            position = problem.observation_position[o]
            if line[position] == mask_id:
                scope = problem.scopes[o]
                ask(problem, space, factors, end, scope, problem.settings[1], asked, joint, out[b, position])


@kernel
def agreeing(problem: Problem, space: Space, scope: Int64[np.ndarray, "k"]) -> int:
    """Settings that agree with what is known and tied."""
    k = len(scope)
    fits = (1 << (1 << k)) - 1
    for a in range(k):
        ones, latent = problem.ones[a], scope[a]
        if space.known[latent] >= 0:
            fits &= ones if space.known[latent] else ~ones
            continue
        for b in range(a):
            other = scope[b]
            if space.root[other] == space.root[latent]:
                differ = ones ^ problem.ones[b]
                fits &= ~differ if space.flip[other] == space.flip[latent] else differ
    return fits


@kernel
def propagate(problem: Problem, row: Int64[np.ndarray, "L"], mask_id: int, space: Space) -> int:
    """Values and ties to a fixed point; returns how many observations are kept, in ``space.kept``."""
    root, flip, known, scopes = space.root, space.flip, space.known, problem.scopes
    for i in range(len(root)):
        token = row[problem.latent_position[i]]
        root[i], flip[i], known[i] = i, 0, -1 if token == mask_id else token
    kept = 0
    for j in range(len(scopes)):
        if row[problem.observation_position[j]] != mask_id:
            space.kept[kept] = j
            kept += 1
    changed = True
    while changed:
        changed, left = False, 0
        for at in range(kept):
            j = space.kept[at]
            fits = agreeing(problem, space, scopes[j])
            found = fits & problem.settings[row[problem.observation_position[j]]]
            if found == fits:
                continue
            space.kept[left] = j
            left += 1
            changed = learn(problem, space, scopes[j], found) or changed
        kept = left
    return kept


@kernel
def learn(problem: Problem, space: Space, scope: Int64[np.ndarray, "k"], found: int) -> bool:
    """Fix the latents that have one value in all settings found, tie pairs that are always equal or always unequal."""
    root, flip, known, changed = space.root, space.flip, space.known, False
    for a in range(len(scope)):
        ones = problem.ones[a]
        if known[scope[a]] < 0 and (found & ones == 0 or found & ~ones == 0):
            r, value, changed = root[scope[a]], (0 if found & ones == 0 else 1) ^ flip[scope[a]], True
            for i in range(len(root)):
                if root[i] == r:
                    known[i] = value ^ flip[i]
    for a in range(len(scope)):
        for b in range(a):
            r, s, differ = root[scope[a]], root[scope[b]], problem.ones[a] ^ problem.ones[b]
            tied = found & differ == 0 or found & ~differ == 0
            if tied and r != s and known[scope[a]] < 0 and known[scope[b]] < 0:
                turn, changed = (0 if found & differ == 0 else 1) ^ flip[scope[a]] ^ flip[scope[b]], True
                for i in range(len(root)):
                    if root[i] == r:
                        root[i], flip[i] = s, flip[i] ^ turn
    return changed


@kernel
def split(
    problem: Problem, row: Int64[np.ndarray, "L"], space: Space, kept: int, axes: Int64[np.ndarray, "k"]
) -> tuple[int, int]:
    """Components and the tables of the kept observations; returns their number and the end of the pool."""
    n, k, root, component = len(space.root), problem.scopes.shape[1], space.root, space.component
    for i in range(n):
        component[i], space.size[i] = i, 0
    for at in range(kept):
        first = -1
        for latent in problem.scopes[space.kept[at]]:
            if space.known[latent] >= 0:
                continue
            first = root[latent] if first < 0 else first
            old, new = component[root[latent]], component[first]
            for i in range(n if old != new else 0):
                if component[i] == old:
                    component[i] = new
    for i in range(n):
        if root[i] == i and space.known[i] < 0:
            space.local[i] = space.size[component[i]]
            space.size[component[i]] += 1
    end = 0
    for at in range(kept):
        scope, held = problem.scopes[space.kept[at]], NONE
        for a in range(k):
            if space.known[scope[a]] < 0:
                space.home[at] = component[root[scope[a]]]
                held |= ONE << np.uint64(space.local[root[scope[a]]])
        space.roots[at], space.start[at], count = held, end, 0
        for v in range(space.size[space.home[at]]):
            if (held >> np.uint64(v)) & ONE:
                axes[count] = v
                count += 1
        settings = problem.settings[row[problem.observation_position[space.kept[at]]]]
        for entry in range(1 << count):
            z = 0
            for a in range(k):
                value = space.known[scope[a]]
                if value < 0:
                    for c in range(count):
                        if axes[c] == space.local[root[scope[a]]]:
                            value = (entry >> c) & 1 ^ space.flip[scope[a]]
                z = 2 * z + value
            space.pool[end + entry] = (settings >> z) & 1
        end += 1 << count
    return kept, end


@kernel
def ask(
    problem: Problem, space: Space, factors: int, end: int, scope: Int64[np.ndarray, "k"], settings: int,
    asked: Int64[np.ndarray, "k"], joint: Float64[np.ndarray, "s"], out: Float64[np.ndarray, "2"],
) -> None:  # fmt: skip
    """Chances of the values of a function of the latents of ``scope``: it is one where ``settings`` has the bit."""
    k, count, base = len(scope), 0, 0
    for a in range(k):
        base = 2 * base + max(space.known[scope[a]], 0)
        if space.known[scope[a]] < 0:
            b = 0
            while b < count and asked[b] != space.root[scope[a]]:
                b += 1
            asked[b] = space.root[scope[a]]
            count = max(count, b + 1)
    if count == 0:
        value = (settings >> base) & 1
        out[value], out[1 - value] = 1.0, 0.0
        return
    joint[: 1 << count] = 1.0
    for a in range(count if count > 1 or space.size[space.component[asked[0]]] > 1 else 0):
        held, first = NONE, True
        for b in range(count):
            if space.component[asked[b]] == space.component[asked[a]]:
                held |= ONE << np.uint64(space.local[asked[b]])
                first = first and b >= a
        if first and space.size[space.component[asked[a]]] > 1:
            eliminate(space, int(space.component[asked[a]]), factors, end, held)
            for s in range(1 << count):
                at = 0
                for b in range(count):
                    if space.component[asked[b]] == space.component[asked[a]] and (s >> b) & 1:
                        at |= 1 << ones_in(held & ((ONE << np.uint64(space.local[asked[b]])) - ONE))
                joint[s] *= space.table[at]
    out[:], total = 0.0, 0.0
    for s in range(1 << count):
        z = 0
        for a in range(k):
            value = space.known[scope[a]]
            for b in range(count if value < 0 else 0):
                if asked[b] == space.root[scope[a]]:
                    value = (s >> b) & 1 ^ space.flip[scope[a]]
            z = 2 * z + value
        out[(settings >> z) & 1] += joint[s]
        total += joint[s]
    out[0], out[1] = out[0] / total, out[1] / total


@kernel
def ones_in(word: UInt64) -> int:
    """Number of ones."""
    count = 0
    while word:
        word, count = word & (word - ONE), count + 1
    return count


@kernel
def eliminate(space: Space, component: int, factors: int, end: int, asked: UInt64) -> None:
    """The joint of the roots ``asked`` of a component, up to a constant, into ``space.table``."""
    size, near, roots, live = space.size[component], space.near, space.roots, space.live
    near[:size] = NONE
    count = 0
    for f in range(factors):
        if space.home[f] == component:
            live[count] = f
            count += 1
            for v in range(size):
                if (roots[f] >> np.uint64(v)) & ONE:
                    near[v] |= roots[f] & ~(ONE << np.uint64(v))
    open_ = ((ONE << np.uint64(size)) - ONE if size < LARGEST else ~NONE) & ~asked
    while open_:
        v = least_fill(near, open_, size)
        itself = ONE << np.uint64(v)
        open_ &= ~itself
        left = 0
        clique = near[v]
        multiply(space, live, count, itself, clique)
        for at in range(count):
            if roots[live[at]] & itself == NONE:
                live[left] = live[at]
                left += 1
        width = ones_in(clique)
        for entry in range(1 << width):
            space.pool[end + entry] = space.table[2 * entry] + space.table[2 * entry + 1]
        roots[factors], space.start[factors], live[left] = clique, end, factors
        factors, end, count = factors + 1, end + (1 << width), left + 1
        for u in range(size):
            if (clique >> np.uint64(u)) & ONE:
                near[u] = (near[u] | clique) & ~itself & ~(ONE << np.uint64(u))
    multiply(space, live, count, NONE, asked)


@kernel
def least_fill(near: UInt64[np.ndarray, "64"], open_: UInt64, size: int) -> int:
    """The open root whose neighbours lack the fewest edges among them."""
    best, fewest = -1, 1 << 60
    for v in range(size):
        if (open_ >> np.uint64(v)) & ONE == NONE:
            continue
        missing, around = 0, near[v]
        for u in range(size):
            if (around >> np.uint64(u)) & ONE:
                missing += ones_in(around & ~near[u] & ~(ONE << np.uint64(u)))
        if missing < fewest:
            best, fewest = v, missing
            if missing == 0:
                break
    return best


@kernel
def multiply(space: Space, live: Int64[np.ndarray, "F"], count: int, first: UInt64, rest: UInt64) -> None:
    """The product of the live factors that hold ``first``, if it is not empty, over first and ``rest`` as bits."""
    entries = 1 << (ones_in(rest) + (1 if first else 0))
    space.table[:entries] = 1.0
    for at in range(count):
        held, start = space.roots[live[at]], space.start[live[at]]
        if first and held & first == NONE:
            continue
        arity, left = 0, held
        while left:
            lowest = left & (~left + ONE)
            left &= left - ONE
            space.shift[arity] = 0 if lowest == first else ones_in(rest & (lowest - ONE)) + (1 if first else 0)
            arity += 1
        for entry in range(entries):
            index = 0
            for a in range(arity):
                index |= ((entry >> space.shift[a]) & 1) << a
            space.table[entry] *= space.pool[start + index]
