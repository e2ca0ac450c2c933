"""Rows that are about one thing are found, whatever the machine that wrote their floats."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.lab.averages import combine_seeds, mean_calls
from analysis.lab.rows import Row, Rows, Subject, read_csv, same, write_csv
from lo_theory.estimate import Estimate

ABOUT = Subject(distribution="NAE-3", fingerprint="f", model="mdm", seed=0)
ONE = ABOUT.row("leak", "overlap", Estimate(value=0.5, standard_error=0.1, samples=3, method="monte_carlo"))


def test_a_row_is_its_subject_and_its_estimate():
    assert (ONE.distribution, ONE.fingerprint, ONE.model, ONE.seed) == ("NAE-3", "f", "mdm", 0)
    assert (ONE.value, ONE.standard_error, ONE.samples, ONE.method) == (0.5, 0.1, 3, "monte_carlo")
    assert (ONE.experiment, ONE.metric, ONE.degree) == ("leak", "overlap", None)
    exact = Estimate(value=0.0, standard_error=0.0, samples=1, method="exact")
    other = ABOUT.row("leak", "overlap", exact, model="Bayes", degree=3.0)
    assert (other.model, other.degree, other.seed) == ("Bayes", 3.0, 0)


@given(st.floats(1e-6, 1e6), st.booleans())
def test_floats_are_found_with_their_last_digit_moved_and_no_others(degree, up):
    moved = math.nextafter(degree, math.inf if up else 0.0)
    rows = Rows([replace(ONE, degree=moved), replace(ONE, degree=1.0001 * degree)])
    assert rows.where(degree=degree) == rows[:1]
    assert rows.one(degree=degree).degree == moved
    assert same(degree, moved)
    assert not same(degree, 1.0001 * degree)


def test_where_takes_several_fields_and_several_values():
    rows = Rows(replace(ONE, seed=seed, start=start) for seed in range(3) for start in ("planted", None))
    assert len(rows.where(seed=1)) == 2
    assert [row.seed for row in rows.where(seed={0, 2}, start=None)] == [0, 2]
    assert rows.where(seed=True) == rows.where(seed=1)
    assert rows.where() == rows
    assert rows.get(seed=9) is None
    assert rows.get(seed=2) is rows[4]
    assert isinstance(rows[1:], Rows)


def test_one_row_is_one_row():
    rows = Rows([ONE, replace(ONE, seed=1)])
    with pytest.raises(LookupError, match="one row of metric overlap is wanted; there are 2 among 2"):
        rows.one(metric="overlap")
    with pytest.raises(LookupError, match="there are 0"):
        rows.one(metric="loss")


def test_a_figure_without_rows_names_the_command_that_measures_them():
    assert Rows([ONE]).of("leak") == (ONE,)
    with pytest.raises(ValueError, match="no rows of gap; `lo-theory reproduce gap` measures them"):
        Rows([ONE]).of("gap")
    with pytest.raises(ValueError, match="reproduce hardness"):
        Rows().of("task_error", "hardness")


def test_groups_keep_their_order_and_take_rounded_floats_together():
    moved = math.nextafter(0.3, 1.0)
    rows = Rows(replace(ONE, degree=d, seed=s) for d, s in ((0.3, 0), (0.1, 0), (moved, 1)))
    assert {degree: len(group) for degree, group in rows.by("degree").items()} == {0.3: 2, 0.1: 1}
    assert list(rows.by("degree")) == [0.3, 0.1]
    assert list(rows.by("seed", "degree")) == [(0, 0.3), (0, 0.1), (1, moved)]
    tiny = Rows(replace(ONE, at=at) for at in (0.0, math.nextafter(0.0, 1.0), -1e-13, math.nan))
    assert [len(group) for group in tiny.by("at").values()] == [3, 1]
    assert rows.values("start") == []
    assert rows.values("seed") == [0, 1]


def test_seeds_of_two_machines_are_averaged():
    moved = math.nextafter(0.3, 1.0)
    rows = [replace(ONE, degree=d, seed=s, value=v) for d, s, v in ((0.3, 0, 1.0), (moved, 1, 2.0), (0.4, 0, 9.0))]
    assert [(row.degree, row.value) for row in combine_seeds(rows)] == [(0.3, 1.5), (0.4, 9.0)]


def test_the_calls_of_an_adaptive_rule_are_averaged_first():
    rows = [replace(ONE, decoder="klass", calls=c, seed=s) for s, c in enumerate((10.0, 12.0))]
    (mean,) = combine_seeds(mean_calls(rows))
    assert mean.calls == 11.0


def test_rows_survive_their_table(tmp_path):
    rows = [ONE, replace(ONE, seed=None, value=-math.inf, position=3, low=0.1, high=0.2, calls=2.0)]
    write_csv(tmp_path / "leak.csv", rows)
    assert read_csv(tmp_path / "leak.csv") == tuple(rows)


def test_a_row_without_any_field_that_it_needs_is_refused(tmp_path):
    (tmp_path / "leak.csv").write_text("distribution,value\nNAE-3,1.0\n")
    with pytest.raises(ValueError, match="lacks the field"):
        read_csv(tmp_path / "leak.csv")
    assert Row.from_json(ONE.to_json()) == ONE
