"""Training at the paper's two sizes as a share of the chip's matrix rate, and how fast sequences are decoded."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from analysis.lab.provenance import device_name
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.learning.flops import training_flops
from lo_theory.learning.log import StepRecord
from lo_theory.learning.memory import weight_count
from lo_theory.learning.network import Shape, Transformer
from lo_theory.learning.objective import MaskedObjective
from lo_theory.learning.products import matmul_precision, matrix_rate
from lo_theory.learning.source import FreshRows
from lo_theory.learning.training import TrainConfig, train
from lo_theory.samplers.decoder import Decoder, in_order, margin, vanilla
from lo_theory.samplers.decoding import decode
from on_gpu.parts import Found, Measure, Plan
from on_gpu.shapes import PAPER_19M, PAPER_170M, TINY, config_of, distribution, network_of

WARM_UP = 5  # steps that are not counted
MOST_STEPS = 200
COUNTED_ROWS = 16
SQUARES = (4096, 8192)  # sizes of the products behind the chip's rate
DECODED_ROWS = 256


class _Enough(Exception):  # noqa: N818 - on purpose
    pass


def chip_rate(plan: Plan, seconds: float = 2.0) -> float:
    """Floating-point operations per second of square products in the precision of training; the best of many."""
    dtype = torch.bfloat16 if plan.device.type == "cuda" else torch.float32
    sizes, each = ((64,), 0.01) if plan.tiny else (SQUARES, seconds / len(SQUARES))
    return max(matrix_rate(plan.device, size=size, seconds=each, dtype=dtype, products=5) for size in sizes)


def training_at(name: str, shape: Shape, batch: int) -> Measure:
    """The part that trains a network of this shape."""
    return partial(_training, name, shape, batch)


def _training(name: str, shape: Shape, batch: int, plan: Plan) -> Iterator[Found]:
    """Steps of ``train`` itself, rows drawn as it goes; half the batch as long as it does not fit."""
    rate = chip_rate(plan)
    note = f"square products, the best of many; {device_name(plan.device)}"
    yield Found(name="matrix rate", value=rate / 1e12, unit="Tflop/s", note=note)
    shape, batch = (TINY, 4) if plan.tiny else (shape, batch)
    batch, seconds, executed = _fitting(shape, batch, plan)
    law = distribution(plan.tiny)
    config = config_of(shape, law.length)
    about = f"{weight_count(config) / 1e6:.1f}M weights, L {law.length}, batch {batch}"
    counted = batch * training_flops(config)
    yield Found(name=f"step of {name}", value=seconds * 1e3, unit="ms", note=about)
    yield Found(name=f"tokens trained, {name}", value=batch * law.length / seconds, unit="1/s", note=about)
    for how, flops in (("operations of the shape", counted), ("operations that are run", executed)):
        yield Found(name=f"share of the matrix rate, {name}", value=flops / seconds / rate, note=how)
    if plan.device.type == "cuda":
        yield Found(name=f"memory, {name}", value=torch.cuda.max_memory_allocated() / 2**30, unit="GiB", note=about)


def _fitting(shape: Shape, batch: int, plan: Plan) -> tuple[int, float, int]:
    """(batch, and what :func:`steps_of` says of it), the batch halved until the device has room for it."""
    law = distribution(plan.tiny)
    until, most = time.monotonic() + 0.8 * plan.left(), 3 if plan.tiny else MOST_STEPS
    while True:
        with contextlib.suppress(torch.cuda.OutOfMemoryError):
            network = network_of(shape, law.length, plan.device)
            return batch, *steps_of(network, FreshRows(law, 1, batch), until, most)
        if batch == 1:
            raise RuntimeError("not even one sequence fits into the device's memory")
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        batch //= 2


def steps_of(network: Transformer, source: FreshRows, until: float, most: int) -> tuple[float, int]:
    """(median seconds of a step, operations of one as PyTorch counts them); at least one step is counted."""
    marks: list[float] = []

    def step(record: StepRecord) -> None:
        marks.append(time.perf_counter())  # the device has done all but this step's update
        if len(marks) > WARM_UP + 1 and time.monotonic() > until:
            raise _Enough

    config = TrainConfig(steps=WARM_UP + 1 + most, learning_rate=4e-4)
    with contextlib.suppress(_Enough):
        train(network, MaskedObjective(), source, config, on_step=step, progress=False)
    median = statistics.median(b - a for a, b in zip(marks[WARM_UP:], marks[WARM_UP + 1 :], strict=False))
    return median, executed_flops(network, source)


def executed_flops(network: Transformer, source: FreshRows) -> int:
    """Operations of a step's products as PyTorch counts them, from those of a few rows: their masks have all sizes."""
    device = next(network.parameters()).device
    rows = source.batch(0)[:COUNTED_ROWS].to(device)
    with FlopCounterMode(display=False) as counter:
        MaskedObjective().loss(network, rows, torch.Generator(device).manual_seed(0)).backward()
    network.zero_grad()
    return counter.get_total_flops() * source.batch_size // len(rows)


def decoding(plan: Plan) -> Iterator[Found]:
    """Generated tokens per second at the 19M shape, tokens on the device."""
    shape, rows = (TINY, 4) if plan.tiny else (PAPER_19M, DECODED_ROWS)
    law = distribution(plan.tiny)
    length, order = law.length, np.arange(law.length)
    masked = MaskedDenoiser(network_of(shape, length, plan.device))
    causal = CausalDenoiser(network_of(shape, length, plan.device, causal=True), order, remembers=True)
    tasks: list[tuple[str, Denoiser, Decoder, str]] = [
        ("margin, ten tokens a call", masked, margin(10), "highest"),
        ("margin, ten tokens a call, TF32", masked, margin(10), "high"),
        ("in order, from memory", causal, in_order(order), "highest"),
        ("margin, a token a call, TF32", masked, margin(), "high"),
        ("vanilla, a token a call, TF32", masked, vanilla(), "high"),
        ("margin, a token a call", masked, margin(), "highest"),
    ]
    for number, (name, denoiser, decoder, precision) in enumerate(tasks):
        ends = time.monotonic() + plan.left() / (len(tasks) - number)
        with matmul_precision(precision):
            rate, done = _tokens_per_second(denoiser, decoder, rows, plan.device, ends)
        note = f"L {length}, a batch of {done}" if done else "no time was left"
        yield Found(name=f"decoded, {name}", value=rate if done else None, unit="tokens/s", note=note)


def _tokens_per_second(
    denoiser: Denoiser, decoder: Decoder, rows: int, device: torch.device, ends: float
) -> tuple[float, int]:
    """(rate, batch), of the largest batch up to ``rows`` that there is time for; small ones warm up."""
    rate, done, seconds = math.nan, 0, 0.0
    for batch in (max(1, rows // 16), max(1, rows // 16), max(1, rows // 4), rows):
        if time.monotonic() + seconds * batch / max(done, 1) > ends:
            break
        prompts = torch.full((batch, denoiser.length), denoiser.vocabulary, device=device)
        started = time.perf_counter()
        decode(denoiser, prompts, decoder, torch.Generator().manual_seed(0))
        wait_for(device)
        seconds, done = time.perf_counter() - started, batch
        rate = batch * denoiser.length / seconds
    return rate, done


def wait_for(device: torch.device) -> None:
    """Until the device has done all it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


TRAINED: dict[str, tuple[Shape, int]] = {"19M": (PAPER_19M, 256), "170M": (PAPER_170M, 128)}
"""Shapes and the batches that are tried first."""
