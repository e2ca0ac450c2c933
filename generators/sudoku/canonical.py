"""Canonical forms: two puzzles are the same up to symmetry exactly if their canonical forms are equal.

The canonical form of a full grid is the smallest of its images under the group, read as a word. Once the first row,
the order of the columns and the transposition are chosen, the smallest image is known: the first row is 1, 2, 3, ...,
the other rows of its band and of every other band follow by their first digit, and so do the bands. A puzzle with a
unique solution follows it; where several images of the solution are smallest, the smallest pattern of givens decides.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Int64, Integer, UInt8, UInt64

from generators.ground.compiled import kernel
from generators.sudoku.grid import Size, check_grids
from generators.sudoku.symmetry import check_solutions, symmetry_key

_LARGEST = 9


@dataclass(frozen=True)
class CanonicalForm:
    """Canonical puzzles and solutions (n, cells), and the number of automorphisms of each solution (n,).

    The solution's class holds ``group_order(size) / automorphisms`` grids.
    """

    puzzles: UInt8[np.ndarray, "n cells"]
    solutions: UInt8[np.ndarray, "n cells"]
    automorphisms: Int64[np.ndarray, "n"]


def canonical_form(puzzles: Integer[np.ndarray, "n cells"], solutions: Integer[np.ndarray, "n cells"]) -> CanonicalForm:
    """Canonical forms of puzzles with unique solutions; pass the solutions twice to classify full grids.

    Raises:
        ValueError: a side above 9 (16x16 has 2 * 16 * 24**5 column orders: there the invariant
            :func:`~generators.sudoku.symmetry.symmetry_key` must do), wrong shapes, digits out of range, unfinished
            solutions.
    Cost: 0.5 ms for 9x9, which has 23,328 ways to choose the first row and the columns.
    """
    size = check_grids(puzzles)
    check_solutions(puzzles, solutions)
    if size.side > _LARGEST:
        raise ValueError(
            f"canonical forms are computed up to side {_LARGEST}; got {size.side}. Use symmetry_key, which never "
            f"separates equivalent puzzles."
        )
    out = np.empty(puzzles.shape, np.uint8), np.empty(puzzles.shape, np.uint8), np.empty(len(puzzles), np.int64)
    given = np.ascontiguousarray(puzzles > 0, dtype=np.uint8)
    full = np.ascontiguousarray(solutions, dtype=np.uint8)
    _canonical_rows(full, given, _column_orders(size), size.box_rows, size.box_columns, *out)
    return CanonicalForm(*out)


def shared_up_to_symmetry(
    left: tuple[Integer[np.ndarray, "n cells"], Integer[np.ndarray, "n cells"]],
    right: tuple[Integer[np.ndarray, "m cells"], Integer[np.ndarray, "m cells"]],
) -> Int64[np.ndarray, "pairs 2"]:
    """Pairs (row of ``left``, row of ``right``) of equivalent puzzles; a row of ``right`` is named at most once.

    Each side is (puzzles, solutions). Keys find the suspects and canonical forms decide; at side 16 keys alone do,
    which may name a pair too many but never one too few.

    Raises:
        ValueError: as :func:`canonical_form`.
    """
    keys_left, keys_right = symmetry_key(*left), symmetry_key(*right)
    suspects = np.flatnonzero(np.isin(keys_right, keys_left))
    partners = np.flatnonzero(np.isin(keys_left, keys_right))
    known: dict[bytes, int] = {}
    for row, name in zip(partners.tolist(), _names(left, partners, keys_left), strict=True):
        known.setdefault(name, row)
    names = _names(right, suspects, keys_right)
    pairs = [(known[name], row) for row, name in zip(suspects.tolist(), names, strict=True) if name in known]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _names(
    side: tuple[np.ndarray, np.ndarray], rows: Int64[np.ndarray, "k"], keys: UInt64[np.ndarray, "n"]
) -> list[bytes]:
    puzzles, solutions = side[0][rows], side[1][rows]
    if check_grids(puzzles).side > _LARGEST:
        return [key.tobytes() for key in keys[rows]]
    form = canonical_form(puzzles, solutions)
    return [a.tobytes() + b.tobytes() for a, b in zip(form.puzzles, form.solutions, strict=True)]


@cache
def _column_orders(size: Size) -> Int64[np.ndarray, "orders side"]:
    width = size.box_columns
    within = list(itertools.permutations(range(width)))
    orders = [
        [stack * width + column for stack, inner in zip(stacks, inners, strict=True) for column in inner]
        for stacks in itertools.permutations(range(size.side // width))
        for inners in itertools.product(within, repeat=size.side // width)
    ]
    return np.array(orders, dtype=np.int64)


@kernel
def _order_rows(
    grid: UInt8[np.ndarray, "side side"],
    first: int,
    column: int,
    labels: Int64[np.ndarray, "digits"],
    box_rows: int,
    rows: Int64[np.ndarray, "side"],
) -> None:
    """The row order of the smallest image: the band of ``first``, then the others, all by label in ``column``."""
    side = len(grid)
    key = np.empty(side, np.int64)
    for band in range(side // box_rows):
        lowest = side
        for row in range(band * box_rows, (band + 1) * box_rows):
            lowest = min(lowest, labels[grid[row, column]])
        for row in range(band * box_rows, (band + 1) * box_rows):
            own = labels[grid[row, column]]
            key[row] = lowest * (side + 1) + own  # the row `first` has label 0 there, so its band comes first
    rows[:] = np.argsort(key)


@kernel
def _canonical_one(
    grid: UInt8[np.ndarray, "side side"],
    given: UInt8[np.ndarray, "side side"],
    orders: Int64[np.ndarray, "orders side"],
    box_rows: int,
    best: UInt8[np.ndarray, "side side"],
    best_given: UInt8[np.ndarray, "side side"],
    started: bool,
    rows: Int64[np.ndarray, "side"],
    labels: Int64[np.ndarray, "digits"],
) -> int:
    """Improve ``best`` by the images without transposition; returns how many of them equal the final best.

    A negative number says that the best that was there before is still the best.
    """
    side = len(grid)
    equal, improved = 0, False
    for first in range(side):
        band = first - first % box_rows
        for number in range(len(orders)):
            order = orders[number]
            for j in range(side):
                labels[grid[first, order[j]]] = j
            second, lowest = -1, side
            for row in range(band, band + box_rows):
                if row != first and labels[grid[row, order[0]]] < lowest:
                    second, lowest = row, labels[grid[row, order[0]]]
            verdict = 0 if started else -1
            for j in range(side):
                if verdict != 0:
                    break
                verdict = labels[grid[second, order[j]]] + 1 - best[1, j]
            if verdict > 0:
                continue
            _order_rows(grid, first, order[0], labels, box_rows, rows)
            for i in range(side):
                for j in range(side):
                    if verdict != 0:
                        break
                    verdict = labels[grid[rows[i], order[j]]] + 1 - best[i, j]
            if verdict > 0:
                continue
            if verdict == 0:
                equal += 1
                for i in range(side):
                    for j in range(side):
                        if verdict == 0:
                            verdict = np.int64(given[rows[i], order[j]]) - best_given[i, j]
                if verdict >= 0:
                    continue
            else:
                equal, improved, started = 1, True, True
            for i in range(side):
                for j in range(side):
                    best[i, j] = labels[grid[rows[i], order[j]]] + 1
                    best_given[i, j] = given[rows[i], order[j]]
    return equal if improved else -equal


@kernel
def _canonical_rows(
    solutions: UInt8[np.ndarray, "n cells"],
    given: UInt8[np.ndarray, "n cells"],
    orders: Int64[np.ndarray, "orders side"],
    box_rows: int,
    box_columns: int,
    out_puzzles: UInt8[np.ndarray, "n cells"],
    out_solutions: UInt8[np.ndarray, "n cells"],
    automorphisms: Int64[np.ndarray, "n"],
) -> None:
    side = box_rows * box_columns
    rows, labels = np.empty(side, np.int64), np.empty(side + 1, np.int64)
    best, best_given = np.empty((side, side), np.uint8), np.empty((side, side), np.uint8)
    for n in range(len(solutions)):
        grid, shown = solutions[n].reshape(side, side), given[n].reshape(side, side)
        equal = _canonical_one(grid, shown, orders, box_rows, best, best_given, False, rows, labels)
        if box_rows == box_columns:
            turned, turned_shown = grid.T.copy(), shown.T.copy()
            more = _canonical_one(turned, turned_shown, orders, box_rows, best, best_given, True, rows, labels)
            equal = more if more > 0 else equal - more
        automorphisms[n] = equal
        for i in range(side):
            for j in range(side):
                out_solutions[n, i * side + j] = best[i, j]
                out_puzzles[n, i * side + j] = best[i, j] * best_given[i, j]
