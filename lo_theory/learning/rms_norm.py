"""RMSNorm with its gradient written out: PyTorch's, on a CPU, is a chain of ten operations each of which is kept."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional


def rms_norm(x: Float[Tensor, "*at W"], gain: Float[Tensor, " W"]) -> Float[Tensor, "*at W"]:
    """``x / sqrt(mean(x^2) + eps) * gain``, eps the spacing of ``x``'s type at one (Zhang & Sennrich 2019).

    Differentiable once on a CPU.
    """
    if x.device.type != "cpu" or x.dtype != torch.float32:
        return functional.rms_norm(x, (x.shape[-1],), gain)
    return _RmsNorm.apply(x, gain)


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        scale = norm.square_().div_(x.shape[-1]).add_(torch.finfo(x.dtype).eps).rsqrt_()  # (*at, 1)
        ctx.save_for_backward(x, scale, gain)
        return (x * scale).mul_(gain)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:  # type: ignore[override]
        x, scale, gain = ctx.saved_tensors
        width = x.shape[-1]
        unit = x * scale
        share = grad * unit  # (*at, W): summed over rows the gradient of the gain, along them what leaves x's own way
        along = share.view(-1, width).mv(gain).div_(width).view(scale.shape)
        for_gain = share.view(-1, width).sum(dim=0)
        return (grad * gain).addcmul_(unit, along, value=-1).mul_(scale), for_gain
