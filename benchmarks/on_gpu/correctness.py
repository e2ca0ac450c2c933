"""Whether a GPU computes what the CPU does. Every limit was written down before the first run on a GPU.

A float32 carries 2^-24, 6e-8: sums of some hundred terms in another order differ by about 1e-6. bfloat16 carries 2^-8,
0.4%. What is decided in float64 from the same answers must be decided alike.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.learning.log import StepRecord
from lo_theory.learning.network import Shape, Transformer
from lo_theory.learning.objective import AutoregressiveObjective, MaskedObjective, Objective
from lo_theory.learning.source import FreshRows
from lo_theory.learning.training import TrainConfig, train
from lo_theory.likelihood import chain_nll, monte_carlo_nelbo
from lo_theory.samplers.decoder import Decoder, full_rewrite, in_order, margin, path_planning, remdm, vanilla
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.drawn_confidence import low_confidence
from lo_theory.samplers.named_decoders import NAMED_DECODERS as NAMED
from lo_theory.samplers.remask import capped, rescaled
from lo_theory.samplers.reveal import k_per_step
from lo_theory.samplers.scores import margin_score, random_score, with_annealed_gumbel
from lo_theory.samplers.tokens import argmax_token, top_k_token, top_p_token
from on_gpu.parts import Found, Plan
from on_gpu.shapes import PAPER_19M, SMALL, TINY, distribution, network_of

LOSS, GRADIENT = 1e-5, 1e-4  # relative; the gradient's error in norm
LOSS_BFLOAT16, GRADIENT_BFLOAT16 = 1e-2, 5e-2
LOG_PROB = 1e-4  # nats, of one answer in float32
NATS = 1e-5  # relative, of a row
DECIDED = 0.0  # share of tokens that differ where the answers are the same
DECODED = 0.1  # share of sequences that differ: one of some thousand decisions may lie within rounding
RESUMED_LOSS, RESUMED_WEIGHTS = (
    1e-3,
    1e-2,
)  # relative, after twenty steps; AdamW magnifies rounding where gradients vanish
REPEATED = 0.0  # weights that differ between two runs in deterministic mode

CPU = torch.device("cpu")
TABLE_LENGTH, TABLE_ROWS = 24, 64
VALUES = (3, 9)  # few and many
STEPS = 20


def correctness(plan: Plan) -> Iterator[Found]:
    """Loss, gradients, answers, decisions, likelihoods, resumed and repeated runs."""
    shapes = {"tiny": TINY} if plan.tiny else {"3 x 64": SMALL, "19M": PAPER_19M}
    for name, shape in shapes.items():
        yield from _losses(name, shape, plan)
    shape = TINY if plan.tiny else SMALL
    with deterministic(plan.device):
        yield from _decisions(plan)
        yield from _repeated(shape, plan)
    yield from _answers(shape, plan)
    yield from _resumed(shape, plan)


@contextlib.contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """What has no deterministic algorithm is an error, and all else repeats bit for bit."""
    torch.use_deterministic_algorithms(device.type != "cpu")
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def _losses(name: str, shape: Shape, plan: Plan) -> Iterator[Found]:
    """Relative differences of a loss and of its gradient, in float32 and with bfloat16 products."""
    law = distribution(plan.tiny)
    rows = torch.from_numpy(law.rows(1, 0, 8).astype(np.int64))
    objectives: dict[str, Objective] = {
        "masked": MaskedObjective(),
        "autoregressive": AutoregressiveObjective(np.random.default_rng(0).permutation(law.length)),
    }
    for kind, objective in objectives.items():
        network = network_of(shape, law.length, CPU, causal=objective.causal)
        loss, gradient = _loss_and_gradient(network, objective, rows)
        network.to(plan.device)
        for precision, limits in (("float32", (LOSS, GRADIENT)), ("bfloat16", (LOSS_BFLOAT16, GRADIENT_BFLOAT16))):
            enabled = precision == "bfloat16"
            with torch.autocast(plan.device.type, dtype=torch.bfloat16, enabled=enabled):
                there, gradient_there = _loss_and_gradient(network, objective, rows.to(plan.device))
            about = f"{name}, {kind}, {precision}"
            yield Found(name=f"loss, {about}", value=abs(there - loss) / loss, unit="relative", limit=limits[0])
            away = float((gradient_there - gradient).norm() / gradient.norm())
            yield Found(name=f"gradient, {about}", value=away, unit="relative", limit=limits[1])


def _loss_and_gradient(network: Transformer, objective: Objective, rows: Tensor) -> tuple[float, Tensor]:
    """With masks drawn on the CPU, the same for every device."""
    network.zero_grad()
    loss = objective.loss(network, rows, torch.Generator().manual_seed(0))
    loss.backward()
    parts = [weight.grad.flatten() for weight in network.parameters() if weight.grad is not None]
    return float(loss.detach()), torch.cat(parts).double().cpu()


class Table:
    """Answers made of whole numbers and of everything that is visible, computed on the CPU wherever it is asked."""

    def __init__(self, length: int, vocabulary: int) -> None:
        self.length, self.vocabulary = length, vocabulary

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float64[Tensor, "B L V"]:
        """Log-probabilities at every position."""
        position, value = torch.arange(self.length)[:, None], torch.arange(self.vocabulary)
        known = tokens.cpu()
        visible = (known * torch.arange(1, self.length + 1) * (known < self.vocabulary)).sum(dim=1)[:, None, None]
        weight = 1 + (7919 * position + 4507 * value + 6007 * visible) % 10007
        return (weight / weight.sum(dim=-1, keepdim=True).double()).log().to(tokens.device)


def decoders(length: int) -> dict[str, Decoder]:
    """One of each rule."""
    draw = {"a nucleus": top_p_token(0.7), "the two most likely": top_k_token(2), "the most likely": argmax_token}
    return {
        "vanilla": vanilla(),
        "vanilla in six": vanilla(6),
        **{name: NAMED[name](2) for name in ("margin", "top probability", "negative entropy", "left to right")},
        "noisy log-probability": NAMED["noisy log-probability"](),
        **{name: NAMED[name](6) for name in ("scheduled", "binomial")},
        "fixed order": in_order(np.random.default_rng(0).permutation(length)),
        "threshold": NAMED["threshold"](0.5),
        "entropy bound": NAMED["entropy bound"](0.9),
        "klass": NAMED["klass"](0.1, 0.5),
        "blocks": NAMED["blocks"](vanilla(2), 6, length),
        "random counts": NAMED["random counts"]([4, 8, length - 12]) if length > 12 else NAMED["random counts"]([1, 2]),
        "remdm": remdm(6, capped(0.3)),
        "remdm, doubted": remdm(6, rescaled(1.0), doubted=True),
        "path planning": path_planning(6),
        "full rewrite": full_rewrite(6, noise=0.5),
        "low confidence": low_confidence(6),
        "annealed noise": Decoder(with_annealed_gumbel(margin_score, 0.5), k_per_step(2), argmax_token),
        **{name: Decoder(random_score, k_per_step(2), token) for name, token in draw.items()},
    }


def _decisions(plan: Plan) -> Iterator[Found]:
    """Share of tokens that differ where the answers do not, by every decoder, few and many values."""
    length, rows, alphabets = (8, 2, VALUES[1:]) if plan.tiny else (TABLE_LENGTH, TABLE_ROWS, VALUES)
    for name, decoder in decoders(length).items():
        differing = 0.0
        for values in alphabets:
            prompts = torch.full((rows, length), values)
            prompts[1::2, 2] = 1
            here, there = (
                decode(
                    Table(length, values), prompts.to(device), decoder, torch.Generator().manual_seed(0)
                ).tokens.cpu()
                for device in (CPU, plan.device)
            )
            differing += float((here != there).double().mean()) / len(alphabets)
        yield Found(name=f"decoded by {name}, same answers", value=differing, unit="share of tokens", limit=DECIDED)


@dataclass(frozen=True)
class _Networks:
    """The same weights on any device."""

    shape: Shape
    length: int
    order: Int64[np.ndarray, "L"]

    def masked(self, device: torch.device) -> MaskedDenoiser:
        return MaskedDenoiser(network_of(self.shape, self.length, device))

    def causal(self, device: torch.device) -> CausalDenoiser:
        return CausalDenoiser(network_of(self.shape, self.length, device, causal=True), self.order)

    def remembering(self, device: torch.device) -> CausalDenoiser:
        return CausalDenoiser(network_of(self.shape, self.length, device, causal=True), self.order, remembers=True)


def _answers(shape: Shape, plan: Plan) -> Iterator[Found]:
    """Networks: their answers, likelihoods, and sequences."""
    law = distribution(plan.tiny)
    networks = _Networks(shape, law.length, np.random.default_rng(0).permutation(law.length))
    rows = torch.from_numpy(law.rows(1, 0, 8 if plan.tiny else 64).astype(np.int64))
    places = torch.arange(law.length) % 3 > 0
    masked = rows.masked_fill(places, 2)

    def answers(device: torch.device) -> Tensor:
        return networks.masked(device)(masked.to(device)).cpu()[:, places]

    def along(device: torch.device) -> Tensor:
        return networks.causal(device).chain_log_probs(rows.to(device)).cpu()

    def nats(device: torch.device) -> Tensor:
        draws, moved = torch.Generator().manual_seed(0), rows.to(device)
        sampled = monte_carlo_nelbo(networks.masked(device), moved, 4, draws).nats
        exact = chain_nll(networks.causal(device), moved, networks.order).sum(axis=1)
        return torch.from_numpy(np.concatenate((sampled, exact)))

    for name, ask in (("answers", answers), ("answers along an order", along)):
        away = float((ask(plan.device) - ask(CPU)).abs().max())
        yield Found(name=name, value=away, unit="nats", limit=LOG_PROB)
    away = float((nats(plan.device) / nats(CPU) - 1).abs().max())
    yield Found(name="likelihoods", value=away, unit="relative", limit=NATS)
    yield from _sequences(networks, masked[:16], plan.device)


def _sequences(networks: _Networks, some_given: Int64[Tensor, "B L"], device: torch.device) -> Iterator[Found]:
    """Share of sequences that differ in any token; where all is masked, rotary positions would tie."""
    all_masked = torch.full_like(some_given, 2)
    ways: dict[str, tuple[Callable[[torch.device], Denoiser], Decoder, Tensor]] = {
        "vanilla": (networks.masked, vanilla(20), some_given),
        "margin": (networks.masked, margin(5), some_given),
        "in order": (networks.causal, in_order(networks.order), all_masked),
        "in order, from memory": (networks.remembering, in_order(networks.order), all_masked),
    }
    for name, (make, decoder, prompts) in ways.items():
        here, there = (
            decode(make(place), prompts.to(place), decoder, torch.Generator().manual_seed(0)).tokens.cpu()
            for place in (CPU, device)
        )
        share = float((here != there).any(dim=1).double().mean())
        yield Found(name=f"decoded by {name}, a network", value=share, unit="share of sequences", limit=DECODED)


class _Stopped(Exception):  # noqa: N818 - on purpose
    pass


def _resumed(shape: Shape, plan: Plan) -> Iterator[Found]:
    """A run of which the second half is done on the other device, against one on the CPU."""
    steps = 4 if plan.tiny else STEPS
    config = TrainConfig(steps=steps, checkpoint_every=steps // 2, log_every=steps, precision="float32")
    law = distribution(plan.tiny)
    objective = AutoregressiveObjective(np.arange(law.length))  # draws nothing: generators differ between devices
    source = FreshRows(law, 1, 16)

    def run(device: torch.device, folder: Path, until: int = steps) -> tuple[float, Tensor]:
        network = network_of(shape, law.length, device, causal=True)
        last: list[float] = []

        def step(record: StepRecord) -> None:
            last.append(record.loss_nats)
            if record.step == until < steps:
                raise _Stopped

        with contextlib.suppress(_Stopped):
            train(network, objective, source, config, directory=folder, on_step=step, progress=False)
        return last[-1], _weights(network)

    with tempfile.TemporaryDirectory() as name:
        loss, weights = run(CPU, Path(name) / "whole")
        for number, way in enumerate(((CPU, plan.device), (plan.device, CPU), (plan.device, plan.device))):
            run(way[0], Path(name) / str(number), steps // 2)
            there, moved = run(way[1], Path(name) / str(number))
            about = f"resumed, {way[0].type} then {way[1].type}"
            away = float((moved - weights).norm() / weights.norm())
            yield Found(name=f"{about}: loss", value=abs(there - loss) / loss, unit="relative", limit=RESUMED_LOSS)
            yield Found(name=f"{about}: weights", value=away, unit="relative", limit=RESUMED_WEIGHTS)


def _repeated(shape: Shape, plan: Plan) -> Iterator[Found]:
    """Two runs in deterministic mode, masks drawn on the device."""
    law = distribution(plan.tiny)

    def run(precision: str) -> Tensor:
        network = network_of(shape, law.length, plan.device)
        config = TrainConfig(
            steps=2 if plan.tiny else 5, precision="bfloat16" if precision == "bfloat16" else "float32"
        )
        train(network, MaskedObjective(), FreshRows(law, 1, 16), config, progress=False)
        return _weights(network)

    for precision in ("float32", "bfloat16"):
        differing = float((run(precision) != run(precision)).sum())
        yield Found(name=f"trained twice, {precision}", value=differing, unit="weights that differ", limit=REPEATED)


def _weights(network: Transformer) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in network.parameters()]).double().cpu()
