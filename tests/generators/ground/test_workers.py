"""Calls side by side: in order or as they end, in workers that end with their parent and whose death is said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import psutil
import pytest

from generators.ground.workers import side_by_side

ROOT = Path(__file__).resolve().parents[3]
START = """
import sys
from pathlib import Path
from generators.ground.workers import side_by_side
from tests.generators.ground.test_workers import wait
print(list(side_by_side(wait, [(Path(sys.argv[1]), n) for n in range(4)], jobs=2)))
"""


def square(number: int) -> tuple[int, int]:
    return number**2, os.getpid()


def fail(number: int) -> int:
    raise LookupError(f"no {number}")


def die(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def rest(seconds: float) -> None:
    time.sleep(seconds)


def wait(directory: Path, number: int) -> int:
    (directory / f"{number}-{os.getpid()}").touch()
    time.sleep(300)
    return number


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_order_or_all_the_same(jobs):
    calls = [(number,) for number in range(7)]
    ordered = [value for value, _ in side_by_side(square, calls, jobs=jobs)]
    assert ordered == [number**2 for number in range(7)]
    assert sorted(value for value, _ in side_by_side(square, calls, jobs=jobs, in_order=False)) == ordered
    elsewhere = {pid for _, pid in side_by_side(square, calls, jobs=jobs)} != {os.getpid()}
    assert elsewhere == (jobs > 1)


def test_an_error_of_the_function_is_passed_on():
    with pytest.raises(LookupError, match="no 3"):
        list(side_by_side(fail, [(3,)], jobs=2))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_who_stops_early_hears_no_warning():
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        results = side_by_side(rest, [(seconds,) for seconds in (0.0, 5.0, 5.0, 5.0)], jobs=2)
        next(results)
        results.close()  # type: ignore[attr-defined]
    assert [str(warning.message) for warning in heard] == []


def test_the_death_of_a_worker_is_one_line():
    with pytest.raises(ChildProcessError, match=r"workers were lost before their work was done \(TerminatedWorker"):
        list(side_by_side(die, [(1,), (2,)], jobs=2))
    assert [value for value, _ in side_by_side(square, [(5,)], jobs=2)] == [25], "the next call has new workers"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_workers_end_with_their_parent(tmp_path):
    command = [sys.executable, "-c", START, str(tmp_path)]
    parent = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    end = time.monotonic() + 60
    while len(begun := list(tmp_path.iterdir())) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    workers = [int(path.name.partition("-")[2]) for path in begun]
    assert len(set(workers)) == 2
    while any(map(psutil.pid_exists, workers)):  # without an end of their own they wait for minutes
        assert time.monotonic() < end, "orphans"
        time.sleep(0.02)
