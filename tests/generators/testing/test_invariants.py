"""The examiner is examined: sound generators pass, every fault is caught by name, what was not judged is said."""

from __future__ import annotations

import inspect
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.distribution import LODistribution
from generators.observations.named_tables import nae
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.observations.scopes import random_scopes
from generators.testing import (
    INVARIANTS,
    InvariantViolation,
    broken_generators,
    check_invariants,
    distributions,
    examine,
)
from generators.testing.altered import Altered, conditionals
from generators.testing.broken import sound_distribution
from generators.testing.structure import same

FAULTS = [(number, fault.violates, fault.fault) for number, fault in enumerate(broken_generators())]


class Bare:
    """A generator of one's own: only the two methods, over two bits and their exclusive or."""

    def sample(self, n, rng):
        bits = rng.integers(0, 2, (n, 2))
        return np.concatenate([bits, bits[:, :1] ^ bits[:, 1:]], axis=1)

    def log_prob(self, x):
        return np.where(x[:, 0] ^ x[:, 1] == x[:, 2], -math.log(4), -np.inf)


def by_fault(test):
    return pytest.mark.parametrize(
        ("number", "name", "fault"), FAULTS, ids=[f"{name}: {fault}" for _, name, fault in FAULTS]
    )(test)


@by_fault
def test_every_fault_is_caught_by_name(number, name, fault):
    with pytest.raises(InvariantViolation) as caught:
        check_invariants(broken_generators()[number].generator, only=(name,))
    report = caught.value.report
    assert report.violated == (name,)
    result = report[name]
    assert result.counterexample
    assert result.expected
    for part in (name, result.counterexample, result.expected):
        assert part in str(caught.value)


@pytest.mark.soak
@by_fault
def test_every_fault_is_caught_among_all_checks(number, name, fault):
    report = examine(broken_generators()[number].generator)
    assert name in report.violated
    assert len(report.results) == len(INVARIANTS)


def test_every_invariant_has_a_fault():
    assert {name for _, name, _ in FAULTS} == set(INVARIANTS)


def test_the_catalogue_is_long_and_holds_what_escaped():
    assert len(FAULTS) >= 40
    bare = [fault for _, _, fault in FAULTS if fault.startswith("bare")]
    for told in (
        "probability 0.52",
        "0.01 too high",
        "0.01 too low",
        "copy the row before",
        "complement",
        "antithetic",
    ):
        assert any(told in fault for fault in bare), told
        assert any(told in fault for _, _, fault in FAULTS if not fault.startswith("bare")), told


def test_the_sound_distribution_passes_every_invariant():
    told = Altered(sound_distribution(), log_conditional=conditionals(sound_distribution()))
    report = check_invariants(told, strict=True)
    assert report.passed == INVARIANTS
    assert report.violated == report.skipped == ()


def test_a_distribution_of_ours_leaves_nothing_unjudged():
    scopes = random_scopes(5, 30, arity=3, structure_seed=0)
    distribution = LODistribution(np.array([0.5, 0.5]), 5, (Predicate(nae(arity=3), scopes),))
    report = check_invariants(distribution, n=2000, strict=True)
    assert report.skipped == ("noise_rate", "chain_rule", "single_changes")


@settings(max_examples=6)
@given(distribution=distributions(max_length=7), seed=st.integers(0, 2**20))
def test_random_distributions_pass(distribution, seed):
    # Of 6 reports with a false-alarm rate of 1e-6 each, one goes wrong with probability 6e-6.
    report = check_invariants(distribution, n=500, seed=seed, max_states=3**7, strict=True)
    always = set(INVARIANTS) - {
        "off_support",
        "observations_agree",
        "noise_rate",
        "latent_independence",
        "seeds_differ",
        "chain_rule",
        "single_changes",
    }
    assert always <= set(report.passed)


def test_a_generator_with_two_methods_is_judged_on_what_it_has():
    report = check_invariants(Bare())
    assert report.passed == (
        "shape",
        "log_prob_shape",
        "support",
        "row_independence",
        "integer_types",
        "determinism",
        "seeds_differ",
        "fixed_structure",
        "calls_interleave",
        "rows_independent",
        "row_index",
        "calls_independent",
        "seeds_independent",
        "log_prob_sums_to_one",
        "sample_frequencies",
        "single_changes",
        "collisions",
    )
    assert set(report.skipped) == set(INVARIANTS) - set(report.passed)
    assert set(report.unjudged) == set(report.skipped) - {"order_is_a_permutation", "chain_rule"}
    assert "`rows`" in report["stream"].detail
    told = "UNJUDGED  stream: the generator has no `rows`\n          to have it judged: `rows(seed, start, stop)`"
    assert told in str(report)
    assert str(report).startswith("30 invariants: 17 hold, 0 violated, 11 NOT JUDGED, 2 with nothing to judge\n")


def test_strict_makes_a_failure_of_what_was_not_judged():
    with pytest.raises(InvariantViolation) as caught:
        check_invariants(Bare(), n=500, strict=True)
    unjudged = caught.value.report.unjudged
    assert caught.value.unjudged == unjudged
    assert caught.value.report.violated == ()
    assert "11 of 30 invariants not judged, and strict=True asks for all" in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).unjudged == unjudged
    with pytest.raises(InvariantViolation, match="1 of 30 invariants not judged") as caught:
        check_invariants(Bare(), n=500, strict=True, waived=unjudged[1:])
    assert caught.value.unjudged == unjudged[:1]
    check_invariants(Bare(), n=500, strict=True, waived=unjudged)


def test_some_can_be_judged_alone():
    report = examine(Bare(), n=500, only=("collisions", "support"))
    assert [r.name for r in report.results] == ["shape", "alphabet", "log_prob_shape", "support", "collisions"]
    assert report["collisions"] == examine(Bare(), n=500)["collisions"]


def test_minus_infinity_agrees_with_itself_alone():
    known = np.array([-np.inf, -np.inf, -1.0, -1.0])
    assert same(np.array([-np.inf, -1.0, -np.inf, -1.0]), known).tolist() == [True, False, False, True]


def test_one_more_promise_is_one_more_check():
    class Promising(Bare):
        vocabulary, n_latents, prior = 2, 2, (0.5, 0.5)

        def observe(self, latents):
            return latents[:, :1] ^ latents[:, 1:]

    assert set(check_invariants(Promising()).skipped) == {
        "noise_rate",
        "order_is_a_permutation",
        "stream",
        "stream_law",
        "json_round_trip",
        "chain_rule",
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
    distribution = LODistribution(np.array([0.5, 0.5]), 20, (Predicate(nae(arity=3), scopes),))
    names = ("log_prob_sums_to_one", "sample_frequencies", "entropy")
    report = check_invariants(distribution, n=2000, max_states=2**16, only=names)
    assert "2**20" in report["log_prob_sums_to_one"].detail
    assert report["log_prob_sums_to_one"].allow == "a larger max_states"
    assert "larger n" in report["sample_frequencies"].allow
    assert "in the mean of 16000 rows" in report["entropy"].detail


def test_an_alphabet_that_a_sample_does_not_show_is_no_fault():
    class Rare(Bare):
        """The value 2 once in two thousand rows; a sample of 500 does not know it."""

        def sample(self, n, rng):
            x = super().sample(n, rng)
            x[rng.random(n) < 5e-4] = 2
            return x

        def log_prob(self, x):
            rare = (x == 2).all(axis=1)
            inside = (x < 2).all(axis=1) & (x[:, 0] ^ x[:, 1] == x[:, 2])
            return np.where(rare, math.log(5e-4), np.where(inside, math.log1p(-5e-4) - math.log(4), -np.inf))

    reports = [check_invariants(Rare(), n=500, seed=seed) for seed in range(8)]
    sums = [report["log_prob_sums_to_one"] for report in reports]
    assert any("all 8 sequences" in result.detail and result.power for result in sums)


def test_latents_are_enumerated_where_sequences_are_too_many():
    scopes = random_scopes(5, 30, arity=3, structure_seed=0)
    report = check_invariants(LODistribution(np.array([0.5, 0.5]), 5, (Predicate(nae(arity=3), scopes),)), n=2000)
    assert "all 32 settings of the latents" in report["sample_frequencies"].detail


def test_entropy_of_a_large_noisy_distribution_is_bounded_by_sampling():
    scopes = random_scopes(20, 30, arity=3, structure_seed=0)
    distribution = LODistribution(np.array([0.5, 0.5]), 20, (Noisy(Predicate(nae(arity=3), scopes), 0.1),))
    names = ("log_prob_agrees", "single_changes", "entropy")
    report = check_invariants(distribution, n=2000, only=names)
    assert "in the mean of 16000 rows" in report["entropy"].detail
    short = type("Short", (), {"sample": lambda _, n, rng: distribution.sample(n, rng)})
    short.log_prob = lambda _, x: distribution.log_prob(x)
    short.vocabulary, short.entropy = 2, lambda _: distribution.entropy() - 2.0
    assert examine(short(), n=2000, only=names).violated == ("entropy",)


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
    assert examine(Bare(), n=500) == examine(Bare(), n=500)


def test_the_violation_survives_pickling():
    with pytest.raises(InvariantViolation) as caught:
        check_invariants(broken_generators()[0].generator)
    assert pickle.loads(pickle.dumps(caught.value)).report == caught.value.report


def test_bad_arguments_are_refused():
    class Densityless:
        sample, log_prob = Bare.sample, None

    with pytest.raises(TypeError, match=r"Densityless lacks \['log_prob'\]"):
        inspect.unwrap(examine)(Densityless())  # without the check of the annotations, as outside the tests
    with pytest.raises(ValueError, match=r"got \['suport'\], which are not among"):
        check_invariants(Bare(), waived=("suport",))
    with pytest.raises(ValueError, match=r"only holds names of invariants; got 'support'"):
        check_invariants(Bare(), only="support")
    with pytest.raises(ValueError, match="n must be at least 4; got 3"):
        check_invariants(Bare(), n=3)
    with pytest.raises(TypeError, match=r"n must be an integer; got True"):
        check_invariants(Bare(), n=True)
    with pytest.raises(ValueError, match="seed must be at least 0; got -1"):
        check_invariants(Bare(), seed=-1)
    with pytest.raises(ValueError, match=r"false_alarm is a probability between 0 and 1; got 1\.5"):
        check_invariants(Bare(), false_alarm=1.5)
    with pytest.raises(KeyError, match="support"):
        examine(Bare(), n=10)["suport"]
