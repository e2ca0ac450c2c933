"""Population dynamics: identities of the channel, the closed form of parity, and belief propagation on an instance."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import f as f_distribution

from generators.observations import named_tables as named
from generators.planted.constraints import PlantedEnsemble
from lo_theory.phases import population_dynamics
from lo_theory.phases.belief_propagation import planted_beliefs
from lo_theory.phases.ensemble import Ensemble
from lo_theory.phases.population_dynamics import (
    History,
    Population,
    evolve,
    informed_population,
    planted_population,
    random_population,
    rooted_cells,
)
from lo_theory.phases.thresholds import constraint_information, prior_entropy, slot_means

XOR = Ensemble.from_table(named.parity(arity=3))
TWO_IN_FOUR = Ensemble.from_table(named.t_in_k(2, arity=4))
NAE_M3 = Ensemble.from_table(named.nae(arity=3, latent_alphabet=3), shown="satisfied")
ONE_IN_THREE = Ensemble.from_table(named.t_in_k(1, arity=3), prior=np.array([2 / 3, 1 / 3]))


def settled(ensemble, degree, size=1500, burn_in=40, sweeps=100, seed=0):
    """History of the planted start after a burn-in."""
    start = planted_population(ensemble, size)
    return evolve(ensemble, degree, start, burn_in + sweeps, np.random.default_rng(seed))[1].after(burn_in)


def random_ensemble(seed: int, k: int, m: int, partly: bool) -> Ensemble:
    """A random soft channel, not balanced, with three values of which perhaps two are visible."""
    rng = np.random.default_rng(seed)
    channel = rng.dirichlet(np.ones(3), (m,) * k)
    return Ensemble(np.moveaxis(channel, -1, 0), rng.dirichlet(5 * np.ones(m)), (0, 2) if partly else None)


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(2, 3), st.booleans())
@settings(max_examples=30)
def test_cells_are_the_law_of_a_constraint_given_its_root(seed, k, m, partly):
    """Against enumeration: every slot, visible value and assignment of the others, with its exact probability."""
    ensemble = random_ensemble(seed, k, m, partly)
    cells = rooted_cells(ensemble)
    size = cells.accept.shape[1]
    for a in range(m):
        chance = cells.accept[a] / size
        np.add.at(chance, cells.alias[a], (1.0 - cells.accept[a]) / size)
        expected = []
        for y, slot in itertools.product(range(len(ensemble.labels)), range(k)):
            for others in itertools.product(range(m), repeat=k - 1):
                scope = [*others[:slot], a, *others[slot:]]
                weight = ensemble.weights[y][tuple(scope)]
                prior = math.prod(ensemble.prior[x] for x in others)
                expected.append(ensemble.visible_rates[y] * prior * weight / k)
                assert cells.log_truth[a, len(expected) - 1] == pytest.approx(math.log(weight))
        assert cells.per_degree[a] == pytest.approx(sum(expected))
        np.testing.assert_allclose(chance, np.array(expected) / sum(expected), atol=1e-12)
    mean = np.einsum("y,yka->a", ensemble.visible_rates, slot_means(ensemble)) / k
    np.testing.assert_allclose(cells.per_degree, mean)
    assert ensemble.prior @ cells.per_degree == pytest.approx(1.0)


@given(st.integers(0, 10**6), st.integers(2, 3), st.integers(2, 3), st.booleans())
@settings(max_examples=20)
def test_one_sweep_from_certainty_in_closed_form(seed, k, m, partly):
    """All neighbours certain: the evidence of a constraint is its F at the truth.

    The mean over 300 draws of log F at the truth has expectation I1; a band of 5 standard errors, 20 examples.
    """
    ensemble = random_ensemble(seed, k, m, partly)
    degree = 4.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(population_dynamics, "_PARTS", 1)
        population, history = evolve(
            ensemble, degree, planted_population(ensemble, 300), 1, np.random.default_rng(seed)
        )
    np.testing.assert_allclose(population.messages.sum(axis=-1), 1.0)
    assert history.evidence[0] == pytest.approx(history.truth[0], abs=1e-12)
    information = constraint_information(ensemble)
    logs = np.log(ensemble.weights[:, *np.indices((m,) * k)]).ravel()
    error = np.abs(logs).max() * math.sqrt(1.0 + degree) / math.sqrt(degree * 300)
    assert abs(history.truth[0] - information) < 5 * error


@pytest.mark.parametrize("ensemble", [XOR, TWO_IN_FOUR, NAE_M3, ONE_IN_THREE])
def test_the_prior_is_a_fixed_point_with_free_entropy_zero(ensemble):
    """Balanced ensembles: a population that knows nothing stays so, exactly, and costs nothing at any degree."""
    nothing = informed_population(ensemble, 50, 0.0)
    population, history = evolve(ensemble, 7.0, nothing, 3, np.random.default_rng(0))
    np.testing.assert_allclose(population.messages, nothing.messages, atol=1e-12)
    for values in (history.free_entropy, history.evidence, history.magnetisation):
        np.testing.assert_allclose(values, 0.0, atol=1e-12)
    assert history.overlap[0] == pytest.approx(ensemble.prior[ensemble.prior == ensemble.prior.max()].mean(), abs=1e-12)


@pytest.mark.parametrize(("ensemble", "far"), [(XOR, 14.0), (TWO_IN_FOUR, 16.0), (NAE_M3, 110.0), (ONE_IN_THREE, 20.0)])
def test_far_above_everything_each_latent_is_known(ensemble, far):
    """phi -> c I1 - H(prior); at these degrees what is left, about e^{-10}, is below the band of 2e-3."""
    found = settled(ensemble, far, size=300, burn_in=5, sweeps=20).estimates()
    expected = far / ensemble.arity * constraint_information(ensemble) - prior_entropy(ensemble)
    assert found.free_entropy.value == pytest.approx(expected, abs=2e-3)
    assert found.fresh_entropy.value == pytest.approx(0.0, abs=1e-3)
    assert found.magnetisation.value > 0.999


def xor_fixed_point(degree: float) -> tuple[float, float, float]:
    """Known share, phi and E log Z_a of 3-XOR from the planted start: messages are certain or empty."""
    known = 1.0
    for _ in range(2000):
        known = 1.0 - math.exp(-degree * known**2)
    phi = math.log(2) * (degree * known**2 - known - 2 / 3 * degree * known**3)
    return known, phi, math.log(2) * known**3


@pytest.mark.parametrize("degree", [2.6, 2.9, 3.4])
def test_parity_has_a_closed_form(degree):
    """Four standard errors from ten batches (Student's t with 9 degrees of freedom): false alarms 1 in 300 per number.

    The first sweep, which knows too much, would be seen: the negative control.
    """
    known, phi, evidence = xor_fixed_point(degree)
    found = settled(XOR, degree, size=1500, burn_in=60, sweeps=120, seed=1).estimates()
    for estimate, exact in (
        (found.magnetisation, known),
        (found.free_entropy, phi),
        (found.evidence, evidence),
        (found.overlap, (1 + known) / 2),
    ):
        assert abs(estimate.value - exact) < 4 * estimate.standard_error
        assert estimate.standard_error < 0.01
    first = evolve(XOR, degree, planted_population(XOR, 1500), 1, np.random.default_rng(1))[1]
    assert first.magnetisation[0] > known + 4 * found.magnetisation.standard_error


def test_the_population_of_parity_has_three_kinds_of_messages():
    population, _ = evolve(XOR, 2.9, planted_population(XOR, 500), 30, np.random.default_rng(0))
    assert set(np.unique(population.messages)) <= {0.0, 0.5, 1.0}
    assert population.messages[0, :, 0].min() >= 0.5  # the planted value is never ruled out


def test_errors_are_honest():
    """Scatter of 20 independent populations over the mean of their squared errors, for the slow magnetisation.

    The ratio is near an F with 19 and 180 degrees of freedom, both tails at 1e-3. Errors that take sweeps for
    independent ones fail: the negative control.
    """
    values, errors, naive = [], [], []
    for seed in range(20):
        history = settled(XOR, 2.8, size=120, burn_in=50, sweeps=200, seed=seed)
        found = history.estimates().magnetisation
        values.append(found.value)
        errors.append(found.standard_error)
        naive.append(history.magnetisation.std(ddof=1) / math.sqrt(len(history.magnetisation)))
    low, high = f_distribution.ppf([1e-3, 1 - 1e-3], 19, 180)
    ratio, wrong = (float(np.var(values, ddof=1) / np.square(some).mean()) for some in (errors, naive))
    assert low < ratio < high < wrong


def test_the_slope_of_the_free_entropy_is_the_evidence():
    """d phi / d c = E log Z_a, by central differences at 2-in-4; four standard errors of the difference."""
    left, middle, right = (settled(TWO_IN_FOUR, d, size=1200, seed=3).estimates() for d in (4.2, 4.4, 4.6))
    slope = (right.free_entropy.value - left.free_entropy.value) / (0.4 / 4)
    error = math.hypot(right.free_entropy.standard_error, left.free_entropy.standard_error) / 0.1
    assert abs(slope - middle.evidence.value) < 4 * math.hypot(error, middle.evidence.standard_error) + 0.004
    assert error < 0.03


@pytest.mark.parametrize(
    ("table", "degree", "shown"), [(named.t_in_k(2, arity=4), 4.6, "both"), (named.not_equal(5), 15.0, "satisfied")]
)
def test_against_belief_propagation_on_a_large_instance(table, degree, shown):
    """phi of an instance fluctuates with its number of constraints and by 1/sqrt(N) otherwise: a band of 0.015.

    The instance's own degree goes into the population.
    """
    n = 4000
    planted = PlantedEnsemble(np.full(len(table), 1 / len(table)), n, table, degree, shown, "fixed")
    instance = planted.sample(np.random.default_rng(0))
    beliefs = planted_beliefs(planted, instance, "planted")
    found = settled(Ensemble.from_planted(planted), instance.degree, size=600, sweeps=60).estimates()
    assert beliefs.converged
    assert found.free_entropy.value == pytest.approx(beliefs.free_entropy, abs=0.015)
    truth = beliefs.marginals[np.arange(n), instance.latents].mean()
    m = len(table)
    assert found.magnetisation.value == pytest.approx((truth - 1 / m) / (1 - 1 / m), abs=0.02)


def test_below_the_spinodal_everything_is_forgotten():
    for ensemble, degree in ((XOR, 2.2), (TWO_IN_FOUR, 3.0), (NAE_M3, 22.0)):
        found = settled(ensemble, degree, size=600, burn_in=120, sweeps=20).estimates()
        assert abs(found.magnetisation.value) < 0.03
        assert abs(found.free_entropy.value) < 1e-3


def test_absent_tuples_hold_the_composition(monkeypatch):
    """Three-valued not-all-equal below everything: a random start dies out; without the absent tuples it does not."""
    start = random_population(NAE_M3, 400, np.random.default_rng(0))
    quiet, _ = evolve(NAE_M3, 22.0, start, 30, np.random.default_rng(1))
    assert np.abs(quiet.messages - 1 / 3).max() < 0.05
    monkeypatch.setattr(population_dynamics, "_all_visible", lambda ensemble: True)
    drifting, _ = evolve(NAE_M3, 22.0, start, 30, np.random.default_rng(1))
    assert np.abs(drifting.messages - 1 / 3).max() > 0.2


def test_parts_keep_the_composition(monkeypatch):
    """NAE-5, satisfied only, at degree 50 between D_d and D_cond: whole sweeps oscillate until everything is lost."""
    tested = Ensemble.from_table(named.nae(arity=5), shown="satisfied")
    start = planted_population(tested, 200)
    kept, _ = evolve(tested, 50.0, start, 100, np.random.default_rng(2))
    assert kept.magnetisation(tested.prior) > 0.8
    monkeypatch.setattr(population_dynamics, "_PARTS", 1)
    lost, _ = evolve(tested, 48.0, start, 150, np.random.default_rng(2))
    assert lost.magnetisation(tested.prior) < 0.3


def test_unbalanced_ensembles_inform_from_any_start():
    """Majority: the random start ends where the planted one does, above nothing, at degree one."""
    majority = Ensemble.from_table(named.majority(arity=3))
    planted = settled(majority, 1.0).estimates().magnetisation
    start = random_population(majority, 1500, np.random.default_rng(0))
    hint = evolve(majority, 1.0, start, 140, np.random.default_rng(5))[1].after(40).estimates().magnetisation
    assert planted.value > 0.15
    assert hint.value == pytest.approx(planted.value, abs=5 * math.hypot(hint.standard_error, planted.standard_error))


def test_equal_seeds_give_equal_runs_and_the_start_is_kept():
    start = planted_population(TWO_IN_FOUR, 40)
    before = start.messages.copy()
    first, _ = evolve(TWO_IN_FOUR, 4.0, start, 3, np.random.default_rng(7))
    again, history = evolve(TWO_IN_FOUR, 4.0, start, 3, np.random.default_rng(7))
    np.testing.assert_array_equal(first.messages, again.messages)
    np.testing.assert_array_equal(start.messages, before)
    assert isinstance(history, History)
    assert len(history.truth) == 3


def test_overlap_shares_ties():
    prior = np.array([0.5, 0.5])
    population = Population(np.array([[[0.5, 0.5], [0.9, 0.1]], [[0.5, 0.5], [0.9, 0.1]]]))
    assert population.overlap(prior) == pytest.approx((0.75 + 0.25) / 2)
    assert population.magnetisation(prior) == pytest.approx(0.0)


def test_refusals():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="share"):
        informed_population(XOR, 10, 1.5)
    with pytest.raises(ValueError, match="size"):
        planted_population(XOR, 0)
    with pytest.raises(ValueError, match="degree"):
        evolve(XOR, 0.0, planted_population(XOR, 10), 1, rng)
    with pytest.raises(ValueError, match="values"):
        evolve(NAE_M3, 1.0, planted_population(XOR, 10), 1, rng)
    with pytest.raises(ValueError, match="20 sweeps"):
        evolve(XOR, 1.0, planted_population(XOR, 10), 5, rng)[1].estimates()
