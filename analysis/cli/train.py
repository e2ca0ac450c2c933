"""``lo-theory train``: one network on one distribution."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from analysis.cli.families import Family
from lo_theory.learning.choices import OptimizerName, PrecisionName, Shape
from lo_theory.orders import OrderName

Learner = Literal["mdm", OrderName]


@dataclass(frozen=True)
class OfData:
    """The one that --data was written from; need not be typed."""

    def build(self) -> None:
        """Nothing: the dataset has it."""


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train a masked diffusion model, an autoregressive model or a pi-learner. Started again, it goes on.

    Attributes:
        distribution: what to learn; its options follow its name. With --data it may be left out.
        out: directory of the checkpoint, the log and the distribution.
        learner: "mdm", or the order of an autoregressive learner: "natural", "reversed", or a random one.
        order_seed: which random order.
        network: its size.
        steps: updates.
        batch_size: sequences per update.
        optimizer: "adamw", or "muon" for the matrices inside the blocks beside AdamW for the rest (torch 2.9 or newer).
        learning_rate: peak of warm-up and cosine.
        precision: "float32"; "bfloat16" for the products, faster on a processor with matrix units for it and slower on
            another; "auto" is the latter on a GPU that has them, else the former.
        loss: of an MDM: "per-mask" averages over masked tokens, "likelihood" is the paper's weighting.
        data: a written dataset to learn from, epoch after epoch in an order that --seed fixes.
        split: which split of it; "train" if it has splits.
        train_rows: a fixed training set of so many rows; fresh rows at every step if not given.
        sample_seed: names the training rows; those of --data have a seed already.
        seed: of initial weights and masks, and of the order of fixed rows.
        device: such as cpu or cuda.
        processes: so many train it together, each on one thread or on a GPU of its own; torchrun says it by itself.
        restart: throw away the checkpoint in the directory instead of going on from it.
        quiet: show no progress; what was trained is said all the same.
    """

    distribution: Family | OfData = OfData()
    out: Path
    data: Path | None = None
    split: str | None = None
    learner: Learner = "mdm"
    order_seed: int = 0
    network: Shape = field(default_factory=Shape)
    steps: int = 1000
    batch_size: int = 128
    optimizer: OptimizerName = "adamw"
    learning_rate: float = 6e-3
    precision: PrecisionName = "auto"
    loss: Literal["per-mask", "likelihood"] = "per-mask"
    train_rows: int | None = None
    sample_seed: int = 1
    seed: int = 0
    device: str = "cpu"
    processes: int = 1
    restart: bool = False
    quiet: bool = False

    def run(self) -> None:
        """Train, and say where the checkpoint is."""
        from analysis.cli.processes import train_in_processes

        said = train_in_processes(self)
        if said:
            print(said)
