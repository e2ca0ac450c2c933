"""The gap: quadrature and errors on made-up rows, then the identity and its control on small instances."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis.figures.gap.identity import Measured, identity, z_score
from analysis.figures.gap.plot import draw_gap
from analysis.figures.gap.report import EXPERIMENT
from analysis.figures.gap.units import NAMES, POPULATION, SIZES, GapSize, PopulationUnit, interval, nodes
from analysis.lab.rows import Rows, Subject, read_csv
from analysis.planted.cases import CASES
from analysis.planted.curve import BAYES, CONVERGED, OBSERVATION, PHI, PROPAGATION, REFUSED, CurveUnit, one_instance
from lo_theory.phases.thresholds import constraint_information, first_moment_degree

RECORDED = Path(__file__).parents[3] / "results" / "gap-smoke" / "gap.csv"
TINY = CurveUnit(
    experiment="gap", case="2-in-4", asked="both", seed=0, n_latents=800, degrees=(3.0,), iterations=150, fresh=10_000
)


def rows_of(unit, tmp_path):
    return Rows(unit.measure(tmp_path, torch.device("cpu")))


def made_up(case, count, heights, phi):
    """Rows of instances whose area is ``heights[seed]`` times the length of the interval per constraint."""
    degrees, information = nodes(CASES[case], count)[0].tolist(), constraint_information(CASES[case].ensemble)
    rows = []
    for seed, height in enumerate(heights):
        about = Subject(distribution=case, fingerprint="", model=PROPAGATION, seed=seed)
        for degree in degrees:
            for start, value in (("random", information), ("planted", information - height)):
                rows.append(about.row("gap", OBSERVATION, one_instance(value), degree=degree, start=start))
        for model in (PROPAGATION, POPULATION):
            at_the_end = {"degree": CASES[case].kesten_stigum, "start": "planted", "model": model}
            rows.append(about.row("gap", PHI, one_instance(phi), **at_the_end))
    return Rows(rows)


@given(count=st.integers(2, 9), power=st.integers(0, 3), name=st.sampled_from(["2-in-4", "P4", "1-in-3", "NAE-3"]))
def test_the_quadrature_integrates_polynomials_per_constraint(count, power, name):
    degrees, weights = nodes(CASES[name], count)
    low, high = interval(CASES[name])
    exact = (high ** (power + 1) - low ** (power + 1)) / (power + 1) / CASES[name].arity
    assert weights @ degrees**power == pytest.approx(exact, rel=1e-10)


def test_area_and_error_of_made_up_instances():
    low, high = interval(CASES["NAE-3"])
    length = (high - low) / 3
    found = identity(made_up("NAE-3", 5, [0.1, 0.2, 0.3], phi=0.2 * length), "NAE-3", 5)
    assert found.area.value == pytest.approx(0.2 * length)
    assert found.area.error == pytest.approx(0.1 / math.sqrt(3) * length)
    assert found.ideal_area.value == pytest.approx(found.area.value)  # the random start was ignorant
    assert found.z == pytest.approx(0.0, abs=1e-9)
    assert found.agrees()


def test_a_wrong_free_entropy_is_found_out():
    found = identity(made_up("2-in-4", 4, [0.50, 0.51, 0.52], phi=0.3), "2-in-4", 4)
    assert abs(found.z) > 50
    assert not found.agrees()


def test_missing_nodes_and_single_instances_are_refused():
    rows = made_up("2-in-4", 4, [0.5, 0.5], phi=0.15)
    with pytest.raises(ValueError, match="no row"):
        identity(rows[1:], "2-in-4", 4)
    with pytest.raises(ValueError, match="two populations"):
        identity(rows.where(seed=0), "2-in-4", 4)
    with pytest.raises(ValueError, match="two instances"):
        identity(Rows(row for row in rows if row.seed == 0 or row.model == POPULATION), "2-in-4", 4)
    with pytest.raises(ValueError, match="no beginning or no end"):
        interval(CASES["P5"])


def test_the_last_digit_of_a_degree_moves_nothing():
    """A quadrature's nodes differ by it from machine to machine; rows go down or up, all alike or by turns."""
    rows, count = read_csv(RECORDED), SIZES["smoke"].nodes
    recorded = [identity(rows, name, count) for name in NAMES]
    for directions in ((-math.inf,), (math.inf,), (math.inf, -math.inf, math.inf)):
        towards = itertools.cycle(directions)
        moved = Rows(replace(row, degree=float(np.nextafter(row.degree or 0.0, next(towards)))) for row in rows)
        assert not any(row.degree == other.degree for row, other in zip(rows, moved, strict=True))
        assert [identity(moved, name, count) for name in NAMES] == recorded


def test_equal_numbers_without_error_do_not_differ():
    assert z_score(Measured(0.0, 0.0, 2), Measured(0.0, 0.0, 2)) == 0.0
    assert z_score(Measured(1.0, 0.0, 2), Measured(0.0, 0.0, 2)) == math.inf
    assert z_score(Measured(1.0, 0.3, 2), Measured(0.0, 0.4, 2)) == pytest.approx(2.0)


@pytest.mark.parametrize("name", ["NAE-3", "XOR-3", "2-in-4", "1-in-4", "P4", "P5", "NAE-3, m = 3, satisfied"])
def test_below_the_kesten_stigum_degree_the_random_start_pays_for_everything(name, tmp_path):
    """Five standard errors of the draw of tuples and, for the share of ones among all tuples, 2 / sqrt(N)."""
    case = CASES[name]
    degree = 0.7 * min(case.kesten_stigum, first_moment_degree(case.ensemble))
    rows = rows_of(replace(TINY, case=name, asked=case.shown, degrees=(degree,)), tmp_path)
    reached = rows.one(metric=OBSERVATION, degree=degree, start="random")
    information = constraint_information(case.ensemble)
    assert abs(reached.value - information) < 5 * reached.standard_error + 0.02
    assert rows.one(metric=REFUSED, degree=degree, start="random").value == 0.0


def test_above_condensation_the_planted_start_pays_less(tmp_path):
    """The negative control of the test above."""
    rows = rows_of(replace(TINY, degrees=(4.4,)), tmp_path)
    assert rows.one(metric=OBSERVATION, degree=4.4, start="random").value > 0.64
    assert rows.one(metric=OBSERVATION, degree=4.4, start="planted").value < 0.3
    assert rows.one(metric=OBSERVATION, degree=4.4, model=BAYES).value < 0.3


def test_between_spinodal_and_condensation_bayes_is_ignorant(tmp_path):
    """P5 has the widest such region, from 4.0 to 4.88: the planted start keeps the latents, its free entropy is < 0."""
    rows = rows_of(replace(TINY, case="P5", degrees=(4.3,)), tmp_path)
    assert rows.one(metric=OBSERVATION, degree=4.3, start="planted").value < 0.4
    assert rows.one(metric=PHI, degree=4.3, start="planted").value < -0.02
    assert rows.one(metric=OBSERVATION, degree=4.3, model=BAYES).value == pytest.approx(math.log(2), abs=1e-9)


def test_iterations_that_do_not_settle_are_counted(tmp_path):
    rows = rows_of(replace(TINY, degrees=(6.0,), iterations=3), tmp_path)
    assert rows.one(metric=CONVERGED, degree=6.0, start="random").value == 0.0


def test_the_area_is_the_free_entropy_on_small_instances(tmp_path):
    """2-in-4, N = 800: single instances have phi(5) with a spread of about 0.012, the area of about 0.01."""
    rows = []
    degrees = (*nodes(CASES["2-in-4"], 4)[0].tolist(), CASES["2-in-4"].kesten_stigum)
    for seed in range(4):
        rows += rows_of(replace(TINY, seed=seed, degrees=degrees, fresh=2000), tmp_path)
        rows += rows_of(PopulationUnit(case="2-in-4", seed=seed, size=100), tmp_path)
    found = identity(Rows(rows), "2-in-4", 4)
    assert abs(found.ideal_area.value - found.free_entropy.value) < 0.03
    assert abs(found.on_instances.value - found.free_entropy.value) < 0.03
    assert 0.1 < found.ideal_area.value < 0.2


def test_the_experiment_goes_from_nothing_to_its_report(tmp_path):
    tiny = GapSize(
        n_latents=120, iterations=20, instances=2, nodes=2, messages=20, populations=2, names=("2-in-4", "NAE-3")
    )
    report = replace(EXPERIMENT, sizes={"smoke": tiny}).reproduce("smoke", tmp_path, jobs=1)
    assert report.read_text().count("<figure>") == 1
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"gap.png", "gap.svg"}


def test_a_figure_needs_rows():
    with pytest.raises(ValueError, match="no rows of gap"):
        draw_gap(Rows(), 4)


def test_the_same_unit_gives_the_same_rows(tmp_path):
    unit = replace(TINY, n_latents=200, fresh=500)
    assert rows_of(unit, tmp_path) == rows_of(unit, tmp_path)
    assert np.isfinite([row.value for row in rows_of(unit, tmp_path)]).all()


@pytest.mark.parametrize("count", range(2, 13))
def test_the_nodes_are_those_of_gauss_and_legendre(count):
    """Those that are written down, as keys of units hash them, are what anyone computes but for rounding."""
    case = CASES["2-in-4"]
    low, high = interval(case)
    degrees, weights = nodes(case, count)
    x, w = np.polynomial.legendre.leggauss(count)
    np.testing.assert_allclose(degrees, low + (high - low) / 2 * (x + 1), rtol=1e-14)
    np.testing.assert_allclose(weights.sum(), (high - low) / case.arity, rtol=1e-14)
    assert len(w) == len(weights)
