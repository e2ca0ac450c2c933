"""Accuracies by how hard a puzzle is for a person: singles suffice, the seven strategies do, or it takes a guess.

Lone and hidden singles fill a cell after one look at the board. The other five strategies strike candidates first, so a
reasoner of one look is stuck there, whatever the order. The paper's hard puzzles are those that not even the seven
solve.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Int64

from analysis.lab.rows import Row, Subject
from analysis.puzzles.judging import Judgement, puzzle_rows
from analysis.puzzles.problems import Levels
from generators.ground.codec import fingerprint
from generators.sudoku.human import STUCK
from generators.sudoku.strategies import HIDDEN_SINGLE, LONE_SINGLE, NAKED_PAIR, UNIQUE_RECTANGLE

GROUPS: dict[str, Levels] = {
    "singles": (LONE_SINGLE, HIDDEN_SINGLE),
    "strategies": (NAKED_PAIR, UNIQUE_RECTANGLE),
    "beyond": (STUCK, STUCK),
}


def group_members(levels: Int64[np.ndarray, "n"]) -> dict[str, Bool[np.ndarray, "n"]]:
    """Which puzzles of these levels belong to each group; one group for each level above 0."""
    return {name: (levels >= low) & (levels <= high) for name, (low, high) in GROUPS.items()}


def rows_by_level(
    judgement: Judgement,
    levels: Int64[np.ndarray, "n"],
    *,
    about: Subject,
    decoder: str,
    swept: str,
    at: float,
) -> dict[str, list[Row]]:
    """Board accuracy, cell accuracy and validity within each group that has boards.

    Args:
        levels: of the puzzles, as :func:`generators.sudoku.solve_by_strategies` tells them.
        about: the whole set; a group's name is added to the distribution's, its levels to the fingerprint.
        decoder, swept, at: as in :func:`puzzle_rows`. Calls are not told apart by level.
    """
    found = {}
    for name, members in group_members(levels).items():
        if members.any():
            part = Judgement(judgement.asked[members], judgement.right[members], judgement.valid[members])
            within = replace(
                about,
                distribution=f"{about.distribution}, {name}",
                fingerprint=fingerprint({"puzzles": about.fingerprint, "levels": list(GROUPS[name])}),
            )
            found[name] = puzzle_rows(part, about=within, decoder=decoder, calls=None, swept=swept, at=at)
    return found
