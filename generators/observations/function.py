"""What an observation is: a value that reads a scope of latents, perhaps through a noisy channel (Def. 3.1)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int64, Integer, UInt8, UInt64

from generators.ground.codec import fingerprint

MAX_BIT_ARITY = 6
"""Latents of an observation that is evaluated 64 samples at a time: its table has 64 entries at most."""
MAX_ALPHABET = 2**31
"""Values of an observation, at most: sixteen thousand times the vocabularies of language models."""


class ObservationFunction(ABC):
    """P observations of N latents as one value.

    Every concrete function is a frozen dataclass. Observation j reads the latents ``scopes[j]`` and yields
    ``evaluate(...)[j]``; a symmetric channel of rate ``noise`` then replaces that value by one of the other
    ``alphabet - 1`` values, uniformly (for bits: a flip). ``noise = 0`` is the deterministic case.

    Attributes:
        scopes: (P, k) the latents that each observation reads, distinct within a row.
        alphabet: number of values; an observation lies in ``range(alphabet)``.
        latent_alphabet: number of values of a latent, the m of the paper.
        noise: rate of the symmetric channel, in [0, 1].
    """

    scopes: Integer[np.ndarray, "P k"]
    alphabet: int
    latent_alphabet: int
    noise: float = 0.0

    @abstractmethod
    def evaluate(self, columns: Integer[np.ndarray, "N n"]) -> Integer[np.ndarray, "P n"]:
        """Noiseless values of all observations; one *column* per sample, so that a latent is contiguous in memory."""

    @cached_property
    def bit_tables(self) -> tuple[UInt8[np.ndarray, "P t"], Int64[np.ndarray, "P k"]] | None:
        """Truth tables over ``scopes``, flat in the order of ``np.ndindex``, (P, 2**k), and the scopes, (P, k).

        Only of bits that read at most six bits, and of functions that know their tables: they are then evaluated 64
        samples at a time. None for all others.
        """
        return None

    def evaluate_words(self, latents: UInt64[np.ndarray, "N W"], rows: int) -> UInt64[np.ndarray, "P W"]:
        """:meth:`evaluate` of bits from bits, both as column words (:mod:`generators.ground.bit_rows`).

        A default for every function; one that has a faster way to words may take it.
        """
        from generators.ground.bit_rows import columns_of_words, table_words, words_of_columns  # compiled kernels

        if self.bit_tables is not None:
            return table_words(*self.bit_tables, latents)
        return words_of_columns(self.evaluate(columns_of_words(latents, rows)))

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """JSON form with a ``kind``; ``generators.observations.kinds.function_from_json`` reads it back."""

    def __eq__(self, other: object) -> bool:
        """Two functions are equal when their JSON forms are."""
        return isinstance(other, ObservationFunction) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        """Hash of the JSON form."""
        return hash(fingerprint(self.to_json()))


def freeze(instance: object, **values: Any) -> None:
    """Set attributes of a frozen dataclass from its ``__post_init__``; arrays become read-only."""
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
        object.__setattr__(instance, name, value)


def channel_log_prob(
    values: Integer[np.ndarray, "P n"], noiseless: Integer[np.ndarray, "P n"], noise: float, alphabet: int
) -> Float[np.ndarray, "P n"]:
    """``log Q(y | z)`` of the symmetric channel in nats: ``values`` seen, ``noiseless`` sent; ``-inf`` is allowed."""
    with np.errstate(divide="ignore"):
        kept, replaced = np.log1p(-noise), np.log(noise) - np.log(alphabet - 1)
    inside = (values >= 0) & (values < alphabet)
    return np.where(inside, np.where(values == noiseless, kept, replaced), -np.inf)


def channel_entropy(noise: float, alphabet: int) -> float:
    """Entropy of one observation given the latents, ``H(Q(.|z))``, in nats: zero without noise."""
    kept = -(1.0 - noise) * math.log1p(-noise) if noise < 1.0 else 0.0
    replaced = -noise * (math.log(noise) - math.log(alphabet - 1)) if noise > 0.0 else 0.0
    return kept + replaced


def noiseless_tables(function: ObservationFunction, scope_limit: int = 2**20) -> list[np.ndarray]:
    """The truth table of every observation over its own scope: P arrays of shape ``(m,) * k``.

    This is what an exact posterior or belief propagation needs of a function, whatever the function is.

    Raises:
        ValueError: a table would have more than ``scope_limit`` entries.
    Cost: one evaluation of all P observations per entry of a table.
    """
    m, (count, k) = function.latent_alphabet, function.scopes.shape
    if k > scope_limit.bit_length() or m**k > scope_limit:
        entries = f" = {m**k}" if k * math.log2(m) < 100 else ""
        raise ValueError(
            f"an observation over a scope of {k} latents with {m} values has a table of {m}**{k}{entries} entries, "
            f"more than {scope_limit}; it is not a local factor. Use a method that only evaluates it forwards."
        )
    grid = np.indices((m,) * k, dtype=np.uint8 if m <= 256 else np.int64).reshape(k, m**k)
    tables = []
    n_latents = int(function.scopes.max(initial=-1)) + 1
    for j in range(count):
        columns = np.zeros((n_latents, m**k), dtype=grid.dtype)
        columns[function.scopes[j]] = grid
        tables.append(np.asarray(function.evaluate(columns)[j]).reshape((m,) * k))
    return tables
