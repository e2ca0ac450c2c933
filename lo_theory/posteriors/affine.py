"""Which observations are sums of latent bits over GF(2), and of which."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Integer, UInt8

from generators.observations.function import ObservationFunction
from generators.observations.parity import Parity
from lo_theory.posteriors.factors import observation_tables

AffineForm = tuple[UInt8[np.ndarray, "k"], int]
"""Coefficients of the latents of a scope, and the constant: the observation is their sum modulo 2, without noise."""


def affine_forms(function: ObservationFunction) -> Iterator[AffineForm | None]:
    """The form of every observation of latent bits, None where it is no sum of them.

    Raises:
        ValueError: an observation that is not called a parity and reads too many latents to be tabulated.
    """
    base = getattr(function, "base", function)
    if isinstance(base, Parity):
        yield from ((np.ones(len(scope), dtype=np.uint8), 0) for scope in base.scopes)
        return
    known: dict[int, AffineForm | None] = {}  # tables are shared by many observations
    for table in observation_tables(function):
        if id(table) not in known:
            known[id(table)] = affine_form(table)
        yield known[id(table)]


def affine_form(table: Integer[np.ndarray, "..."]) -> AffineForm | None:
    """Coefficients and constant of a truth table over bits that is affine over GF(2), else None."""
    if table.max() > 1:
        return None
    coefficients = np.zeros(table.ndim, dtype=np.uint8)
    rest = np.asarray(table)
    for axis in range(table.ndim):
        low, high = rest[0], rest[1]
        coefficients[axis] = low.flat[0] != high.flat[0]
        if ((low ^ high) != coefficients[axis]).any():
            return None
        rest = np.asarray(low)
    return coefficients, int(rest)
