"""The best order: against all policies there are, against the laws of samplers, and where it is known by a theorem."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.families import nae_sat
from generators.testing.strategies import distributions
from lo_theory.denoisers.noised import NoisedDenoiser, inversion_hardness, uniform_hardness
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.laws.best_order import (
    OrderProblem,
    choices_by_score,
    choices_in_order,
    explaining,
    generating,
)
from lo_theory.laws.known_samplers import known, known_vanilla
from lo_theory.laws.partial_sequences import LawDenoiser, PartialSequences
from lo_theory.laws.sampler_law import all_sequences, law_error, sampler_law, true_law
from lo_theory.likelihood import exact_nelbo
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.samplers.decoder import in_order, margin
from lo_theory.samplers.named_decoders import negative_entropy
from lo_theory.samplers.scores import margin_score, negative_entropy_score

Tree = tuple[int, tuple["Tree", ...]]
"""A policy: a position, and for every value found there what to do next."""


def all_policies(hidden: tuple[int, ...], vocabulary: int) -> Iterator[Tree]:
    for position in hidden:
        rest = tuple(i for i in hidden if i != position)
        if not rest:
            yield position, ()
            continue
        for after in itertools.product(list(all_policies(rest, vocabulary)), repeat=vocabulary):
            yield position, after


def choices_of(tree: Tree, partial: PartialSequences) -> np.ndarray:
    """The policy in a table; where it never comes, the first hidden position."""
    table = partial.hidden().argmax(axis=1)

    def walk(node: Tree, number: int) -> None:
        position, after = node
        table[number] = position
        for value, child in enumerate(after):
            walk(child, number - (partial.vocabulary - value) * int(partial.place[position]))

    walk(tree, partial.count - 1)
    return table


def law_by_hand(tree: Tree, answers: np.ndarray, partial: PartialSequences) -> np.ndarray:
    """Every sequence along its own path through the tree: no table of values, no induction."""
    law = []
    for row in all_sequences(partial.length, partial.vocabulary):
        node, number, log = tree, partial.count - 1, 0.0
        while node:
            position, after = node
            log += answers[number, position, row[position]]
            number -= (partial.vocabulary - row[position]) * int(partial.place[position])
            node = after[row[position]] if after else ()
        law.append(np.exp(log))
    return np.array(law)


def random_case(length: int, vocabulary: int, seed: int) -> tuple[PartialSequences, np.ndarray, np.ndarray]:
    """Sequences, a law with impossible ones among them, and answers of a denoiser that knows little of it."""
    rng, partial = np.random.default_rng(seed), PartialSequences(length, vocabulary)
    law = rng.dirichlet(np.ones(vocabulary**length)) * (rng.random(vocabulary**length) < 0.6)
    law[0] += 1e-3
    law /= law.sum()
    noised = NoisedDenoiser(LawDenoiser(law, length, vocabulary), uniform_hardness, noise=1.0, doubt=0.3, seed=seed)
    return partial, law, partial.answers(noised)


def problems(partial: PartialSequences, law: np.ndarray, answers: np.ndarray) -> dict[str, OrderProblem]:
    reward = np.random.default_rng(9).standard_normal(len(law))
    return {
        "support": generating(partial, answers, (law > 0).astype(float)),
        "reward": generating(partial, answers, reward),
        "divergence": explaining(partial, partial.conditionals(law), answers),
    }


@pytest.mark.parametrize(("length", "vocabulary"), [(2, 2), (3, 2), (4, 2), (2, 3), (3, 3)])
@pytest.mark.parametrize("seed", range(2))
def test_no_policy_is_better_and_one_is_as_good(length, vocabulary, seed):
    partial, law, answers = random_case(length, vocabulary, seed)
    laws = np.array([law_by_hand(p, answers, partial) for p in all_policies(tuple(range(length)), vocabulary)])
    assert len(laws) == {(2, 2): 2, (3, 2): 12, (4, 2): 576, (2, 3): 2, (3, 3): 24}[length, vocabulary]
    np.testing.assert_allclose(laws.sum(axis=1), 1, atol=1e-12)
    cross = -np.where(law > 0, law * np.log(laws), 0.0).sum(axis=1)
    worth = {"divergence": -cross, "support": laws[:, law > 0].sum(axis=1)}
    for name, problem in problems(partial, law, answers).items():
        each = worth.get(name, laws @ problem.reward)
        choices, value = problem.best()
        assert value[-1] == pytest.approx(each.max(), abs=1e-12), name
        assert problem.value(choices) == pytest.approx(each.max(), abs=1e-12), name
        assert each.max() - each.min() > 1e-3, "negative control"


def test_every_policy_has_its_law_and_value():
    partial, law, answers = random_case(3, 2, 5)
    for tree in all_policies((0, 1, 2), 2):
        choices, by_hand = choices_of(tree, partial), law_by_hand(tree, answers, partial)
        for name, problem in problems(partial, law, answers).items():
            expected = (law[law > 0] @ np.log(by_hand[law > 0])) if name == "divergence" else by_hand @ problem.reward
            assert problem.value(choices) == pytest.approx(expected, abs=1e-12)
        generated = problems(partial, law, answers)["support"].law(choices)
        np.testing.assert_allclose(generated, by_hand, atol=1e-14)


@settings(max_examples=10)
@given(distribution=distributions(max_latents=3, max_length=4), seed=st.integers(0, 99))
def test_laws_are_those_of_the_samplers(distribution, seed):
    partial, truth = PartialSequences(distribution.length, distribution.vocabulary), true_law(distribution)
    denoiser = NoisedDenoiser(
        LawDenoiser(truth, partial.length, partial.vocabulary), uniform_hardness, noise=1.0, doubt=0.2, seed=seed
    )
    answers = partial.answers(denoiser)
    problem = generating(partial, answers, (truth > 0).astype(float))
    told = explaining(partial, partial.conditionals(truth), answers)
    backwards = np.arange(partial.length)[::-1].copy()
    rules = {
        known_vanilla(): None,
        known(margin()): choices_by_score(partial, answers, margin_score),
        known(negative_entropy()): choices_by_score(partial, answers, negative_entropy_score),
        known(in_order(backwards)): choices_in_order(partial, backwards),
    }
    entropy = -(truth[truth > 0] @ np.log(truth[truth > 0]))
    for sampler, choices in rules.items():
        law = sampler_law(denoiser, sampler).probability
        np.testing.assert_allclose(problem.law(choices), law, atol=1e-13)
        value = problem.random_value() if choices is None else problem.value(choices)
        assert value == pytest.approx(law[truth > 0].sum(), abs=1e-12)
        assert value <= problem.best()[1][-1] + 1e-12
        divergence = law_error(truth, law).kl_from_truth
        if choices is not None:
            assert -told.value(choices) - entropy == pytest.approx(divergence, abs=1e-10)
            assert told.value(choices) <= told.best()[1][-1] + 1e-12
        else:
            assert -told.random_value() - entropy >= divergence - 1e-10


def test_the_table_of_a_law_is_its_posterior_and_its_random_order_the_bound():
    distribution = nae_sat(3, 2, structure_seed=1)
    partial, truth = PartialSequences(5, 2), true_law(distribution)
    exact = PosteriorDenoiser(EliminatedPosterior(distribution))
    tokens = torch.from_numpy(partial.tokens())
    possible = partial.probability(truth) > 0
    hidden = partial.hidden() & possible[:, None]
    expected = exact(tokens[torch.from_numpy(possible)]).numpy()
    np.testing.assert_allclose(partial.conditionals(truth)[hidden], expected[hidden[possible]], atol=1e-12)
    assert 0 < possible.sum() < partial.count
    denoiser = NoisedDenoiser(LawDenoiser(truth, 5, 2), uniform_hardness, noise=0.7, doubt=0.1)
    rows = torch.from_numpy(all_sequences(5, 2)[truth > 0])
    bound = truth[truth > 0] @ exact_nelbo(denoiser, rows).nats
    told = explaining(partial, partial.conditionals(truth), partial.answers(denoiser))
    assert -told.random_value() == pytest.approx(bound, abs=1e-12)


def test_where_only_inverting_is_hard_latents_first_is_a_best_order():
    """Doubt at inversions alone: forwards the denoiser is exact, so nothing can be better, and margin is worse."""
    order = np.random.default_rng(0).permutation(7)
    distribution = nae_sat(4, 3, structure_seed=0, order=order)
    partial, truth = PartialSequences(7, 2), true_law(distribution)
    denoiser = NoisedDenoiser(LawDenoiser(truth, 7, 2), inversion_hardness(distribution), doubt=0.4)
    problem = generating(partial, partial.answers(denoiser), (truth > 0).astype(float))
    natural = choices_in_order(partial, order)
    choices, value = problem.best()
    assert problem.value(natural) == pytest.approx(1.0, abs=1e-12)
    assert value[-1] == pytest.approx(1.0, abs=1e-12)
    reached = problem.reached(natural) > 0
    assert problem.is_best(natural, value)[reached].all()
    backwards = choices_in_order(partial, order[::-1].copy())
    assert problem.value(backwards) < 0.9
    assert not problem.is_best(backwards, value)[problem.reached(backwards) > 0].all()
    assert problem.is_best(choices, value).all()


def test_what_cannot_be_done_is_refused():
    with pytest.raises(ValueError, match=r"3\*\*13 sequences with masks"):
        PartialSequences(13, 2)
    with pytest.raises(ValueError, match="at least two values"):
        PartialSequences(3, 1)
    assert (PartialSequences(12, 2).count, PartialSequences(8, 3).count) == (3**12, 4**8)
    partial, law, answers = random_case(3, 2, 0)
    problem = problems(partial, law, answers)["support"]
    with pytest.raises(ValueError, match="hidden position; at sequence 6 it is 2"):
        problem.value(np.full(27, 2))
    with pytest.raises(ValueError, match=r"each of 27 sequences; got \(8,\)"):
        problem.law(np.zeros(8, dtype=np.int64))
    with pytest.raises(ValueError, match=r"each of 8; got \(4,\)"):
        generating(partial, answers, np.ones(4))
    with pytest.raises(ValueError, match="add up to one"):
        LawDenoiser(np.full(8, 0.2), 3, 2)
    with pytest.raises(ValueError, match="no pads; got 3"):
        LawDenoiser(law, 3, 2)(torch.full((1, 3), 3))
