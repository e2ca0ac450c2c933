"""Answers to puzzles, judged: boards right, cells right, and boards that are valid whatever solution is stored.

Three numbers, since papers mean different ones by "accuracy". A board is *right* if every cell equals the stored
solution, and *valid* if it keeps the puzzle's rules and its givens or clues; where the solution is unique these are
one, where it is not, validity is the fairer. Cells are those that the puzzle leaves open: givens are no merit. An
answer that changes a given is an error, not a low score; public code that compares givens with ``any`` instead of
``all`` counts any full grid as an answer to any puzzle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int8, Int64, Integer

from analysis.lab.rows import Row, Subject
from generators.sudoku.grid import check_grids, completes, place
from generators.zebra.clue import LEAST, MOST, NOTHING, truth_tables
from generators.zebra.puzzle import PADDING, ZebraPuzzles
from lo_theory.estimate import effective_interval, ratio_estimate, share_estimate, wilson_interval

EXPERIMENT_NAME = "puzzles"
BOARD, CELL, VALIDITY = "board_accuracy", "cell_accuracy", "validity"


@dataclass(frozen=True, eq=False)
class Judgement:
    """What became of n answers.

    Attributes:
        asked: (n, cells), True where the puzzle leaves the cell open.
        right: (n, cells), True where an asked cell equals the stored solution; False where nothing was asked.
        valid: (n,), full answers that break no rule, no given and no clue.
    """

    asked: Bool[np.ndarray, "n cells"]
    right: Bool[np.ndarray, "n cells"]
    valid: Bool[np.ndarray, "n"]

    @property
    def solved(self) -> Bool[np.ndarray, "n"]:
        """Whether every asked cell is right, (n,)."""
        return (self.right == self.asked).all(axis=1)


def judge_sudoku(
    puzzles: Integer[np.ndarray, "n cells"],
    solutions: Integer[np.ndarray, "n cells"],
    grids: Integer[np.ndarray, "n cells"],
) -> Judgement:
    """Compare Sudoku answers with stored solutions, all (n, cells), 0 = empty or no answer.

    Raises:
        ValueError: arrays of different shapes, digits out of range, a stored solution that is none, a puzzle without an
            empty cell, or an answer that changes a given, with board (from 0), row and column (from 1).
    """
    _check_same_shape(puzzles.shape, solutions.shape, grids.shape)
    size = check_grids(puzzles)
    check_grids(grids)
    wrong = np.flatnonzero(~completes(solutions, puzzles))
    if len(wrong):
        raise ValueError(f"the stored solution of board {wrong[0]} is no solution of its puzzle. Pair them row by row.")
    asked = puzzles == 0
    changed = ~asked & (grids != puzzles)
    if changed.any():
        board, cell = (int(i) for i in np.argwhere(changed)[0])
        raise ValueError(
            f"board {board}, {place(cell, size)}: the given {puzzles[board, cell]} became {grids[board, cell]}. Givens "
            "are part of the prompt: decode from tokens in which they are visible."
        )
    _check_asked(asked)
    return Judgement(asked, asked & (grids == solutions), completes(grids, puzzles))


def judge_zebra(
    puzzles: ZebraPuzzles, solutions: Int8[np.ndarray, "n 6 6"], answers: Int8[np.ndarray, "n 6 6"]
) -> Judgement:
    """Compare Zebra answers with stored solutions: ``[i, attribute, house]`` is a value, -1 for no answer.

    Cells of the judgement are the 36 in reading order; those beyond a puzzle's size are not asked and must hold -1, as
    in the solutions.

    Raises:
        ValueError: another number of answers than puzzles, values outside -1..5, a stored solution that is none, or an
            answer beyond the puzzle's size, with board, attribute and house (all from 0).
    """
    _check_same_shape((len(puzzles), MOST, MOST), solutions.shape, answers.shape)
    outside = (answers < -1) | (answers >= MOST)
    if outside.any():
        board, attribute, house = (int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"board {board}, attribute {attribute}, house {house} holds {answers[board, attribute, house]}; values are "
            f"0..{MOST - 1}, and -1 where there is no answer."
        )
    wrong = np.flatnonzero(~satisfies_clues(puzzles, solutions))
    if len(wrong):
        raise ValueError(f"the stored solution of board {wrong[0]} is no solution of its puzzle. Pair them row by row.")
    asked = _inside(puzzles)
    beyond = ~asked & (answers != -1)
    if beyond.any():
        board, attribute, house = (int(i) for i in np.argwhere(beyond)[0])
        raise ValueError(
            f"board {board}, attribute {attribute}, house {house} holds {answers[board, attribute, house]}, but the "
            f"puzzle has {puzzles.attributes[board]} attributes and {puzzles.houses[board]} houses; beyond them stands "
            "-1."
        )
    right, n = asked & (answers == solutions), len(puzzles)
    return Judgement(asked.reshape(n, -1), right.reshape(n, -1), satisfies_clues(puzzles, answers))


def satisfies_clues(puzzles: ZebraPuzzles, answers: Int8[np.ndarray, "n 6 6"]) -> Bool[np.ndarray, "n"]:
    """Whether every attribute's values are a permutation over the houses and every clue is true, (n,).

    What lies beyond a puzzle's size is not looked at.
    """
    inside = _inside(puzzles)
    n, houses = len(puzzles), puzzles.houses
    known = inside & (answers >= 0) & (answers < houses[:, None, None])
    lives_in = np.full((n, MOST + 1, MOST), -1, dtype=np.int64)  # (n, row of entities, value) -> house
    lives_in[:, 0] = np.arange(MOST)
    board, attribute, house = np.nonzero(known)
    lives_in[board, attribute + 1, answers[board, attribute, house]] = house
    placed = (lives_in[:, 1:] >= 0) | ~inside  # as many values as houses, so every value placed is a permutation
    return placed.all(axis=(1, 2)) & _clues_hold(puzzles, lives_in.reshape(n, -1))


def _clues_hold(puzzles: ZebraPuzzles, lives_in: Int64[np.ndarray, "n entities"]) -> Bool[np.ndarray, "n"]:
    """Whether the clues are true; an entity without a house counts as one in house 0, as does an absent operand."""
    houses = np.append(np.maximum(lives_in, 0), np.zeros((len(lives_in), 1), dtype=np.int64), axis=1)
    shown = puzzles.clues[:, :, 0] != PADDING
    codes = np.where(shown[:, :, None], puzzles.clues[:, :, 1:].astype(np.int64), NOTHING)
    a, b, c = np.moveaxis(np.take_along_axis(houses[:, None, :], codes, axis=2), 2, 0)
    kinds = np.where(shown, puzzles.clues[:, :, 0], 0)
    return (truth_tables()[(puzzles.houses - LEAST)[:, None], kinds, a, b, c] | ~shown).all(axis=1)


def puzzle_rows(
    judgement: Judgement,
    *,
    about: Subject,
    decoder: str | None,
    calls: float | None,
    swept: str | None = None,
    at: float | None = None,
    experiment: str = EXPERIMENT_NAME,
) -> list[Row]:
    """Board accuracy, cell accuracy and validity as rows.

    Args:
        decoder: name of the reveal rule.
        calls: network calls per board.
        swept, at: one more quantity that the experiment varies.
    Returns:
        three rows with 95% intervals, in all of which a board is one draw: Wilson's for boards; for cells, pooled over
        boards with different numbers of empty cells, Wilson's with the effective number of trials.
    Raises:
        ValueError: no boards.
    """
    n = len(judgement.valid)
    if not n:
        raise ValueError("accuracies need at least one board; got none.")
    cells = ratio_estimate(judgement.right.sum(axis=1).astype(float), judgement.asked.sum(axis=1).astype(float))
    solved, valid = int(judgement.solved.sum()), int(judgement.valid.sum())
    measured = (
        (BOARD, share_estimate(solved, n), wilson_interval(solved, n)),
        (CELL, cells, effective_interval(cells.value, cells.standard_error, n)),
        (VALIDITY, share_estimate(valid, n), wilson_interval(valid, n)),
    )
    said = {"decoder": decoder, "calls": calls, "swept": swept, "at": at}
    return [about.row(experiment, metric, found, low=low, high=high, **said) for metric, found, (low, high) in measured]


def _inside(puzzles: ZebraPuzzles) -> Bool[np.ndarray, "n 6 6"]:
    rows = np.arange(MOST) < puzzles.attributes[:, None]
    columns = np.arange(MOST) < puzzles.houses[:, None]
    return rows[:, :, None] & columns[:, None, :]


def _check_same_shape(puzzles: tuple[int, ...], solutions: tuple[int, ...], answers: tuple[int, ...]) -> None:
    if not puzzles == solutions == answers:
        raise ValueError(
            f"puzzles, solutions and answers belong together row by row; got shapes {puzzles}, {solutions}, {answers}."
        )


def _check_asked(asked: Bool[np.ndarray, "n cells"]) -> None:
    full = np.flatnonzero(~asked.any(axis=1))
    if len(full):
        raise ValueError(f"board {full[0]} has no empty cell: there is nothing to judge. Leave it out.")
