"""A part of the benchmark in a process and with a time budget of its own: what it finds is kept row by row."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

FAILED = "failed"
_GRACE = 5.0  # seconds past its budget after which a part is ended
_OFTEN = 0.2  # seconds between two looks at what it has found


@dataclass(frozen=True)
class Plan:
    """What is measured on.

    Attributes:
        device: a GPU, or the CPU to try the plumbing.
        tiny: sizes that take a moment on a CPU and say nothing about speed.
        ends: when the part is over, as ``time.monotonic()`` counts.
    """

    device: torch.device
    tiny: bool
    ends: float

    def left(self) -> float:
        """Seconds."""
        return self.ends - time.monotonic()


@dataclass(frozen=True, kw_only=True)
class Found:
    """One number.

    Attributes:
        name: what was measured.
        value: the number; None where there is none, and ``note`` says why.
        unit: of the number.
        limit: it shall be at most this; None: there is nothing to be kept.
        note: how it came about.
    """

    name: str
    value: float | None
    unit: str = ""
    limit: float | None = None
    note: str = ""

    @property
    def kept(self) -> bool:
        """Whether the limit is, if there is one; NaN keeps none."""
        return self.name != FAILED and (self.limit is None or (self.value is not None and self.value <= self.limit))


_FORKING = multiprocessing.get_context("fork")

Measure = Callable[[Plan], Iterator[Found]]


def gpu_there() -> bool:
    """Whether PyTorch sees a GPU; asked in a fork, as a process that has touched it cannot fork any more."""
    process = _FORKING.Process(target=lambda: sys.exit(not torch.cuda.is_available()))
    process.start()
    process.join()
    return process.exitcode == 0


def run_part(name: str, measure: Measure, plan: Plan, rows: Path) -> Iterator[Found]:
    """What a part finds, as it finds it; also appended to the file ``rows``.

    It runs in a fork of this process, which has not touched the GPU: an abort there, a device that is unusable since,
    or a wait without end is the part's alone. An error, a signal or the end of the budget becomes a row ``failed``
    behind those that were there before.
    """
    read = rows.stat().st_size if rows.exists() else 0
    started = time.monotonic()
    process = _FORKING.Process(target=_measure, args=(name, measure, plan, rows))
    process.start()
    over = False
    while not over:
        process.join(_OFTEN)
        over = not process.is_alive()
        if not over and plan.left() < -_GRACE:
            process.kill()
            process.join()
            over = True
            write(rows, name, Found(name=FAILED, value=None, note=f"ended after {time.monotonic() - started:.0f} s"))
        elif over and process.exitcode:
            write(rows, name, Found(name=FAILED, value=None, note=f"the process ended with {process.exitcode}"))
        content = rows.read_bytes()[read:] if rows.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        read += len(whole)
        for line in whole.splitlines():
            form = json.loads(line)
            yield Found(**{field.name: form[field.name] for field in dataclasses.fields(Found)})


def write(rows: Path, part: str, found: Found) -> None:
    """A line more in the file, there even if the next moment ends the process."""
    line = json.dumps({"part": part} | dataclasses.asdict(found) | {"kept": found.kept})
    with rows.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def _measure(name: str, measure: Measure, plan: Plan, rows: Path) -> None:
    """In the process of the part: rows as they come, an error as the last one."""
    if plan.tiny:
        torch.set_num_threads(1)
    try:
        for found in measure(plan):
            write(rows, name, found)
    except Exception as error:  # whatever it is, the other parts go on and the table has it
        text = " ".join(str(error).split())
        write(rows, name, Found(name=FAILED, value=None, note=f"{type(error).__name__}: {text}"[:500]))
