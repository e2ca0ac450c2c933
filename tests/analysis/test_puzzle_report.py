"""Puzzle tables: from nothing to the report, checks that can fail, figures from rows and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from matplotlib.text import Text

from analysis.paper_numbers import LARGE, TABLE_2, TABLE_5
from analysis.plots.puzzle_tables import draw_puzzle_table
from analysis.puzzles.judging import BOARD, CELL, VALIDITY
from analysis.puzzles.learners import ARM_FIXED, ARM_RANDOM, ARM_SOLVER, MDM, SINGLES, PuzzleSetting, Shape
from analysis.puzzles.order_report import order_sections
from analysis.puzzles.problems import SudokuProblem, ZebraProblem
from analysis.puzzles.reasoning_order import EXPERIMENT as ORDER
from analysis.puzzles.reasoning_order import KENDALL, NULL, RANDOM, SOLVER
from analysis.puzzles.report import PuzzleExperiment, puzzle_checks
from analysis.puzzles.rules import (
    MARGIN,
    ONE_EACH,
    ONE_TOKEN,
    OWN_ORDER,
    STEPS,
    TOP,
    VANILLA,
    adaptive_rules,
    budgeted_rules,
)
from analysis.puzzles.tables import SCALES, PuzzleScale, Table, paper_numbers, puzzle_units
from analysis.rows import Row
from analysis.scales import ScaleName
from lo_theory.estimate import wilson_interval
from lo_theory.learning.flops import training_flops

TINY = PuzzleSetting(shape=Shape(layers=1, width=16, heads=2), steps=2, batch_size=4, boards=10)
NAME, HARD = "6x6 Sudoku", "6x6 Sudoku, hard"
_N = 1000


def row(model: str, rule: str, solved: float, name: str = NAME, **more: object) -> Row:
    """Board accuracy of ``_N`` boards."""
    low, high = wilson_interval(round(_N * solved), _N)
    told = {"swept": ONE_TOKEN, "calls": 60.0} if rule == OWN_ORDER else {"swept": ONE_EACH, "calls": 20.0}
    about = {"distribution": name, "fingerprint": name, "model": model, "seed": 0, "decoder": rule, "at": 1.0}
    measured = {"experiment": "puzzles", "metric": BOARD, "value": solved, "standard_error": 0.01, "samples": _N}
    return Row(**(about | told | measured | {"method": "monte_carlo", "low": low, "high": high} | more))


def table(name: str = NAME, share: float = 1.0) -> list[Row]:
    """As the theory expects it."""
    masked = [row(MDM, rule, share * v, name) for rule, v in ((MARGIN, 0.995), (TOP, 0.99), (VANILLA, 0.6))]
    arms = ((ARM_FIXED, 0.4), (ARM_RANDOM, 0.2), (ARM_SOLVER, 0.8))
    return masked + [row(model, OWN_ORDER, share * value, name) for model, value in arms]


def suite() -> list[Row]:
    rules = [*budgeted_rules(5), *budgeted_rules(13), *adaptive_rules()]
    return [row(MDM, r.name, 0.7, swept=r.swept, at=r.at, calls=r.at if r.swept == STEPS else 4.0) for r in rules]


def texts(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def crosses(axes) -> set[float]:
    return {float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() == "x"}


def failed(rows, name: Table = "table2") -> list[str]:
    return [check.text for check in puzzle_checks(name, rows) if not check.met]


class TestChecks:
    def test_all_hold_where_all_is_as_expected(self):
        assert len(puzzle_checks("table2", table())) == 6
        assert failed(table()) == []
        assert failed(table() + table(HARD, 0.5)) == []

    @pytest.mark.parametrize(
        ("model", "rule", "value", "expected"),
        [
            (MDM, MARGIN, 0.98, "masked diffusion by margin"),
            (MDM, VANILLA, 0.99, "margin above vanilla"),
            (ARM_FIXED, OWN_ORDER, 0.99, f"margin above the equally large {ARM_FIXED}"),
            (ARM_RANDOM, OWN_ORDER, 0.99, f"margin above the equally large {ARM_RANDOM}"),
            (ARM_SOLVER, OWN_ORDER, 0.99, f"margin above the equally large {ARM_SOLVER}"),
            (ARM_SOLVER, OWN_ORDER, 0.41, "an ARM gains by the solver's order"),
        ],
    )
    def test_each_can_fail(self, model, rule, value, expected):
        rows = [r for r in table() if (r.model, r.decoder) != (model, rule)] + [row(model, rule, value)]
        assert f"{NAME}: {expected}" in failed(rows)

    def test_intervals_that_touch_are_not_apart(self):
        few = [replace(r, low=r.value - 0.3, high=r.value + 0.3) for r in table()]
        assert len(failed(few)) >= 3

    def test_no_goal_is_set_where_training_was_easier(self):
        for rows, name in ((table(share=0.8), "table5"), (table(HARD, 0.8), "table2")):
            assert failed(rows, name) == []
        assert failed(table(share=0.8), "table2") == [f"{NAME}: masked diffusion by margin"]

    def test_other_metrics_and_fewer_calls_do_not_decide(self):
        more = [replace(r, metric=metric, value=0.0) for r in table() for metric in (CELL, VALIDITY)]
        assert failed(table() + more + suite()) == []
        assert puzzle_checks("table2", [r for r in table() if r.model != MDM]) == []


class TestFigure:
    def test_a_panel_for_each_test_set_and_one_for_the_suite(self):
        figure = draw_puzzle_table(table() + table(HARD, 0.5) + suite())
        assert len(figure.axes) == 3
        drawn = texts(figure)
        assert "mdm: margin 99.5%, top prob. 99.0%, vanilla 60.0%" in drawn
        assert "mdm: margin 49.8%" in drawn
        assert "margin: 70.0% in 5, 70.0% in 13, 99.5% in 20 calls" in drawn
        for name in (HARD, ARM_SOLVER, "path planning", "klass", "boards solved"):
            assert name in drawn
        assert "paper" not in drawn
        assert len(draw_puzzle_table(table()).axes) == 1
        assert "klass" not in texts(draw_puzzle_table(table()))

    def test_the_papers_numbers_stand_beside_their_test_set(self):
        figure = draw_puzzle_table(table() + table(HARD, 0.5), {NAME: TABLE_2, HARD: TABLE_5})
        for axes, numbers in zip(figure.axes, (TABLE_2, TABLE_5), strict=True):
            assert crosses(axes) == {number.solved for number in numbers}
        assert "the paper's" in texts(figure)
        one_arm = [r for r in table() if r.model in (MDM, ARM_SOLVER)]
        (axes,) = draw_puzzle_table(one_arm, {NAME: TABLE_2}).axes
        assert crosses(axes) == {n.solved for n in TABLE_2 if not n.model.startswith(ARM_FIXED)}

    def test_a_large_model_has_its_own_line(self):
        large = row(ARM_SOLVER + LARGE, OWN_ORDER, 0.95)
        (axes,) = draw_puzzle_table([*table(), large], {NAME: TABLE_2}).axes
        (cross,) = (line for line in axes.lines if line.get_marker() == "x" and line.get_xdata()[0] == 0.8718)
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert labels[round(float(cross.get_ydata()[0]) + 0.3)] == ARM_SOLVER + LARGE

    def test_rows_of_boards_are_needed(self):
        with pytest.raises(ValueError, match="no accuracy of boards"):
            draw_puzzle_table([replace(r, metric=CELL) for r in table()])


class TestScales:
    def test_the_papers_numbers_are_for_its_test_sets(self):
        assert paper_numbers("table5", "small") == {NAME: TABLE_2, HARD: TABLE_5}
        assert paper_numbers("table2", "smoke") == {"4x4 Sudoku": TABLE_2}
        assert list(paper_numbers("table3", "small")) == ["4x4 Zebra"]

    @pytest.mark.parametrize("name", get_args(Table))
    @pytest.mark.parametrize("scale", get_args(ScaleName))
    def test_every_unit_has_a_network_and_a_number_of_steps(self, name, scale):
        for unit in puzzle_units(name, scale):
            assert unit.steps >= 1
            assert unit.network(unit.problem.form(unit.order)).length > 0

    def test_several_seeds_are_several_units_but_for_reasoners(self, monkeypatch):
        scale = replace(SCALES["table2"]["smoke"], seeds=3)
        monkeypatch.setitem(SCALES["table2"], "smoke", scale)
        units = puzzle_units("table2", "smoke")
        assert [u.seed for u in units if u.model == MDM] == [0, 1, 2]
        assert [u.seed for u in units if u.model == SINGLES] == [0]

    @pytest.mark.parametrize(("name", "millions"), [("table2", 6), ("table3", 19)])
    def test_networks_at_the_papers_scale_have_its_sizes(self, name, millions):
        """Two operations per weight and token, once the parts that grow with length and vocabulary are left out."""
        units = {unit.model: unit for unit in puzzle_units(name, "paper")}
        for model, expected in ((MDM, millions), (ARM_SOLVER, millions), (ARM_SOLVER + LARGE, 42)):
            unit = units[model]
            config = replace(unit.network(unit.problem.form(unit.order)), length=1, vocabulary=2, coordinates=None)
            one_token = training_flops(config) / 3 / 2
            attention_and_head = config.layers * 2 * config.width + 2 * config.width
            assert (one_token - attention_and_head) / 1e6 == pytest.approx(expected, rel=0.015)


def run_twice(experiment: PuzzleExperiment) -> str:
    """The report, after a second start found nothing to compute and drew the same."""
    directory = experiment.directory
    report = experiment.run()
    kept = {p: p.stat().st_mtime_ns for p in (directory / "units").iterdir()}
    figures = {p: p.read_bytes() for p in (directory / "figures").iterdir()}
    experiment.run()
    assert {p: p.stat().st_mtime_ns for p in (directory / "units").iterdir()} == kept
    assert {p: p.read_bytes() for p in (directory / "figures").iterdir()} == figures
    return report.read_text()


def test_from_nothing_to_the_report_of_hard_sudokus(tmp_path, monkeypatch):
    problem = SudokuProblem(side=6, levels=(2, 2), hard=(3, 9))
    setting = replace(TINY, rules="paper")
    models = (MDM, ARM_SOLVER, SINGLES)
    scale = PuzzleScale(problem=problem, setting=setting, models=models, seeds=1)
    monkeypatch.setitem(SCALES["table5"], "smoke", scale)
    text = run_twice(PuzzleExperiment(table="table5", scale="smoke", directory=tmp_path, jobs=1))
    figures = {path.name for path in (tmp_path / "figures").glob("*.svg")}
    assert figures == {"table5.svg", "table5_reasoning_order.svg", "table5_reasoning_order_hard.svg"}
    for words in ("margin above vanilla", "Reasoners of fixed depth", "6x6 Sudoku, hard: boards solved by every rule"):
        assert words in text
    assert "trained with AdamW." in text
    assert "uniform draws" not in text
    assert len(list((tmp_path / "units").iterdir())) == len(models)


def test_from_nothing_to_the_report_of_zebras(tmp_path, monkeypatch):
    problem = ZebraProblem(houses=(3, 4), attributes=(3, 3), compact=True)
    deep = replace(TINY.shape, layers=3)
    setting = replace(TINY, calls=(3,), shape=deep, optimizer="muon", deep_supervision=0.5, mask_draws=2)
    scale = PuzzleScale(problem=problem, setting=setting, models=(MDM, ARM_SOLVER), seeds=1)
    monkeypatch.setitem(SCALES["table3"], "smoke", scale)
    text = PuzzleExperiment(table="table3", scale="smoke", directory=tmp_path, jobs=1).run().read_text()
    assert {path.name for path in (tmp_path / "figures").glob("*.svg")} == {"table3.svg"}
    assert "path planning" in text
    assert "Reasoners" not in text
    assert "96 classes" not in text
    for words in ("Clues take four tokens", "trained with Muon, their inner layers asked too", "largest of 2 uniform"):
        assert words in text
    assert "Kendall" in text, "the controls are there even if nothing was solved"
    assert f"<td>{RANDOM}</td>" in text


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
        (section,) = order_sections(rows, [])
        ((name, *cells), (_, solver, rule, *_)) = section.tables[0].rows
        assert (name, *cells[:3]) == ("3x3 Zebra", MDM, MARGIN, "400")
        assert cells[3].startswith("0.300 [0.170, 0.430]")  # Student's t with 3 degrees of freedom, error 0.0408
        assert cells[4] == "[-0.029, 0.029]"  # 1.96 * 0.03 / 2
        assert (solver, rule) == (SOLVER, "-")

    def test_what_is_not_defined_is_left_out(self):
        assert order_sections(table(), []) == []
        (section,) = order_sections([*tau(0.1, 0), *tau(float("nan"), 0, samples=0, decoder=TOP)], [])
        assert [cells[2] for cells in section.tables[0].rows] == [MARGIN]
