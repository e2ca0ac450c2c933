"""Learners of puzzles and what is asked of them: one unit per model, puzzle and seed.

Masked diffusion reads a puzzle cell by cell and may fill it in any order; an autoregressive model writes triples (row,
column, value) in the order that it was trained on. All train in one loop on the same puzzles, and for the same number
of floating-point operations unless their name says otherwise. Reasoners of fixed depth stand beside them, untrained.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from analysis.paper_numbers import LARGE
from analysis.planning.table1_rules import SamplingRule
from analysis.puzzles.answering import PadsBehind, answer
from analysis.puzzles.judging import puzzle_rows
from analysis.puzzles.problems import Boards, Form, Levels, SudokuBoards, SudokuProblem, ZebraBoards, ZebraProblem
from analysis.puzzles.reasoning_order import availability_rows, control_rows, order_control_rows, order_rows
from analysis.puzzles.rules import (
    MARGIN,
    ONE_EACH,
    PAPERS,
    adaptive_rules,
    budgeted_rules,
    one_cell_rules,
    own_order_rule,
)
from analysis.puzzles.solver_order import SolverOrder
from analysis.puzzles.training_rows import training_rows
from analysis.rows import Row, Subject
from analysis.store import unit_key
from generators.codec import fingerprint
from generators.draws import derived_seed
from generators.prompted import Order
from generators.sudoku.forms import SudokuCells
from generators.zebra.forms import ZebraCells
from lo_theory.denoiser import Denoiser
from lo_theory.learning.flops import training_flops
from lo_theory.learning.learners import CausalDenoiser, MaskedDenoiser
from lo_theory.learning.network import Mlp, NetworkConfig, Positions, Transformer
from lo_theory.learning.optimizer import OptimizerName
from lo_theory.learning.patches import PromptPatches
from lo_theory.learning.prompted import AnswerObjective, ContinuationObjective, DeepSupervision
from lo_theory.learning.training import TrainConfig, train
from lo_theory.puzzles.candidates import CandidateDenoiser, Reasoning

MDM, ARM_FIXED, ARM_SOLVER, ARM_RANDOM = "mdm", "arm, fixed order", "arm, solver order", "arm, random order"
GRID, LONG = ", grid embeddings", ", 10 times the operations"
_LONG = 10
PEERS, SINGLES = "peers reasoner", "singles reasoner"
_ORDERS: dict[str, Order] = {ARM_FIXED: "fixed", ARM_SOLVER: "solver", ARM_RANDOM: "random"}
_REASONERS: dict[str, Reasoning] = {PEERS: "peers", SINGLES: "singles"}
_TRAIN, _TEST, _DECODE = 1, 2, 3  # streams of seeds that never meet


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Size and kind of a network."""

    layers: int
    width: int
    heads: int
    hidden: int | None = None
    mlp: Mlp = "gelu"
    positions: Positions = "learned"


@dataclass(frozen=True, kw_only=True)
class PuzzleSetting:
    """Everything that a number depends on, apart from the problem, the learner and the seed.

    Attributes:
        shape: of masked diffusion and of autoregressive models of equal size.
        large: of models called "large"; None: there are none.
        steps: of masked diffusion; autoregressive models take as many as the same number of operations allows.
        batch_size, learning_rate, min_ratio, clip, weight_decay, optimizer: of all, see :class:`TrainConfig`.
        deep_supervision: weight of the inner layers in the loss of all, see :class:`DeepSupervision`.
        mask_draws: of masked diffusion, see :class:`AnswerObjective`.
        whole_clues: a network reads each clue of a Zebra puzzle as one patch, see :class:`PromptPatches`.
        pool: number of training puzzles, see :func:`training_rows`.
        boards: puzzles per test set.
        paper_boards: puzzles of the first test set for the paper's three rules, one cell per call, where intervals
            shall come apart; None: as many as for the others.
        calls: budgets of network calls for the rules that keep one.
        rules: "all" of the suite, or the "paper"'s three.
    """

    shape: Shape
    large: Shape | None = None
    steps: int
    batch_size: int = 64
    learning_rate: float = 2e-3
    min_ratio: float = 0.1
    clip: float = 1.0
    weight_decay: float = 0.1
    optimizer: OptimizerName = "adamw"
    deep_supervision: float = 0.0
    mask_draws: int = 1
    whole_clues: bool = False
    pool: int | None = None
    boards: int = 1000
    paper_boards: int | None = None
    calls: tuple[int, ...] = ()
    rules: Literal["all", "paper"] = "all"


@dataclass(frozen=True, kw_only=True)
class PuzzleUnit:
    """One learner on one problem.

    Attributes:
        model: ``mdm`` or an autoregressive model, plain or with "grid embeddings", "large" or "10 times the operations"
            behind its name, in this order; or a reasoner.
        seed: of weights, training and test puzzles, masks and noise.
    Raises:
        ValueError: no such learner, a reasoner for another puzzle than Sudoku, a large one without a large shape, or
            clues that cannot be read whole.
    """

    problem: SudokuProblem | ZebraProblem
    model: str
    seed: int
    setting: PuzzleSetting

    def __post_init__(self) -> None:
        """Refuse what would stop the run on its way, or train another learner than its name says."""
        if self.model in _REASONERS and not isinstance(self.problem, SudokuProblem):
            raise ValueError(f"a {self.model} knows Sudoku alone; got {self.problem.name}.")
        known = (MDM, *_ORDERS)
        if self.model not in _REASONERS and self._plain not in known:
            raise ValueError(
                f"unknown learner {self.model!r}; there are {', '.join((*known, *_REASONERS))}, the trained ones also "
                f"with {GRID!r}, {LARGE!r} and {LONG!r} behind them, in this order."
            )
        if self.setting.whole_clues:
            self._patches()
        if LARGE in self.model and self.setting.large is None:
            raise ValueError(f"{self.model}: this setting names no large shape; pass PuzzleSetting(large=...).")

    @property
    def label(self) -> str:
        """Problem, model and seed."""
        return f"{self.problem.name}, {self.model}, seed {self.seed}"

    @property
    def seeds(self) -> dict[str, int]:
        """The one seed."""
        return {"seed": self.seed}

    @property
    def order(self) -> Order | None:
        """In which an autoregressive model writes; None for the others."""
        return _ORDERS.get(self._plain)

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Accuracies on every test set by every rule; where any order is free, how it resembles a person's."""
        form = self.problem.form(self.order)
        denoiser = self._denoiser(form, directory, device)
        for name, levels in self.problem.tests.items():
            some = self._boards(levels, self.setting.boards)
            first = name == self.problem.name and self.order is None
            many = self._boards(levels, self.setting.paper_boards) if first and self.setting.paper_boards else some
            about = Subject(
                distribution=name,
                fingerprint=fingerprint({"problem": dataclasses.asdict(self.problem), "levels": list(levels)}),
                model=self.model,
                seed=None if self.model in _REASONERS else self.seed,
            )
            solver = many.solver_order() if self.order is None else None
            for rule in self._rules(form, some):
                close = _is_papers(rule)
                yield from self._tested(denoiser, form, many if close else some, rule, about, solver if close else None)
            if isinstance(many, SudokuBoards) and self.model == SINGLES:
                rng = np.random.default_rng(derived_seed(_DECODE, self.seed))
                yield from control_rows(many.puzzles, many.solutions, rng, about=about)

    def _boards(self, levels: Levels, number: int) -> Boards:
        """The first ones are the same, whatever the number."""
        return self.problem.boards(levels, derived_seed(_TEST, self.seed), number)

    def _tested(
        self,
        denoiser: Denoiser,
        form: Form,
        boards: Boards,
        rule: SamplingRule,
        about: Subject,
        solver: SolverOrder | None,
    ) -> Iterator[Row]:
        answered = answer(denoiser, form, boards, rule.decoder, derived_seed(_DECODE, self.seed))
        judged = boards.judge(form, answered.tokens)
        yield from puzzle_rows(
            judged, about=about, decoder=rule.name, calls=answered.calls, swept=rule.swept, at=rule.at
        )
        if solver is None:
            return
        solved = judged.solved
        if isinstance(boards, ZebraBoards) and (self.model, rule.name) == (MDM, MARGIN):  # once: no reasoner brings it
            rng = np.random.default_rng(derived_seed(_DECODE, self.seed))
            yield from order_control_rows(solver, judged.asked, rng, about=about)
        if not solved.any():
            return
        # On a board with a wrong digit the later reveals follow from it: only solved boards tell of reasons.
        revealed_at = boards.by_cell(form, answered.revealed_at)[solved]
        common = {"about": about, "decoder": rule.name, "calls": answered.calls}
        yield from order_rows(revealed_at, solver.of(solved), **common)
        if isinstance(boards, SudokuBoards):
            yield from availability_rows(boards.puzzles[solved], boards.solutions[solved], revealed_at, **common)

    def _rules(self, form: Form, boards: Boards) -> list[SamplingRule]:
        if self.order is not None:
            return [own_order_rule()]
        most = int((boards.prompt(form, 0, len(boards)) == form.vocabulary).sum(axis=1).max())
        if self.model in _REASONERS or self.setting.rules == "paper":
            return [rule for rule in one_cell_rules(most) if _is_papers(rule)]
        budgets = [rule for calls in self.setting.calls for rule in budgeted_rules(calls)]
        return [*one_cell_rules(most), *budgets, *adaptive_rules()]

    def _denoiser(self, form: Form, directory: Path, device: torch.device) -> Denoiser:
        if self.model in _REASONERS and isinstance(form, SudokuCells):
            return CandidateDenoiser(form.source.size, _REASONERS[self.model])
        network = self._trained(form, directory, device)
        if self.order is None:
            return MaskedDenoiser(network, everywhere=True)
        return PadsBehind(CausalDenoiser(network, np.arange(form.length), remembers=True))

    def _trained(self, form: Form, directory: Path, device: torch.device) -> Transformer:
        """A run that was stopped goes on from its last checkpoint, below ``directory / "training"``."""
        network = Transformer(self.network(form), torch.Generator().manual_seed(self.seed)).to(device)
        setting = self.setting
        source = training_rows(
            form,
            derived_seed(_TRAIN, self.seed),
            batch_size=setting.batch_size,
            pool=setting.pool,
            threads=1 if device.type == "cpu" else os.cpu_count() or 1,
        )
        deep = DeepSupervision(setting.deep_supervision)
        masked = AnswerObjective(draws=setting.mask_draws, deep=deep)
        objective = masked if self.order is None else ContinuationObjective(deep)
        training = TrainConfig(
            steps=self.steps,
            learning_rate=setting.learning_rate,
            min_ratio=setting.min_ratio,
            clip=setting.clip,
            weight_decay=setting.weight_decay,
            optimizer=setting.optimizer,
            seed=self.seed,
        )
        train(network, objective, source, training, directory=directory / "training" / unit_key(self))
        return network

    def network(self, form: Form) -> NetworkConfig:
        """Size and kind of the network that reads ``form``."""
        causal = self.order is not None
        shape = self.setting.large if LARGE in self.model and self.setting.large else self.setting.shape
        grid = self.problem.coordinates(triples=causal) if GRID in self.model else None
        return NetworkConfig(
            length=form.length,
            vocabulary=form.vocabulary,
            causal=causal,
            coordinates=grid,
            patches=self._patches() if self.setting.whole_clues else None,
            **dataclasses.asdict(shape),
        )

    def _patches(self) -> PromptPatches:
        """The clues of a prompt."""
        form = self.problem.form(None)
        if not isinstance(form, ZebraCells) or form.clue_length is None:
            raise ValueError(
                f"{self.problem.name} has no clues of one length, so whole_clues=True cannot cut them out; take a "
                f"ZebraProblem with compact=True."
            )
        return PromptPatches(tokens=form.prompt_length, size=form.clue_length)

    @property
    def steps(self) -> int:
        """Training steps: those of the setting for masked diffusion, as many for an ARM as the same operations allow.

        "10 times the operations" are 10 times as many. A large model takes the steps of the small one, so each costs
        more.
        """
        steps = self.setting.steps * (_LONG if self.model.endswith(LONG) else 1)
        if self.order is None:
            return steps
        own = dataclasses.replace(self, model=self._plain)
        masked = dataclasses.replace(self, model=MDM)
        spent = training_flops(masked.network(self.problem.form(None)))
        return max(1, round(steps * spent / training_flops(own.network(self.problem.form(self.order)))))

    @property
    def _plain(self) -> str:
        """The learner without what is added to it."""
        return self.model.removesuffix(LONG).removesuffix(LARGE).removesuffix(GRID)


def _is_papers(rule: SamplingRule) -> bool:
    """One of the three rules of the paper's tables, one cell per call."""
    return rule.swept == ONE_EACH and rule.name in PAPERS
