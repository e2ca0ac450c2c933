"""Two tokens per call: against all policies there are, and against the laws of samplers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lo_theory.denoisers.noised import NoisedDenoiser, uniform_hardness
from lo_theory.laws.best_pairs import PairProblem, pairs_by_score
from lo_theory.laws.known_samplers import known, known_random
from lo_theory.laws.partial_sequences import LawDenoiser, PartialSequences
from lo_theory.laws.sampler_law import law_error, sampler_law
from lo_theory.samplers.decoder import margin
from lo_theory.samplers.named_decoders import left_to_right, negative_entropy
from lo_theory.samplers.reveal import k_per_step
from lo_theory.samplers.scores import left_to_right_score, margin_score, negative_entropy_score


def random_law(length: int, vocabulary: int, seed: int) -> np.ndarray:
    """Some sequences are impossible."""
    rng = np.random.default_rng(seed)
    law = rng.dirichlet(np.ones(vocabulary**length)) * (rng.random(vocabulary**length) < 0.6)
    law[0] += 1e-3
    return law / law.sum()


def case(length: int, vocabulary: int, seed: int, noise: float) -> tuple[NoisedDenoiser, PairProblem]:
    law, partial = random_law(length, vocabulary, seed), PartialSequences(length, vocabulary)
    posterior = LawDenoiser(law, length, vocabulary)
    denoiser = NoisedDenoiser(posterior, uniform_hardness, noise=noise, doubt=0.2, seed=seed)
    return denoiser, PairProblem(partial, partial.answers(denoiser), law)


def policies(partial: PartialSequences) -> list[np.ndarray]:
    """All there are for five positions: a pair first, then one for each of the V^2 outcomes, then what is left."""
    assert partial.length == 5
    pairs, hidden, found = list(itertools.combinations(range(5), 2)), partial.hidden(), []
    base = np.stack([hidden.argmax(axis=1), 4 - hidden[:, ::-1].argmax(axis=1)], axis=1)
    base[hidden.sum(axis=1) == 1, 1] = -1
    base[~hidden.any(axis=1)] = -1
    v = partial.vocabulary
    for first in pairs:
        rest = [i for i in range(5) if i not in first]
        seconds = list(itertools.combinations(rest, 2))
        for after in itertools.product(seconds, repeat=v**2):
            table = base.copy()
            table[-1] = first
            for (a, b), second in zip(itertools.product(range(v), repeat=2), after, strict=True):
                number = partial.count - 1 - (v - a) * partial.place[first[0]] - (v - b) * partial.place[first[1]]
                table[number] = second
            found.append(table)
    return found


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_no_pairs_are_better_and_some_are_as_good(noise):
    _, problem = case(5, 2, 0, noise)
    every = policies(problem.partial)
    assert len(every) == 10 * 3**4
    laws = [problem.law(choices) for choices in every]
    errors = [law_error(problem.truth, law) for law in laws]
    divergences = np.array([error.kl_from_truth for error in errors])
    valid = np.array([law[problem.truth > 0].sum() for law in laws])
    choices, least = problem.least_divergence()
    assert least == pytest.approx(divergences.min(), abs=1e-12)
    assert law_error(problem.truth, problem.law(choices)).kl_from_truth == pytest.approx(least, abs=1e-12)
    choices, most = problem.most_valid()
    assert most == pytest.approx(valid.max(), abs=1e-12)
    assert problem.law(choices)[problem.truth > 0].sum() == pytest.approx(most, abs=1e-12)
    assert np.ptp(divergences) > 1e-2
    assert np.ptp(valid) > 1e-2


@pytest.mark.parametrize(("length", "vocabulary"), [(5, 2), (4, 3), (1, 2), (3, 2)])
def test_laws_are_those_of_the_samplers(length, vocabulary):
    denoiser, problem = case(length, vocabulary, 3, 1.0)
    scores = {
        known(margin(2)): margin_score,
        known(negative_entropy(2)): negative_entropy_score,
        known(left_to_right(2)): left_to_right_score,
    }
    for sampler, score in scores.items():
        pairs = pairs_by_score(problem.partial, problem.answers, score)
        law = sampler_law(denoiser, sampler).probability
        np.testing.assert_allclose(problem.law(pairs), law, atol=1e-14)
        assert law_error(problem.truth, law).kl_from_truth >= problem.least_divergence()[1] - 1e-12
        assert law[problem.truth > 0].sum() <= problem.most_valid()[1] + 1e-12
    random = sampler_law(denoiser, known_random(k_per_step(2))).probability
    np.testing.assert_allclose(problem.law(None), random, atol=1e-14)


def test_independent_tokens_cost_nothing_and_tied_ones_their_information():
    """x0 = x1, x2 free: the pairs that part the tied ones are exact, the others lose log 2."""
    partial, law = PartialSequences(4, 2), np.zeros((2, 2, 2, 2))
    law[0, 0], law[1, 1] = 1 / 8, 1 / 8
    problem = PairProblem(partial, partial.conditionals(law.ravel()), law.ravel())
    choices, least = problem.least_divergence()
    assert least == pytest.approx(0.0, abs=1e-12)
    assert set(choices[-1]) != {0, 1}
    together = pairs_by_score(partial, problem.answers, left_to_right_score)
    assert law_error(problem.truth, problem.law(together)).kl_from_truth == pytest.approx(np.log(2))
