"""Repeats: counted as sets of rows count them, expected as the law has it, passed over and said."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators import families
from generators.datasets import repeats
from generators.datasets.repeats import check_enough, expected_share, hashes_of, occur, repeated_rows, row_hashes
from generators.datasets.sources import Stream
from generators.distribution import LODistribution
from generators.observations import named_tables as named

SMALL = families.nae_sat(6, 4, structure_seed=0)
NOISY = families.random_logic(3, 3, noise=0.2, structure_seed=0)
WIDE = families.predicate_csp(named.parity(arity=2, latent_alphabet=300), 2, 4, structure_seed=0)


def biased(base: LODistribution, prior: tuple[float, ...]) -> LODistribution:
    return LODistribution(np.array(prior), base.n_latents, base.functions, base.order)


@given(
    distribution=st.sampled_from([SMALL, NOISY, biased(SMALL, (0.9, 0.1))]),
    rows=st.lists(st.integers(1, 60), min_size=1, max_size=4),
)
@settings(max_examples=30)
def test_repeats_are_those_of_sets(distribution, rows):
    splits = [(Stream(distribution, seed), count) for seed, count in enumerate(rows)]
    seen, expected = set(), []
    for source, count in splits:
        keys = [row.tobytes() for row in source.rows(0, count)]
        expected.append(sum(key in seen for key in keys))
        seen |= set(keys)
    assert repeated_rows(splits) == expected


@pytest.mark.parametrize("distribution", [SMALL, NOISY, WIDE])
def test_hashes_tell_rows_apart(distribution):
    rows = distribution.rows(0, 0, 3000)
    hashes = row_hashes(Stream(distribution, 0), 0, 3000)
    assert len(np.unique(hashes)) == len(np.unique(rows, axis=0))
    seen = hashes_of([(Stream(distribution, 0), 1000)])
    assert occur(hashes[:1000], seen).all()
    assert not occur(hashes, hashes_of([])).any()


def by_enumeration(distribution: LODistribution, earlier: int) -> float:
    rows = np.array(list(itertools.product(range(2), repeat=distribution.length)))
    p = np.exp(distribution.log_prob(rows))
    return float((p * (1 - (1 - p) ** earlier)).sum())


@pytest.mark.parametrize("earlier", [0, 1, 17, 1000])
@pytest.mark.parametrize(
    "distribution",
    [SMALL, NOISY, biased(SMALL, (0.9, 0.1)), biased(NOISY, (0.3, 0.7)), biased(SMALL, (1.0, 0.0))],
)
def test_the_expected_share_is_the_sum_over_all_sequences(distribution, earlier):
    assert expected_share(distribution, earlier) == pytest.approx(by_enumeration(distribution, earlier), abs=1e-12)


def test_the_counted_share_is_the_expected_one():
    """Binomial error of 20,000 rows: five standard deviations, false alarms below 1e-6."""
    law = families.nae_sat(12, 8, structure_seed=0)
    _, count = repeated_rows([(Stream(law, 1), 3000), (Stream(law, 2), 20_000)])
    share = expected_share(law, 3000)
    assert share is not None
    assert count is not None
    # rows of the second stream share the first one, so the counted share varies with it too: by at most as much again
    assert abs(count / 20_000 - share) < 5 * math.sqrt(2 * share * (1 - share) / 3000)
    assert 0.4 < share < 0.6


def test_what_is_not_computed_or_not_counted(monkeypatch):
    assert (
        expected_share(biased(families.nae_sat(4, 6, latent_alphabet=3, structure_seed=0), (0.5, 0.3, 0.2)), 9) is None
    )
    assert expected_share(families.nae_sat(300, 300, structure_seed=0), 10**9) == pytest.approx(0, abs=1e-30)
    monkeypatch.setattr(repeats, "MEASURED_ROWS", 20)
    assert repeated_rows([(Stream(SMALL, 0), 10), (Stream(SMALL, 1), 11)]) == [0, None]
    monkeypatch.setattr(repeats, "MEASURED_ROWS", 100)
    monkeypatch.setattr(repeats, "available_bytes", lambda: 100)
    assert repeated_rows([(Stream(SMALL, 0), 10), (Stream(SMALL, 1), 11)]) == [0, None]


def test_too_few_sequences_are_refused_beforehand():
    check_enough(SMALL, 60, "test")
    with pytest.raises(ValueError, match=r"split 'test' cannot be distinct: after 1000 rows.*6 bits of entropy.*fewer"):
        check_enough(SMALL, 1000, "test")


def test_an_endless_search_ends():
    """Where the law could not tell: nothing new is left."""
    everything = hashes_of([(Stream(SMALL, 0), 2000)])
    with pytest.raises(ValueError, match="only 0 are new; 10 were asked for"):
        repeats.passed_over(Stream(SMALL, 1), 10, everything)
