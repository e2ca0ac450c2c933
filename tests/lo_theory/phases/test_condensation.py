"""Spinodal and condensation degrees: closed forms of parity, and the controls that must behave as controls."""

from __future__ import annotations

import math

import numpy as np
import pytest

from generators.observations import named_tables as named
from lo_theory.estimate import mean_estimate
from lo_theory.phases import condensation
from lo_theory.phases.condensation import (
    Effort,
    affordable_size,
    area_free_entropy,
    area_zero,
    bethe_zero,
    both_starts,
    find_transition,
    is_continuous,
    kesten_stigum_free_entropy,
    pilot_zero,
    spinodal_bracket,
    spinodal_interval,
)
from lo_theory.phases.ensemble import Ensemble
from lo_theory.phases.thresholds import first_moment_degree

XOR = Ensemble.from_table(named.parity(arity=3))
EXACT_SPINODAL, EXACT_CONDENSATION = 2.45541, 2.75381
NAE_BOTH = Ensemble.from_table(named.nae(arity=3))
TWO_IN_FOUR = Ensemble.from_table(named.t_in_k(2, arity=4))
QUICK = Effort(size=400, burn_in=30, sweeps=50, patience=120, resolution=0.01, points=3, nodes=6)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_exact_values_of_parity():
    """The closed form itself: D_d is the least -log(1 - x) / x^2, D_cond the zero of phi."""
    share = np.linspace(0.5, 0.95, 100_001)
    degrees = -np.log1p(-share) / share**2
    assert degrees.min() == pytest.approx(EXACT_SPINODAL, abs=1e-5)
    phi = degrees * share**2 - share - 2 / 3 * degrees * share**3
    upper = degrees.argmin()
    assert degrees[upper:][np.abs(phi[upper:]).argmin()] == pytest.approx(EXACT_CONDENSATION, abs=1e-4)


def test_both_routes_meet_the_exact_condensation_of_parity():
    """Mean of five replicas within 5 standard errors (t with 4 degrees of freedom: false alarms 1 in 130)."""
    for route in (
        lambda seed: bethe_zero(XOR, 2.76, 0.04, QUICK, rng(seed)),
        lambda seed: area_zero(XOR, 2.76, QUICK, rng(seed)),
    ):
        found = mean_estimate(np.array([route(seed) for seed in range(5)]))
        assert abs(found.value - EXACT_CONDENSATION) < 5 * found.standard_error
        assert found.standard_error < 0.012


def test_the_integral_is_exact_where_h_is(monkeypatch):
    """Nodes and truncation alone, with the entropy of a fresh observation in closed form."""

    class Fresh:
        def __init__(self, degree: float) -> None:
            known = 1.0
            for _ in range(2000):
                known = 1.0 - math.exp(-degree * known**2)
            value = math.log(2) * (1 - known**3)
            self.fresh_entropy = type("Value", (), {"value": value})()

        def estimates(self):
            return self

    monkeypatch.setattr(condensation, "measure", lambda ensemble, degree, effort, rng: Fresh(degree))
    effort = Effort(size=1)
    assert area_free_entropy(XOR, EXACT_CONDENSATION, effort, rng()) == pytest.approx(0.0, abs=2e-6)
    assert area_free_entropy(XOR, EXACT_SPINODAL, effort, rng()) == pytest.approx(-0.0402, abs=2e-3)


def test_the_spinodal_interval_of_parity_holds_the_exact_value():
    brackets = [spinodal_bracket(XOR, 2.76, QUICK, rng(seed)) for seed in range(2)]
    for low, high in brackets:
        assert high - low <= QUICK.resolution * high
        assert low == pytest.approx(EXACT_SPINODAL, rel=0.03)
    low, high = spinodal_interval(brackets, QUICK.size)
    assert low < EXACT_SPINODAL < high
    assert high - low < 0.1


def test_a_hard_predicate_end_to_end():
    """2-in-4: D_KS = 5, D_1st = 4.19; a band of 3% about D_d = 3.6 and of 1.5% about D_cond = 3.89."""
    found = find_transition(TWO_IN_FOUR, QUICK, rng())
    assert not found.continuous
    assert found.spinodal[0] == pytest.approx(3.59, rel=0.03)
    assert found.bethe == pytest.approx(3.893, rel=0.015)
    assert found.area == pytest.approx(3.893, rel=0.015)
    assert found.spinodal[1] < min(found.bethe, found.area) < first_moment_degree(TWO_IN_FOUR)


@pytest.mark.parametrize(
    ("ensemble", "continuous"),
    [
        (NAE_BOTH, True),
        (Ensemble.from_table(named.nae(arity=3), shown="satisfied"), True),
        (Ensemble.from_table(named.t_in_k(1, arity=3), prior=np.array([2 / 3, 1 / 3])), False),
        (XOR, False),
    ],
)
def test_continuous_or_not(ensemble, continuous):
    assert is_continuous(ensemble, QUICK, rng()) == continuous


def test_a_continuous_transition_has_no_jump_to_report():
    found = find_transition(NAE_BOTH, QUICK, rng())
    assert found.continuous
    assert math.isnan(found.bethe)
    assert math.isnan(found.spinodal[0])


def test_newton_ends_near_the_zero_from_above():
    assert pilot_zero(XOR, QUICK, rng()) == pytest.approx(EXACT_CONDENSATION, rel=0.01)


def test_the_gap_is_the_free_entropy_at_kesten_stigum():
    """Hard: about 0.152 nats for 2-in-4 (theory); continuous: 0."""
    assert kesten_stigum_free_entropy(TWO_IN_FOUR, QUICK, rng(), replicas=3).value == pytest.approx(0.152, abs=0.006)
    assert abs(kesten_stigum_free_entropy(NAE_BOTH, QUICK, rng(), replicas=3).value) < 2e-3


def test_two_starts_meet_where_it_is_easy_and_part_where_it_is_hard():
    planted, hint = both_starts(NAE_BOTH, 2.2, QUICK, rng())
    assert planted.magnetisation.value == pytest.approx(hint.magnetisation.value, abs=0.03)
    planted, hint = both_starts(TWO_IN_FOUR, 4.4, QUICK, rng())
    assert planted.magnetisation.value > 0.9
    assert hint.magnetisation.value < 0.1


def test_collapsed_points_are_refused():
    assert math.isnan(bethe_zero(XOR, 2.0, 0.01, QUICK, rng()))
    assert math.isnan(area_zero(XOR, 2.0, QUICK, rng()))


def test_sizes_follow_the_cost():
    assert affordable_size(XOR, 1e9, 700) == 700
    heavy = Ensemble.from_table(named.nae(arity=5), shown="satisfied")
    assert affordable_size(heavy, 4e6, 4000) < affordable_size(TWO_IN_FOUR, 4e6, 4000)
    assert affordable_size(heavy, 1.0, 4000) == 200


def test_refusals():
    with pytest.raises(ValueError, match="balanced"):
        find_transition(Ensemble.from_table(named.majority(arity=3)), QUICK, rng())
    with pytest.raises(ValueError, match="say something"):
        find_transition(Ensemble.from_table(named.nae(arity=3), noise=0.5), QUICK, rng())
    with pytest.raises(ValueError, match="D_KS"):
        kesten_stigum_free_entropy(XOR, QUICK, rng())
