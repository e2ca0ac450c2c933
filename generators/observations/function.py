"""What an observation is: a value that reads a scope of latents, perhaps through a noisy channel (Def. 3.1)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from generators.ground.codec import fingerprint


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
    if m**k > scope_limit:
        raise ValueError(
            f"an observation over a scope of {k} latents with {m} values has a table of {m}**{k} = {m**k} entries, "
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
