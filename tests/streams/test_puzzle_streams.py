"""Streams of puzzles: what is created, and the prompted rows that are read off it.

A puzzle is made by compiled integer arithmetic from one word of Philox and SplitMix64: it is the same on any machine.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from generators.ground.draws import words
from generators.prompted import random_order
from generators.sudoku import SIZES, SudokuCells, SudokuSource, SudokuTriples, full_grids, random_symmetry
from generators.zebra import ZebraCells, ZebraSource, ZebraTriples

Sudoku6 = partial(SudokuSource, side=6)
Zebra3 = partial(ZebraSource, houses=(3, 3), attributes=(3, 3))

PLACES = {"found-at": 1.0, "not-at": 3.0}

SUDOKUS: dict[str, tuple[SudokuSource, int, int, str]] = {
    "4x4": (SudokuSource(side=4), 0, 0, "10000030020000041342 #4c8a14f7"),
    "6x6": (Sudoku6(), 0, 0, "14000050003006020000 #9f221d90"),
    "9x9": (SudokuSource(), 0, 0, "00009700000300000107 #3dc5453b"),
    "16x16": (SudokuSource(side=16), 0, 0, "0,0,0,1,12,0,5,0,14 #489eaf49"),
    "9x9 of another seed": (SudokuSource(), 1, 0, "00004002001000003000 #465c6ce0"),
    "9x9 further on": (SudokuSource(), 0, 10**9, "04000001770010500600 #62fd3fff"),
    "9x9 with 28 clues": (SudokuSource(clues=28), 0, 0, "00009700000300000107 #7b407f3a"),
    "9x9 that need a guess": (SudokuSource(levels=(9, 9)), 0, 0, "00009700000300000107 #f4d96ac3"),
    "6x6 for training": (Sudoku6(part="train", test_share=0.5), 0, 0, "50000140000300003000 #7ad4e8cf"),
    "6x6 for testing": (Sudoku6(part="test", test_share=0.5), 0, 0, "14000050003006020000 #d1b57c83"),
}

ZEBRAS: dict[str, tuple[ZebraSource, int, int, str]] = {
    "3x3": (Zebra3(), 0, 0, "8,12,7,18,7,19,13,20 #fe72ac93"),
    "4x4": (ZebraSource(), 0, 0, "8,6,27,24,7,20,24,15 #5ff62080"),
    "4x4 of another seed": (ZebraSource(), 1, 0, "7,26,25,19,8,13,14,1 #75388729"),
    "4x4 further on": (ZebraSource(), 0, 10**9, "0,8,3,42,5,21,27,42 #b50af740"),
    "3 to 5, 3 to 6": (ZebraSource(houses=(3, 5), attributes=(3, 6)), 0, 0, "2,39,19,42,8,38,27,3 #e7f668c1"),
    "4x4 of places alone": (ZebraSource(weights=PLACES), 0, 0, "1,13,2,42,1,25,2,42 #2c352b68"),
    "4x4 that are hard": (ZebraSource(levels=(5, 6)), 0, 0, "8,20,7,18,8,7,15,6,6 #19978601"),
    "3x3 for training": (Zebra3(part="train", test_share=0.5), 0, 0, "8,12,7,18,7,19,13,20 #bd33f0fe"),
    "3x3 for testing": (Zebra3(part="test", test_share=0.5), 0, 0, "6,7,19,42,7,18,13,12 #cbab7c92"),
}


@pytest.mark.parametrize("name", SUDOKUS)
def test_sudokus(seen, name):
    """Puzzles, solutions and numbers of draws."""
    source, seed, start, golden = SUDOKUS[name]
    made = source.rows(seed, start, start + (1 if source.side == 16 else 4))
    assert seen(np.concatenate([made.puzzles, made.solutions, made.attempts[:, None]], axis=1)) == golden


@pytest.mark.parametrize("name", ZEBRAS)
def test_zebras(seen, name):
    """Sizes, clues, solutions and numbers of draws; as text, the clues."""
    source, seed, start, golden = ZEBRAS[name]
    made = source.rows(seed, start, start + 4)
    parts = [made.puzzles.clues, made.solutions, made.puzzles.houses, made.puzzles.attributes, made.attempts]
    assert seen(np.concatenate([part.reshape(4, -1) for part in parts], axis=1)) == golden


EASY = SudokuSource(side=4, levels=(2, 8))
SMALL = Zebra3(levels=(1, 5))
SUDOKU, ZEBRA = SudokuTriples(EASY, "random").rows, ZebraTriples(SMALL, "random").rows

ROWS: dict[str, tuple[Callable[[int, int, int], Any], int, int, str]] = {
    "Sudoku, cells": (SudokuCells(EASY).rows, 0, 0, "-4,1,0,2,2,0,-2,3,0 #205d1c1b"),
    "Sudoku, fixed order": (SudokuTriples(EASY).rows, 0, 0, "1,2,3,0,1,3,2,0,3,2 #deae41fc"),
    "Sudoku, solver's order": (SudokuTriples(EASY, "solver").rows, 0, 0, "1,2,3,0,1,3,2,0,3,3 #83354d91"),
    "Sudoku, random order": (SUDOKU, 0, 0, "3,1,1,1,0,1,1,2,3,2 #f2e1bd09"),
    "Sudoku, random order of another seed": (SUDOKU, 1, 0, "2,2,3,3,3,1,1,1,2,2 #90b450cf"),
    "Sudoku, random order further on": (SUDOKU, 0, 1000, "0,0,3,1,0,0,2,3,1,3 #7bf3b8c6"),
    "Zebra, cells": (ZebraCells(SMALL).rows, 0, 0, "2,1,0,2,0,1,1,2,0,-2 #8c38f83a"),
    "Zebra, compact cells of houses": (ZebraCells(SMALL, True, "house").rows, 0, 0, "2,1,0,2,0,1,1,2,0,-5 #d9e1c4ba"),
    "Zebra, fixed order": (ZebraTriples(SMALL).rows, 0, 0, "2,2,2,1,1,2,0,0,2,2 #4e260dbd"),
    "Zebra, solver's order": (ZebraTriples(SMALL, "solver").rows, 0, 0, "2,1,0,0,0,0,1,2,0,0 #e042c3ea"),
    "Zebra, random order": (ZEBRA, 0, 0, "2,2,1,0,1,1,0,0,0,2 #4fbf953e"),
    "Zebra, random order of another seed": (ZEBRA, 1, 0, "2,1,1,1,0,1,1,1,2,0 #701e141d"),
    "Zebra, random order further on": (ZEBRA, 0, 1000, "0,2,0,0,2,1,0,0,2,2 #35b29a56"),
}


@pytest.mark.parametrize("name", ROWS)
def test_prompted_rows(seen, name):
    """Backwards, so that the answer comes first."""
    rows, seed, start, golden = ROWS[name]
    assert seen(rows(seed, start, start + 5)[:, ::-1]) == golden


@pytest.mark.parametrize(
    ("seed", "start", "golden"),
    [
        (0, 0, "786231045 140325876 #47e7d33e"),
        (1, 0, "210865734 432105678 #75169ebd"),
        (0, 10**9, "610543728 452013867 #880d55e6"),
    ],
)
def test_random_orders(seen, seed, start, golden):
    """Of nine places; in every other row the last three come last."""
    last = np.zeros((40, 9), dtype=bool)
    last[1::2, 6:] = True
    assert seen(random_order(last, seed, start)) == golden


def test_full_grids(seen):
    assert seen(full_grids(SIZES[6], words(0, 0, 0, 20))) == "14356252613436124525 #d45564bf"


@pytest.mark.parametrize(
    ("side", "golden"), [(6, "05401234530210431652 #c01437cf"), (9, "18762014530216875430 #8f0f5e26")]
)
def test_symmetries(seen, side, golden):
    one = random_symmetry(SIZES[side], np.random.default_rng(0))
    assert seen(np.concatenate([[int(one.turned)], one.rows, one.columns, one.labels])) == golden
