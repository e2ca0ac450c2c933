"""Training recipes for order accuracy: one change at a time, equal data and nearly equal FLOPs.

The number that Table 1 asks for depends on training more than on anything else. Each recipe differs from the first in
what its name says. What did not help stays in the table.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from analysis.experiment import run_units, write_tables
from analysis.networks.learners import MDM
from analysis.networks.order_accuracy import AGREEMENT, WHOLE
from analysis.planning.table1 import Table1Unit
from analysis.plots.recipes import draw_recipes
from analysis.plots.style import SavedFigure, save_figure
from analysis.report import FigureItem, Report, Section, TableItem, show, write_report
from analysis.rows import Row, combine_seeds
from analysis.scales import ScaleName, Setting
from analysis.store import StoredUnit

EXPERIMENT = "recipes"
_COUNTED = {AGREEMENT: "tokens", WHOLE: "sequences"}
BASE = "base"
CHANGES: dict[str, dict[str, Any]] = {
    BASE: {},
    "curriculum over 60%": {"curriculum": 0.6},
    "likelihood weighting": {"weighting": "likelihood"},
    "rotary positions": {"positions": "rotary"},
    "half the learning rate": {"learning_rate": 2e-3},
    "4 heads": {"heads": 4},
    "2 layers, width 80": {"layers": 2, "width": 80, "heads": 10},
    "5 layers, width 48": {"layers": 5, "width": 48, "heads": 6},
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

    @property
    def seeds(self) -> dict[str, int]:
        """Of the structure and of everything else."""
        return {"structure_seed": self.base.structure_seed, "seed": self.seed}

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """The rows of Table 1 with one token per call, named by the recipe."""
        setting = replace(self.base, **CHANGES[self.recipe])
        unit = Table1Unit(model=MDM, seed=self.seed, setting=setting, rules="paper")
        for row in unit.measure(directory, device):
            if row.at == setting.length and row.metric in (AGREEMENT, WHOLE):
                yield replace(row, experiment=EXPERIMENT, model=self.recipe)


_SCALES: dict[ScaleName, tuple[int, int, int, int, tuple[str, ...]]] = {
    "smoke": (4, 12, 300, 1, (BASE, "curriculum over 60%", "rotary positions")),
    "small": (6, 18, 2000, 2, tuple(CHANGES)),
    "paper": (8, 24, 10_000, 5, tuple(CHANGES)),
}


@dataclass(frozen=True, kw_only=True)
class RecipesExperiment:
    """All recipes with several seeds.

    Attributes:
        scale: N, P, steps, seeds and which recipes; ``paper`` is longer training of somewhat larger sequences.
        directory: for rows, checkpoints, figure and report; finished units in it are kept and skipped.
        jobs: units computed at once; all processors if not given.
        device: of the networks.
    """

    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"

    @property
    def units(self) -> list[RecipeUnit]:
        """One per recipe and seed."""
        n, p, steps, seeds, names = _SCALES[self.scale]
        base = Setting(n_latents=n, n_observations=p, steps=steps, generated=1000)
        return [RecipeUnit(recipe=name, seed=seed, base=base) for seed in range(seeds) for name in names]

    def run(self) -> Path:
        """Train what is missing, draw the figure, write table and report; returns the report's file."""
        started = time.perf_counter()
        name = f"recipes {self.scale}"
        units = run_units(self.units, self.directory, name=name, jobs=self.jobs, device=self.device)
        rows = [row for unit in units for row in unit.rows]
        write_tables(units, self.directory / "tables")
        figure = save_figure(draw_recipes(rows, BASE), self.directory / "figures", "recipes")
        return write_report(
            self.directory, _report(rows, units, figure, self.scale, (time.perf_counter() - started) / 60)
        )


def _report(
    rows: Sequence[Row], units: Sequence[StoredUnit], figure: SavedFigure, scale: ScaleName, minutes: float
) -> Report:
    n, p, steps, seeds, names = _SCALES[scale]
    means = combine_seeds(rows)
    found = {(row.model, row.metric, row.decoder): row for row in means}
    single = {(row.model, row.metric, row.decoder, row.seed): row.value for row in rows}
    columns = [(metric, rule) for metric in (AGREEMENT, WHOLE) for rule in ("margin", "vanilla")]
    return Report(
        title="Training recipes for order accuracy",
        summary=[
            f"NAE-SAT ({n}, {p}), {steps} steps of 64 sequences, {seeds} seeds; every recipe changes one thing of the "
            "base: 3 layers of width 64, 8 heads, GELU, learned positions, learning rate 4e-3, every masked token "
            "weighted alike, numbers of masks uniform throughout.",
            "Seeds share distribution, training rows and masks between recipes, so differences at equal seed are "
            "paired; still, few seeds separate only large differences.",
        ],
        scale=scale,
        minutes=minutes,
        sections=[
            Section(
                title="Agreement by recipe",
                figures=[
                    FigureItem(
                        path=figure.svg,
                        caption="Share of generated observations that agree with the generated latents, one token per "
                        "call. Points are seeds, bars means.",
                        alt="Rows of recipes with points for seeds, by margin and by vanilla.",
                    )
                ],
                tables=[
                    TableItem(
                        caption="Means over seeds with 95% intervals, and margin's agreement by seed.",
                        header=[
                            "recipe",
                            *(
                                f"{rule}, {'tokens' if metric == AGREEMENT else 'sequences'}"
                                for metric, rule in columns
                            ),
                            *(f"margin, seed {seed}" for seed in range(seeds)),
                        ],
                        rows=[
                            [
                                name,
                                *(show(found[name, metric, rule], 4) for metric, rule in columns),
                                *(f"{single[name, AGREEMENT, 'margin', seed]:.4f}" for seed in range(seeds)),
                            ]
                            for name in names
                        ],
                    )
                ],
            )
        ],
        units=units,
        caveats=["FLOPs differ by up to a quarter between shapes of the network; data and steps do not."],
    )
