"""Likelihood gap: zero for the truth, the known divergence of a known model, a control variate that pays."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from analysis.lab.rows import Subject
from analysis.measures.likelihood_gap import chain_nats, likelihood_gap, order_averaged_nats
from generators.distribution import LODistribution
from generators.observations.named_tables import nae
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.likelihood import RowNats, monte_carlo_nelbo
from lo_theory.orders import reverse
from lo_theory.posteriors.enumeration import EnumeratedPosterior

SCOPES = np.array([[0, 1, 2], [1, 2, 3], [0, 2, 3]])
NOISY = LODistribution(np.array([0.3, 0.7]), 4, (Noisy(Predicate(nae(arity=3), SCOPES), 0.1),))
ABOUT = Subject(distribution="noisy NAE-3", fingerprint=NOISY.fingerprint, model="m", seed=0)
ROWS = NOISY.rows(7, 0, 200)


class Uniform:
    length, vocabulary = NOISY.length, 2

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        return torch.full((*tokens.shape, 2), -math.log(2.0))


def test_the_exact_posterior_has_no_gap_along_any_order():
    oracle = PosteriorDenoiser(EnumeratedPosterior(NOISY))
    for measured in (
        chain_nats(oracle, ROWS, reverse(NOISY.length)),
        order_averaged_nats(oracle, ROWS, np.random.default_rng(0), orders_per_row=2),
    ):
        row = likelihood_gap(measured, NOISY, ROWS, about=ABOUT)
        assert abs(row.value) < 1e-12
        assert row.standard_error < 1e-12
        assert np.abs(measured.nats + NOISY.log_prob(ROWS)).max() < 1e-10


def test_a_known_model_has_its_known_divergence_per_token():
    row = likelihood_gap(order_averaged_nats(Uniform(), ROWS, np.random.default_rng(0)), NOISY, ROWS, about=ABOUT)
    truth = math.log(2) - NOISY.entropy() / NOISY.length
    assert abs(row.value - truth) < 4.5 * row.standard_error  # false alarm below 1e-5
    assert row.standard_error > 0
    assert (row.metric, row.method, row.samples) == ("gap_nats_per_token", "monte_carlo", 200)


def test_a_model_near_the_truth_is_measured_better_than_its_entropy():
    nats = -NOISY.log_prob(ROWS) + 0.01 * np.random.default_rng(0).normal(size=200)
    row = likelihood_gap(RowNats(nats, "chain"), NOISY, ROWS, about=ABOUT)
    plain = float(np.std(nats, ddof=1)) / math.sqrt(200) / NOISY.length
    assert row.standard_error < plain / 20
    assert row.method == "chain"


def test_single_masks_agree_with_whole_chains():
    tokens = torch.from_numpy(ROWS.astype(np.int64))
    oracle = PosteriorDenoiser(EnumeratedPosterior(NOISY))
    measured = monte_carlo_nelbo(oracle, tokens, NOISY.length, torch.Generator().manual_seed(0))
    row = likelihood_gap(measured, NOISY, ROWS, about=ABOUT)
    assert abs(row.value) < 4.5 * row.standard_error


def test_a_model_that_excludes_a_test_sequence_has_an_infinite_gap():
    nats = np.zeros(200)
    nats[3] = math.inf
    row = likelihood_gap(RowNats(nats, "chain"), NOISY, ROWS, about=ABOUT)
    assert row.value == math.inf
    assert math.isnan(row.standard_error)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="199 rows were measured, 200 are given"):
        likelihood_gap(RowNats(np.zeros(199), "chain"), NOISY, ROWS, about=ABOUT)
    with pytest.raises(ValueError, match="orders_per_row = 0"):
        order_averaged_nats(Uniform(), ROWS, np.random.default_rng(0), orders_per_row=0)
