"""The check by pyAgrum agrees with what is right, and catches what is wrong by little, in one value or in all."""

from __future__ import annotations

import numpy as np
import pytest

from generators.distribution import LODistribution
from generators.families import local_hash, nae_sat
from generators.observations.parity import Parity
from lo_theory.posteriors.exact import exact_posterior
from lo_theory.posteriors.library_check import (
    TOLERANCE,
    PosteriorsDisagreeError,
    check_against_library,
    hidden_sample,
)
from lo_theory.posteriors.mixed.posterior import MixedPosterior

pytest.importorskip("pyagrum", reason="the check needs pyAgrum: pip install -e '.[bench]'")

HASH = local_hash(8, 10, latent_alphabet=3, alphabet=3, noise=0.2, structure_seed=1)
NAE = nae_sat(20, 30, structure_seed=0)


class Shifted:
    """The exact posterior, but for the probability of value 0 at some positions; NaN where they are set to it."""

    def __init__(self, distribution: LODistribution, by: float, positions: np.ndarray) -> None:
        self.length, self.vocabulary = distribution.length, distribution.vocabulary
        self.right, self.by, self.positions = exact_posterior(distribution), by, positions

    def log_marginals(self, tokens: np.ndarray) -> np.ndarray:
        probabilities = np.exp(self.right.log_marginals(tokens))
        probabilities[:, self.positions, 0] += self.by
        with np.errstate(divide="ignore"):
            return np.log(probabilities)


@pytest.mark.parametrize("distribution", [HASH, NAE], ids=["hash", "NAE"])
def test_the_exact_posterior_passes(distribution):
    found = check_against_library(exact_posterior(distribution), distribution, hidden_sample(distribution, 6, 0))
    found.require()
    assert found.sequences == 6
    assert found.tokens > 40
    assert "differs by at most" in found.line()


def test_parities_beside_rules_pass_too():
    parity = Parity(np.array([np.arange(12), np.arange(6, 18)]))
    mixed = LODistribution(np.array([0.5, 0.5]), 20, (parity, *NAE.functions))
    for limits in ({"max_free_bits": 0}, {"max_width": 0}):
        check_against_library(MixedPosterior(mixed, **limits), mixed, hidden_sample(mixed, 3, 0)).require()


def test_a_wrong_posterior_is_caught_where_it_is_wrong():
    tokens = hidden_sample(NAE, 4, 0)
    tokens[:, 7], one = NAE.mask_id, np.array([7])
    for by, positions in [(10 * TOLERANCE, one), (0.2, np.arange(NAE.length)), (np.nan, one)]:
        found = check_against_library(Shifted(NAE, by, positions), NAE, tokens, per_sequence=NAE.length)
        assert found.difference == pytest.approx(np.inf if np.isnan(by) else by, rel=1e-3)
        with pytest.raises(PosteriorsDisagreeError, match=r"more than 1e-09: sequence \d, position .*is wrong"):
            found.require()
        assert found.at[1] in positions
    check_against_library(Shifted(NAE, TOLERANCE / 10, one), NAE, tokens, per_sequence=NAE.length).require()


def test_what_was_not_compared_is_counted_and_nothing_is_no_agreement():
    tokens = hidden_sample(NAE, 2, 0)
    tokens[0] = NAE.mask_id
    tokens[0, NAE.observation_positions] = 1
    found = check_against_library(exact_posterior(NAE), NAE, tokens[:1], max_width=1)
    assert found.too_wide == 16
    with pytest.raises(ValueError, match=r"compared no token of 1 sequences: 16 .*fewer hidden tokens"):
        found.require()


def test_the_sample_has_from_one_hidden_token_to_all():
    hidden = (hidden_sample(NAE, 5, 0) == NAE.mask_id).sum(axis=1)
    assert hidden[0] == 1
    assert hidden[-1] == NAE.length
    assert (np.diff(hidden) > 0).all()
