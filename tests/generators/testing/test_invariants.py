"""The examiner is examined: sound generators pass, every fault is caught by name, the p-values keep their promise."""

from __future__ import annotations

import inspect
import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from generators.distribution import LODistribution
from generators.observations.named_tables import nae
from generators.observations.predicate import Predicate
from generators.observations.scopes import random_scopes
from generators.testing import (
    INVARIANTS,
    InvariantViolation,
    broken_generators,
    check_invariants,
    distributions,
    examine,
    priors,
)
from generators.testing.broken import sound_distribution
from generators.testing.statistics import binomial_p_value, independence_p_value, mean_radius, multinomial_p_value

FAULTS = [(number, fault.violates, fault.fault) for number, fault in enumerate(broken_generators())]


class Bare:
    """A generator of one's own: only the two methods, over two bits and their exclusive or."""

    def sample(self, n, rng):
        bits = rng.integers(0, 2, (n, 2))
        return np.concatenate([bits, bits[:, :1] ^ bits[:, 1:]], axis=1)

    def log_prob(self, x):
        return np.where(x[:, 0] ^ x[:, 1] == x[:, 2], -math.log(4), -np.inf)


@pytest.mark.parametrize(("number", "name", "fault"), FAULTS, ids=[f"{name}: {fault}" for _, name, fault in FAULTS])
def test_every_fault_is_caught_by_name(number, name, fault):
    with pytest.raises(InvariantViolation) as caught:
        check_invariants(broken_generators()[number].generator)
    report = caught.value.report
    assert name in report.violated
    result = report[name]
    assert result.counterexample
    assert result.expected
    for part in (name, result.counterexample, result.expected):
        assert part in str(caught.value)


def test_every_invariant_has_a_fault():
    assert {name for _, name, _ in FAULTS} == set(INVARIANTS)


def test_the_sound_distribution_passes_every_invariant():
    report = check_invariants(sound_distribution())
    assert report.passed == INVARIANTS
    assert report.violated == report.skipped == ()


@settings(max_examples=30)
@given(distribution=distributions(max_length=7), seed=st.integers(0, 2**20))
def test_random_distributions_pass(distribution, seed):
    # Of 30 reports with a false-alarm rate of 1e-6 each, one goes wrong with probability 3e-5.
    report = check_invariants(distribution, n=1000, seed=seed, max_states=3**7)
    always = set(INVARIANTS) - {
        "off_support",
        "observations_agree",
        "noise_rate",
        "latent_independence",
        "seeds_differ",
    }
    assert always <= set(report.passed)


def test_a_generator_with_two_methods_is_judged_on_what_it_has():
    report = check_invariants(Bare())
    assert report.passed == (
        "shape",
        "log_prob_shape",
        "support",
        "row_independence",
        "determinism",
        "seeds_differ",
        "fixed_structure",
    )
    assert set(report.skipped) == set(INVARIANTS) - set(report.passed)
    assert "`rows`" in report["stream"].detail
    assert "skipped   stream: the generator has no `rows`" in str(report)


def test_one_more_promise_is_one_more_check():
    class Promising(Bare):
        vocabulary, n_latents, prior = 2, 2, (0.5, 0.5)

        def observe(self, latents):
            return latents[:, :1] ^ latents[:, 1:]

    assert set(check_invariants(Promising()).skipped) == {
        "noise_rate",
        "order_is_a_permutation",
        "stream",
        "json_round_trip",
        "entropy",
    }


def test_a_generator_of_one_sequence_passes():
    class Constant:
        vocabulary = 2

        def sample(self, n, rng):
            return np.zeros((n, 3), dtype=np.int64)

        def log_prob(self, x):
            return np.where(x.any(axis=1), -np.inf, 0.0)

    assert check_invariants(Constant())["seeds_differ"].status == "skipped"


def test_too_large_to_enumerate_is_skipped_with_the_reason():
    scopes = random_scopes(20, 30, arity=3, structure_seed=0)
    report = check_invariants(LODistribution(np.array([0.5, 0.5]), 20, (Predicate(nae(arity=3), scopes),)), n=2000)
    assert "2**20" in report["log_prob_sums_to_one"].detail
    assert report["entropy"].status == "passed"


def test_latents_are_enumerated_where_sequences_are_too_many():
    scopes = random_scopes(5, 30, arity=3, structure_seed=0)
    report = check_invariants(LODistribution(np.array([0.5, 0.5]), 5, (Predicate(nae(arity=3), scopes),)), n=2000)
    assert "all 32 settings of the latents" in report["sample_frequencies"].detail


def test_entropy_of_a_large_noisy_distribution_is_bounded_by_sampling():
    from generators.observations.noise import Noisy

    scopes = random_scopes(20, 30, arity=3, structure_seed=0)
    distribution = LODistribution(np.array([0.5, 0.5]), 20, (Noisy(Predicate(nae(arity=3), scopes), 0.1),))
    report = check_invariants(distribution, n=5000)
    assert "by sampling" in report["entropy"].detail
    short = type("Short", (), {"sample": lambda _, n, rng: distribution.sample(n, rng)})
    short.log_prob = lambda _, x: distribution.log_prob(x)
    short.vocabulary, short.entropy = 2, lambda _: distribution.entropy() - 2.0
    assert examine(short(), n=5000).violated == ("entropy",)


def test_the_counterexample_is_the_smallest():
    class Refusing(Bare):
        def log_prob(self, x):
            refused = (x == [1, 0, 1]).all(axis=1) | (x == [0, 1, 1]).all(axis=1)
            return np.where(refused, -np.inf, super().log_prob(x))

    result = examine(Refusing())["support"]
    assert "[0, 1, 1]" in result.counterexample
    first = int(np.flatnonzero((Bare().sample(20_000, np.random.default_rng([0, 0])) == [0, 1, 1]).all(axis=1))[0])
    assert f"row {first}:" in result.counterexample


def test_a_report_repeats():
    assert examine(sound_distribution(), n=500) == examine(sound_distribution(), n=500)


def test_the_violation_survives_pickling():
    with pytest.raises(InvariantViolation) as caught:
        check_invariants(broken_generators()[0].generator)
    assert pickle.loads(pickle.dumps(caught.value)).report == caught.value.report


def test_bad_arguments_are_refused():
    class Densityless:
        sample, log_prob = Bare.sample, None

    with pytest.raises(TypeError, match=r"Densityless lacks \['log_prob'\]"):
        inspect.unwrap(examine)(Densityless())  # without the check of the annotations, as outside the tests
    with pytest.raises(ValueError, match="n = 3"):
        check_invariants(Bare(), n=3)
    with pytest.raises(ValueError, match=r"false_alarm = 1\.5"):
        check_invariants(Bare(), false_alarm=1.5)
    with pytest.raises(KeyError, match="support"):
        examine(Bare(), n=10)["suport"]


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


@given(p=st.floats(0.0, 1.0), n=st.integers(2, 60), level=st.sampled_from([0.5, 0.1, 1e-3]))
def test_the_radius_of_a_mean_misses_at_its_level(p, n, level):
    """Bernoulli values, every number of successes counted."""
    missed = 0.0
    for successes in range(n + 1):
        values = np.arange(n) < successes
        if abs(values.mean() - p) > mean_radius(values.astype(np.float64), 1.0, level):
            missed += math.comb(n, successes) * p**successes * (1 - p) ** (n - successes)
    assert missed <= level + 1e-12


def test_the_bounds_can_reject():
    assert multinomial_p_value(np.array([5300, 4700]), np.array([0.5, 0.5])) < 1e-6
    assert multinomial_p_value(np.array([1, 99]), np.array([0.0, 1.0])) == 0.0
    assert independence_p_value(np.array([[2750, 2250], [2250, 2750]])) < 1e-6
    assert mean_radius(np.tile([0.0, 1.0], 5000), 1.0, 1e-6) < 0.04
    with pytest.raises(ValueError, match="rate"):
        binomial_p_value(1, 2, 1.5)
