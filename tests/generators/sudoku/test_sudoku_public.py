"""Every public puzzle at hand: solved, proved unique, and how far strategies go. Skipped where there are none.

The files lie in ``LO_THEORY_DATA`` or in ``../shared/data`` beside the repository.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from generators.sudoku import (
    STUCK,
    PuzzleBatch,
    completes,
    explain,
    grid_text,
    read_puzzles,
    shared_up_to_symmetry,
    solve,
    solve_by_strategies,
    symmetry_key,
)

FOLDER = Path(os.environ.get("LO_THEORY_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
NAMES = {"radcliffe": "sudoku_radcliffe_4000.csv", "park": "sudoku_park_5000.csv", "royle": "sudoku17_royle_3000.txt"}
ORIGINS = {
    "radcliffe": "4,000 rows of Radcliffe's '3 million Sudoku puzzles with ratings' (Kaggle, CC0), balanced over five "
    "bands of difficulty, columns puzzle,solution,clues,difficulty,level",
    "park": "the first 5,000 rows of Park's '1 million Sudoku games' (Kaggle), columns quizzes,solutions",
    "royle": "3,000 of Gordon Royle's puzzles with 17 clues (CC-BY 2.5), one per line",
}
SIZES = {"radcliffe": 4000, "park": 5000, "royle": 3000}


@cache
def public(name: str) -> PuzzleBatch:
    path = FOLDER / NAMES[name]
    if not path.exists():
        pytest.skip(f"needs {path.name} in the folder that LO_THEORY_DATA names: {ORIGINS[name]}")
    return read_puzzles(path)


@pytest.mark.parametrize("name", NAMES)
def test_every_puzzle_has_one_solution_the_stated_one(name):
    """Reading solves each puzzle, compares it with the file's solution, and leaves out what does not agree."""
    found = public(name)
    assert found.rejections == ()
    assert len(found.puzzles) == SIZES[name]
    assert completes(found.solutions, found.puzzles).all()


@pytest.mark.parametrize("name", NAMES)
def test_one_clue_less_is_decided_like_a_full_search(name):
    """Where the search counts 2, another digit in the emptied cell has a solution, and only there."""
    found = public(name)
    fewer = found.puzzles[:200].copy()
    given = (fewer > 0).argmax(axis=1)
    fewer[np.arange(200), given] = 0
    result = solve(fewer)
    assert (result.counts >= 1).all()
    assert completes(result.solutions, fewer).all()
    for puzzle, cell, digit, count in zip(
        fewer, given, found.solutions[np.arange(200), given], result.counts, strict=True
    ):
        others = np.repeat(puzzle[None], 8, axis=0)
        others[:, cell] = [d for d in range(1, 10) if d != digit]
        assert (solve(others).counts.sum() > 0) == (count == 2)


@pytest.mark.parametrize("dialect", ["sound", "dokusan"])
@pytest.mark.parametrize("name", NAMES)
def test_singles_solve_what_needs_no_guess_and_solved_is_right(name, dialect):
    found = public(name)
    result = solve_by_strategies(found.puzzles, dialect)
    singles = solve(found.puzzles).branches == 0
    assert ((result.levels <= 3) == singles).all()
    assert (result.grids[result.solved] == found.solutions[result.solved]).all()
    if dialect == "sound":
        assert ((result.grids == 0) | (result.grids == found.solutions)).all()  # every step is a proof


def test_shares_of_the_seven_strategies():
    """Recorded once, in thousandths; a change of a strategy shows here."""
    shares = {
        (name, dialect): round(1000 * solve_by_strategies(public(name).puzzles, dialect).solved.mean())
        for name in NAMES
        for dialect in ("sound", "dokusan")
    }
    assert shares == {
        ("radcliffe", "sound"): 403,
        ("radcliffe", "dokusan"): 370,
        ("park", "sound"): 1000,
        ("park", "dokusan"): 1000,
        ("royle", "sound"): 853,
        ("royle", "dokusan"): 836,
    }


def test_radcliffe_levels_are_ordered():
    """Rating 0 is what singles solve; after it each band leaves the strategies stuck more often, as does no shuffle."""
    found = public("radcliffe")
    rating = np.loadtxt(FOLDER / NAMES["radcliffe"], delimiter=",", skiprows=1, usecols=3)
    levels = solve_by_strategies(found.puzzles).levels
    assert (levels[rating == 0] <= 3).all()
    assert (levels[rating > 0] > 3).all()
    bands = np.digitize(rating, [1.0, 2.3, 4.0, 5.6])
    stuck = [float((levels[bands == band] == STUCK).mean()) for band in range(5)]
    assert stuck == sorted(stuck)


def test_no_two_public_puzzles_of_a_file_are_the_same_up_to_symmetry():
    for name in NAMES:
        assert len(np.unique(symmetry_key(public(name).puzzles, public(name).solutions))) == SIZES[name]
    royle = public("royle")
    pairs = shared_up_to_symmetry((royle.puzzles, royle.solutions), (royle.puzzles[7:9], royle.solutions[7:9]))
    assert pairs.tolist() == [[7, 0], [8, 1]]


NUMBERS = {
    "Lone Single": 2,
    "Hidden Single": 3,
    "Naked Pair": 4,
    "Naked Triplet": 5,
    "Locked Candidate": 6,
    "XY Wing": 7,
    "Unique Rectangle": 8,
}


def dokusan_steps(puzzle: np.ndarray) -> tuple[list[tuple[int, int | None, int | None]], bool]:
    """Strategy, cell and digit of each step of the package, and whether it gets to the end."""
    from dokusan import exceptions, solvers
    from dokusan.boards import BoxSize, Sudoku

    steps: list[tuple[int, int | None, int | None]] = []
    try:
        for step in solvers.steps(Sudoku.from_string(grid_text(puzzle), box_size=BoxSize(3, 3))):
            number = NUMBERS.get(step.combination.name, 0)  # 0 is the pencilling of candidates
            if number in {2, 3}:
                position = step.combination.cells[0].position
                steps.append((number, position.row * 9 + position.column, step.combination.values[0]))
            elif number:
                steps.append((number, None, None))
    except exceptions.Unsolvable:
        return steps, False
    return steps, True


@pytest.mark.parametrize("name", NAMES)
def test_the_dialect_of_dokusan_repeats_its_every_step(name):
    """Strategies, cells, digits and the place where it is stuck.

    Of all 7,000 puzzles of Radcliffe and Royle two differ: there the package takes two equal sets for different ones,
    as it compares them in the order in which Python happens to iterate over them. Neither is among these.
    """
    pytest.importorskip("dokusan")
    for puzzle in public(name).puzzles[:1500:15]:
        theirs, finished = dokusan_steps(puzzle)
        ours = [(step.strategy, step.cell, step.digit) for step in explain(puzzle, "dokusan")]
        assert ours == theirs
        assert bool(solve_by_strategies(puzzle[None], "dokusan").solved[0]) == finished


def test_the_sound_dialect_does_not_repeat_dokusan():
    """The negative control: the comparison above sees a difference."""
    pytest.importorskip("dokusan")
    puzzles = public("radcliffe").puzzles[800:1000:10]
    ours = [[(step.strategy, step.cell, step.digit) for step in explain(puzzle)] for puzzle in puzzles]
    assert ours != [dokusan_steps(puzzle)[0] for puzzle in puzzles]
