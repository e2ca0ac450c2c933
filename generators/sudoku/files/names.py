"""What columns, fields and arrays of puzzles and solutions are called."""

from __future__ import annotations

import re
from collections.abc import Sequence

PUZZLE_NAMES = ("puzzle", "quizzes", "quiz", "question", "board", "sudoku", "input", "unsolved", "grid", "problem")
PUZZLE_NAMES += ("given", "initial", "start", "incomplete", "x", "prompt", "query")
SOLUTION_NAMES = ("solution", "answer", "solved", "output", "target", "label", "completed", "filled", "y", "response")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")


def is_known(name: str) -> bool:
    """Whether a name is that of a puzzle's or a solution's column."""
    return _rank(name, PUZZLE_NAMES) is not None or _rank(name, SOLUTION_NAMES) is not None


def find_columns(names: Sequence[str]) -> tuple[int | None, int | None]:
    """Places of the puzzle's and of the solution's name, None where there is none.

    A name may be in the plural, in capitals, or part of another (``sudoku_puzzle``); one that speaks of a solution is
    no puzzle's (``solved_board``). Of several the likeliest is taken.
    """
    solutions = {place: rank for place, name in enumerate(names) if (rank := _rank(name, SOLUTION_NAMES)) is not None}
    puzzles = {
        place: rank
        for place, name in enumerate(names)
        if place not in solutions and (rank := _rank(name, PUZZLE_NAMES)) is not None
    }
    return (
        min(puzzles, key=puzzles.__getitem__) if puzzles else None,
        min(solutions, key=solutions.__getitem__) if solutions else None,
    )


def _rank(name: str, known: Sequence[str]) -> int | None:
    """How likely a name is one of the known, 0 most; None if it is not. Whole names go before parts of names."""
    plain = name.strip().strip("\"'").lower()
    for number, word in enumerate(known):
        if plain in (word, f"{word}s", f"{word}es"):
            return number
    parts = {part.lower().removesuffix("s") for part in _WORD.findall(name)}
    for number, word in enumerate(known):
        if len(word) > 1 and word.removesuffix("s") in parts:
            return len(known) + number
    return None
