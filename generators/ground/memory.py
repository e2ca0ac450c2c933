"""Sizes are judged before memory is asked for, or files are written."""

from __future__ import annotations

import shutil
from pathlib import Path

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


def check_disk(needed: int, directory: Path, *, what: str, advice: str) -> None:
    """Refuse files that do not fit on the disk of a directory, which need not be there yet.

    Args:
        needed: bytes, a lower bound of what is written.
        what: what takes them, in the plural; for the message.
        advice: the way out, a sentence.
    Raises:
        ValueError: it is more than is free; the message says both.
    """
    there = next(path for path in (directory.absolute(), *directory.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise ValueError(f"{what} take {size(needed)} on disk; {size(free)} are free at {there}. {advice}")


def size(count: int) -> str:
    """A number of bytes for people, such as ``"2.5 GB"``; powers of 1000."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 or value >= 99.5 else f"{value:.3g} {_UNITS[unit]}"
