"""Table 1: what must hold of a perfect model, sizes of the paper, and what is drawn comes from rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.figures.table1.plot import draw_table1
from analysis.figures.table1.report import EXPERIMENT, table1_checks
from analysis.figures.table1.units import SIZES, Table1Size, units
from analysis.lab.experiment import finish
from analysis.lab.rows import CONTROL, Rows
from analysis.measures.order_accuracy import AGREEMENT
from analysis.measures.rule_sweep import Table1Unit
from analysis.measures.setting import Setting

TINY = Setting(n_latents=3, n_observations=7, steps=2, layers=1, width=16, heads=2, batch_size=8, generated=60)
TINY_SIZE = Table1Size(networks=(TINY,), seeds=1, posterior_sizes=((25, 275),), posterior_samples=4)


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    return Rows(finish(Table1Unit(model=CONTROL, seed=0, setting=TINY), tmp_path_factory.mktemp("control")))


def test_a_perfect_model_meets_its_checks(control):
    assert [check.met for check in table1_checks(control)] == [True, True]


def test_a_network_that_misses_the_goal_is_reported(control):
    agreement = control.where(metric=AGREEMENT)
    network = Rows(replace(r, model="mdm", value=0.7, low=0.65, high=0.75) for r in agreement)
    assert [check.met for check in table1_checks(network)] == [False]


def test_the_paper_scale_has_the_papers_sizes_and_network():
    settings = SIZES["paper"].networks
    assert tuple((s.n_latents, s.n_observations) for s in settings) == (
        (25, 275),
        (30, 270),
        (40, 260),
        (50, 250),
        (100, 200),
    )
    assert {(s.layers, s.width, s.heads, s.hidden, s.mlp) for s in settings} == {(8, 384, 6, 1536, "swiglu")}
    small = units(SIZES["small"])
    assert len({unit.label + str(unit.setting) for unit in small}) == len(small)


def test_from_nothing_to_the_report_and_nothing_twice(tmp_path):
    tiny = replace(EXPERIMENT, sizes={"smoke": TINY_SIZE})
    report = tiny.reproduce("smoke", tmp_path, jobs=1)
    text = report.read_text()
    assert "NAE-SAT (25, 275)" in text
    assert "full rewrite" in text
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "units").iterdir()}
    tiny.reproduce("smoke", tmp_path, jobs=1)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "units").iterdir()} == before


def test_a_figure_needs_rows_of_its_model(control):
    with pytest.raises(ValueError, match="no agreement of a model 'mdm'"):
        draw_table1(control)
    assert len(draw_table1(control, model=CONTROL).axes) == 4
