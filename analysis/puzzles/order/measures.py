"""Does a learner's own order resemble the solver's? Correlations, ranks by strategy, and which reveals had a reason.

Kim et al. (2025, section 5) say that a masked model decoded by its margin finds the order of reasoning by itself. Three
measures of that, from the step at which each open cell was revealed:

- rank correlation with the human solver's fill order, and with its waves (:mod:`generators.sudoku.waves`), since the
  solver's order is one of many: singles that are on the board together may be filled in any order;
- the mean rank, 0 for the first reveal and 1 for the last, of the cells that the solver gets by each strategy. Harder
  is not later, not for the solver either: a board is hard early on, and what comes last are lone singles;
- the level of each reveal (:mod:`generators.sudoku.reveal_levels`): whether its cell was a single on the board that the
  learner saw, or what else it took. No solver's order stands behind this one.

The third, and waves, are there for Sudoku alone. Of Zebra puzzles the other two are measured, whether a token says what
stands in a house or where a value stands.

A random order is no blank: on a board that fills up, most cells are singles by the time their turn comes (73% of those
of a 9x9 puzzle that the strategies solve). So every measure is to be read between its two controls,
:func:`control_rows` and :func:`order_control_rows`, on the same puzzles. An order may also be unlike the solver's for a
good reason: who sees naked triplets at a glance need not look for singles first. And on a board with a wrong digit
later reveals follow from it: choose the boards that were solved first, or say that all are there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Int64, Integer

from analysis.lab.averages import combine_seeds, mean_calls
from analysis.lab.rows import Row, Rows, Subject
from analysis.puzzles.order.correlation import correlate, mid_ranks
from analysis.puzzles.order.solver import SolverOrder, random_order, sudoku_solver_order
from generators.sudoku.reveal_levels import BEYOND, reveal_levels
from generators.sudoku.strategies import HIDDEN_SINGLE, LONE_SINGLE
from lo_theory.estimate import Estimate, effective_interval, mean_estimate, ratio_estimate, wilson_interval

EXPERIMENT_NAME = "reasoning_order"
KENDALL, SPEARMAN, KENDALL_WAVES = "kendall_with_solver", "spearman_with_solver", "kendall_with_waves"
NULL = "_null_deviation"  # appended to the name of a correlation
AVAILABLE, EXPLAINED, LEVEL_SHARE = "available_share", "explained_share", "level_share"
AVAILABLE_BOARDS, EXPLAINED_BOARDS = "available_boards", "explained_boards"
REVEAL_RANK = "reveal_rank"
STRATEGY = "strategy"  # the name of what is swept
SOLVER, RANDOM = "human solver", "random order"


def order_rows(
    revealed_at: Integer[np.ndarray, "n cells"],
    solver: SolverOrder,
    *,
    about: Subject,
    decoder: str | None,
    calls: float | None,
) -> list[Row]:
    """Correlations with the solver's order and waves, and the reveal rank of the cells of each strategy.

    Args:
        revealed_at: the step of each cell, from 0, negative where it was given (``Trace.revealed_at``).
    Returns:
        per correlation two rows: the mean over boards, and ``..._null_deviation``, the exact standard deviation of that
        mean about 0 if reveals were dealt out to cells at random. Then a row per strategy that occurs, the ranks of all
        its cells pooled; a random order has 1/2. Cells that the solver does not fill take no part; boards on which a
        correlation is not defined (fewer than two cells, all revealed at once) are left out, and ``samples`` counts the
        others, NaN if there are none. A board is one draw everywhere.
    Raises:
        ValueError: shapes that differ, or a cell that the solver fills and that was never revealed.
    """
    filled = solver.steps >= 0
    _check_revealed(revealed_at, filled)
    made = partial(about.row, EXPERIMENT_NAME, decoder=decoder, calls=calls)
    found = correlate(revealed_at, solver.steps, filled)
    rows = [
        *_correlation(made, KENDALL, found.kendall, found.kendall_null),
        *_correlation(made, SPEARMAN, found.spearman, found.spearman_null),
    ]
    if solver.waves is not None:
        waves = correlate(revealed_at, solver.waves, solver.waves >= 0)
        rows += _correlation(made, KENDALL_WAVES, waves.kendall, waves.kendall_null)
    return rows + _rank_rows(made, revealed_at, solver.strategies)


def availability_rows(
    puzzles: Integer[np.ndarray, "n cells"],
    grids: Integer[np.ndarray, "n cells"],
    revealed_at: Integer[np.ndarray, "n cells"],
    *,
    about: Subject,
    decoder: str | None,
    calls: float | None,
) -> list[Row]:
    """Which reveals of Sudoku boards were singles when they were made, and the levels of all.

    For decoders that take nothing back: the boards in between are rebuilt from the last step of each cell.

    Returns:
        ``available_share``, of reveals whose cell was a lone or hidden single, and ``explained_share``, of those whose
        cell some strategy fills next, singles included; ``available_boards`` and ``explained_boards``, of boards all of
        whose reveals were (a single exception and the board is out); then ``level_share`` of each level from 2 (lone
        single) to 9 (no strategy fills the cell next).
    Raises:
        ValueError: no boards; as :func:`generators.sudoku.reveal_levels.reveal_levels`.
    """
    levels = reveal_levels(puzzles, grids, revealed_at)
    made, revealed = partial(about.row, EXPERIMENT_NAME, decoder=decoder, calls=calls), levels > 0
    return [
        _share(made, AVAILABLE, levels <= HIDDEN_SINGLE, revealed),
        _share(made, EXPLAINED, levels < BEYOND, revealed),
        _boards(made, AVAILABLE_BOARDS, np.all(levels <= HIDDEN_SINGLE, axis=1)),
        _boards(made, EXPLAINED_BOARDS, np.all(levels < BEYOND, axis=1)),
        *(
            _share(partial(made, swept=STRATEGY, at=float(level)), LEVEL_SHARE, levels == level, revealed)
            for level in range(LONE_SINGLE, BEYOND + 1)
        ),
    ]


def control_rows(
    puzzles: Integer[np.ndarray, "n cells"],
    solutions: Integer[np.ndarray, "n cells"],
    rng: np.random.Generator,
    *,
    about: Subject,
) -> list[Row]:
    """Both controls on Sudokus, which reveal the right digits one by one: the solver, and a uniformly random order.

    Args:
        about: whose distribution the puzzles are from; its model becomes ``human solver`` and ``random order``.
    Returns:
        the rows of :func:`order_rows` and :func:`availability_rows` for either. The solver's are over the puzzles that
        it finishes, and missing where there are none.
    Raises:
        ValueError: as those functions.
    """
    rows, solver = [], sudoku_solver_order(puzzles)
    for control, steps, boards in _controls(replace(about, seed=None), solver, puzzles == 0, rng):
        said = {"about": control, "decoder": None, "calls": None}
        rows += order_rows(steps, solver.of(boards), **said)
        rows += availability_rows(puzzles[boards], solutions[boards], steps, **said)
    return rows


def order_control_rows(
    solver: SolverOrder,
    open_: Bool[np.ndarray, "n cells"],
    rng: np.random.Generator,
    *,
    about: Subject,
) -> list[Row]:
    """The same controls where orders alone are compared, as on Zebra puzzles.

    Args:
        solver: its way through n puzzles.
        open_: their cells that are to be filled.
        about: as in :func:`control_rows`, but its seed stays: the puzzles are those of that seed.
    """
    rows = []
    for control, steps, boards in _controls(about, solver, open_, rng):
        rows += order_rows(steps, solver.of(boards), about=control, decoder=None, calls=None)
    return rows


def order_means(rows: Iterable[Row]) -> Rows:
    """Means over seeds, and of the calls of a rule; the controls, which make no calls, come last."""
    rows = Rows(rows)
    return combine_seeds([*mean_calls(row for row in rows if row.calls is not None), *rows.where(calls=None)])


def _controls(
    about: Subject, solver: SolverOrder, open_: Bool[np.ndarray, "n cells"], rng: np.random.Generator
) -> Iterator[tuple[Subject, Int64[np.ndarray, "m cells"], Bool[np.ndarray, "n"]]]:
    """Who fills cells, at which steps, on which boards: the random order on all, the solver where it finishes."""
    yield replace(about, model=RANDOM), random_order(open_, rng), np.ones(len(open_), dtype=bool)
    done = ((solver.steps >= 0) == open_).all(axis=1)
    if done.any():
        yield replace(about, model=SOLVER), solver.steps[done], done


def _check_revealed(revealed_at: np.ndarray, filled: np.ndarray) -> None:
    if revealed_at.shape != filled.shape:
        raise ValueError(f"steps of the solver's cells {filled.shape} are needed; got {revealed_at.shape}.")
    missing = filled & (revealed_at < 0)
    if missing.any():
        board, cell = (int(i) for i in np.argwhere(missing)[0])
        raise ValueError(
            f"board {board}, cell {cell}: the solver fills it, but it was never revealed. Pass the trace of these very "
            "puzzles, in their order."
        )


def _rank_rows(made: Callable[..., Row], revealed_at: np.ndarray, strategies: np.ndarray) -> list[Row]:
    revealed = revealed_at >= 0
    last = revealed.sum(axis=1, keepdims=True) - 1
    ranks = (mid_ranks(revealed_at, revealed) - 1) / np.maximum(last, 1)
    ranked = revealed & (last > 0)
    return [
        _share(partial(made, swept=STRATEGY, at=float(number)), REVEAL_RANK, ranks, ranked & (strategies == number))
        for number in np.unique(strategies[ranked & (strategies > 0)]).tolist()
    ]


def _correlation(
    made: Callable[..., Row], metric: str, values: Float[np.ndarray, "n"], null: Float[np.ndarray, "n"]
) -> tuple[Row, Row]:
    defined = ~np.isnan(values)
    n = int(defined.sum())
    unknown = Estimate(value=math.nan, standard_error=math.nan, samples=0, method="monte_carlo")
    deviation = math.sqrt(float((null[defined] ** 2).sum())) / n if n else math.nan
    exact = Estimate(value=deviation, standard_error=0.0, samples=n, method="exact")
    return made(metric, mean_estimate(values[defined]) if n else unknown), made(metric + NULL, exact)


def _share(made: Callable[..., Row], metric: str, values: np.ndarray, chosen: np.ndarray) -> Row:
    """Mean of ``values``, all in [0, 1], over the ``chosen`` cells, pooled; boards without any are no draws."""
    counts = chosen.sum(axis=1)
    totals = np.where(chosen, values, 0).sum(axis=1)
    used = counts > 0
    mean = ratio_estimate(totals[used].astype(float), counts[used].astype(float))
    low, high = effective_interval(mean.value, mean.standard_error, mean.samples)
    return made(metric, mean, low=low, high=high)


def _boards(made: Callable[..., Row], metric: str, events: Bool[np.ndarray, "n"]) -> Row:
    low, high = wilson_interval(int(events.sum()), len(events))
    return made(metric, mean_estimate(events.astype(float)), low=low, high=high)
