"""Each way to draw masks meets subproblem (M, i) with probability times weight 1 / (|M| C(L, |M|))."""

import math
from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lo_theory import schedules
from lo_theory.learning import masking

LENGTH = 4
SUBSETS = [subset for subset in product((False, True), repeat=LENGTH) if any(subset)]
EXACT = np.array([masking.subproblem_weight(sum(subset), LENGTH) for subset in SUBSETS])
MASKERS = {
    "count": masking.count_masks,
    "count, stratified": masking.stratified_count_masks,
    "linear": masking.time_masks,
    "linear, stratified": partial(masking.time_masks, stratified=True),
    "cosine": partial(masking.time_masks, schedule=schedules.COSINE, stratified=True),
    "polynomial": partial(masking.time_masks, schedule=schedules.polynomial(2.0), stratified=True),
}
SCHEDULES = [schedules.LINEAR, schedules.COSINE, schedules.polynomial(2.0), schedules.polynomial(3.0)]
Z_LIMIT = 5.5  # 15 subsets x 6 maskers, two-sided normal: false alarm 4e-6 in all


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def estimates(masker, n_batches=2500, batch_size=6):
    """Batch means of weight times indicator of each subset: (n_batches, 15)."""
    draws = generator()
    means = []
    for _ in range(n_batches):
        masks = masker(batch_size, LENGTH, draws)
        met = (masks.hidden[:, None, :] == torch.tensor(SUBSETS)).all(dim=-1)  # (B, 15)
        means.append((masks.weight[:, None] * met).mean(dim=0))
    return torch.stack(means).double().numpy()


def z_scores(masker):
    draws = estimates(masker)
    return (draws.mean(axis=0) - EXACT) / (draws.std(axis=0, ddof=1) / math.sqrt(len(draws)))


@given(length=st.integers(1, 12))
def test_subproblem_weights_add_up_to_the_length(length):
    total = sum(math.comb(length, n) * n * masking.subproblem_weight(n, length) for n in range(1, length + 1))
    assert total == pytest.approx(length, abs=1e-9)


@given(length=st.integers(1, 12), data=st.data())
def test_subproblem_weight_is_the_share_of_orders_that_meet_it(length, data):
    n = data.draw(st.integers(1, length))
    share = math.factorial(length - n) * math.factorial(n - 1) / math.factorial(length)
    assert masking.subproblem_weight(n, length) == pytest.approx(share, rel=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
@pytest.mark.parametrize("length", [1, 3, 8])
def test_time_weights_integrate_to_the_subproblem_weight(schedule, length):
    nodes, shares = np.polynomial.legendre.leggauss(80)
    time, shares = torch.from_numpy((nodes + 1) / 2), torch.from_numpy(shares / 2)
    for n in range(1, length + 1):
        met = schedule.masked(time) ** n * schedule.alpha(time) ** (length - n)
        integral = float((shares * met * schedule.weight(time)).sum())
        assert integral == pytest.approx(masking.subproblem_weight(n, length), abs=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_schedules_run_from_visible_to_hidden_with_the_stated_weight(schedule):
    ends = schedule.alpha(torch.tensor([0.0, 1.0], dtype=torch.float64))
    assert torch.allclose(ends, torch.tensor([1.0, 0.0], dtype=torch.float64), atol=1e-12)
    time = torch.linspace(0.01, 0.99, 40, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(schedule.alpha(time).sum(), time)
    assert (slope < 0).all()
    assert torch.allclose(-slope / schedule.masked(time), schedule.weight(time), rtol=1e-9)


@pytest.mark.parametrize("name", MASKERS)
def test_draws_meet_each_subproblem_with_its_weight(name):
    assert np.abs(z_scores(MASKERS[name])).max() < Z_LIMIT


def test_a_wrong_weight_would_be_noticed():
    def unweighted(batch_size, length, draws):
        masks = masking.count_masks(batch_size, length, draws)
        return masking.WeightedMasks(masks.hidden, torch.full_like(masks.weight, 25 / 12))  # right on average only

    assert np.abs(z_scores(unweighted)).max() > 2 * Z_LIMIT


def test_stratification_keeps_the_law_of_each_row():
    draws = generator(1)
    counts = np.stack([masking.stratified_count_masks(8, LENGTH, draws).hidden.sum(1).numpy() for _ in range(2000)])
    for row in counts.T:
        chi_square = sum(((row == n).sum() - 500) ** 2 / 500 for n in range(1, LENGTH + 1))
        assert chi_square < 33.4  # 3 degrees of freedom, 8 rows: false alarm 2e-6 in all


def test_stratification_spreads_the_counts_evenly():
    counts = masking.stratified_count_masks(8, LENGTH, generator()).hidden.sum(1)
    assert torch.bincount(counts, minlength=LENGTH + 1).tolist() == [0, 2, 2, 2, 2]
    plain, even = (estimates(masker, 300).var(axis=0).sum() for masker in (MASKERS["linear"], MASKERS["count"]))
    assert even < plain
    assert estimates(masking.stratified_count_masks, 300).var(axis=0).sum() < even


@given(length=st.integers(1, 40), batch_size=st.integers(1, 9), seed=st.integers(0, 10**6))
def test_count_masks_have_their_count_and_weight(length, batch_size, seed):
    masks = masking.count_masks(batch_size, length, generator(seed))
    counts = masks.hidden.sum(dim=1)
    assert (counts >= 1).all()
    assert torch.allclose(masks.weight * counts, torch.full((batch_size,), float(length)))


def test_draws_are_a_function_of_the_generator():
    first, again, other = (masking.count_masks(64, 24, generator(seed)) for seed in (5, 5, 6))
    assert torch.equal(first.hidden, again.hidden)
    assert not torch.equal(first.hidden, other.hidden)


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match=r"1\.\.4 masked positions; got 0"):
        masking.subproblem_weight(0, 4)
    with pytest.raises(ValueError, match="batch_size 0"):
        masking.count_masks(0, 4, generator())
    with pytest.raises(ValueError, match=r"exponent .* got -1"):
        schedules.polynomial(-1.0)
