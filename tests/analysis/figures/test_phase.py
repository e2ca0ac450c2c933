"""Phases: the exact answer is the floor, symmetric latents stay at the prior, controls behave as controls."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.figures.phase.plot import draw_phase, draw_phase_small
from analysis.figures.phase.report import EXPERIMENT
from analysis.figures.phase.small import Network, SmallUnit, losses, protocol
from analysis.figures.phase.units import DEGREES, PhaseSize, SmallSize
from analysis.lab.rows import MDM, Rows
from analysis.planted.cases import CASES
from analysis.planted.curve import BAYES, LATENT, OBSERVATION, PROPAGATION, CurveUnit
from lo_theory.phases.thresholds import constraint_information, first_moment_degree, kesten_stigum_degree
from lo_theory.posteriors.exact import exact_posterior

NETWORK = Network(steps=3, layers=1, width=16, heads=2, batch_size=8)
TINY = SmallUnit(
    case="2-in-4", seed=0, n_latents=6, n_observations=18, network=NETWORK, degrees=(1.0, 4.0, 8.0), samples=24,
    iterations=50,
)  # fmt: skip
CURVE = CurveUnit(
    experiment="phase", case="NAE-3", asked="both", seed=0, n_latents=1500, degrees=(3.0,), iterations=250, fresh=4000
)


def rows_of(unit, tmp_path):
    return list(unit.measure(tmp_path, torch.device("cpu")))


@pytest.mark.parametrize("name", list(CASES))
def test_known_degrees_are_in_the_order_that_the_theory_has(name):
    case, ks = CASES[name], CASES[name].kesten_stigum
    assert ks == kesten_stigum_degree(case.ensemble)
    known = case.condensation
    if known is None:
        assert ks == 0.0
    elif known.spinodal is None:
        assert known.degree == pytest.approx(ks)
    else:
        low, high = known.spinodal
        assert low <= high <= known.degree + 2 * known.error < min(ks, first_moment_degree(case.ensemble))


@pytest.mark.parametrize("name", ["2-in-4", "1-in-4"])
def test_nobody_is_better_than_the_exact_posterior(name, tmp_path):
    rows = [row for row in rows_of(replace(TINY, case=name), tmp_path) if row.metric in (OBSERVATION, LATENT)]
    bayes = {(r.metric, r.degree, r.at): r.value for r in rows if r.model == BAYES}
    others = [r for r in rows if r.model != BAYES]
    assert {r.model for r in others} == {MDM, PROPAGATION}
    assert all(row.value >= bayes[row.metric, row.degree, row.at] - 1e-9 for row in others)


def test_symmetric_latents_stay_at_the_prior_until_one_is_revealed(tmp_path):
    """With N = 6 and 2/3 of the observations visible some latents are; then the others are not coins any more."""
    rows = [r for r in rows_of(replace(TINY, degrees=(8.0,)), tmp_path) if r.metric == LATENT]
    found = {(r.model, r.at): r.value for r in rows}
    assert found[BAYES, 0.0] == pytest.approx(math.log(2), abs=1e-12)
    assert found[PROPAGATION, 0.0] == pytest.approx(math.log(2), abs=1e-12)
    assert found[BAYES, 1.0] < 0.5


def test_without_symmetry_latents_are_learned_from_observations(tmp_path):
    """The negative control of the test above."""
    rows = rows_of(replace(TINY, case="1-in-4", degrees=(8.0,)), tmp_path)
    found = next(r for r in rows if r.metric == LATENT and r.model == BAYES and r.at == 0.0)
    assert found.value < 0.35  # the prior has 0.562


def test_masks_leave_what_they_should():
    distribution = TINY.build()
    masks = protocol(distribution, 50, 7, 2, np.random.default_rng(0))
    assert (masks[:, distribution.observation_positions].sum(axis=1) == 11).all()
    assert (masks[:, distribution.latent_positions].sum(axis=1) == 4).all()


def test_losses_of_the_posterior_itself_are_its_entropies_and_refused_rows_are_left_out():
    distribution = TINY.build()
    x = distribution.sample(12, np.random.default_rng(1))
    masks = protocol(distribution, 12, 5, 0, np.random.default_rng(2))
    truth = exact_posterior(distribution).log_marginals(np.where(masks, distribution.mask_id, x).astype(np.int64))
    uniform = np.full_like(truth, -math.log(2))
    found = losses(distribution, truth, uniform, masks, np.ones(12, dtype=bool))
    assert all(estimate.value == pytest.approx(math.log(2)) for estimate in found.values())
    best = losses(distribution, truth, truth, masks, np.ones(12, dtype=bool))
    assert best[OBSERVATION, "observation"].value < math.log(2)
    wrong = uniform.copy()
    wrong[0] = np.nan
    kept = losses(distribution, truth, np.where(np.isnan(wrong), uniform, wrong), masks, np.arange(12) > 0)
    assert kept[LATENT, "latent"].samples == 11
    assert losses(distribution, truth, uniform, masks, np.zeros(12, dtype=bool)) == {}


@pytest.mark.parametrize(("name", "degree"), [("NAE-3", 3.0), ("majority", 1.0)])
def test_controls_are_found_from_a_random_start(name, degree, tmp_path):
    rows = rows_of(replace(CURVE, case=name, degrees=(degree,)), tmp_path)
    found = {(r.model, r.start): r.value for r in rows if r.metric == OBSERVATION}
    assert found[PROPAGATION, "random"] == pytest.approx(found[BAYES, None], abs=0.01)
    assert found[BAYES, None] < constraint_information(CASES[name].ensemble) - 0.05


@pytest.mark.parametrize(("name", "degree"), [("XOR-3", 6.0), ("P5", 8.0)])
def test_where_no_value_correlates_two_latents_belief_propagation_is_blind(name, degree, tmp_path):
    rows = rows_of(replace(CURVE, case=name, degrees=(degree,)), tmp_path)
    found = {(r.model, r.start): r.value for r in rows if r.metric == OBSERVATION}
    assert found[PROPAGATION, "random"] == pytest.approx(math.log(2), abs=1e-3)
    assert found[BAYES, None] < 0.05


def test_degrees_lie_on_both_sides_of_what_they_are_to_show():
    for name, degrees in DEGREES.items():
        known, ks = CASES[name].condensation, CASES[name].kesten_stigum
        if known is not None:
            assert min(degrees) < known.degree < max(degrees)
            assert max(degrees) > ks or math.isinf(ks)


def test_the_experiment_goes_from_nothing_to_its_report(tmp_path):
    small = SmallSize(n_latents=5, network=NETWORK, cases=("NAE-3",), seeds=1, samples=6)
    few = {name: degrees[-2:] for name, degrees in DEGREES.items()}
    tiny = PhaseSize(n_latents=120, iterations=10, instances=1, small=small, degrees=few)
    report = replace(EXPERIMENT, sizes={"smoke": tiny}).reproduce("smoke", tmp_path, jobs=1)
    assert report.read_text().count("<figure>") == 2
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {"phase.png", "phase.svg", "phase_small.png", "phase_small.svg"}


def test_figures_need_rows():
    with pytest.raises(ValueError, match="no rows of phase"):
        draw_phase(Rows())
    with pytest.raises(ValueError, match="no rows of phase_small"):
        draw_phase_small(Rows())
