"""Orders are permutations, swaps move what they should, and bad orders are named."""

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lo_theory import orders

lengths = st.integers(2, 60)
seeds = st.integers(0, 2**32)


@given(length=lengths, seed=seeds)
def test_every_family_yields_permutations(length, seed):
    rng = np.random.default_rng(seed)
    for order in (
        orders.identity(length),
        orders.reverse(length),
        orders.uniform(length, rng),
        orders.closer(length, rng),
        orders.much_closer(length, rng),
    ):
        np.testing.assert_array_equal(orders.check_order(order, length), order)
        assert sorted(order) == list(range(length))


@given(length=lengths, n_swaps=st.integers(0, 30), seed=seeds)
def test_swaps_have_the_parity_of_their_number(length, n_swaps, seed):
    order = orders.swaps(length, n_swaps, np.random.default_rng(seed))
    cycles, seen = 0, set()
    for start in range(length):
        cycles += start not in seen
        while start not in seen:
            seen.add(start)
            start = int(order[start])
    assert (length - cycles) % 2 == n_swaps % 2
    assert length - cycles <= n_swaps


def test_one_swap_moves_exactly_two_positions_and_meets_every_pair():
    rng = np.random.default_rng(0)
    moved = [tuple(np.flatnonzero(orders.swaps(5, 1, rng) != np.arange(5))) for _ in range(2000)]
    assert all(len(pair) == 2 for pair in moved)
    counts = np.array([moved.count(pair) for pair in sorted(set(moved))])
    assert len(counts) == math.comb(5, 2)
    chi_square = ((counts - 200) ** 2 / 200).sum()
    assert chi_square < 39.3  # 9 degrees of freedom, false alarm 1e-5


def test_families_of_the_paper_have_204_and_45_swaps():
    def as_many_as(n_swaps):
        return orders.swaps(2048, n_swaps, np.random.default_rng(3))

    np.testing.assert_array_equal(orders.closer(2048, np.random.default_rng(3)), as_many_as(204))
    np.testing.assert_array_equal(orders.much_closer(2048, np.random.default_rng(3)), as_many_as(45))


@pytest.mark.parametrize(
    ("order", "offender"),
    [
        ([0, 1, 1], "offender 1"),
        (np.array([0, 3, 1]), "offender 3"),
        ([-1, 0, 1], "offender -1"),
        (np.array([0, 1.5, 2]), r"offender 0\.0"),
        ([0, True, 2], "offender True"),
        ([0, 1], "missing position 2"),
        ([0, 1, 2, 0], "offender 0"),
    ],
)
def test_no_permutation_is_refused_with_its_first_offender(order, offender):
    with pytest.raises(ValueError, match=rf"permutation of range\(3\).*{offender}\b.*identity\(3\)"):
        orders.check_order(order, 3)


@pytest.mark.parametrize(("length", "n_swaps"), [(1, 1), (4, -1), (0, 0)])
def test_impossible_swaps_are_refused(length, n_swaps):
    with pytest.raises(ValueError, match=r"at least one position|swaps"):
        orders.swaps(length, n_swaps, np.random.default_rng(0))


@given(length=lengths, seed=seeds)
def test_a_named_order_lies_on_top_of_the_natural_one(length, seed):
    """And draws what the function of that name draws: nothing for the two that are no draw."""
    natural = np.random.default_rng(seed + 1).permutation(length)
    over = {
        "natural": lambda rng: orders.identity(length),
        "reversed": lambda rng: orders.reverse(length),
        "closer": lambda rng: orders.closer(length, rng),
        "much-closer": lambda rng: orders.much_closer(length, rng),
        "uniform": lambda rng: orders.uniform(length, rng),
    }
    assert set(over) == set(get_args(orders.OrderName))
    for name, order in over.items():
        first, second = np.random.default_rng(seed), np.random.default_rng(seed)
        np.testing.assert_array_equal(orders.named_order(name, natural, first), natural[order(second)])
        assert first.bit_generator.state == second.bit_generator.state
