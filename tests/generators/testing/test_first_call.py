"""The first call in a process: slower than the others, and no reason for Hypothesis to call a test flaky."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from generators.testing import check_invariants

PROGRAM = """
import time
from hypothesis import given, settings
from hypothesis.errors import DeadlineExceeded, Flaky
from generators.testing import check_invariants, distributions

def test(**deadline):
    slow = iter([0.5])  # what a first call may take where nothing is compiled yet

    @given(distribution=distributions(max_length=3))
    @settings(max_examples=3, database=None, derandomize=True, **deadline)
    def check(distribution):
        time.sleep(next(slow, 0.0))
        check_invariants(distribution, n=100)

    check()

test(deadline=None)
try:
    test(deadline=200)  # Hypothesis's default, except where the variable CI is set
except (DeadlineExceeded, Flaky) as error:
    print("refused without the recipe")
"""


def test_with_the_recipe_of_the_docs_a_slow_first_call_passes_and_without_it_not():
    assert "@settings(deadline=None)" in (check_invariants.__doc__ or "")
    root = Path(__file__).resolve().parents[3]
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True, check=False)
    assert ran.stdout == "refused without the recipe\n", ran.stderr
