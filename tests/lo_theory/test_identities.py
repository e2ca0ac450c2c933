"""The exact identities behind the figures, as properties over random distributions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import binom

from generators.distribution import LODistribution
from generators.families import predicate_csp, whole_hash
from generators.observations import named_tables as named
from generators.observations.predicate import Predicate
from generators.planted.constraints import PlantedEnsemble
from generators.testing.strategies import distributions
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.learning.masking import subproblem_weight
from lo_theory.likelihood import chain_nll
from lo_theory.phases.belief_posterior import BeliefPropagationPosterior
from lo_theory.phases.belief_propagation import Settings, planted_beliefs, prior_messages, propagate
from lo_theory.phases.ensemble import Ensemble
from lo_theory.phases.factor_graph import planted_graph
from lo_theory.phases.thresholds import is_balanced, kesten_stigum_degree
from lo_theory.phases.window import (
    Design,
    no_latent_revealed,
    no_latent_revealed_limit,
    visible_law,
    window_share,
    window_share_limit,
    window_steps,
)
from lo_theory.posteriors.enumeration import EnumeratedPosterior

LOG2 = math.log(2.0)


# I1: what a sequence costs does not depend on the order.


@given(distributions(), st.data())
@settings(max_examples=40)
def test_i1_a_sequence_costs_its_prior_and_its_noise_along_any_order(distribution, data):
    order = np.array(data.draw(st.permutations(range(distribution.length))))
    rows = distribution.sample(4, np.random.default_rng(data.draw(st.integers(0, 10**6)))).astype(np.int64)
    latents, seen = rows[:, distribution.latent_positions], rows[:, distribution.observation_positions]
    clean = distribution.observe(latents)
    expected = -np.log(distribution.prior[latents]).sum(axis=1)  # what was drawn is possible, not every value is
    sizes = distribution.alphabets[distribution.observation_positions]
    for j, rate in enumerate(distribution.noise):
        chance = np.where(seen[:, j] == clean[:, j], 1 - rate, rate / (sizes[j] - 1))
        expected -= np.log(chance)
    steps = chain_nll(PosteriorDenoiser(EnumeratedPosterior(distribution)), torch.from_numpy(rows), order)
    np.testing.assert_allclose(steps.sum(axis=1), expected, atol=1e-9)
    assert (steps >= -1e-12).all()


@given(st.integers(2, 3), st.integers(2, 5), st.integers(0, 10**6), st.data())
@settings(max_examples=25)
def test_i1_without_noise_and_with_a_uniform_prior_it_is_n_log_m(m, n, seed, data):
    rng = np.random.default_rng(seed)
    table = rng.integers(3, size=(m,) * min(n, 3))
    distribution = predicate_csp(table, n, 7, structure_seed=seed, alphabet=3)
    order = np.array(data.draw(st.permutations(range(n + 7))))
    rows = torch.from_numpy(distribution.sample(3, rng).astype(np.int64))
    steps = chain_nll(PosteriorDenoiser(EnumeratedPosterior(distribution)), rows, order)
    np.testing.assert_allclose(steps.sum(axis=1), n * math.log(m), atol=1e-9)


# I2: an order-agnostic loss is the entropy plus the KL divergences of all subproblems.


def support(distribution):
    """All rows of positive probability, and it."""
    rows = np.array(list(itertools.product(range(distribution.vocabulary), repeat=distribution.length)))
    log_prob = distribution.log_prob(rows)
    return rows[np.isfinite(log_prob)], np.exp(log_prob[np.isfinite(log_prob)])


def wrong_log_probs(distribution, seed):
    """A learner: for every masked row some distribution over the values, fixed by what is visible."""

    def answer(tokens):
        keys = [np.random.default_rng([seed, *map(int, row)]) for row in tokens]
        logits = np.stack([rng.normal(size=(distribution.length, distribution.vocabulary)) for rng in keys])
        return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))

    return answer


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_i2_loss_minus_entropy_is_the_divergence_over_all_subproblems(noise):
    table = np.array([[0, 1], [1, 1]])
    distribution = predicate_csp(table, 2, 2, structure_seed=1, noise=noise, prior=np.array([0.3, 0.7]))
    rows, weight = support(distribution)
    length, posterior = distribution.length, EnumeratedPosterior(distribution)
    learner = wrong_log_probs(distribution, 0)
    loss = divergence = one_sample = 0.0
    for n in range(1, length + 1):
        for hidden in itertools.combinations(range(length), n):
            tokens = rows.copy()
            tokens[:, hidden] = distribution.mask_id
            truth, q = posterior.log_marginals(tokens)[:, hidden], learner(tokens)[:, hidden]
            true_loss = -np.take_along_axis(q, rows[:, hidden, None], axis=2).sum(axis=(1, 2))
            loss += subproblem_weight(n, length) * float(weight @ true_loss)
            # the estimator: n uniform, the subset uniform given n, weight L / n
            one_sample += (length / n) / (length * math.comb(length, n)) * float(weight @ true_loss)
            p = np.exp(truth)
            terms = np.where(p > 0, p * (np.where(p > 0, truth, 0.0) - q), 0.0).sum(axis=(1, 2))
            divergence += subproblem_weight(n, length) * float(weight @ terms)
    assert loss - distribution.entropy() == pytest.approx(divergence, abs=1e-12)
    assert one_sample == pytest.approx(loss, abs=1e-12)
    assert divergence > 0.1


# I4: the window of visible degrees under random masks.


def small_designs():
    return st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(0, 7)).map(
        lambda t: Design(n_latents=t[0], length=t[0] + t[1], informative=min(t[1], t[2]), arity=2)
    )


def all_masks(design):
    """Visible tokens of every mask with its probability; tokens: latents, then informative ones, then others."""
    for n_hidden in range(1, design.length + 1):
        chance = 1 / (design.length * math.comb(design.length, n_hidden))
        for visible in itertools.combinations(range(design.length), design.length - n_hidden):
            yield np.array(visible, dtype=int), chance


@given(small_designs(), st.floats(0.0, 3.0), st.floats(0.5, 6.0))
@settings(max_examples=25)
def test_i4_shares_equal_enumeration_of_all_masks(design, low, width):
    low, high = low + 1e-3, low + width + 2e-3  # no degree lies on an end
    law, inside, silent = np.zeros(design.informative + 1), 0.0, 0.0
    for visible, chance in all_masks(design):
        seen = int(((visible >= design.n_latents) & (visible < design.n_latents + design.informative)).sum())
        law[seen] += chance
        if low < design.arity * seen / design.n_latents < high:
            inside += chance
            silent += chance * (not (visible < design.n_latents).any())
    np.testing.assert_allclose(visible_law(design, np.arange(len(law))), law, atol=1e-12)
    assert window_share(design, low, high) == pytest.approx(inside, abs=1e-12)
    assert window_steps(design, low, high) == pytest.approx(design.length * inside, abs=1e-12)
    if inside > 0:
        assert no_latent_revealed(design, low, high) == pytest.approx(silent / inside, abs=1e-12)
    else:
        with pytest.raises(ValueError, match="N is too small"):
            no_latent_revealed(design, low, high)


@given(st.integers(1, 12), st.integers(0, 12))
@settings(max_examples=20)
def test_i4_masks_by_time_make_every_number_of_visible_tokens_equally_likely(count, visible):
    visible = min(visible, count)
    mean, _ = quad(lambda t: binom.pmf(visible, count, t), 0.0, 1.0)
    assert mean == pytest.approx(1 / (count + 1), abs=1e-9)


@given(st.integers(5, 60), st.floats(0.5, 40.0), st.integers(2, 4), st.floats(0.2, 5.0), st.floats(0.1, 4.0))
@settings(max_examples=40)
def test_i4_the_limit_is_off_by_less_than_two_numbers_of_observations(n, ratio, arity, low, width):
    count = max(1, round(ratio * n))
    design = Design(n_latents=n, length=n + count, informative=count, arity=arity)
    exact, limit = window_share(design, low, low + width), window_share_limit(design, low, low + width)
    assert abs(exact - limit) <= 2.5 / (count + 1) + 1.0 / design.length


def test_i4_on_the_dense_design_of_prop_3_3():
    """The share falls as N**(1 - k); a mask in the window reveals no latent with exp(-c N**2 / P)."""
    shares = []
    for n in (60, 120):
        count = math.perm(n, 3)
        design = Design(n_latents=n, length=n + count, informative=count, arity=3)
        shares.append(window_share(design, 24.0, 32.0))
        assert shares[-1] == pytest.approx(window_share_limit(design, 24.0, 32.0), rel=0.02)
        assert no_latent_revealed(design, 24.0, 32.0) == pytest.approx(no_latent_revealed_limit(design, 28.0), rel=0.02)
    assert math.log2(shares[0] / shares[1]) == pytest.approx(2.0, abs=0.06)
    square = Design(n_latents=400, length=400 + 160_000, informative=160_000, arity=2)
    assert no_latent_revealed(square, 1.99, 2.01) == pytest.approx(math.exp(-1), rel=0.01)


# I6: a learner that searches at most 2**b candidates, on a hash of all latents.


def test_i6_a_search_budget_costs_one_bit_for_each_token_before_few_latents_are_hidden():
    """Pointwise and exact: T bits up to the first step with at most b hidden latents, then what is not yet implied."""
    n, count, budget = 8, 32, 3
    distribution = whole_hash(n, count, structure_seed=0)
    posterior, rng, excess = EnumeratedPosterior(distribution), np.random.default_rng(0), []
    for row in distribution.sample(40, rng).astype(np.int64):
        order = rng.permutation(distribution.length)
        hidden = n - np.cumsum(np.isin(order, distribution.latent_positions))
        start = int(np.argmax(hidden <= budget)) + 1  # tokens visible when the search becomes possible
        steps = chain_nll(PosteriorDenoiser(posterior), torch.from_numpy(row[None]), order)[0]
        budgeted = start * LOG2 + steps[start:].sum()
        tokens = np.full(distribution.length, distribution.mask_id)
        tokens[order[:start]] = row[order[:start]]
        gained = posterior.log_evidence(tokens[None])[0]
        assert budgeted - n * LOG2 == pytest.approx(start * LOG2 + gained, abs=1e-9)
        excess.append((start * LOG2 + gained) / LOG2)
    mean = (n - budget) * (n + count + 1) / (n + 1) - n  # of the order statistic, minus the N bits there are
    error = np.std(excess, ddof=1) / math.sqrt(len(excess))
    assert np.mean(excess) == pytest.approx(mean, abs=4 * error + 1.0)  # at most a bit is lost about T = N
    big, many, few = 10**5, 7 * 10**5, 2 * 10**4
    exact = (big - few) * (big + many + 1) / (big + 1) - big
    assert exact == pytest.approx(many - few * (big + many) / big, rel=1e-4)  # P - b (N + P) / N


# I7: at small N the truth needs no proxy, and belief propagation is never better.


def observed_only(n, per_latent, seed):
    """2-in-4: all latents and one fresh observation masked, the others visible."""
    rng = np.random.default_rng(seed)
    scopes = np.stack([rng.choice(n, 4, replace=False) for _ in range(round(per_latent * n) + 1)])
    distribution = LODistribution(np.full(2, 0.5), n, (Predicate(named.t_in_k(2, arity=4), scopes),))
    tokens = distribution.sample(1, rng).astype(np.int64)
    tokens[:, :n] = distribution.mask_id
    tokens[:, -1] = distribution.mask_id
    return distribution, tokens


@pytest.mark.parametrize(("per_latent", "apart"), [(0.3, 0.0), (1.25, 0.2)])
def test_i7_belief_propagation_pays_at_least_the_bayes_loss(per_latent, apart):
    """Averaged over the true posterior of the observation; far more where the others determine it."""
    bayes, paid = [], []
    for seed in range(25):
        distribution, tokens = observed_only(12, per_latent, seed)
        p = np.exp(EnumeratedPosterior(distribution).log_marginals(tokens)[0, -1])
        q = BeliefPropagationPosterior(distribution).log_marginals(tokens)[0, -1]
        bayes.append(-sum(x * math.log(x) for x in p if x > 0))
        paid.append(-float(p @ np.maximum(q, -1e9)))
        assert paid[-1] >= bayes[-1] - 1e-9
    assert np.mean(paid) - np.mean(bayes) > apart


# Kesten-Stigum: the Jacobian of the message map at the prior.


def balanced(seed, arity, m, alphabet):
    """A random channel whose values say nothing about any single latent: main effects are taken out."""
    rng = np.random.default_rng(seed)
    prior = rng.dirichlet(np.full(m, 5.0)) if seed % 2 else np.full(m, 1.0 / m)
    channel = np.empty((alphabet,) + (m,) * arity)
    for y in range(alphabet - 1):
        effect = rng.normal(size=(m,) * arity)
        for others in [tuple(a for a in range(arity) if a != kept) for kept in range(arity)]:
            shape = [1] * arity
            main = np.einsum(
                effect, list(range(arity)), *[x for a in others for x in (prior, [a])], _kept(others, arity)
            )
            shape[_kept(others, arity)[0]] = m
            effect = effect - main.reshape(shape)
        channel[y] = (1 + 0.9 / (alphabet - 1) * effect / np.abs(effect).max()) / alphabet
    channel[-1] = 1.0 - channel[:-1].sum(axis=0)
    visible = None if seed % 3 else (0,)
    return Ensemble(channel, prior, visible)


def _kept(others, arity):
    return [a for a in range(arity) if a not in others]


@given(st.integers(0, 10**6), st.integers(2, 3), st.integers(2, 3), st.integers(2, 3))
@settings(max_examples=15)
def test_kesten_stigum_is_the_spectral_radius_of_the_message_jacobian(seed, arity, m, alphabet):
    """Finite differences of what one constraint sends when one of its messages leaves the prior."""
    tested = balanced(seed, arity, m, alphabet)
    assert is_balanced(tested)
    step, operator = 1e-5, np.zeros((m * m, m * m))
    for y, rate in zip(tested.labels, tested.visible_rates, strict=True):
        graph = planted_graph(tested, np.arange(arity)[None], np.array([y]), arity)
        for i, j in itertools.permutations(range(arity), 2):
            jacobian = np.empty((m, m))
            for b in range(m):
                sent = []
                for sign in (1.0, -1.0):
                    field = graph.field.copy()
                    field[j, b] += sign * step  # as other constraints on latent j would
                    moved = graph._replace(field=field)
                    once = Settings(damping=0.0, max_iterations=1)
                    sent.append(propagate(moved, prior_messages(moved), once).marginals[i])
                jacobian[:, b] = (sent[0] - sent[1]) / (2 * step)
            operator += rate * np.kron(jacobian, jacobian) / arity
    assert 1 / np.abs(np.linalg.eigvals(operator)).max() == pytest.approx(kesten_stigum_degree(tested), rel=1e-4)


# I5: revealed latents are fields, nothing else.


@pytest.mark.parametrize("shown", ["both", "satisfied"])
def test_revealed_latents_are_certain_and_inform_the_others(shown):
    problem = PlantedEnsemble(np.full(2, 0.5), 600, named.nae(arity=3), 3.0, shown)
    instance = problem.sample(np.random.default_rng(0))
    revealed = np.arange(600) < 200
    ends = planted_beliefs(problem, instance, "prior", revealed=revealed)
    assert (ends.marginals[np.arange(600), instance.latents][revealed] == 1.0).all()
    hits = (ends.marginals.argmax(axis=1) == instance.latents)[~revealed].mean()
    assert hits > 0.6  # chance is 1/2, 400 hidden latents: four standard deviations
    none = planted_beliefs(problem, instance, "prior", revealed=np.zeros(600, dtype=bool))
    np.testing.assert_array_equal(none.marginals, planted_beliefs(problem, instance, "prior").marginals)


def test_revealed_latents_agree_with_the_posterior_of_masked_sequences():
    """The same problem through the other door: tokens with masks, where a latent is visible."""
    problem = PlantedEnsemble(np.full(2, 0.5), 30, named.t_in_k(2, arity=4), 2.0, "both")
    instance = problem.sample(np.random.default_rng(1))
    revealed = np.arange(30) % 3 == 0
    distribution = LODistribution(np.full(2, 0.5), 30, (Predicate(problem.table, instance.scopes),))
    tokens = np.concatenate([np.where(revealed, instance.latents, 2), instance.values])[None].astype(np.int64)
    other = np.exp(BeliefPropagationPosterior(distribution).log_marginals(tokens)[0, :30, :2])
    np.testing.assert_allclose(
        planted_beliefs(problem, instance, "prior", revealed=revealed).marginals, other, atol=1e-6
    )
