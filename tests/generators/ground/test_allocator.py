"""Freed memory is kept where it was asked for: by the programs, never on import, never against a user's tuning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from generators.ground import allocator

ROOT = Path(__file__).resolve().parents[3]
COUNT = """
import resource, sys
import numpy as np
import analysis, generators, lo_theory, lo_theory.learning.training
from generators.ground.allocator import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == "keep" else None
np.ones(2**23), np.ones(2**23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(2**23)  # 64 MB, above glibc's largest threshold
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def said_by(program: str, *words: str, **environment: str) -> str:
    """In an environment that tunes nothing; a cluster of Dask, once started by another test, leaves one that does."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=True).stdout


def faults(keep: str, **environment: str) -> tuple[str, int]:
    kept, count = said_by(COUNT, keep, **environment).split()
    return kept, int(count)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_pages_are_not_mapped_again_and_by_default_they_are():
    kept, few = faults("keep")
    if kept == "False":
        pytest.skip("another C library")
    _, many = faults("default")
    assert few < many / 20
    assert many > 100  # five times 64 MB, in pages of at most 2 MB
    assert faults("keep", MALLOC_ARENA_MAX="2")[0] == "False"


RETURN = """
import sys
import numpy as np
from generators.ground.allocator import keep_freed_memory, return_freed_memory
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
kept = keep_freed_memory() if sys.argv[1] == "keep" else None
pieces = [np.ones(2**16) for _ in range(400)]  # 200 MiB in pieces of half a MiB
full, pieces[::2] = resident(), [None] * 200  # with holes, so that the heap cannot shrink from its end
freed = resident()
return_freed_memory()
print(kept, full >> 20, freed >> 20, resident() >> 20)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_what_was_kept_is_handed_back_from_between_what_is_still_used():
    kept, full, freed, after = said_by(RETURN, "keep").split()
    if kept == "False":
        pytest.skip("another C library")
    assert int(freed) > int(full) - 10  # MiB: nothing was handed back by itself
    assert int(after) < int(full) - 80  # of the hundred that were freed
    untold = said_by(RETURN, "keep", MALLOC_ARENA_MAX="2").split()
    assert untold[0] == "False"
    assert untold[2] == untold[3]  # a user's tuning is left alone


WORKERS = """
from generators.ground import allocator
from generators.ground.workers import side_by_side
from tests.generators.ground.test_allocator import times_told
print(list(side_by_side(times_told, [(1,), (2,)], jobs=2)), allocator.TOLD)
"""


def times_told(call: int) -> int:
    return len(allocator.TOLD)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_workers_keep_it_and_the_process_that_starts_them_does_not():
    assert said_by(WORKERS) == "[1, 1] []\n"
    assert said_by(WORKERS, MALLOC_TRIM_THRESHOLD_="65536") == "[0, 0] []\n"
