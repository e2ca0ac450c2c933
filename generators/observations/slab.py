"""Random slabs: is the latent vector nearly orthogonal to a Gaussian direction? (Example B.4)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Integer, UInt8

from generators.ground.codec import array_from_json, array_to_json
from generators.ground.draws import structure_rng
from generators.ground.forms import ArrayForm, Form, read_form
from generators.ground.memory import check_memory
from generators.observations.function import ObservationFunction, freeze

_GRID = 2.0**-32
_LARGEST_NORM = 2.0**20  # of a direction, in the sum of absolute values: multiples of the grid below it add exactly
_SLAB_TAG = 0x51AB


class _Form(Form, frozen=True):
    kind: str
    directions: ArrayForm
    width: float


@dataclass(frozen=True, eq=False)
class RandomSlab(ObservationFunction):
    """Observation j is 1 iff ``|<z_j, 2x - 1>| < width * sqrt(N)`` for binary latents x (Example B.4).

    Directions are rounded to multiples of 2**-32. Their sums are then exact in float64 in any order of summation, so a
    value depends neither on the batch nor on the machine; for Gaussian entries the rounding is far below their spread.

    As with every predicate that shows both of its values, an observation 0 (outside the slab) is information too: the
    reduction behind Prop. B.5 speaks of the visible ones only.

    Args:
        directions: (P, N) float64, one direction per observation, entries of order 1.
        width: beta, half the width of the slab in units of sqrt(N); a Gaussian direction gives 1 with probability
            about ``erf(beta / sqrt(2))``.
    Raises:
        ValueError: directions of another shape, not finite, too large to be summed exactly or zero on the grid; a width
            that is not positive and finite.
    Cost: O(P N) per sample, one matrix product.
    """

    directions: Float[np.ndarray, "P N"]
    width: float
    scopes: Integer[np.ndarray, "P N"] = field(init=False, repr=False)
    alphabet: int = field(init=False, default=2)
    latent_alphabet: int = field(init=False, default=2)

    def __post_init__(self) -> None:
        """Round the directions to the grid, check both parts and freeze them."""
        directions = np.array(self.directions, dtype=np.float64)
        if directions.ndim != 2 or directions.shape[1] < 1:
            raise ValueError(f"directions must have shape (P, N) with N >= 1; got {directions.shape}.")
        _check_directions(directions)
        if not (math.isfinite(self.width) and self.width > 0):
            raise ValueError(f"the width of a slab is positive and finite; got {self.width}.")
        scopes = np.tile(np.arange(directions.shape[1], dtype=np.int64), (len(directions), 1))
        freeze(self, directions=np.round(directions / _GRID) * _GRID, width=float(self.width), scopes=scopes)

    @property
    def n_latents(self) -> int:
        """N: a direction has one entry per latent."""
        return self.directions.shape[1]

    def evaluate(self, columns: Integer[np.ndarray, "N n"]) -> UInt8[np.ndarray, "P n"]:
        """1 inside the slab, 0 outside; latents beyond the N of the directions are not read."""
        spins = 2.0 * columns[: self.n_latents] - 1.0
        inside = np.abs(self.directions @ spins) < self.width * math.sqrt(self.n_latents)
        return inside.astype(np.uint8)

    def to_json(self) -> dict[str, Any]:
        """Kind, directions (exact bytes) and width."""
        return {"kind": "random_slab", "directions": array_to_json(self.directions), "width": self.width}

    @classmethod
    def from_json(cls, form: Any) -> RandomSlab:
        """Inverse of :meth:`to_json`; ValueError on unknown or missing fields, and on values of another type."""
        read = read_form(form, _Form, what="random slab")
        return cls(array_from_json(read.directions, axes=2).astype(np.float64), read.width)


def gaussian_directions(n_latents: int, n_observations: int, *, structure_seed: int) -> Float[np.ndarray, "P N"]:
    """Independent standard normal directions ``z_j ~ N(0, I_N)``, (P, N).

    Raises:
        ValueError: they would not fit into memory.
    """
    check_memory(
        8 * n_observations * n_latents,
        what=f"{n_observations} directions over {n_latents} latents",
        advice="Ask for fewer of either.",
    )
    return structure_rng(structure_seed, _SLAB_TAG).standard_normal((n_observations, n_latents))


def _check_directions(directions: Float[np.ndarray, "P N"]) -> None:
    if not np.isfinite(directions).all():
        row, column = np.argwhere(~np.isfinite(directions))[0]
        raise ValueError(f"directions must be finite; directions[{row}, {column}] = {directions[row, column]}.")
    size = np.abs(directions).sum(axis=1)
    if (size >= _LARGEST_NORM).any():
        row = int(np.argmax(size))
        raise ValueError(
            f"the absolute values of directions[{row}] sum to {size[row]:.3g}, more than {_LARGEST_NORM:.0f}; "
            "divide the directions and the width by one factor."
        )
    if (np.abs(directions).max(axis=1, initial=0.0) < _GRID / 2).any():
        row = int(np.argmin(size))
        raise ValueError(
            f"directions[{row}] is zero on the grid of 2**-32 to which directions are rounded; "
            "multiply the directions and the width by one factor."
        )
