"""Blocks of written text: a bound on a divergence from below, near zero on text of the truth, however few sequences."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.measures.block_kl import PARTS, block_kl, plug_in_kl
from generators.text.markov import MarkovChain
from generators.text.random_chains import random_markov
from lo_theory.laws.sampler_law import all_sequences


def exact_kl(q: MarkovChain, p: MarkovChain) -> float:
    """KL(q || p) per token, every sequence listed."""
    rows = all_sequences(q.length, q.vocabulary)
    log_q, log_p = q.log_prob(rows), p.log_prob(rows)
    return float((np.exp(log_q) * (log_q - log_p)).sum() / q.length)


def conditional_kl(q: MarkovChain, p: MarkovChain, memory: int) -> float:
    """What blocks of that memory can see of it at most: conditionals of q pooled over positions, exactly."""
    rows = all_sequences(q.length, q.vocabulary)
    weight, pooled = np.exp(q.log_prob(rows)), np.zeros((q.vocabulary,) * (memory + 1))
    for t in range(memory, q.length):
        np.add.at(pooled, tuple(rows[:, t - lag] for lag in range(memory, -1, -1)), weight)
    shares = pooled / pooled.sum(axis=-1, keepdims=True)
    return float((pooled * np.log(shares / p.transition[(None,) * (memory - 1) + (...,)])).sum() / q.length)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("memory", [1, 2])
def test_on_small_chains_it_is_what_blocks_can_see_and_less_than_the_divergence(seed, memory):
    """A false alarm in 10^4 for each of the six."""
    p, q = random_markov(3, 7, structure_seed=seed), random_markov(3, 7, structure_seed=100 + seed, memory=2)
    found = block_kl(q.rows(seed, 0, 6000), p, memory)
    assert abs(found.value - conditional_kl(q, p, memory)) < 4 * found.standard_error + 1e-3
    assert conditional_kl(q, p, memory) <= exact_kl(q, p) + 1e-12
    assert found.value > 10 * found.standard_error  # the control: these chains differ


@pytest.mark.parametrize("memory", [1, 2, 3])
def test_text_of_the_truth_is_at_zero_and_the_plug_in_is_not(memory):
    """Few tokens for each of V^(k + 1) blocks; the plug-in entropy of blocks is too small."""
    chain = random_markov(12, 40, structure_seed=0)
    for seed in range(5):
        rows = chain.rows(seed, 0, 60)
        found = block_kl(rows, chain, memory)
        assert -0.004 < found.value < 4 * found.standard_error
    assert plug_in_kl(rows, chain, memory) > 0.02


def test_the_plug_in_is_too_large_by_half_a_degree_of_freedom_for_each_cell():
    chain = random_markov(6, 30, structure_seed=3)
    biases = [plug_in_kl(chain.rows(seed, 0, 100), chain, 1) for seed in range(20)]
    assert np.mean(biases) == pytest.approx(6 * 5 / (2 * 100 * 30), rel=0.35)


def test_a_missed_token_shows():
    """Text that never writes one of the letters, whatever the memory."""
    chain = random_markov(4, 30, structure_seed=1)
    rows = chain.rows(0, 0, 200)
    assert block_kl(np.where(rows == 3, 0, rows), chain, 2).value > 0.05


def test_it_grows_with_the_memory_where_the_text_remembers_more():
    p, q = random_markov(3, 30, structure_seed=0), random_markov(3, 30, structure_seed=5, memory=2)
    first, second = (block_kl(q.rows(0, 0, 1500), p, memory) for memory in (1, 2))
    assert second.value > first.value + 4 * (first.standard_error + second.standard_error)


def test_refusals():
    chain = random_markov(3, 8, structure_seed=0)
    rows = chain.rows(0, 0, 4 * PARTS)
    with pytest.raises(ValueError, match=r"blocks reach back .* got 0"):
        block_kl(rows, chain, 0)
    with pytest.raises(ValueError, match="got 8"):
        block_kl(rows, chain, 8)
    with pytest.raises(ValueError, match=r"at least 10 sequences of 8 tokens; got shape \(9, 8\)"):
        block_kl(rows[:9], chain, 1)
    with pytest.raises(ValueError, match="tokens lie in range"):
        block_kl(np.full((20, 8), 3), chain, 1)


def test_an_impossible_token_is_infinitely_far():
    chain = MarkovChain(np.array([0.5, 0.5]), np.array([[0.0, 1.0], [0.5, 0.5]]), length=6)
    rows = chain.rows(0, 0, 100)
    rows[0, :2] = 0
    found = block_kl(rows, chain, 1)
    assert found.value == np.inf == plug_in_kl(rows, chain, 1)
    assert np.isnan(found.standard_error)
