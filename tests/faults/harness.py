"""What the tests of faults share: the command line in processes of its own, kills, and what makes two results equal."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
"""Seconds until a wait is given up as failed; nothing here is about speed."""

NETWORK = ("--batch-size", "16", "--layers", "1", "--width", "16", "--heads", "2")
FAMILY = ("nae-sat", "--n-latents", "4", "--n-observations", "6")


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit code, negative by a signal, and what it printed."""

    code: int
    output: str


def forked(call: Callable[[], int | None], output: Path, *, kill_after: float | None = None, user: int = 0) -> Ended:
    """Run ``call`` in a fork of this process, which has loaded everything; SIGKILL after so many seconds.

    Args:
        output: file that takes what it prints.
        user: id of the user that it runs as, where it is not this one.
    """
    pid = os.fork()
    if pid == 0:
        code = 99
        with contextlib.suppress(BaseException):
            os.dup2(os.open(output, os.O_CREAT | os.O_TRUNC | os.O_WRONLY), 1)
            os.dup2(1, 2)
            sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
            if user:
                os.setgid(user)
                os.setuid(user)
            code = call() or 0
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return Ended(os.waitstatus_to_exitcode(status), output.read_text(errors="replace") if output.exists() else "")


@contextlib.contextmanager
def meanwhile(call: Callable[[], object]) -> Iterator[int]:
    """``call`` in a fork of this process, which is killed at the end of the block; yields the process' id."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            call()
        os._exit(0)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def command(*words: object) -> Callable[[], int]:
    """The command line as a call."""
    from analysis.cli.main import main

    return lambda: main([str(word) for word in words])


def started(*words: object, program: Sequence[str] = ("-m", "lo_theory")) -> subprocess.Popen[str]:
    """The command line in a new process, which the caller ends."""
    return subprocess.Popen(
        [sys.executable, *program, *map(str, words)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until(true: Callable[[], object], what: str) -> None:
    """Look again and again until it is true."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All processes below it that live."""
    return psutil.Process(process.pid).children(recursive=True)


def living(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended; a zombie has."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def weights(directory: Path) -> dict[str, bytes]:
    """Every tensor of a checkpoint, of weights and optimizers, and how far it is."""
    from lo_theory.learning.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(directory / "checkpoint.safetensors")
    about = json.dumps([checkpoint.step, checkpoint.tokens, checkpoint.flops, checkpoint.training], sort_keys=True)
    return {name: value.numpy().tobytes() for name, value in checkpoint.tensors.items()} | {"": about.encode()}


def log(directory: Path) -> list[tuple[int, float]]:
    """Step and loss of each line of a training log."""
    lines = [json.loads(line) for line in (directory / "log.jsonl").read_text().splitlines()]
    return [(line["step"], line["loss_nats"]) for line in lines]


def files(directory: Path) -> dict[str, bytes]:
    """Every visible file below by its name; hidden ones belong to the owner."""
    paths = (path for path in sorted(directory.rglob("*")) if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


def strays(directory: Path) -> list[Path]:
    """Temporary files that were left over."""
    return list(directory.rglob(".*.part"))
