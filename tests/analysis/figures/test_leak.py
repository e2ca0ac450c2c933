"""Zeros hidden and visible: the same instance, its equalities by hand, and a window that closes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.figures.leak.plot import draw_leak
from analysis.figures.leak.report import EXPERIMENT
from analysis.figures.leak.units import (
    EQUALITIES,
    SATISFIED_DEGREES,
    LeakSize,
    LeakUnit,
    satisfied_part,
    satisfied_rate,
    share_in_largest,
)
from analysis.lab.rows import Rows
from analysis.planted.cases import CASES
from analysis.planted.curve import OBSERVATION, OVERLAP
from generators.planted.constraints import PlantedInstance
from lo_theory.phases.thresholds import first_moment_degree

TINY = LeakUnit(case="NAE-3, m = 3", seed=0, n_latents=200, degrees=(2.0,), iterations=30, fresh=500)


def rows_of(unit, tmp_path):
    return list(unit.measure(tmp_path, torch.device("cpu")))


def instance_of(scopes, values, n):
    return PlantedInstance(
        np.zeros(n, dtype=np.uint8), np.array(scopes, dtype=np.int64), np.array(values, dtype=np.uint8)
    )


def test_only_zeros_tie_latents_together():
    """0=1=2 and 2=3=4 make five; the satisfied scope ties nothing; 5=6=7 are the second class."""
    instance = instance_of([[0, 1, 2], [2, 3, 4], [4, 5, 6], [5, 6, 7]], [0, 0, 1, 0], 10)
    assert share_in_largest(instance, 1) == 0.5
    assert share_in_largest(instance, 2) == 0.8
    assert share_in_largest(instance_of([[0, 1, 2]], [1], 4), 2) == 0.5


@pytest.mark.parametrize("name", list(SATISFIED_DEGREES))
def test_the_satisfied_part_is_that_and_keeps_the_latents(name):
    case = CASES[name]
    planted = case.planted(3000, 6.0)
    instance = planted.sample(np.random.default_rng(0))
    part = satisfied_part(instance)
    assert (part.latents == instance.latents).all()
    assert (case.table[tuple(part.latents[part.scopes].T)] == 1).all()
    error = np.sqrt(satisfied_rate(case) * (1 - satisfied_rate(case)) / len(instance.scopes))
    assert abs(len(part.scopes) / len(instance.scopes) - satisfied_rate(case)) < 5 * error


def test_zeros_move_the_threshold_by_the_closed_form():
    """In degrees of satisfied constraints it is 1 - gamma times the one with zeros hidden."""
    for name in SATISFIED_DEGREES:
        both, hidden = CASES[name], CASES[f"{name}, satisfied"]
        gamma = satisfied_rate(both)
        assert both.kesten_stigum * gamma == pytest.approx((1 - gamma) * hidden.kesten_stigum)
        assert both.kesten_stigum < first_moment_degree(both.ensemble)


def test_zeros_close_the_window(tmp_path):
    """Satisfied degree 14 of 5-colouring lies an eighth below 16; with zeros it is four times the threshold of 3.2."""
    rows = rows_of(
        replace(TINY, case="5-colouring", n_latents=1500, degrees=(14.0,), iterations=200, fresh=5000), tmp_path
    )
    found = {(row.metric, row.at): row for row in rows if row.start == "random"}
    assert found[OVERLAP, 0.0].value < 0.6 < 0.95 < found[OVERLAP, 1.0].value
    assert found[OBSERVATION, 0.0].value > 0.45
    assert found[OBSERVATION, 1.0].value < 0.05
    assert next(row.value for row in rows if row.metric == EQUALITIES) > 0.9


def test_without_many_constraints_zeros_do_not_help(tmp_path):
    """The negative control: half of the threshold with zeros visible."""
    rows = rows_of(replace(TINY, n_latents=1500, degrees=(1.8,), fresh=5000), tmp_path)
    found = {(row.metric, row.at): row for row in rows if row.start == "random"}
    for at in (0.0, 1.0):
        assert found[OBSERVATION, at].value == pytest.approx(0.349, abs=0.03)  # H(8/9), five errors of 5,000 tuples


def test_the_experiment_goes_from_nothing_to_its_report(tmp_path):
    tiny = LeakSize(n_latents=120, iterations=10, instances=2, degrees=dict.fromkeys(SATISFIED_DEGREES, (1.0, 3.0)))
    report = replace(EXPERIMENT, sizes={"smoke": tiny}).reproduce("smoke", tmp_path, jobs=1)
    assert report.read_text().count("<figure>") == 1
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"leak.png", "leak.svg"}


def test_a_figure_needs_rows():
    with pytest.raises(ValueError, match="no rows of leak"):
        draw_leak(Rows())
