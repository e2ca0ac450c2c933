"""A posterior with known errors: a pure function of the tokens, wrong by exactly what is asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from generators.families import local_hash, nae_sat
from lo_theory.denoisers.noised import (
    NoisedDenoiser,
    entropy_hardness,
    gaussian_of_tokens,
    inversion_hardness,
    uniform_hardness,
)
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior

DISTRIBUTION = local_hash(4, 6, arity=2, alphabet=3, latent_alphabet=3, structure_seed=0)
EXACT = PosteriorDenoiser(EliminatedPosterior(DISTRIBUTION))


def masked(n: int, share: float = 0.6) -> torch.Tensor:
    rng = np.random.default_rng(0)
    rows = DISTRIBUTION.sample(n, rng).astype(np.int64)
    return torch.from_numpy(np.where(rng.random(rows.shape) < share, DISTRIBUTION.mask_id, rows))


@pytest.mark.parametrize("hardness", [uniform_hardness, entropy_hardness, inversion_hardness(DISTRIBUTION)])
def test_without_errors_it_is_the_posterior_and_with_them_still_a_law(hardness):
    tokens = masked(20)
    assert torch.allclose(NoisedDenoiser(EXACT, hardness)(tokens).exp(), EXACT(tokens).exp(), atol=1e-12)
    answers = NoisedDenoiser(EXACT, hardness, noise=2.0, doubt=0.3, temperature=2.0, seed=5)(tokens)
    assert torch.allclose(answers.exp().sum(dim=-1), torch.ones(20, DISTRIBUTION.length, dtype=torch.float64))
    visible = tokens != DISTRIBUTION.mask_id
    assert torch.equal(answers[visible], EXACT(tokens)[visible])


def test_doubt_mixes_with_uniform_and_temperature_spreads():
    tokens = masked(20)
    hidden, exact = tokens == DISTRIBUTION.mask_id, EXACT(tokens).exp()
    doubtful = NoisedDenoiser(EXACT, uniform_hardness, doubt=0.3)(tokens).exp()
    assert torch.allclose(doubtful[hidden], 0.7 * exact[hidden] + 0.1, atol=1e-12)
    warm = NoisedDenoiser(EXACT, uniform_hardness, temperature=2.0)(tokens).exp()
    spread = exact[hidden].sqrt()
    assert torch.allclose(warm[hidden], spread / spread.sum(dim=-1, keepdim=True), atol=1e-12)


def test_noise_alone_leaves_impossible_values_impossible():
    tokens = masked(20, share=0.4)
    answers = NoisedDenoiser(EXACT, uniform_hardness, noise=3.0)(tokens)
    assert torch.equal(answers == -math.inf, EXACT(tokens) == -math.inf)
    assert (answers == -math.inf)[tokens == DISTRIBUTION.mask_id].any()


def test_errors_depend_on_seed_and_row_alone():
    tokens = masked(10)
    noised = NoisedDenoiser(EXACT, uniform_hardness, noise=1.0, seed=1)
    together = noised(tokens)
    for i in range(10):
        assert torch.equal(noised(tokens[i : i + 1])[0], together[i])
    other = NoisedDenoiser(EXACT, uniform_hardness, noise=1.0, seed=2)(tokens)
    assert not torch.allclose(other.exp(), together.exp())
    assert noised(tokens[:0]).shape == (0, 10, 3)


def test_the_noise_is_standard_gaussian_and_independent_between_rows():
    """Kolmogorov-Smirnov over 300,000 numbers and a correlation over half as many; false alarm 1e-5 each."""
    tokens = torch.arange(10_000)[:, None].expand(-1, 5).clone()
    noise = gaussian_of_tokens(tokens, 3, 6)
    assert kstest(noise.flatten().numpy(), "norm").pvalue > 1e-5
    correlation = float((noise[::2] * noise[1::2]).mean())
    assert abs(correlation) < 4.5 / math.sqrt(noise.numel() / 2)


def test_forwards_is_easy_and_backwards_is_hard():
    distribution = nae_sat(4, 5, structure_seed=0, order=np.random.default_rng(0).permutation(9))
    hardness, mask = inversion_hardness(distribution), distribution.mask_id
    row = torch.from_numpy(distribution.sample(1, np.random.default_rng(0)).astype(np.int64))
    answers = torch.zeros(1, 9, 2, dtype=torch.float64)
    latents = torch.tensor(distribution.latent_positions.tolist())
    observations = torch.tensor(distribution.observation_positions.tolist())
    forwards = row.clone()
    forwards[:, observations] = mask
    assert not hardness(forwards, answers).any()
    backwards = row.clone()
    backwards[:, latents] = mask
    read = {int(i) for f in distribution.functions for i in f.scopes.flatten()}
    assert hardness(backwards, answers)[0, latents].tolist() == [float(i in read) for i in range(4)]
    one_hidden = forwards.clone()
    one_hidden[:, latents[0]] = mask
    scopes = distribution.functions[0].scopes
    expected = [1 / 3 if 0 in scope else 0.0 for scope in scopes.tolist()]
    assert hardness(one_hidden, answers)[0, observations].tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ({"noise": -1.0}, "noise"),
        ({"doubt": 1.5}, "share"),
        ({"temperature": 0.0}, "temperature"),
        ({"seed": -1}, "seed"),
    ],
)
def test_errors_without_meaning_are_refused(errors, message):
    with pytest.raises(ValueError, match=message):
        NoisedDenoiser(EXACT, uniform_hardness, **errors)


@pytest.mark.parametrize("temperature", [5e-324, 1e-310, 1e-200])
def test_the_smallest_temperatures_leave_the_likeliest_values(temperature):
    """With and without doubt: impossible values do not come back, ties keep their shares."""

    class Fixed:
        length, vocabulary = 2, 4

        def __call__(self, tokens):
            return torch.tensor([[[0.4, 0.4, 0.2, 0.0], [0.0, 0.1, 0.7, 0.2]]]).log().expand(len(tokens), 2, 4)

    cold = NoisedDenoiser(Fixed(), uniform_hardness, temperature=temperature)(torch.full((1, 2), 4)).exp()
    assert cold[0].tolist() == [[pytest.approx(0.5), pytest.approx(0.5), 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
