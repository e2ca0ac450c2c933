"""Compiled kernels: numba with a cache on disk that can never serve code of an older source."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

_KERNEL_FILES = (
    "phases/message_passing",
    "compiled",
    "posteriors/factors",
    "posteriors/tables",
    "posteriors/ties",
    "posteriors/reduction",
    "posteriors/remainder",
    "posteriors/elimination_order",
    "posteriors/bucket_tree",
    "posteriors/joint_queries",
    "posteriors/exact_rows",
    "attacks/noisy_parity",
    "phases/population_kernel",
)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function of arrays at its first call and keep the machine code beside this file.

    Numba looks only at the file of a function to decide whether its cached code is stale, but the code of callees is
    compiled into it. The cache therefore lies in a folder named after the text of all kernel files, beside this one or
    under ``NUMBA_CACHE_DIR``: after any edit all of them are compiled anew (about half a minute, once). Where no such
    folder can be written numba chooses its own.

    The annotations of a kernel are for readers: a run-time check of them (the tests wrap every function) is taken off,
    as compiled code cannot call Python.
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
    text = b"".join((here / f"{name}.py").read_bytes() for name in _KERNEL_FILES)
    return Path(base or here / "__pycache__") / f"kernels-{hashlib.sha256(text).hexdigest()[:16]}"
