"""Posteriors of chains against dense enumeration, an independent library, and each way of computing them the others."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.testing import check_invariants
from generators.text.hidden import HiddenMarkov
from generators.text.markov import MarkovChain
from generators.text.random_chains import random_hidden, random_markov
from lo_theory.denoisers.oracle import Posterior, PosteriorDenoiser
from lo_theory.likelihood import chain_nll
from lo_theory.posteriors.chains import ChainPosterior, ForgivingChainPosterior, longest_gaps
from lo_theory.posteriors.enumeration import ImpossibleEvidence
from lo_theory.posteriors.exact import exact_posterior, forgiving_posterior
from lo_theory.samplers.decoder import vanilla
from lo_theory.samplers.decoding import decode
from tests.lo_theory.posteriors.chain_examples import chains, joint, probabilities

TOLERANCE = 1e-12
TINY = 1e-60  # a probability that scaled messages and powers give up at


def masked(law: MarkovChain | HiddenMarkov, seed: int, n: int = 4) -> np.ndarray:
    """Any tokens and masks; where the law has zeros most rows are impossible."""
    rng = np.random.default_rng(seed)
    shape = (n, law.length)
    return np.where(rng.random(shape) < rng.random((n, 1)), law.vocabulary, rng.integers(law.vocabulary, size=shape))


def true_marginals(
    sequences: np.ndarray, weights: np.ndarray, row: np.ndarray, vocabulary: int
) -> tuple[float, np.ndarray]:
    """Probability of what is seen, and the posterior (L, V), as sums over all sequences."""
    fits = ((sequences == row) | (row == vocabulary)).all(axis=1)
    hit = sequences[..., None] == np.arange(vocabulary)  # (S, L, V)
    seen = float(weights[fits].sum())
    return seen, np.einsum("s,slv->lv", weights[fits], hit[fits].astype(float)) / (seen or 1.0)


def by_logarithms(posterior: ChainPosterior, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The answers of the messages that never underflow."""
    out, evidence = np.empty((*tokens.shape, posterior.vocabulary)), np.empty(len(tokens))
    posterior._smooth(np.ascontiguousarray(tokens, dtype=np.int64), out, evidence)
    return out, evidence


def by_scaling(posterior: ChainPosterior, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The answers of scaled messages, also for chains that are bridged."""
    out, evidence = np.empty((*tokens.shape, posterior.vocabulary)), np.empty(len(tokens))
    posterior._pass(np.ascontiguousarray(tokens, dtype=np.int64), out, evidence)
    return out, evidence


@settings(max_examples=120)
@given(law=chains(), seed=st.integers(0, 10**6))
def test_the_posterior_is_a_sum_over_all_sequences(law, seed):
    posterior, table = exact_posterior(law), joint(law)
    for row in masked(law, seed):
        seen, marginals = true_marginals(*table, row, law.vocabulary)
        ways = (by_logarithms, by_scaling)
        if seen == 0:
            assert posterior.log_evidence(row[None])[0] == -np.inf
            assert all(way(posterior, row[None])[1][0] == -np.inf for way in ways)
            with pytest.raises(ImpossibleEvidence):
                posterior.log_marginals(row[None])
            continue
        assert abs(posterior.log_evidence(row[None])[0] - np.log(seen)) < TOLERANCE
        answers = [posterior.log_marginals(row[None])[0]]
        for way in ways:
            log_marginals, evidence = way(posterior, row[None])
            assert abs(evidence[0] - np.log(seen)) < TOLERANCE
            answers.append(log_marginals[0])
        for answer in answers:
            assert abs(np.exp(answer) - marginals).max() < TOLERANCE
            assert ((answer == -np.inf) == (marginals == 0)).all()


def library(law: MarkovChain | HiddenMarkov) -> Any:
    """The same as a model of hmmlearn: one symbol more, as likely in every state, says that nothing is seen."""
    hmm = pytest.importorskip("hmmlearn.hmm")
    emission = law.emission if isinstance(law, HiddenMarkov) else np.eye(law.vocabulary)
    model = hmm.CategoricalHMM(n_components=len(law.initial), init_params="", params="", implementation="log")
    model.n_features = law.vocabulary + 1
    model.startprob_, model.transmat_ = law.initial, law.transition
    model.emissionprob_ = np.concatenate([emission / 2, np.full((len(emission), 1), 0.5)], axis=1)
    return model


@pytest.mark.parametrize(
    "law",
    [
        random_markov(27, 60, structure_seed=0),
        random_markov(9, 60, structure_seed=1, successors=3),
        random_hidden(5, 12, 60, structure_seed=2),
        random_hidden(6, 8, 60, structure_seed=3, successors=2),
    ],
    ids=["memory 1", "with zeros", "hidden", "hidden with zeros"],
)
def test_an_independent_library_says_the_same(law):
    model, posterior = library(law), exact_posterior(law)
    emission = law.emission if isinstance(law, HiddenMarkov) else np.eye(law.vocabulary)
    rows = law.rows(0, 0, 6).astype(np.int64)
    for share, row in zip(np.linspace(0, 1, len(rows)), rows, strict=True):
        row = np.where(np.random.default_rng(1).random(law.length) < share, law.vocabulary, row)
        states = model.predict_proba(row[:, None])
        hidden = row == law.vocabulary
        found = np.exp(posterior.log_marginals(row[None])[0])
        assert abs(found - states @ emission)[hidden].max(initial=0) < 1e-10  # the library's own rounding
        evidence = model.score(row[:, None]) + law.length * np.log(2)
        assert abs(posterior.log_evidence(row[None])[0] - evidence) < 1e-9


@pytest.mark.parametrize(("vocabulary", "memory"), [(256, 1), (27, 1), (32, 2)])
def test_the_ways_agree_at_full_size(vocabulary, memory):
    law = random_markov(vocabulary, 96, structure_seed=5, memory=memory)
    posterior = exact_posterior(law)
    rows = law.rows(1, 0, 3).astype(np.int64)
    rows[np.random.default_rng(0).random(rows.shape) < [[0.2], [0.5], [1.0]]] = law.mask_id
    answer = posterior.log_marginals(rows)
    assert abs(np.exp(answer).sum(axis=-1) - 1).max() < TOLERANCE
    for way in (by_scaling, by_logarithms):
        assert abs(np.exp(way(posterior, rows)[0]) - np.exp(answer)).max() < TOLERANCE


def test_rows_beyond_the_powers_that_fit_pass_messages():
    law = random_markov(5, 40, structure_seed=2)
    small = ChainPosterior(law, max_bytes=3 * 2 * 8 * 5 * 5)  # three powers, each twice
    rows = law.rows(0, 0, 20).astype(np.int64)
    rows[np.random.default_rng(3).random(rows.shape) < np.linspace(0, 1, 20)[:, None]] = law.mask_id
    bridged = small._bridged(rows)
    assert 0 < bridged.sum() < len(rows)
    assert (bridged == (longest_gaps(rows != law.mask_id) <= 3)).all()
    difference = np.exp(small.log_marginals(rows)) - np.exp(exact_posterior(law).log_marginals(rows))
    assert abs(difference).max() < TOLERANCE


@pytest.mark.parametrize("kind", ["1", "2", "hidden"])
def test_what_is_nearly_impossible_is_not_called_impossible(kind):
    """Ten moves of probability 1e-60: the evidence is below every float64, and so are odds of two such moves."""
    rare = np.array([[1 - TINY, TINY], [TINY, 1 - TINY]])
    if kind == "1":
        law = MarkovChain(np.array([0.5, 0.5]), rare, 12)
    elif kind == "2":
        law = MarkovChain(rare / 2, np.broadcast_to(rare, (2, 2, 2)), 12)
    else:
        law = HiddenMarkov(np.array([0.5, 0.5]), rare, np.eye(2), 12)
    same = np.arange(12) % 2  # ten changes beside position 5, where either two more or none is made
    same[5] = 2
    other = np.where(np.arange(12) > 5, 1 - same, same)  # nine changes, and one on the way through position 5
    posterior = exact_posterior(law)
    for row, changes in ((same, 9), (other, 9)):
        a, b = row[4], row[6]
        weights = np.log(rare[a]) + np.log(rare[:, b])
        true = np.log(0.5) + changes * np.log(TINY) + np.logaddexp(*weights)
        np.testing.assert_allclose(posterior.log_evidence(row[None])[0], true, rtol=1e-14)
        np.testing.assert_allclose(
            posterior.log_marginals(row[None])[0, 5], weights - np.logaddexp(*weights), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("rare", [1e-40, 1e-200])
@pytest.mark.parametrize("kind", ["1", "2", "hidden"])
def test_a_ladder_that_is_hardly_ever_climbed_is_answered_exactly(kind, rare):
    """Ten rungs in eleven moves: the one rest is at any of them alike, so ``x_t`` is t - 1 with probability t / 11."""
    steps = (1 - rare) * np.eye(12) + rare * np.eye(12, k=1)
    steps[-1] = np.eye(12)[-1]
    if kind == "1":
        law = MarkovChain(np.full(12, 1 / 12), steps, 12)
    elif kind == "2":
        law = MarkovChain(steps / 12, np.broadcast_to(steps, (12, 12, 12)), 12)
    else:
        law = HiddenMarkov(np.full(12, 1 / 12), steps, np.eye(12), 12)
    row = np.full(12, law.mask_id)
    row[0], row[11] = 0, 10
    posterior, at = exact_posterior(law), np.arange(1, 11)
    answer = posterior.log_marginals(row[None])[0]
    np.testing.assert_allclose(posterior.log_evidence(row[None])[0], np.log(11 / 12) + 10 * np.log(rare), rtol=1e-14)
    np.testing.assert_allclose(answer[at, at - 1], np.log(at / 11), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(answer[at, at], np.log(1 - at / 11), rtol=1e-12, atol=1e-12)
    assert (np.isfinite(answer[at]).sum(axis=1) == 2).all()


def test_a_contradiction_is_named():
    law = MarkovChain(np.array([0.5, 0.5, 0.0]), np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]]), 6)
    posterior = exact_posterior(law)
    rows = np.array([[3] * 6, [3, 1, 3, 0, 3, 2]])
    with pytest.raises(ImpossibleEvidence, match=re.escape("row 1: the visible tokens have probability zero")) as error:
        posterior.log_marginals(rows)
    assert "x[1] = 1, x[3] = 0. Mask one" in str(error.value)
    assert posterior.log_evidence(rows)[1] == -np.inf


@settings(max_examples=60)
@given(law=chains(), seed=st.integers(0, 10**6))
def test_a_forgiving_posterior_keeps_what_fits_from_left_to_right(law, seed):
    posterior, forgiving = exact_posterior(law), forgiving_posterior(law)
    assert isinstance(forgiving, ForgivingChainPosterior)
    rows = masked(law, seed)
    for row, kept in zip(rows, forgiving.kept(rows), strict=True):
        expected = np.full_like(row, law.mask_id)
        for position, token in enumerate(row):
            expected[position] = token
            if posterior.log_evidence(expected[None])[0] == -np.inf:
                expected[position] = law.mask_id
        assert (kept == expected).all()
    assert (forgiving.log_marginals(rows) == posterior.log_marginals(forgiving.kept(rows))).all()


@settings(max_examples=30)
@given(law=chains(), data=st.data())
def test_any_order_gives_the_same_likelihood(law, data):
    order = np.array(data.draw(st.permutations(range(law.length))))
    x = torch.from_numpy(law.rows(3, 0, 5).astype(np.int64))
    nats = chain_nll(PosteriorDenoiser(exact_posterior(law)), x, order)
    assert abs(nats.sum(axis=1) + law.log_prob(x.numpy())).max() < 1e-9


def test_decoding_leaves_the_support_never_by_single_steps_and_is_answered_by_many():
    law = random_markov(6, 24, structure_seed=4, successors=2)
    masks = torch.full((16, law.length), law.mask_id)
    single = decode(PosteriorDenoiser(exact_posterior(law)), masks, vanilla(), torch.Generator().manual_seed(0))
    assert np.isfinite(law.log_prob(single.tokens.numpy())).all()
    many = decode(PosteriorDenoiser(forgiving_posterior(law)), masks, vanilla(4), torch.Generator().manual_seed(0))
    assert (law.log_prob(many.tokens.numpy()) == -np.inf).any()  # and no error


def test_the_sockets():
    law = random_hidden(3, 4, 5, structure_seed=0)
    posterior = exact_posterior(law)
    assert isinstance(posterior, ChainPosterior)
    assert isinstance(posterior, Posterior)
    assert isinstance(forgiving_posterior(law), Posterior)
    assert posterior.log_marginals(np.empty((0, 5), dtype=np.int64)).shape == (0, 5, 4)


@pytest.mark.parametrize(
    ("tokens", "error", "message"),
    [
        (np.zeros((1, 4), dtype=int), ValueError, "tokens must have shape (B, 5); got (1, 4)."),
        (np.full((1, 5), 5), ValueError, "tokens lie in range(4) or are the mask id 4; got values from 5 to 5."),
        (np.zeros((1, 5)), TypeError, ""),
    ],
)
def test_bad_tokens_are_refused(tokens, error, message):
    law = random_hidden(3, 4, 5, structure_seed=0)
    for answers in (exact_posterior(law).log_marginals, forgiving_posterior(law).log_marginals):
        with pytest.raises(error, match=re.escape(message) or None):
            answers(tokens)


def test_rows_do_not_depend_on_each_other():
    law = random_markov(4, 30, structure_seed=1)
    rows = np.where(np.random.default_rng(0).random((8, 30)) < 0.7, law.mask_id, law.rows(0, 0, 8))
    together = exact_posterior(law).log_marginals(rows)
    for row, answer in zip(rows, together, strict=True):
        assert (exact_posterior(law).log_marginals(row[None])[0] == answer).all()


def test_probabilities_of_the_examples_are_distributions():
    assert abs(probabilities(np.random.default_rng(0), 50, 4, zeros=0.9).sum(axis=-1) - 1).max() < TOLERANCE


def test_the_examiner_finds_the_conditionals_of_every_order_right():
    law = random_markov(3, 5, structure_seed=0, memory=2)
    posterior = exact_posterior(law)

    class Asked:
        sample, log_prob, vocabulary = law.sample, law.log_prob, law.vocabulary

        def log_conditional(self, x, position, given):
            tokens = np.full(x.shape, law.mask_id)
            tokens[:, list(given)] = x[:, list(given)]
            answers = posterior.log_marginals(tokens)[:, position]
            return np.take_along_axis(answers, np.asarray(x, dtype=np.int64)[:, position, None], axis=1)[:, 0]

    assert check_invariants(Asked(), n=2000)["chain_rule"].status == "passed"
