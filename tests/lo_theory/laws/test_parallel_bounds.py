"""Bounds on parallel steps: identities, the worst distributions, thousands of random ones, bounds that are wrong."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lo_theory.laws.information_curve import InformationCurve, curve_of_law
from lo_theory.laws.parallel_bounds import (
    dual_total_correlation_steps,
    fall_weights,
    growth_counts,
    logarithmic_bound,
    loss_bounds,
    mutual_information_sum,
    square_root_counts,
    total_correlation_steps,
)
from lo_theory.laws.step_counts import (
    best_counts,
    block_losses,
    dual_total_correlation_counts,
    parallel_kl,
    total_correlation_counts,
)
from lo_theory.samplers.reveal import scheduled_counts

BIT = math.log(2)


def compositions(length: int, most: int | None = None) -> list[tuple[int, ...]]:
    """All schedules of at most so many steps."""
    cuts = (c for n in range(most or length) for c in itertools.combinations(range(1, length), n))
    return [tuple(int(k) for k in np.diff([0, *cut, length])) for cut in cuts]


def falling(falls: np.ndarray, last: float = 0.0) -> InformationCurve:
    """The curve with these falls; h(L - 1) = last."""
    return InformationCurve((last + np.append(falls[::-1].cumsum()[::-1], 0.0))[None], "exact")


def random_curve(length: int, rng: np.random.Generator) -> InformationCurve:
    return falling(rng.dirichlet(np.full(length - 1, 0.3)) * (rng.random(length - 1) < 0.8), rng.random())


def code(length: int, dimension: int, field: int) -> InformationCurve:
    """Reed-Solomon: any ``dimension`` tokens tell all others, fewer tell nothing; one fall, at the dimension."""
    messages = np.indices((field,) * dimension).reshape(dimension, -1).T
    rows = messages @ np.array([[x**power for x in range(length)] for power in range(dimension)]) % field
    return curve_of_law(rows, np.full(len(rows), 1 / len(rows)))


def laws(count: int, rng: np.random.Generator):
    """Random joint laws of two to five positions, many sequences impossible."""
    for _ in range(count):
        shape = [(3, 3), (2, 2, 2), (3, 3, 3), (2, 2, 2, 2), (2, 2, 2, 2, 2)][rng.integers(5)]
        weights = rng.gamma(0.3, size=math.prod(shape)) * (rng.random(math.prod(shape)) < 0.7)
        weights[0] += 1e-3
        yield (weights / weights.sum()).reshape(shape)


def entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


def curve_of(law: np.ndarray) -> InformationCurve:
    """From the marginals of a table, without ``curve_of_law``."""
    axes = range(law.ndim)
    joint = [
        np.mean([entropy(law.sum(axis=tuple(a for a in axes if a not in kept))) for kept in some])
        for some in (list(itertools.combinations(axes, size)) for size in range(law.ndim + 1))
    ]
    return InformationCurve(np.diff(joint)[None], "exact")


def test_the_loss_is_the_weighted_sum_of_the_falls():
    rng = np.random.default_rng(0)
    for length in range(2, 9):
        curve = random_curve(length, rng)
        for counts in compositions(length):
            assert fall_weights(counts) @ -np.diff(curve.nats) == pytest.approx(parallel_kl(curve, counts).value)


def test_the_sum_of_mutual_informations_is_both_correlations():
    for law in laws(100, np.random.default_rng(1)):
        found = mutual_information_sum(curve := curve_of(law)).value
        axes = range(law.ndim)
        each = [
            entropy(law.sum(axis=tuple(a for a in axes if a != i))) + entropy(law.sum(axis=i)) - entropy(law)
            for i in axes
        ]
        assert found == pytest.approx(sum(each), abs=1e-9)
        assert found == pytest.approx(curve.total_correlation().value + curve.dual_total_correlation().value)


def test_bounds_hold_on_thousands_of_random_distributions_and_smaller_ones_do_not():
    """A random schedule for each of 2,000 laws; a factor a tenth smaller is broken by hundreds of them."""
    rng, broken = np.random.default_rng(2), 0
    schedules = {length: compositions(length) for length in range(2, 6)}
    for law in laws(2000, rng):
        curve, counts = curve_of(law), schedules[law.ndim][rng.integers(2 ** (law.ndim - 1))]
        bounds, loss = loss_bounds(curve, counts), parallel_kl(curve, counts).value
        least = min(bounds.mutual.value, bounds.total.value, bounds.dual.value)
        assert loss <= least + 1e-9
        broken += loss > 0.9 * least + 1e-9
        steps = int(rng.integers(1, law.ndim + 1))
        even = parallel_kl(curve, scheduled_counts(law.ndim, steps)).value
        assert even <= mutual_information_sum(curve).value / steps + 1e-9
        assert parallel_kl(curve, best_counts(curve, steps)).value <= logarithmic_bound(curve, steps) + 1e-9
    assert broken > 200


def test_equal_steps_lose_more_than_a_correlation_over_the_steps():
    """A tempting reading of the two rates is false: a parity loses all in its last step, copies in their first."""
    parity, copies = code(5, 4, 5), code(5, 1, 5)
    for counts in ((1, 2, 2), (3, 2)):
        total, dual = parity.total_correlation().value, copies.dual_total_correlation().value
        assert parallel_kl(parity, counts).value == pytest.approx(total)
        assert parallel_kl(copies, counts[::-1]).value == pytest.approx(dual * (counts[-1] - 1))


@pytest.mark.parametrize("counts", compositions(5), ids=str)
def test_the_worst_distributions_are_codes_of_one_fall(counts):
    codes = [code(5, dimension, 5) for dimension in (1, 2, 3, 4)]
    for dimension, curve in enumerate(codes, start=1):
        assert -np.diff(curve.nats) == pytest.approx(math.log(5) * np.eye(4)[dimension - 1], abs=1e-9)
    met = np.zeros(3)
    for curve in codes:
        bounds, loss = loss_bounds(curve, counts), parallel_kl(curve, counts).value
        parts = np.array([bounds.mutual.value, bounds.total.value, bounds.dual.value])
        met = np.maximum(met, [loss / x if x > 1e-12 else 1.0 for x in parts])
        assert (loss <= parts + 1e-9).all()
    assert met == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("length", [1, 2, 5, 8])
def test_share_steps_have_the_least_factor_of_all_schedules(length):
    at = np.arange(1, length)
    factors = {c: fall_weights(c) for c in compositions(length)}
    for steps in range(1, length + 1):
        allowed = [w for c, w in factors.items() if len(c) <= steps]
        total, dual = total_correlation_steps(length, steps), dual_total_correlation_steps(length, steps)
        assert max(len(total), len(dual)) <= steps
        assert sum(total) == sum(dual) == length
        least = min((w / (length - at)).max(initial=0) for w in allowed)
        assert (factors[total] / (length - at)).max(initial=0) == pytest.approx(least)
        if (least := min((w / at).max(initial=0) for w in allowed)) <= 1:
            assert (factors[dual] / at).max(initial=0) == pytest.approx(least)
        else:
            assert max(dual) - min(dual) <= 1


@given(length=st.integers(2, 400), share=st.floats(0.01, 1.0))
@settings(max_examples=200)
def test_a_share_takes_logarithmically_many_steps(length, share):
    assert len(total_correlation_counts(length, share)) <= 2 + math.log(max(length - 1, 1)) / share
    assert len(dual_total_correlation_counts(length, share)) <= 1 + math.log(length) * (1 / share + 0.5)


def test_the_logarithmic_bound_is_finite_and_falls():
    """Negative control: half of it is broken, by a curve that costs what the correlation says."""
    rng = np.random.default_rng(3)
    for length in (2, 3, 16, 100):
        curve = random_curve(length, rng)
        values = [logarithmic_bound(curve, steps) for steps in range(1, length + 1)]
        assert all(b <= a + 1e-12 for a, b in itertools.pairwise(values))
        for steps in range(1, length + 1):
            assert parallel_kl(curve, best_counts(curve, steps)).value <= values[steps - 1] + 1e-9
    parity = code(5, 4, 5)
    assert parallel_kl(parity, best_counts(parity, 1)).value > 0.5 * logarithmic_bound(parity, 1)


def test_the_logarithmic_bound_is_that_of_the_cheaper_correlation():
    """One fall, at the end or at the start: total correlation 1 and dual 49, or the other way round."""
    late, early = falling(np.eye(49)[48]), falling(np.eye(49)[0])
    for steps in range(3, 51):
        assert logarithmic_bound(late, steps) == pytest.approx(min(1.0, math.log(49) / (steps - 2)))
        shares = loss_bounds(late, total_correlation_steps(50, steps)).total.value
        assert shares <= logarithmic_bound(late, steps) + 1e-9
    for steps in range(8, 51):
        assert logarithmic_bound(early, steps) == pytest.approx(1 / ((steps - 1) / math.log(50) - 0.5))
        shares = loss_bounds(early, dual_total_correlation_steps(50, steps)).dual.value
        assert shares <= logarithmic_bound(early, steps) + 1e-9


def test_square_roots_are_equal_steps_on_a_straight_curve_and_near_the_best_on_a_bent_one():
    straight = falling(np.full(11, 0.1))
    assert square_root_counts(straight, 4) == (3, 3, 3, 3)
    assert square_root_counts(falling(np.zeros(5)), 3) == (2, 2, 2)
    bent = falling(np.exp(-np.arange(199) / 30.0))
    for steps in (8, 16, 30):
        least = parallel_kl(bent, best_counts(bent, steps)).value
        found = parallel_kl(bent, square_root_counts(bent, steps)).value
        assert least <= found < 1.05 * least
        assert parallel_kl(bent, scheduled_counts(200, steps)).value > 1.3 * least  # negative control


def test_square_roots_have_the_steps_they_were_asked_for():
    rng = np.random.default_rng(4)
    for length in range(1, 9):
        for steps in range(1, length + 1):
            counts = square_root_counts(random_curve(length, rng) if length > 1 else falling(np.zeros(0)), steps)
            assert len(counts) == steps
            assert sum(counts) == length
            assert min(counts) >= 1


@pytest.mark.parametrize("seed", range(5))
def test_growth_makes_the_costliest_step_as_cheap_as_any_schedule_does(seed):
    curve = random_curve(7, np.random.default_rng([5, seed]))
    loss = block_losses(curve.nats)

    def costliest(counts: tuple[int, ...]) -> float:
        edges = np.cumsum([0, *counts])
        return max(loss[a, b] for a, b in itertools.pairwise(edges))

    for steps in range(1, 8):
        counts = growth_counts(curve, steps)
        assert len(counts) <= steps
        assert costliest(counts) == pytest.approx(min(costliest(c) for c in compositions(7, steps)), abs=1e-12)


def test_what_is_no_schedule_is_refused():
    curve = falling(np.ones(3))
    with pytest.raises(ValueError, match="add up to L = 4"):
        loss_bounds(curve, (2, 1))
    with pytest.raises(ValueError, match="must be >= 0"):
        fall_weights((3, -1))
    for steps in (0, 5):
        with pytest.raises(ValueError, match="between 1 and L = 4 steps"):
            growth_counts(curve, steps)
        with pytest.raises(ValueError, match="between 1 and L = 4 steps"):
            square_root_counts(curve, steps)
        with pytest.raises(ValueError, match="between 1 and L = 4 steps"):
            total_correlation_steps(4, steps)
        with pytest.raises(ValueError, match="between 1 and L = 4 steps"):
            dual_total_correlation_steps(4, steps)
        with pytest.raises(ValueError, match="between 1 and L = 4 steps"):
            logarithmic_bound(curve, steps)
