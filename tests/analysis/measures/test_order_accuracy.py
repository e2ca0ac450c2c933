"""Order accuracy: 100% for the posterior one token at a time, the naive lines of naive models, intervals that cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from analysis.lab.rows import Subject
from analysis.measures.order_accuracy import AGREEMENT, REVEAL_RANK, WHOLE, naive_lines, order_accuracy, reveal_ranks
from generators.distribution import LODistribution
from generators.observations.named_tables import nae, parity
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.estimate import wilson_interval
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.samplers.batches import Sequences, generate
from lo_theory.samplers.menu import paper_rules

SCOPES = np.array([[0, 1, 2], [1, 2, 3], [0, 2, 3], [3, 1, 0]])
FAIR = np.array([0.5, 0.5])
NAE = LODistribution(FAIR, 4, (Predicate(nae(arity=3), SCOPES),))
ABOUT = Subject(distribution="NAE-3", fingerprint=NAE.fingerprint, model="m", seed=0)


class Independent:
    """Fair latents; observations 1 with probability ``rate``, whatever is visible."""

    length, vocabulary = NAE.length, 2

    def __init__(self, rate: float) -> None:
        ones = np.where(np.arange(NAE.length) < 4, 0.5, rate)
        with np.errstate(divide="ignore"):
            self.log_probs = torch.from_numpy(np.log(np.stack([1 - ones, ones], axis=-1)))

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.log_probs.expand(*tokens.shape, 2)


def measure(denoiser, decoder, samples, seed=0):
    drawn = generate(denoiser, decoder, samples, torch.Generator().manual_seed(seed), batch_size=512)
    rows = order_accuracy(drawn.tokens, NAE, about=ABOUT, decoder="d", calls=drawn.batch_calls)
    return {row.metric: row for row in rows}


@pytest.mark.parametrize("rule", ["vanilla", "top probability", "margin"])
def test_the_exact_posterior_one_token_at_a_time_always_agrees(rule):
    oracle = PosteriorDenoiser(EnumeratedPosterior(NAE))
    rows = measure(oracle, paper_rules(NAE.length, NAE.length)[rule], 100)
    for row in rows.values():
        assert (row.value, row.calls, row.high) == (1.0, NAE.length, 1.0)
        assert row.low == pytest.approx(wilson_interval(100, 100)[0])  # as many trials as sequences, not as tokens


@pytest.mark.parametrize(("rate", "line"), [(0.75, "marginal_draw"), (1.0, "commoner_value")])
def test_models_that_ignore_the_latents_reach_the_naive_lines(rate, line):
    row = measure(Independent(rate), paper_rules(NAE.length, NAE.length)["vanilla"], 4000)[AGREEMENT]
    assert abs(row.value - getattr(naive_lines(NAE), line)) < 4.5 * row.standard_error  # false alarm below 1e-5


def test_the_naive_lines_are_those_of_the_paper():
    lines = naive_lines(NAE)
    assert lines.commoner_value == pytest.approx(0.75)
    assert lines.marginal_draw == pytest.approx(0.625)


def test_the_naive_lines_of_a_biased_prior_and_a_noisy_channel():
    prior = np.array([0.2, 0.8])
    one = LODistribution(prior, 4, (Noisy(Predicate(parity(arity=3), SCOPES), 0.1),))
    odd = 0.8**3 + 3 * 0.8 * 0.2**2
    emitted = 0.9 * odd + 0.1 * (1 - odd)
    assert naive_lines(one).commoner_value == pytest.approx(max(odd, 1 - odd))
    assert naive_lines(one).marginal_draw == pytest.approx(odd * emitted + (1 - odd) * (1 - emitted))


@pytest.mark.parametrize("calls", [1, 2, 3, 5, 8])
def test_every_rule_takes_the_calls_that_it_is_given(calls):
    for decoder in paper_rules(NAE.length, calls).values():
        drawn = generate(Independent(0.75), decoder, 300, torch.Generator().manual_seed(0))
        assert drawn.batch_calls == calls
        assert drawn.tokens.shape == (300, NAE.length)
        assert drawn.tokens.max() < 2


def test_with_two_values_margin_and_top_probability_are_one_rule():
    oracle, drawn = PosteriorDenoiser(EnumeratedPosterior(NAE)), []
    for rule in ("top probability", "margin"):
        generator = torch.Generator().manual_seed(3)
        drawn.append(generate(oracle, paper_rules(NAE.length, NAE.length)[rule], 50, generator).tokens)
    assert (drawn[0] == drawn[1]).all()


def test_whole_sequences_agree_less_often_than_tokens():
    rows = measure(Independent(0.75), paper_rules(NAE.length, 2)["margin"], 500)
    assert rows[WHOLE].value < rows[AGREEMENT].value
    assert rows[AGREEMENT].calls == 2


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="2 tokens are still masked"):
        order_accuracy(np.array([[0, 1, 2, 2, 1, 1, 1, 1]]), NAE, about=ABOUT, decoder="d", calls=8.0)
    with pytest.raises(ValueError, match="needs sequences"):
        order_accuracy(np.empty((0, 8), dtype=np.int64), NAE, about=ABOUT, decoder="d", calls=8.0)
    with pytest.raises(ValueError, match=r"1\.\.8"):
        paper_rules(8, 9)
    with pytest.raises(ValueError, match="none"):
        naive_lines(LODistribution(FAIR, 3, ()))


def test_one_sequence_has_no_standard_error_but_an_interval():
    rows = order_accuracy(np.array([[0, 1, 1, 0, 1, 1, 1, 0]]), NAE, about=ABOUT, decoder="d", calls=8.0)
    assert math.isnan(rows[0].standard_error)
    assert rows[0].interval[1] - rows[0].interval[0] > 0.3


def test_ranks_say_when_latents_were_revealed():
    """By hand: the four latents of two sequences come first of eight, then last; a step's tokens share its rank."""
    first, last = [0, 1, 2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2, 1, 0]
    steps = np.array([first, last])
    tokens, none = np.zeros((2, 8), dtype=np.int64), np.zeros(2, dtype=np.int64)
    (row,) = reveal_ranks(Sequences(tokens, steps, none, 8.0, 7.5), NAE, about=ABOUT, decoder="d")
    ranks = np.array([1.5 / 7, 5.5 / 7])
    assert (row.metric, row.decoder, row.calls, row.samples) == (REVEAL_RANK, "d", 8.0, 2)
    assert row.value == pytest.approx(ranks.mean())
    assert row.standard_error == pytest.approx(np.ptp(ranks) / 2)
    (row,) = reveal_ranks(Sequences(tokens, 0 * steps, none, 1.0, 1.0), NAE, about=ABOUT, decoder="d")
    assert row.value == 0.0
