"""What a second process brings in training: ``python benchmarks/processes.py [A B C]``. Prints a table, writes nothing.

Two processes of one thread each, which train alone and together in turns within one run, so that whatever else the
machine does meets both; the ratio is that of the medians. Wall-clock time says what a second core brings where both are
quiet, and the load of the machine is printed beside it. The processor time of the slower process per step leaves out
what others take and also what is waited for: a bound that a busy machine can still measure. ``DDP`` is PyTorch's
DistributedDataParallel on the same rows, which exchanges gradients while the backward pass still runs.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import time
from typing import NamedTuple

import torch
from torch.nn.parallel import DistributedDataParallel

from generators.ground.together import Member, run_together
from lo_theory.learning.choices import OptimizerName
from lo_theory.learning.distributed import ALONE, Team, joined
from lo_theory.learning.masking import stratified_count_masks
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import MaskedObjective, per_mask
from lo_theory.learning.optimizer import build_optimizers, update_weights
from lo_theory.learning.source import FixedRows
from lo_theory.learning.training import TrainConfig, train

ROUNDS, STEPS = 3, 5  # in turns; the first step of each is not counted
GOAL = 1.7  # at B, wall-clock time on two quiet cores


class Shape(NamedTuple):
    """A network, its batch and its optimizer."""

    layers: int
    width: int
    heads: int
    length: int
    batch: int
    optimizer: OptimizerName

    def network(self) -> Transformer:
        """With the same weights in every process."""
        config = NetworkConfig(length=self.length, vocabulary=2, layers=self.layers, width=self.width, heads=self.heads)
        return Transformer(config, torch.Generator().manual_seed(0))

    def rows(self) -> FixedRows:
        """Random bits."""
        bits = torch.randint(2, (4 * self.batch, self.length), generator=torch.Generator().manual_seed(1)).numpy()
        return FixedRows(bits, "0" * 16, 2, self.batch)


SHAPES = {
    "A": [Shape(3, 64, 4, 24, 256, "adamw")],
    "B": [Shape(6, 256, 8, 300, 32, "adamw"), Shape(6, 256, 8, 300, 32, "muon")],
    "C": [Shape(5, 64, 4, 81, 64, "muon")],
}


def main() -> None:
    """Measure and print."""
    print(f"{'shape, optimizer':<24}{'how':<8}{'alone, s':>10}{'two, s':>10}{'ratio':>8}{'processor':>11}   load")
    for name in sys.argv[1:] or SHAPES:
        for shape in SHAPES[name]:
            for how in ("ours", "DDP"):
                load = os.getloadavg()[0]
                (alone, together), (spent_alone, spent) = run_together(measure, (shape, how), processes=2)
                row = f"{f'{name} {shape.layers} x {shape.width}, {shape.optimizer}':<24}{how:<8}"
                row += f"{alone:>10.3f}{together:>10.3f}{alone / together:>8.2f}{spent_alone / spent:>11.2f}"
                print(f"{row}   {load:.1f} to {os.getloadavg()[0]:.1f}", flush=True)
    print(f"goal: {GOAL} at B by the wall, on two quiet cores")


def measure(member: Member, shape: Shape, how: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Median seconds of a step (alone, together), by the wall and by the processor of the slower process."""
    with joined(member, torch.device("cpu")) as team:
        alone, together = list[tuple[float, float]](), list[tuple[float, float]]()
        for _ in range(ROUNDS):
            if team.first:
                alone += timed(shape, ALONE)
            team.sum(torch.zeros(1))
            together += timed(shape, team) if how == "ours" else timed_ddp(shape, team)
        slower = torch.zeros(team.size, len(together), dtype=torch.float64)
        slower[team.rank] = torch.tensor([processor for _, processor in together])
        team.sum(slower)
    if not team.first:
        return (0.0, 0.0), (0.0, 0.0)
    wall = median(alone, 0), median(together, 0)
    return wall, (median(alone, 1), float(slower.amax(dim=0).median()))


def median(steps: list[tuple[float, float]], which: int) -> float:
    """Of the wall's seconds, or of the processor's."""
    return statistics.median(step[which] for step in steps)


def timed(shape: Shape, team: Team) -> list[tuple[float, float]]:
    """(wall, processor) seconds of some steps of our loop."""
    ends = list[tuple[float, float]]()
    train(
        shape.network(),
        MaskedObjective(per_mask),
        shape.rows(),
        TrainConfig(steps=STEPS, optimizer=shape.optimizer),
        team=team,
        on_step=lambda _: ends.append((time.perf_counter(), time.process_time())),
    )
    return differences(ends)


def timed_ddp(shape: Shape, team: Team) -> list[tuple[float, float]]:
    """(wall, processor) seconds of some steps of a loop with DistributedDataParallel, each process with its rows."""
    network, rows = shape.network(), shape.rows()
    parallel = DistributedDataParallel(network)
    optimizers = build_optimizers(network, shape.optimizer, rate=lambda _: 1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    draws = torch.Generator().manual_seed(0)
    ends = list[tuple[float, float]]()
    for step in range(STEPS):
        masks = stratified_count_masks(shape.batch, shape.length, draws).hidden[team.rank :: team.size]
        own = rows.batch(step)[team.rank :: team.size]
        logits = parallel(own.masked_fill(masks, network.config.mask_id), masks)
        loss = torch.nn.functional.cross_entropy(logits, own[masks])
        network.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        update_weights(optimizers, step)
        ends.append((time.perf_counter(), time.process_time()))
    return differences(ends)


def differences(ends: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Seconds between each and the one before."""
    return [(end[0] - start[0], end[1] - start[1]) for start, end in itertools.pairwise(ends)]


if __name__ == "__main__":
    main()
