"""Puzzle tables: checks that can fail, figures from rows and nothing else, orders beside chance."""

from __future__ import annotations

from dataclasses import replace

import pytest
from matplotlib.text import Text

from analysis.lab.rows import MDM, Row, Rows
from analysis.puzzles.judging import BOARD, CELL, VALIDITY
from analysis.puzzles.learner import ARM_FIXED, ARM_RANDOM, ARM_SOLVER
from analysis.puzzles.order.measures import EXPERIMENT_NAME as ORDER
from analysis.puzzles.order.measures import KENDALL, NULL, SOLVER
from analysis.puzzles.order.report import order_sections
from analysis.puzzles.paper import TABLE_2, TABLE_5
from analysis.puzzles.table_plot import draw_puzzle_table
from analysis.puzzles.table_report import puzzle_checks
from lo_theory.estimate import wilson_interval
from lo_theory.samplers.menu import (
    IN_CALLS,
    MARGIN,
    ONE_EACH,
    ONE_TOKEN,
    OWN_ORDER,
    TOP,
    VANILLA,
    board_rules,
    trusting_rules,
)
from lo_theory.samplers.tokens import argmax_token

FIXED, RANDOM_ORDER, SOLVERS = (arm.name for arm in (ARM_FIXED, ARM_RANDOM, ARM_SOLVER))
NAME, HARD = "6x6 Sudoku", "6x6 Sudoku, hard"
_N = 1000


def row(model: str, rule: str, solved: float, name: str = NAME, **more: object) -> Row:
    """Board accuracy of ``_N`` boards."""
    low, high = wilson_interval(round(_N * solved), _N)
    told = {"swept": ONE_TOKEN, "calls": 60.0} if rule == OWN_ORDER else {"swept": ONE_EACH, "calls": 20.0}
    about = {"distribution": name, "fingerprint": name, "model": model, "seed": 0, "decoder": rule, "at": 1.0}
    measured = {"experiment": "puzzles", "metric": BOARD, "value": solved, "standard_error": 0.01, "samples": _N}
    return Row(**(about | told | measured | {"method": "monte_carlo", "low": low, "high": high} | more))


def table(name: str = NAME, share: float = 1.0) -> Rows:
    """As the theory expects it."""
    masked = [row(MDM, rule, share * v, name) for rule, v in ((MARGIN, 0.995), (TOP, 0.99), (VANILLA, 0.6))]
    arms = ((FIXED, 0.4), (RANDOM_ORDER, 0.2), (SOLVERS, 0.8))
    return Rows(masked + [row(model, OWN_ORDER, share * value, name) for model, value in arms])


def told_the_grid(rows: Rows) -> Rows:
    return Rows(replace(row, model=f"{row.model}, grid embeddings") for row in rows)


def test_a_table_of_one_learner_uses_its_width():
    both = Rows([*table(), *table(HARD)])
    figure = draw_puzzle_table(told_the_grid(both.where(model=MDM)))
    figure.draw_without_rendering()  # a layout that fails warns, and warnings are errors
    first, second = (axes.get_window_extent() for axes in figure.axes)
    assert min(first.width, second.width) > 0.3 * figure.bbox.width
    message = next(text for text in figure.axes[0].texts if "margin" in text.get_text())
    assert message.get_window_extent().x1 < second.x0


def suite() -> list[Row]:
    rules = [*board_rules(5), *board_rules(13), *trusting_rules(token=argmax_token)]
    return [row(MDM, r.name, 0.7, swept=r.swept, at=r.at, calls=r.at if r.swept == IN_CALLS else 4.0) for r in rules]


def texts(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def crosses(axes) -> set[float]:
    return {float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() == "x"}


def failed(rows, goal: str | None = NAME) -> list[str]:
    return [check.text for check in puzzle_checks(Rows(rows), goal) if not check.met]


class TestChecks:
    def test_all_hold_where_all_is_as_expected(self):
        assert len(puzzle_checks(table(), NAME)) == 6
        assert failed(table()) == []
        assert failed([*table(), *table(HARD, 0.5)]) == []

    @pytest.mark.parametrize(
        ("model", "rule", "value", "expected"),
        [
            (MDM, MARGIN, 0.98, "masked diffusion by margin"),
            (MDM, VANILLA, 0.99, "margin above vanilla"),
            (FIXED, OWN_ORDER, 0.99, f"margin above the equally large {FIXED}"),
            (RANDOM_ORDER, OWN_ORDER, 0.99, f"margin above the equally large {RANDOM_ORDER}"),
            (SOLVERS, OWN_ORDER, 0.99, f"margin above the equally large {SOLVERS}"),
            (SOLVERS, OWN_ORDER, 0.41, "an ARM gains by the solver's order"),
        ],
    )
    def test_each_can_fail(self, model, rule, value, expected):
        rows = [r for r in table() if (r.model, r.decoder) != (model, rule)] + [row(model, rule, value)]
        assert f"{NAME}: {expected}" in failed(rows)

    def test_intervals_that_touch_are_not_apart(self):
        few = [replace(r, low=r.value - 0.3, high=r.value + 0.3) for r in table()]
        assert len(failed(few)) >= 3

    def test_no_goal_is_set_where_training_was_easier(self):
        for rows, goal in ((table(share=0.8), None), (table(HARD, 0.8), NAME)):
            assert failed(rows, goal) == []
        assert failed(table(share=0.8)) == [f"{NAME}: masked diffusion by margin"]

    def test_learners_that_are_told_the_grid_stand_for_those_that_are_not_there(self):
        gridded = told_the_grid(table())
        assert [c.text for c in puzzle_checks(gridded, NAME)] == [c.text for c in puzzle_checks(table(), NAME)]
        assert failed(gridded) == []
        better = told_the_grid(table(share=0.9))
        assert failed([*table(), *better]) == []
        assert failed([*better, *table()]) == []
        assert failed(better) == [f"{NAME}: masked diffusion by margin"]

    def test_other_metrics_and_fewer_calls_do_not_decide(self):
        more = [replace(r, metric=metric, value=0.0) for r in table() for metric in (CELL, VALIDITY)]
        assert failed([*table(), *more, *suite()]) == []
        assert puzzle_checks(Rows(r for r in table() if r.model != MDM), NAME) == []


class TestFigure:
    def test_a_panel_for_each_test_set_and_one_for_the_suite(self):
        figure = draw_puzzle_table(Rows([*table(), *table(HARD, 0.5), *suite()]))
        assert len(figure.axes) == 3
        drawn = texts(figure)
        assert "mdm: margin 99.5%, top prob. 99.0%, vanilla 60.0%" in drawn
        assert "mdm: margin 49.8%" in drawn
        assert "margin: 70.0% in 5, 70.0% in 13, 99.5% in 20 calls" in drawn
        for name in (HARD, SOLVERS, "path planning", "klass", "boards solved"):
            assert name in drawn
        assert "paper" not in drawn
        assert len(draw_puzzle_table(table()).axes) == 1
        assert "klass" not in texts(draw_puzzle_table(table()))

    def test_the_papers_numbers_stand_beside_their_test_set(self):
        figure = draw_puzzle_table(Rows([*table(), *table(HARD, 0.5)]), {NAME: TABLE_2, HARD: TABLE_5})
        for axes, numbers in zip(figure.axes, (TABLE_2, TABLE_5), strict=True):
            assert crosses(axes) == {number.solved for number in numbers}
        assert "the paper's" in texts(figure)
        (axes,) = draw_puzzle_table(table().where(model=(MDM, SOLVERS)), {NAME: TABLE_2}).axes
        assert crosses(axes) == {n.solved for n in TABLE_2 if n.learner.order != "fixed"}

    def test_learners_that_are_told_the_grid_have_them_too(self):
        (axes,) = draw_puzzle_table(told_the_grid(table()), {NAME: TABLE_2}).axes
        assert crosses(axes) == {number.solved for number in TABLE_2}
        assert "mdm, grid embeddings:\nmargin 99.5%" in texts(axes.figure)

    def test_a_large_model_has_its_own_line(self):
        large = replace(ARM_SOLVER, large=True).name
        (axes,) = draw_puzzle_table(Rows([*table(), row(large, OWN_ORDER, 0.95)]), {NAME: TABLE_2}).axes
        (cross,) = (line for line in axes.lines if line.get_marker() == "x" and line.get_xdata()[0] == 0.8718)
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert labels[round(float(cross.get_ydata()[0]) + 0.3)] == large

    def test_rows_of_boards_are_needed(self):
        with pytest.raises(ValueError, match="no accuracy of boards"):
            draw_puzzle_table(Rows(replace(r, metric=CELL) for r in table()))


def tau(value: float, seed: int, samples: int = 100, **about: object) -> list[Row]:
    """A correlation and what a random order would scatter by."""
    said = {"distribution": "3x3 Zebra", "fingerprint": "f", "model": MDM, "seed": seed, "experiment": ORDER}
    said |= {"decoder": MARGIN, "calls": 9.0 + seed, "samples": samples} | about
    return [
        Row(**(said | {"metric": KENDALL, "value": value, "standard_error": 0.01, "method": "monte_carlo"})),
        Row(**(said | {"metric": KENDALL + NULL, "value": 0.03, "standard_error": 0.0, "method": "exact"})),
    ]


class TestOrders:
    def test_seeds_are_averaged_and_chance_is_that_of_the_average(self):
        rows = [one for seed, value in enumerate((0.2, 0.3, 0.4, 0.3)) for one in tau(value, seed)]
        rows += [one for seed in range(4) for one in tau(1.0, seed, model=SOLVER, decoder=None, calls=None)]
        (section,) = order_sections(Rows(rows), [])
        ((name, *cells), (_, solver, rule, *_)) = section.tables[0].rows
        assert (name, *cells[:3]) == ("3x3 Zebra", MDM, MARGIN, "400")
        assert cells[3].startswith("0.300 [0.170, 0.430]")  # Student's t with 3 degrees of freedom, error 0.0408
        assert cells[4] == "[-0.029, 0.029]"  # 1.96 * 0.03 / 2
        assert (solver, rule) == (SOLVER, "-")

    def test_what_is_not_defined_is_left_out(self):
        assert order_sections(table(), []) == []
        (section,) = order_sections(Rows([*tau(0.1, 0), *tau(float("nan"), 0, samples=0, decoder=TOP)]), [])
        assert [cells[2] for cells in section.tables[0].rows] == [MARGIN]
