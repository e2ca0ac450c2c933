"""Table 1: every rule is measured, a perfect model is perfect, and what is drawn comes from rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.networks.order_accuracy import AGREEMENT, WHOLE
from analysis.planning.table1 import (
    DISTINCT,
    PAPER_SIZES,
    TABLE1_SCALES,
    Table1Scale,
    Table1Unit,
    _distinct_share,
    table1_units,
)
from analysis.planning.table1_report import Table1Experiment, table1_checks
from analysis.planning.table1_rules import adaptive_rules, budgeted_rules
from analysis.plots.style import CONTROL
from analysis.plots.table1 import draw_table1
from analysis.rows import combine_seeds, mean_calls
from analysis.scales import Setting
from analysis.units import finish

TINY = Setting(n_latents=3, n_observations=7, steps=2, layers=1, width=16, heads=2, batch_size=8, generated=60)
TINY_SCALE = Table1Scale(networks=(TINY,), seeds=1, posterior_sizes=((25, 275),), posterior_samples=4)


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    return finish(Table1Unit(model=CONTROL, seed=0, setting=TINY), tmp_path_factory.mktemp("control"))


def test_every_rule_is_measured_at_every_setting(control):
    rules = [rule for steps in (10, 5, 1) for rule in budgeted_rules(10, steps)] + adaptive_rules()
    expected = {(rule.name, rule.swept, rule.at) for rule in rules}
    for metric in (AGREEMENT, WHOLE, DISTINCT):
        assert {(r.decoder, r.swept, r.at) for r in control if r.metric == metric} == expected


def test_a_perfect_model_is_right_with_one_token_per_call_and_not_with_all_at_once(control):
    """All at once the observations are independent of the latents: at most the commoner value, three quarters."""
    whole = {(r.decoder, r.at): r.value for r in control if r.metric == WHOLE and r.swept == "steps"}
    for rule in ("vanilla", "top probability", "margin", "negative entropy", "left to right"):
        assert whole[rule, 10.0] == 1.0
        assert whole[rule, 1.0] < 0.7
    assert {check.met for check in table1_checks(control)} == {True}


def test_fewer_calls_are_counted_as_fewer(control):
    for row in control:
        if row.swept == "steps" and row.decoder != "margin, binomial K":
            assert row.calls <= row.at + 1e-9


def test_bits_make_one_rule_of_three_scores(control):
    named = {(r.decoder, r.at): r.value for r in control if r.metric == AGREEMENT and r.swept == "steps"}
    for at in (10.0, 5.0):
        assert named["margin", at] == named["top probability", at] == named["negative entropy", at]


def test_the_share_of_distinct_latents_is_one_for_uniform_draws_and_small_for_copies():
    """Uniform draws give the expected number of different rows within 5 standard deviations (each about 1%)."""
    draws = np.random.default_rng(0).integers(2, size=(1000, 8))
    assert _distinct_share(draws) == pytest.approx(1.0, abs=0.05)
    assert _distinct_share(np.zeros((1000, 8), dtype=np.int64)) < 0.005


def test_a_network_that_misses_the_goal_is_reported(control):
    network = [replace(r, model="mdm", value=0.7, low=0.65, high=0.75) for r in control if r.metric == AGREEMENT]
    assert [check.met for check in table1_checks(network)] == [False]


def test_a_rule_with_other_calls_in_every_run_is_averaged_as_one(control):
    runs = [
        replace(row, seed=seed, calls=(row.calls or 0.0) + seed)
        for row in control
        for seed in (0, 1, 2)
        if row.metric == AGREEMENT and row.decoder == "entropy bound"
    ]
    combined = combine_seeds(mean_calls(runs))
    assert len(combined) * 3 == len(runs)
    assert {row.over for row in combined} == {"seeds"}


def test_rules_refuse_impossible_numbers_of_steps():
    for steps in (0, 11):
        with pytest.raises(ValueError, match=rf"1\.\.10, .* got {steps}"):
            budgeted_rules(10, steps)


def test_the_paper_scale_has_the_papers_sizes_and_network():
    settings = TABLE1_SCALES["paper"].networks
    assert tuple((s.n_latents, s.n_observations) for s in settings) == PAPER_SIZES
    assert {(s.layers, s.width, s.heads, s.hidden, s.mlp) for s in settings} == {(8, 384, 6, 1536, "swiglu")}
    units = table1_units("small")
    assert len({unit.label + str(unit.setting) for unit in units}) == len(units)


def test_from_nothing_to_the_report_and_nothing_twice(tmp_path, monkeypatch):
    monkeypatch.setitem(TABLE1_SCALES, "smoke", TINY_SCALE)
    experiment = Table1Experiment(scale="smoke", directory=tmp_path, jobs=1)
    report = experiment.run()
    text = report.read_text()
    assert "NAE-SAT (25, 275)" in text
    assert "full rewrite" in text
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "units").iterdir()}
    experiment.run()
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "units").iterdir()} == before


def test_a_figure_needs_rows_of_its_model(control):
    with pytest.raises(ValueError, match="no agreement of a model 'mdm'"):
        draw_table1(control)
    assert len(draw_table1(control, model=CONTROL).axes) == 3
