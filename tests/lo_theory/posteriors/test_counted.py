"""Bits without noise, whose completions are counted, against elimination, enumeration and the general reduction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.distribution import LODistribution
from generators.families import local_hash, logic_rules, nae_sat, predicate_csp, sparse_parity
from generators.observations import named_tables as named
from lo_theory.posteriors.elimination import bits, counted_rows, pieces, reduction, rows, ties
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.enumeration import EnumeratedPosterior, ImpossibleEvidence
from lo_theory.posteriors.factors import BITS, COUNTED, GENERAL, local_factors

TOLERANCE = 1e-12
COUNTS = {
    "NAE-3": nae_sat(13, 30, structure_seed=0),
    "NAE-4": nae_sat(12, 24, arity=4, structure_seed=1),
    "parities": sparse_parity(12, 20, arity=3, noise=0.0, structure_seed=2),
    "2-in-4": predicate_csp(named.t_in_k(2, arity=4), 12, 16, structure_seed=3),
    "hash into four values": local_hash(12, 14, arity=4, alphabet=4, structure_seed=4),
    "rules": logic_rules(["x0 implies x1", "x1 xor x5", "true", "x2 or (x3 and x4)", "x6 iff x2", "false"], 7),
}


def masked(distribution: LODistribution, n: int, seed: int, ratio: float) -> np.ndarray:
    """Sequences of which each token is hidden with probability ``ratio``."""
    rng = np.random.default_rng(seed)
    rows = distribution.sample(n, rng).astype(np.int64)
    return np.where(rng.random(rows.shape) < ratio, distribution.mask_id, rows)


def eliminated(distribution: LODistribution) -> EliminatedPosterior:
    """One whose limit on the width keeps it from counting."""
    return EliminatedPosterior(distribution, max_width=pieces.FEW - 2)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("ratio", [0.6, 0.8, 0.95, 1.0])
def test_counts_equal_enumeration(name, ratio):
    distribution = COUNTS[name]
    assert local_factors(distribution).kind == COUNTED
    tokens = masked(distribution, 6, 0, ratio)
    expected, got = EnumeratedPosterior(distribution), EliminatedPosterior(distribution)
    np.testing.assert_allclose(got.log_evidence(tokens), expected.log_evidence(tokens), rtol=0, atol=TOLERANCE)
    ours, theirs = got.log_marginals(tokens), expected.log_marginals(tokens)
    np.testing.assert_allclose(np.exp(ours), np.exp(theirs), rtol=0, atol=TOLERANCE)
    np.testing.assert_array_equal(np.isneginf(ours), np.isneginf(theirs))


@pytest.mark.parametrize("size", [(20, 280), (50, 250), (100, 200)])
def test_counts_equal_elimination_at_full_size(size):
    """Pieces of one root, of few and, at the larger sizes, of more than are counted."""
    distribution = nae_sat(*size, structure_seed=1)
    tokens = np.concatenate([masked(distribution, 12, seed, ratio) for seed, ratio in enumerate((0.7, 0.8, 0.9, 0.95))])
    counts, sums = EliminatedPosterior(distribution), eliminated(distribution)
    np.testing.assert_allclose(counts.log_evidence(tokens), sums.log_evidence(tokens), rtol=0, atol=1e-11)
    ours, theirs = counts.log_marginals(tokens), sums.log_marginals(tokens)
    np.testing.assert_allclose(np.exp(ours), np.exp(theirs), rtol=0, atol=TOLERANCE)
    np.testing.assert_array_equal(np.isneginf(ours), np.isneginf(theirs))


def test_a_conflict_that_only_counting_finds_is_found():
    """Every latent is read by two of four parities: their sum is even, though each leaves all values possible."""
    distribution = LODistribution(
        np.full(2, 0.5),
        6,
        (named_parities([[0, 1, 2], [0, 3, 4], [1, 3, 5], [2, 4, 5]]),),
    )
    tokens = np.full((1, 10), distribution.mask_id)
    tokens[0, 6:] = [0, 1, 1, 0]
    exact = EliminatedPosterior(distribution)
    np.testing.assert_allclose(exact.log_evidence(tokens), -3 * np.log(2), atol=TOLERANCE)
    tokens[0, 6] = 1
    for ask in (exact.log_evidence, exact.log_marginals):
        with pytest.raises(ImpossibleEvidence, match=r"^row 0"):
            ask(tokens)


def named_parities(scopes: list[list[int]]):
    """Parities of three over the scopes."""
    from generators.observations.predicate import Predicate

    return Predicate(named.parity(arity=3), np.array(scopes))


@given(size=st.integers(1, 11), seed=st.integers(0, 99), share=st.sampled_from([0.0, 0.1, 0.9, 1.0]))
def test_the_sweep_counts_the_settings_above_each_setting(size, seed, share):
    inside = np.random.default_rng(seed).random(1 << size) < share
    sets = np.zeros(max(1, (1 << size) // 64), dtype=np.uint64)
    for s in np.flatnonzero(inside):
        sets[s // 64] |= np.uint64(1) << np.uint64(s % 64)
    counts = np.empty(64 * len(sets), dtype=np.int32)
    pieces._sweep(sets, counts, size)
    every = np.arange(1 << size)
    expected = [(inside & (every & s == s)).sum() for s in every]
    np.testing.assert_array_equal(counts[: 1 << size], expected)


REDUCED = {
    **COUNTS,
    "noisy parities": sparse_parity(11, 24, arity=3, noise=0.1, structure_seed=4),
    "always the other value": predicate_csp(named.nae(arity=3), 9, 20, noise=1.0, structure_seed=5),
    "skewed": predicate_csp(named.nae(arity=3), 9, 20, prior=np.array([0.7, 0.3]), structure_seed=6),
    "one value": predicate_csp(named.nae(arity=3), 5, 9, prior=np.array([0.0, 1.0]), structure_seed=7),
}


@pytest.mark.parametrize("name", REDUCED)
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), ratio=st.floats(0.1, 1.0), flips=st.integers(0, 2))
def test_words_reduce_as_the_general_reduction_does(name, seed, ratio, flips):
    distribution = REDUCED[name]
    factors, row = local_factors(distribution), masked(distribution, 1, seed, ratio)[0]
    assert factors.kind in (BITS, COUNTED)
    for i in np.random.default_rng(seed).integers(0, len(row), size=flips):
        row[i] = distribution.mask_id if row[i] == distribution.mask_id else 1 - min(row[i], 1)
    n, p = distribution.n_latents, len(factors.alphabet)
    ours, theirs = ties.new_ties(n, 2, p), ties.new_ties(n, 2, p)
    hidden = bits.settle_bits(factors, row, distribution.mask_id, ours, np.empty(6, np.int64))
    sound = hidden >= 0
    assert sound == reduction.settle(factors, row, distribution.mask_id, theirs, ties.new_scope(6, 2))
    if not sound:
        return
    unseen = np.flatnonzero(row[factors.observation_position] == distribution.mask_id)
    np.testing.assert_array_equal(ours.hidden[:hidden], unseen)
    np.testing.assert_array_equal(ours.only, theirs.only)
    np.testing.assert_array_equal(ours.root, theirs.root)
    np.testing.assert_array_equal(ours.spent, theirs.spent)
    free = np.flatnonzero(ours.only < 0)
    np.testing.assert_array_equal(ours.value[free], theirs.value[free])
    np.testing.assert_array_equal(ours.alive[ours.root], theirs.alive[theirs.root])
    np.testing.assert_array_equal(ours.size[ours.root], theirs.size[theirs.root])


def test_three_values_wide_scopes_and_many_values_are_reduced_by_the_general_way():
    for distribution in (
        nae_sat(7, 14, latent_alphabet=3, structure_seed=2),
        nae_sat(9, 4, arity=7, structure_seed=2),
        local_hash(9, 4, arity=3, alphabet=100, structure_seed=2),
    ):
        assert local_factors(distribution).kind == GENERAL


@pytest.mark.parametrize(
    ("distribution", "ask", "called"),
    [
        (COUNTS["NAE-3"], "log_evidence", "solve_counted"),
        (COUNTS["NAE-3"], "log_marginals", "solve_counted"),
        (COUNTS["NAE-3"], "sample", "solve_summed"),
        (sparse_parity(12, 20, arity=3, noise=0.1, structure_seed=2), "log_marginals", "solve_summed"),
        (local_hash(12, 14, arity=4, alphabet=4, latent_alphabet=3, structure_seed=4), "log_evidence", "solve_summed"),
    ],
)
def test_nobody_waits_for_the_compilation_of_the_kernel_not_asked(monkeypatch, distribution, ask, called):
    calls = []
    for name in ("solve_counted", "solve_summed"):
        monkeypatch.setattr(rows, name, lambda *_, name=name: calls.append(name) or (counted_rows.DONE, 0, 0, 0.0))
    posterior = EliminatedPosterior(distribution, threads=1)
    tokens = masked(distribution, 2, 0, 0.9)
    rng = np.random.default_rng(0)
    posterior.sample(tokens, rng) if ask == "sample" else getattr(posterior, ask)(tokens)
    assert set(calls) == {called}
