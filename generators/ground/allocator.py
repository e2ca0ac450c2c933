"""Memory that is freed stays with the process, for programs that ask for the same large pieces again and again."""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of glibc's malloc.h
_NEVER = 2**31 - 1
TOLD: list[int] = []
"""The processes in which glibc was told: this one or none, once for each time."""


def keep_freed_memory() -> bool:
    """Tell glibc to hand no freed memory back to the system; whether it was told.

    A training step frees and asks for the same hundred megabytes, and by default each of them is mapped, cleared and
    unmapped by the kernel again. Memory then only grows, to the largest that was ever needed at once, and beyond it
    where pieces of many sizes break it up, until :func:`return_freed_memory`. So this is for a program's own processes
    (the command line and its workers call it) and never happens on import. Other systems and other C libraries are left
    alone, and so is a user who has tuned glibc by ``GLIBC_TUNABLES`` or ``MALLOC_...``.
    """
    tuned = "GLIBC_TUNABLES" in os.environ or any(name.startswith("MALLOC_") for name in os.environ)
    if tuned or not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return False
    told = bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, _NEVER))
    if told:
        TOLD.append(os.getpid())
    return told


def return_freed_memory() -> None:
    """Hand back what :func:`keep_freed_memory` kept, if it was told in this process: at the end of a piece of work.

    Milliseconds; what is asked for next is mapped anew.
    """
    if os.getpid() in TOLD:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
