"""Freed memory is kept where it was asked for: by the programs, never on import, never against a user's tuning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from generators.ground import allocator
from generators.ground.workers import side_by_side

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


def faults(keep: str, **environment: str) -> tuple[str, int]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    command = [sys.executable, "-c", COUNT, keep]
    ran = subprocess.run(command, cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=True)
    kept, count = ran.stdout.split()
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


def whether_kept(calls: int) -> bool:
    return len(allocator.TOLD) == 1


def test_workers_keep_it_and_the_importing_process_does_not():
    assert allocator.TOLD == []
    assert all(side_by_side(whether_kept, [(1,), (1,)], jobs=2))
    assert allocator.TOLD == []
