"""The enumerated posterior against sums over all latent vectors, written down once more in plain Python."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.distribution import LODistribution
from generators.observations import named_tables as named
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.observations.scopes import random_scopes
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.posteriors import enumeration as posterior_module
from lo_theory.posteriors.enumeration import EnumeratedPosterior, ImpossibleEvidence

TOLERANCE = 1e-9
# The annotation checks of the test session (beartype) pick the items of a container that they look at with `random`.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")


@st.composite
def distributions(draw: st.DrawFn) -> LODistribution:
    """Small ones of every kind: m = 2 or 3, zeros in the prior, wide observations, noise (also total), any order."""
    m, n_latents = draw(st.integers(2, 3)), draw(st.integers(1, 3))
    weights = np.array(
        draw(st.lists(st.sampled_from([0, 0, 1, 2, 5]), min_size=m, max_size=m).filter(any)), dtype=float
    )
    functions = []
    for _ in range(draw(st.integers(0, 2))):
        arity, alphabet = draw(st.integers(1, n_latents)), draw(st.integers(2, 4))
        entries = draw(st.lists(st.integers(0, alphabet - 1), min_size=m**arity, max_size=m**arity))
        orders = st.permutations(range(n_latents)).map(lambda order, arity=arity: order[:arity])
        scopes = np.array(draw(st.lists(orders, min_size=1, max_size=2)))
        predicate = Predicate(np.array(entries).reshape((m,) * arity), scopes, alphabet)
        functions.append(draw(st.sampled_from([predicate, Noisy(predicate, 0.15), Noisy(predicate, 1.0)])))
    length = n_latents + sum(len(f.scopes) for f in functions)
    order = np.array(draw(st.permutations(range(length))))
    return LODistribution(weights / weights.sum(), n_latents, tuple(functions), order)


def joint_table(distribution: LODistribution) -> dict[tuple[int, ...], float]:
    """p(x) of every sequence, from the definition: nothing of the code under test but the parts' plain attributes."""
    table: dict[tuple[int, ...], float] = {}
    m, n, v = distribution.alphabet, distribution.n_latents, distribution.vocabulary
    order = np.asarray(distribution.order).tolist()
    for z in itertools.product(range(m), repeat=n):
        prior = math.prod(distribution.prior[value] for value in z)
        channels = []  # per observation, the probability of each value
        for function in distribution.functions:
            base = function.base if isinstance(function, Noisy) else function
            assert isinstance(base, Predicate)
            for scope in base.scopes:
                sent = int(base.table[tuple(z[i] for i in scope)])
                other = function.noise / (base.alphabet - 1)
                channels.append([1 - function.noise if y == sent else other for y in range(base.alphabet)])
        for ys in itertools.product(*(range(len(channel)) for channel in channels)):
            natural = (*z, *ys)
            x = [0] * len(natural)
            for step, position in enumerate(order):
                x[position] = natural[step]
            key = tuple(x)
            table[key] = table.get(key, 0.0) + prior * math.prod(c[y] for c, y in zip(channels, ys, strict=True))
    assert all(value < v for key in table for value in key)
    return table


def evidence(table: dict[tuple[int, ...], float], visible: dict[int, int]) -> float:
    return sum(p for x, p in table.items() if all(x[i] == value for i, value in visible.items()))


def draw_masked(data: st.DataObject, distribution: LODistribution) -> np.ndarray:
    """A sequence from the support, some of its tokens hidden."""
    row = distribution.sample(1, np.random.default_rng(data.draw(st.integers(0, 2**32))))[0].astype(np.int64)
    hidden = data.draw(st.lists(st.booleans(), min_size=len(row), max_size=len(row)))
    return np.where(hidden, distribution.mask_id, row)


def nae(n_latents: int = 4, n_observations: int = 6) -> LODistribution:
    scopes = random_scopes(n_latents, n_observations, arity=3, structure_seed=3)
    return LODistribution(np.array([0.5, 0.5]), n_latents, (Predicate(named.nae(arity=3), scopes),))


@settings(max_examples=50)
@given(distribution=distributions(), data=st.data())
def test_marginals_and_evidence_equal_the_brute_force_sums(distribution, data):
    table = joint_table(distribution)
    assert sum(table.values()) == pytest.approx(1.0, abs=TOLERANCE)
    tokens = np.stack([draw_masked(data, distribution) for _ in range(3)])
    exact = EnumeratedPosterior(distribution)
    marginals, log_evidence = np.exp(exact.log_marginals(tokens)), exact.log_evidence(tokens)
    for row, probs, total in zip(tokens, marginals, log_evidence, strict=True):
        visible = {i: int(v) for i, v in enumerate(row) if v != distribution.mask_id}
        below = evidence(table, visible)
        assert total == pytest.approx(math.log(below), abs=TOLERANCE)
        for i, value in itertools.product(range(distribution.length), range(distribution.vocabulary)):
            expected = evidence(table, {**visible, i: value}) / below if visible.get(i, value) == value else 0.0
            assert probs[i, value] == pytest.approx(expected, abs=TOLERANCE)
            assert (probs[i, value] == 0) == (expected == 0), "impossible values have exactly log-probability -inf"


@settings(max_examples=30)
@given(distribution=distributions(), data=st.data())
def test_the_chain_rule_along_any_order_gives_log_prob(distribution, data):
    rows = distribution.sample(4, np.random.default_rng(data.draw(st.integers(0, 2**32)))).astype(np.int64)
    exact, total = EnumeratedPosterior(distribution), np.zeros(len(rows))
    tokens = np.full_like(rows, distribution.mask_id)
    for position in data.draw(st.permutations(range(distribution.length))):
        total += exact.log_marginals(tokens)[np.arange(len(rows)), position, rows[:, position]]
        tokens[:, position] = rows[:, position]
    np.testing.assert_allclose(total, distribution.log_prob(rows), atol=TOLERANCE)
    np.testing.assert_allclose(exact.log_evidence(rows), distribution.log_prob(rows), atol=TOLERANCE)


@settings(max_examples=30)
@given(distribution=distributions(), data=st.data(), chunk=st.integers(1, 5))
def test_states_in_chunks_give_the_same_answers(distribution, data, chunk):
    tokens = np.stack([draw_masked(data, distribution) for _ in range(3)])
    whole = EnumeratedPosterior(distribution)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(posterior_module, "_CHUNK_BYTES", chunk * distribution.length * distribution.vocabulary * 8)
        pieces = EnumeratedPosterior(distribution)
        assert pieces._chunk == chunk
        np.testing.assert_allclose(pieces.log_evidence(tokens), whole.log_evidence(tokens), atol=TOLERANCE)
        np.testing.assert_allclose(
            np.exp(pieces.log_marginals(tokens)), np.exp(whole.log_marginals(tokens)), atol=TOLERANCE
        )


@settings(max_examples=40)
@given(distribution=distributions(), data=st.data())
def test_a_conflict_is_reported_with_a_minimal_set_of_tokens(distribution, data):
    values = st.lists(
        st.integers(0, distribution.vocabulary - 1), min_size=distribution.length, max_size=distribution.length
    )
    row = np.array([data.draw(values)])
    table = joint_table(distribution)
    if table.get(tuple(row[0].tolist()), 0.0) > 0:
        assert np.isfinite(EnumeratedPosterior(distribution).log_evidence(row)).all()
        return
    with pytest.raises(ImpossibleEvidence, match=r"row 0.*probability zero") as caught:
        EnumeratedPosterior(distribution).log_marginals(row)
    named_tokens = {int(i): int(v) for i, v in re.findall(r"x\[(\d+)\] = (\d+)", str(caught.value))}
    assert named_tokens
    assert all(row[0, i] == value for i, value in named_tokens.items())
    assert evidence(table, named_tokens) == 0
    for i in named_tokens:
        assert evidence(table, {j: v for j, v in named_tokens.items() if j != i}) > 0


def test_the_conflicting_row_is_named_and_good_rows_before_it_do_not_hide_it():
    distribution = nae()
    rows = distribution.sample(3, np.random.default_rng(0)).astype(np.int64)
    rows[2, -1] = 1 - rows[2, -1]
    with pytest.raises(ImpossibleEvidence, match="row 2"):
        EnumeratedPosterior(distribution).log_evidence(rows)


def test_a_row_alone_and_in_a_batch_give_the_same_answer():
    distribution = nae()
    rows = distribution.sample(16, np.random.default_rng(0)).astype(np.int64)
    tokens = np.where(np.random.default_rng(1).random(rows.shape) < 0.6, distribution.mask_id, rows)
    exact = EnumeratedPosterior(distribution)
    together = exact.log_marginals(tokens)
    for i in range(len(rows)):
        np.testing.assert_allclose(np.exp(exact.log_marginals(tokens[i : i + 1])[0]), np.exp(together[i]), atol=1e-12)


def test_small_token_types_and_empty_batches_are_accepted():
    distribution = nae()
    exact = EnumeratedPosterior(distribution)
    rows = distribution.sample(2, np.random.default_rng(0))
    assert rows.dtype == np.uint8
    rows[:, ::2] = distribution.mask_id
    np.testing.assert_array_equal(exact.log_marginals(rows), exact.log_marginals(rows.astype(np.int64)))
    assert exact.log_marginals(rows[:0]).shape == (0, distribution.length, distribution.vocabulary)


def test_too_many_states_are_refused_with_their_number_and_a_way_out():
    distribution = nae(12, 3)
    with pytest.raises(ValueError, match=r"2\*\*12 = .*max_states = 1000.*[Uu]se fewer latents, raise max_states"):
        EnumeratedPosterior(distribution, max_states=1000)
    assert EnumeratedPosterior(distribution, max_states=2**12).states == 2**12


@pytest.mark.parametrize(("bad", "message"), [(3, "range"), (-1, "range")])
def test_tokens_out_of_range_are_refused(bad, message):
    tokens = np.full((1, nae().length), nae().mask_id)
    tokens[0, 2] = bad
    with pytest.raises(ValueError, match=message):
        EnumeratedPosterior(nae()).log_marginals(tokens)


def test_sequences_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"shape \(B, 10\); got \(2, 9\)"):
        EnumeratedPosterior(nae()).log_marginals(np.zeros((2, 9), dtype=np.int64))


def test_the_oracle_is_a_denoiser_in_float64():
    distribution = nae()
    oracle = PosteriorDenoiser(EnumeratedPosterior(distribution))
    assert isinstance(oracle, Denoiser)
    tokens = torch.full((2, distribution.length), distribution.mask_id)
    answer = oracle(tokens)
    assert answer.dtype == torch.float64
    np.testing.assert_array_equal(answer.numpy(), oracle.posterior.log_marginals(tokens.numpy()))
