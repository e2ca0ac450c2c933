"""Fields that a value got later: at their default they leave no trace, so that what was written before keeps its name.

A finished unit is found by a hash over the JSON form of its configuration, and a checkpoint says what its network is.
Both would change with every new field, even where it says nothing new.
"""

from __future__ import annotations

import dataclasses
from typing import Any

_LATER = "later"


def later(default: Any) -> Any:
    """A field of a dataclass, for ``name: Kind = later(default)``: :func:`plain` leaves it out at its default."""
    return dataclasses.field(default=default, metadata={_LATER: True})


def plain(value: Any) -> Any:
    """A dataclass as :func:`dataclasses.asdict` has it, inner ones too, without what is :func:`later` and says nothing.

    Lists and tuples become lists; what is no dataclass, list, tuple or dictionary is passed on as it is.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value) if _told(field, value)
        }
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def _told(field: dataclasses.Field[Any], value: object) -> bool:
    return not field.metadata.get(_LATER) or getattr(value, field.name) != field.default
