"""Attention as plain products is that of PyTorch's kernel, forward and backward, and is taken where it should be."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from lo_theory.learning import attention as module
from lo_theory.learning.attention import attention
from lo_theory.learning.products import matmul_precision

SHORT, LONG = 24, 70
CASES = {"all": {}, "causal": {"causal": True}, "visible": {"visible": True}}


def heads(length: int, width: int = 8) -> tuple[torch.Tensor, ...]:
    draws = torch.Generator().manual_seed(0)
    return tuple(
        torch.randn(2, 3, length, width, generator=draws, dtype=torch.float64).requires_grad_() for _ in range(3)
    )


def fused(query, key, value, *, causal=False, visible=None):
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=visible, is_causal=causal)


def seen(length: int) -> torch.Tensor:
    random = torch.rand(length, length, generator=torch.Generator().manual_seed(1)) < 0.5
    return random | torch.eye(length, dtype=torch.bool)


@pytest.mark.parametrize("case", CASES)
def test_plain_products_are_the_kernel_forward_and_backward(case):
    options = {name: seen(SHORT) if name == "visible" else value for name, value in CASES[case].items()}
    results = []
    for function in (attention, fused):
        parts = heads(SHORT)
        answer = function(*parts, **options)
        answer.square().sum().backward()
        results.append((answer, *(part.grad for part in parts)))
    for plain, kernel in zip(*results, strict=True):
        torch.testing.assert_close(plain, kernel, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("length", [SHORT, LONG])
@pytest.mark.parametrize("case", CASES)
def test_in_bfloat16_it_is_as_near_to_the_truth_as_the_kernel(case, length):
    """Eight bits: what rounds differs, how much does not. Short ones are in float32 within, so nearer."""
    options = {name: seen(length) if name == "visible" else value for name, value in CASES[case].items()}
    exact = heads(length, 16)
    truth = fused(*exact, **options)
    wanted = (truth, *torch.autograd.grad(truth.square().sum(), exact))
    errors = []
    for function in (attention, fused):
        parts = [part.detach().bfloat16().requires_grad_() for part in exact]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            answer = function(*parts, **options)
        assert answer.dtype == torch.bfloat16
        found = (answer, *torch.autograd.grad(answer.square().sum(), parts))
        errors.append(
            [
                float((one - true).detach().norm() / true.detach().norm())
                for one, true in zip(found, wanted, strict=True)
            ]
        )
    ours, kernels = errors
    assert max(ours) < 0.03
    assert all(one < 2.5 * other for one, other in zip(ours, kernels, strict=True))


def uses_kernel(monkeypatch, length, width, dtype=torch.float64) -> bool:
    asked = []
    monkeypatch.setattr(
        module.functional, "scaled_dot_product_attention", lambda query, *_, **__: asked.append(1) or query
    )
    attention(*(part.detach().to(dtype) for part in heads(length, width)))
    return bool(asked)


@pytest.mark.parametrize(
    ("length", "width", "precision", "kernel"),
    [
        (SHORT, 16, "highest", False),
        (LONG, 16, "highest", True),
        (SHORT, 64, "highest", True),
        (LONG, 16, "medium", False),  # where the kernel is a trap
        (LONG, 64, "medium", True),
    ],
)
def test_which_is_taken_in_float32_depends_on_shape_and_flag_alone(monkeypatch, length, width, precision, kernel):
    with matmul_precision(precision):
        assert uses_kernel(monkeypatch, length, width) == kernel
        with torch.no_grad():
            assert uses_kernel(monkeypatch, length, width) == kernel


@pytest.mark.parametrize(("length", "width", "kernel"), [(SHORT, 64, False), (LONG, 64, False), (1025, 8, True)])
def test_in_bfloat16_plain_products_up_to_a_length(monkeypatch, length, width, kernel):
    assert uses_kernel(monkeypatch, length, width, torch.bfloat16) == kernel


@pytest.mark.parametrize(("length", "kernel"), [(SHORT, False), (LONG, True)])
def test_without_a_gradient_only_few_keys_are_multiplied_plainly(monkeypatch, length, kernel):
    with torch.no_grad():
        assert uses_kernel(monkeypatch, length, 64, torch.bfloat16) == kernel
