"""Attacks recover what was planted, their cost follows the known laws, and a budget is never hidden."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.families import local_hash, whole_hash
from generators.observations import named_tables as named
from generators.planted.constraints import PlantedEnsemble
from lo_theory.attacks.hash_search import EVALUATIONS, search_hash
from lo_theory.attacks.inversion import fit_growth, typical_cost
from lo_theory.attacks.noisy_parity import TRIALS, NoisyParities, draw_parities, held_out_size, pool_size, pooled_gauss
from lo_theory.attacks.planted_sat import CONFLICTS, observation_clauses, planted_clauses, solve_formula

UNIFORM = np.array([0.5, 0.5])


def split_parities(n, noise, arity, rng):
    pool = pool_size(n, noise)
    drawn = draw_parities(n, pool + held_out_size(n, noise, arity=arity), noise, arity=arity, rng=rng)
    return tuple(NoisyParities(drawn.latents, rows, noise, arity) for rows in (drawn.rows[:pool], drawn.rows[pool:]))


def unpacked(parities):
    bits = np.unpackbits(parities.rows.view(np.uint8), axis=1, bitorder="little")
    n = len(parities.latents)
    return bits[:, :n], bits[:, n]


@given(st.integers(1, 10), st.integers(0, 10**6))
@settings(max_examples=30)
def test_the_search_finds_the_preimage_and_counts_up_to_it(hidden_count, seed):
    rng = np.random.default_rng(seed)
    distribution = whole_hash(12, 76, structure_seed=seed)
    row = distribution.sample(1, rng)[0]
    hidden = np.zeros(12, dtype=bool)
    hidden[rng.choice(12, hidden_count, replace=False)] = True
    blind = np.where(hidden, 1 - row[:12], row[:12])  # hidden latents are not looked at
    attempt = search_hash(distribution.functions[0], blind, hidden, row[12:], rng)
    np.testing.assert_array_equal(attempt.latents, row[:12])
    assert 1 <= attempt.costs[EVALUATIONS] <= 2**hidden_count


def test_every_place_in_the_search_is_equally_likely():
    """Chi-square over the 8 places of 3 hidden latents, 800 searches; false-alarm rate 1e-4 (critical value 29.9)."""
    distribution = whole_hash(8, 72, structure_seed=0)
    rng, counts = np.random.default_rng(0), np.zeros(8)
    hidden = np.arange(8) < 3
    for row in distribution.sample(800, rng):
        counts[search_hash(distribution.functions[0], row[:8], hidden, row[8:], rng).costs[EVALUATIONS] - 1] += 1
    assert ((counts - 100) ** 2 / 100).sum() < 29.9


def test_the_search_refuses():
    rng = np.random.default_rng(0)
    hashed, none = whole_hash(40, 104, structure_seed=0).functions[0], np.zeros(104, dtype=np.uint8)
    with pytest.raises(ValueError, match="at most 30"):
        search_hash(hashed, np.zeros(40, dtype=np.uint8), np.ones(40, dtype=bool), none, rng)
    with pytest.raises(ValueError, match="no value of the hidden latents"):
        search_hash(hashed, np.zeros(40, dtype=np.uint8), np.arange(40) < 4, none, rng)
    small = local_hash(6, 9, structure_seed=0).functions[0]
    with pytest.raises(ValueError, match="whole scopes"):
        search_hash(small, np.zeros(6, dtype=np.uint8), np.ones(6, dtype=bool), none[:9], rng)


@given(st.integers(3, 80), st.sampled_from([None, 1, 2, 3]), st.sampled_from([0.0, 0.1, 0.3]), st.integers(0, 10**6))
@settings(max_examples=40)
def test_parities_are_what_they_say(n, arity, noise, seed):
    drawn = draw_parities(n, 400, noise, arity=arity, rng=np.random.default_rng(seed))
    members, values = unpacked(drawn)
    flipped = (members @ drawn.latents.astype(int)) % 2 != values
    assert (members.sum(axis=1) == arity).all() if arity else 0.4 < members.mean() < 0.6
    # 400 flips at rate 0.3: five standard deviations are 0.115
    assert abs(flipped.mean() - noise) <= 5 * np.sqrt(noise * (1 - noise) / 400)


@given(st.integers(2, 70), st.sampled_from([None, 3, 5]), st.integers(0, 10**6))
@settings(max_examples=20)
def test_without_noise_one_trial_is_enough(n, arity, seed):
    """Odd arities: parities of even ones never determine the latents, whose complement has them too."""
    arity = None if n < 8 else arity
    pool, held_out = split_parities(n, 0.0, arity, np.random.default_rng(seed))
    attempt = pooled_gauss(pool, held_out, 5, np.random.default_rng(seed))
    assert attempt.costs[TRIALS] == 1
    np.testing.assert_array_equal(attempt.latents, pool.latents)


@pytest.mark.parametrize(("arity", "n", "noise"), [(None, 20, 0.2), (None, 66, 0.03), (3, 20, 0.2)])
def test_a_trial_succeeds_with_the_probability_that_all_n_parities_are_clean(arity, n, noise):
    """150 runs: the rate has a relative error of 1/sqrt(150) = 8%; the band of 35% is four of them and the finite pool.

    Each accepted solution is the planted one. The neighbouring law (1 - eta)**(N - 4) is outside for noise 0.2.
    """
    rng, trials = np.random.default_rng(1), 0
    for _ in range(150):
        pool, held_out = split_parities(n, noise, arity, rng)
        attempt = pooled_gauss(pool, held_out, 10**6, rng)
        np.testing.assert_array_equal(attempt.latents, pool.latents)
        trials += attempt.costs[TRIALS]
    assert 150 / trials == pytest.approx((1 - noise) ** n, rel=0.35)
    if noise == 0.2:
        assert 150 / trials != pytest.approx((1 - noise) ** (n - 4), rel=0.35)


def test_a_budget_ends_the_attack_and_shows():
    pool, held_out = split_parities(60, 0.3, None, np.random.default_rng(0))
    attempt = pooled_gauss(pool, held_out, 7, np.random.default_rng(0))
    assert not attempt.solved
    assert attempt.costs[TRIALS] == 7


def test_a_pool_that_does_not_determine_the_latents_is_refused():
    rng = np.random.default_rng(0)
    drawn = draw_parities(30, 25, 0.0, arity=None, rng=rng)
    with pytest.raises(ValueError, match="do not determine"):
        pooled_gauss(drawn, drawn, 5, rng)
    with pytest.raises(ValueError, match="rate in"):
        draw_parities(30, 25, 0.5, arity=None, rng=rng)


@given(st.integers(4, 40), st.sampled_from(["one", "two"]), st.integers(0, 10**6))
@settings(max_examples=30)
def test_planted_clauses_hold_and_two_hidden_hold_for_the_complement(n, hidden, seed):
    formula = planted_clauses(n, 4.0, arity=3, hidden=hidden, rng=np.random.default_rng(seed))
    assert len(formula.scopes) == 4 * n
    assert (np.diff(np.sort(formula.scopes, axis=1), axis=1) > 0).all()
    assert formula.satisfied(formula.latents).all()
    if hidden == "two":
        assert formula.satisfied(1 - formula.latents).all()


def test_one_hidden_assignment_betrays_itself_and_two_do_not():
    """Share of literals that agree with the latents: 4/7 against 1/2; 12,000 literals, error 0.005."""
    rng = np.random.default_rng(0)
    for hidden, share in (("one", 4 / 7), ("two", 1 / 2)):
        formula = planted_clauses(1000, 4.0, arity=3, hidden=hidden, rng=rng)
        assert (formula.wanted == formula.latents[formula.scopes]).mean() == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize(
    "table", [named.nae(arity=3), named.parity(arity=3), named.t_in_k(2, arity=4), named.p5(), named.t_in_k(1, arity=3)]
)
def test_observations_become_clauses_with_the_same_solutions(table):
    planted = PlantedEnsemble(UNIFORM, 7, table, 3.0, "both", "fixed")
    formula = observation_clauses(planted, np.random.default_rng(3))
    instance = planted.sample(np.random.default_rng(3))
    np.testing.assert_array_equal(formula.latents, instance.latents)
    states = np.indices((2,) * 7).reshape(7, -1).T
    for state in states:
        seen = (table[tuple(state[instance.scopes].T)] == instance.values).all()
        assert formula.satisfied(state).all() == seen


def test_the_solver_solves_and_its_answer_is_checked():
    pytest.importorskip("pysat")
    rng = np.random.default_rng(0)
    for hidden in ("one", "two"):
        formula = planted_clauses(60, 4.25, arity=3, hidden=hidden, rng=rng)
        attempt = solve_formula(formula, 10**5)
        assert formula.satisfied(attempt.latents).all()
        assert attempt.costs[CONFLICTS] >= 0
    gave_up = solve_formula(planted_clauses(400, 4.25, arity=3, hidden="two", rng=rng), 5)
    assert not gave_up.solved
    assert 5 <= gave_up.costs[CONFLICTS] <= 5000  # Glucose looks at its budget when it restarts


def memoryless_runs(bits, sizes, runs, budget, rng):
    n = np.repeat(sizes, runs)
    cost = rng.geometric(2.0 ** (-bits * n)).astype(float)
    return n, np.minimum(cost, budget), cost <= budget


def test_growth_is_recovered_and_its_error_is_right():
    """Slopes of 80 repetitions: their spread is the reported error within 25%, and intervals of 95% mostly cover."""
    slopes, errors, covered, rng = [], [], 0, np.random.default_rng(0)
    for _ in range(80):
        growth = fit_growth(*memoryless_runs(0.3, [10, 15, 20, 25], 30, np.inf, rng), "mean", rng, resamples=40)
        slopes.append(growth.bits_per_latent)
        errors.append(growth.standard_error)
        covered += growth.low <= 0.3 <= growth.high
    assert np.mean(slopes) == pytest.approx(0.3, abs=0.008)
    assert np.std(slopes) == pytest.approx(np.mean(errors), rel=0.25)
    assert covered / 80 >= 0.8


def test_a_budget_does_not_bias_the_mean_but_dropping_given_up_runs_would():
    rng = np.random.default_rng(0)
    _, cost, solved = memoryless_runs(0.5, [20], 4000, 1500.0, rng)
    assert 0.7 < solved.mean() < 0.85
    assert typical_cost(cost, solved, "mean") == pytest.approx(1024, rel=0.08)  # 1.8% is one standard error
    assert cost[solved].mean() < 0.7 * 1024


def test_sizes_with_too_few_solutions_are_lower_bounds():
    rng = np.random.default_rng(0)
    growth = fit_growth(*memoryless_runs(0.5, [8, 10, 12, 14, 24], 40, 600.0, rng), "mean", rng)
    assert growth.lower_bounds == (24,)
    assert growth.sizes == (8, 10, 12, 14)
    with pytest.raises(ValueError, match="3 sizes"):
        fit_growth(*memoryless_runs(0.5, [8, 24, 26], 40, 600.0, rng), "mean", rng)


def test_a_power_is_told_from_an_exponential():
    n = np.repeat([20, 40, 80, 160, 320], 5)
    growth = fit_growth(n, n.astype(float) ** 2, np.ones(len(n), dtype=bool), "median", np.random.default_rng(0))
    assert growth.power == pytest.approx(2.0)
    assert growth.power_misfit < 1e-9 < 0.3 < growth.misfit


def test_typical_costs_by_hand():
    cost, solved = np.array([1.0, 2.0, 9.0, 9.0]), np.array([True, True, False, True])
    assert typical_cost(cost, solved, "mean") == 7.0
    assert typical_cost(np.array([1.0, 5.0, 9.0]), np.array([True, True, False]), "median") == 5.0
    assert typical_cost(cost, np.zeros(4, dtype=bool), "mean") == np.inf
    with pytest.raises(ValueError, match="at least one run"):
        typical_cost(np.empty(0), np.empty(0, dtype=bool), "mean")
