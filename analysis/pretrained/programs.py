"""Running code that a model wrote: in a process of its own, with limits, cut off as far as the system allows.

This keeps accidents apart, endless loops and files in the wrong place, and is no wall against code that wants to break
out: for that, run the whole command in a container. Reading is not limited, and neither is the number of processes
until the time is up.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from generators.ground.storage import parse_json

NOT_EXECUTED = "not executed"
_GRACE = 10.0  # seconds that the supervisor has beyond the program's


@dataclass(frozen=True)
class Limits:
    """What a program may take.

    Attributes:
        wall_seconds: after which everything that it started is killed.
        cpu_seconds: whole seconds of the processor, of each process.
        memory_bytes: address space of each process.
        file_bytes: of each file that it writes.
        files: open at once, in each process.
    """

    wall_seconds: float = 10.0
    cpu_seconds: int = 5
    memory_bytes: int = 1 << 30
    file_bytes: int = 1 << 20
    files: int = 64


@dataclass(frozen=True)
class Verdict:
    """What came of a program.

    Attributes:
        passed: it came to its end without an error.
        why: "passed", "failed: " with the error, "timed out", or the signal that killed it.
        network, writes, processes: whether the network was cut, writing confined to its own folder, and other processes
            out of its sight.
    """

    passed: bool
    why: str
    network: bool = False
    writes: bool = False
    processes: bool = False

    @property
    def confinement(self) -> str:
        """In a sentence for a person."""
        walls = {"the network is cut": self.network, "files outside its folder cannot be written": self.writes}
        walls["it sees no other processes"] = self.processes
        there = [what for what, is_there in walls.items() if is_there]
        missing = {
            "the network is open to it": self.network,
            "it can write wherever you can": self.writes,
            "it can signal your other processes": self.processes,
        }
        gone = [what for what, is_there in missing.items() if not is_there]
        kept = f"Code runs with limits of time and memory; {', '.join(there)}." if there else "Code runs with limits."
        return kept if not gone else f"{kept} This system does not allow more: {', '.join(gone)}; use a container."


def can_run_programs() -> bool:
    """Whether this system has the limits (POSIX)."""
    return importlib.util.find_spec("resource") is not None


def run_program(program: str, limits: Limits | None = None) -> Verdict:
    """Run a program to its end or its limits, in a folder of its own that is removed afterwards.

    It runs in this Python with ``-I``, an environment of four variables, nothing to read on its input; its output goes
    nowhere. It passes if the last line is reached: ``sys.exit`` before that does not count.

    Raises:
        ValueError: a system without such limits.
    """
    if not can_run_programs():
        raise ValueError("programs run on systems with POSIX limits only; leave out --execute-code.")
    limits = Limits() if limits is None else limits
    with tempfile.TemporaryDirectory(prefix="lo-theory-program-", ignore_cleanup_errors=True) as folder:
        Path(folder, "program.py").write_text(program, encoding="utf-8", errors="surrogatepass")
        said = _supervised(folder, limits)
    try:
        return Verdict(**parse_json(said))
    except (ValueError, TypeError):
        return Verdict(False, "failed: its supervisor was killed")


def _supervised(folder: str, limits: Limits) -> bytes:
    script = str(Path(__file__).with_name("confined.py"))
    process = subprocess.Popen(
        [sys.executable, "-I", script, json.dumps(dataclasses.asdict(limits))],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=limits.wall_seconds + _GRACE)[0]
    except subprocess.TimeoutExpired:
        return b""
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
