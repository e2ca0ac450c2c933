"""Attention: PyTorch's fused kernel, or three plain products where these are faster on a CPU.

The fused kernel works tile by tile, and a tile costs much the same however narrow the head and short the sequence are.
While ``torch.set_float32_matmul_precision`` is not "highest", its small products leave MKL for oneDNN one by one, and
it becomes five to ten times slower at any length. In bfloat16 it is so with its gradient, whatever the flag, and plain
products are the fastest of all, softmax included; where no gradient is wanted the kernel is. But of few keys, where
rows of a softmax cost more than products, float32 is. ``benchmarks/training.py`` has the figures.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from lo_theory.learning.products import float32_products, no_autocast

_NARROW = 32  # widths of a head up to this one
_SHORT = 64  # keys up to this number: plain products win at 24, are level at 81 and lose at 300
_SHORTER = 48  # keys up to this number: float32 wins over bfloat16
_LONG = 1024  # keys up to this number: a plain softmax of more takes too much memory


def attention(
    query: Float[Tensor, "B H M D"],
    key: Float[Tensor, "B H T D"],
    value: Float[Tensor, "B H T D"],
    *,
    causal: bool = False,
    visible: Bool[Tensor, "M T"] | None = None,
) -> Float[Tensor, "B H M D"]:
    """Softmax of ``query key^T / sqrt(D)`` over the keys, times the values.

    Args:
        causal: query t sees keys 0..t; as many queries as keys, and no ``visible``.
        visible: which keys each query sees, at least one; None: all.
    """
    if not _plain(query, key):
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=visible, is_causal=causal)
    if query.dtype != torch.bfloat16:
        return _products(query, key, value, causal, visible)
    with no_autocast(query.device):  # which would take every softmax to float32
        if key.shape[2] > _SHORTER:
            return _products(query, key, value, causal, visible)
        return _products(query.float(), key.float(), value.float(), causal, visible).to(query.dtype)


def _products(query: Tensor, key: Tensor, value: Tensor, causal: bool, visible: Tensor | None) -> Tensor:
    if causal:
        visible = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool, device=query.device).tril()
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)  # (B, H, M, T)
    if visible is not None:
        scores = scores.masked_fill(~visible, -torch.inf)
    return scores.softmax(dim=-1).to(value.dtype) @ value


def _plain(query: Tensor, key: Tensor) -> bool:
    """By shape, by whether a gradient is wanted, and by a flag that a run sets once: the same wherever it resumes."""
    if query.device.type != "cpu":
        return False
    if query.dtype == torch.bfloat16:
        return key.shape[2] <= (_LONG if torch.is_grad_enabled() else _SHORTER)
    if query.shape[-1] > _NARROW:
        return False
    return key.shape[2] <= _SHORT or float32_products() in ("high", "medium")
