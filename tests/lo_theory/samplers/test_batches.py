"""Batches: the same loop as one decode, the same counts, whatever was prompted and however it is cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lo_theory.samplers.batches import decode_batches, gather, generate
from lo_theory.samplers.decoder import remdm, vanilla
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.named_decoders import NAMED_DECODERS

LENGTH, MASK = 6, 3


class Counted:
    """Prefers a value per position, and keeps the number of sequences of every call."""

    length, vocabulary = LENGTH, 3

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.log_probs = torch.randn(LENGTH, 3, generator=torch.Generator().manual_seed(0)).double().log_softmax(-1)

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(tokens))
        return self.log_probs.expand(*tokens.shape, 3)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def masks(samples: int) -> torch.Tensor:
    return torch.full((samples, LENGTH), MASK)


def test_one_batch_is_one_decode():
    drawn, whole = generate(Counted(), vanilla(3), 40, seeded()), decode(Counted(), masks(40), vanilla(3), seeded())
    assert (drawn.tokens == whole.tokens.numpy()).all()
    assert (drawn.revealed_at == whole.trace.revealed_at().numpy()).all()
    assert drawn.batch_calls == whole.trace.calls == 3
    assert drawn.calls == whole.trace.row_calls / 40 < 3  # a sequence may be finished before the last step


def test_batches_follow_each_other_with_one_generator():
    generator, denoiser = seeded(), Counted()
    parts = [decode(denoiser, masks(n), vanilla(), generator) for n in (16, 16, 8)]
    drawn = generate(Counted(), vanilla(), 40, seeded(), batch_size=16)
    assert (drawn.tokens == np.concatenate([part.tokens.numpy() for part in parts])).all()
    assert len(drawn.tokens) == len(drawn.revealed_at) == len(drawn.remasked) == 40
    assert (np.sort(drawn.revealed_at, axis=1) == np.arange(LENGTH)).all()


def test_calls_are_means_over_sequences():
    """Of 2 sequences with 6 masks and 3 with 1, in two batches: 6 and 1 calls per batch, and no idle rows in them."""
    prompts = [masks(2), masks(3)]
    prompts[1][:, 1:] = 0
    denoiser = Counted()
    drawn = decode_batches(denoiser, prompts, NAMED_DECODERS["margin"](1), seeded())
    assert denoiser.seen == [2] * 6 + [3]
    assert drawn.batch_calls == drawn.calls == (2 * 6 + 3 * 1) / 5
    mixed = decode_batches(Counted(), [torch.cat(prompts)], NAMED_DECODERS["margin"](1), seeded())
    assert (mixed.batch_calls, mixed.calls) == (6, 3)


def test_given_tokens_stay_and_were_never_revealed():
    prompt = masks(4)
    prompt[:, :2] = torch.tensor([2, 1])
    drawn = decode_batches(Counted(), [prompt], vanilla(), seeded())
    assert (drawn.tokens[:, :2] == [2, 1]).all()
    assert (drawn.revealed_at[:, :2] == -1).all()
    assert (drawn.revealed_at[:, 2:] >= 0).all()
    assert drawn.tokens.max() < MASK


def test_tokens_masked_again_are_counted():
    again = [decode(Counted(), masks(30), remdm(12), generator) for generator in (seeded(1), seeded(2))]
    drawn = gather(again)
    counts = np.concatenate([one.trace.remasked().sum(dim=1).numpy() for one in again])
    assert (drawn.remasked == counts).all()
    assert counts.sum() > 0
    assert generate(Counted(), vanilla(), 30, seeded()).remasked.sum() == 0


def test_nothing_to_decode_is_refused():
    with pytest.raises(ValueError, match="samples = 0"):
        generate(Counted(), vanilla(), 0, seeded())
    with pytest.raises(ValueError, match="at least one batch"):
        decode_batches(Counted(), [], vanilla(), seeded())
