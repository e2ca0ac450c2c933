"""Noise: any observation function through a symmetric channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Integer

from generators.ground.codec import strict_fields
from generators.observations.function import ObservationFunction, freeze


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

    def to_json(self) -> dict[str, Any]:
        """Kind, rate and base."""
        return {"kind": "noisy", "noise": self.noise, "base": self.base.to_json()}

    @classmethod
    def from_json(cls, form: dict[str, Any], read: Callable[[dict[str, Any]], ObservationFunction]) -> Noisy:
        """Inverse of :meth:`to_json`; ``read`` takes the form of the base. ValueError on unknown or missing fields."""
        strict_fields(form, {"kind", "noise", "base"}, what="noisy function")
        if isinstance(form["noise"], bool) or not isinstance(form["noise"], int | float):
            raise ValueError(f"the noise rate of a noisy function is a number; got {form['noise']!r}.")
        return cls(read(form["base"]), float(form["noise"]))
