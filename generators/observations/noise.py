"""Noise: any observation function through a symmetric channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from jaxtyping import Int64, Integer, UInt8
from msgspec import Meta

from generators.ground.forms import Form, read_form
from generators.observations.function import ObservationFunction, freeze

_MAX_NESTING = 16  # a noiseless Noisy may stand in another one; nobody needs two


class _Form(Form, frozen=True):
    kind: str
    noise: Annotated[float, Meta(ge=0.0, le=1.0)]
    base: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Noisy(ObservationFunction):
    """``base`` seen through a symmetric channel: with probability ``noise`` the value is replaced by another one.

    The replacement is uniform over the ``alphabet - 1`` other values; for bits it is the flip of noisy parities
    (Example B.1: mass 1 - eta on the true value, eta on the other). Given the latents, observations are independent.

    Raises:
        ValueError: a rate outside [0, 1], or a base that is noisy itself.
    """

    base: ObservationFunction
    noise: float
    scopes: Integer[np.ndarray, "P k"] = field(init=False)
    alphabet: int = field(init=False)
    latent_alphabet: int = field(init=False)

    def __post_init__(self) -> None:
        """Check the rate and take the shape of the base."""
        if not 0.0 <= self.noise <= 1.0:
            raise ValueError(f"the noise rate is a probability in [0, 1]; got {self.noise}.")
        if self.base.noise:
            raise ValueError(f"the base already has noise {self.base.noise}; combine the two rates into one Noisy.")
        freeze(self, scopes=self.base.scopes, alphabet=self.base.alphabet, latent_alphabet=self.base.latent_alphabet)

    def evaluate(self, columns: Integer[np.ndarray, "N n"]) -> Integer[np.ndarray, "P n"]:
        """Noiseless values of the base; the distribution adds the noise."""
        return self.base.evaluate(columns)

    @cached_property
    def bit_tables(self) -> tuple[UInt8[np.ndarray, "P t"], Int64[np.ndarray, "P k"]] | None:
        """Those of the base."""
        return self.base.bit_tables

    def to_json(self) -> dict[str, Any]:
        """Kind, rate and base."""
        return {"kind": "noisy", "noise": self.noise, "base": self.base.to_json()}

    @classmethod
    def from_json(cls, form: Any, read: Callable[[dict[str, Any]], ObservationFunction]) -> Noisy:
        """Inverse of :meth:`to_json`; ``read`` takes the form of the base.

        Raises:
            ValueError: unknown or missing fields, a rate that is no number in [0, 1], more than 16 of them inside one
                another.
        """
        inner: Any = form
        for depth in range(_MAX_NESTING + 1):
            if not isinstance(inner, dict) or inner.get("kind") != "noisy":
                break
            if depth == _MAX_NESTING:
                raise ValueError(f"noisy functions nest at most {_MAX_NESTING} deep; write one with all of the noise.")
            inner = inner.get("base")
        fields = read_form(form, _Form, what="noisy function")
        return cls(read(fields.base), fields.noise)
