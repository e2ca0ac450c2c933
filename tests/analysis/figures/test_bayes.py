"""The floor under every model: equal to what enumeration says, and never above what the prior says."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import entr

from analysis.figures.bayes.plot import draw_bayes
from analysis.figures.bayes.report import EXPERIMENT
from analysis.figures.bayes.units import LENGTH, PAPER_SIZES, BayesSize, BayesUnit, expected_loss
from analysis.lab.rows import Rows
from generators.families import nae_sat
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.enumeration import EnumeratedPosterior

COIN, OBSERVATION = math.log(2), float(entr(0.75) + entr(0.25))
SMALL = BayesUnit(n_latents=5, n_observations=9, samples=40, structures=2, shares=(0.25, 0.5, 1.0))


def rows_of(unit, tmp_path):
    return list(unit.measure(tmp_path, torch.device("cpu")))


@pytest.mark.parametrize("n_masked", [1, 4, 9, 14])
def test_elimination_and_enumeration_give_one_floor(n_masked):
    distribution = nae_sat(5, 9, structure_seed=3)
    fast, slow = (
        expected_loss(distribution, posterior(distribution), n_masked, 30, np.random.default_rng(1))
        for posterior in (EliminatedPosterior, EnumeratedPosterior)
    )
    for role, sums in fast.items():
        assert sums == pytest.approx(slow[role], abs=1e-9)


def test_with_everything_masked_the_floor_is_the_marginal(tmp_path):
    """Exactly, row by row, so without an error: nothing is visible, and nothing depends on the draw."""
    everything = {row.role: row for row in rows_of(SMALL, tmp_path) if row.n_masked == 14}
    assert everything["latent"].value == pytest.approx(COIN, abs=1e-12)
    assert everything["observation"].value == pytest.approx(OBSERVATION, abs=1e-12)
    assert all(row.standard_error < 1e-9 for row in everything.values())


def test_more_masks_never_help(tmp_path):
    """Conditioning on less raises the entropy; 3 standard errors twice, a false alarm in some hundred of this test."""
    for role in ("latent", "observation"):
        line = sorted((r for r in rows_of(SMALL, tmp_path) if r.role == role), key=lambda r: r.n_masked)
        for few, many in itertools.pairwise(line):
            assert few.value < many.value + 3 * math.hypot(few.standard_error, many.standard_error)
        assert line[0].value < line[-1].value - 0.1  # and the test could fail


def test_the_draws_depend_on_the_seed_alone(tmp_path):
    assert rows_of(SMALL, tmp_path) == rows_of(SMALL, tmp_path)
    assert rows_of(SMALL, tmp_path) != rows_of(replace(SMALL, seed=1), tmp_path)


def test_the_sizes_of_the_paper_have_one_length():
    assert {n + p for n, p in PAPER_SIZES} == {LENGTH}


def test_the_experiment_goes_from_nothing_to_its_report(tmp_path):
    tiny = replace(EXPERIMENT, sizes={"smoke": BayesSize(samples=8, distributions=((4, 8), (5, 7)))})
    report = tiny.reproduce("smoke", tmp_path, jobs=1)
    assert report.read_text().count("<figure>") == 1
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"bayes.png", "bayes.svg"}
    assert (tmp_path / "tables" / "bayes.csv").exists()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "units").iterdir()}
    tiny.reproduce("smoke", tmp_path, jobs=1)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "units").iterdir()}


def test_a_figure_needs_rows():
    with pytest.raises(ValueError, match="no rows of bayes"):
        draw_bayes(Rows())
