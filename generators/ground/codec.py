"""JSON forms: strict about fields, exact about numbers."""

from __future__ import annotations

import base64
import difflib
import hashlib
import json
import math
import reprlib
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import numpy as np

_SHOWN = reprlib.Repr()
_SHOWN.maxlevel, _SHOWN.maxstring, _SHOWN.maxother, _SHOWN.maxlong = 3, 60, 60, 60

_MAX_AXES = 32
_MAX_EMPTY_AXIS = 10**6  # no bytes bound the axes of an array without numbers
_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_DTYPES = frozenset({"<f8", "|u1", "<u2", "<u4", "<u8", "<i8"})


def shown(value: Any) -> str:
    """A value as a message shows it: its beginning, whatever its size and however deep it is nested."""
    try:
        return _SHOWN.repr(value)[:60]
    except ValueError:  # an integer of more digits than Python writes
        return f"a value of type {type(value).__name__}"


def strict_fields(form: Any, required: set[str], *, optional: frozenset[str] = frozenset(), what: str) -> None:
    """Raise ValueError unless ``form`` is a mapping with exactly the required and perhaps some optional fields."""
    if not isinstance(form, Mapping):
        raise ValueError(f"the JSON form of a {what} is an object; got {type(form).__name__} {shown(form)}.")
    unknown = sorted(str(name)[:60] for name in set(form) - required - optional)
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


def array_from_json(form: Any, *, axes: int | None = None) -> np.ndarray:
    """Inverse of :func:`array_to_json`; integer lists come back as int64.

    Args:
        axes: how many the array must have; None for any number.
    Raises:
        ValueError: ragged or non-integer lists, a byte string that does not fill the shape, a dtype that is no number,
            more than 32 axes, or another number of them than asked for.
    """
    array = _integers(form) if isinstance(form, list) else _numbers(form)
    if axes is not None and array.ndim != axes:
        raise ValueError(f"an array of {axes} axes was expected; got shape {array.shape}.")
    return array


def _numbers(form: Any) -> np.ndarray:
    """An array as its bytes, which must fill the shape: how much memory it takes is known before any is taken."""
    strict_fields(form, {"dtype", "shape", "base64"}, what="array")
    dtype, shape, text = form["dtype"], form["shape"], form["base64"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ValueError(f"an array of dtype {shown(dtype)} is not supported; use float64 or an integer type.")
    try:
        shape = msgspec.convert(shape, list[Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]])
        raw = base64.b64decode(text, validate=True)
    except (ValueError, TypeError, msgspec.ValidationError) as error:  # msgspec's was no ValueError before 0.20
        raise ValueError(f"the bytes of an array do not fill its shape {shown(shape)}: {error}.") from error
    wanted = math.prod(shape[:_MAX_AXES]) * np.dtype(dtype).itemsize
    if len(raw) != wanted or len(shape) > _MAX_AXES or (not raw and max(shape, default=0) > _MAX_EMPTY_AXIS):
        raise ValueError(
            f"the bytes of an array do not fill its shape {shown(shape)}: {len(raw)} of them were given, {wanted} are "
            f"needed, over at most {_MAX_AXES} axes (of {_MAX_EMPTY_AXIS} at most where there are no numbers)."
        )
    flat = np.frombuffer(raw, dtype=dtype)
    return flat.reshape(shape).astype(flat.dtype.newbyteorder("="))


def integers_from_json(form: Any, *, what: str, axes: int | None = None) -> np.ndarray:
    """An array of integers that int64 holds, as int64, such as scopes; ``what`` names it in the message.

    Raises:
        ValueError: as :func:`array_from_json`, or numbers of another type or size.
    """
    array = array_from_json(form, axes=axes)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{what} must hold integers; got {array.dtype}.")
    if array.dtype == np.uint64 and array.size and array.max() > 2**63 - 1:
        raise ValueError(f"{what} must hold integers below 2**63; got {array.max()}.")
    return array.astype(np.int64)


def _integers(form: list[Any]) -> np.ndarray:
    """Nested lists as an array; their types are judged before numpy sees them, which would make room for any text."""
    kind: Any = _Int64
    inner: Any = form
    for _ in range(_MAX_AXES):
        if not isinstance(inner, list):
            break
        kind = list[kind]
        inner = inner[0] if inner else None
    try:
        msgspec.convert(form, kind)
    except msgspec.ValidationError as error:
        what = "be rectangular" if "list" in str(error) or "array" in str(error) else "hold integers"
        raise ValueError(f"an array given as lists must {what}; got {shown(form)} ({str(error)[:90]}).") from error
    try:
        array = np.array(form, dtype=np.int64)
    except ValueError as error:
        raise ValueError(f"an array must be rectangular; got {shown(form)} ({error}).") from error
    if not array.size:
        raise ValueError(f"an array given as lists must hold integers; got {shown(form)}, which holds none.")
    return array


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
    try:
        right = SEAL not in form or form[SEAL] == _digest(plain)
    except RecursionError as error:
        raise ValueError(f"{what} is damaged or was edited: it nests too deeply.") from error
    if not right:
        raise ValueError(f"{what} is damaged or was edited: its digest is not that of its other fields.")
    return plain, SEAL in form


def fingerprint(form: Mapping[str, Any]) -> str:
    """16 hex digits of SHA-256 over the canonical JSON: equal forms, equal fingerprints, on every machine."""
    return _digest(form)[:16]


def _digest(form: Mapping[str, Any]) -> str:
    canonical = json.dumps(form, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
