"""Faults between rows: copies, complements, antithetic rows, and samplers that remember what they should not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from generators.distribution import LODistribution
from generators.testing.altered import Fault, as_told, fair, relabelled, with_latents

Latents = Callable[[int, np.random.Generator, LODistribution], np.ndarray]


def _copy(rows: np.ndarray, base: LODistribution) -> np.ndarray:
    rows[1::2] = rows[: len(rows) // 2 * 2 : 2]
    return rows


def _complement(n: int, rng: np.random.Generator, base: LODistribution) -> np.ndarray:
    latents = fair(n, rng, base)
    latents[1::2] = 1 - latents[: n // 2 * 2 : 2]
    return latents


def _antithetic(n: int, rng: np.random.Generator, base: LODistribution) -> np.ndarray:
    latents, half = fair(n, rng, base), n // 2
    latents[half : 2 * half] = 1 - latents[:half]
    return latents


def _mirrored(n: int, rng: np.random.Generator, base: LODistribution) -> np.ndarray:
    latents, half = fair(n, rng, base), n // 2
    latents[n - half :] = latents[:half][::-1]
    return latents


def _two_before(n: int, rng: np.random.Generator, base: LODistribution) -> np.ndarray:
    latents = fair(n, rng, base)
    taken = np.flatnonzero((np.arange(n) >= 2) & (np.arange(n) % 4 >= 2) & (rng.random(n) < 0.3))
    latents[taken, 0] = latents[taken - 2, 0]
    return latents


def _even(n: int, rng: np.random.Generator, base: LODistribution) -> np.ndarray:
    latents = fair(n, rng, base)
    latents[2::2] = latents[1 : n - 1 : 2]
    return latents


def _coin(n: int, rng: np.random.Generator, base: LODistribution) -> np.ndarray:
    latents = fair(n, rng, base)
    latents[1::2] = latents[: n // 2 * 2 : 2] ^ rng.integers(0, 2, (n // 2, 1))
    return latents


def _alternating(n: int, rng: np.random.Generator, base: LODistribution) -> np.ndarray:
    latents = fair(n, rng, base)
    latents[:, 0] = (np.arange(n) + rng.integers(2)) % 2
    return latents


def _even_and_odd(n: int, rng: np.random.Generator, base: LODistribution) -> np.ndarray:
    rates = np.where(np.arange(n) % 2 == 0, 0.45, 0.55)
    return (rng.random((n, base.n_latents)) < rates[:, None]).astype(np.int64)


def _drift(n: int, rng: np.random.Generator, base: LODistribution) -> np.ndarray:
    rates = np.linspace(0.4, 0.6, n)
    return (rng.random((n, base.n_latents)) < rates[:, None]).astype(np.int64)


def _sorted(rows: np.ndarray, base: LODistribution) -> np.ndarray:
    return rows[np.lexsort(rows.T[::-1])]


def _first_row_fixed(n: int, rng: np.random.Generator, base: LODistribution) -> np.ndarray:
    latents = fair(n, rng, base)
    latents[:1] = 1
    return latents


def _shared_latent(n: int, rng: np.random.Generator, base: LODistribution) -> np.ndarray:
    latents = fair(n, rng, base)
    latents[:, 0] = np.random.default_rng(0).integers(0, 2, n)
    return latents


def _seed_not_state(base: LODistribution) -> dict[str, Any]:
    """A Generator's seed stays what it was; its state moves on."""

    def sample(n: int, rng: np.random.Generator) -> np.ndarray:
        return base.sample(n, np.random.default_rng(rng.bit_generator.seed_seq))  # type: ignore[attr-defined]

    return {"sample": sample}


def _few_seeds(base: LODistribution) -> dict[str, Any]:
    return {"sample": lambda n, rng: base.sample(n, np.random.default_rng(int(rng.integers(16))))}


def _skewed_stream(base: LODistribution) -> dict[str, Any]:
    def rows(seed: int, start: int, stop: int) -> np.ndarray:
        rng = np.random.default_rng([seed, 1])
        latents = (rng.random((stop, base.n_latents)) < 0.55).astype(np.int64)
        return as_told(base, latents, np.random.default_rng([seed, 2]))[start:]

    return {"rows": rows}


def _repeating_stream(base: LODistribution) -> dict[str, Any]:
    return {"rows": lambda seed, start, stop: base.rows(seed, 0, 64)[np.arange(start, stop) % 64]}


def _one_stream(base: LODistribution) -> dict[str, Any]:
    return {"rows": lambda seed, start, stop: base.rows(0, start, stop)}


_DEPENDENT: tuple[tuple[str, Callable[[LODistribution], dict[str, Any]]], ...] = (
    ("odd rows copy the row before", relabelled(_copy)),
    ("odd rows have the complement of the latents before", with_latents(_complement)),
    ("antithetic rows: the second half has the complement of the first half's latents", with_latents(_antithetic)),
    ("rows at the end mirror those at the beginning", with_latents(_mirrored)),
    ("a latent is that of two rows before in some rows", with_latents(_two_before)),
    ("even rows copy the latents before", with_latents(_even)),
    ("odd rows copy or complement the latents before, by the fall of a coin", with_latents(_coin)),
    ("a latent alternates from row to row", with_latents(_alternating)),
)

ROWS: tuple[Fault, ...] = (
    *(("rows_independent", fault, replace_by) for fault, replace_by in _DEPENDENT),
    ("row_index", "latents are 1 with probability 0.45 in even rows, 0.55 in odd ones", with_latents(_even_and_odd)),
    ("row_index", "latents drift from probability 0.4 to 0.6 within a sample", with_latents(_drift)),
    ("row_index", "rows come sorted", relabelled(_sorted)),
    ("calls_independent", "a second call with one rng repeats the first", _seed_not_state),
    ("calls_independent", "the first row of every call is fixed", with_latents(_first_row_fixed)),
    ("seeds_independent", "there are only 16 seeds", _few_seeds),
    ("seeds_independent", "a latent of every row is the same for every seed", with_latents(_shared_latent)),
    ("stream_law", "the stream has latents of probability 0.55", _skewed_stream),
    ("stream_law", "the stream repeats after 64 rows", _repeating_stream),
    ("stream_law", "every seed has the same stream", _one_stream),
)
"""Of a distribution that promises everything."""

BARE_ROWS: tuple[Fault, ...] = (
    *(("rows_independent", f"bare: {fault}", replace_by) for fault, replace_by in _DEPENDENT),
    ("row_index", "bare: rows come sorted", relabelled(_sorted)),
    ("calls_independent", "bare: a second call with one rng repeats the first", _seed_not_state),
    ("seeds_independent", "bare: there are only 16 seeds", _few_seeds),
)
"""Of a distribution that offers two methods and promises nothing."""
