"""Any callable as a denoiser: what it may do with what it is given and gives, and which answers are refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lo_theory.denoisers.function import FunctionDenoiser

LOGS = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64).log()
TOKENS = torch.tensor([[3, 0], [1, 3]])


def steady(tokens):
    return LOGS.expand(*tokens.shape, 3)


def test_tokens_are_a_copy_and_answers_are_kept():
    buffer = torch.zeros(2, 2, 3, dtype=torch.float64)

    def careless(tokens):
        buffer.copy_(steady(tokens).roll(int(tokens.sum()), dims=-1))
        tokens[tokens == 3] = 99
        return buffer

    denoiser, tokens = FunctionDenoiser(careless, 2, 3), TOKENS.clone()
    first = denoiser(tokens)
    before = first.clone()
    denoiser(torch.full((2, 2), 3) - torch.eye(2, dtype=torch.int64))
    assert torch.equal(tokens, TOKENS)
    assert torch.equal(first, before)
    array = np.ascontiguousarray(steady(TOKENS).numpy())
    kept = FunctionDenoiser(lambda tokens: array, 2, 3)(TOKENS)
    array[:] = 0.0
    assert torch.equal(kept, steady(TOKENS))


@pytest.mark.parametrize("shift", [5.0, -5.0, 0.06, -0.06])
def test_a_hidden_answer_that_is_no_distribution_is_refused_with_its_place(shift):
    def shifted(tokens):
        answers = steady(tokens).clone()
        answers[1, 1] += shift
        return answers

    with pytest.raises(ValueError, match=rf"position 1 of row 1 adds up to a probability of {math.exp(shift):.4g}"):
        FunctionDenoiser(shifted, 2, 3)(TOKENS)
    assert FunctionDenoiser(shifted, 2, 3)(torch.tensor([[3, 0], [3, 1]])).shape == (2, 2, 3)  # visible there


@pytest.mark.parametrize(
    "answers",
    [
        steady(TOKENS).bfloat16(),
        torch.tensor([-math.inf, 0.0, -math.inf]).expand(2, 2, 3),
        torch.full((2, 2, 3), math.nan),
        torch.full((2, 2, 3), -math.inf),
    ],
    ids=["rounded", "certain", "no answer", "nothing possible"],
)
def test_rounding_certainty_and_no_answer_are_passed_on(answers):
    """Whoever asks says what it makes of an answer that is missing, or leaves nothing possible."""
    given = FunctionDenoiser(lambda tokens: answers, 2, 3)(TOKENS)
    assert torch.equal(given.isnan(), answers.isnan())
    assert torch.equal(given.nan_to_num(0.0), answers.nan_to_num(0.0))
