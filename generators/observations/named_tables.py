"""Truth tables with a name: every predicate of the paper and of the planted-CSP literature, as arrays ``(m,) * k``."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import UInt


def tabulate(
    rule: Callable[[np.ndarray], np.ndarray], *, arity: int, latent_alphabet: int = 2
) -> UInt[np.ndarray, "..."]:
    """Truth table of ``rule``, which maps assignments (k, m**k) to values (m**k,) below m, the latent alphabet."""
    m = latent_alphabet
    if arity < 1 or m < 2:
        raise ValueError(
            f"a predicate needs arity >= 1 and latent_alphabet >= 2; got arity {arity}, latent_alphabet {m}."
        )
    if m**arity > 2**20:
        raise ValueError(
            f"a table of {m}**{arity} = {m**arity} entries is too large (limit 2**20); use a smaller arity."
        )
    grid = np.indices((m,) * arity).reshape(arity, -1)
    return rule(grid).astype(np.min_scalar_type(m - 1)).reshape((m,) * arity)


def nae(*, arity: int = 3, latent_alphabet: int = 2) -> UInt[np.ndarray, "..."]:
    """Not all equal: 0 iff all latents of the scope agree (paper 2.1). Rate of ones 1 - m**(1-k): 3/4 for NAE-3."""
    return tabulate(lambda z: (z != z[:1]).any(axis=0), arity=arity, latent_alphabet=latent_alphabet)


def parity(*, arity: int = 3, latent_alphabet: int = 2) -> UInt[np.ndarray, "..."]:
    """Sum modulo m; for bits XOR. For m > 2 the observation has alphabet m."""
    return tabulate(lambda z: z.sum(axis=0) % latent_alphabet, arity=arity, latent_alphabet=latent_alphabet)


def threshold(*, arity: int, at_least: int) -> UInt[np.ndarray, "..."]:
    """1 iff at least ``at_least`` of the bits are 1."""
    return tabulate(lambda z: z.sum(axis=0) >= at_least, arity=arity)


def majority(*, arity: int = 3) -> UInt[np.ndarray, "..."]:
    """1 iff more than half of an odd number of bits are 1. Correlated with each of them: the trivial control."""
    if arity % 2 == 0:
        raise ValueError(f"majority needs an odd arity, or ties are possible; got {arity}. Use threshold.")
    return threshold(arity=arity, at_least=(arity + 1) // 2)


def clause(signs: Sequence[bool]) -> UInt[np.ndarray, "..."]:
    """k-SAT clause: the OR of literals; ``signs[i]`` False negates latent i. One assignment in 2**k gives 0."""
    wanted = np.array(signs, dtype=int)[:, None]
    return tabulate(lambda z: (z == wanted).any(axis=0), arity=len(signs))


def t_in_k(counts: int | Sequence[int], *, arity: int) -> UInt[np.ndarray, "..."]:
    """1 iff the number of ones in the scope is ``counts`` (or one of them): 1-in-3, 2-in-4, {1,4}-in-5."""
    allowed = np.atleast_1d(counts)
    if (allowed < 0).any() or (allowed > arity).any():
        raise ValueError(f"t-in-k counts ones among {arity} bits, so t lies in 0..{arity}; got {allowed.tolist()}.")
    return tabulate(lambda z: np.isin(z.sum(axis=0), allowed), arity=arity)


def all_different(*, arity: int = 3, latent_alphabet: int = 3) -> UInt[np.ndarray, "..."]:
    """1 iff all latents of the scope differ."""
    return tabulate(
        lambda z: (np.diff(np.sort(z, axis=0), axis=0) != 0).all(axis=0), arity=arity, latent_alphabet=latent_alphabet
    )


def not_equal(latent_alphabet: int = 5) -> UInt[np.ndarray, "m m"]:
    """1 iff two latents differ: an edge of graph colouring (paper App. B.2, m = 5)."""
    return nae(arity=2, latent_alphabet=latent_alphabet)


def p4() -> UInt[np.ndarray, "2 2 2 2"]:
    """x1 + x2 + x3 x4 mod 2."""
    return tabulate(lambda z: operator.xor(z[0] ^ z[1], z[2] & z[3]), arity=4)


def p5() -> UInt[np.ndarray, "2 2 2 2 2"]:
    """x1 + x2 + x3 + x4 x5 mod 2, Goldreich's predicate (Mossel, Shpilka, Trevisan 2003)."""
    return tabulate(lambda z: operator.xor(z[0] ^ z[1] ^ z[2], z[3] & z[4]), arity=5)
