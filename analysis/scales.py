"""Three scales of one experiment: the same code, another row of numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from generators.distribution import LODistribution
from generators.families import local_hash, nae_sat, random_logic
from lo_theory.network import Mlp, Positions

ScaleName = Literal["smoke", "small", "paper"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Everything that a measured number depends on, apart from which distribution, which learner and which seed.

    Attributes:
        n_latents, n_observations, arity: size of each distribution; ``arity`` latents are read by an observation.
        structure_seed: fixes every distribution.
        layers, width, heads, hidden, mlp, positions: of every network, whatever it learns.
        steps, batch_size, learning_rate: of every training run: equal model, equal FLOPs.
        test_rows: sequences behind a likelihood.
        orders_per_row: random orders per sequence behind the order-averaged likelihood of the MDM.
        task_samples: sequences per number of masked tokens behind a task error.
        masked_counts: how many numbers of masked tokens the heatmap shows, evenly spaced from 1 to L.
        generated: sequences behind an agreement.
        call_divisors: decoding in L, L/2, ... network calls, L divided by each of these.
    """

    n_latents: int
    n_observations: int
    arity: int = 3
    structure_seed: int = 0
    layers: int = 3
    width: int = 64
    heads: int = 4
    hidden: int | None = None
    mlp: Mlp = "gelu"
    positions: Positions = "learned"
    steps: int
    batch_size: int
    learning_rate: float = 3e-3
    test_rows: int
    orders_per_row: int = 1
    task_samples: int
    masked_counts: int
    generated: int
    call_divisors: tuple[int, ...] = (1, 2, 4, 8)

    @property
    def length(self) -> int:
        """L = N + P."""
        return self.n_latents + self.n_observations


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A setting and how often it is repeated.

    Attributes:
        seeds: training runs per learner; each has its own initial weights, training rows and masks.
        permutations: pi-learners per kind of order.
    """

    setting: Setting
    seeds: int
    permutations: int


SCALES: dict[ScaleName, Scale] = {
    "smoke": Scale(
        setting=Setting(
            n_latents=6,
            n_observations=18,
            steps=1000,
            batch_size=128,
            test_rows=2048,
            task_samples=512,
            masked_counts=24,
            generated=1024,
        ),
        seeds=1,
        permutations=1,
    ),
    "small": Scale(
        setting=Setting(
            n_latents=8,
            n_observations=40,
            steps=2500,
            batch_size=128,
            width=96,
            heads=6,
            test_rows=2048,
            task_samples=1024,
            masked_counts=24,
            generated=1024,
        ),
        seeds=3,
        permutations=1,
    ),
    "paper": Scale(
        setting=Setting(
            n_latents=20,
            n_observations=280,
            layers=8,
            width=384,
            heads=6,
            hidden=1536,
            mlp="swiglu",
            positions="rotary",
            steps=50_000,
            batch_size=256,
            learning_rate=4e-4,
            test_rows=1024,
            task_samples=128,
            masked_counts=20,
            generated=256,
            call_divisors=(1, 2, 6, 15, 30),
        ),
        seeds=3,
        permutations=3,
    ),
}


Family = Callable[[Setting], LODistribution]

DISTRIBUTIONS: dict[str, Family] = {
    "NAE-SAT": lambda s: nae_sat(s.n_latents, s.n_observations, arity=s.arity, structure_seed=s.structure_seed),
    "local hash": lambda s: local_hash(s.n_latents, s.n_observations, arity=s.arity, structure_seed=s.structure_seed),
    "logic rules": lambda s: random_logic(
        s.n_latents, s.n_observations, arity=s.arity, structure_seed=s.structure_seed
    ),
}
"""The three distributions of the hardness experiment, all with bits and a uniform prior."""
