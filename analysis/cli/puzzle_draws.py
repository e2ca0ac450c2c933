"""New puzzles of a kind as rows of a dataset, each with the key of its class, by which repeats are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt64

from generators.sudoku import human as sudoku_human
from generators.sudoku import search as sudoku_search
from generators.sudoku import symmetry as sudoku_symmetry
from generators.sudoku.create import SudokuSource
from generators.sudoku.grid import grid_text
from generators.zebra import human as zebra_human
from generators.zebra import search as zebra_search
from generators.zebra import symmetry as zebra_symmetry
from generators.zebra.create import ZebraSource
from generators.zebra.puzzle import clue_text
from generators.zebra.sentences import everyday_names, sentences

if TYPE_CHECKING:
    from analysis.cli.sudoku.generate import GenerateSudoku
    from analysis.cli.zebra.generate import GenerateZebra

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Draws:
    """A law of puzzles.

    Attributes:
        source: its fields, for the manifest.
        rows: (seed, start, stop) -> rows of the dataset, and the key of each puzzle's class.
    """

    source: dict[str, Any]
    rows: Callable[[int, int, int], tuple[list[Row], UInt64[np.ndarray, "n"]]]


def sudoku_draws(asked: GenerateSudoku) -> Draws:
    """Sudokus as texts, '.' for empty.

    Raises:
        ValueError: what :class:`SudokuSource` refuses.
    """
    source = SudokuSource(side=asked.side, clues=asked.clues, levels=asked.levels)

    def rows(seed: int, start: int, stop: int) -> tuple[list[Row], UInt64[np.ndarray, "n"]]:
        made = source.rows(seed, start, stop)
        levels = sudoku_human.solve_by_strategies(made.puzzles).levels.tolist()
        guesses = sudoku_search.solve(made.puzzles).branches.tolist()
        found = [
            {
                "puzzle": grid_text(puzzle),
                "solution": grid_text(solution),
                "givens": int((puzzle > 0).sum()),
                "level": level,
                "guesses": guess,
                "draw": draw,
            }
            for draw, puzzle, solution, level, guess in zip(
                range(start, stop), made.puzzles, made.solutions, levels, guesses, strict=True
            )
        ]
        return found, sudoku_symmetry.symmetry_key(made.puzzles, made.solutions)

    return Draws(asdict(source), rows)


def zebra_draws(asked: GenerateZebra) -> Draws:
    """Zebra puzzles with clues as tokens and as sentences, and the solution by name, house by house.

    Raises:
        ValueError: what :class:`ZebraSource` refuses.
    """
    source = ZebraSource(houses=asked.houses, attributes=asked.attributes, levels=asked.levels)

    def rows(seed: int, start: int, stop: int) -> tuple[list[Row], UInt64[np.ndarray, "n"]]:
        made = source.rows(seed, start, stop)
        levels = zebra_human.solve_by_strategies(made.puzzles).levels.tolist()
        guesses = zebra_search.solve(made.puzzles).branches.tolist()
        found = []
        for number, draw in enumerate(range(start, stop)):
            puzzle = made.puzzles[number]
            names = everyday_names(puzzle.houses, puzzle.attributes)
            solution = made.solutions[number, : puzzle.attributes, : puzzle.houses].tolist()
            found.append(
                {
                    "houses": puzzle.houses,
                    "attributes": list(names.attributes[1:]),
                    "values": [list(values) for values in names.values[1:]],
                    "clues": [clue_text(clue) for clue in puzzle.clues],
                    "sentences": sentences(puzzle, names),
                    "solution": [
                        [names.values[row + 1][value] for value in values] for row, values in enumerate(solution)
                    ],
                    "level": levels[number],
                    "guesses": guesses[number],
                    "draw": draw,
                }
            )
        return found, zebra_symmetry.symmetry_key(made.puzzles, made.solutions)

    return Draws(asdict(source), rows)
