"""The price that is named before an elimination is the one it is held to; threads change no answer."""

from __future__ import annotations

import numpy as np
import pytest

from generators.distribution import LODistribution
from generators.families import nae_sat, sparse_parity
from generators.observations import named_tables as named
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.elimination.rates import Rates, measured_rates
from lo_theory.posteriors.enumeration import ImpossibleEvidence

DISTRIBUTION = nae_sat(12, 30, structure_seed=0)


def masked(n: int, seed: int) -> np.ndarray:
    """Sequences with a uniform share of hidden tokens."""
    rng = np.random.default_rng(seed)
    rows = DISTRIBUTION.sample(n, rng).astype(np.int64)
    return np.where(rng.random(rows.shape) < rng.random((n, 1)), DISTRIBUTION.mask_id, rows)


def test_the_price_is_where_the_limits_begin_to_refuse():
    tokens = DISTRIBUTION.sample(1, np.random.default_rng(0)).astype(np.int64)
    ones = tokens[0, DISTRIBUTION.observation_positions] == 1  # these tie nothing
    hidden = np.append(DISTRIBUTION.latent_positions, DISTRIBUTION.observation_positions[~ones])
    tokens[:, hidden] = DISTRIBUTION.mask_id
    price = EliminatedPosterior(DISTRIBUTION).plan(tokens)
    width, needed = int(price.width[0]), int(price.bytes[0])
    assert width > 0
    EliminatedPosterior(DISTRIBUTION, max_width=width, max_bytes=needed).log_evidence(tokens)
    for limits in ({"max_width": width - 1}, {"max_bytes": needed - 8}):
        with pytest.raises(ValueError, match=f"row 0: .*width {width}"):
            EliminatedPosterior(DISTRIBUTION, **limits).log_evidence(tokens)


def test_too_wide_and_contradictory_rows_have_a_price_and_no_row_a_batch():
    distribution = sparse_parity(40, 60, arity=3, noise=0.1, structure_seed=0)
    tokens = distribution.sample(2, np.random.default_rng(0)).astype(np.int64)
    tokens[1, distribution.latent_positions] = distribution.mask_id
    price = EliminatedPosterior(distribution, max_width=4).plan(tokens)
    assert price.width[0] == 0
    assert price.width[1] > 4
    row = DISTRIBUTION.sample(1, np.random.default_rng(0)).astype(np.int64)
    assert EliminatedPosterior(DISTRIBUTION).plan(row).entries.tolist() == [0.0]
    row[0, DISTRIBUTION.observation_positions[0]] ^= 1
    assert EliminatedPosterior(DISTRIBUTION).plan(row).width.tolist() == [-1]
    assert EliminatedPosterior(DISTRIBUTION).plan(row[:0]).width.shape == (0,)


def path(values: int, asked: list[list[int]]) -> tuple[LODistribution, np.ndarray]:
    """A path of five latents by noisy sums of neighbours that are seen, and hidden sums of the latents asked for."""
    sums = {k: named.parity(arity=k, latent_alphabet=values) for k in (2, 3)}
    seen = Noisy(Predicate(sums[2], np.array([[i, i + 1] for i in range(4)]), values), 0.1)
    hidden = tuple(Predicate(sums[len(scope)], np.array([scope]), values) for scope in asked)
    distribution = LODistribution(np.full(values, 1 / values), 5, (seen, *hidden))
    tokens = np.full((1, distribution.length), distribution.mask_id)
    tokens[0, distribution.observation_positions[:4]] = 0
    return distribution, tokens


@pytest.mark.parametrize("values", [2, 3])
def test_the_products_of_joints_are_counted_along_the_path(values):
    """Ends go first. A pair in one cluster is read off it; one far apart takes a table for each step between."""
    n = values
    expected = {(0, 1): n**2, (0, 2): n**2 + n**3, (0, 1, 2): n**2 + n**3}
    for scope, products in expected.items():
        distribution, tokens = path(values, [list(scope)])
        price = EliminatedPosterior(distribution).plan(tokens)
        assert price.entries[0] == 4 * n**2 + n
        assert price.joint_products[0] == products, scope
    distribution, tokens = path(values, [[0, 1], [0, 2], [0, 2]])
    assert EliminatedPosterior(distribution).plan(tokens).joint_products[0] == n**2 + 2 * (n**2 + n**3)


def test_pairs_of_different_components_take_one_product_for_each_setting():
    distribution, tokens = path(2, [[0, 4]])
    tokens[0, distribution.observation_positions[1]] = distribution.mask_id  # cuts the path; itself a pair, apart
    assert EliminatedPosterior(distribution).plan(tokens).joint_products[0] == 4 + 4


@pytest.mark.parametrize(("latents", "arity", "most"), [(12, 4, 12 * 2**12), (24, 3, None)])
def test_completions_that_weigh_the_same_are_priced_as_counted(latents, arity, most):
    """The same with a skewed prior is summed: as many tables, more products of joints."""
    counted = nae_sat(latents, 10 * latents, arity=arity, structure_seed=0)
    summed = LODistribution(np.array([0.4, 0.6]), latents, counted.functions)
    tokens = np.full((1, counted.length), counted.mask_id)
    tokens[0, counted.observation_positions[: latents + 8]] = 1
    prices = [EliminatedPosterior(distribution).plan(tokens) for distribution in (counted, summed)]
    assert prices[0].width[0] == prices[1].width[0] > 3
    assert prices[0].entries[0] == prices[1].entries[0]
    assert prices[0].joint_products[0] < prices[1].joint_products[0]
    assert prices[0].joint_products[0] <= (most or latents * prices[0].entries[0])


def test_seconds_follow_from_the_operations_and_rates_of_this_machine():
    rates = Rates(1.0, 10.0, 100.0)
    entries, products = np.array([0.0, 2.0]), np.array([0.0, 3.0])
    np.testing.assert_array_equal(rates.evidence(7, entries), [7.0, 27.0])
    np.testing.assert_array_equal(rates.marginals(7, entries, products), [7.0, 527.0])
    measured = measured_rates()
    assert measured is measured_rates()
    assert all(0 <= rate < 1e-3 for rate in measured)
    assert measured.position > 0
    price = EliminatedPosterior(DISTRIBUTION).plan(masked(4, 0))
    assert (price.seconds >= price.evidence_seconds).all()


@pytest.mark.parametrize("threads", [2, 3, 50])
def test_threads_change_no_answer_and_name_the_first_bad_row(threads):
    one, many = EliminatedPosterior(DISTRIBUTION), EliminatedPosterior(DISTRIBUTION, threads=threads)
    tokens = masked(23, 0)
    np.testing.assert_array_equal(many.log_marginals(tokens), one.log_marginals(tokens))
    np.testing.assert_array_equal(many.log_evidence(tokens), one.log_evidence(tokens))
    draws = [p.sample(tokens, np.random.default_rng(1)) for p in (one, many)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert many.log_marginals(tokens[:0]).shape == (0, DISTRIBUTION.length, 2)
    tokens = DISTRIBUTION.sample(23, np.random.default_rng(2)).astype(np.int64)
    tokens[[13, 20], DISTRIBUTION.observation_positions[0]] ^= 1
    with pytest.raises(ImpossibleEvidence, match=r"^row 13"):
        many.log_evidence(tokens)


def test_no_thread_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        EliminatedPosterior(DISTRIBUTION, threads=0)
