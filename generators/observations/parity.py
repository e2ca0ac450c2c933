"""Parities of scopes of any width: sums over GF(2), without a truth table."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int64, Integer, UInt8

from generators.ground.codec import array_to_json, integers_from_json
from generators.ground.forms import ArrayForm, Form, read_form
from generators.observations import named_tables as named
from generators.observations.function import MAX_BIT_ARITY, ObservationFunction, freeze
from generators.observations.scopes import check_scopes


class _Form(Form, frozen=True):
    kind: str
    scopes: ArrayForm


@dataclass(frozen=True, eq=False)
class Parity(ObservationFunction):
    """Observation j is the XOR of the latent bits ``scopes[j]``: 1 if an odd number of them is 1.

    Where scopes are narrow a :class:`Predicate` with the table ``named_tables.parity`` is the same; a table stops at 20
    latents, this at N.

    Args:
        scopes: (P, k) distinct latents per row, at least one.
    Raises:
        ValueError: scopes of another shape, or a row that names a latent twice.
    Cost: O(P k) per sample.
    """

    scopes: Integer[np.ndarray, "P k"]
    alphabet: int = field(init=False, default=2)
    latent_alphabet: int = field(init=False, default=2)

    def __post_init__(self) -> None:
        """Check the scopes and freeze them."""
        scopes = np.array(self.scopes)
        if scopes.ndim != 2 or scopes.shape[1] < 1:
            raise ValueError(f"scopes of parities must have shape (P, k) with k >= 1; got {scopes.shape}.")
        check_scopes(scopes, int(scopes.max(initial=0)) + scopes.shape[1])
        freeze(self, scopes=scopes.astype(np.int64))

    def evaluate(self, columns: Integer[np.ndarray, "N n"]) -> UInt8[np.ndarray, "P n"]:
        """Parities of all scopes."""
        bits = columns.astype(np.uint8, copy=False)
        out = bits[self.scopes[:, 0]]
        for latents in self.scopes.T[1:]:
            out ^= bits[latents]
        return out

    @cached_property
    def bit_tables(self) -> tuple[UInt8[np.ndarray, "P t"], Int64[np.ndarray, "P k"]] | None:
        """The table of a narrow parity, for every scope."""
        count, arity = self.scopes.shape
        if arity > MAX_BIT_ARITY:
            return None
        return np.tile(named.parity(arity=arity).ravel(), (count, 1)), self.scopes

    def to_json(self) -> dict[str, Any]:
        """Kind and scopes."""
        return {"kind": "parity", "scopes": array_to_json(self.scopes)}

    @classmethod
    def from_json(cls, form: Any) -> Parity:
        """Inverse of :meth:`to_json`; ValueError on unknown or missing fields, and on values of another type."""
        read = read_form(form, _Form, what="parity")
        return cls(integers_from_json(read.scopes, what="scopes", axes=2))
