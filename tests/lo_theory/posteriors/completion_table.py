"""Every completion of a row with its exact rational weight, from the definition of the distribution."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from generators.distribution import LODistribution
from generators.families import local_hash, logic_rules, nae_sat, predicate_csp, sparse_parity
from generators.observations import named_tables as named

SMALL = {
    "NAE-3": nae_sat(5, 6, structure_seed=0),
    "NAE-3 of three values": nae_sat(4, 4, latent_alphabet=3, structure_seed=1),
    "noisy parities": sparse_parity(5, 5, arity=2, noise=0.1, structure_seed=2),
    "more noise than not": sparse_parity(4, 4, arity=3, noise=0.85, structure_seed=3),
    "noise that says nothing": sparse_parity(4, 3, arity=2, noise=0.5, structure_seed=4),
    "total noise": predicate_csp(named.nae(arity=3), 4, 4, noise=1.0, structure_seed=5),
    "noisy hash of three values": local_hash(3, 2, latent_alphabet=3, alphabet=3, noise=0.2, structure_seed=6),
    "skewed prior": predicate_csp(
        named.nae(arity=2, latent_alphabet=3), 4, 4, prior=np.array([0.7, 0.3, 0.0]), structure_seed=7
    ),
    "rules": logic_rules(["x0 implies x1", "x1 xor x3", "true", "x2 or (x3 and x4)"], 5),
}


def masked(distribution: LODistribution, n: int, seed: int) -> np.ndarray:
    """Rows of any order of positions with a uniform share of hidden tokens."""
    rng = np.random.default_rng(seed)
    rows = distribution.sample(n, rng).astype(np.int64)
    return np.where(rng.random(rows.shape) < rng.random((n, 1)), distribution.mask_id, rows)


def shuffled(distribution: LODistribution) -> LODistribution:
    """The same with its positions in another order."""
    order = np.random.default_rng(0).permutation(distribution.length)
    return LODistribution(distribution.prior, distribution.n_latents, distribution.functions, order)


def weights(distribution: LODistribution, row: np.ndarray) -> dict[tuple[int, ...], Fraction]:
    """``p(x)`` of every completion x that is possible."""
    prior = [Fraction(p) for p in distribution.prior.tolist()]
    noise, n = [Fraction(p) for p in distribution.noise.tolist()], distribution.n_latents
    spots = [*distribution.latent_positions.tolist(), *distribution.observation_positions.tolist()]
    sizes = distribution.alphabets[spots].tolist()
    choices = [range(s) if row[i] == distribution.mask_id else [int(row[i])] for i, s in zip(spots, sizes, strict=True)]
    found: dict[tuple[int, ...], Fraction] = {}
    for latents in itertools.product(*choices[:n]):
        base = math.prod((prior[z] for z in latents), start=Fraction(1))
        if not base:
            continue
        sent = distribution.observe(np.array([latents]))[0].tolist()
        channels = [
            {y: (1 - rate if y == value else rate / (size - 1)) for y in of_one}
            for value, rate, size, of_one in zip(sent, noise, sizes[n:], choices[n:], strict=True)
        ]
        for values in itertools.product(*choices[n:]):
            weight = base * math.prod((c[y] for c, y in zip(channels, values, strict=True)), start=Fraction(1))
            if weight:
                x = [0] * len(spots)
                for spot, value in zip(spots, (*latents, *values), strict=True):
                    x[spot] = value
                found[tuple(x)] = weight
    return found


def log(p: Fraction) -> float:
    """Natural logarithm of a fraction of any size."""
    return math.log(p.numerator) - math.log(p.denominator) if p else -math.inf


def joint(table: dict[tuple[int, ...], Fraction], positions: Sequence[int], vocabulary: int) -> np.ndarray:
    """Posterior of the tokens at some positions together, one axis for each."""
    sums = np.zeros((vocabulary,) * len(positions))
    np.add.at(sums, tuple(np.array(list(table))[:, positions].T), [float(weight) for weight in table.values()])
    return sums / sums.sum()
