"""The observations of a distribution of bits, sorted: sums over GF(2) of any width, and tables over few latents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

from generators.distribution import LODistribution
from generators.observations.function import ObservationFunction
from generators.observations.parity import Parity
from lo_theory.posteriors.affine import affine_forms
from lo_theory.posteriors.factors import LARGEST_SCOPE, observation_tables

_NARROW = 4  # latents of a noisy sum that is kept as a table
_NO_TABLE = 20  # latents of a scope above which nothing is tabulated


class Sum(NamedTuple):
    """A sum of latents modulo 2 as a form, flipped with probability ``noise``."""

    form: int
    noise: float
    latents: int
    """How many it adds."""


class Local(NamedTuple):
    """A table over few latents, seen through a symmetric channel."""

    scope: tuple[int, ...]
    table: Integer[np.ndarray, "..."]
    alphabet: int
    noise: float


def sorted_observations(distribution: LODistribution) -> list[Sum | Local]:
    """Every observation in its order.

    Raises:
        ValueError: latents that are no bits, or an observation of many latents that is no sum of them.
    """
    if distribution.alphabet != 2:
        raise ValueError(
            f"parities over GF(2) are of bits; these latents have {distribution.alphabet} values. "
            "Use EliminatedPosterior."
        )
    found: list[Sum | Local] = []
    for function in distribution.functions:
        found += _of_function(function, distribution.n_latents, len(found))
    return found


def _of_function(function: ObservationFunction, n: int, at: int) -> Iterator[Sum | Local]:
    wide = function.scopes.shape[1]
    base = getattr(function, "base", function)
    if wide > _NO_TABLE and not isinstance(base, Parity):
        raise ValueError(_refused(at, wide))
    forms = affine_forms(function)
    tables = None if isinstance(base, Parity) and wide > _NARROW else observation_tables(function)
    for j, (form, scope) in enumerate(zip(forms, function.scopes.tolist(), strict=True)):
        if form is not None and (function.noise == 0.0 or np.count_nonzero(form[0]) > _NARROW):
            added = [i for i, coefficient in zip(scope, form[0], strict=True) if coefficient]
            yield Sum(sum(1 << i for i in added) | form[1] << n, function.noise, len(added))
            continue
        table = None if tables is None else tables[j]
        if table is None or table.size > LARGEST_SCOPE:
            raise ValueError(_refused(at + j, wide))
        yield Local(tuple(scope), table, function.alphabet, function.noise)


def _refused(number: int, width: int) -> str:
    return (
        f"observation {number} reads {width} latents and is no parity of them; wider than 16 latents only parities are "
        "answered beside others. Use EnumeratedPosterior, with few latents."
    )
