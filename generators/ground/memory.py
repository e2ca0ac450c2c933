"""Sizes are judged before memory is asked for."""

from __future__ import annotations

import psutil

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


def available_bytes() -> int:
    """Memory that can be had now, in bytes: the system's estimate, or what the control group leaves if that is less."""
    return int(psutil.virtual_memory().available)


def check_memory(needed: int, *, what: str, advice: str) -> None:
    """Refuse work that does not fit into memory.

    Args:
        needed: bytes, a lower bound of what the work takes at once.
        what: what would take it, for the message.
        advice: the way out, a sentence.
    Raises:
        ValueError: it is more than the machine has; the message says both.
    """
    there = available_bytes()
    if needed > there:
        raise ValueError(f"{what} takes {size(needed)} of memory; {size(there)} are free. {advice}")


def size(count: int) -> str:
    """A number of bytes for people, such as ``"2.5 GB"``; powers of 1000."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 or value >= 99.5 else f"{value:.3g} {_UNITS[unit]}"
