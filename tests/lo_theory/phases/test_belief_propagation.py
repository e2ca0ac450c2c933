"""Belief propagation: exact on forests, its fixed points, the controls far from their thresholds."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.distribution import LODistribution
from generators.families import nae_sat, predicate_csp
from generators.observations import named_tables as named
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.planted.constraints import PlantedEnsemble
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.phases.absent_tuples import AbsentTuples
from lo_theory.phases.belief_posterior import BeliefPropagationPosterior, Convergence
from lo_theory.phases.belief_propagation import (
    Settings,
    overlap,
    perturbed_messages,
    planted_beliefs,
    prior_messages,
    propagate,
    random_messages,
)
from lo_theory.phases.ensemble import Ensemble
from lo_theory.phases.factor_graph import planted_graph
from lo_theory.phases.thresholds import is_balanced
from lo_theory.posteriors.enumeration import EnumeratedPosterior, ImpossibleEvidence

UNDAMPED = Settings(damping=0.0, tolerance=1e-13, max_iterations=100)
UNIFORM = np.array([0.5, 0.5])


@st.composite
def forests(draw: st.DrawFn) -> LODistribution:
    """Distributions whose observations form a forest: a scope takes latents of different components, which it joins."""
    m, n = draw(st.integers(2, 3)), draw(st.integers(1, 6))
    weights = np.array(draw(st.lists(st.integers(0, 4), min_size=m, max_size=m).filter(any)), dtype=float)
    component, functions = list(range(n)), []
    for _ in range(draw(st.integers(0, 6))):
        order = draw(st.permutations(range(n)))
        apart = list({component[i]: i for i in order}.values())
        scope = apart[: draw(st.integers(1, min(3, len(apart))))]
        component = [component[scope[0]] if c in [component[i] for i in scope] else c for c in component]
        alphabet = draw(st.integers(2, 3))
        entries = st.lists(st.integers(0, alphabet - 1), min_size=m ** len(scope), max_size=m ** len(scope))
        predicate = Predicate(np.array(draw(entries)).reshape((m,) * len(scope)), np.array([scope]), alphabet)
        functions.append(
            draw(st.sampled_from([predicate, Noisy(predicate, 0.15), Noisy(predicate, 1e-5), Noisy(predicate, 1.0)]))
        )
    order = np.array(draw(st.permutations(range(n + len(functions)))))
    return LODistribution(weights / weights.sum(), n, tuple(functions), order)


def masked(distribution: LODistribution, n: int, seed: int, share: float | None = None) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = distribution.sample(n, rng).astype(np.int64)
    hidden = rng.random(rows.shape) < (rng.random((n, 1)) if share is None else share)
    return np.where(hidden, distribution.mask_id, rows)


def planted(table, degree, shown, n, prior=None, seed=0):
    m = len(table)
    problem = PlantedEnsemble(np.full(m, 1 / m) if prior is None else prior, n, table, degree, shown)
    rng = np.random.default_rng(seed)
    return problem, problem.sample(rng), rng


def reached(table, degree, shown, n, start, damping=0.3, seed=0):
    problem, instance, rng = planted(table, degree, shown, n, seed=seed)
    ends = planted_beliefs(problem, instance, start, rng=rng, settings=Settings(damping=damping, tolerance=1e-6))
    return overlap(ends.marginals, instance.latents, Ensemble.from_planted(problem).label_symmetries()), ends


@given(forests(), st.integers(0, 10**6))
@settings(max_examples=50)
def test_exact_on_forests(distribution, seed):
    tokens = masked(distribution, 6, seed)
    exact = EnumeratedPosterior(distribution)
    answer = BeliefPropagationPosterior(distribution, settings=UNDAMPED).query(tokens)
    np.testing.assert_allclose(np.exp(answer.log_marginals), np.exp(exact.log_marginals(tokens)), atol=1e-9, rtol=0)
    np.testing.assert_allclose(answer.bethe_log_evidence, exact.log_evidence(tokens), atol=1e-9, rtol=1e-9)
    assert answer.convergence.converged.all()
    assert (answer.convergence.iterations <= 2 * distribution.n_latents + 2).all()


@given(forests(), st.integers(0, 10**6))
@settings(max_examples=20)
def test_contradictions_on_forests_are_found(distribution, seed):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, distribution.vocabulary, (1, distribution.length))
    possible = np.isfinite(distribution.log_prob(tokens))[0]
    if possible:
        BeliefPropagationPosterior(distribution).query(tokens)
    else:
        with pytest.raises(ImpossibleEvidence, match="row 0"):
            BeliefPropagationPosterior(distribution).query(tokens)


def test_not_exact_on_cycles():
    """The control of the test above: with cycles the same comparison fails, for latents and for the evidence."""
    distribution = nae_sat(12, 20, structure_seed=0)
    tokens = masked(distribution, 30, 0, share=0.6)
    exact = EnumeratedPosterior(distribution)
    answer = BeliefPropagationPosterior(distribution).query(tokens)
    assert np.abs(np.exp(answer.log_marginals) - np.exp(exact.log_marginals(tokens))).max() > 0.01
    assert np.abs(answer.bethe_log_evidence - exact.log_evidence(tokens)).max() > 0.01
    np.testing.assert_allclose(np.exp(answer.log_marginals).sum(axis=-1), 1.0, atol=1e-12)


def test_hundreds_of_weak_observations_of_one_latent():
    """Neither underflow nor a lost digit: the log odds are a sum that is known."""
    rng, n = np.random.default_rng(0), 600
    table = np.array([0, 1])
    distribution = LODistribution(
        np.array([0.3, 0.7]), 1, (Noisy(Predicate(table, np.zeros((n, 1), dtype=int)), 0.05),)
    )
    tokens = np.concatenate([[2], rng.integers(0, 2, n)])[None]
    ones = int(tokens[0, 1:].sum())
    odds = math.log(7 / 3) + (2 * ones - n) * math.log(19)
    answer = BeliefPropagationPosterior(distribution).log_marginals(tokens)[0, 0]
    assert answer[1] - answer[0] == pytest.approx(odds, rel=1e-9)


def test_damping_keeps_no_value_alive_that_is_ruled_out():
    """A chain of equalities with one end visible: the answer is certain, not nearly so."""
    links = np.array([[i, i + 1] for i in range(6)])
    chain = LODistribution(np.array([0.2, 0.8]), 7, (Predicate(named.nae(arity=2), links),))
    tokens = np.array([[0, *[2] * 6, *[0] * 6]])
    answer = BeliefPropagationPosterior(chain, settings=Settings(damping=0.5)).query(tokens)
    assert (answer.log_marginals[0, :7, 0] == 0.0).all()
    assert (answer.log_marginals[0, :7, 1] == -np.inf).all()
    assert answer.bethe_log_evidence[0] == pytest.approx(7 * math.log(0.2), rel=1e-6)


def test_tiny_messages_are_carried():
    """Four latents tied by equalities share their prior odds: one against a million, four times over."""
    rare, links = 1e-6, np.array([[i, i + 1] for i in range(3)])
    tied = LODistribution(np.array([rare, 1 - rare]), 4, (Predicate(named.nae(arity=2), links),))
    answer = BeliefPropagationPosterior(tied, settings=UNDAMPED).log_marginals(np.array([[2] * 4 + [0] * 3]))
    np.testing.assert_allclose(answer[0, :4, 0] - answer[0, :4, 1], 4 * math.log(rare / (1 - rare)), rtol=1e-9)


@pytest.mark.parametrize(
    ("table", "prior", "balanced"),
    [
        (named.nae(arity=3), None, True),
        (named.t_in_k(2, arity=4), None, True),
        (named.p4(), None, True),
        (named.all_different(arity=3, latent_alphabet=3), None, True),
        (named.t_in_k(1, arity=3), np.array([2 / 3, 1 / 3]), True),
        (named.t_in_k(1, arity=3), None, False),
        (named.majority(arity=3), None, False),
        (named.clause([True, True, False]), None, False),
    ],
)
@pytest.mark.parametrize("shown", ["both", "satisfied"])
def test_the_prior_is_a_fixed_point_of_balanced_predicates_and_of_no_others(table, prior, balanced, shown):
    problem, instance, _ = planted(table, 4.0, shown, 300, prior)
    assert is_balanced(Ensemble.from_planted(problem)) == balanced
    ends = planted_beliefs(problem, instance, "prior", settings=Settings(max_iterations=1))
    if balanced:
        assert ends.last_change < 1e-13
        assert abs(ends.free_entropy) < 1e-12
    else:
        assert ends.last_change > 0.01


def test_symmetric_predicates_keep_marginals_uniform():
    """With all latents masked, nothing tells a value from another: exact here, from the prior's start."""
    distribution = predicate_csp(named.nae(arity=3, latent_alphabet=3), 15, 60, structure_seed=0)
    tokens = masked(distribution, 5, 0, share=0.0)
    tokens[:, distribution.latent_positions] = distribution.mask_id
    beliefs = BeliefPropagationPosterior(distribution).log_marginals(tokens)[:, distribution.latent_positions]
    np.testing.assert_allclose(beliefs[..., :3], math.log(1 / 3), atol=1e-9)
    broken = BeliefPropagationPosterior(distribution, start="random").log_marginals(tokens)
    assert np.exp(broken[:, distribution.latent_positions]).max() > 0.5


@pytest.mark.parametrize(
    ("table", "shown", "degree"), [(named.nae(arity=3), "both", 3.0), (named.nae(arity=3), "satisfied", 7.0)]
)
def test_damping_does_not_move_the_fixed_point(table, shown, degree):
    ends = [reached(table, degree, shown, 1000, "planted", damping)[1] for damping in (0.0, 0.3, 0.6)]
    assert all(end.converged for end in ends)
    assert len({end.iterations for end in ends}) == 3
    for end in ends[1:]:
        np.testing.assert_allclose(end.marginals, ends[0].marginals, atol=1e-4)
        assert end.free_entropy == pytest.approx(ends[0].free_entropy, abs=1e-7)


def test_rows_do_not_influence_each_other():
    distribution = nae_sat(20, 60, structure_seed=0)
    tokens = masked(distribution, 8, 1)
    posterior = BeliefPropagationPosterior(distribution, start="random")
    together = posterior.query(tokens)
    for i in range(len(tokens)):
        alone = posterior.query(tokens[i : i + 1])
        np.testing.assert_array_equal(alone.log_marginals[0], together.log_marginals[i])
        assert alone.bethe_log_evidence[0] == together.bethe_log_evidence[i]
        assert alone.convergence.iterations[0] == together.convergence.iterations[i]


def test_propagation_leaves_its_start_as_it_was():
    problem, instance, rng = planted(named.nae(arity=3), 3.0, "both", 100)
    graph = planted_graph(Ensemble.from_planted(problem), instance.scopes, instance.values, 100)
    start = random_messages(graph, rng)
    before = start.copy()
    first = propagate(graph, start)
    np.testing.assert_array_equal(start, before)
    np.testing.assert_array_equal(first.marginals, propagate(graph, start).marginals)
    again = propagate(graph, first.messages)  # a fixed point is one
    assert again.iterations == 1
    np.testing.assert_allclose(again.marginals, first.marginals, atol=1e-7)


def test_convergence_is_reported_through_the_socket():
    distribution, seen = nae_sat(20, 60, structure_seed=0), []
    tokens = masked(distribution, 4, 0, share=0.7)
    hurried = BeliefPropagationPosterior(distribution, settings=Settings(max_iterations=1), report=seen.append)
    denoiser = PosteriorDenoiser(hurried)
    assert isinstance(denoiser, Denoiser)
    answer = denoiser(torch.from_numpy(tokens))
    assert answer.shape == (4, distribution.length, distribution.vocabulary)
    (report,) = seen
    assert isinstance(report, Convergence)
    assert not report.converged.any()
    assert (report.iterations == 1).all()
    assert (report.last_change > hurried.settings.tolerance).all()


def test_the_field_of_absent_tuples_is_the_gradient_of_their_weight():
    ensemble = Ensemble.from_table(named.all_different(arity=3, latent_alphabet=3), shown="satisfied")
    direction = np.array([0.7, -0.2, -0.5])
    for fixed in (False, True):
        absent = AbsentTuples(ensemble.seen_weight, 2.0, fixed)
        assert absent.log_weight(ensemble.prior) == pytest.approx(0.0)
        mean, step = np.array([0.2, 0.5, 0.3]), 1e-6
        slope = (absent.log_weight(mean + step * direction) - absent.log_weight(mean - step * direction)) / (2 * step)
        assert direction @ absent.field(mean) == pytest.approx(slope, rel=1e-6)


def test_the_weight_of_absent_tuples_is_their_product():
    """Each ordered pair is unseen with probability 1 - p g; compared between two compositions of 300 latents."""
    table, n, c = named.not_equal(3), 300, 1.5
    absent = AbsentTuples(Ensemble.from_table(table, shown="satisfied").seen_weight, c)
    p = c * n / (n * (n - 1) * 2 / 3)
    logs, weights = [], []
    for counts in ((100, 100, 100), (180, 60, 60)):
        x = np.repeat(np.arange(3), counts)
        pairs = table[x[:, None], x].sum()  # the diagonal of not_equal is 0
        logs.append(pairs * math.log1p(-p))
        weights.append(n * absent.log_weight(np.array(counts) / n))
    assert weights[1] - weights[0] == pytest.approx(logs[1] - logs[0], rel=0.02)


def test_without_absent_tuples_belief_propagation_drifts():
    """NAE-3 below its threshold, satisfied constraints only: nothing can be known, and only with them BP says so."""
    problem, instance, rng = planted(named.nae(arity=3), 3.0, "satisfied", 2000)
    ensemble = Ensemble.from_planted(problem)
    graph = planted_graph(ensemble, instance.scopes, instance.values, 2000)
    start = random_messages(graph, rng)
    quiet = propagate(graph, start, absent=AbsentTuples(ensemble.seen_weight, 1.0))
    assert quiet.converged
    assert np.abs(quiet.marginals - 0.5).max() < 1e-5
    drifting = propagate(graph, start, Settings(damping=0.0, max_iterations=200))
    assert np.abs(drifting.marginals - 0.5).max() > 0.1


@pytest.mark.parametrize("damping", [0.0, 0.3, 0.6])
def test_absent_tuples_balance_the_shown_ones_under_damping(damping):
    """NAE-3 with three values at degree 20, below everything (D_d = 24.4, D_KS = 32): a random start is forgotten."""
    _, ends = reached(named.nae(arity=3, latent_alphabet=3), 20.0, "satisfied", 1000, "random", damping)
    assert ends.converged
    np.testing.assert_allclose(ends.marginals, 1 / 3, atol=1e-4)


def test_easy_control():
    """NAE-3 with both values at twice its threshold 1.5: random and planted starts meet."""
    found, ends = reached(named.nae(arity=3), 3.0, "both", 2000, "random")
    told, other = reached(named.nae(arity=3), 3.0, "both", 2000, "planted")
    assert ends.converged
    assert found == pytest.approx(0.865, abs=0.05)
    assert told == pytest.approx(found, abs=0.01)
    assert ends.free_entropy == pytest.approx(other.free_entropy, abs=1e-6)


def test_impossible_control():
    """2-in-4 at degree 2.5, far below D_d = 3.5: even the planted start forgets."""
    told, ends = reached(named.t_in_k(2, arity=4), 2.5, "both", 4000, "planted")
    assert ends.converged
    assert told < 0.6
    np.testing.assert_allclose(ends.marginals, 0.5, atol=1e-3)
    assert abs(ends.free_entropy) < 1e-3


def test_hard_control():
    """2-in-4 at degree 4.4, between D_cond = 3.9 and D_KS = 5: determined (positive free entropy), but not found."""
    found, ends = reached(named.t_in_k(2, arity=4), 4.4, "both", 4000, "random")
    told, other = reached(named.t_in_k(2, arity=4), 4.4, "both", 4000, "planted")
    assert found < 0.6
    assert abs(ends.free_entropy) < 1e-3
    assert told > 0.9
    assert other.free_entropy > 0.03


def test_above_the_threshold_the_hard_control_is_easy():
    found, ends = reached(named.t_in_k(2, arity=4), 6.0, "both", 4000, "random")
    assert ends.converged
    assert found > 0.95
    assert ends.free_entropy > 0.2


def test_parity_is_invisible_to_belief_propagation_at_every_degree():
    found, ends = reached(named.parity(arity=3), 12.0, "both", 2000, "random")
    assert ends.converged
    assert found < 0.56
    np.testing.assert_allclose(ends.marginals, 0.5, atol=1e-4)


def test_trivial_control():
    """Majority is not balanced: one degree is enough to know more than chance, from any start."""
    problem, instance, _ = planted(named.majority(arity=3), 1.0, "both", 4000)
    ends = planted_beliefs(problem, instance, "prior")
    assert overlap(ends.marginals, instance.latents, [(0, 1)]) > 0.6


def test_overlap_takes_the_best_relabelling():
    latents = np.array([0, 1, 2, 2, 1, 0])
    told = np.eye(3)[np.array([1, 2, 0])[latents]]
    assert overlap(told, latents, list(itertools.permutations(range(3)))) == 1.0
    assert overlap(told, latents, [(0, 1, 2)]) == 0.0


def test_refusals():
    problem, instance, _ = planted(named.nae(arity=3), 3.0, "both", 30)
    with pytest.raises(ValueError, match="generator"):
        planted_beliefs(problem, instance, "random")
    with pytest.raises(ValueError, match="damping"):
        Settings(damping=1.0)
    with pytest.raises(ValueError, match="max_iterations"):
        Settings(max_iterations=0)
    satisfied = Ensemble.from_table(named.nae(arity=3), shown="satisfied")
    with pytest.raises(ValueError, match="visible"):
        planted_graph(satisfied, np.array([[0, 1, 2]]), np.array([0]), 3)
    with pytest.raises(ValueError, match="scopes have shape"):
        planted_graph(satisfied, np.array([[0, 1]]), np.array([1]), 3)
    posterior = BeliefPropagationPosterior(nae_sat(5, 5, structure_seed=0))
    with pytest.raises(ValueError, match="shape"):
        posterior.log_marginals(np.zeros((1, 9), dtype=np.int64))


def test_no_observations_and_impossible_values():
    alone = LODistribution(np.array([0.25, 0.75]), 3, ())
    answer = BeliefPropagationPosterior(alone).query(np.full((2, 3), alone.mask_id))
    np.testing.assert_allclose(np.exp(answer.log_marginals), np.broadcast_to([0.25, 0.75], (2, 3, 2)))
    np.testing.assert_allclose(answer.bethe_log_evidence, 0.0, atol=1e-12)
    wide = LODistribution(
        UNIFORM,
        3,
        (
            Predicate(named.nae(arity=3), np.array([[0, 1, 2]])),
            Predicate(
                named.tabulate(lambda z: z.sum(axis=0), arity=3, latent_alphabet=4)[:2, :2, :2],
                np.array([[0, 1, 2]]),
                4,
            ),
        ),
    )
    tokens = np.full((1, 5), wide.mask_id)
    tokens[0, 3] = 3  # in the vocabulary, but no value of this observation
    with pytest.raises(ImpossibleEvidence):
        BeliefPropagationPosterior(wide).query(tokens)


def test_perturbed_messages_are_normalised():
    problem, instance, rng = planted(named.nae(arity=3), 3.0, "both", 30)
    graph = planted_graph(Ensemble.from_planted(problem), instance.scopes, instance.values, 30)
    for messages in (prior_messages(graph), perturbed_messages(graph, rng.random((len(graph.scope), 2)))):
        np.testing.assert_allclose(messages.sum(axis=1), 1.0)
