"""Prompted rows: nothing is lost by marking, and lists of (place, value) are read without guessing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from generators.prompted import agreed, form_fingerprint, mark_given, random_order, split_given
from generators.testing.statistics import multinomial_p_value

ALARM = 1e-9  # false-alarm rate of each statistical test here; seeds are fixed, so a pass stays a pass
SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6)
TYPES = st.sampled_from([np.uint8, np.int16, np.int64])


@settings(max_examples=50)
@given(data=st.data(), shape=SHAPES, dtype=TYPES)
def test_split_is_the_inverse_of_mark(data, shape, dtype):
    tokens = data.draw(arrays.arrays(dtype, shape, elements=st.integers(0, 100)))
    hidden = data.draw(arrays.arrays(bool, shape))
    rows = mark_given(tokens, hidden)
    assert rows.dtype == np.int64
    back, where = split_given(rows)
    assert (back == tokens).all()
    assert (where == hidden).all()
    assert (rows[~hidden] == tokens[~hidden]).all()


def test_a_given_zero_is_told_from_a_zero_to_be_found():
    assert mark_given(np.array([[0, 0, 5]]), np.array([[True, False, True]])).tolist() == [[-1, 0, -6]]


def test_bad_tokens_and_masks_are_refused():
    tokens, mask = np.arange(6).reshape(2, 3), np.ones((2, 3), dtype=bool)
    with pytest.raises(ValueError, match=r"row 1, position 2 holds -1; .*split_given"):
        mark_given(np.where(tokens == 5, -1, tokens), mask)
    with pytest.raises(ValueError, match="row 0, position 0 holds -1"):
        mark_given(mark_given(tokens, mask), mask)
    with pytest.raises((ValueError, TypeError), match=r"got \(2, 2\) for \(2, 3\)|mark_given"):
        mark_given(tokens, mask[:, :2])


def naively(places: list[int], values: list[int], count: int) -> list[int]:
    said = [{value for place, value in zip(places, values, strict=True) if place == i} for i in range(count)]
    return [min(values_) if len(values_) == 1 else -1 for values_ in said]


@settings(max_examples=50)
@given(data=st.data(), count=st.integers(1, 4), entries=st.integers(0, 7))
def test_a_place_has_the_value_on_which_all_its_entries_agree(data, count, entries):
    places = data.draw(arrays.arrays(np.int64, (3, entries), elements=st.integers(-1, count - 1)))
    values = data.draw(arrays.arrays(np.int64, (3, entries), elements=st.integers(-1, 1)))
    expected = [naively(p, v, count) for p, v in zip(places.tolist(), values.tolist(), strict=True)]
    assert agreed(places, values, count, -1).tolist() == expected


def test_two_agreeing_entries_do_not_outvote_a_third():
    one = np.zeros((1, 3), dtype=np.int64)
    for values in ([5, 5, 7], [5, 7, 5], [7, 5, 5]):
        assert agreed(one, np.array([values]), 1, 0).tolist() == [[0]]
    assert agreed(one, np.array([[5, 5, 5]]), 1, 0).tolist() == [[5]]


@settings(max_examples=30)
@given(data=st.data(), seed=st.integers(0, 2**40), start=st.integers(0, 10**9))
def test_random_orders_are_permutations_and_may_be_cut_anywhere(data, seed, start):
    last = data.draw(arrays.arrays(bool, (5, 7)))
    order = random_order(last, seed, start)
    assert (np.sort(order, axis=1) == np.arange(7)).all()
    behind = np.take_along_axis(last, order, axis=1)
    assert (np.diff(behind.astype(int), axis=1) >= 0).all()
    assert (random_order(last[2:4], seed, start + 2) == order[2:4]).all()


def test_random_orders_are_uniform_on_either_side():
    """Of 5 places the first two stand last: 3! x 2! orders, all alike."""
    last = np.tile(np.arange(5) < 2, (24_000, 1))
    order = random_order(last, 3, 0)
    _, counts = np.unique(order @ 5 ** np.arange(5), return_counts=True)
    assert len(counts) == 12
    assert multinomial_p_value(counts, np.full(12, 1 / 12)) > ALARM
    biased = counts + np.where(np.arange(12) == 0, 800, 0)
    assert multinomial_p_value(biased, np.full(12, 1 / 12)) < ALARM


def test_a_fingerprint_knows_the_form_the_source_and_the_options():
    names = {
        form_fingerprint("A", {"x": 1}),
        form_fingerprint("B", {"x": 1}),
        form_fingerprint("A", {"x": 2}),
        form_fingerprint("A", {"x": 1}, order="fixed"),
        form_fingerprint("A", {"x": 1}, order="solver"),
    }
    assert len(names) == 5
    assert form_fingerprint("A", {"y": 2, "x": 1}) == form_fingerprint("A", {"x": 1, "y": 2})
