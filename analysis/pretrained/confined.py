"""Run one program with limits. Started as a script by :mod:`analysis.pretrained.programs`; the standard library alone.

Three processes: this one supervises and keeps the time, its child is the first of a namespace where there are any, and
the child's child runs ``program.py`` of the working directory. The supervisor takes in whatever they leave behind (it
is a subreaper) and kills it all before it says what came out, as one line of JSON.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys
import time

_PDEATHSIG, _NO_NEW_PRIVILEGES, _SUBREAPER = 1, 38, 36
_NEW_USER, _NEW_PROCESSES, _NEW_NETWORK = 0x10000000, 0x20000000, 0x40000000
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # landlock, the same on all architectures but alpha
_WRITE_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 13, 1 << 14
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
_PASSED = b"passed"
_WORDS = 300  # of what went wrong
_PAUSE = 0.005


def main(limits: dict[str, float]) -> dict[str, object]:
    """What came of the program, and what it was cut off from."""
    said, saying = os.pipe()
    _prctl(_PDEATHSIG, signal.SIGKILL)
    _prctl(_SUBREAPER, 1)
    apart = _unshare(_NEW_PROCESSES)
    child = os.fork()
    if child == 0:
        os.close(said)
        _oversee(saying, limits)
    os.close(saying)
    in_time = _wait(child, limits["wall_seconds"])
    _kill_descendants()
    told = dict(part.split(b"=", 1) for part in os.read(said, 4096).split(b"\0") if b"=" in part)
    verdict, status = told.get(b"verdict"), int(told.get(b"status", b"-1"))
    return {
        "passed": in_time and status == 0 and verdict == _PASSED,
        "why": _why(status, verdict) if in_time else "timed out",
        "network": told.get(b"network") == b"cut",
        "writes": told.get(b"writes") == b"confined",
        "processes": apart,
    }


def _oversee(saying: int, limits: dict[str, float]) -> None:
    """First process of the namespace, to which a program's signals mean nothing: run it, say how it ended; no return.

    When it ends, so does every process of the namespace.
    """
    try:
        _prctl(_PDEATHSIG, signal.SIGKILL)
        program = os.fork()
        if program == 0:
            _run(saying, limits)
        while True:
            ended, status = os.waitpid(-1, 0)
            if ended == program:
                os.write(saying, b"\0status=%d" % status)
                return
    finally:
        os._exit(0)


def _run(saying: int, limits: dict[str, float]) -> None:
    """Cut off, limit, run, say; no return."""
    try:
        _prctl(_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        network = _unshare(_NEW_NETWORK)
        writes = _confine_writes(os.getcwd())
        _limit(limits)
        _silence()
        walls = (b"cut" if network else b"open", b"confined" if writes else b"open")
        os.write(saying, b"network=%s\0writes=%s" % walls)
        verdict = _PASSED
        try:
            with open("program.py", encoding="utf-8") as file:
                code = compile(file.read(), "program.py", "exec")
            exec(code, {"__name__": "program"})
        except BaseException as error:
            verdict = f"failed: {type(error).__name__}: {error}".encode("utf-8", "replace")[:_WORDS]
        os.write(saying, b"\0verdict=" + verdict.replace(b"\0", b" "))
        os._exit(0)
    finally:
        os._exit(1)


def _wait(child: int, seconds: float) -> bool:
    """Whether the child ended in that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(_PAUSE)
    return False


def _kill_descendants() -> None:
    """Kill children until there are none: those of a killed one become this process's own."""
    while True:
        for process in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(_PAUSE)
        except ChildProcessError:
            return


def _children() -> list[int]:
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            if parent == os.getpid():
                found.append(int(name))
    return found


def _why(status: int, verdict: bytes | None) -> str:
    if status >= 0 and os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return "timed out (processor)" if number == signal.SIGXCPU else f"killed by signal {number}"
    return verdict.decode("utf-8", "replace") if verdict else "failed: it ended before its checks had"


def _limit(limits: dict[str, float]) -> None:
    seconds = int(limits["cpu_seconds"])
    _set(resource.RLIMIT_CPU, seconds, seconds + 1)
    for kind, name in (
        (resource.RLIMIT_AS, "memory_bytes"),
        (resource.RLIMIT_FSIZE, "file_bytes"),
        (resource.RLIMIT_NOFILE, "files"),
    ):
        _set(kind, int(limits[name]), int(limits[name]))
    _set(resource.RLIMIT_CORE, 0, 0)


def _set(kind: int, soft: int, hard: int) -> None:
    most = resource.getrlimit(kind)[1]
    within = [value if most == resource.RLIM_INFINITY else min(value, most) for value in (soft, hard)]
    resource.setrlimit(kind, (within[0], within[1]))


def _silence() -> None:
    """Nothing to read, and what is written goes nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)


def _prctl(option: int, value: int) -> bool:
    return _call("prctl", option, value, 0, 0, 0) == 0


def _unshare(what: int) -> bool:
    """Leave a namespace, alone or with that of users, which needs no privilege; whether it worked."""
    return _call("unshare", what) == 0 or _call("unshare", what | _NEW_USER) == 0


def _confine_writes(folder: str) -> bool:
    """Allow writing below ``folder`` and to the null device only (landlock, Linux 5.13); whether it worked."""
    if sys.platform != "linux" or platform.machine() == "alpha":
        return False
    version = _call("syscall", _CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    rights = _WRITE_FILE | _REMOVE_AND_MAKE | (_REFER if version > 1 else 0) | (_TRUNCATE if version > 2 else 0)
    handled = ctypes.create_string_buffer(struct.pack("=Q", rights))
    ruleset = _call("syscall", _CREATE_RULESET, handled, 8, 0)
    if ruleset < 0:
        return False
    null = rights & (_WRITE_FILE | _TRUNCATE)
    added = [_allow(ruleset, folder, rights), _allow(ruleset, os.devnull, null)]
    return all(added) and _prctl(_NO_NEW_PRIVILEGES, 1) and _call("syscall", _RESTRICT_SELF, ruleset, 0) == 0


def _allow(ruleset: int, place: str, rights: int) -> bool:
    below = os.open(place, os.O_PATH | os.O_CLOEXEC)
    rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, below))
    added = _call("syscall", _ADD_RULE, ruleset, 1, rule, 0) == 0
    os.close(below)
    return added


def _call(name: str, *arguments: object) -> int:
    """A function of the C library; -1 where there is none of that name."""
    try:
        return int(getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments))
    except (AttributeError, OSError, TypeError):
        return -1


if __name__ == "__main__":
    sys.path[:] = [place for place in sys.path if place != os.path.dirname(os.path.abspath(__file__))]
    print(json.dumps(main(json.loads(sys.argv[1]))), flush=True)
