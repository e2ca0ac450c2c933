"""RMSNorm with a gradient of its own is PyTorch's, value and gradient."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from lo_theory.learning.rms_norm import rms_norm


def values(shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def both(x, gain, weight):
    results = []
    for function in (rms_norm, lambda x, gain: functional.rms_norm(x, (x.shape[-1],), gain)):
        inputs, gains = x.clone().requires_grad_(), gain.clone().requires_grad_()
        answer = function(inputs, gains)
        (answer * weight).sum().backward()
        results.append((answer.detach(), inputs.grad, gains.grad))
    return results


@pytest.mark.parametrize("shape", [(7, 64), (3, 5, 16), (1, 1), (4, 3, 2, 9)])
def test_value_and_gradients_are_those_of_pytorch(shape):
    ours, theirs = both(values(shape), values(shape[-1:], 1), values(shape, 2))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-6, atol=2e-6)


def test_small_rows_are_held_up_by_eps_and_a_row_of_zeros_stays_zero():
    x = torch.cat((values((3, 8)) * 1e-5, torch.zeros(1, 8)))
    ours, theirs = both(x, torch.ones(8), values((4, 8), 2))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-6, atol=2e-6)
    assert not ours[0][-1].any()


def test_the_gradient_is_that_of_differences_in_float64():
    x, gain = values((2, 6)).double(), values((6,), 1).double()
    x32, gain32 = x.float().requires_grad_(), gain.float().requires_grad_()
    (rms_norm(x32, gain32) ** 2).sum().backward()

    def loss(x):
        scale = (x.square().mean(-1, keepdim=True) + torch.finfo(torch.float32).eps).rsqrt()
        return float((x * scale * gain).square().sum())

    assert x32.grad is not None
    step = 1e-6
    for place in range(x.numel()):
        there, back = x.clone(), x.clone()
        there.view(-1)[place] += step
        back.view(-1)[place] -= step
        slope = (loss(there) - loss(back)) / (2 * step)
        assert float(x32.grad.view(-1)[place]) == pytest.approx(slope, rel=1e-3, abs=1e-4)


def test_other_types_go_to_pytorch():
    x = values((3, 8)).to(torch.bfloat16)
    assert torch.equal(rms_norm(x, torch.ones(8).bfloat16()), functional.rms_norm(x, (8,), torch.ones(8).bfloat16()))
