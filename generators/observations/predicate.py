"""Predicates: one truth table over many scopes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from jaxtyping import Int64, Integer, UInt8, UInt64
from msgspec import Meta

from generators.ground.codec import array_to_json, integers_from_json
from generators.ground.forms import ArrayForm, Form, read_form
from generators.observations.function import MAX_ALPHABET, MAX_BIT_ARITY, ObservationFunction, freeze
from generators.observations.scopes import check_scopes


class _Form(Form, frozen=True):
    kind: str
    alphabet: Annotated[int, Meta(ge=2, le=MAX_ALPHABET)]
    table: ArrayForm
    scopes: ArrayForm


@dataclass(frozen=True, eq=False)
class Predicate(ObservationFunction):
    """Observation j is ``table[latents[scopes[j]]]`` (Example 3.2).

    Args:
        table: truth table of shape ``(m,) * k``, integers in ``range(alphabet)``; axis i is column i of a scope.
        scopes: (P, k) distinct latents per row.
        alphabet: number of values of an observation, 2 unless said otherwise.
    Raises:
        ValueError: axes of unequal size, m < 2, a scope of another arity than the table, an entry outside its alphabet.
    """

    table: Integer[np.ndarray, "..."]
    scopes: Integer[np.ndarray, "P k"]
    alphabet: int = 2
    latent_alphabet: int = field(init=False)

    def __post_init__(self) -> None:
        """Check the table against the scopes and freeze both."""
        table, scopes = np.array(self.table), np.array(self.scopes)
        check_table(table, self.alphabet)
        if scopes.ndim != 2 or scopes.shape[1] != table.ndim:
            raise ValueError(
                f"a table of {table.ndim} axes needs scopes of shape (P, {table.ndim}); got shape {scopes.shape}."
            )
        check_scopes(scopes, int(scopes.max(initial=0)) + scopes.shape[1])
        table = table.astype(np.min_scalar_type(self.alphabet - 1))
        freeze(self, table=table, scopes=scopes.astype(np.int64), latent_alphabet=table.shape[0])

    def evaluate(self, columns: Integer[np.ndarray, "N n"]) -> Integer[np.ndarray, "P n"]:
        """Values of all P observations; binary tables of small arity are evaluated 64 samples per machine word."""
        bits = self.alphabet == 2 and self.latent_alphabet == 2
        if bits and self.table.ndim <= MAX_BIT_ARITY:
            return _evaluate_bits(self.table, self.scopes, columns)
        return lookup(self.table, self.scopes, columns)

    @cached_property
    def bit_tables(self) -> tuple[UInt8[np.ndarray, "P t"], Int64[np.ndarray, "P k"]] | None:
        """The one table, for every scope."""
        if self.alphabet != 2 or self.latent_alphabet != 2 or self.table.ndim > MAX_BIT_ARITY:
            return None
        return np.tile(self.table.ravel(), (len(self.scopes), 1)), self.scopes

    def to_json(self) -> dict[str, Any]:
        """Kind, table, scopes and alphabet."""
        return {
            "kind": "predicate",
            "alphabet": self.alphabet,
            "table": array_to_json(self.table),
            "scopes": array_to_json(self.scopes),
        }

    @classmethod
    def from_json(cls, form: Any) -> Predicate:
        """Inverse of :meth:`to_json`; ValueError on unknown or missing fields, and on values of another type."""
        read = read_form(form, _Form, what="predicate")
        table = integers_from_json(read.table, what="a truth table")
        return cls(table, integers_from_json(read.scopes, what="scopes", axes=2), read.alphabet)


def check_table(table: np.ndarray, alphabet: int) -> None:
    """Raise ValueError unless ``table`` is a truth table ``(m,) * k`` with integer entries in ``range(alphabet)``."""
    if not np.issubdtype(table.dtype, np.integer):
        raise ValueError(f"a truth table holds integers; got dtype {table.dtype}. Cast it: table.astype(np.uint8).")
    if table.ndim < 1 or len(set(table.shape)) != 1 or table.shape[0] < 2:
        raise ValueError(
            f"a truth table has shape (m, m, ..., m), one axis per latent, m >= 2; got {table.shape}. "
            "A flat table of m**k entries must be reshaped: table.reshape((m,) * k)."
        )
    if not 2 <= alphabet <= MAX_ALPHABET:
        bound = "at least 2" if alphabet < 2 else f"at most {MAX_ALPHABET}"
        raise ValueError(f"an observation needs an alphabet of {bound} values; got {alphabet}.")
    outside = np.argwhere((table < 0) | (table >= alphabet))
    if outside.size:
        at = tuple(int(i) for i in outside[0])
        raise ValueError(f"table{list(at)} = {table[at]} lies outside range({alphabet}), the observation's alphabet.")


def lookup(
    table: Integer[np.ndarray, "..."], scopes: Integer[np.ndarray, "P k"], columns: Integer[np.ndarray, "N n"]
) -> Integer[np.ndarray, "P n"]:
    """``table[columns[scopes]]`` by one flat index per sample, Horner's rule along the scope."""
    m = table.shape[0]
    wide = np.uint16 if table.size <= 2**16 else np.int64
    index = columns[scopes[:, 0]].astype(wide)
    for axis in range(1, scopes.shape[1]):
        index *= index.dtype.type(m)
        index += columns[scopes[:, axis]].astype(wide, copy=False)
    return table.ravel()[index]


def _evaluate_bits(
    table: UInt8[np.ndarray, "..."], scopes: Integer[np.ndarray, "P k"], columns: Integer[np.ndarray, "N n"]
) -> UInt8[np.ndarray, "P n"]:
    samples = columns.shape[1]
    packed = np.packbits(columns.astype(np.uint8, copy=False), axis=1)
    padded = np.zeros((len(packed), -(-packed.shape[1] // 8) * 8), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    words = padded.view(np.uint64)  # (N, ceil(n / 64))
    value = _polynomial(_algebraic_normal_form(table), [words[scope] for scope in scopes.T])
    if value is None:
        return np.zeros((len(scopes), samples), dtype=np.uint8)
    if isinstance(value, bool):
        return np.ones((len(scopes), samples), dtype=np.uint8)
    return np.unpackbits(value.view(np.uint8), axis=1, count=samples)


def _algebraic_normal_form(table: UInt8[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    """Coefficients over GF(2): the table is the XOR of the monomials whose coefficient is 1 (Moebius transform)."""
    form = table.copy()
    for axis in range(table.ndim):
        low, high = (tuple(bit if a == axis else slice(None) for a in range(table.ndim)) for bit in (0, 1))
        form[high] ^= form[low]
    return form


def _polynomial(form: np.ndarray, inputs: list[UInt64[np.ndarray, "P w"]]) -> UInt64[np.ndarray, "P w"] | bool | None:
    """Evaluate ``form`` by splitting off the first variable: f = low XOR (x AND high). None is 0, True is 1."""
    if not form.any():
        return None
    if not inputs:
        return True
    low, high = _polynomial(form[0, ...], inputs[1:]), _polynomial(form[1, ...], inputs[1:])
    term = inputs[0] if high is True else None if high is None else inputs[0] & high
    if term is None or low is None:
        return low if term is None else term
    return ~term if low is True else term ^ low
