"""Compiled kernels: numba with a cache on disk that can never serve code of an older source, wherever it lies."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba

from generators.ground.kernel_cache import cache_folder, keep_in

_HERE = Path(__file__)
_FLOOR = _HERE.parents[1]


def kernels_of(folder: Path, sources: Sequence[Path], *, allocates: bool = True) -> Callable[[Callable[..., Any]], Any]:
    """The decorator of kernels that may call each other: compiled at the first call, kept as machine code.

    Numba looks only at the file of a function to decide whether its cached code is stale, but the code of callees and
    the constants of other files are compiled into it. The cache therefore lies in a folder named after the text of all
    sources and the versions that compile them: after any edit all kernels are compiled anew (half a minute, once).
    Where no folder can be written, see :func:`~generators.ground.kernel_cache.cache_folder`.

    The annotations of a kernel are for readers: a run-time check of them (the tests wrap every function) is taken off,
    as compiled code cannot call Python.

    Args:
        folder: beside the sources; ``NUMBA_CACHE_DIR`` takes its place where it is set.
        sources: every file whose text a kernel may depend on; its own need not be among them.
        allocates: False for kernels that make no array: they count no references, which costs more than small loops.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": allocates}
    named = {path.resolve() for path in sources}

    @cache
    def name(*others: Path) -> str:
        versions = f"{sys.version} numba {numba.__version__} llvmlite {llvmlite.__version__}".encode()
        text = b"".join(path.read_bytes() for path in (_HERE, *sources, *others))
        return f"kernels-{hashlib.sha256(versions + text).hexdigest()[:16]}"

    def kernel(function: Callable[..., Any]) -> Any:
        plain = inspect.unwrap(function)
        compiled = numba.njit(**options)(plain)
        own = Path(plain.__code__.co_filename).resolve()
        if own not in named and not os.access(own, os.R_OK):
            return compiled  # typed into an interpreter, or not to be read: nothing tells one text from the next
        kept = cache_folder(name(*{own} - named), folder, numba.config.CACHE_DIR)  # type: ignore[attr-defined]
        if kept is not None and not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
            keep_in(kept, compiled)
        return compiled

    return kernel


SOURCES = tuple(sorted(path for room in ("sudoku", "zebra") for path in (_FLOOR / room).glob("*.py")))
"""The files of this floor's kernels, which stand in two rooms."""

kernel = kernels_of(_FLOOR, SOURCES)
"""For the kernels of these files and no others: one elsewhere that calls them has sources of its own besides."""
