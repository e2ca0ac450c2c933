"""Sizes of distributions, networks and measurements: the scales of one experiment.

``small`` has the sizes of ``smoke``, so that its three seeds say how far a single run may be trusted; in one directory
the two share finished units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from analysis.lab.experiment import ScaleName
from generators.distribution import LODistribution
from generators.families import local_hash, nae_sat, random_logic
from generators.ground.later import later
from lo_theory.learning.choices import Keys, PrecisionName
from lo_theory.learning.network import Shape
from lo_theory.learning.optimizer import OptimizerName


@dataclass(frozen=True, kw_only=True)
class Setting(Shape):
    """Everything that a measured number depends on, apart from which distribution, which learner and which seed.

    The :class:`Shape` in it is that of every network, whatever it learns.

    Attributes:
        n_latents, n_observations, arity: size of each distribution; ``arity`` latents are read by an observation.
        structure_seed: fixes every distribution.
        heads: of attention.
        steps, batch_size, learning_rate: of every training run: equal model, equal FLOPs.
        optimizer, min_ratio, weight_decay: of every training run, see ``lo_theory.learning.training.TrainConfig``.
        precision: of every training run, see ``TrainConfig``; what is measured is measured in float32.
        weighting: of the masked objective, see ``lo_theory.learning.objective``.
        curriculum: share of the training in which masks grow from few to all; 0 for none.
        latents_first: share of the training with all latents visible, see ``curriculum.LatentsFirst``; 0 for none.
        natural_keys: of attention in the rows with all latents visible, see ``LatentsFirst``.
        deep_supervision: weight of the inner layers or loops in the masked objective, see ``DeepSupervision``.
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
    heads: int = 8
    steps: int
    batch_size: int = 64
    learning_rate: float = 4e-3
    optimizer: OptimizerName = later("adamw")  # noqa: RUF009 - a field, as dataclasses.field makes one
    min_ratio: float = later(0.1)
    weight_decay: float = later(0.1)
    precision: PrecisionName = later("auto")  # noqa: RUF009
    weighting: Literal["per_mask", "likelihood"] = "per_mask"
    curriculum: float = 0.0
    latents_first: float = later(0.0)
    natural_keys: Keys = later("all")  # noqa: RUF009
    deep_supervision: float = later(0.0)
    test_rows: int = 1024
    orders_per_row: int = 1
    task_samples: int = 512
    masked_counts: int = 24
    generated: int = 1024
    call_divisors: tuple[int, ...] = (1, 2, 4)

    @property
    def length(self) -> int:
        """L = N + P."""
        return self.n_latents + self.n_observations


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Two settings and how often they are repeated.

    Attributes:
        planning: of the masked diffusion model whose task errors and generated sequences are shown: small enough to be
            learned well.
        learning: of all learners whose likelihood gaps are compared, at equal FLOPs: large enough that a hard order is
            not simply memorised.
        seeds: training runs per learner; each has its own initial weights, training rows, masks and test rows.
        permutations: pi-learners per kind of order.
        only_map: nothing but the task errors of ``planning`` on NAE-SAT, in pieces; the rest is not measured.
    """

    planning: Setting
    learning: Setting
    seeds: int
    permutations: int
    only_map: bool = False


_PAPER_NETWORK: dict[str, Any] = {
    "n_latents": 20,
    "n_observations": 280,
    "layers": 8,
    "width": 384,
    "heads": 6,
    "hidden": 1536,
    "mlp": "swiglu",
    "positions": "rotary",
    "batch_size": 256,
    "learning_rate": 4e-4,
    "test_rows": 1024,
    "task_samples": 128,
    "masked_counts": 20,
    "generated": 256,
    "call_divisors": (1, 2, 6, 15, 30),
}

_SMALL_PLANNING = Setting(
    n_latents=5, n_observations=15, steps=2200, test_rows=512, task_samples=400, masked_counts=20, generated=1024
)
_SMALL_LEARNING = Setting(n_latents=10, n_observations=20, steps=500)

SCALES: dict[ScaleName, Scale] = {
    "smoke": Scale(planning=_SMALL_PLANNING, learning=_SMALL_LEARNING, seeds=1, permutations=1),
    "small": Scale(planning=_SMALL_PLANNING, learning=_SMALL_LEARNING, seeds=3, permutations=2),
    "paper": Scale(
        planning=Setting(**_PAPER_NETWORK, steps=50_000),
        learning=Setting(**_PAPER_NETWORK, steps=10_000),
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
