"""One model under every rule: each is measured at every setting, and a perfect model is perfect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.lab.averages import combine_seeds, mean_calls
from analysis.lab.experiment import finish
from analysis.lab.rows import CONTROL
from analysis.measures.order_accuracy import AGREEMENT, WHOLE
from analysis.measures.rule_sweep import DISTINCT, Table1Unit, _distinct_share
from analysis.measures.setting import Setting
from lo_theory.samplers.menu import SWEPT, sequence_rules, trusting_rules

TINY = Setting(n_latents=3, n_observations=7, steps=2, layers=1, width=16, heads=2, batch_size=8, generated=60)


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    return finish(Table1Unit(model=CONTROL, seed=0, setting=TINY), tmp_path_factory.mktemp("control"))


def test_every_rule_is_measured_at_every_setting(control):
    rules = [rule for steps in (10, 5, 1) for rule in sequence_rules(10, steps)] + trusting_rules(SWEPT)
    expected = {(rule.name, rule.swept, rule.at) for rule in rules}
    for metric in (AGREEMENT, WHOLE, DISTINCT):
        assert {(r.decoder, r.swept, r.at) for r in control if r.metric == metric} == expected


def test_a_perfect_model_is_right_with_one_token_per_call_and_not_with_all_at_once(control):
    """All at once the observations are independent of the latents: at most the commoner value, three quarters."""
    whole = {(r.decoder, r.at): r.value for r in control if r.metric == WHOLE and r.swept == "steps"}
    for rule in ("vanilla", "top probability", "margin", "negative entropy", "left to right"):
        assert whole[rule, 10.0] == 1.0
        assert whole[rule, 1.0] < 0.7


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


def test_numbers_that_take_no_calls_are_averaged_over_seeds_as_any_other(control):
    one = next(row for row in control if row.metric == AGREEMENT)
    runs = [replace(one, metric="forward_nats", decoder=None, calls=None, at=None, seed=seed) for seed in (0, 1, 2)]
    (mean,) = combine_seeds(mean_calls([*runs, *(replace(one, seed=seed) for seed in (0, 1, 2))])).where(calls=None)
    assert (mean.metric, mean.over) == ("forward_nats", "seeds")
