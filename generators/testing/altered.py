"""Sound generators, and the wrapper that takes one of their promises or replaces it by a false one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from generators.distribution import LODistribution
from generators.families import nae_sat
from generators.observations.named_tables import nae, parity
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.observations.scopes import random_scopes

Fault = tuple[str, str, Callable[[LODistribution], dict[str, Any]]]
"""Name of the invariant, what is wrong in words, and from a sound distribution what replaces its attributes."""

PROMISED = ("length", "vocabulary", "alphabets", "order", "n_latents", "prior", "observe", "noise", "rows", "entropy")
"""What a distribution promises beside its two methods, its JSON form aside."""


class Altered:
    """A distribution of which some attributes are replaced; the others are its own."""

    def __init__(self, base: LODistribution, **replaced: Any) -> None:
        """Keep the base and what replaces its attributes."""
        self._base, self._replaced = base, replaced

    def __getattr__(self, name: str) -> Any:
        """A replaced attribute, else the one of the base."""
        replaced = self.__dict__.get("_replaced", {})
        return replaced[name] if name in replaced else getattr(self.__dict__["_base"], name)

    def sample(self, n: int, rng: np.random.Generator) -> Any:
        """As the base, unless replaced."""
        return self._replaced.get("sample", self._base.sample)(n, rng)

    def log_prob(self, x: Any) -> Any:
        """As the base, unless replaced."""
        return self._replaced.get("log_prob", self._base.log_prob)(x)


def sound_distribution() -> LODistribution:
    """The faultless distribution under all faults: 4 bits, 6 NAE observations, 2 noisy parities, an order."""
    return LODistribution(
        np.array([0.5, 0.5]),
        4,
        (
            Predicate(nae(arity=3), random_scopes(4, 6, arity=3, structure_seed=1)),
            Noisy(Predicate(parity(arity=2), random_scopes(4, 2, arity=2, structure_seed=2)), 0.2),
        ),
        np.random.default_rng(3).permutation(12),
    )


def bare(*kept: str) -> dict[str, None]:
    """What takes all promises but those ``kept`` away; ``sample`` and ``log_prob`` stay."""
    return dict.fromkeys(name for name in (*PROMISED, "fingerprint", "from_json") if name not in kept)


def wide_distribution() -> LODistribution:
    """20 latents and 40 observations without noise: more sequences than can be listed, as many latents as just can."""
    return nae_sat(20, 40, structure_seed=0)


def conditionals(base: LODistribution) -> Callable[[Any, int, tuple[int, ...]], Float[np.ndarray, "n"]]:
    """``log_conditional`` of a distribution that is small enough to enumerate: ratios of marginals."""

    @functools.cache
    def law() -> tuple[np.ndarray, np.ndarray]:
        states = np.indices(tuple(base.alphabets.tolist()), dtype=np.int64).reshape(base.length, -1).T
        values = base.log_prob(states)
        return states[np.isfinite(values)], np.exp(values[np.isfinite(values)])

    def marginal(x: Int64[np.ndarray, "n L"], positions: tuple[int, ...]) -> Float[np.ndarray, "n"]:
        states, weights = law()
        return (x[:, None, list(positions)] == states[:, list(positions)]).all(axis=2) @ weights

    def log_conditional(x: Any, position: int, given: tuple[int, ...]) -> Float[np.ndarray, "n"]:
        tokens = np.asarray(x, dtype=np.int64)
        with np.errstate(divide="ignore"):
            return np.log(marginal(tokens, (*given, position))) - np.log(marginal(tokens, given))

    return log_conditional


def relabelled(
    change: Callable[[np.ndarray, LODistribution], np.ndarray],
) -> Callable[[LODistribution], dict[str, Any]]:
    """The fault of a sampler that changes rows which were right."""
    return lambda base: {"sample": lambda n, rng: change(base.sample(n, rng).astype(np.int64), base)}


def reweighted(change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[[LODistribution], dict[str, Any]]:
    """The fault of a density that changes values which were right."""
    return lambda base: {"log_prob": lambda x: change(base.log_prob(x), np.asarray(x))}


def with_latents(
    draw: Callable[[int, np.random.Generator, LODistribution], np.ndarray],
) -> Callable[[LODistribution], dict[str, Any]]:
    """The fault of a sampler whose latents are drawn as they should not be; observations and noise are honest."""
    return lambda base: {"sample": lambda n, rng: as_told(base, draw(n, rng, base), rng)}


def as_told(base: LODistribution, latents: np.ndarray, rng: np.random.Generator, shared: bool = False) -> np.ndarray:
    """Rows with the given latents and honest observations; with ``shared`` noise hits all of a row or none."""
    draws = rng.random((len(latents), 1 if shared else base.n_observations))
    return base.join(latents, base.observe(latents) ^ (draws < base.noise))


def fair(n: int, rng: np.random.Generator, base: LODistribution) -> Int64[np.ndarray, "n N"]:
    """Latents as they should be, fair bits."""
    return rng.integers(0, 2, (n, base.n_latents))
