"""Where compiled kernels are kept: a private folder that can be written, read with every byte checked.

Numba's own cache looks for one folder beside the code and one below HOME, gives up with an error where neither can be
written, and unpickles whatever it finds. Here a folder is chosen that is this user's alone, and a file that is damaged,
truncated or cannot be written costs a compilation, never an answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import stat
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, _CacheLocator

_DIGEST = hashlib.sha256().digest_size
_NAME = "lo-theory"


@cache
def cache_folder(name: str, beside: Path, chosen: str) -> Path | None:
    """The first folder of this name that this user can write and nobody else can; None, said once, if there is none.

    A folder that is there already, filled by the owner of the installation, serves too if it can be read and only its
    owner can write it: code is then loaded from it and nothing is added.

    Args:
        name: bears a hash of all that the compiled code depends on.
        beside: the folder of the sources.
        chosen: ``NUMBA_CACHE_DIR``; empty if it is not set.
    """
    for base in _bases(beside, chosen):
        if base is not None and _usable(base / name):
            return base / name
    warnings.warn(
        "compiled kernels cannot be kept: no folder for them can be written by this user alone. Every process compiles "
        "them anew, which takes about a minute; set NUMBA_CACHE_DIR to a folder of your own. Tried "
        f"{', '.join(str(base) for base in _bases(beside, chosen) if base is not None)}.",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


def _bases(beside: Path, chosen: str) -> Iterator[Path | None]:
    yield Path(chosen) if chosen else None
    yield beside / "__pycache__"
    xdg = os.environ.get("XDG_CACHE_HOME")
    yield Path(xdg) / _NAME if xdg else None
    with contextlib.suppress(RuntimeError):  # no HOME, and no entry for this user
        home = Path.home()
        yield home / ".cache" / _NAME if home != Path(home.anchor) else None
    yield _own_temporary()


def _own_temporary() -> Path | None:
    """A folder of this user in that of the system, where anybody may have made one of its name before."""
    base = Path(tempfile.gettempdir()) / f"{_NAME}-{_user()}"
    try:
        base.mkdir(mode=0o700, exist_ok=True)
        return base if _private(base) else None
    except OSError:
        return None


def _user() -> int | str:
    return os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")


def _usable(folder: Path) -> bool:
    """Whether code may be kept in the folder, which is made, or at least loaded from it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        if not os.access(folder, os.R_OK | os.X_OK):
            return False
    return _private(folder) and (_writable(folder) or any(folder.glob("*.nbi")))


def _private(folder: Path) -> bool:
    """Only its owner may write it, and the owner is this user or the system's."""
    if not hasattr(os, "getuid"):
        return True
    about = folder.stat()
    return about.st_uid in (0, os.getuid()) and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _writable(folder: Path) -> bool:
    """Whether a block of bytes can be written there: an empty file fits on a full disk too."""
    probe = folder / f".{uuid.uuid4().hex}.part"
    try:
        with probe.open("xb") as file:
            file.write(bytes(4096))
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    return True


def keep_in(folder: Path, dispatcher: Any) -> None:
    """Let a compiled function keep its code in the folder."""
    dispatcher._cache = _Kernels(dispatcher.py_func, folder)


class _Locator(_CacheLocator):
    """One folder, whose name says all that the code depends on."""

    def __init__(self, folder: Path, py_file: str, line: int) -> None:
        self._folder, self._py_file, self._line = folder, py_file, line

    def get_cache_path(self) -> Any:
        """The folder."""
        return str(self._folder)

    def get_source_stamp(self) -> Any:
        """The name of the folder: it changes with the sources."""
        return self._folder.name

    def get_disambiguator(self) -> Any:
        """The line of the function."""
        return str(self._line)


class _Checked(IndexDataCacheFile):
    """Files with a digest in front; one that does not fit its digest, or cannot be read, is not there."""

    def _load_index(self) -> dict[Any, Any]:
        try:
            return pickle.loads(_checked(Path(self._index_path)))
        except OSError:
            return {}

    def _save_index(self, overloads: dict[Any, Any]) -> None:
        with self._open_for_write(self._index_path) as file:
            file.write(_with_digest(self._dump(overloads)))

    def _load_data(self, name: str) -> Any:
        return pickle.loads(_checked(Path(self._data_path(name))))

    def _save_data(self, name: str, data: Any) -> None:
        with self._open_for_write(self._data_path(name)) as file:
            file.write(_with_digest(self._dump(data)))


def _with_digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest() + content


def _checked(path: Path) -> bytes:
    """The content behind the digest; OSError, which numba takes for a miss, if they do not fit."""
    whole = path.read_bytes()
    if hashlib.sha256(whole[_DIGEST:]).digest() != whole[:_DIGEST]:
        raise OSError(f"{path} is damaged")
    return whole[_DIGEST:]


class _Kernels(FunctionCache):
    """The cache of one function in one folder."""

    def __init__(self, py_func: Any, folder: Path) -> None:
        code = py_func.__code__
        locator = _Locator(folder, code.co_filename, code.co_firstlineno)

        class Impl(CompileResultCacheImpl):
            """With this locator, whatever NUMBA_CACHE_LOCATOR_CLASSES says."""

            def __init__(self, function: Any) -> None:
                self._lineno, self._locator = code.co_firstlineno, locator
                module = Path(code.co_filename).stem
                self._filename_base = self.get_filename_base(f"{module}.{function.__qualname__}", "")

        self._impl_class = Impl
        super().__init__(py_func)
        self._cache_file = _Checked(
            cache_path=str(folder), filename_base=self._impl.filename_base, source_stamp=folder.name
        )

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep it if that can be done: a full disk stops no computation that needs no disk."""
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)
