"""Losses of what is not in an instance, against enumeration of all latents of a scope."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.planted.cases import CASES
from analysis.planted.fresh_observation import fresh_scopes, latent_nats, observation_nats, symmetrised
from generators.planted.constraints import PlantedInstance


def draw_marginals(rng, n, m):
    return rng.dirichlet(np.ones(m), size=n)


@settings(max_examples=30)
@given(name=st.sampled_from(sorted(CASES)), seed=st.integers(0, 2**32))
def test_the_loss_of_an_observation_is_that_of_independent_latents(name, seed):
    """Oracle: the probability of the true value, summed over all assignments of the scope one by one."""
    rng, case = np.random.default_rng(seed), CASES[name]
    planted = case.planted(12, 2.0)
    instance = planted.sample(rng)
    marginals = draw_marginals(rng, 12, len(case.prior))
    scopes = fresh_scopes(planted, instance, "both", 5, rng)
    losses = observation_nats(planted, instance, marginals, scopes)
    for scope, loss in zip(scopes, losses, strict=True):
        truth = case.table[tuple(instance.latents[scope])]
        total = sum(
            math.prod(marginals[i, a] for i, a in zip(scope, assignment, strict=True))
            for assignment in itertools.product(range(len(case.prior)), repeat=case.arity)
            if case.table[assignment] == truth
        )
        assert loss == pytest.approx(-math.log(total), rel=1e-12)


@settings(max_examples=30)
@given(name=st.sampled_from(["NAE-3", "2-in-4", "5-colouring"]), asked=st.sampled_from(["both", "satisfied"]))
def test_fresh_tuples_are_distinct_latents_not_shown_and_as_asked(name, asked):
    rng, case = np.random.default_rng(len(name)), CASES[name]
    planted = case.planted(8, 6.0)
    instance = planted.sample(rng)
    scopes = fresh_scopes(planted, instance, asked, 500, rng)
    shown = set(map(tuple, instance.scopes.tolist()))
    assert all(len(set(scope)) == case.arity and tuple(scope) not in shown for scope in scopes.tolist())
    values = case.table[tuple(instance.latents[scopes].T)]
    assert set(values.tolist()) == ({1} if asked == "satisfied" else {0, 1})


def test_without_fresh_tuples_the_error_says_why():
    planted = CASES["5-colouring"].planted(4, 6.0)  # all twelve ordered pairs
    instance = planted.sample(np.random.default_rng(0))
    with pytest.raises(ValueError, match="only 0 of 3 fresh tuples"):
        fresh_scopes(planted, instance, "both", 3, np.random.default_rng(1))


def test_a_confident_mistake_has_a_large_finite_loss():
    """Three latents believed different to 1e-30, in truth equal: 1 - p would round the loss to infinity."""
    planted = CASES["NAE-3"].planted(3, 0.0)
    instance = PlantedInstance(
        np.zeros(3, dtype=np.uint8), np.empty((0, 3), dtype=np.int64), np.empty(0, dtype=np.uint8)
    )
    marginals = np.array([[1.0, 1e-30], [1e-30, 1.0], [0.5, 0.5]])
    assert observation_nats(planted, instance, marginals, np.array([[0, 1, 2]]))[0] == pytest.approx(
        -math.log(1e-30), rel=1e-6
    )


def test_latents_are_relabelled_for_the_best():
    latents = np.array([0, 1, 2, 1])
    marginals = np.full((4, 3), 0.05)
    marginals[np.arange(4), (latents + 1) % 3] = 0.9  # right up to the shift of the values
    shifts = [(0, 1, 2), (1, 2, 0), (2, 0, 1)]
    assert latent_nats(marginals, latents).mean() == pytest.approx(-math.log(0.05))
    assert latent_nats(marginals, latents, shifts).mean() == pytest.approx(-math.log(0.9))


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20)
def test_all_relabellings_together_leave_the_prior(seed):
    symmetries = CASES["NAE-3, m = 3"].ensemble.label_symmetries()
    mean = symmetrised(draw_marginals(np.random.default_rng(seed), 7, 3), symmetries)
    np.testing.assert_allclose(mean, 1 / 3, atol=1e-12)
    assert len(CASES["1-in-4"].ensemble.label_symmetries()) == 1
