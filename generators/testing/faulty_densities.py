"""Faults between ``sample`` and ``log_prob``: laws that are nearly right, and calls that leave traces."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from generators.distribution import LODistribution
from generators.observations.noise import Noisy
from generators.testing.altered import Fault, bare, conditionals, reweighted, with_latents


def _rate(rate: float) -> Callable[[LODistribution], dict[str, Any]]:
    return with_latents(lambda n, rng, base: (rng.random((n, base.n_latents)) < rate).astype(np.int64))


def _off(constant: float) -> Callable[[LODistribution], dict[str, Any]]:
    return reweighted(lambda values, _: values + constant)


def _noise(rate: float) -> Callable[[LODistribution], dict[str, Any]]:
    """The sampler's noise; ``log_prob`` keeps its own."""

    def other(base: LODistribution) -> dict[str, Any]:
        sharp, noisy = base.functions
        assert isinstance(noisy, Noisy)
        return {"sample": replace(base, functions=(sharp, Noisy(noisy.base, rate))).sample}

    return other


def _tempered(base: LODistribution) -> dict[str, Any]:
    """Right where all sequences are equally likely, and else a little too sharp; the sum is kept right."""
    likely, rare = 0.82, 0.18

    def log_prob(x: Any) -> np.ndarray:
        latents, seen = base.split(np.asarray(x))
        wrong = (base.observe(latents) != seen)[:, base.noise > 0]
        kept = np.isfinite(base.log_prob(x))
        value = -base.n_latents * np.log(2) + np.where(wrong, np.log(rare), np.log(likely)).sum(axis=1)
        return np.where(kept, value, -np.inf)

    return {"log_prob": log_prob}


def _in_its_own_type(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    short = (x[:, :4] * x.dtype.type(100)).sum(axis=1, dtype=x.dtype)
    return np.where(short == 100 * x[:, :4].sum(axis=1, dtype=np.int64), values, -np.inf)


def _clearing(base: LODistribution) -> dict[str, Any]:
    def log_prob(x: np.ndarray) -> np.ndarray:
        values = base.log_prob(x)
        x[:] = 0
        return values

    return {"log_prob": log_prob}


def _one_buffer(base: LODistribution) -> dict[str, Any]:
    buffer: dict[int, np.ndarray] = {}

    def sample(n: int, rng: np.random.Generator) -> np.ndarray:
        rows = base.sample(n, rng)
        kept = buffer.setdefault(n, rows)
        kept[:] = rows
        return kept

    return {"sample": sample}


def _counting_questions(base: LODistribution) -> dict[str, Any]:
    asked = [0]

    def log_prob(x: Any) -> np.ndarray:
        asked[0] += 1
        return base.log_prob(x)

    def sample(n: int, rng: np.random.Generator) -> np.ndarray:
        return base.rows(int(rng.integers(2**31)) + asked[0], 0, n)

    return {"sample": sample, "log_prob": log_prob}


def _one_before(base: LODistribution) -> dict[str, Any]:
    right = conditionals(base)
    return {"log_conditional": lambda x, position, given: right(x, position, given[-1:])}


def _unnormalised(base: LODistribution) -> dict[str, Any]:
    right = conditionals(base)
    return {"log_conditional": lambda x, position, given: np.maximum(right(x, position, given), np.log(0.001))}


def _pool(base: LODistribution) -> dict[str, Any]:
    pool = functools.cache(lambda: base.rows(0, 0, 100_000))
    return {"sample": lambda n, rng: pool()[rng.integers(0, 100_000, n)]}


DENSITIES: tuple[Fault, ...] = (
    ("latent_frequencies", "every latent is 1 with probability 0.52", _rate(0.52)),
    ("log_prob_agrees", "log_prob is 0.01 too high", _off(0.01)),
    ("log_prob_agrees", "log_prob is 0.01 too low", _off(-0.01)),
    ("log_prob_agrees", "log_prob takes the noise for 0.18", _tempered),
    ("integer_types", "log_prob adds in the type of the tokens", reweighted(_in_its_own_type)),
    ("calls_interleave", "log_prob clears its argument", _clearing),
    ("calls_interleave", "sample returns one buffer again and again", _one_buffer),
    ("calls_interleave", "log_prob moves the sampler on", _counting_questions),
    ("chain_rule", "a conditional sees the token before and no other", _one_before),
    ("chain_rule", "conditionals give impossible tokens 0.001", _unnormalised),
)
"""Of a distribution that promises everything."""

BARE_DENSITIES: tuple[Fault, ...] = (
    ("sample_frequencies", "bare: every latent is 1 with probability 0.52", _rate(0.52)),
    ("log_prob_sums_to_one", "bare: log_prob is 0.01 too high", _off(0.01)),
    ("log_prob_sums_to_one", "bare: log_prob is 0.01 too low", _off(-0.01)),
    ("sample_frequencies", "bare: log_prob takes the noise for 0.18", _tempered),
    ("single_changes", "bare: noise of rate 0.3 where log_prob says 0.2", _noise(0.3)),
)
"""Of a distribution that offers two methods and promises nothing."""


def _wide(change: Callable[[LODistribution], dict[str, Any]], *kept: str) -> Callable[[LODistribution], dict[str, Any]]:
    return lambda base: {**bare(*kept), **change(base)}


_LATENTS = ("n_latents", "prior", "observe", "order")

WIDE: tuple[Fault, ...] = (
    ("log_prob_sums_to_one", "wide, with latents and observe: log_prob is 0.01 too high", _wide(_off(0.01), *_LATENTS)),
    ("entropy", "wide, with entropy: log_prob is 0.01 too high", _wide(_off(0.01), "vocabulary", "entropy")),
    ("entropy", "wide, with entropy: log_prob is 0.01 too low", _wide(_off(-0.01), "vocabulary", "entropy")),
    (
        "latent_frequencies",
        "wide, with latents: they are 1 with probability 0.52",
        _wide(_rate(0.52), "n_latents", "prior"),
    ),
    ("collisions", "wide and bare: latents are 1 with probability 0.55", _wide(_rate(0.55))),
    ("collisions", "wide and bare: log_prob is 0.15 too high", _wide(_off(0.15))),
    ("collisions", "wide and bare: rows come from a pool of 100,000", _wide(_pool)),
)
"""Of 20 latents and 40 observations."""
