"""A permutation is let through, anything else is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.ground.permutation import check_permutation


@given(st.integers(0, 9).flatmap(lambda n: st.permutations(range(n))))
def test_a_permutation_comes_back_as_an_array_of_its_own(order):
    array = np.array(order, dtype=np.int32)
    for form in (order, tuple(order), array):
        checked = check_permutation(form, len(order), "")
        assert checked.tolist() == list(order)
        assert checked.dtype == np.int64
        assert not np.shares_memory(checked, array)


@given(st.lists(st.integers(-1, 4), max_size=5), st.integers(0, 5))
def test_whatever_is_none_is_refused(order, length):
    if sorted(order) == list(range(length)):
        check_permutation(order, length, "")
    else:
        with pytest.raises(ValueError, match=rf"permutation of range\({length}\); got .* first .*A way out\.$"):
            check_permutation(order, length, "A way out.")


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (np.array(3), r"shape \(\), first offender 3"),
        (np.array(0), r"got shape \(\)\. Go"),
        (np.array([[0, 1]]), r"got shape \(1, 2\)"),
        (np.array([0.0]), r"shape \(1,\), first offender 0\.0"),
        ([True], "1 entries, first offender True"),
        ([], "0 entries, first missing position 0"),
    ],
)
def test_the_first_offender_is_named(order, said):
    with pytest.raises(ValueError, match=said):
        check_permutation(order, 2 if np.ndim(order) == 2 else 1, "Go.")
