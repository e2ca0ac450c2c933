"""The p-values keep their promise: at every level, all outcomes counted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from generators.testing import priors
from generators.testing.statistics import (
    binomial_p_value,
    independence_p_value,
    independence_statistics,
    least_independent,
    log_binomial,
    mean_p_value,
    multinomial_p_value,
    unequal_rates_p_value,
)


@given(trials=st.integers(1, 200), rate=st.sampled_from([0.0, 1e-6, 0.03, 0.5, 0.77, 1.0]), data=st.data())
def test_binomial_p_values_are_twice_the_exact_tail(trials, rate, data):
    successes = data.draw(st.integers(0, trials))
    upper, lower = stats.binom.sf(successes - 1, trials, rate), stats.binom.cdf(successes, trials, rate)
    beyond = lower if successes < trials * rate else upper
    assert binomial_p_value(successes, trials, rate) == pytest.approx(min(1.0, 2 * beyond), rel=1e-8, abs=1e-300)


@pytest.mark.parametrize(
    ("successes", "trials", "rate"), [(10_600, 20_000, 0.5), (60, 20_000, 1e-3), (3, 20_000, 1e-6)]
)
def test_binomial_p_values_far_out_and_large(successes, trials, rate):
    assert binomial_p_value(successes, trials, rate) == pytest.approx(
        2 * stats.binom.sf(successes - 1, trials, rate), rel=1e-7
    )


@given(prior=priors(min_alphabet=2, max_alphabet=3), n=st.integers(1, 12))
def test_the_multinomial_bound_holds_exactly(prior, n):
    """At every level: the outcomes that are rejected have together at most that probability. All outcomes counted."""
    outcomes = np.array([c for c in itertools.product(range(n + 1), repeat=len(prior)) if sum(c) == n])
    law = stats.multinomial.pmf(outcomes, n, prior)
    p_values = np.array([multinomial_p_value(c, prior) for c in outcomes])
    for level in np.unique(p_values):
        assert law[p_values <= level].sum() <= level + 1e-9


@given(p=st.floats(0.05, 0.95), q=st.floats(0.05, 0.95), n=st.integers(1, 9))
def test_the_independence_bound_holds_exactly(p, q, n):
    outcomes = np.array([c for c in itertools.product(range(n + 1), repeat=4) if sum(c) == n])
    law = stats.multinomial.pmf(outcomes, n, np.outer([p, 1 - p], [q, 1 - q]).ravel())
    p_values = np.array([independence_p_value(c.reshape(2, 2)) for c in outcomes])
    for level in np.unique(p_values):
        assert law[p_values <= level].sum() <= level + 1e-9


@given(rates=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=9))
def test_the_bound_of_unequal_rates_holds_exactly(rates):
    """Every number of successes counted, by convolution."""
    law = np.ones(1)
    for rate in rates:
        law = np.convolve(law, [1 - rate, rate])
    p_values = np.array([unequal_rates_p_value(k, np.array(rates)) for k in range(len(law))])
    for level in np.unique(p_values):
        assert law[p_values <= level].sum() <= level + 1e-9


@given(p=st.floats(0.01, 0.99), n=st.integers(2, 60), slack=st.sampled_from([0.0, 0.05]))
def test_the_bound_of_a_mean_holds_exactly(p, n, slack):
    """Bernoulli values, every number of successes counted; also where the mean is less than is said, by the slack."""
    counts = np.arange(n + 1)
    p_values = np.array([mean_p_value((np.arange(n) < k).astype(np.float64), 0.0, 1.0, p, slack) for k in counts])
    for mean in (p, max(0.0, p - slack)):
        law = stats.binom.pmf(counts, n, mean)
        for level in np.unique(p_values):
            assert law[p_values <= level].sum() <= level + 1e-9


def test_a_mean_at_the_edge_allows_nothing_else():
    assert mean_p_value(np.zeros(9), 0.0, 1.0, 0.0) == 1.0
    assert mean_p_value(np.array([0.0, 1.0]), 0.0, 1.0, 0.0) == 0.0
    assert mean_p_value(np.array([0.5, 1.0]), 0.0, 1.0, 1.0) == 0.0


@given(trials=st.integers(1, 200), rate=st.sampled_from([0.0, 1e-6, 0.5, 0.77, 1.0]), data=st.data())
def test_log_binomial_is_that_of_scipy(trials, rate, data):
    count = data.draw(st.integers(0, trials))
    found = log_binomial(np.array([count]), trials, np.array([rate]))[0]
    assert found == pytest.approx(stats.binom.logpmf(count, trials, rate), rel=1e-8, abs=1e-9)


def test_one_bad_table_among_many_is_the_least_independent():
    tables = np.full((9, 2, 2), 2500)
    tables[4] = [[2750, 2250], [2250, 2750]]
    worst, p_value = least_independent(tables)
    assert worst == 4
    assert p_value == 9 * independence_p_value(tables[4])
    assert independence_statistics(tables)[0] == pytest.approx(0.0, abs=1e-9)


def test_the_bounds_can_reject():
    assert multinomial_p_value(np.array([5300, 4700]), np.array([0.5, 0.5])) < 1e-6
    assert multinomial_p_value(np.array([1, 99]), np.array([0.0, 1.0])) == 0.0
    assert independence_p_value(np.array([[2750, 2250], [2250, 2750]])) < 1e-6
    assert mean_p_value(np.tile([0.0, 1.0], 5000), 0.0, 1.0, 0.53) < 1e-6
    assert unequal_rates_p_value(5300, np.full(10_000, 0.5)) < 1e-6
    with pytest.raises(ValueError, match="rate"):
        binomial_p_value(1, 2, 1.5)
