"""The inversion experiment: attacks as values, rows that hide no given-up run, a figure and a report from rows."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.figures.inversion.attacks import FORMULAS, HashAttack, ParityAttack, SatAttack
from analysis.figures.inversion.plot import draw_inversion
from analysis.figures.inversion.report import EXPERIMENT
from analysis.figures.inversion.units import (
    BITS,
    KNOWN_BITS,
    PLANTED,
    RATE,
    SAT_SIZES,
    SECONDS,
    SOLVED,
    InversionSize,
    InversionUnit,
)
from analysis.lab.rows import Rows

CPU = torch.device("cpu")


def rows_of(unit, tmp_path):
    return Rows(unit.measure(tmp_path, CPU))


def test_an_attack_gives_costs_at_every_size_and_their_growth(tmp_path):
    unit = InversionUnit(attack=ParityAttack(0.2, None), sizes=(6, 9, 12), runs=12, budget=10_000)
    rows = rows_of(unit, tmp_path)
    assert {(r.metric, r.latents_masked) for r in rows if r.latents_masked} == {
        (m, n) for m in ("trials", SECONDS, SOLVED, PLANTED, RATE) for n in unit.sizes
    }
    slope, known = rows.one(metric=BITS), rows.one(metric=KNOWN_BITS)
    assert known.value == pytest.approx(-math.log2(0.8))
    assert abs(slope.value - known.value) < 5 * slope.standard_error
    again = [r for r in rows_of(unit, tmp_path) if r.metric != SECONDS]
    assert again == [r for r in rows if r.metric != SECONDS]


def test_runs_that_were_given_up_stay_in_the_rows(tmp_path):
    """Budget 1: what is unsolved shows in the share and in the mean, all work over the solutions; too few for a fit."""
    unit = InversionUnit(attack=ParityAttack(0.05, None), sizes=(3, 5, 20), runs=40, budget=1)
    rows = rows_of(unit, tmp_path)
    for n in unit.sizes:
        solved, trials, rate = (rows.one(metric=m, latents_masked=n).value for m in (SOLVED, "trials", RATE))
        assert solved < 1
        assert trials == pytest.approx(1 / solved)
        assert rate == pytest.approx(solved)
    assert not rows.where(metric=BITS)
    assert draw_inversion(rows).axes


def test_a_search_doubles_with_every_latent(tmp_path):
    unit = InversionUnit(attack=HashAttack(n_latents=12), sizes=(2, 4, 6, 8), runs=30, budget=1)
    rows = rows_of(unit, tmp_path)
    slope = rows.one(metric=BITS)
    assert abs(slope.value - 1.0) < 4 * slope.standard_error  # false alarm 1e-4
    assert all(r.value == 1.0 for r in rows.where(metric=(SOLVED, PLANTED)))
    drawn = [line for axes in draw_inversion(rows).axes for line in axes.get_lines() if len(line.get_xdata()) == 4]
    laws = [np.asarray(line.get_ydata()) for line in drawn if list(line.get_xdata()) == [2, 4, 6, 8]]
    assert any(np.allclose(law, [2.0, 8.0, 32.0, 128.0]) for law in laws), "a search ends half way on the average"


def test_the_experiment_goes_from_nothing_to_its_report(tmp_path):
    pytest.importorskip("pysat")
    tiny = InversionSize(
        hash_sizes=(2, 4, 6), runs=6, budget=100_000, reach=1.0,
        parity_sizes={0.0: (6, 8, 10), 0.2: (6, 8, 10)}, sat_sizes=dict.fromkeys(FORMULAS, (12, 16, 20)),
    )  # fmt: skip
    report = replace(EXPERIMENT, sizes={"smoke": tiny}).reproduce("smoke", tmp_path, jobs=1).read_text()
    assert report.count("<figure>") == 1
    assert re.search(r"2-in-4.*conflicts", report, re.S)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"inversion.png", "inversion.svg"}


def test_every_formula_is_attacked_and_a_figure_needs_rows():
    assert set(SAT_SIZES) == set(FORMULAS)
    assert all(SatAttack(name).known_bits is None for name in FORMULAS)
    with pytest.raises(ValueError, match="no rows of inversion"):
        draw_inversion(Rows())
