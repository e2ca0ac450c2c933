"""One owner per directory: whoever writes into it holds a lock that the system releases when the process ends."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shlex
import socket
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

LOCK = ".lock"
"""The lock's file in the directory. It stays behind: only the lock on it counts, and one that is gone says that the
directory was removed."""
OWNER = ".owner.json"
"""Who holds the lock, for the message to others; says nothing once the lock is free."""

_PART = re.compile(r"\..+\.[0-9a-f]{16}\.part")
_WITHOUT_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}
_COMMAND_LENGTH = 300
_HELD: dict[Path, tuple[int, int]] = {}
"""Directories that this process owns, and by which process and thread."""


class DirectoryInUseError(OSError):
    """Another process writes into the directory."""


@contextlib.contextmanager
def owned_directory(directory: str | Path, purpose: str) -> Iterator[Path]:
    """Make ``directory`` if needed and own it until the end of the block.

    The lock is the operating system's (``fcntl`` or ``msvcrt``, by filelock), so it ends with the process, however that
    dies. The owner's thread may enter the same directory again; its workers write under its lock and take none for that
    directory. Temporary files of killed writers are removed.

    A network file system that has locks (NFS 4, NFS 3 with its lock service, Lustre mounted with ``flock``) holds them
    between machines as well, and frees that of a dead machine only when its server has noticed the death. On a file
    system without locks this is said and the work goes on without one: two commands on one directory are then the
    user's to avoid.

    Args:
        purpose: what the owner does, for the message to whoever else comes, such as ``"train"``.
    Raises:
        DirectoryInUseError: another process owns it, or another thread; the message names that process.
        FileNotFoundError: at the end of the block, the directory was removed meanwhile.
        OSError: the directory cannot be made or written.
    """
    directory = Path(directory)
    me, place = (os.getpid(), threading.get_ident()), directory.resolve()
    if _HELD.get(place) == me:
        yield directory
        return
    lock = _acquired(directory)
    _HELD[place] = me
    try:
        _announce(directory, purpose)
        sweep(directory)
        yield directory
        require_owned(directory)
    finally:
        del _HELD[place]
        with contextlib.suppress(OSError):
            (directory / OWNER).unlink(missing_ok=True)
        if lock is not None:
            lock.release()


def require_owned(directory: str | Path) -> None:
    """To be called by an owner or its worker before a write that would otherwise bring a removed directory back.

    Raises:
        FileNotFoundError: the directory that was owned has been removed, or all that was in it.
    """
    if not (Path(directory) / LOCK).exists():
        raise FileNotFoundError(
            f"{directory} was removed while it was written, wholly or in part. Give the same command again."
        )


def sweep(directory: Path) -> list[Path]:
    """Remove what killed writers left in and below ``directory``, hidden files ``.NAME.HEX.part``; returns them.

    Only the owner may do this, as such a file may also be one that is being written. Folders below that have had an
    owner of their own are left to theirs.
    """
    found = list[Path]()
    for folder, folders, files in os.walk(directory):
        folders[:] = [name for name in folders if not os.path.exists(os.path.join(folder, name, LOCK))]
        found += [Path(folder, name) for name in files if _PART.fullmatch(name)]
    for path in found:
        with contextlib.suppress(OSError):
            path.unlink()
    return found


def end_with_parent() -> None:
    """Called in a worker: let it end when the process that started it dies, even by SIGKILL.

    A thread looks every half second whether the parent is still the same; an orphan gets another one. The thread runs
    beside compiled kernels, which leave Python's lock free.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        sys.stderr.flush()
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def _acquired(directory: Path) -> FileLock | None:
    """The lock on ``directory``, held; None on a file system without locks."""
    directory.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(directory / LOCK, timeout=0, thread_local=False, is_singleton=False, fallback_to_soft=False)
        lock.acquire()
    except Timeout:
        raise DirectoryInUseError(
            f"{directory} is in use by {_owner(directory)}. Wait until it has ended, or choose another directory."
        ) from None
    except (OSError, NotImplementedError) as error:  # the latter: a word of older filelocks for "no locks here"
        if isinstance(error, OSError) and error.errno not in _WITHOUT_LOCKS:
            raise _unwritable(directory, error) from error
        warnings.warn(
            f"{directory} lies on a file system without locks: see to it that no second command writes there.",
            RuntimeWarning,
            stacklevel=4,
        )
        (directory / LOCK).touch()
        return None
    return lock


def _announce(directory: Path, purpose: str) -> None:
    """Say who owns the directory; in plain writing, as a torn file only makes a message less precise."""
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv else ""
    form = {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "purpose": purpose,
        "command": command[:_COMMAND_LENGTH],
        "since": time.time(),
    }
    try:
        (directory / OWNER).unlink(missing_ok=True)  # perhaps another user's, which could not be written over
        (directory / OWNER).write_text(json.dumps(form), encoding="utf-8")
    except OSError as error:
        raise _unwritable(directory, error) from error


def _owner(directory: Path) -> str:
    try:
        form: dict[str, Any] = json.loads((directory / OWNER).read_text(encoding="utf-8"))
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(form["since"]))
        what = f"{form['purpose']}, by the command {form['command']!r}" if form["command"] else form["purpose"]
        return f"process {form['process']} on {form['host']} ({what}, since {since})"
    except (OSError, ValueError, LookupError, TypeError):
        return "another process"


def _unwritable(directory: Path, error: OSError) -> OSError:
    """The same error, about the directory and not about the files of its lock."""
    if error.errno is None:
        return error
    return OSError(error.errno, f"nothing can be written into this directory, {error.strerror}", str(directory))
