"""Compiled kernels: numba with a cache on disk that can never serve code of an older source."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numba

_HERE = Path(__file__)
_FLOOR = _HERE.parents[1]


def kernels_of(folder: Path, sources: Sequence[Path]) -> Callable[[Callable[..., Any]], Any]:
    """The decorator of kernels that may call each other: compiled at the first call, kept as machine code.

    Numba looks only at the file of a function to decide whether its cached code is stale, but the code of callees and
    the constants of other files are compiled into it. The cache therefore lies in a folder named after the text of all
    sources: after any edit all of them are compiled anew (about half a minute, once). Where no such folder can be
    written numba chooses its own.

    The annotations of a kernel are for readers: a run-time check of them (the tests wrap every function) is taken off,
    as compiled code cannot call Python.

    Args:
        folder: beside the sources; ``NUMBA_CACHE_DIR`` takes its place where it is set.
        sources: every file whose text a kernel may depend on.
    """

    @cache
    def cache_folder(base: str) -> Path:
        text = b"".join(path.read_bytes() for path in (_HERE, *sources))
        return Path(base or folder / "__pycache__") / f"kernels-{hashlib.sha256(text).hexdigest()[:16]}"

    def kernel(function: Callable[..., Any]) -> Any:
        before = numba.config.CACHE_DIR  # type: ignore[attr-defined]
        numba.config.CACHE_DIR = str(cache_folder(before))  # type: ignore[attr-defined]
        try:
            return numba.njit(cache=True, nogil=True, error_model="numpy")(inspect.unwrap(function))
        finally:
            numba.config.CACHE_DIR = before  # type: ignore[attr-defined]

    return kernel


kernel = kernels_of(_FLOOR, sorted(path for room in ("sudoku", "zebra") for path in (_FLOOR / room).glob("*.py")))
"""For the kernels of this floor, which stand in two rooms."""
