"""A learned order: values per position against the recursion, a policy that beats chance, and teaching that helps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lo_theory.denoisers.noised import NoisedDenoiser, uniform_hardness
from lo_theory.laws.best_order import OrderProblem, explaining
from lo_theory.laws.learned_order import OrderTraining, learned_order
from lo_theory.laws.partial_sequences import LawDenoiser, PartialSequences

QUICK = OrderTraining(width=32, steps=250, share=1.0)


def case(seed: int, length: int = 5) -> tuple[OrderProblem, np.ndarray]:
    rng, partial = np.random.default_rng(seed), PartialSequences(length, 2)
    law = rng.dirichlet(np.full(2**length, 0.3))
    noised = NoisedDenoiser(LawDenoiser(law, length, 2), uniform_hardness, noise=1.0, doubt=0.1, seed=seed)
    answers = partial.answers(noised)
    return explaining(partial, partial.conditionals(law), answers), answers


def test_outcomes_are_what_the_recursion_takes_the_best_of():
    problem, _ = case(0)
    choices, value = problem.best()
    outcomes, hidden = problem.outcomes(value), problem.partial.hidden()
    some = hidden.any(axis=1)
    np.testing.assert_allclose(outcomes.max(axis=1)[some], value[some], atol=1e-12)
    assert (outcomes.argmax(axis=1)[some] == choices[some]).all()
    assert np.isneginf(outcomes[~hidden]).all()
    for i in range(problem.partial.length):  # one choice at the start, the best from then on
        other = choices.copy()
        other[-1] = i
        assert problem.value(other) == pytest.approx(outcomes[-1, i], abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_a_taught_order_is_near_the_best_and_an_untaught_one_is_not(seed):
    """Everything is taught here, so what is left is what the network is too small for."""
    problem, answers = case(seed)
    best, random = problem.best()[1][-1], problem.random_value()
    value = problem.value(learned_order(problem, answers, QUICK).choices)
    assert value <= best + 1e-12
    assert best - value < 0.3 * (best - random)
    untaught = problem.value(learned_order(problem, answers, replace(QUICK, steps=1, learning_rate=1e-9)).choices)
    assert best - untaught > best - value


def test_what_is_taught_is_a_share_and_the_same_every_time():
    problem, answers = case(3)
    first, again = (learned_order(problem, answers, replace(QUICK, steps=20, share=0.4)) for _ in range(2))
    np.testing.assert_array_equal(first.choices, again.choices)
    assert 0.25 < first.taught.mean() < 0.55
    hidden = problem.partial.hidden()
    assert hidden[np.arange(len(hidden)), first.choices][hidden.any(axis=1)].all()


def test_refusals():
    problem, answers = case(4, length=3)
    for share in (0.0, 1.5):
        with pytest.raises(ValueError, match="a share in"):
            learned_order(problem, answers, replace(QUICK, share=share))
    with pytest.raises(ValueError, match="no sequence with a choice"):
        learned_order(problem, answers, replace(QUICK, share=1e-9))
    partial = problem.partial
    law = np.full(8, 0.125)
    blind = partial.conditionals(np.eye(8)[0])  # excludes what is possible
    told = explaining(partial, partial.conditionals(law), blind)
    with pytest.raises(ValueError, match="infinite regret"):
        learned_order(told, blind, QUICK)
