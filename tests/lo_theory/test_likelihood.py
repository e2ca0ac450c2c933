"""Likelihoods: identities of the exact posterior first, then the definition, then the statistics of drawn masks."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from jaxtyping import Float, Int64
from scipy.stats import norm
from torch import Tensor

from generators.distribution import LODistribution
from generators.observations import named_tables as named
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.observations.scopes import random_scopes
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.likelihood import (
    RowNats,
    chain_nelbo,
    chain_nll,
    chain_nll_by_order,
    entropy_gap,
    exact_nelbo,
    monte_carlo_nelbo,
)
from lo_theory.posteriors.enumeration import EnumeratedPosterior, ImpossibleEvidence


class Hashed:
    """A denoiser whose answer to each subproblem is arbitrary but fixed: logits depend on all visible tokens."""

    def __init__(self, length: int, vocabulary: int, seed: int = 0) -> None:
        self.length, self.vocabulary = length, vocabulary
        generator = torch.Generator().manual_seed(seed)
        self.inner = torch.randn(length, vocabulary + 1, 32, generator=generator)
        self.outer = torch.randn(32, length * vocabulary, generator=generator)
        self.calls = 0

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        self.calls += 1
        hidden = torch.tanh(self.inner[torch.arange(self.length), tokens].sum(dim=1))
        return (0.3 * hidden @ self.outer).reshape(-1, self.length, self.vocabulary).log_softmax(dim=-1)


class NoAnswer(Hashed):
    """Answers only where all positions to the left are visible, as an autoregressive network."""

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        blind = (tokens == self.vocabulary).cumsum(dim=1) > 1
        return super().__call__(tokens).masked_fill(blind[..., None], math.nan)


def distribution(noise: float = 0.0, prior: tuple[float, ...] = (0.5, 0.5), order: list[int] | None = None):
    scopes = random_scopes(3, 3, arity=2, structure_seed=1)
    table = named.nae(arity=2, latent_alphabet=len(prior))
    functions = (Noisy(Predicate(table, scopes), noise) if noise else Predicate(table, scopes),)
    return LODistribution(np.array(prior), 3, functions, None if order is None else np.array(order))


def oracle(of: LODistribution) -> PosteriorDenoiser:
    return PosteriorDenoiser(EnumeratedPosterior(of))


def draw(of: LODistribution, n: int, seed: int = 0) -> tuple[np.ndarray, Tensor]:
    rows = of.rows(seed, 0, n)
    return rows, torch.from_numpy(rows.astype(np.int64))


def all_orders(length: int) -> np.ndarray:
    return np.array(list(itertools.permutations(range(length))))


CASES = [
    distribution(),
    distribution(noise=0.2, prior=(0.3, 0.7), order=[4, 1, 5, 0, 2, 3]),
    distribution(prior=(0.5, 0.0, 0.5)),
]


@pytest.mark.parametrize("case", CASES, ids=["nae", "noisy permuted", "zero in prior"])
def test_the_posterior_gives_log_prob_for_every_order_and_sample(case):
    rows, tokens = draw(case, 20)
    table = chain_nll_by_order(oracle(case), tokens, all_orders(6)[::37])
    np.testing.assert_allclose(table, np.repeat(-case.log_prob(rows)[:, None], table.shape[1], axis=1), atol=1e-12)
    np.testing.assert_allclose(exact_nelbo(oracle(case), tokens).nats, -case.log_prob(rows), atol=1e-12)


def test_identity_i1_every_order_and_sample_costs_n_log_m():
    """Deterministic observations and a uniform prior: N log m nats, pointwise (theory, I1)."""
    for m in (2, 3):
        case = distribution(prior=(1 / m,) * m)
        table = chain_nll_by_order(oracle(case), draw(case, 20)[1], all_orders(6)[::37])
        assert table.min() == pytest.approx(3 * math.log(m), abs=1e-12)
        assert table.max() == pytest.approx(3 * math.log(m), abs=1e-12)


def test_a_latents_first_order_pays_for_latents_and_never_for_observations():
    case = distribution(order=[4, 1, 5, 0, 2, 3])
    nats = chain_nll(oracle(case), draw(case, 10)[1], np.asarray(case.order))
    np.testing.assert_allclose(nats[:, :3], math.log(2), atol=1e-12)
    np.testing.assert_allclose(nats[:, 3:], 0.0, atol=1e-12)


def test_exact_nelbo_is_the_mean_over_all_orders():
    """Prop. 2.1 on a denoiser without any structure: the mask-weighted sum is the average over the 5! orders."""
    denoiser = Hashed(5, 3)
    tokens = torch.randint(3, (6, 5), generator=torch.Generator().manual_seed(0))
    over_orders = chain_nll_by_order(denoiser, tokens, all_orders(5))
    assert over_orders.std(axis=1).min() > 0.1, "negative control: orders differ, so a wrong weight would show"
    exact = exact_nelbo(denoiser, tokens)
    np.testing.assert_allclose(exact.nats, over_orders.mean(axis=1), rtol=1e-6)  # float32 answers
    np.testing.assert_allclose(exact.nats, chain_nelbo(denoiser, tokens, all_orders(5)).nats, rtol=1e-6)
    assert exact.method == "exact"
    assert chain_nelbo(denoiser, tokens, all_orders(5)).method == "chain"
    np.testing.assert_allclose(exact_nelbo(denoiser, tokens, batch_size=7).nats, exact.nats, rtol=1e-6)


def test_chain_steps_stand_at_the_position_of_their_step():
    denoiser, tokens = Hashed(4, 2), torch.tensor([[0, 1, 1, 0], [1, 1, 0, 0]])
    order = np.array([2, 0, 3, 1])
    nats = chain_nll(denoiser, tokens, order)
    assert denoiser.calls == 4, "one call per step, all rows together"
    seen = torch.full_like(tokens, 2)
    for step, position in enumerate(order):
        expected = -denoiser(seen)[:, position].gather(1, tokens[:, position, None]).squeeze(1)
        np.testing.assert_allclose(nats[:, step], expected, rtol=1e-6)
        seen[:, position] = tokens[:, position]


def test_an_order_per_row_is_that_row_alone_with_its_order():
    denoiser, tokens = Hashed(5, 2), torch.randint(2, (7, 5), generator=torch.Generator().manual_seed(0))
    orders = np.stack([np.random.default_rng(i).permutation(5) for i in range(7)])
    together = chain_nll(denoiser, tokens, orders, batch_size=3)
    for i in range(7):
        np.testing.assert_allclose(together[i], chain_nll(denoiser, tokens[i : i + 1], orders[i])[0], rtol=1e-5)


def test_impossible_rows_cost_infinitely_much_and_spare_the_others():
    case = distribution()
    rows, tokens = draw(case, 4)
    tokens[1, 5] = 1 - tokens[1, 5]
    assert np.isneginf(case.log_prob(tokens.numpy())[1])
    nats = chain_nll(oracle(case), tokens, np.arange(6))
    assert np.isfinite(nats[1, :5]).all()
    assert nats[1, 5] == np.inf
    reversed_nats = chain_nll(oracle(case), tokens, np.arange(6)[::-1].copy())
    assert reversed_nats[1].sum() == np.inf
    exact = exact_nelbo(oracle(case), tokens)
    good = [0, 2, 3]
    for values in (nats.sum(axis=1), reversed_nats.sum(axis=1), exact.nats):
        assert values[1] == np.inf
        np.testing.assert_allclose(values[good], -case.log_prob(rows)[good], atol=1e-12)
    estimate = exact.estimate()
    assert estimate.value == np.inf
    assert math.isnan(estimate.standard_error)
    with pytest.raises(ImpossibleEvidence):
        monte_carlo_nelbo(oracle(case), tokens, 50, torch.Generator().manual_seed(0))


class Chained(Hashed):
    """Knows its own order in one pass."""

    order = np.array([1, 0, 2], dtype=np.int64)

    def chain_log_probs(self, rows: Int64[Tensor, "n L"]) -> Float[Tensor, "n L"]:
        return -torch.arange(3.0).expand(rows.shape)


def test_a_denoiser_with_a_chain_of_its_own_is_asked_once():
    denoiser, tokens = Chained(3, 2), torch.tensor([[0, 1, 0], [1, 1, 1]])
    np.testing.assert_array_equal(chain_nll(denoiser, tokens, denoiser.order), [[0, 1, 2], [0, 1, 2]])
    assert denoiser.calls == 0
    chain_nll(denoiser, tokens, np.array([0, 1, 2]))
    assert denoiser.calls == 3, "another order takes the long way"


class Cut(Hashed):
    """Holds a 1 at position 2 impossible, and goes on answering once it stands there."""

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        answers = super().__call__(tokens)
        answers[:, 2, 1] = -math.inf
        return answers


class CutChain(Cut):
    """The same in one pass along its own order."""

    order = np.array([3, 2, 0, 1], dtype=np.int64)

    def chain_log_probs(self, rows: Int64[Tensor, "n L"]) -> Float[Tensor, "n L"]:
        log_probs = -torch.arange(1.0, 5.0).repeat(len(rows), 1)
        log_probs[rows[:, 2] == 1, 1] = -math.inf
        return log_probs


@pytest.mark.parametrize("order", [[2, 0, 3, 1], [0, 1, 2, 3], [3, 2, 0, 1], [3, 1, 0, 2]])
def test_after_an_impossible_token_everything_along_the_order_is_impossible(order):
    """Also for a denoiser that would go on with finite answers; before it, and in other rows, nothing changes."""
    tokens = torch.tensor([[0, 0, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1]])
    nats = chain_nll(Cut(4, 2), tokens, np.array(order))
    expected = chain_nll(Hashed(4, 2), tokens, np.array(order))
    assert np.isfinite(expected).all()
    expected[[0, 2], order.index(2) :] = np.inf
    np.testing.assert_allclose(nats, expected, rtol=1e-5)


def test_nor_is_anything_possible_after_it_in_a_chain_of_its_own():
    denoiser, tokens = CutChain(4, 2), torch.tensor([[0, 0, 1, 1], [1, 0, 0, 1]])
    nats = chain_nll(denoiser, tokens, denoiser.order)
    np.testing.assert_array_equal(nats, [[1, np.inf, np.inf, np.inf], [1, 2, 3, 4]])
    assert denoiser.calls == 0


def test_an_impossible_token_makes_its_row_impossible_however_it_is_measured():
    denoiser, tokens = Cut(4, 2), torch.tensor([[0, 0, 1, 1], [1, 0, 0, 1]])
    for nats in (
        chain_nll_by_order(denoiser, tokens, all_orders(4)).T,
        chain_nelbo(denoiser, tokens, all_orders(4)).nats,
        exact_nelbo(denoiser, tokens).nats,
        monte_carlo_nelbo(denoiser, tokens, 4, torch.Generator().manual_seed(0)).nats,  # one mask hides everything
    ):
        assert (nats[..., 0] == np.inf).all()
        assert np.isfinite(nats[..., 1]).all()


def row_repeats(denoiser: Hashed, draws: int, stratified: bool, repeats: int = 4000) -> tuple[float, RowNats]:
    row = torch.tensor([[0, 2, 1, 1, 0]])
    estimates = monte_carlo_nelbo(
        denoiser, row.expand(repeats, 5), draws, torch.Generator().manual_seed(1), stratified=stratified
    )
    return float(exact_nelbo(denoiser, row).nats[0]), estimates


@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("draws", [1, 3, 5])
def test_drawn_masks_are_unbiased(draws, stratified):
    """|z| < 4.5 against the exact value: false alarm 7e-6 per case."""
    truth, repeats = row_repeats(Hashed(5, 3), draws, stratified)
    estimate = repeats.estimate()
    assert abs(estimate.value - truth) < 4.5 * estimate.standard_error
    assert repeats.method == "monte_carlo"
    biased = RowNats(repeats.nats * 0.9, "monte_carlo").estimate()  # negative control: the weight L/n ten per cent off
    assert abs(biased.value - truth) > 4.5 * biased.standard_error


def peaked() -> Hashed:
    """Cross-entropies that depend strongly on the number of masks: near log 3 under few, far from it under many."""

    class Peaked(Hashed):
        def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
            visible = (tokens != self.vocabulary).sum(dim=1)[:, None, None]
            return (super().__call__(tokens) * torch.where(visible < 3, 1.0, 0.05)).log_softmax(dim=-1)

    return Peaked(5, 3)


def test_spreading_the_number_of_masks_reduces_the_variance():
    variances = {}
    for stratified in (False, True):
        _, repeats = row_repeats(peaked(), 5, stratified)
        variances[stratified] = repeats.nats.var(ddof=1)
    assert variances[True] < 0.8 * variances[False]  # ratio of variances of 4000: 1 +- 0.03


@pytest.mark.parametrize("stratified", [False, True])
def test_the_standard_error_is_right(stratified):
    """400 estimates of 25 rows each around their true mean: z has variance 1 +- 0.08 (t with 24 degrees: 1.09)."""
    case, denoiser = distribution(noise=0.2), Hashed(6, 2)
    everything = torch.tensor(list(itertools.product(range(2), repeat=6)))
    truth = np.exp(case.log_prob(everything.numpy())) @ exact_nelbo(denoiser, everything).nats
    _, tokens = draw(case, 400 * 25)
    nats = monte_carlo_nelbo(denoiser, tokens, 4, torch.Generator().manual_seed(0), stratified=stratified).nats
    z = [
        (estimate.value - truth) / estimate.standard_error
        for estimate in (RowNats(part, "monte_carlo").estimate() for part in nats.reshape(400, 25))
    ]
    assert 0.75 < np.var(z) < 1.45  # five standard deviations
    assert abs(np.mean(z)) < 5 / math.sqrt(400) + 0.1


def test_the_number_of_masks_is_spread_unless_it_is_said_not_to_be():
    denoiser, tokens = Hashed(5, 2), torch.randint(2, (9, 5), generator=torch.Generator().manual_seed(0))
    unsaid, spread, free = (
        monte_carlo_nelbo(denoiser, tokens, 3, torch.Generator().manual_seed(4), **said).nats
        for said in ({}, {"stratified": True}, {"stratified": False})
    )
    np.testing.assert_array_equal(unsaid, spread)
    assert (unsaid != free).any()


def test_draws_do_not_depend_on_the_batch_size():
    denoiser, tokens = Hashed(5, 2), torch.randint(2, (9, 5), generator=torch.Generator().manual_seed(0))
    whole, pieces = (
        monte_carlo_nelbo(denoiser, tokens, 3, torch.Generator().manual_seed(4), batch_size=size).nats
        for size in (4096, 2)
    )
    np.testing.assert_allclose(whole, pieces, rtol=1e-5)


def test_the_gap_to_the_entropy_is_zero_for_the_truth_and_positive_otherwise():
    case = distribution(noise=0.2, prior=(0.3, 0.7))
    rows, tokens = draw(case, 300)
    gap = entropy_gap(chain_nelbo(oracle(case), tokens, all_orders(6)[::97]), case, rows)
    assert abs(gap.value) < 1e-12
    assert gap.standard_error < 1e-12
    assert (gap.method, gap.samples) == ("chain", 300)
    other = entropy_gap(exact_nelbo(Hashed(6, 2), tokens), case, rows)
    assert other.value > 5 * other.standard_error > 0


class Near(Hashed):
    """Close to the truth, but not the truth."""

    def __init__(self, truth: PosteriorDenoiser) -> None:
        super().__init__(truth.length, truth.vocabulary)
        self.truth = truth

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        return (0.9 * self.truth(tokens) + 0.1 * super().__call__(tokens)).log_softmax(dim=-1)


def test_the_gap_estimates_the_mean_loss_minus_the_entropy_with_less_variance():
    case = distribution(noise=0.2, prior=(0.2, 0.8))
    near = Near(oracle(case))
    everything = torch.tensor(list(itertools.product(range(2), repeat=6)))
    weights = np.exp(case.log_prob(everything.numpy()))
    assert weights.sum() == pytest.approx(1.0)
    truth = weights @ exact_nelbo(near, everything).nats - case.entropy()
    rows, tokens = draw(case, 2000)
    measured = exact_nelbo(near, tokens)
    gap = entropy_gap(measured, case, rows)
    assert abs(gap.value - truth) < 4.5 * gap.standard_error  # false alarm 7e-6
    assert gap.standard_error < 0.5 * measured.estimate().standard_error
    assert norm.sf(abs(gap.value) / gap.standard_error) < 1e-6, "negative control: the gap is seen"


def test_the_gap_refuses_rows_that_are_no_samples():
    case = distribution()
    rows, tokens = draw(case, 3)
    measured = exact_nelbo(oracle(case), tokens)
    with pytest.raises(ValueError, match="3 rows were measured, 2 are given"):
        entropy_gap(measured, case, rows[:2])
    rows[1, 5] ^= 1
    with pytest.raises(ValueError, match="row 1 is off the support"):
        entropy_gap(measured, case, rows)


def test_long_sequences_are_sent_to_the_other_methods():
    with pytest.raises(ValueError, match=r"L <= 8; got L = 9.*monte_carlo_nelbo, or chain_nelbo"):
        exact_nelbo(Hashed(9, 2), torch.zeros(1, 9, dtype=torch.int64))


def test_a_denoiser_without_an_answer_is_caught_off_its_order_and_works_along_it():
    denoiser, tokens = NoAnswer(4, 2), torch.tensor([[0, 1, 1, 0]])
    assert np.isfinite(chain_nll(denoiser, tokens, np.arange(4))).all()
    for ask in (
        lambda: chain_nll(denoiser, tokens, np.array([1, 0, 2, 3])),
        lambda: exact_nelbo(denoiser, tokens),
        lambda: monte_carlo_nelbo(denoiser, tokens, 20, torch.Generator().manual_seed(0)),
    ):
        with pytest.raises(ValueError, match="no answer"):
            ask()


@pytest.mark.parametrize(
    ("tokens", "message"),
    [([[0, 1, 2, 0]], "clean"), ([[0, -1, 1, 0]], "clean"), ([[0, 1]], r"shape \(n, 4\); got \(1, 2\)")],
)
def test_rows_with_masks_or_of_another_length_are_refused(tokens, message):
    denoiser, rows = Hashed(4, 2), torch.tensor(tokens)
    for ask in (
        lambda: exact_nelbo(denoiser, rows),
        lambda: chain_nll(denoiser, rows, np.arange(rows.shape[1])),
        lambda: monte_carlo_nelbo(denoiser, rows, 20, torch.Generator().manual_seed(0)),
    ):
        with pytest.raises(ValueError, match=message):
            ask()


def test_bad_orders_and_numbers_of_draws_are_refused():
    denoiser, tokens = Hashed(3, 2), torch.tensor([[0, 1, 0]])
    with pytest.raises(ValueError, match="permutation"):
        chain_nll(denoiser, tokens, np.array([0, 0, 1]))
    with pytest.raises(ValueError, match="2 orders for 1 rows"):
        chain_nll(denoiser, tokens, np.array([[0, 1, 2], [2, 1, 0]]))
    with pytest.raises(ValueError, match="draws = 0"):
        monte_carlo_nelbo(denoiser, tokens, 0, torch.Generator())
