"""How fast Sudoku is made and solved: ``python benchmarks/sudoku.py``. Prints tables and writes nothing.

Processor seconds on one thread, medians of several repetitions; compilation is not counted, it happens once per
installation. The yardstick is the Python package dokusan, which made the orders of the public data; without it the
ratios are left out. All 9x9 unless the line says otherwise.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported, or its threads are there already

import importlib.util
import statistics
import time
from collections.abc import Callable

import numpy as np

from generators.ground.draws import words
from generators.sudoku import (
    SIZES,
    STUCK,
    SudokuSource,
    canonical_form,
    full_grids,
    grid_text,
    solve,
    solve_by_strategies,
    symmetry_key,
)

GOAL = 1000.0  # unique puzzles per second and core
SOURCES = {
    "no superfluous clue": SudokuSource(),
    "40 clues": SudokuSource(clues=40),
    "30 clues": SudokuSource(clues=30),
    "26 clues": SudokuSource(clues=26),
    "24 clues": SudokuSource(clues=24),
    "23 clues": SudokuSource(clues=23),
    "solved by the seven strategies": SudokuSource(levels=(2, 8)),
    "beyond the seven strategies": SudokuSource(levels=(STUCK, STUCK)),
    "test part, a tenth of all": SudokuSource(part="test"),
    "4x4": SudokuSource(side=4),
    "6x6": SudokuSource(side=6),
    "16x16, 120 clues": SudokuSource(side=16, clues=120),
}


def per_second(work: Callable[[int], object], items: int, repetitions: int = 5) -> float:
    """Median rate; ``work(i)`` treats ``items`` items, other ones for every i."""
    work(0)  # compiles
    seconds = []
    for repetition in range(1, repetitions + 1):
        start = time.process_time()
        work(repetition)
        seconds.append(time.process_time() - start)
    return items / statistics.median(seconds)


def stream(source: SudokuSource, items: int) -> float:
    """Puzzles per second from a source's own stream."""
    return per_second(lambda i: source.rows(0, i * items, (i + 1) * items), items)


def with_dokusan(puzzles: np.ndarray, method: str, items: int) -> float | None:
    """Puzzles per second of ``dokusan.solvers.steps`` or ``backtrack``."""
    if importlib.util.find_spec("dokusan") is None:
        return None
    from dokusan import exceptions, solvers
    from dokusan.boards import BoxSize, Sudoku

    def work(i: int) -> None:
        for puzzle in puzzles[i * items : (i + 1) * items]:
            board = Sudoku.from_string(grid_text(puzzle), box_size=BoxSize(3, 3))
            try:
                if method == "steps":
                    list(solvers.steps(board))
                else:
                    solvers.backtrack(board)
            except exceptions.Unsolvable:
                continue

    return per_second(work, items, 3)


def show(name: str, rate: float, yardstick: float | None = None) -> None:
    """One line."""
    ratio = "" if yardstick is None else f"{rate / yardstick:>10.0f}"
    print(f"  {name:<44}{rate:>12,.0f}{ratio}")


def main() -> None:
    """Measure and print."""
    print(f"{'puzzles made per second':<46}{'':>12}")
    made = {name: stream(source, 50 if source.side == 16 else 500) for name, source in SOURCES.items()}
    for name, rate in made.items():
        show(name, rate)
    show("full grids", per_second(lambda i: full_grids(SIZES[9], words(0, 0, i * 1000, (i + 1) * 1000)), 1000))

    rows = SudokuSource().rows(1, 0, 6000)
    pieces = [slice(i * 1000, (i + 1) * 1000) for i in range(6)]
    print(f"\n{'puzzles without superfluous clues, per second':<46}{'':>12}{'ratio':>10}")
    steps, backtrack = with_dokusan(rows.puzzles, "steps", 30), with_dokusan(rows.puzzles, "backtrack", 10)
    if steps and backtrack:
        show("dokusan, strategies", steps, steps)
    human = per_second(lambda i: solve_by_strategies(rows.puzzles[pieces[i]], "dokusan"), 1000)
    show("strategies, dialect dokusan", human, steps)
    show("strategies, sound", per_second(lambda i: solve_by_strategies(rows.puzzles[pieces[i]]), 1000), steps)
    if steps and backtrack:
        show("dokusan, search for one solution", backtrack, backtrack)
    show("search with proof of uniqueness", per_second(lambda i: solve(rows.puzzles[pieces[i]]), 1000), backtrack)
    pairs = [(rows.puzzles[piece], rows.solutions[piece]) for piece in pieces]
    show("symmetry keys", per_second(lambda i: symmetry_key(*pairs[i]), 1000))
    show("canonical forms", per_second(lambda i: canonical_form(*pairs[i]), 1000))
    reached = [name for name in ("no superfluous clue", "24 clues") if made[name] >= GOAL]
    print(f"\ngoal {GOAL:,.0f} unique 9x9 puzzles per second: reached with {' and with '.join(reached) or 'NEITHER'}")


if __name__ == "__main__":
    main()
