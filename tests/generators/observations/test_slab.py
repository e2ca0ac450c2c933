"""Random slabs against exact rational arithmetic, and their rate against the Gaussian law."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from generators.distribution import LODistribution
from generators.observations.kinds import function_from_json
from generators.observations.slab import RandomSlab, gaussian_directions

FALSE_ALARM = 1e-6
ENTRIES = st.floats(-8, 8).filter(lambda v: abs(v) > 1e-3)


@st.composite
def slabs(draw: st.DrawFn) -> RandomSlab:
    count, n_latents = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    entries = draw(st.lists(ENTRIES, min_size=count * n_latents, max_size=count * n_latents))
    return RandomSlab(np.array(entries).reshape(count, n_latents), draw(st.floats(0.01, 5)))


def all_bits(n_latents: int) -> np.ndarray:
    return np.indices((2,) * n_latents, dtype=np.uint8).reshape(n_latents, -1)


@given(slab=slabs())
@settings(max_examples=50)
def test_values_are_those_of_the_definition(slab):
    columns = all_bits(slab.n_latents)
    bound = Fraction(slab.width * math.sqrt(slab.n_latents))
    expected = [
        [abs(sum(Fraction(float(d)) * (2 * int(b) - 1) for d, b in zip(z, x, strict=True))) < bound for x in columns.T]
        for z in slab.directions
    ]
    assert np.array_equal(slab.evaluate(columns), np.array(expected, dtype=int))


def test_a_value_does_not_depend_on_the_batch_nor_on_the_order_of_summation():
    directions = np.random.default_rng(0).standard_normal((40, 30))
    slab = RandomSlab(directions, 0.5)
    signs = 2.0 * np.random.default_rng(1).integers(2, size=(30, 500)) - 1.0
    shuffle = np.random.default_rng(2).permutation(30)
    assert np.array_equal(slab.directions @ signs, slab.directions[:, shuffle] @ signs[shuffle])
    assert not np.array_equal(directions @ signs, directions[:, shuffle] @ signs[shuffle])  # without the grid it does
    bits = (signs > 0).astype(np.uint8)
    single = np.concatenate([slab.evaluate(bits[:, i : i + 1]) for i in range(500)], axis=1)
    assert np.array_equal(single, slab.evaluate(bits))
    assert np.abs(slab.directions - directions).max() <= 2.0**-33


def test_rate_of_ones_is_that_of_a_gaussian():
    width, count = 0.7, 3000
    slab = RandomSlab(gaussian_directions(8, count, structure_seed=4), width)
    one_vector = np.ones((8, 1), dtype=np.uint8)  # given x the projections are independent N(0, N)
    ones = int(slab.evaluate(one_vector).sum())
    assert binomtest(ones, count, math.erf(width / math.sqrt(2))).pvalue > FALSE_ALARM
    assert binomtest(ones, count, math.erf(1.3 * width / math.sqrt(2))).pvalue < FALSE_ALARM  # another width is seen


@given(slab=slabs())
@settings(max_examples=20)
def test_both_signs_of_all_spins_give_the_same_value(slab):
    columns = all_bits(slab.n_latents)
    assert np.array_equal(slab.evaluate(columns), slab.evaluate(1 - columns))


@given(slab=slabs())
@settings(max_examples=20)
def test_json_round_trip_is_exact(slab):
    again = function_from_json(slab.to_json())
    assert isinstance(again, RandomSlab)
    assert again == slab
    assert np.array_equal(again.directions, slab.directions)
    distribution = LODistribution(np.array([0.3, 0.7]), slab.n_latents + 1, (slab,))
    assert LODistribution.from_json(distribution.to_json()).fingerprint == distribution.fingerprint
    assert np.isfinite(distribution.log_prob(distribution.rows(0, 0, 100))).all()


@pytest.mark.parametrize(
    ("directions", "width", "message"),
    [
        (np.ones((2, 2)), 0.0, "positive and finite; got 0.0"),
        (np.ones((2, 2)), math.inf, "positive and finite; got inf"),
        (np.ones((2, 2)), math.nan, "positive and finite; got nan"),
        (np.ones((2, 0)), 1.0, r"N >= 1; got \(2, 0\)"),
        (np.array([[1.0, math.nan]]), 1.0, r"directions\[0, 1\] = nan"),
        (np.array([[1.0, 1.0], [2.0**20, 1.0]]), 1.0, r"directions\[1\] sum to"),
        (np.array([[1.0, 1.0], [1e-12, 0.0]]), 1.0, r"directions\[1\] is zero on the grid"),
    ],
)
def test_bad_input(directions, width, message):
    with pytest.raises(ValueError, match=message):
        RandomSlab(directions, width)


def test_bad_json():
    form = RandomSlab(np.ones((2, 2)), 1.0).to_json()
    with pytest.raises(ValueError, match="unknown field 'beta'"):
        RandomSlab.from_json(form | {"beta": 1.0})
    with pytest.raises(ValueError, match="lacks the field 'width'"):
        RandomSlab.from_json({name: value for name, value in form.items() if name != "width"})
    with pytest.raises(ValueError, match="do not fill its shape"):
        RandomSlab.from_json(form | {"directions": form["directions"] | {"shape": [3, 3]}})
