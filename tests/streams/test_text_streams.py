"""Streams of windows and of chains: whole numbers, by comparing words of Philox with sums that are written down.

The distributions of the chains are fractions of small powers of two, so that their sums are exact on any machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from generators import Corpus, HiddenMarkov, MarkovChain, TextWindows

COUNTING = Corpus("counting", np.arange(200))
FIRST, MOVES = np.array([0.5, 0.25, 0.25]), np.array([[0.5, 0.5, 0], [0.125, 0.375, 0.5], [0.25, 0, 0.75]])
PAIRS = np.array([[0.25, 0.25, 0], [0.125, 0.125, 0], [0, 0, 0.25]])
TRIPLES = np.stack([MOVES, MOVES[::-1], MOVES[:, ::-1]])

STREAMS: dict[str, tuple[Callable[[], Any], str]] = {
    "windows": (
        lambda: TextWindows(COUNTING, 6).rows(0, 0, 20),
        "11,12,13,14,15,16 86 #a9bfd805",
    ),
    "windows from the middle on": (
        lambda: TextWindows(COUNTING, 6).rows(2**40, 999, 1009),
        "155,156,157,158,159 #fcffb89d",
    ),
    "memory 1": (lambda: MarkovChain(FIRST, MOVES, 12).rows(0, 0, 20), "100111122200 2011120 #655c48a2"),
    "memory 2": (lambda: MarkovChain(PAIRS, TRIPLES, 12).rows(0, 0, 20), "111201120201 2220120 #e83f9b3d"),
    "hidden": (lambda: HiddenMarkov(FIRST, MOVES, MOVES[:, ::-1], 12).rows(0, 0, 20), "111012000011 0112102 #f83f1c7a"),
}


@pytest.mark.parametrize("name", STREAMS)
def test_windows_and_chains(seen, name):
    make, golden = STREAMS[name]
    assert seen(make()) == golden
