"""Planted random slabs: directions are drawn *given* the latents, so satisfied ones alone may be shown (Def. B.6)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

import numpy as np
from jaxtyping import Float64, UInt8
from scipy.special import ndtri

from generators.ground.memory import check_memory
from generators.planted.constraints import Shown


@dataclass(frozen=True)
class SlabInstance:
    """One draw.

    Attributes:
        latents: (N,) hidden bits.
        directions: (P, N) of the visible observations.
        values: (P,) 1 where ``|<direction, 2 latents - 1>| < width sqrt(N)``; all 1 with ``shown="satisfied"``.
    """

    latents: UInt8[np.ndarray, "N"]
    directions: Float64[np.ndarray, "P N"]
    values: UInt8[np.ndarray, "P"]


@dataclass(frozen=True, kw_only=True)
class PlantedSlabs:
    """``round(density * N)`` visible observations of uniform bits through random slabs, with their values.

    The observation is that of :class:`~generators.observations.slab.RandomSlab`. With ``shown="both"`` directions are
    standard normal; with ``shown="satisfied"`` they are so given that their slab holds the latents, and the density
    counts those alone.

    Raises:
        ValueError: no latent, a negative density, a width that is not positive and finite, another ``shown``.
    """

    n_latents: int
    density: float
    width: float
    shown: Shown = "both"

    def __post_init__(self) -> None:
        """Check every number."""
        if self.n_latents < 1:
            raise ValueError(f"at least one latent is needed; got n_latents = {self.n_latents}.")
        if not (math.isfinite(self.density) and self.density >= 0):
            raise ValueError(f"the density P / N is finite and at least 0; got {self.density}.")
        if not (math.isfinite(self.width) and self.width > 0):
            raise ValueError(f"the width of a slab is positive and finite; got {self.width}.")
        if self.shown not in get_args(Shown):
            raise ValueError(f"shown must be one of {get_args(Shown)}; got {self.shown!r}.")

    @property
    def n_observations(self) -> int:
        """P."""
        return round(self.density * self.n_latents)

    def sample(self, rng: np.random.Generator) -> SlabInstance:
        """Draw latents, then directions; a satisfied one has its component along the latents from a truncated normal.

        Raises:
            ValueError: memory does not do for P N numbers.
        Cost: O(P N), one product of the directions with the latents.
        """
        check_memory(
            16 * self.n_observations * self.n_latents,
            what=f"{self.n_observations} directions over {self.n_latents} latents",
            advice="Lower n_latents or the density.",
        )
        latents = rng.integers(2, size=self.n_latents, dtype=np.uint8)
        directions = rng.standard_normal((self.n_observations, self.n_latents))
        unit = (2.0 * latents - 1.0) / math.sqrt(self.n_latents)
        along = directions @ unit  # standard normal, independent of the rest of a direction
        if self.shown == "both":
            return SlabInstance(latents, directions, (np.abs(along) < self.width).astype(np.uint8))
        inside = _normal_within(self.width, self.n_observations, rng)
        directions += np.outer(inside - along, unit)
        return SlabInstance(latents, directions, np.ones(self.n_observations, dtype=np.uint8))

    def without_teacher(self, instance: SlabInstance, rng: np.random.Generator) -> SlabInstance:
        """The same values with fresh directions: they say nothing about the latents. The control of every recovery."""
        return SlabInstance(instance.latents, rng.standard_normal(instance.directions.shape), instance.values)


def _normal_within(width: float, n: int, rng: np.random.Generator) -> Float64[np.ndarray, "n"]:
    """Standard normals given an absolute value below ``width``, by inversion."""
    rate = math.erf(width / math.sqrt(2))
    return np.clip(ndtri(0.5 + rate * (rng.random(n) - 0.5)), -width, width)
