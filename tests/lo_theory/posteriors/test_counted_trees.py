"""Large pieces counted along a tree: every joint of three against enumeration, and where elimination takes over."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from generators.distribution import LODistribution
from generators.families import nae_sat
from generators.observations import named_tables as named
from generators.observations.predicate import Predicate
from lo_theory.posteriors.elimination import bits, order, pieces, remainder, ties
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.elimination.rows import reduce
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.posteriors.factors import local_factors

TOLERANCE = 1e-12
EITHER = np.array([[0, 1], [1, 1]])
GRID = [(4 * r + c, 4 * r + c + 1) for r in range(3) for c in range(3)] + [(i, i + 4) for i in range(8)]
SHAPES = {
    "path": [(i, i + 1) for i in range(11)],
    "ring": [(i, (i + 1) % 12) for i in range(12)],
    "star": [(0, i) for i in range(1, 12)],
    "branches": [((i - 1) // 2, i) for i in range(1, 12)],
    "grid": GRID,
    "grid and chords": [*GRID, (0, 11), (3, 8), (1, 10)],
}


def pairs_and_triples(pairs: list[tuple[int, int]], triples: np.ndarray, n: int) -> tuple[LODistribution, np.ndarray]:
    """Bits of which no pair is zero twice, as is seen, and not-all-equal of triples, which are hidden."""
    seen, hidden = Predicate(EITHER, np.array(pairs)), Predicate(named.nae(arity=3), triples)
    distribution = LODistribution(np.full(2, 0.5), n, (seen, hidden))
    tokens = np.full((1, distribution.length), distribution.mask_id)
    tokens[0, distribution.observation_positions[: len(pairs)]] = 1
    return distribution, tokens


@pytest.mark.parametrize("shape", SHAPES)
def test_every_triple_of_a_tree_equals_enumeration(shape):
    assert pieces._TABLE < 12 <= pieces._TREE, "one piece of twelve roots is counted along a tree"
    triples = np.random.default_rng(0).permuted(list(itertools.combinations(range(12), 3)), axis=1)
    distribution, tokens = pairs_and_triples(SHAPES[shape], triples, 12)
    more = np.tile(tokens, (3, 1))
    more[1, distribution.latent_positions[5]] = 1  # the piece falls apart, or loses a root
    more[2, distribution.observation_positions[0]] = 0  # both are zero
    expected, got = EnumeratedPosterior(distribution), EliminatedPosterior(distribution)
    np.testing.assert_allclose(got.log_evidence(more), expected.log_evidence(more), rtol=0, atol=TOLERANCE)
    ours, theirs = got.log_marginals(more), expected.log_marginals(more)
    np.testing.assert_allclose(np.exp(ours), np.exp(theirs), rtol=0, atol=TOLERANCE)
    np.testing.assert_array_equal(np.isneginf(ours), np.isneginf(theirs))


@pytest.mark.parametrize("n", [50, 60, 70])
def test_pieces_with_too_many_settings_or_roots_are_eliminated(n):
    """Paths of so many latents have about 2**35, 2**42 and 2**49 settings; the other pieces are counted beside them."""
    triples = np.random.default_rng(n).integers(0, n + 16, size=(80, 3))
    triples = triples[(np.diff(np.sort(triples, axis=1), axis=1) > 0).all(axis=1)]
    other = [(n + i, n + i + 1) for i in range(12)]  # a tree of 13; the last three stand alone
    distribution, tokens = pairs_and_triples([*((i, i + 1) for i in range(n - 1)), *other], triples, n + 16)
    counts, sums = EliminatedPosterior(distribution), EliminatedPosterior(distribution, max_width=pieces.FEW - 2)
    np.testing.assert_allclose(counts.log_evidence(tokens), sums.log_evidence(tokens), rtol=0, atol=1e-11)
    ours, theirs = counts.log_marginals(tokens), sums.log_marginals(tokens)
    np.testing.assert_allclose(np.exp(ours), np.exp(theirs), rtol=0, atol=TOLERANCE)


def test_chances_that_are_equal_are_the_same_number():
    """Counts are whole, so that ties between positions are exact: a third is a third in every piece."""
    distribution, tokens = pairs_and_triples([(0, 1), (2, 3), (3, 4), (4, 5)], np.array([[0, 2, 6]]), 7)
    found = EliminatedPosterior(distribution).log_marginals(tokens)[0, distribution.latent_positions]
    assert found[0, 0] == found[1, 0] == np.log(1 / 3)
    assert found[2, 0] == found[5, 0]
    assert found[6, 0] == np.log(0.5)


def test_descendants_stand_together_in_the_elimination_order():
    distribution = nae_sat(40, 60, structure_seed=0)
    factors = local_factors(distribution)
    row = distribution.sample(1, np.random.default_rng(0)).astype(np.int64)[0]
    row[distribution.latent_positions] = distribution.mask_id
    row[distribution.observation_positions[row[distribution.observation_positions] == 0]] = distribution.mask_id
    state, scope, rest = ties.new_ties(40, 2, 60), ties.new_scope(3, 2), remainder.new_remainder(40, 2, 60, 3)
    assert reduce(factors, row, distribution.mask_id, state, scope, pieces.new_pieces(40, 60))
    roots, count, _, _ = remainder.collect(factors, row, distribution.mask_id, state, scope, rest, np.empty(64))
    forest = order.new_forest(40)
    width, _ = order.plan(rest, roots, count, order.new_graph(40), forest, 40)
    assert width > 1
    np.testing.assert_array_equal(forest.sequence[forest.rank[:roots]], np.arange(roots))
    below = [{v} for v in range(roots)]
    for v in forest.sequence[:roots]:
        for u in forest.cluster[v, : forest.width[v]]:
            assert forest.rank[u] > forest.rank[v]
        if forest.parent[v] >= 0:
            below[forest.parent[v]] |= below[v]
        ranks = forest.rank[list(below[v])]
        assert ranks.max() == forest.rank[v]
        assert ranks.min() == forest.rank[v] - len(ranks) + 1


@pytest.mark.parametrize("word", [1, 2, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF, 0xF0F0000000000100])
def test_ones_of_a_word(word):
    assert bits.ones_in(np.uint64(word)) == word.bit_count()
    assert bits.lowest(np.uint64(word)) == (word & -word).bit_length() - 1
