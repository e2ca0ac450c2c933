"""Whichever exact method is chosen, the answer is the same; where none works it says so."""

from __future__ import annotations

import numpy as np
import pytest

from generators.families import nae_sat, whole_hash
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.posteriors.exact import exact_posterior


def test_few_latents_are_enumerated_and_many_eliminated():
    assert isinstance(exact_posterior(nae_sat(5, 15, structure_seed=0)), EnumeratedPosterior)
    assert isinstance(exact_posterior(nae_sat(20, 280, structure_seed=0)), EliminatedPosterior)
    assert isinstance(exact_posterior(whole_hash(17, 3, structure_seed=0)), EnumeratedPosterior)


def test_the_choice_does_not_change_the_answer():
    distribution = nae_sat(13, 20, structure_seed=1)
    rng = np.random.default_rng(2)
    rows = distribution.sample(20, rng).astype(np.int64)
    tokens = np.where(rng.random(rows.shape) < 0.6, distribution.mask_id, rows)
    chosen = exact_posterior(distribution)
    assert isinstance(chosen, EliminatedPosterior)
    expected = np.exp(EnumeratedPosterior(distribution).log_marginals(tokens))
    assert np.exp(chosen.log_marginals(tokens)) == pytest.approx(expected, abs=1e-9)


def test_a_wide_hash_of_many_latents_is_refused():
    with pytest.raises(ValueError, match=r"2\*\*24"):
        exact_posterior(whole_hash(24, 3, structure_seed=0))
