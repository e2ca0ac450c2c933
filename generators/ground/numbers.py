"""Whole numbers that callers give: Python's integers and numpy's, and nothing that merely looks like one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from generators.ground.codec import shown


def whole_number(value: Any, name: str, *, least: int, most: int | None = None) -> int:
    """``value`` as a Python integer.

    Args:
        name: what it is, for the message.
        least, most: its range, both ends included; None for no upper end.
    Raises:
        TypeError: no integer; ``True``, ``60.0`` and ``"60"`` are none.
        ValueError: outside the range.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer; got {shown(value)} ({type(value).__name__}).")
    if value < least:
        raise ValueError(f"{name} must be at least {least}; got {value}.")
    if most is not None and value > most:
        raise ValueError(f"{name} must be at most {most}; got {value}.")
    return int(value)


def keep_whole_numbers(record: Any, least: Mapping[str, int], *, of: str = "", most: int | None = None) -> None:
    """Check fields of a frozen dataclass and keep them as Python's integers: NumPy's are none of JSON's.

    Args:
        least: name of a field -> its least value; one that is None is left so.
        of: behind its name in messages.
        most: of all.
    Raises:
        TypeError, ValueError: as :func:`whole_number`.
    """
    for name, lowest in least.items():
        if getattr(record, name) is not None:
            value = whole_number(getattr(record, name), name + of, least=lowest, most=most)
            object.__setattr__(record, name, value)


def keep_floats(record: Any, names: Iterable[str]) -> None:
    """Keep fields of a frozen dataclass as Python's floats."""
    for name in names:
        object.__setattr__(record, name, float(getattr(record, name)))
