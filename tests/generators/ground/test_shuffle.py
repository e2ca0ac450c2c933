"""Orders that are computed: permutations, cut anywhere, near enough to uniform, without memory."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from generators.ground.shuffle import _ROUNDS_OF_FEW, MOST_ROWS, _round_trip, shuffled

ALARM = 1e-9


@pytest.mark.parametrize("rows", [*range(1, 40), 121, 1000, 4097, 65_536])
def test_an_epoch_is_a_permutation(rows):
    order = shuffled(rows, 3, 1, 0, rows)
    assert order.dtype == np.int64
    assert np.array_equal(np.sort(order), np.arange(rows))


@given(rows=st.integers(1, 300), seed=st.integers(0, 2**70), epoch=st.integers(0, 2**40), data=st.data())
def test_a_part_of_it_is_that_part(rows, seed, epoch, data):
    start = data.draw(st.integers(0, rows))
    stop = data.draw(st.integers(start, rows))
    assert np.array_equal(shuffled(rows, seed, epoch, start, stop), shuffled(rows, seed, epoch, 0, rows)[start:stop])


@pytest.mark.parametrize("rows", [10**8, MOST_ROWS])
def test_it_holds_no_order_of_all_rows(rows):
    tracemalloc.start()
    for start in range(0, rows, rows // 8):
        found = shuffled(rows, 0, 5, start, min(start + 1000, rows))
        assert len(np.unique(found)) == len(found)
        assert 0 <= found.min() <= found.max() < rows
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def test_the_numbers_of_a_large_range_go_back_by_the_same_key():
    """10^8 rows: no two of 200,000 places agree, and they fill the range evenly."""
    rows = 10**8
    found = np.concatenate(
        [shuffled(rows, 7, 0, start, start + 50_000) for start in (0, 10**7, 5 * 10**7, rows - 50_000)]
    )
    assert len(np.unique(found)) == len(found)
    counts = np.bincount(found // (rows // 100), minlength=100)
    assert chi2.sf(((counts - 2000.0) ** 2 / 2000).sum(), 99) > ALARM


@pytest.mark.parametrize("sides", [(1, 2), (2, 2), (2, 3)])
def test_orders_of_few_rows_are_equally_frequent(sides):
    """Over 60,000 random keys; after half as many rounds six rows fail."""
    rows = sides[0] * sides[1]
    keys = np.random.default_rng(0).integers(2**64, size=(_ROUNDS_OF_FEW, 60_000, 1), dtype=np.uint64)
    orders = _round_trip(np.arange(rows, dtype=np.uint64), sides, list(keys)) @ (
        rows ** np.arange(rows, dtype=np.uint64)
    )
    found, counts = np.unique(orders, return_counts=True)
    expected = 60_000 / math.factorial(rows)
    assert len(found) == math.factorial(rows)
    assert chi2.sf(((counts - expected) ** 2 / expected).sum(), len(found) - 1) > ALARM


def test_one_epoch_says_nothing_about_the_next():
    """Of 25 rows: who is next to whom, and who follows whom at one place; all pairs are equally frequent."""
    orders = np.array([shuffled(25, 1, epoch, 0, 25) for epoch in range(1250)])
    beside = np.bincount((orders[:, :-1] * 25 + orders[:, 1:])[:, ::2].ravel(), minlength=625).reshape(25, 25)
    apart, expected = ~np.eye(25, dtype=bool), 1250 * 12 / 600
    assert chi2.sf(((beside[apart] - expected) ** 2 / expected).sum(), 599) > ALARM
    after = np.bincount(orders[:-1, 7] * 25 + orders[1:, 7], minlength=625)
    assert chi2.sf(((after - 1249 / 625) ** 2 / (1249 / 625)).sum(), 624) > ALARM


def test_every_seed_and_epoch_has_an_order_of_its_own():
    """30 rows: two orders agree with probability 1/30!."""
    orders = {tuple(shuffled(30, seed, epoch, 0, 30).tolist()) for seed in (0, 1, 2**32) for epoch in (0, 1, 2**32)}
    assert len(orders) == 9


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((0, 0, 0, 0, 0), "rows must be at least 1"),
        ((MOST_ROWS + 1, 0, 0, 0, 0), "rows must be at most"),
        ((5, -1, 0, 0, 5), "seed must be at least 0"),
        ((5, 0, -1, 0, 5), "epoch must be at least 0"),
        ((5, 0, 0, 3, 2), r"0 <= start <= stop <= 5; got 3\.\.2"),
        ((5, 0, 0, 0, 6), r"got 0\.\.6"),
    ],
)
def test_what_is_no_order_is_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        shuffled(*arguments)
