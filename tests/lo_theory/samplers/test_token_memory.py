"""A large vocabulary: noise for each position and not for each value, bounded temporaries, the draws of all rows."""

from __future__ import annotations

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lo_theory.denoisers import row_pieces
from lo_theory.denoisers.denoiser import answer_entropy
from lo_theory.denoisers.row_pieces import PIECE, by_rows
from lo_theory.samplers import noise
from lo_theory.samplers.published import dream, llada
from lo_theory.samplers.tokens import TokenRule, sample_token, top_k_token, top_p_token

VOCABULARY = 126_464  # LLaDA's
RULES: dict[str, TokenRule] = {
    "sampled": sample_token(),
    "at half the temperature": sample_token(0.5),
    "top k": top_k_token(7),
    "top p": top_p_token(0.9, temperature=1.5),
    "LLaDA": llada(4, 8, 16, remasking="random", temperature=1.0).token,
    "Dream": dream(4, "origin", temperature=0.7).token,
}


class Largest(TorchDispatchMode):
    """The most numbers that any new tensor had."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        answer = func(*args, **(kwargs or {}))
        known = {leaf.untyped_storage().data_ptr() for leaf in tree_leaves((args, kwargs)) if torch.is_tensor(leaf)}
        for leaf in tree_leaves(answer):
            if torch.is_tensor(leaf) and leaf.untyped_storage().data_ptr() not in known:
                self.numbers = max(self.numbers, leaf.untyped_storage().nbytes() // 8)
        return answer


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_answers(rows: int, values: int) -> torch.Tensor:
    """Log-probabilities with ties and impossible values."""
    logits = torch.randn(rows, values, generator=seeded(0), dtype=torch.float64).mul(4).round().div(2)
    logits[:, ::3] = -math.inf
    return logits.log_softmax(-1)


@pytest.mark.parametrize("values", [6, 501])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_pieces_draw_what_all_rows_at_once_draw_and_no_temporary_is_larger(rule, values, monkeypatch):
    """Bit for bit, with 100 rows in pieces of a fifth of them and less; whole, the temporaries are all rows."""
    answers, chosen = some_answers(100, values), torch.ones(10, 20, dtype=torch.bool)
    chosen[:, ::2] = False
    with Largest() as whole:
        expected = rule(answers, chosen, seeded())
    assert whole.numbers >= answers.numel(), "negative control"
    monkeypatch.setattr(row_pieces, "PIECE", 20 * values)
    with Largest() as pieces:
        drawn = rule(answers, chosen, seeded())
    assert torch.equal(drawn, expected)
    noise_numbers = chosen.numel() * (values if values <= 8 else 1)
    assert pieces.numbers <= max(20 * values, noise_numbers)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_noise_for_the_batch_is_a_number_for_each_position(rule, monkeypatch):
    """32 rows of 128 positions over 126,464 values, two of which are decided: 4096 uniforms, 32 KiB."""
    drawn, real = list[tuple[int, ...]](), torch.rand

    def rand(shape, **options):
        drawn.append(tuple(shape))
        return real(shape, **options)

    monkeypatch.setattr(noise.torch, "rand", rand)
    chosen = torch.zeros(32, 128, dtype=torch.bool)
    chosen[5, 7] = chosen[31, 127] = True
    tokens = rule(some_answers(1, VOCABULARY).expand(2, -1), chosen, seeded())
    assert drawn == [(32, 128)]
    assert ((tokens % 3 != 0) & (tokens < VOCABULARY)).all()


def test_entropies_in_pieces_are_those_of_all_rows(monkeypatch):
    answers = some_answers(60, 501)
    expected = answer_entropy(answers), answer_entropy(answers.reshape(6, 10, 501))
    monkeypatch.setattr(row_pieces, "PIECE", 10 * 501)
    with Largest() as pieces:
        found = answer_entropy(answers), answer_entropy(answers.reshape(6, 10, 501))
    assert all(map(torch.equal, found, expected))
    assert pieces.numbers <= 10 * 501


def test_pieces_hold_what_is_stated():
    """128 MiB in float64; every row once, in order, in pieces that none is a single row of."""
    assert PIECE * 8 == 128 * 2**20
    sizes = list[int]()

    def function(rows, other):
        sizes.append(len(rows))
        assert torch.equal(rows[:, 0], other)
        return rows[:, 0]

    numbers = torch.arange(133)  # 132 rows fit
    assert torch.equal(by_rows(function, numbers[:, None].expand(-1, VOCABULARY), numbers), numbers)
    assert sizes == [67, 66]
    assert by_rows(lambda rows: rows.sum(dim=1), torch.ones(0, 5)).shape == (0,)
