"""Predicates: three ways to evaluate a truth table agree, whatever the table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from generators.observations.function import noiseless_tables
from generators.observations.kinds import function_from_json
from generators.observations.named_tables import nae
from generators.observations.predicate import Predicate, check_table, lookup
from generators.testing import predicates


@st.composite
def tables(draw, max_cells: int = 2**9):
    """Tables of every arity up to 7 over alphabets small enough, with the alphabet of their values."""
    arity = draw(st.integers(1, 7))
    m = draw(st.sampled_from([m for m in (2, 3, 4, 7) if m**arity <= max_cells]))
    alphabet = draw(st.sampled_from([2, 3, 5, 300]))
    cells = hnp.arrays(np.int64, (m,) * arity, elements=st.integers(0, alphabet - 1))
    return draw(cells), alphabet


def draw_scopes(data, arity: int) -> np.ndarray:
    n_latents = arity + data.draw(st.integers(0, 3))
    rows = data.draw(st.lists(st.permutations(range(n_latents)), min_size=1, max_size=5))
    return np.array(rows)[:, :arity]


def draw_columns(data, n_latents: int, m: int, dtype: type = np.uint8) -> np.ndarray:
    n = data.draw(st.sampled_from([0, 1, 7, 8, 63, 64, 65, 130]))
    seed = data.draw(st.integers(0, 2**32 - 1))
    return np.random.default_rng(seed).integers(0, m, (n_latents, n)).astype(dtype)


@settings(max_examples=100)
@given(data=st.data(), chosen=tables())
def test_evaluation_is_indexing(data, chosen):
    table, alphabet = chosen
    scopes = draw_scopes(data, table.ndim)
    columns = draw_columns(data, scopes.max() + 1, table.shape[0], data.draw(st.sampled_from([np.uint8, np.int64])))
    direct = np.array([table[tuple(columns[scope])] for scope in scopes])
    assert (Predicate(table, scopes, alphabet).evaluate(columns) == direct).all()
    assert (lookup(table, scopes, columns) == direct).all()


@settings(max_examples=100)
@given(data=st.data(), arity=st.integers(1, 7))
def test_bit_slicing_is_lookup(data, arity):
    table = data.draw(hnp.arrays(np.uint8, (2,) * arity, elements=st.integers(0, 1)))
    scopes = draw_scopes(data, arity)
    columns = draw_columns(data, scopes.max() + 1, 2)
    assert (Predicate(table, scopes).evaluate(columns) == lookup(table, scopes, columns)).all()


@pytest.mark.parametrize("arity", range(1, 8))
@pytest.mark.parametrize("kind", ["zeros", "ones", "parity", "and", "first", "last"])
def test_extreme_tables(arity, kind):
    grid = np.indices((2,) * arity)
    table = {
        "zeros": np.zeros((2,) * arity, dtype=np.int64),
        "ones": np.ones((2,) * arity, dtype=np.int64),
        "parity": grid.sum(axis=0) % 2,
        "and": grid.all(axis=0).astype(np.int64),
        "first": grid[0],
        "last": grid[-1],
    }[kind]
    columns = grid.reshape(arity, -1).astype(np.uint8)
    scopes = np.arange(arity)[None]
    assert (Predicate(table, scopes).evaluate(columns)[0] == table.ravel()).all()


@settings(max_examples=50)
@given(function=predicates(5, latent_alphabet=3))
def test_the_table_of_every_observation_is_the_table(function):
    for table in noiseless_tables(function):
        assert (table == function.table).all()


@settings(max_examples=50)
@given(function=predicates(5, latent_alphabet=3))
def test_the_json_form_round_trips(function):
    assert function_from_json(function.to_json()) == function
    assert hash(function_from_json(function.to_json())) == hash(function)


def test_no_observations_are_allowed():
    function = Predicate(nae(arity=3), np.empty((0, 3), dtype=np.int64))
    assert function.evaluate(np.zeros((4, 9), dtype=np.uint8)).shape == (0, 9)
    assert function_from_json(function.to_json()) == function


def test_a_predicate_cannot_be_edited():
    table, scopes = np.array([0, 1]), np.array([[0]])
    function = Predicate(table, scopes)
    table[0], scopes[0, 0] = 1, 5
    assert function.table.tolist() == [0, 1]
    assert function.scopes.tolist() == [[0]]
    with pytest.raises(ValueError, match="read-only"):
        function.table[0] = 1


@pytest.mark.parametrize(
    ("table", "scopes", "alphabet", "message"),
    [
        (np.zeros(8, dtype=int), np.array([[0, 1, 2]]), 2, r"1 axes.*got shape \(1, 3\)"),
        (np.zeros((2, 3), dtype=int), np.array([[0, 1]]), 2, r"got \(2, 3\).*reshape"),
        (np.zeros((1, 1), dtype=int), np.array([[0, 1]]), 2, r"m >= 2; got \(1, 1\)"),
        (np.array(1), np.array([[0]]), 2, r"got \(\)"),
        (np.array([0, 2]), np.array([[0]]), 2, r"table\[1\] = 2 lies outside range\(2\)"),
        (np.array([-1, 1]), np.array([[0]]), 2, r"table\[0\] = -1"),
        (np.array([0, 0]), np.array([[0]]), 1, "at least 2 values; got 1"),
        (np.zeros((2, 2), dtype=int), np.array([[1, 1]]), 2, r"scopes\[0\] = \[1, 1\] reads a latent twice"),
        (np.zeros((2, 2), dtype=int), np.array([[0, -1]]), 2, r"scopes\[0, 1\] = -1"),
    ],
)
def test_bad_parts_are_refused(table, scopes, alphabet, message):
    with pytest.raises(ValueError, match=message):
        Predicate(table, scopes, alphabet)


def test_a_table_of_floats_is_refused():
    with pytest.raises(ValueError, match=r"float64.*Cast it"):
        check_table(np.array([0.0, 1.0]), 2)


def test_a_table_too_large_to_be_a_factor_is_refused():
    function = Predicate(nae(arity=7), np.arange(7)[None])
    with pytest.raises(ValueError, match=r"2\*\*7 = 128 entries"):
        noiseless_tables(function, scope_limit=100)
