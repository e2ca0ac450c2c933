from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, sem, t, ttest_1samp

from lo_theory.estimate import (
    Estimate,
    clustered_interval,
    effective_interval,
    mean_estimate,
    ratio_estimate,
    ratio_interval,
    share_estimate,
    wilson_interval,
)


def test_the_mean_has_the_error_of_independent_draws():
    estimate = mean_estimate(np.array([1.0, 2.0, 3.0, 6.0]), "chain")
    assert (estimate.value, estimate.samples, estimate.method) == (3.0, 4, "chain")
    assert estimate.standard_error == pytest.approx(math.sqrt(14 / 3 / 4))  # sum of squares 14, ddof 1, n 4


def test_one_draw_has_no_error_and_none_has_no_mean():
    assert math.isnan(mean_estimate(np.array([2.0])).standard_error)
    with pytest.raises(ValueError, match="at least one value"):
        mean_estimate(np.array([]))


def test_normal_intervals_cover_at_their_level():
    """2000 means of 50 draws: coverage 0.95 +- 5 deviations (false alarm 6e-7; t against normal costs 0.006)."""
    draws = np.random.default_rng(0).normal(3.0, 2.0, (2000, 50))
    intervals = [mean_estimate(row).interval(0.95) for row in draws]
    covered = np.mean([low <= 3.0 <= high for low, high in intervals])
    assert abs(covered - 0.95) < 0.006 + 5 * math.sqrt(0.95 * 0.05 / 2000)
    narrow = np.mean([low <= 3.0 <= high for low, high in (mean_estimate(row).interval(0.5) for row in draws)])
    assert narrow < 0.6, "negative control: a lower level covers less"


def test_the_text_says_value_error_method_and_draws():
    estimate = Estimate(value=1.25, standard_error=0.5, samples=7, method="monte_carlo")
    assert str(estimate) == "1.2500 +- 0.5000 (monte_carlo, n=7)"


@given(trials=st.integers(1, 500), share=st.floats(0, 1), confidence=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_wilson_endpoints_solve_the_score_equation(trials, share, confidence):
    """The interval holds the p that the score test accepts: |p_hat - p| = z sqrt(p (1 - p) / n) at its ends."""
    successes = round(share * trials)
    low, high = wilson_interval(successes, trials, confidence)
    p_hat, z = successes / trials, {0.5: 0.674490, 0.9: 1.644854, 0.95: 1.959964, 0.99: 2.575829}[confidence]
    assert 0 <= low <= p_hat
    assert p_hat <= high <= 1
    for end in (low, high):
        assert abs(p_hat - end) == pytest.approx(z * math.sqrt(end * (1 - end) / trials), abs=1e-5)


def test_wilson_covers_near_its_level_also_at_the_edge():
    """Exact coverage, by summing the binomial law: within [0.92, 0.98] where the normal interval falls to 0.63."""
    trials, p = 50, 0.02
    weights = binom.pmf(np.arange(trials + 1), trials, p)
    covers = np.array([low <= p <= high for low, high in (wilson_interval(k, trials) for k in range(trials + 1))])
    assert 0.92 <= weights[covers].sum() <= 0.98
    normal = np.array(
        [abs(k / trials - p) <= 1.96 * math.sqrt(k / trials * (1 - k / trials) / trials) for k in range(51)]
    )
    assert weights[normal].sum() < 0.7, "negative control"


@given(trials=st.integers(1, 3000), share=st.floats(0, 1), confidence=st.floats(0.01, 0.999))
def test_wilson_is_that_of_scipy(trials, share, confidence):
    successes = round(share * trials)
    theirs = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    assert wilson_interval(successes, trials, confidence) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize("trials", [1, 7, 1000])
def test_the_exact_ends_are_exact(trials):
    assert wilson_interval(0, trials)[0] == 0.0
    assert wilson_interval(trials, trials)[1] == 1.0
    assert 0.0 < wilson_interval(trials, trials)[0] < 1.0 > wilson_interval(0, trials)[1] > 0.0


@given(trials=st.integers(1, 500), share=st.floats(0, 1))
def test_trials_may_be_fractional(trials, share):
    """Between the intervals of the whole numbers beside them, and the same where they are whole."""
    successes = share * trials
    whole, half, more = (wilson_interval(share * n, n) for n in (trials, trials + 0.5, trials + 1))
    assert wilson_interval(float(successes), float(trials)) == whole
    for left, middle, right in zip(whole, half, more, strict=True):
        assert min(left, right) - 1e-12 <= middle <= max(left, right) + 1e-12


@pytest.mark.parametrize("counted", [share_estimate, wilson_interval])
@pytest.mark.parametrize(("successes", "trials"), [(-1, 3), (4, 3), (0, 0)])
def test_impossible_counts_are_refused(counted, successes, trials):
    with pytest.raises(ValueError, match=f"{successes} of {trials}"):
        counted(successes, trials)


def test_a_share_has_the_error_of_independent_trials():
    assert share_estimate(3, 12) == Estimate(value=0.25, standard_error=0.125, samples=12, method="monte_carlo")
    assert share_estimate(5, 5).standard_error == 0.0


@given(trials=st.integers(2, 500), share=st.floats(0, 1))
def test_clusters_of_one_token_are_trials(trials, share):
    """Counted with the error of a binomial share there are as many effective trials as tokens."""
    successes = round(share * trials)
    counted = share_estimate(successes, trials)
    found = effective_interval(counted.value, counted.standard_error, trials)
    assert found == pytest.approx(wilson_interval(successes, trials), abs=1e-12)
    single = np.arange(trials)[:, None] < successes
    assert clustered_interval(single) == pytest.approx(wilson_interval(successes, trials), abs=2e-3 + 0.5 / trials)


def test_an_unknown_or_vanishing_error_leaves_as_many_trials_as_clusters():
    for error in (0.0, math.nan):
        assert effective_interval(1.0, error, 12) == wilson_interval(12, 12)
        assert effective_interval(0.25, error, 12) == wilson_interval(3, 12)
    low, high = effective_interval(0.5, 0.9, 12)  # an error that no share has: never fewer trials than clusters
    assert (low, high) == wilson_interval(6, 12)


def test_a_clustered_interval_covers_at_its_level_when_tokens_of_a_sequence_depend_on_each_other():
    rng = np.random.default_rng(0)
    inside = naive = 0
    for _ in range(400):
        whole = np.repeat(rng.random((60, 1)) < 0.9, 10, axis=1)  # all ten tokens of a sequence agree, or none
        low, high = clustered_interval(whole)
        inside += low <= 0.9 <= high
        low, high = wilson_interval(int(whole.sum()), whole.size)
        naive += low <= 0.9 <= high
    assert inside >= 365  # 95% of 400 are 380, standard deviation 4.4: false alarm below 1e-3
    assert naive < 250  # the negative control: counting tokens as trials


def test_a_clustered_interval_is_narrower_where_tokens_are_independent_and_never_beyond_the_ends():
    rng = np.random.default_rng(0)
    agree = rng.random((60, 10)) < 0.9
    low, high = clustered_interval(agree)
    loose_low, loose_high = wilson_interval(54, 60)
    assert high - low < 0.6 * (loose_high - loose_low)
    for share in (np.ones((5, 3), dtype=bool), np.zeros((5, 3), dtype=bool), np.ones((1, 3), dtype=bool)):
        low, high = clustered_interval(share)
        assert 0.0 <= low <= share.mean() <= high <= 1.0
        assert high - low > 0.1


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 9)), min_size=2, max_size=12), st.integers(1, 4))
def test_a_ratio_of_equal_clusters_is_the_mean_of_their_means(pairs, size):
    totals = np.array([total for total, _ in pairs])
    ratio = ratio_estimate(totals, np.full(len(totals), float(size)))
    plain = mean_estimate(totals / size)
    assert ratio.value == pytest.approx(plain.value, abs=1e-12)
    assert ratio.standard_error == pytest.approx(plain.standard_error, abs=1e-12)


def test_a_ratio_counts_cells_and_refuses_none():
    ratio = ratio_estimate(np.array([1.0, 9.0]), np.array([1.0, 3.0]))
    assert ratio.value == 2.5
    assert np.isnan(ratio_estimate(np.array([1.0]), np.array([2.0])).standard_error)
    assert np.isnan(ratio_estimate(np.array([np.inf, 1.0]), np.array([1.0, 1.0])).standard_error)
    with pytest.raises(ValueError, match="at least one cluster"):
        ratio_estimate(np.array([]), np.array([]))


def test_fiellers_interval_is_a_t_test_of_every_ratio():
    """At its ends the differences a - r b are just significant, inside not and outside they are."""
    above, below = np.array([0.1, 0.3, 0.2, 0.4]), np.array([0.9, 1.3, 1.0, 1.1])
    low, high = ratio_interval(above, below)
    for ratio, expected in ((low, 0.05), (high, 0.05)):
        assert ttest_1samp(above - ratio * below, 0.0).pvalue == pytest.approx(expected, abs=1e-9)
    assert (
        ttest_1samp(above - (low + high) / 2 * below, 0.0).pvalue
        > 0.05
        > ttest_1samp(above - 2 * high * below, 0).pvalue
    )
    equal = ratio_interval(above, np.ones(4))  # a mean
    assert equal == pytest.approx(t.interval(0.95, 3, above.mean(), sem(above)))


def test_fiellers_interval_covers_with_five_pairs():
    """2000 sets of five correlated normal pairs, ratio 0.5: 95% cover it, normal intervals do not; false alarm 1e-5."""
    rng = np.random.default_rng(0)
    below = 1 + 0.4 * rng.standard_normal((2000, 5))
    above = 0.5 + 0.3 * (below - 1) + 0.2 * rng.standard_normal((2000, 5))
    ends = np.array([ratio_interval(*pair) for pair in zip(above, below, strict=True)])
    covered = ((ends[:, 0] <= 0.5) & (ends[:, 1] >= 0.5)).sum()
    assert binomtest(int(covered), 2000, 0.95).pvalue > 1e-5
    usual = [ratio_estimate(*pair).interval() for pair in zip(above, below, strict=True)]
    assert binomtest(sum(low <= 0.5 <= high for low, high in usual), 2000, 0.95).pvalue < 1e-5  # negative control


def test_a_ratio_that_the_pairs_do_not_determine_has_no_ends():
    everything = (-math.inf, math.inf)
    assert ratio_interval(np.array([1.0, 2.0]), np.array([-1.0, 1.0])) == everything
    assert ratio_interval(np.array([1.0]), np.array([1.0])) == everything
    assert ratio_interval(np.array([1.0, np.inf]), np.array([1.0, 1.0])) == everything
    with pytest.raises(ValueError, match="as many numerators as denominators; got 2 and 1"):
        ratio_interval(np.ones(2), np.ones(1))
    with pytest.raises(ValueError, match="got 0 and 0"):
        ratio_interval(np.ones(0), np.ones(0))
