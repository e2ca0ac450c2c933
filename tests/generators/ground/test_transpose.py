"""The fast transposition is the transposition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.ground.transpose import to_rows


@settings(max_examples=150)
@given(
    alphabet=st.integers(2, 6),
    length=st.integers(1, 20),
    samples=st.integers(0, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_rows_are_the_transposed_columns(alphabet, length, samples, seed):
    columns = np.random.default_rng(seed).integers(0, alphabet, (length, samples)).astype(np.uint8)
    out = np.full((samples, length), 255, dtype=np.uint8)
    to_rows(columns, out, alphabet)
    assert (out == columns.T).all()


@pytest.mark.parametrize(
    ("columns_type", "out_type"), [(np.uint16, np.uint16), (np.uint8, np.uint16), (np.int64, np.uint8)]
)
def test_other_types_are_transposed_too(columns_type, out_type):
    columns = np.random.default_rng(0).integers(0, 2, (5, 19)).astype(columns_type)
    out = np.empty((19, 5), dtype=out_type)
    to_rows(columns, out, 2)
    assert (out == columns.T).all()


def test_only_the_given_rows_are_written():
    whole = np.full((30, 4), 9, dtype=np.uint8)
    to_rows(np.ones((4, 11), dtype=np.uint8), whole[10:21], 2)
    assert (whole[10:21] == 1).all()
    assert (np.delete(whole, np.s_[10:21], axis=0) == 9).all()
