"""One piece of work by several processes that wait for one another: they start together and end together.

Calls side by side (:mod:`generators.ground.workers`) are independent, and what one has finished is kept if another is
lost. Here none can go on without the others: the first that fails or dies ends them all, with its error.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import connection, get_context, resource_tracker
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, TypeVar

from generators.ground.allocator import keep_freed_memory
from generators.ground.numbers import whole_number
from generators.ground.ownership import end_with_parent

Result = TypeVar("Result")

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
_GRACE = 5.0  # seconds for the others to notice that one has failed, and to say so
_LEAVE = 5.0  # seconds between the request to end and the end
_MOST = 2**15  # of processes: more than a machine has


@dataclass(frozen=True)
class Member:
    """Which of the processes this one is.

    Attributes:
        rank: its number, from 0.
        size: how many there are.
        local_rank: its number among those of this machine.
        meeting: a directory of theirs alone, empty at first; None where the environment says how they meet, by
            MASTER_ADDR and MASTER_PORT.
    """

    rank: int
    size: int
    local_rank: int
    meeting: Path | None


class MemberLost(ConnectionError):  # noqa: N818 - an event of the run, not a mistake in the call
    """Raised by a process that another one has left; what went wrong went wrong there."""


def member_here(environment: Mapping[str, str] = os.environ) -> Member | None:
    """Which one this process is, if torchrun or the like has started it; None if it is alone.

    Raises:
        ValueError: the environment contradicts itself, or does not say how the processes meet.
    """
    if "RANK" not in environment or "WORLD_SIZE" not in environment:
        return None
    numbers = dict[str, int]()
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        text = environment.get(name, environment["RANK"])
        if not text.isdecimal():
            raise ValueError(f"the environment has {name}={text!r}, which is no number. {_LAUNCH}")
        numbers[name] = int(text)
    rank, size, local_rank = numbers.values()
    if not rank < size:
        raise ValueError(f"the environment has RANK={rank} and WORLD_SIZE={size}; ranks count from 0. {_LAUNCH}")
    missing = [name for name in ("MASTER_ADDR", "MASTER_PORT") if name not in environment]
    if missing and size > 1:
        raise ValueError(f"the environment has WORLD_SIZE={size} and no {' and no '.join(missing)}. {_LAUNCH}")
    return Member(rank, size, local_rank, None)


_LAUNCH = "Let torchrun start the processes, or unset RANK and WORLD_SIZE to work in one."


def run_together(
    function: Callable[..., Result], arguments: Sequence[Any] = (), *, processes: int, cause_of_death: str = ""
) -> Result:
    """``function(member, *arguments)`` in so many new processes, each with one thread; what that of rank 0 returns.

    They do not hear Ctrl-C: this process does, and ends them. They end with it however it dies.

    Args:
        function: what a new process can load by its name; ``arguments`` and the result travel.
        cause_of_death: a sentence for the message about a process that was killed.
    Raises:
        TypeError, ValueError: ``processes`` is no integer, or below 1.
        ChildProcessError: a process was killed or ended by itself.
        KeyboardInterrupt: when all have ended.
        Errors of ``function`` are passed on: that of the lowest rank, and :class:`MemberLost` only if nothing else is
        known; notes of the error have the traceback from there.
    """
    size = whole_number(processes, "processes", least=1, most=_MOST)
    running = list[_Running]()
    with tempfile.TemporaryDirectory(prefix="lo-theory-") as folder:
        try:
            with _inherited():
                for rank in range(size):
                    member = Member(rank, size, rank, Path(folder))
                    running.append(_Running.start(function, member, arguments))
            reports = _reports(running)
            if not any(report.failed for report in reports):
                for one in running:
                    one.process.join(_LEAVE)
        finally:
            _end(running)
    return _outcome(reports, cause_of_death)


@dataclass(frozen=True)
class _Report:
    """How the work of a process ended: with a value, an error, or an exit code alone if it said nothing."""

    value: Any = None
    error: Exception | None = None
    exit_code: int | None = None

    @property
    def failed(self) -> bool:
        return self.error is not None or self.exit_code is not None


@dataclass(frozen=True)
class _Running:
    process: SpawnProcess
    pipe: connection.Connection

    @staticmethod
    def start(function: Callable[..., Any], member: Member, arguments: Sequence[Any]) -> _Running:
        spawn = get_context("spawn")
        pipe, theirs = spawn.Pipe(duplex=False)
        task = (theirs, os.getpid(), function, member, arguments)
        process = spawn.Process(target=_work, args=task, name=f"process {member.rank} of {member.size}", daemon=True)
        process.start()
        theirs.close()  # so that the pipe ends with the process
        return _Running(process, pipe)


@contextlib.contextmanager
def _inherited() -> Iterator[None]:
    """What processes that are started in this block have from birth: one thread, and no ear for Ctrl-C."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    masked = hasattr(signal, "pthread_sigmask")
    resource_tracker.ensure_running()  # which would unmask the signal when it is started with the first process
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masked else None
    os.environ |= _ONE_THREAD
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _work(
    pipe: connection.Connection, parent: int, function: Callable[..., Any], member: Member, arguments: Sequence[Any]
) -> None:
    """In the new process."""
    if os.getppid() != parent:
        os._exit(1)
    end_with_parent()
    keep_freed_memory()
    try:
        value = function(member, *arguments)
        report = _Report(value=value if member.rank == 0 else None)
    except Exception as error:
        error.add_note(f"in process {member.rank} of {member.size}:\n{traceback.format_exc()}")
        report = _Report(error=_able_to_travel(error))
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        pipe.send(report)
    except OSError:  # nobody is left to hear it
        os._exit(1)


def _able_to_travel(error: Exception) -> Exception:
    """The error, or where it cannot be pickled and read back one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _reports(running: Sequence[_Running]) -> list[_Report]:
    """What became of each, by rank; nothing of those that still work a while after the first has failed."""
    waiting = {one.pipe: rank for rank, one in enumerate(running)}
    reports = [_Report()] * len(running)
    patience, last = None, 0.0
    while waiting:
        ready = connection.wait(list(waiting), patience)
        for pipe in ready:
            rank = waiting.pop(pipe)  # pyright: ignore[reportArgumentType] - what was waited for
            reports[rank] = _report(running[rank])
            if reports[rank].failed and patience is None:
                last, patience = time.monotonic() + _GRACE, _GRACE
        if patience is not None:
            patience = last - time.monotonic()
            if patience <= 0:
                break
    return reports


def _report(one: _Running) -> _Report:
    try:
        return one.pipe.recv()
    except (EOFError, OSError):  # it died, perhaps in the middle of a word
        one.process.join()
        return _Report(exit_code=one.process.exitcode)


def _end(running: Sequence[_Running]) -> None:
    """Whoever still lives ends: on request, or else by force."""
    for one in running:
        one.process.terminate()
    for one in running:
        one.process.join(_LEAVE)
        one.process.kill()
        one.process.join()
        one.process.close()
        one.pipe.close()


def _outcome(reports: Sequence[_Report], cause_of_death: str) -> Any:
    errors = [report.error for report in reports if report.error is not None]
    own = [error for error in errors if not isinstance(error, MemberLost)]
    if own:
        raise own[0]
    for rank, report in enumerate(reports):
        if report.exit_code is not None:
            how = _death(report.exit_code)
            raise ChildProcessError(
                f"process {rank} of {len(reports)} {how} before its work was done, and the others were ended."
                f"{cause_of_death and ' '}{cause_of_death}"
            )
    if errors:
        raise errors[0]
    return reports[0].value


def _death(exit_code: int) -> str:
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was killed by signal {-exit_code}"
