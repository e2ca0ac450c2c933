"""The eliminated posterior against enumeration on small distributions and against identities at the paper's sizes."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from generators.distribution import LODistribution
from generators.families import local_hash, logic_rules, nae_sat, predicate_csp, random_slabs, sparse_parity
from generators.observations import named_tables as named
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.testing.strategies import distributions
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.posteriors.elimination.joint_queries import pick
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.elimination.tables import add_table, contract
from lo_theory.posteriors.enumeration import EnumeratedPosterior, ImpossibleEvidence
from tests.lo_theory.posteriors.conflicts import check_minimal_conflict

TOLERANCE = 1e-9
FALSE_ALARM = 1e-5  # of each chi-square test; seeds are fixed, so a run either always passes or never


def masked(distribution: LODistribution, n: int, seed: int, ratio: float | None = None) -> np.ndarray:
    """Sequences with a uniform number of hidden tokens, or each token hidden with probability ``ratio``."""
    rng = np.random.default_rng(seed)
    rows = distribution.sample(n, rng).astype(np.int64)
    level = rng.random((n, 1)) if ratio is None else ratio
    return np.where(rng.random(rows.shape) < level, distribution.mask_id, rows)


def assert_same_answers(distribution: LODistribution, tokens: np.ndarray) -> None:
    expected, got = EnumeratedPosterior(distribution), EliminatedPosterior(distribution)
    np.testing.assert_allclose(got.log_evidence(tokens), expected.log_evidence(tokens), rtol=1e-12, atol=TOLERANCE)
    ours, theirs = got.log_marginals(tokens), expected.log_marginals(tokens)
    np.testing.assert_allclose(np.exp(ours), np.exp(theirs), atol=TOLERANCE)
    np.testing.assert_array_equal(np.isneginf(ours), np.isneginf(theirs), "exactly the impossible values have -inf")
    np.testing.assert_allclose(np.exp(ours).sum(axis=-1), 1.0, atol=1e-12)


@settings(max_examples=60)
@given(distribution=distributions(max_latents=5, max_length=14), data=st.data())
def test_marginals_and_evidence_equal_enumeration(distribution, data):
    assert_same_answers(distribution, masked(distribution, 8, data.draw(st.integers(0, 2**32))))


HARDER = {
    "NAE-3": nae_sat(12, 30, structure_seed=0),
    "NAE-4": nae_sat(12, 20, arity=4, structure_seed=1),
    "NAE-3 of three values": nae_sat(7, 14, latent_alphabet=3, structure_seed=2),
    "2-in-4": predicate_csp(named.t_in_k(2, arity=4), 11, 16, structure_seed=3),
    "noisy parities": sparse_parity(11, 24, arity=3, noise=0.1, structure_seed=4),
    "sum modulo three": predicate_csp(named.parity(arity=3, latent_alphabet=3), 6, 8, structure_seed=5),
    "hash into four values": local_hash(9, 14, arity=4, alphabet=4, structure_seed=6),
    "noisy hash of three values": local_hash(6, 9, latent_alphabet=3, alphabet=3, noise=0.2, structure_seed=7),
    "slabs over all latents": random_slabs(8, 6, 0.6, structure_seed=8),
    "colouring, skewed prior": predicate_csp(
        named.nae(arity=2, latent_alphabet=4), 6, 9, prior=np.array([0.6, 0.3, 0.1, 0.0]), structure_seed=9
    ),
    "total noise": predicate_csp(named.nae(arity=3), 9, 14, noise=1.0, structure_seed=10),
    "rules": logic_rules(["x0 implies x1", "x1 xor x5", "true", "x2 or (x3 and x4)", "x6 iff x2"], 7),
}


@pytest.mark.parametrize("name", HARDER)
@pytest.mark.parametrize("ratio", [0.5, 0.8])
def test_wider_problems_equal_enumeration(name, ratio):
    distribution = HARDER[name]
    shuffled = LODistribution(
        distribution.prior,
        distribution.n_latents,
        distribution.functions,
        np.random.default_rng(0).permutation(distribution.length),
    )
    assert_same_answers(shuffled, masked(shuffled, 12, 1, ratio))


def test_hidden_latents_with_all_observations_seen_and_the_reverse():
    for distribution in HARDER.values():
        rows = distribution.sample(6, np.random.default_rng(2)).astype(np.int64)
        for positions in (distribution.latent_positions, distribution.observation_positions):
            tokens = rows.copy()
            tokens[:, positions] = distribution.mask_id
            assert_same_answers(distribution, tokens)


@pytest.mark.parametrize("size", [(20, 280), (100, 200)])
@pytest.mark.parametrize("order_seed", [0, 1])
def test_any_order_gives_the_joint_likelihood_at_full_size(size, order_seed):
    distribution = nae_sat(*size, structure_seed=order_seed)
    order = np.random.default_rng(order_seed).permutation(distribution.length)
    for row in distribution.sample(3, np.random.default_rng(7)).astype(np.int64):
        steps = np.tile(row, (distribution.length + 1, 1))
        for t in range(distribution.length):
            steps[t, order[t:]] = distribution.mask_id
        exact = EliminatedPosterior(distribution)
        conditional = exact.log_marginals(steps)[np.arange(distribution.length), order, row[order]]
        np.testing.assert_allclose(conditional.sum(), distribution.log_prob(row[None])[0], atol=TOLERANCE)
        np.testing.assert_allclose(np.diff(exact.log_evidence(steps)), conditional, atol=TOLERANCE)


def enumerate_hidden(distribution: LODistribution, row: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Posterior (L, V) of bits without noise by visiting the ``hidden`` latents; all others are visible."""
    positions, n = distribution.latent_positions, distribution.n_latents
    settings_ = np.array(list(itertools.product(range(2), repeat=len(hidden))))
    latents = np.tile(row[positions], (len(settings_), 1))
    latents[:, hidden] = settings_
    x = distribution.join(latents.astype(np.uint8), distribution.observe(latents)).astype(np.int64)
    fits = ((x == row) | (row == distribution.mask_id)).all(axis=1)
    assert fits.any()
    assert n == 20
    return np.stack([(x[fits] == value).mean(axis=0) for value in range(2)], axis=-1)


@pytest.mark.parametrize("seen", [3, 12, 40])
def test_twelve_hidden_latents_of_the_papers_distribution_equal_enumeration(seen):
    distribution = nae_sat(20, 280, structure_seed=1)
    rng = np.random.default_rng(seen)
    exact = EliminatedPosterior(distribution)
    for row in distribution.sample(4, rng).astype(np.int64):
        hidden = rng.choice(20, size=12, replace=False)
        tokens = row.copy()
        tokens[distribution.latent_positions[hidden]] = distribution.mask_id
        unseen = rng.choice(280, size=280 - seen, replace=False)
        tokens[distribution.observation_positions[unseen]] = distribution.mask_id
        expected = enumerate_hidden(distribution, tokens, hidden)
        np.testing.assert_allclose(np.exp(exact.log_marginals(tokens[None])[0]), expected, atol=TOLERANCE)


def test_long_evidence_neither_underflows_nor_loses_digits():
    scopes = np.array([[0, 1]] * 2000 + [[1, 2]] * 2001)
    distribution = LODistribution(np.full(2, 0.5), 3, (Noisy(Predicate(named.parity(arity=2), scopes), 1e-6),))
    tokens = np.full((1, distribution.length), distribution.mask_id)
    tokens[0, 3:] = np.arange(4001) % 2  # half of the observations contradict the others
    assert EnumeratedPosterior(distribution).log_evidence(tokens)[0] < -20_000
    assert_same_answers(distribution, tokens)


@settings(max_examples=60)
@given(distribution=distributions(), data=st.data())
def test_impossible_evidence_raises_and_names_a_minimal_conflict(distribution, data):
    values = st.lists(
        st.integers(0, distribution.vocabulary), min_size=distribution.length, max_size=distribution.length
    )
    row = np.array([data.draw(values)])
    expected, exact = EnumeratedPosterior(distribution), EliminatedPosterior(distribution)
    try:
        expected.log_evidence(row)
    except ImpossibleEvidence:
        pass
    else:
        assert np.isfinite(exact.log_evidence(row)).all()
        return
    with pytest.raises(ImpossibleEvidence, match=r"row 0.*probability zero") as caught:
        exact.log_marginals(row)
    with pytest.raises(ImpossibleEvidence):
        exact.sample(row, np.random.default_rng(0))
    check_minimal_conflict(caught.value, row, expected)


def test_a_conflict_at_full_size_is_found_and_its_row_named():
    distribution = nae_sat(100, 200, structure_seed=0)
    rows = distribution.sample(3, np.random.default_rng(0)).astype(np.int64)
    rows[2, -1] = 1 - rows[2, -1]
    with pytest.raises(ImpossibleEvidence, match="row 2"):
        EliminatedPosterior(distribution).log_evidence(rows)


@given(data=st.data())
def test_products_of_tables_are_those_of_einsum(data):
    """Sums over the last axes of products, and sums in place, of tables that lack some axes."""
    axes = data.draw(st.integers(1, 4))
    shape = np.array(data.draw(st.lists(st.integers(1, 3), min_size=axes, max_size=axes)))
    kept = data.draw(st.integers(0, axes))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    tables, strides, letters = [], [], []
    for _ in range(2):
        held = [a for a in range(axes) if rng.random() < 0.6]
        tables.append(rng.random([shape[a] for a in held]))
        letters.append("".join("abcd"[a] for a in held))
        strides.append(np.array([int(np.prod(shape[[b for b in held if b > a]])) * (a in held) for a in range(axes)]))
    flat, digits, full = [table.ravel() for table in tables], np.empty(axes, np.int64), np.ones(shape)
    out = np.empty(int(np.prod(shape[:kept])))
    contract(out, flat[0], strides[0], flat[1], strides[1], shape, kept, axes, digits)
    expected = np.einsum(f"{letters[0]},{letters[1]},{'abcd'[:axes]}->{'abcd'[:kept]}", *tables, full)
    np.testing.assert_allclose(out, expected.ravel(), atol=1e-12)
    total = full.ravel().copy()
    add_table(total, flat[0], shape, strides[0], axes, digits)
    np.testing.assert_allclose(
        total, np.einsum(f"{letters[0]},{'abcd'[:axes]}->{'abcd'[:axes]}", tables[0], full).ravel() + 1
    )


def test_too_wide_problems_are_refused_with_width_and_memory():
    distribution = sparse_parity(40, 60, arity=3, noise=0.1, structure_seed=0)
    tokens = distribution.sample(2, np.random.default_rng(0)).astype(np.int64)
    tokens[1, distribution.latent_positions] = distribution.mask_id
    message = (
        r"row 1: the elimination order found has width \d+ or more .* MiB; the limits are max_width = 4 .*Raise them"
    )
    for ask in ("log_marginals", "log_evidence"):
        with pytest.raises(ValueError, match=message) as caught:
            getattr(EliminatedPosterior(distribution, max_width=4), ask)(tokens)
        assert not isinstance(caught.value, ImpossibleEvidence)
    with pytest.raises(ValueError, match="max_bytes = 2000"):
        EliminatedPosterior(distribution, max_bytes=2000).log_evidence(tokens)
    assert np.isfinite(EliminatedPosterior(distribution, max_width=4).log_evidence(tokens[:1])).all()


def test_the_memory_that_a_refusal_names_is_what_it_takes():
    distribution = HARDER["NAE-3"]
    tokens = distribution.sample(1, np.random.default_rng(0)).astype(np.int64)
    tokens[:, distribution.latent_positions] = distribution.mask_id
    with pytest.raises(ValueError, match="would take") as caught:
        EliminatedPosterior(distribution, max_bytes=8).log_evidence(tokens)
    needed = float(re.search(r"at least (\S+) MiB", str(caught.value)).group(1)) * 2**20  # three digits of it
    assert np.isfinite(EliminatedPosterior(distribution, max_bytes=int(1.01 * needed)).log_evidence(tokens)).all()
    with pytest.raises(ValueError, match="would take"):
        EliminatedPosterior(distribution, max_bytes=int(0.99 * needed)).log_evidence(tokens)


@pytest.mark.parametrize("values", [2, 3])
def test_latents_that_are_seen_to_be_equal_are_one(values):
    """A ring of ten has width 2; tied to one root, nothing is left but that root."""
    ring = np.array([[i, (i + 1) % 10] for i in range(10)])
    distribution = LODistribution(
        np.full(values, 1 / values), 10, (Predicate(named.nae(arity=2, latent_alphabet=values), ring),)
    )
    tokens = np.full((1, 20), distribution.mask_id)
    tokens[0, 10:] = 0
    exact = EliminatedPosterior(distribution, max_width=0)
    assert exact.log_evidence(tokens)[0] == pytest.approx(-9 * np.log(values), abs=TOLERANCE)
    np.testing.assert_allclose(np.exp(exact.log_marginals(tokens)[0, :10]), 1 / values, atol=TOLERANCE)
    tokens[0, 10:15] = distribution.mask_id
    noisy = LODistribution(distribution.prior, 10, (Noisy(distribution.functions[0], 0.1),))
    with pytest.raises(ValueError, match="width 1 or more"):
        EliminatedPosterior(noisy, max_width=0).log_evidence(tokens)


@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_conflict_that_only_elimination_finds_is_found_in_its_row(row):
    """Every latent is read by two of four parities: their sum is even, though each leaves all values possible."""
    scopes = np.array([[0, 1, 2], [0, 3, 4], [1, 3, 5], [2, 4, 5]])
    distribution = LODistribution(np.full(2, 0.5), 6, (Predicate(named.parity(arity=3), scopes),))
    tokens = np.full((3, 10), distribution.mask_id)
    tokens[:, 6:] = [0, 1, 1, 0]
    exact = EliminatedPosterior(distribution)
    np.testing.assert_allclose(exact.log_evidence(tokens), -3 * np.log(2), atol=TOLERANCE)
    tokens[row, 6] = 1
    for ask in (exact.log_evidence, exact.log_marginals, lambda x: exact.sample(x, np.random.default_rng(0))):
        with pytest.raises(
            ImpossibleEvidence, match=rf"^row {row}: .*x\[6\] = 1, x\[7\] = 1, x\[8\] = 1, x\[9\] = 0\."
        ):
            ask(tokens)


def test_a_joint_beyond_the_memory_limit_is_refused():
    distribution = predicate_csp(named.parity(arity=8), 16, 15, structure_seed=0, noise=0.2)
    pairs = LODistribution(
        distribution.prior,
        16,
        (*distribution.functions, Predicate(named.parity(arity=2), np.array([[i, i + 1] for i in range(15)]))),
    )
    tokens = np.full((1, pairs.length), pairs.mask_id)
    tokens[0, 31:] = [0, 1] * 7 + [0]
    tokens[0, 33::3] = pairs.mask_id
    assert np.isfinite(EliminatedPosterior(pairs, max_bytes=4000).log_evidence(tokens)).all()
    assert_same_answers(pairs, tokens)
    free = np.full((1, pairs.length), pairs.mask_id)
    with pytest.raises(ValueError, match="joint of one masked observation"):
        EliminatedPosterior(pairs, max_bytes=1000).log_marginals(free)


def test_functions_of_too_many_latents_and_bad_limits_are_refused():
    with pytest.raises(ValueError, match="not a local factor"):
        EliminatedPosterior(random_slabs(30, 3, 0.7, structure_seed=0))
    with pytest.raises(ValueError, match="max_width >= 0"):
        EliminatedPosterior(HARDER["NAE-3"], max_width=-1)


def conditional_law(distribution: LODistribution, row: np.ndarray) -> dict[tuple[int, ...], float]:
    """Probability of every completion of ``row``, from log_prob of all sequences."""
    choices = [
        range(size) if token == distribution.mask_id else [int(token)]
        for size, token in zip(distribution.alphabets.tolist(), row, strict=True)
    ]
    every = np.array(list(itertools.product(*choices)))
    weights = np.exp(distribution.log_prob(every))
    return {tuple(x): w / weights.sum() for x, w in zip(every.tolist(), weights, strict=True) if w > 0}


def chi_square(law: dict[tuple[int, ...], float], draws: np.ndarray) -> float:
    """p-value of the draws; rare completions share one bin, an impossible one gives 0."""
    if any(tuple(x) not in law for x in draws.tolist()):
        return 0.0
    index = {x: i for i, x in enumerate(law)}
    counts = np.bincount([index[tuple(x)] for x in draws.tolist()], minlength=len(law)).astype(float)
    expected = np.array(list(law.values())) * len(draws)
    rare = expected < 5
    counts, expected = (np.append(v[~rare], v[rare].sum()) for v in (counts, expected))
    kept = expected > 0
    return float(chisquare(counts[kept], expected[kept]).pvalue) if kept.sum() > 1 else 1.0


SAMPLED = {
    "NAE-3": nae_sat(6, 5, structure_seed=0),
    "three values": nae_sat(4, 4, latent_alphabet=3, structure_seed=1),
    "noisy, skewed": predicate_csp(named.nae(arity=3), 5, 4, prior=np.array([0.7, 0.3]), noise=0.2, structure_seed=2),
    "noisy hash": local_hash(4, 3, alphabet=3, noise=0.3, structure_seed=3),
}


@pytest.mark.parametrize("name", SAMPLED)
def test_samples_follow_the_conditional_law(name):
    distribution = SAMPLED[name]
    exact = EliminatedPosterior(distribution)
    for seed, row in enumerate(masked(distribution, 3, 5, 0.8)):
        law = conditional_law(distribution, row)
        draws = exact.sample(np.tile(row, (4000, 1)), np.random.default_rng(seed))
        assert chi_square(law, draws) > FALSE_ALARM


def test_the_chi_square_test_sees_draws_from_the_marginals_alone():
    distribution = SAMPLED["noisy, skewed"]
    row = np.full(distribution.length, distribution.mask_id)
    marginals = np.exp(EliminatedPosterior(distribution).log_marginals(row[None])[0])
    draws = (np.random.default_rng(0).random((4000, len(row))) < marginals[:, 1]).astype(np.int64)
    assert chi_square(conditional_law(distribution, row), draws) < FALSE_ALARM


@pytest.mark.parametrize("size", [(20, 280), (100, 200)])
def test_samples_complete_the_given_tokens_within_the_support(size):
    distribution = nae_sat(*size, structure_seed=3)
    tokens = masked(distribution, 200, 0)
    drawn = EliminatedPosterior(distribution).sample(tokens, np.random.default_rng(1))
    assert np.isfinite(distribution.log_prob(drawn)).all()
    assert ((drawn == tokens) | (tokens == distribution.mask_id)).all()


def test_a_draw_at_the_far_end_never_picks_an_impossible_value():
    tenths = np.append(np.full(10, 0.1), 0.0)  # their sum rounds to less than 1
    assert pick(tenths, np.nextafter(1.0, 0.0)) == 9
    assert pick(np.array([0.0, 1.0]), 0.0) == 1


def test_rows_are_independent_and_small_types_and_empty_batches_are_accepted():
    distribution = HARDER["NAE-3"]
    exact, tokens = EliminatedPosterior(distribution), masked(HARDER["NAE-3"], 20, 0)
    together = exact.log_marginals(tokens.astype(np.uint8))
    for i in range(len(tokens)):
        np.testing.assert_array_equal(exact.log_marginals(tokens[i : i + 1])[0], together[i])
    assert exact.log_marginals(tokens[:0]).shape == (0, distribution.length, 2)
    assert exact.log_evidence(tokens[:0]).shape == (0,)
    assert exact.sample(tokens[:0], np.random.default_rng(0)).shape == (0, distribution.length)


@pytest.mark.parametrize("bad", [3, -1])
def test_tokens_out_of_range_and_other_lengths_are_refused(bad):
    exact = EliminatedPosterior(HARDER["NAE-3"])
    tokens = np.full((1, exact.length), exact.mask_id)
    with pytest.raises(ValueError, match="shape"):
        exact.log_evidence(tokens[:, 1:])
    tokens[0, 2] = bad
    with pytest.raises(ValueError, match="range"):
        exact.log_marginals(tokens)


def test_the_posterior_plugs_into_the_denoiser_socket():
    distribution = HARDER["NAE-3"]
    oracle = PosteriorDenoiser(EliminatedPosterior(distribution))
    assert isinstance(oracle, Denoiser)
    tokens = masked(distribution, 4, 0)
    answer = oracle(torch.from_numpy(tokens))
    assert answer.dtype == torch.float64
    np.testing.assert_array_equal(answer.numpy(), EliminatedPosterior(distribution).log_marginals(tokens))
