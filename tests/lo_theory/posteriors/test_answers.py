"""One status for each row: nothing that a row is refused for keeps the others from their answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from generators.families import nae_sat, sparse_parity
from lo_theory.posteriors.answers import Status
from lo_theory.posteriors.elimination import batch, rows
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.elimination.rates import Rates
from lo_theory.posteriors.enumeration import EnumeratedPosterior, ImpossibleEvidence

PARITIES = sparse_parity(10, 14, arity=3, noise=0.1, structure_seed=0)
EXACT = EnumeratedPosterior(PARITIES)


def mixed_batch() -> tuple[np.ndarray, list[Status]]:
    """Narrow and wide rows of noisy parities, and what a limit of width 3 makes of them."""
    tokens = PARITIES.sample(6, np.random.default_rng(0)).astype(np.int64)
    wide = [1, 2, 5]
    tokens[np.ix_(wide, PARITIES.latent_positions.tolist())] = PARITIES.mask_id
    tokens[0, PARITIES.latent_positions[:2]] = PARITIES.mask_id
    return tokens, [Status.TOO_WIDE if row in wide else Status.DONE for row in range(6)]


@pytest.mark.parametrize("threads", [1, 4])
def test_too_wide_rows_leave_the_others_their_answers(threads):
    tokens, status = mixed_batch()
    limited = EliminatedPosterior(PARITIES, max_width=3, threads=threads)
    found = limited.answers(tokens)
    assert found.status.tolist() == status
    done = found.status == Status.DONE
    np.testing.assert_array_equal(found.log_marginals[done], limited.log_marginals(tokens[done]))
    np.testing.assert_allclose(np.exp(found.log_marginals[done]), np.exp(EXACT.log_marginals(tokens[done])), atol=1e-12)
    np.testing.assert_allclose(found.log_evidence[done], EXACT.log_evidence(tokens[done]), atol=1e-12)
    assert np.isnan(found.log_marginals[~done]).all()
    assert np.isnan(found.log_evidence[~done]).all()
    with pytest.raises(ValueError, match=r"^row 1: "):
        limited.log_marginals(tokens)


@pytest.mark.parametrize("kind", [EliminatedPosterior, EnumeratedPosterior])
def test_impossible_rows_leave_the_others_their_answers(kind):
    distribution = nae_sat(9, 14, structure_seed=0)
    tokens = distribution.sample(5, np.random.default_rng(0)).astype(np.int64)
    tokens[[0, 3], distribution.observation_positions[0]] ^= 1
    tokens[:, distribution.observation_positions[1:]] = distribution.mask_id
    found = kind(distribution).answers(tokens)
    assert found.status.tolist() == [Status.IMPOSSIBLE, 0, 0, Status.IMPOSSIBLE, 0]
    assert found.log_evidence[[0, 3]].tolist() == [-np.inf, -np.inf]
    assert np.isnan(found.log_marginals[[0, 3]]).all()
    exact = EnumeratedPosterior(distribution)
    np.testing.assert_allclose(found.log_evidence[[1, 2, 4]], exact.log_evidence(tokens[[1, 2, 4]]), atol=1e-12)
    ours, theirs = np.exp(found.log_marginals[[1, 2, 4]]), np.exp(exact.log_marginals(tokens[[1, 2, 4]]))
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    with pytest.raises(ImpossibleEvidence, match=r"^row 0: "):
        kind(distribution).log_marginals(tokens)


def test_the_evidence_is_known_where_only_a_joint_is_too_large():
    distribution = sparse_parity(10, 2, arity=7, noise=0.1, structure_seed=0)
    tokens = np.full((2, 12), distribution.mask_id)
    tokens[1, distribution.latent_positions] = 0
    exact = EliminatedPosterior(distribution, max_bytes=10 * 24 * 2)
    found = exact.answers(tokens)
    assert found.status.tolist() == [Status.TOO_LARGE, Status.DONE]
    np.testing.assert_allclose(found.log_evidence, [0.0, -10 * np.log(2)], atol=1e-12)
    assert np.isnan(found.log_marginals[0]).all()
    with pytest.raises(ValueError, match=r"row 0: .*joint of one masked observation"):
        exact.log_marginals(tokens)


def test_statuses_are_those_of_the_solver():
    assert (Status.DONE, Status.IMPOSSIBLE, Status.TOO_WIDE, Status.TOO_LARGE) == (
        rows.DONE, rows.IMPOSSIBLE, rows.TOO_WIDE, rows.TOO_LARGE,
    )  # fmt: skip


def test_slow_rows_are_refused_before_anything_is_summed(monkeypatch):
    """Rates are injected: an entry is a second, so that seconds are the entries that the plan names."""
    monkeypatch.setattr(batch, "measured_rates", lambda: Rates(0.0, 1.0, 0.0))
    tokens, _ = mixed_batch()
    price = EliminatedPosterior(PARITIES).plan(tokens)
    np.testing.assert_array_equal(price.evidence_seconds, price.entries)
    limit = float(np.sort(price.entries)[-1]) - 0.5
    exact = EliminatedPosterior(PARITIES, max_seconds=limit)
    slow = price.entries > limit
    assert 0 < slow.sum() < len(tokens)
    found = exact.answers(tokens)
    assert found.status.tolist() == np.where(slow, Status.TOO_SLOW, Status.DONE).tolist()
    unlimited = EliminatedPosterior(PARITIES).answers(tokens)
    np.testing.assert_array_equal(found.log_marginals[~slow], unlimited.log_marginals[~slow])
    np.testing.assert_array_equal(found.log_evidence[~slow], unlimited.log_evidence[~slow])
    assert np.isnan(found.log_marginals[slow]).all()

    def never(*_: Any) -> None:
        raise AssertionError("work was begun")

    monkeypatch.setattr(batch, "solve", never)
    first, width = int(np.flatnonzero(slow)[0]), int(price.width[slow][0])
    message = rf"^row {first}: it would take about \S+ s on one core, by an elimination of width {width}; the limit is "
    for ask in (exact.log_marginals, exact.log_evidence, lambda x: exact.sample(x, np.random.default_rng(0))):
        with pytest.raises(ValueError, match=message + rf"max_seconds = {limit}\. Raise it"):
            ask(tokens)


def test_marginals_may_be_refused_where_the_evidence_is_not(monkeypatch):
    monkeypatch.setattr(batch, "measured_rates", lambda: Rates(0.0, 0.0, 1.0))
    tokens = np.full((1, PARITIES.length), PARITIES.mask_id)
    tokens[0, PARITIES.observation_positions[:9]] = 0
    exact = EliminatedPosterior(PARITIES, max_seconds=1.0)
    np.testing.assert_allclose(exact.log_evidence(tokens), EXACT.log_evidence(tokens), atol=1e-12)
    with pytest.raises(ValueError, match="max_seconds"):
        exact.log_marginals(tokens)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_a_limit_of_no_time_is_refused(limit):
    with pytest.raises(ValueError, match="max_seconds must be positive"):
        EliminatedPosterior(PARITIES, max_seconds=limit)


@pytest.mark.parametrize("kind", [EliminatedPosterior, EnumeratedPosterior])
def test_rows_without_a_mask_and_no_rows_are_answered_and_floats_are_not(kind):
    exact, tokens = kind(PARITIES), PARITIES.sample(3, np.random.default_rng(0)).astype(np.int64)
    point = np.where(np.eye(2, dtype=bool)[tokens], 0.0, -np.inf)
    np.testing.assert_array_equal(exact.log_marginals(tokens), point)
    np.testing.assert_allclose(exact.log_evidence(tokens), PARITIES.log_prob(tokens), atol=1e-12)
    np.testing.assert_array_equal(exact.answers(tokens).log_marginals, point)
    best = exact.most_probable(tokens)
    np.testing.assert_array_equal(best.tokens, tokens)
    np.testing.assert_allclose(best.log_probabilities, 0.0, atol=1e-12)
    assert (exact.mutual_information(tokens) == 0).all()
    empty = exact.answers(tokens[:0])
    assert [part.shape for part in empty] == [(0, 24, 2), (0,), (0,)]
    assert exact.log_marginals(tokens[:0]).shape == (0, 24, 2)
    assert exact.log_evidence(tokens[:0]).shape == (0,)
    assert exact.k_most_probable(tokens[:0], 3).tokens.shape == (0, 3, 24)
    for ask in (exact.log_marginals, exact.log_evidence, exact.answers, exact.most_probable):
        with pytest.raises(TypeError, match=r"integers|Integer"):
            ask(tokens.astype(float))
