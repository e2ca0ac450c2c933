"""Whole numbers that callers give: Python's integers and numpy's, and nothing that merely looks like one."""

from __future__ import annotations

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
