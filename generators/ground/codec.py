"""JSON forms: strict about fields, exact about numbers."""

from __future__ import annotations

import base64
import difflib
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np


def strict_fields(
    form: Mapping[str, Any], required: set[str], *, optional: frozenset[str] = frozenset(), what: str
) -> None:
    """Raise ValueError unless ``form`` is a mapping with exactly the required and perhaps some optional fields."""
    if not isinstance(form, Mapping):
        raise ValueError(f"the JSON form of a {what} is an object; got {type(form).__name__} {str(form)[:60]!r}.")
    unknown = sorted(set(form) - required - optional)
    if unknown:
        near = difflib.get_close_matches(unknown[0], sorted(required | optional), n=1, cutoff=0.0)
        raise ValueError(f"{what} has an unknown field {unknown[0]!r}; the nearest known one is {near[0]!r}.")
    missing = sorted(required - set(form))
    if missing:
        raise ValueError(f"{what} lacks the field {missing[0]!r}; it needs {sorted(required)}.")


def array_to_json(array: np.ndarray) -> dict[str, Any] | list[Any]:
    """Small integer arrays become nested lists that a person can read; anything else base64 of its exact bytes."""
    if np.issubdtype(array.dtype, np.integer) and array.size <= 10_000 and array.size:
        return array.tolist()
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
    return {
        "dtype": little.dtype.str,
        "shape": list(array.shape),
        "base64": base64.b64encode(little.tobytes()).decode("ascii"),
    }


def array_from_json(form: dict[str, Any] | list[Any]) -> np.ndarray:
    """Inverse of :func:`array_to_json`; integer lists come back as int64.

    Raises:
        ValueError: ragged or non-integer lists, a byte string that does not fill the shape, a dtype that is no number.
    """
    if isinstance(form, list):
        try:
            array = np.array(form)
        except ValueError as error:
            raise ValueError(f"an array must be rectangular; got {str(form)[:60]}... ({error}).") from error
        if not np.issubdtype(array.dtype, np.integer):
            raise ValueError(f"an array given as lists must hold integers; got {str(form)[:60]} ({array.dtype}).")
        return array.astype(np.int64)
    strict_fields(form, {"dtype", "shape", "base64"}, what="array")
    if form["dtype"] not in {"<f8", "|u1", "<u2", "<u4", "<u8", "<i8"}:
        raise ValueError(f"an array of dtype {form['dtype']!r} is not supported; use float64 or an integer type.")
    try:
        flat = np.frombuffer(base64.b64decode(form["base64"], validate=True), dtype=form["dtype"])
        return flat.reshape(form["shape"]).astype(flat.dtype.newbyteorder("="))
    except (ValueError, TypeError) as error:
        raise ValueError(f"the bytes of an array do not fill its shape {form['shape']}: {error}.") from error


SEAL = "digest"
"""The field of a sealed object that covers all others."""


def seal(form: Mapping[str, Any]) -> dict[str, Any]:
    """``form`` with a field ``digest``: SHA-256 over the canonical JSON of all other fields."""
    plain = {name: value for name, value in form.items() if name != SEAL}
    return plain | {SEAL: _digest(plain)}


def unseal(form: Mapping[str, Any], *, what: str) -> tuple[dict[str, Any], bool]:
    """The other fields of a sealed object, and whether there was a seal; files of before have none.

    Raises:
        ValueError: the seal does not belong to the other fields: one of them was changed.
    """
    plain = {name: value for name, value in form.items() if name != SEAL}
    if SEAL in form and form[SEAL] != _digest(plain):
        raise ValueError(f"{what} is damaged or was edited: its digest is not that of its other fields.")
    return plain, SEAL in form


def fingerprint(form: Mapping[str, Any]) -> str:
    """16 hex digits of SHA-256 over the canonical JSON: equal forms, equal fingerprints, on every machine."""
    return _digest(form)[:16]


def _digest(form: Mapping[str, Any]) -> str:
    canonical = json.dumps(form, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
