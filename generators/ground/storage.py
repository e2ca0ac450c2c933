"""Files that are whole or absent: a kill or a full disk in the middle of a write leaves the previous file intact."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import secrets
import shutil
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

_NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def write_atomic(path: Path, content: bytes | Iterable[memoryview], *, n_bytes: int | None = None) -> None:
    """Replace ``path`` by ``content`` in one step; it may come in pieces, ``n_bytes`` together.

    The bytes go to a temporary file beside the target, reach the disk (fsync), and then take its name, which POSIX and
    Windows do atomically. On any failure the temporary file is removed and the previous ``path`` is untouched.

    Raises:
        OSError: as the system reports it (no space, no permission), after cleaning up; it names ``path``, and on a full
            disk how much was to be written and how much was free.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    parts = [content] if isinstance(content, bytes) else content
    with naming(path, len(content) if isinstance(content, bytes) else n_bytes or 0):
        handle = os.open(temporary, flags, 0o666)  # the permissions of any new file: the system applies the umask
        try:
            with os.fdopen(handle, "wb") as stream:
                for part in parts:
                    stream.write(part)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


@contextlib.contextmanager
def naming(path: Path, n_bytes: int) -> Iterator[None]:
    """Let an error of the system in the block be about ``path``, into which ``n_bytes`` were to be written.

    Raises:
        OSError: of the same kind; where there was no room it says how much was needed and how much is free.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        room = f" ({n_bytes:,} bytes were to be written, {_free(path)})" if error.errno in _NO_ROOM else ""
        raise OSError(error.errno, f"{os.strerror(error.errno)}{room}", str(path)) from error


def _free(path: Path) -> str:
    """What is left on the disk, in words; only measured after a failure, which may have freed something."""
    try:
        return f"{shutil.disk_usage(path.parent).free:,} bytes are free"
    except OSError:
        return "what is free is unknown"


def write_json_atomic(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys, atomically; NaN and infinities are refused."""
    write_atomic(path, (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no JSON; the message names the file, line and column. NaN and infinities are no JSON.
    """
    try:
        return parse_json(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON ({error}); it may be truncated. Write it again.") from error


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text, UTF-8 if it is bytes.

    Raises:
        ValueError: it is no JSON. NaN and infinities are no JSON.
    """
    try:
        text = text if isinstance(text, str) else text.decode("utf-8")
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_HEADER_FAULTS = (
    ValueError,
    SyntaxError,
    TypeError,
    tokenize.TokenError,
    EOFError,
    RecursionError,
    MemoryError,
    Warning,
)


def read_npy(path: Path, *, mmap: bool) -> np.ndarray:
    """The array in a ``.npy`` file; no pickle, and no memory beyond what the file has bytes.

    Args:
        mmap: leave the array on disk, read-only, and read what is touched.
    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not one whole array of numbers; the message names the file.
    """
    path = Path(path)
    with path.open("rb") as file:
        try:
            shape, fortran, dtype = _npy_header(file)
        except _HEADER_FAULTS as error:
            raise ValueError(
                f"{path} is no array of numbers that NumPy wrote, or is damaged: {' '.join(str(error).split())[:200]}. "
                "Write it again, with numpy.save."
            ) from error
        start, there = file.tell(), os.fstat(file.fileno()).st_size
        wanted = start + math.prod(shape) * dtype.itemsize
        if there != wanted:
            raise ValueError(
                f"{path} is truncated or damaged: an array of shape {shape} {dtype} takes {wanted} bytes with its "
                f"header; the file has {there}. Write it again."
            )
        order = "F" if fortran else "C"
        if mmap and math.prod(shape):
            return np.memmap(path, dtype=dtype, mode="r", offset=start, shape=shape, order=order)
        return np.fromfile(file, dtype=dtype, count=math.prod(shape)).reshape(shape, order=order)


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether columns come first, and dtype; the file stands at its numbers then."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"format {version} of .npy is not read here")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of headers that only Python 2 could have written
        shape, fortran, dtype = _HEADERS[version](file)
    if dtype.kind not in "biufc" or any(isinstance(n, bool) or n < 0 for n in shape):
        raise ValueError(f"it holds shape {shape} {dtype}, no array of numbers")
    return shape, fortran, dtype
