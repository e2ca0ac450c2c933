"""Training recipes for order accuracy: one change at a time, equal data and nearly equal FLOPs.

The number that Table 1 asks for depends on training more than on anything else. Each recipe differs from the first in
what its name says. What did not help stays in the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from analysis.lab.experiment import ScaleName
from analysis.lab.rows import MDM, Row
from analysis.measures.order_accuracy import AGREEMENT, WHOLE
from analysis.measures.rule_sweep import Table1Unit
from analysis.measures.setting import Setting

EXPERIMENT_NAME = "recipes"
BASE, FEW_FIRST, LATENTS_FIRST = "base", "curriculum over 60%", "latents visible at first"
DEEPER, DEEPER_BRIEFER = f"{LATENTS_FIRST}, 6 layers", f"{LATENTS_FIRST}, 6 layers, half the steps"
DEEPER_VISIBLE_KEYS = f"{LATENTS_FIRST}, 6 layers, keys from visible tokens"
DEEPER_NATURAL_KEYS = f"{LATENTS_FIRST} and alone keys, 6 layers"
LOOPED = f"{LATENTS_FIRST}, 2 layers, run 3 times, asked each time"
CHANGES: dict[str, dict[str, Any]] = {
    BASE: {},
    FEW_FIRST: {"curriculum": 0.6},
    "likelihood weighting": {"weighting": "likelihood"},
    "rotary positions": {"positions": "rotary"},
    "half the learning rate": {"learning_rate": 2e-3},
    "4 heads": {"heads": 4},
    "2 layers, width 80": {"layers": 2, "width": 80, "heads": 10},
    "5 layers, width 48": {"layers": 5, "width": 48, "heads": 6},
    LATENTS_FIRST: {"latents_first": 0.2},
    DEEPER: {"latents_first": 0.2, "layers": 6},
    DEEPER_BRIEFER: {"latents_first": 0.2, "layers": 6, "steps": 1000},
    LOOPED: {"latents_first": 0.2, "layers": 2, "loops": 3, "deep_supervision": 0.5},
    DEEPER_VISIBLE_KEYS: {"latents_first": 0.2, "layers": 6, "keys": "visible"},
    DEEPER_NATURAL_KEYS: {"latents_first": 0.2, "layers": 6, "natural_keys": "visible"},
    "one layer, run 3 times": {"layers": 1, "loops": 3},
    "inner layers asked": {"deep_supervision": 0.2},
    "one layer, run 3 times, asked each time": {"layers": 1, "loops": 3, "deep_supervision": 0.2},
}
_DEEPER = (DEEPER, DEEPER_BRIEFER, LOOPED, DEEPER_VISIBLE_KEYS, DEEPER_NATURAL_KEYS)
_AT_EQUAL_STEPS = tuple(name for name in CHANGES if name not in _DEEPER)


@dataclass(frozen=True, kw_only=True)
class RecipesSize:
    """What is trained, and how often.

    Attributes:
        base: the setting that recipes change.
        seeds: training runs per recipe.
        recipes: keys of ``CHANGES``.
    """

    base: Setting
    seeds: int
    recipes: tuple[str, ...]


def _base(n_latents: int, n_observations: int, steps: int) -> Setting:
    return Setting(n_latents=n_latents, n_observations=n_observations, steps=steps, generated=1000)


SIZES: dict[ScaleName, RecipesSize] = {
    "smoke": RecipesSize(base=_base(4, 12, 300), seeds=1, recipes=(BASE, FEW_FIRST, "rotary positions")),
    "small": RecipesSize(base=_base(6, 18, 2000), seeds=2, recipes=_AT_EQUAL_STEPS),
    "long": RecipesSize(
        base=replace(_base(20, 80, 2000), heads=4, optimizer="muon", min_ratio=0.02),
        seeds=1,
        recipes=(BASE, FEW_FIRST, LATENTS_FIRST, *_DEEPER),
    ),
    "paper": RecipesSize(base=_base(8, 24, 10_000), seeds=5, recipes=_AT_EQUAL_STEPS),
}


@dataclass(frozen=True, kw_only=True)
class RecipeUnit:
    """One training run and its agreement under vanilla and margin, one token per call.

    Attributes:
        recipe: a key of ``CHANGES``.
        seed: of everything but the distribution.
        base: the setting that the recipe changes.
    """

    recipe: str
    seed: int
    base: Setting

    @property
    def label(self) -> str:
        """Recipe and seed."""
        return f"{self.recipe}, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """The rows of Table 1 with one token per call, named by the recipe."""
        setting = replace(self.base, **CHANGES[self.recipe])
        unit = Table1Unit(model=MDM, seed=self.seed, setting=setting, rules="paper")
        for row in unit.measure(directory, device):
            if row.at == setting.length and row.metric in (AGREEMENT, WHOLE):
                yield replace(row, experiment=EXPERIMENT_NAME, model=self.recipe)


def units(size: RecipesSize) -> list[RecipeUnit]:
    """One per recipe and seed."""
    return [RecipeUnit(recipe=name, seed=seed, base=size.base) for seed in range(size.seeds) for name in size.recipes]
