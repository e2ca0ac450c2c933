"""The price that is named before an elimination is the one it is held to; threads change no answer."""

from __future__ import annotations

import numpy as np
import pytest

from generators.families import nae_sat, sparse_parity
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
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
