"""Planted slabs hold what they say, agree with the slabs of an L&O distribution, and have the right law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, truncnorm

from generators.observations.slab import RandomSlab
from generators.planted.slabs import PlantedSlabs

FALSE_ALARM = 1e-6


@settings(max_examples=30)
@given(
    n=st.integers(1, 12),
    density=st.floats(0, 3),
    width=st.floats(0.05, 3),
    shown=st.sampled_from(["both", "satisfied"]),
    seed=st.integers(0, 2**32),
)
def test_values_are_those_of_the_slabs(n, density, width, shown, seed):
    planted = PlantedSlabs(n_latents=n, density=density, width=width, shown=shown)
    draw = planted.sample(np.random.default_rng(seed))
    assert draw.directions.shape == (planted.n_observations, n)
    if planted.n_observations:
        inside = RandomSlab(draw.directions, width).evaluate(draw.latents[:, None])[:, 0]
        assert np.array_equal(inside, draw.values)
    assert shown == "both" or draw.values.all()


def test_satisfied_directions_are_normal_given_that_the_slab_holds_the_latents():
    width = 0.6
    draw = PlantedSlabs(n_latents=20, density=200.0, width=width, shown="satisfied").sample(np.random.default_rng(0))
    spins = 2.0 * draw.latents - 1.0
    along = draw.directions @ spins / math.sqrt(20)
    assert kstest(along, truncnorm(-width, width).cdf).pvalue > FALSE_ALARM
    assert kstest(along, truncnorm(-1.3 * width, 1.3 * width).cdf).pvalue < FALSE_ALARM  # another width is seen
    across = draw.directions @ (spins * np.tile([1, -1], 10)) / math.sqrt(20)  # orthogonal to the latents
    assert kstest(across, "norm").pvalue > FALSE_ALARM


def test_without_a_teacher_only_the_directions_change():
    planted, rng = PlantedSlabs(n_latents=30, density=40.0, width=0.5, shown="satisfied"), np.random.default_rng(1)
    draw = planted.sample(rng)
    control = planted.without_teacher(draw, rng)
    assert np.array_equal(control.values, draw.values)
    along = control.directions @ (2.0 * draw.latents - 1.0) / math.sqrt(30)
    assert kstest(along, "norm").pvalue > FALSE_ALARM


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_latents": 0}, "at least one latent"),
        ({"density": -1.0}, "at least 0; got -1"),
        ({"density": math.inf}, "finite"),
        ({"width": 0.0}, "positive and finite; got 0"),
    ],
)
def test_bad_input(changes, message):
    with pytest.raises(ValueError, match=message):
        PlantedSlabs(**{"n_latents": 4, "density": 1.0, "width": 1.0} | changes)
