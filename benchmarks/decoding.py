"""What decoding adds to the network: ``python benchmarks/decoding.py``. Prints tables and writes nothing.

Three clocks run in one pass over the same work, so whatever else the machine does slows them alike: the network alone
(logits at the masked positions), around it the denoiser (log-softmax, answers put in their places), around it the
decoder (scores, choices, draws, trace). The 1.0 of every ratio is the network; "answers" and "decoder" are what the
other two add. Processor time on one thread, medians over repetitions. "One per step" visits a few moments of a run of
300 steps, "10 calls" is a whole run. Tokens per second count generated tokens, not given ones.

The goal is for the two values of the experiments and for the shape of the paper's 19M network at any number of them.
Beside a network of width 64, arrays of 512 values for each position are no small matter whoever handles them.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, or its threads are there already

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import MaskedDenoiser
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.samplers.decoder import Decoder, margin, top_probability, vanilla
from lo_theory.samplers.decoding import DecodingState, advance, decode
from lo_theory.samplers.reveal import scheduled
from lo_theory.samplers.scores import margin_score, top_probability_score
from lo_theory.samplers.tokens import sample_token

LENGTH, BATCH, CALLS = 300, 64, 10
MASKED = (300, 225, 150, 75, 15)  # moments of a run with one token per step
MANY, FEW_ROWS = (32, 512), 8
GOAL = 1.05  # times the network

ONE_PER_STEP = {"vanilla": vanilla(), "top probability": top_probability(), "margin": margin()}
TEN_CALLS = {
    "vanilla": vanilla(CALLS),
    "top probability": Decoder(top_probability_score, scheduled(CALLS), sample_token()),
    "margin": Decoder(margin_score, scheduled(CALLS), sample_token()),
}


class Clocked:
    """A denoiser with one clock around it and one around its network, in processor seconds."""

    def __init__(self, denoiser: MaskedDenoiser) -> None:
        self.denoiser, self.length, self.vocabulary = denoiser, denoiser.length, denoiser.vocabulary
        self.answers = self.network = self._started = 0.0
        denoiser.network.register_forward_pre_hook(self._start)
        denoiser.network.register_forward_hook(self._stop)

    def __call__(self, tokens: Tensor) -> Tensor:
        """The denoiser's answers."""
        start = time.process_time()
        answers = self.denoiser(tokens)
        self.answers += time.process_time() - start
        return answers

    def _start(self, network: nn.Module, inputs: object) -> None:
        self._started = time.process_time()

    def _stop(self, network: nn.Module, inputs: object, logits: object) -> None:
        self.network += time.process_time() - self._started


@dataclass(frozen=True)
class Cost:
    """Seconds of decoding; of the denoiser, within them; of the network, within those."""

    decoding: float
    denoiser: float
    network: float

    @property
    def shares(self) -> tuple[float, float]:
        """What putting logits in place and what the decoder add to the network, as shares of it."""
        return (self.denoiser - self.network) / self.network, (self.decoding - self.denoiser) / self.network


def denoiser_of(vocabulary: int, config: NetworkConfig | None = None) -> Clocked:
    """By default three layers of width 64; with a random head, since with the untrained one every score is tied."""
    draws = torch.Generator().manual_seed(0)
    small = NetworkConfig(length=LENGTH, vocabulary=vocabulary, layers=3, width=64, heads=4)
    network = Transformer(config or small, draws)
    nn.init.normal_(network.head, std=0.1, generator=draws)
    return Clocked(MaskedDenoiser(network))


def paper_shape(vocabulary: int) -> NetworkConfig:
    """The paper's 19M network (section 2.2)."""
    return NetworkConfig(
        length=LENGTH,
        vocabulary=vocabulary,
        layers=8,
        width=384,
        heads=6,
        hidden=1536,
        mlp="swiglu",
        positions="rotary",
    )


def partly_masked(vocabulary: int, masked: int, rows: int) -> Tensor:
    """(B, L) random tokens, ``masked`` of every row hidden at random."""
    draws = torch.Generator().manual_seed(1)
    tokens = torch.randint(vocabulary, (rows, LENGTH), generator=draws)
    rank = torch.rand(rows, LENGTH, generator=draws).argsort(dim=1).argsort(dim=1)
    return tokens.masked_fill(rank < masked, vocabulary)


def measured(run: Callable[[Denoiser], object], denoiser: Clocked) -> Cost:
    """One call of ``run``, its three clocks read."""
    denoiser.answers = denoiser.network = 0.0
    start = time.process_time()
    run(denoiser)
    return Cost(time.process_time() - start, denoiser.answers, denoiser.network)


def together(costs: Iterable[Cost]) -> Cost:
    """The sum of several."""
    parts = tuple(costs)
    return Cost(*(sum(getattr(part, name) for part in parts) for name in ("decoding", "denoiser", "network")))


def one_per_step(denoiser: Clocked, decoder: Decoder, rows: int) -> Cost:
    """A step at each of the moments of ``MASKED``."""

    def step_from(masked: int) -> Callable[[Denoiser], object]:
        tokens = partly_masked(denoiser.vocabulary, masked, rows)
        state = DecodingState(tokens, tokens != denoiser.vocabulary)
        return lambda asked: advance(asked, state, decoder, torch.Generator().manual_seed(2))

    return together(measured(step_from(masked), denoiser) for masked in MASKED)


def whole_run(denoiser: Clocked, decoder: Decoder) -> Cost:
    """A run from all masks."""
    tokens = torch.full((BATCH, LENGTH), denoiser.vocabulary)
    return measured(lambda asked: decode(asked, tokens, decoder, torch.Generator().manual_seed(3)), denoiser)


def leaving(denoiser: Clocked) -> tuple[int, float]:
    """(calls on rows if none left, share of them that is made) for prompts of all lengths, margin, 32 per step."""
    tokens = torch.zeros(BATCH, LENGTH, dtype=torch.int64)
    for row in range(BATCH):
        tokens[row, (row + 1) * LENGTH // BATCH - LENGTH :] = denoiser.vocabulary
    trace = decode(denoiser, tokens.flip(0), margin(32), torch.Generator().manual_seed(4)).trace
    return trace.calls * BATCH, trace.row_calls / (trace.calls * BATCH)


def show(name: str, calls: int, generated: int, costs: list[Cost]) -> float:
    """One line; the ratio. ``calls`` and ``generated``: of the denoiser and tokens, within each of the costs."""
    seconds = statistics.median(cost.decoding for cost in costs)
    answers, decoder = (statistics.median(parts) for parts in zip(*(cost.shares for cost in costs), strict=True))
    ratio = statistics.median(cost.decoding / cost.network for cost in costs)
    per_call, rate = 1e3 * seconds / calls, generated / seconds
    print(f"  {name:<38}{per_call:>10.1f}{rate:>10.0f}{answers:>9.1%}{decoder:>9.1%}{ratio:>8.3f}")
    return ratio


def show_steps(name: str, denoiser: Clocked, decoder: Decoder, rows: int = BATCH) -> float:
    """The line of one token per step."""
    costs = [one_per_step(denoiser, decoder, rows) for _ in range(5)]
    return show(f"{name}, one per step", len(MASKED), len(MASKED) * rows, costs)


def show_run(name: str, denoiser: Clocked, decoder: Decoder) -> float:
    """The line of a run of ten calls."""
    costs = [whole_run(denoiser, decoder) for _ in range(3)]
    return show(f"{name}, {CALLS} calls", CALLS, BATCH * LENGTH, costs)


@torch.no_grad()
def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    denoiser, ratios = denoiser_of(2), []
    title = f"L = {LENGTH}, batch {BATCH}, width 64, 3 layers"
    print(f"{title:<40}{'ms a call':>10}{'tokens/s':>10}{'answers':>9}{'decoder':>9}{'ratio':>8}")
    for name, decoder in ONE_PER_STEP.items():
        ratios.append(show_steps(name, denoiser, decoder))
    for name, decoder in TEN_CALLS.items():
        ratios.append(show_run(name, denoiser, decoder))
    for vocabulary in MANY:
        small = denoiser_of(vocabulary)
        show_steps(f"margin, {vocabulary} values", small, ONE_PER_STEP["margin"])
        show_run(f"margin, {vocabulary} values", small, TEN_CALLS["margin"])
    most = MANY[-1]
    paper = denoiser_of(most, paper_shape(most))
    print(f"the paper's shape, width 384, 8 layers, batch {FEW_ROWS}")
    ratios.append(show_steps(f"margin, {most} values", paper, ONE_PER_STEP["margin"], FEW_ROWS))
    possible, made = leaving(denoiser)
    print(f"\nprompts of all lengths: {made:.0%} of {possible} calls on rows are made, finished rows leave the batch")
    reached = "reached" if max(ratios) <= GOAL else "MISSED"
    print(f"two values, or the 19M network: at most {max(ratios):.3f} times the network; goal {GOAL}: {reached}")


if __name__ == "__main__":
    main()
