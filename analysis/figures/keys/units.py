"""Masked networks whose attention sees all tokens, and such whose hidden tokens are no key for others.

Both have the same weights, data, masks and steps. Three subproblems are told apart: an observation whose latents are
all visible is computed; another one, and a latent, are inferred from observations that are visible, which hidden tokens
could do together only if they were keys. On Sudoku what counts is the share of boards that are solved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from analysis.figures.keys.plateau import EXPERIMENT_NAME, WORDS, PlateauUnit, plateau_units
from analysis.lab.experiment import ScaleName
from analysis.lab.rows import MDM, Row
from analysis.measures.learner import LearnerUnit, masked_denoiser
from analysis.measures.setting import DISTRIBUTIONS, Setting
from analysis.measures.subproblems import subproblem_errors
from analysis.puzzles.judging import BOARD
from analysis.puzzles.learner import MASKED
from analysis.puzzles.problems import SudokuProblem
from analysis.puzzles.scales import ONE_AT_A_TIME, TINY
from analysis.puzzles.unit import PuzzleSetting, PuzzleUnit
from lo_theory.samplers.menu import MARGIN, VANILLA


@dataclass(frozen=True, kw_only=True)
class KeysUnit(LearnerUnit):
    """Task errors of one network at the end of its training, under uniform masks of every size."""

    @property
    def label(self) -> str:
        """Distribution, keys and seed."""
        return f"{self.distribution}, {WORDS[self.setting.keys]}, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """KL(posterior || network) of each subproblem."""
        distribution = self.build()
        about = replace(self.about(distribution), model=WORDS[self.setting.keys])
        denoiser = masked_denoiser(self, distribution, directory, device)
        yield from subproblem_errors(self, distribution, denoiser, about=about, experiment=EXPERIMENT_NAME)


@dataclass(frozen=True, kw_only=True)
class KeysPuzzleUnit:
    """Boards that one network solves, one cell per call."""

    problem: SudokuProblem
    seed: int
    setting: PuzzleSetting

    @property
    def label(self) -> str:
        """Problem, keys and seed."""
        return f"{self.problem.name}, {WORDS[self.setting.shape.keys]}, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """The share of solved boards by margin and in random order."""
        unit = PuzzleUnit(problem=self.problem, model=MASKED.name, seed=self.seed, setting=self.setting)
        for row in unit.measure(directory, device):
            single = row.swept in ONE_AT_A_TIME and row.at == 1.0
            if row.metric == BOARD and row.decoder in (MARGIN, VANILLA) and single:
                yield replace(row, experiment=EXPERIMENT_NAME, model=WORDS[self.setting.shape.keys])


@dataclass(frozen=True, kw_only=True)
class KeysSize:
    """What is trained.

    Attributes:
        setting: of the L&O networks.
        distributions: keys of ``DISTRIBUTIONS``.
        plateau: of the networks that meet the natural order alone.
        observations: values of P for these.
        problem, puzzles: the Sudoku and its networks; None: there are none.
        seeds: training runs of each.
    """

    setting: Setting
    distributions: tuple[str, ...]
    plateau: Setting
    observations: tuple[int, ...]
    problem: SudokuProblem | None = None
    puzzles: PuzzleSetting | None = None
    seeds: int


_SETTING = Setting(
    n_latents=8, n_observations=16, layers=3, width=64, heads=4, batch_size=256, steps=500, masked_counts=12,
    task_samples=256,
)  # fmt: skip
_PLATEAU = Setting(
    n_latents=10, n_observations=0, layers=3, width=64, heads=4, steps=2000, optimizer="muon", min_ratio=0.02
)  # fmt: skip
_PUZZLES = PuzzleSetting(shape=TINY, steps=1000, rules="paper")

SIZES: dict[ScaleName, KeysSize] = {
    "smoke": KeysSize(
        setting=replace(_SETTING, batch_size=64, steps=200, masked_counts=6),
        distributions=("NAE-SAT",),
        plateau=replace(_PLATEAU, n_latents=6),
        observations=(12, 48),
        seeds=1,
    ),
    "small": KeysSize(
        setting=_SETTING,
        distributions=tuple(DISTRIBUTIONS),
        plateau=_PLATEAU,
        observations=(20, 60, 190),
        problem=SudokuProblem(side=4, clues=5, test_share=0.25),
        puzzles=_PUZZLES,
        seeds=3,
    ),
    "paper": KeysSize(
        setting=replace(_SETTING, n_latents=20, n_observations=80, layers=6, steps=10_000),
        distributions=tuple(DISTRIBUTIONS),
        plateau=replace(_PLATEAU, n_latents=20, layers=6, steps=10_000),
        observations=(40, 120, 280),
        problem=SudokuProblem(side=6, hard=(9, 9)),
        puzzles=replace(_PUZZLES, steps=10_000, pool=100_000),
        seeds=5,
    ),
}


def units(size: KeysSize) -> list[KeysUnit | PlateauUnit | KeysPuzzleUnit]:
    """One per keys, distribution, size or puzzle, and seed."""
    plateau = plateau_units(size.plateau, size.observations, size.seeds)
    networks = [
        KeysUnit(distribution=name, model=MDM, seed=seed, setting=replace(size.setting, keys=keys))
        for name in size.distributions
        for seed in range(size.seeds)
        for keys in WORDS
    ]
    if size.problem is None or size.puzzles is None:
        return [*networks, *plateau]
    puzzles = [
        KeysPuzzleUnit(
            problem=size.problem,
            seed=seed,
            setting=replace(size.puzzles, shape=replace(size.puzzles.shape, keys=keys)),
        )
        for seed in range(size.seeds)
        for keys in WORDS
    ]
    return [*networks, *plateau, *puzzles]
