"""Whether a puzzle has exactly one solution, and if not, why not, in words: which clues contradict, what is open."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int8

from generators.zebra.clue import MOST
from generators.zebra.puzzle import ZebraPuzzle, clue_text, stack
from generators.zebra.search import solve
from generators.zebra.sentences import Names, clue_sentence, fitting_names


def check_puzzle(puzzle: ZebraPuzzle, names: Names | None = None) -> Int8[np.ndarray, "attributes houses"]:
    """The solution, if there is exactly one.

    Args:
        puzzle: any.
        names: for the messages; without them clues are quoted in tokens.
    Raises:
        ValueError: no solution, with number and text of a clue and of the earlier ones that it contradicts (a set of
            which none can be spared); or two solutions, with an entity and two houses where it may live. Names of
            another size.
    """
    found = solve(stack([puzzle]))
    if found.counts[0] == 0:
        raise ValueError(_contradiction(puzzle, names))
    if found.counts[0] == 2:
        raise ValueError(_open_cell(puzzle, names, found.solutions[0], found.others[0]))
    return found.solutions[0, : puzzle.attributes, : puzzle.houses]


def contradicting_clues(puzzle: ZebraPuzzle) -> list[int]:
    """Indices, from 0, of clues that contradict each other, none of them superfluous; empty if there is a solution.

    The last one is the first clue that the clues before it exclude.
    """
    kept = list(range(len(puzzle.clues)))
    if _is_solvable(puzzle, kept):
        return []
    low, high = 0, len(kept)  # the first `low` clues have a solution, the first `high` have none
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _is_solvable(puzzle, kept[:middle]) else (low, middle)
    kept = kept[:high]
    for index in kept[-2::-1]:
        fewer = [other for other in kept if other != index]
        if not _is_solvable(puzzle, fewer):
            kept = fewer
    return kept


def _is_solvable(puzzle: ZebraPuzzle, kept: list[int]) -> bool:
    return bool(solve(stack([ZebraPuzzle(puzzle.houses, puzzle.attributes, puzzle.clues[kept])])).counts[0])


def _contradiction(puzzle: ZebraPuzzle, names: Names | None) -> str:
    *others, last = contradicting_clues(puzzle)
    quoted = " and ".join(_quote(puzzle, other, names) for other in others) or "the rules, whatever the other clues say"
    return f"no solution: {_quote(puzzle, last, names)} contradicts {quoted}."


def _quote(puzzle: ZebraPuzzle, index: int, names: Names | None) -> str:
    clue = puzzle.clues[index]
    return f"clue {index + 1} ({clue_text(clue) if names is None else clue_sentence(clue, names)})"


def _open_cell(puzzle: ZebraPuzzle, names: Names | None, one: np.ndarray, two: np.ndarray) -> str:
    names = fitting_names(puzzle, names)
    attribute, house = (int(i) for i in np.argwhere(one != two)[0])
    value = int(one[attribute, house])
    elsewhere = int(np.flatnonzero(two[attribute] == value)[0])
    label = names.label(MOST * (attribute + 1) + value)
    return (
        f"two solutions: the {len(puzzle.clues)} clues allow {label} (attribute {attribute}, value {value}) in "
        f"{names.label(house)} and in {names.label(elsewhere)}. Add a clue that tells these apart."
    )
