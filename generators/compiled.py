"""Compiled kernels of this floor: numba with a cache on disk that can never serve code of an older source."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function of arrays at its first call and keep the machine code beside this file.

    Numba judges a cached kernel by its own file, but the code of its callees and the constants of other files are
    compiled into it, so the cache lies in a folder named after the text of all packages of this floor, beside this file
    or under ``NUMBA_CACHE_DIR``: after any edit all kernels are compiled anew. Annotations of a kernel are for readers:
    a run-time check of them is taken off.
    """
    before = numba.config.CACHE_DIR  # type: ignore[attr-defined]
    numba.config.CACHE_DIR = str(_cache_folder(before))  # type: ignore[attr-defined]
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(inspect.unwrap(function))
    finally:
        numba.config.CACHE_DIR = before  # type: ignore[attr-defined]


@cache
def _cache_folder(base: str) -> Path:
    here = Path(__file__).parent
    text = b"".join(path.read_bytes() for path in [Path(__file__), *sorted(here.glob("*/*.py"))])
    return Path(base or here / "__pycache__") / f"kernels-{hashlib.sha256(text).hexdigest()[:16]}"
