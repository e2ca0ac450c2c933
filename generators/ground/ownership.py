"""One owner per directory: whoever writes into it holds a lock that the system releases when the process ends."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

LOCK = ".lock"
"""The lock's file in the directory; it may stay behind, only the lock on it counts."""
OWNER = ".owner.json"
"""Who holds the lock, for the message to others; says nothing once the lock is free."""

_PART = re.compile(r"\..+\.[0-9a-f]{16}\.part")


class DirectoryInUseError(OSError):
    """Another process writes into the directory."""


@contextlib.contextmanager
def owned_directory(directory: str | Path, purpose: str) -> Iterator[Path]:
    """Make ``directory`` if needed and own it until the end of the block.

    The lock is the operating system's (``fcntl`` or ``msvcrt``, by filelock), so it ends with the process, however that
    dies. Workers of the owner write under its lock and take none of their own. Temporary files of killed writers are
    removed. On a file system without locks this is said and the work goes on without one: two commands on one directory
    are then the user's to avoid. Network file systems that have locks hold them between machines as well.

    Args:
        purpose: what the owner does, for the message to whoever else comes, such as ``"train"``.
    Raises:
        DirectoryInUseError: another process owns it; the message names that process.
        OSError: the directory cannot be made or written.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory / LOCK, timeout=0, is_singleton=False)
    try:
        lock.acquire()
    except Timeout:
        raise DirectoryInUseError(
            f"{directory} is in use by {_owner(directory)}. Wait until it has ended, or choose another directory."
        ) from None
    except NotImplementedError:  # filelock's word for a file system without locks
        warnings.warn(
            f"{directory} lies on a file system without locks: see to it that no second command writes there.",
            RuntimeWarning,
            stacklevel=3,
        )
        sweep(directory)
        yield directory
        return
    try:
        _announce(directory, purpose)
        sweep(directory)
        yield directory
    finally:
        with contextlib.suppress(OSError):
            (directory / OWNER).unlink(missing_ok=True)
        lock.release()


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


def _announce(directory: Path, purpose: str) -> None:
    """Say who owns the directory; in plain writing, as a torn file only makes a message less precise."""
    form = {"process": os.getpid(), "host": socket.gethostname(), "purpose": purpose, "since": time.time()}
    (directory / OWNER).write_text(json.dumps(form), encoding="utf-8")


def _owner(directory: Path) -> str:
    try:
        form: dict[str, Any] = json.loads((directory / OWNER).read_text(encoding="utf-8"))
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(form["since"]))
        return f"process {form['process']} on {form['host']} ({form['purpose']}, since {since})"
    except (OSError, ValueError, LookupError, TypeError):
        return "another process"


def end_with_parent() -> None:
    """Called in a worker: let it end when the process that started it dies, even by SIGKILL.

    A thread looks every half second whether the parent is still the same; an orphan gets another one.
    """
    import threading

    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        sys.stderr.flush()
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
