"""Hypothesis strategies: random priors, observation functions, distributions, orders, masks and sequences.

All of them shrink towards few latents, few observations, uniform priors, no noise and the identity order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.strategies import SearchStrategy
from jaxtyping import Bool, Float64, Int64, Integer

from generators.distribution import LODistribution
from generators.observations.function import ObservationFunction
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate

Draw = Callable[..., Any]
"""Hypothesis' own ``DrawFn`` is a protocol that cannot be checked at run time, as the tests check annotations."""

_RATES = st.sampled_from([0.5, 0.05, 0.25, 0.9, 1.0, 1e-3])
_INFIX = st.sampled_from(["and", "or", "xor", "implies", "iff"])


@st.composite
def priors(draw: Draw, *, min_alphabet: int = 2, max_alphabet: int = 4, zeros: bool = True) -> Float64[np.ndarray, "m"]:
    """Distributions on ``range(m)``: uniform or not, with ``zeros`` some values may be impossible."""
    m = draw(st.integers(min_alphabet, max_alphabet))
    if not draw(st.booleans()):
        return np.full(m, 1.0 / m)
    weights = draw(st.lists(st.integers(0 if zeros else 1, 12), min_size=m, max_size=m).filter(any))
    return np.array(weights, dtype=np.float64) / sum(weights)


@st.composite
def scopes(
    draw: Draw, n_latents: int, *, max_observations: int = 6, min_arity: int = 1, max_arity: int = 3
) -> Int64[np.ndarray, "P k"]:
    """At most ``max_observations`` scopes of one arity, at least one; latents are distinct within a row."""
    arity = draw(st.integers(min_arity, min(max_arity, n_latents)))
    rows = st.lists(st.permutations(range(n_latents)), min_size=1, max_size=max_observations)
    return np.array(draw(rows), dtype=np.int64)[:, :arity]


@st.composite
def predicates(
    draw: Draw,
    n_latents: int = 4,
    *,
    latent_alphabet: int = 2,
    max_observations: int = 6,
    max_arity: int = 3,
    max_alphabet: int = 3,
) -> Predicate:
    """Random truth tables over random scopes, of arity and alphabet up to the given ones."""
    reads = draw(scopes(n_latents, max_observations=max_observations, max_arity=max_arity))
    alphabet = draw(st.integers(2, max_alphabet))
    shape = (latent_alphabet,) * reads.shape[1]
    table = draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, alphabet - 1)))
    return Predicate(table, reads, alphabet)


@st.composite
def keyed_hashes(
    draw: Draw,
    n_latents: int = 4,
    *,
    latent_alphabet: int = 2,
    max_observations: int = 6,
    max_arity: int = 3,
    max_alphabet: int = 3,
) -> ObservationFunction:
    """Keyed hashes of random scopes."""
    from generators.observations.keyed_hash import KeyedHash

    reads = draw(scopes(n_latents, max_observations=max_observations, max_arity=max_arity))
    alphabet = draw(st.integers(2, max_alphabet))
    return KeyedHash.from_seed(
        reads, structure_seed=draw(st.integers(0, 99)), alphabet=alphabet, latent_alphabet=latent_alphabet
    )


@st.composite
def logic_rules(
    draw: Draw, n_latents: int = 4, *, latent_alphabet: int = 2, max_observations: int = 6
) -> ObservationFunction:
    """Random formulas over ``x0``, ``x1``, ..., as texts compiled to observations."""
    from generators.observations.rules.rule import compile_rules

    texts = draw(st.lists(_formulas(n_latents, latent_alphabet), min_size=1, max_size=max_observations))
    return compile_rules(texts, n_latents, latent_alphabet=latent_alphabet)


@functools.cache  # building a recursive strategy costs more than drawing from it
def _formulas(n_latents: int, latent_alphabet: int) -> SearchStrategy[str]:
    names = st.integers(0, n_latents - 1).map("x{}".format)
    values = st.integers(0, latent_alphabet - 1).map(str)
    atoms = names | st.builds("{} {} {}".format, names, st.sampled_from(["==", "!="]), values | names)
    return st.recursive(
        atoms,
        lambda parts: st.builds("({} {} {})".format, parts, _INFIX, parts) | st.builds("(not {})".format, parts),
        max_leaves=4,
    )


@st.composite
def random_slabs(draw: Draw, n_latents: int = 4, *, max_observations: int = 6) -> ObservationFunction:
    """Gaussian slabs over all latents, which must be bits."""
    from generators.observations.slab import RandomSlab, gaussian_directions

    count, seed = draw(st.integers(1, max_observations)), draw(st.integers(0, 99))
    return RandomSlab(
        gaussian_directions(n_latents, count, structure_seed=seed), draw(st.sampled_from([0.7, 0.3, 1.5]))
    )


@st.composite
def parities(draw: Draw, n_latents: int = 4, *, max_observations: int = 6) -> ObservationFunction:
    """Parities of any number of the latents, which must be bits."""
    from generators.observations.parity import Parity

    return Parity(draw(scopes(n_latents, max_observations=max_observations, max_arity=n_latents)))


@st.composite
def observation_functions(
    draw: Draw,
    n_latents: int = 4,
    *,
    latent_alphabet: int = 2,
    max_observations: int = 6,
    max_alphabet: int = 3,
    noise: bool = True,
) -> ObservationFunction:
    """Any kind of observation function over ``n_latents`` latents, with ``noise`` perhaps through a noisy channel."""
    sizes = {"latent_alphabet": latent_alphabet, "max_observations": max_observations}
    kinds: list[SearchStrategy[ObservationFunction]] = [
        predicates(n_latents, **sizes, max_alphabet=max_alphabet),
        keyed_hashes(n_latents, **sizes, max_alphabet=max_alphabet),
        logic_rules(n_latents, **sizes),
    ]
    if latent_alphabet == 2:
        kinds.append(random_slabs(n_latents, max_observations=max_observations))
        kinds.append(parities(n_latents, max_observations=max_observations))
    function = draw(st.one_of(kinds))
    return Noisy(function, draw(_RATES)) if noise and draw(st.booleans()) else function


@st.composite
def distributions(
    draw: Draw,
    *,
    max_latents: int = 4,
    max_length: int = 8,
    max_alphabet: int = 3,
    noise: bool = True,
    orders: bool = True,
    zeros: bool = True,
) -> LODistribution:
    """L&O distributions with up to two observation functions, small enough to enumerate.

    Args:
        max_latents: N, at most.
        max_length: L = N + P, at most.
        max_alphabet: values of a latent and of an observation, at most.
        noise: whether observations may be noisy.
        orders: whether the order may differ from the identity.
        zeros: whether the prior may forbid a value.
    """
    prior = draw(priors(max_alphabet=max_alphabet, zeros=zeros))
    n_latents = draw(st.integers(1, min(max_latents, max_length)))
    functions: list[ObservationFunction] = []
    room = max_length - n_latents
    for _ in range(draw(st.integers(0, 2))):
        if room < 1:
            break
        functions.append(
            draw(
                observation_functions(
                    n_latents,
                    latent_alphabet=len(prior),
                    max_observations=room,
                    max_alphabet=max_alphabet,
                    noise=noise,
                )
            )
        )
        room -= len(functions[-1].scopes)
    order = draw(_orders(max_length - room)) if orders else None
    return LODistribution(prior, n_latents, tuple(functions), order)


def orders(length: int) -> SearchStrategy[Int64[np.ndarray, "L"]]:
    """Permutations of ``range(length)``; they shrink to the identity."""
    return st.permutations(range(length)).map(lambda p: np.array(p, dtype=np.int64))


_orders: Callable[[int], SearchStrategy[np.ndarray]] = orders  # the argument of `distributions` has the same name


def masks(batch: int, length: int) -> SearchStrategy[Bool[np.ndarray, "B L"]]:
    """Boolean masks, True where a token is hidden; they shrink to nothing hidden."""
    return hnp.arrays(np.bool_, (batch, length))


@st.composite
def sequences(draw: Draw, distribution: LODistribution, *, max_rows: int = 4) -> Int64[np.ndarray, "n L"]:
    """Sequences on the support: possible latents, honest observations, replaced only where there is noise."""
    n = draw(st.integers(1, max_rows))
    possible = np.flatnonzero(distribution.prior > 0.0).tolist()
    latents = draw(hnp.arrays(np.int64, (n, distribution.n_latents), elements=st.sampled_from(possible)))
    observations = distribution.observe(latents).astype(np.int64)
    at = 0
    for function in distribution.functions:
        block = observations[:, at : at + len(function.scopes)]
        block += draw(hnp.arrays(np.int64, block.shape, elements=_steps(function)))
        block %= function.alphabet
        at += len(function.scopes)
    return distribution.join(latents, observations).astype(np.int64)


def _steps(function: ObservationFunction) -> SearchStrategy[int]:
    """By how much a channel may move a value: not at all, anywhere, or, at rate 1, anywhere else."""
    return st.integers(0 if function.noise < 1.0 else 1, 0 if function.noise == 0.0 else function.alphabet - 1)


def arbitrary_sequences(
    distribution: LODistribution, *, max_rows: int = 4
) -> SearchStrategy[Integer[np.ndarray, "n L"]]:
    """Any tokens of ``range(vocabulary)``, mostly off the support."""
    tokens = st.integers(0, distribution.vocabulary - 1)
    return st.integers(1, max_rows).flatmap(lambda n: hnp.arrays(np.int64, (n, distribution.length), elements=tokens))
