"""Parities without a table: the same as with one where there is one, and as wide as there are latents."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.distribution import LODistribution
from generators.observations import named_tables as named
from generators.observations.kinds import function_from_json
from generators.observations.parity import Parity
from generators.observations.predicate import Predicate
from generators.testing.invariants import check_invariants
from generators.testing.strategies import scopes


@given(reads=scopes(8, min_arity=1, max_arity=8), seed=st.integers(0, 2**32))
def test_it_is_the_predicate_of_the_same_scopes(reads, seed):
    columns = np.random.default_rng(seed).integers(2, size=(8, 70)).astype(np.uint8)
    with_table = Predicate(named.parity(arity=reads.shape[1]), reads)
    np.testing.assert_array_equal(Parity(reads).evaluate(columns), with_table.evaluate(columns))
    for one, other in zip(Parity(reads).bit_tables or (), with_table.bit_tables or (), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_hundred_latents():
    reads = np.stack([np.random.default_rng(j).permutation(100)[:60] for j in range(3)])
    columns = np.random.default_rng(9).integers(2, size=(100, 200)).astype(np.uint8)
    np.testing.assert_array_equal(Parity(reads).evaluate(columns), columns[reads].sum(axis=1) % 2)
    assert Parity(reads).bit_tables is None


def test_it_keeps_what_every_generator_promises():
    distribution = LODistribution(np.array([0.5, 0.5]), 9, (Parity(np.array([range(9), range(8, -1, -1)])),))
    check_invariants(distribution, n=2000, seed=0)


def test_its_form_is_read_back():
    parity = Parity(np.array([[0, 2, 1], [5, 3, 4]]))
    assert function_from_json(parity.to_json()) == parity
    with pytest.raises(ValueError, match="table"):
        Parity.from_json(parity.to_json() | {"table": []})


@pytest.mark.parametrize(
    ("reads", "message"),
    [
        (np.zeros((2, 0), dtype=np.int64), r"k >= 1; got \(2, 0\)"),
        (np.array([[0, 1, 0]]), "twice"),
        (np.array([[0, -1]]), "-1"),
    ],
)
def test_what_is_no_scope_is_refused(reads, message):
    with pytest.raises(ValueError, match=message):
        Parity(reads)
