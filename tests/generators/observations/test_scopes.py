"""Scopes: distinct latents, uniform tuples, regular degrees."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.observations.named_tables import nae
from generators.observations.predicate import Predicate
from generators.observations.scopes import check_scopes, ordered_scopes, random_scopes, regular_scopes
from generators.testing.statistics import multinomial_p_value


@st.composite
def sizes(draw):
    n_latents = draw(st.integers(1, 9))
    return n_latents, draw(st.integers(0, 30)), draw(st.integers(1, n_latents))


@settings(max_examples=50)
@given(size=sizes(), seed=st.integers(0, 2**30))
def test_random_scopes_are_distinct_and_repeat(size, seed):
    n_latents, count, arity = size
    scopes = random_scopes(n_latents, count, arity=arity, structure_seed=seed)
    assert scopes.shape == (count, arity)
    check_scopes(scopes, n_latents)
    assert (scopes == random_scopes(n_latents, count, arity=arity, structure_seed=seed)).all()


def test_random_scopes_are_uniform():
    """Every ordered triple of 4 latents equally often; a false alarm at 1e-9, and seed 0 is fixed besides."""
    scopes = random_scopes(4, 24_000, arity=3, structure_seed=0)
    _, counts = np.unique(scopes, axis=0, return_counts=True)
    assert len(counts) == math.perm(4, 3)
    assert multinomial_p_value(counts, np.full(24, 1 / 24)) > 1e-9
    with_replacement = np.sort(np.random.default_rng(0).integers(0, 4, (24_000, 3)), axis=1)
    assert (with_replacement[:, 1:] == with_replacement[:, :-1]).any()  # the control: it would break the line below
    assert (np.diff(np.sort(scopes, axis=1), axis=1) > 0).all()


def test_distinct_latents_give_nae_its_three_quarters():
    """Over all latents, exactly: 3/4 for every scope. With replacement it would be 0.7125 at N = 20."""
    scopes = random_scopes(6, 40, arity=3, structure_seed=5)
    latents = np.indices((2,) * 6).reshape(6, -1).astype(np.uint8)
    assert (Predicate(nae(arity=3), scopes).evaluate(latents).mean(axis=1) == 0.75).all()


def test_structure_seeds_differ():
    assert (random_scopes(20, 50, arity=3, structure_seed=0) != random_scopes(20, 50, arity=3, structure_seed=1)).any()
    assert (
        regular_scopes(20, 50, arity=3, structure_seed=0) != regular_scopes(20, 50, arity=3, structure_seed=1)
    ).any()


@pytest.mark.parametrize(("n_latents", "arity"), [(5, 3), (4, 1), (4, 4), (1, 1)])
def test_ordered_scopes_are_all_of_them(n_latents, arity):
    scopes = ordered_scopes(n_latents, arity=arity)
    assert scopes.tolist() == [list(p) for p in itertools.permutations(range(n_latents), arity)]


@settings(max_examples=50)
@given(size=sizes(), seed=st.integers(0, 2**30))
def test_regular_degrees_differ_by_at_most_one(size, seed):
    n_latents, count, arity = size
    scopes = regular_scopes(n_latents, count, arity=arity, structure_seed=seed)
    check_scopes(scopes, n_latents)
    degrees = np.bincount(scopes.ravel(), minlength=n_latents)
    assert degrees.sum() == count * arity
    assert degrees.max() - degrees.min() <= 1
    assert (scopes == regular_scopes(n_latents, count, arity=arity, structure_seed=seed)).all()


@pytest.mark.parametrize("make", [random_scopes, regular_scopes])
@pytest.mark.parametrize("arity", [0, 4])
def test_an_arity_beyond_the_latents_is_refused(make, arity):
    with pytest.raises(ValueError, match=f"k = {arity} must lie in 1..N = 3"):
        make(3, 5, arity=arity, structure_seed=0)


def test_too_many_ordered_scopes_are_refused():
    with pytest.raises(ValueError, match=str(math.perm(60, 5))):
        ordered_scopes(60, arity=5)
    with pytest.raises(ValueError, match="k = 4"):
        ordered_scopes(3, arity=4)


@pytest.mark.parametrize(
    ("scopes", "message"),
    [
        ([[0, 1], [2, 4]], r"scopes\[1, 1\] = 4 is no latent; indices lie in range\(4\)"),
        ([[0, 1], [-1, 2]], r"scopes\[1, 0\] = -1"),
        ([[0, 1], [3, 3]], r"scopes\[1\] = \[3, 3\] reads a latent twice"),
        ([[0, 1, 2, 3, 1]], "k = 5 must lie in 1..N = 4"),
        ([[], []], r"got shape \(2, 0\)"),
    ],
)
def test_bad_scopes_are_refused(scopes, message):
    with pytest.raises(ValueError, match=message):
        check_scopes(np.array(scopes, dtype=np.int64), 4)
