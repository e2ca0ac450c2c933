"""What a JSON form may hold, said by a type: every field present, none unknown, each of its type and in its range."""

from __future__ import annotations

import functools
import sys
from typing import Annotated, Any, TypeVar, overload

import msgspec
from msgspec import Meta

from generators.ground.codec import shown, strict_fields

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""A number of things, 0 allowed."""
Positive = Annotated[int, Meta(ge=1, le=2**63 - 1)]
"""A number of things, at least one."""
Finite = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
"""A number; neither infinite nor NaN, which a JSON text can spell as 1e999."""
Seconds = Annotated[float, Meta(ge=0, le=sys.float_info.max)]
"""A length of time."""
Hex16 = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
"""A fingerprint."""
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
"""A digest."""

ArrayForm = dict[str, Any] | list[Any]
"""What :func:`~generators.ground.codec.array_to_json` makes of an array; its parts are judged when it is read."""

Read = TypeVar("Read")


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of a JSON object with their types; a subclass per kind of object, read by :func:`read_form`.

    A field with a default may be absent, which is how files of before are read.
    """


@overload
def read_form(form: Any, kind: type[Read], *, what: str) -> Read: ...
@overload
def read_form(form: Any, kind: Any, *, what: str) -> Any: ...
def read_form(form: Any, kind: Any, *, what: str) -> Any:
    """A JSON value as an instance of ``kind``: a :class:`Form`, or any type that msgspec knows.

    Nothing is converted: ``true`` is no number, ``"2"`` and 2.0 are no integers; an integer may stand for a float.

    Args:
        form: as :func:`json.loads` returns it.
        what: the thing and, where there is one, its file; the error begins with it.
    Raises:
        ValueError: an unknown or missing field, a value of another type or outside its range; names field and value.
            Also a form that nests too deeply.
    """
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        needed, optional = _fields(kind)
        strict_fields(form, needed, optional=optional, what=what)
    try:
        return msgspec.convert(form, kind, strict=True)
    except RecursionError as error:
        raise ValueError(f"{what}: the form nests too deeply.") from error
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        place = path.rstrip("`").lstrip(".")
        seen = _value_at(form, place)
        named = f" in {place}" if place else ""
        raise ValueError(f"{what}: {_lower(message)}{named}; got {shown(seen)}.") from error


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> tuple[set[str], frozenset[str]]:
    """Names of the fields that must be there, and of those that may be absent."""
    fields = msgspec.structs.fields(kind)
    needed = {field.encode_name for field in fields if field.required}
    return needed, frozenset(field.encode_name for field in fields) - needed


def _value_at(form: Any, place: str) -> Any:
    """The offending value, as far as the path leads to it; ``[...]`` stands for any key or item."""
    for step in place.replace("[", ".[").split("."):
        if step in ("", "[...]"):
            continue
        try:
            form = form[int(step[1:-1])] if step.startswith("[") else form[step]
        except (LookupError, TypeError, ValueError):
            break
    return form


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")
