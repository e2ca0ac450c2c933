"""How matrices are multiplied while a network runs: on a CPU by the faster of two libraries, to the same accuracy.

PyTorch multiplies by Intel's MKL, or by oneDNN where ``torch.set_float32_matmul_precision("medium")`` allows products
of lower accuracy. On AMD's processors MKL's products of narrow matrices reach a third of the rate of oneDNN's, which
are float32 throughout where the processor has no matrix units for bfloat16; on Intel's the two are level
(``benchmarks/training.py``). So the flag is set on AMD's processors whose products stay exact, which is looked at, for
the time of a run, and put back.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch

from lo_theory.learning.choices import PrecisionName

_CPU_INFO = Path("/proc/cpuinfo")


@contextlib.contextmanager
def fast_products(device: torch.device) -> Iterator[None]:
    """Float32 products on a CPU by the faster library; nothing changes elsewhere, or where a user set the flag."""
    gains = device.type == "cpu" and float32_products() == "highest" and _gains()
    if not gains:
        yield
        return
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:  # to what it was, whatever another thread that is under it has read
        torch.set_float32_matmul_precision("highest")


def float32_products() -> str | None:
    """PyTorch's flag, "highest", "high" or "medium"; None where a user set its newer ones, which rule out this one."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return None


def autocast(precision: PrecisionName, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Products in bfloat16 or in float32; ``auto`` is bfloat16 on a GPU that has it. Weights stay as they are."""
    able = device.type == "cuda" and torch.cuda.is_bf16_supported()
    if precision == "bfloat16" or (precision == "auto" and able):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def no_autocast(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Products of factors as they are, within :func:`autocast` too."""
    there = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if there else contextlib.nullcontext()


@contextlib.contextmanager
def matmul_precision(precision: str) -> Iterator[None]:
    """PyTorch's flag for float32 products, "highest", "high" or "medium", for the time of a block."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@cache
def _gains() -> bool:
    """Whether oneDNN is faster here and as accurate."""
    return vendor() == "AuthenticAMD" and products_are_float32()


def matrix_rate(
    device: torch.device,
    *,
    size: int = 1024,
    seconds: float = 0.2,
    dtype: torch.dtype = torch.float32,
    products: int = 1,
) -> float:
    """Floating-point operations per second of products of square matrices, the best of many: what to compare a training
    with. A multiplication and an addition are two.

    Args:
        products: between two looks at the clock, for which a GPU is waited for.
    """
    left = torch.rand(size, size, device=device, dtype=dtype, generator=torch.Generator(device).manual_seed(0))
    best, until = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < until or best == math.inf:
        start = time.perf_counter()
        for _ in range(products - 1):
            torch.mm(left, left)
        torch.mm(left, left)[0, 0].item()
        best = min(best, time.perf_counter() - start)
    return products * 2 * size**3 / best


def vendor() -> str:
    """Who made the processor, as the system names it, such as ``GenuineIntel``; empty where it does not say."""
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")), "")


def products_are_float32() -> bool:
    """Whether a product under "medium" keeps the 24 bits of float32, of which bfloat16 has 8."""
    left = torch.full((256, 64), 1.0 + 2.0**-12)  # rounds to 1 in bfloat16
    with matmul_precision("medium"):
        return bool(((left @ left.T) > 64.0).all())
