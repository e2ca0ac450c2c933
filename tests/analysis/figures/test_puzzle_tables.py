"""Tables 2, 3 and 5: sizes that make sense at every scale, and from nothing to the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.figures.table2.report import EXPERIMENT as TABLE_2_EXPERIMENT
from analysis.figures.table2.report import TABLE as SECOND
from analysis.figures.table3.report import EXPERIMENT as TABLE_3_EXPERIMENT
from analysis.figures.table3.report import TABLE as THIRD
from analysis.figures.table5.report import EXPERIMENT as TABLE_5_EXPERIMENT
from analysis.figures.table5.report import TABLE as FIFTH
from analysis.lab.experiment import Experiment
from analysis.lab.rows import MDM
from analysis.puzzles.learner import ARM_SOLVER, MASKED, SINGLES
from analysis.puzzles.order.measures import RANDOM
from analysis.puzzles.paper import TABLE_2, TABLE_5
from analysis.puzzles.problems import SudokuProblem, ZebraProblem
from analysis.puzzles.scales import PuzzleSize, puzzle_units
from analysis.puzzles.unit import PuzzleSetting
from lo_theory.learning.flops import training_flops
from lo_theory.learning.network import Shape

TINY = PuzzleSetting(shape=Shape(layers=1, width=16, heads=2), steps=2, batch_size=4, boards=10)
EXPERIMENTS = {one.name: one for one in (TABLE_2_EXPERIMENT, TABLE_3_EXPERIMENT, TABLE_5_EXPERIMENT)}


class TestScales:
    def test_the_papers_numbers_are_for_its_test_sets(self):
        small = FIFTH.numbers(TABLE_5_EXPERIMENT.sizes["small"])
        assert small == {"6x6 Sudoku": TABLE_2, "6x6 Sudoku, hard": TABLE_5}
        assert SECOND.numbers(TABLE_2_EXPERIMENT.sizes["smoke"]) == {"4x4 Sudoku": TABLE_2}
        assert list(THIRD.numbers(TABLE_3_EXPERIMENT.sizes["small"])) == ["4x4 Zebra"]

    @pytest.mark.parametrize(
        ("name", "scale"), [(name, scale) for name, one in EXPERIMENTS.items() for scale in one.scales]
    )
    def test_every_unit_has_a_network_and_a_number_of_steps(self, name, scale):
        for unit in puzzle_units(EXPERIMENTS[name].sizes[scale]):
            assert unit.steps >= 1
            assert unit.network(unit.problem.form(unit.order)).length > 0

    def test_several_seeds_are_several_units_but_for_reasoners(self):
        units = puzzle_units(replace(TABLE_2_EXPERIMENT.sizes["smoke"], seeds=3))
        assert [u.seed for u in units if u.model == MDM] == [0, 1, 2]
        assert [u.seed for u in units if u.learner == SINGLES] == [0]

    @pytest.mark.parametrize(("name", "millions"), [("table2", 6), ("table3", 19)])
    def test_networks_at_the_papers_scale_have_its_sizes(self, name, millions):
        """Two operations per weight and token, once the parts that grow with length and vocabulary are left out."""
        units = {unit.learner: unit for unit in puzzle_units(EXPERIMENTS[name].sizes["paper"])}
        for learner, expected in ((MASKED, millions), (ARM_SOLVER, millions), (replace(ARM_SOLVER, large=True), 42)):
            unit = units[learner]
            config = replace(unit.network(unit.problem.form(unit.order)), length=1, vocabulary=2, coordinates=None)
            one_token = training_flops(config) / 3 / 2
            attention_and_head = config.layers * 2 * config.width + 2 * config.width
            assert (one_token - attention_and_head) / 1e6 == pytest.approx(expected, rel=0.015)


def reproduced(experiment: Experiment[PuzzleSize], tiny: PuzzleSize, directory: Path) -> str:
    return replace(experiment, sizes={"smoke": tiny}).reproduce("smoke", directory, jobs=1).read_text()


def test_from_nothing_to_the_report_of_hard_sudokus(tmp_path):
    """A second start finds nothing to compute and draws the same."""
    learners = (MASKED, ARM_SOLVER, SINGLES)
    problem = SudokuProblem(side=6, levels=(2, 2), hard=(3, 9))
    tiny = PuzzleSize(problem=problem, setting=replace(TINY, rules="paper"), learners=learners)
    text = reproduced(TABLE_5_EXPERIMENT, tiny, tmp_path)
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "units").iterdir()}
    drawn = {p: p.read_bytes() for p in (tmp_path / "figures").iterdir()}
    reproduced(TABLE_5_EXPERIMENT, tiny, tmp_path)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "units").iterdir()} == kept
    assert {p: p.read_bytes() for p in (tmp_path / "figures").iterdir()} == drawn
    figures = {path.name for path in (tmp_path / "figures").glob("*.svg")}
    assert figures == {"table5.svg", "table5_reasoning_order.svg", "table5_reasoning_order_hard.svg"}
    for words in ("margin above vanilla", "Reasoners of fixed depth", "6x6 Sudoku, hard: boards solved by every rule"):
        assert words in text
    assert "trained with AdamW." in text
    assert "uniform draws" not in text
    assert len(kept) == len(learners)


def test_from_nothing_to_the_report_of_zebras(tmp_path):
    problem = ZebraProblem(houses=(3, 4), attributes=(3, 3), compact=True)
    deep = replace(TINY.shape, layers=3)
    setting = replace(TINY, calls=(3,), shape=deep, optimizer="muon", deep_supervision=0.5, mask_draws=2)
    tiny = PuzzleSize(problem=problem, setting=setting, learners=(MASKED, ARM_SOLVER))
    text = reproduced(TABLE_3_EXPERIMENT, tiny, tmp_path)
    assert {path.name for path in (tmp_path / "figures").glob("*.svg")} == {"table3.svg"}
    assert "path planning" in text
    assert "Reasoners" not in text
    assert "96 classes" not in text
    for words in ("Clues take four tokens", "trained with Muon, their inner layers asked too", "largest of 2 uniform"):
        assert words in text
    assert "Kendall" in text, "the controls are there even if nothing was solved"
    assert f"<td>{RANDOM}</td>" in text
