"""Means over seeds: what two or three runs that agree leave open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.lab.averages import combine_seeds
from analysis.lab.rows import Subject
from lo_theory.estimate import Estimate, effective_interval, share_estimate, wilson_interval

ABOUT = Subject(distribution="NAE-3", fingerprint="f", model="mdm", seed=0)


def shares(*hits: int, n: int = 20):
    """A row per seed, of so many hits among n sequences, with Wilson's ends."""
    for seed, hit in enumerate(hits):
        low, high = wilson_interval(hit, n)
        yield replace(ABOUT.row("order", "agreement", share_estimate(hit, n), low=low, high=high), seed=seed)


def combined(*hits: int):
    (row,) = combine_seeds(shares(*hits))
    return row


@pytest.mark.parametrize("hits", [(20, 20), (20, 20, 20), (0, 0), (0, 0, 0, 0)])
def test_seeds_that_agree_at_an_end_are_as_sure_as_all_their_sequences(hits):
    low, high = combined(*hits).interval
    assert (low, high) == pytest.approx(wilson_interval(sum(hits), 20 * len(hits)))
    assert high - low > 0.02


@pytest.mark.parametrize("hits", [(19, 20), (0, 1), (1, 0, 0), (20, 20, 19)])
def test_shares_stay_between_nothing_and_all(hits):
    low, high = combined(*hits).interval
    assert 0 <= low < sum(hits) / 20 / len(hits) < high <= 1


def test_three_seeds_are_never_surer_than_their_sequences_and_less_sure_where_they_differ():
    alike, apart = combined(10, 10, 10), combined(4, 10, 16)
    within = effective_interval(0.5, alike.standard_error, 60)
    assert alike.interval == pytest.approx(within)
    assert alike.interval == pytest.approx(wilson_interval(30, 60))
    assert apart.interval[0] < within[0] < within[1] < apart.interval[1]
    assert apart.over == alike.over == "seeds"


def test_numbers_that_are_no_shares_have_student_s_interval_alone():
    one = ABOUT.row("leak", "nats", Estimate(value=0.5, standard_error=0.1, samples=3, method="monte_carlo"))
    (row,) = combine_seeds(replace(one, seed=seed, value=value) for seed, value in enumerate((-1.0, 0.0, 1.0)))
    assert row.interval == pytest.approx((-4.302653 / 3**0.5, 4.302653 / 3**0.5))
    (pair,) = combine_seeds(replace(one, seed=seed) for seed in range(2))
    assert pair.low is None
    assert pair.standard_error == pytest.approx(0.1 / 2**0.5)
