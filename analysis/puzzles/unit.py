"""What is asked of a learner of puzzles: one unit per learner, puzzle and seed.

All that are trained go through one loop on the same puzzles, and take the same number of floating-point operations
unless their name says otherwise.
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
from jaxtyping import Float, Int64
from torch import Tensor

from analysis.lab.rows import MDM, Row, Subject
from analysis.lab.store import unit_key
from analysis.puzzles.judging import puzzle_rows
from analysis.puzzles.learner import SINGLES, PuzzleLearner, learner_named
from analysis.puzzles.order.measures import availability_rows, control_rows, order_control_rows, order_rows
from analysis.puzzles.order.solver import SolverOrder
from analysis.puzzles.problems import (
    Boards,
    Form,
    Levels,
    SudokuBoards,
    SudokuProblem,
    ZebraBoards,
    ZebraProblem,
    prompt_batches,
)
from analysis.puzzles.training_rows import training_rows
from generators.ground.codec import fingerprint
from generators.ground.draws import derived_seed
from generators.prompted import Order
from generators.sudoku.forms import SudokuCells
from generators.zebra.forms import ZebraCells
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.learning.flops import training_flops
from lo_theory.learning.network import NetworkConfig, Shape, Transformer
from lo_theory.learning.optimizer import OptimizerName
from lo_theory.learning.patches import PromptPatches
from lo_theory.learning.prompted import AnswerObjective, ContinuationObjective, DeepSupervision
from lo_theory.learning.recipe import train_network
from lo_theory.learning.training import TrainConfig
from lo_theory.puzzles.candidates import CandidateDenoiser
from lo_theory.samplers.batches import decode_batches
from lo_theory.samplers.menu import (
    MARGIN,
    NOISY,
    ONE_EACH,
    PAPERS,
    SamplingRule,
    board_rules,
    one_cell_rules,
    own_order_rule,
    trusting_rules,
)
from lo_theory.samplers.tokens import argmax_token

_TRAIN, _TEST, _DECODE = 1, 2, 3  # streams of seeds that never meet
_CHECKPOINT_EVERY = 200  # steps: two minutes of the longest trainings on a CPU


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
        rules: "all" of the suite, the "paper"'s three, or those and what the paper's "noise" makes of them.
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
    rules: Literal["all", "paper", "noise"] = "all"


@dataclass(frozen=True, kw_only=True)
class PuzzleUnit:
    """One learner on one problem.

    Attributes:
        model: name of a :class:`~analysis.puzzles.learner.PuzzleLearner`.
        seed: of weights, training and test puzzles, masks and noise.
    Raises:
        ValueError: no such learner, a reasoner for another puzzle than Sudoku, a large one without a large shape, clues
            that cannot be read whole, or harder puzzles where there are none or where no solver has an order for them.
    """

    problem: SudokuProblem | ZebraProblem
    model: str
    seed: int
    setting: PuzzleSetting

    def __post_init__(self) -> None:
        """Refuse what would stop the run on its way, or train another learner than its name says."""
        if self.learner.reasoning and not isinstance(self.problem, SudokuProblem):
            raise ValueError(f"a {self.model} knows Sudoku alone; got {self.problem.name}.")
        if self.setting.whole_clues:
            self._patches()
        if self.learner.harder:
            _ = self.form
        if self.learner.large and self.setting.large is None:
            raise ValueError(f"{self.model}: this setting names no large shape; pass PuzzleSetting(large=...).")

    @property
    def label(self) -> str:
        """Problem, model and seed."""
        return f"{self.problem.name}, {self.model}, seed {self.seed}"

    @property
    def learner(self) -> PuzzleLearner:
        """Whose name ``model`` is."""
        return learner_named(self.model)

    @property
    def order(self) -> Order | None:
        """In which an autoregressive model writes; None for the others."""
        return self.learner.order

    @property
    def form(self) -> Form:
        """How its training puzzles are written, and which they are."""
        problem = self.problem
        if not self.learner.harder:
            return problem.form(self.order)
        if problem.hard is None:
            raise ValueError(f"{self.model}: {problem.name} has no harder puzzles here; pass hard=(lowest, highest).")
        return dataclasses.replace(problem, levels=(problem.levels[0], problem.hard[1])).form(self.order)

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Accuracies on every test set by every rule; where any order is free, how it resembles a person's."""
        form = self.form
        denoiser = self._denoiser(form, directory, device)
        for name, levels in self.problem.tests.items():
            some = self._boards(levels, self.setting.boards)
            first = name == self.problem.name and self.order is None
            many = self._boards(levels, self.setting.paper_boards) if first and self.setting.paper_boards else some
            about = Subject(
                distribution=name,
                fingerprint=fingerprint({"problem": dataclasses.asdict(self.problem), "levels": list(levels)}),
                model=self.model,
                seed=None if self.learner.reasoning else self.seed,
            )
            solver = many.solver_order() if self.order is None else None
            for rule in self._rules(form, some):
                close = _is_papers(rule)
                yield from self._tested(denoiser, form, many if close else some, rule, about, solver if close else None)
            if isinstance(many, SudokuBoards) and self.learner == SINGLES:
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
        generator = torch.Generator().manual_seed(derived_seed(_DECODE, self.seed))
        answered = decode_batches(denoiser, prompt_batches(boards, form), rule.decoder, generator)
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
        if self.learner.reasoning or self.setting.rules == "paper":
            return [rule for rule in one_cell_rules(most) if _is_papers(rule)]
        if self.setting.rules == "noise":
            return [rule for rule in one_cell_rules(most) if _is_papers(rule) or rule.name in NOISY]
        budgets = [rule for calls in self.setting.calls for rule in board_rules(calls)]
        return [*one_cell_rules(most), *budgets, *trusting_rules(token=argmax_token)]

    def _denoiser(self, form: Form, directory: Path, device: torch.device) -> Denoiser:
        if self.learner.reasoning and isinstance(form, SudokuCells):
            return CandidateDenoiser(form.source.size, self.learner.reasoning)
        network = self._trained(form, directory, device)
        if self.order is None:
            return MaskedDenoiser(network, everywhere=True)
        return PadsBehind(CausalDenoiser(network, np.arange(form.length), remembers=True))

    def _trained(self, form: Form, directory: Path, device: torch.device) -> Transformer:
        """A run that was stopped goes on from its last checkpoint, below ``directory / "training"``."""
        setting, network = self.setting, self.network(form)
        threads = 1 if device.type == "cpu" else os.cpu_count() or 1
        seed = derived_seed(_TRAIN, self.seed)
        source = training_rows(form, seed, batch_size=setting.batch_size, pool=setting.pool, threads=threads)
        deep = DeepSupervision(setting.deep_supervision)
        masked = AnswerObjective(draws=setting.mask_draws, deep=deep)
        training = TrainConfig(
            steps=self.steps,
            learning_rate=setting.learning_rate,
            min_ratio=setting.min_ratio,
            clip=setting.clip,
            weight_decay=setting.weight_decay,
            optimizer=setting.optimizer,
            seed=self.seed,
            checkpoint_every=_CHECKPOINT_EVERY,
        )
        return train_network(
            network,
            masked if self.order is None else ContinuationObjective(deep),
            source,
            training,
            directory=directory / "training" / unit_key(self),
            device=device,
            coordinates=network.coordinates,
            patches=network.patches,
        ).network

    def network(self, form: Form) -> NetworkConfig:
        """Size and kind of the network that reads ``form``."""
        causal, setting = self.order is not None, self.setting
        shape = setting.large if self.learner.large and setting.large else setting.shape
        return NetworkConfig.of(
            shape,
            length=form.length,
            vocabulary=form.vocabulary,
            causal=causal,
            coordinates=self.problem.coordinates(triples=causal) if self.learner.grid else None,
            patches=self._patches() if setting.whole_clues else None,
        )

    def _patches(self) -> PromptPatches:
        """The clues of a prompt."""
        form = self.problem.form(None)
        if not isinstance(form, ZebraCells) or form.clue_length is None:
            raise ValueError(
                f"{self.problem.name} has no clues of one length, so whole_clues=True cannot cut them out; take a "
                "ZebraProblem with compact=True."
            )
        return PromptPatches(tokens=form.prompt_length, size=form.clue_length)

    @property
    def steps(self) -> int:
        """Training steps: those of the setting for masked diffusion, as many for an ARM as the same operations allow.

        "10 times the operations" are 10 times as many. A large model takes the steps of the small one, so each costs
        more.
        """
        steps = self.setting.steps * self.learner.times
        if self.order is None:
            return steps
        own, masked = (dataclasses.replace(self, model=name) for name in (self.learner.plain.name, MDM))
        spent = training_flops(masked.network(self.problem.form(None)))
        return max(1, round(steps * spent / training_flops(own.network(self.problem.form(self.order)))))


@dataclass(frozen=True, eq=False)
class PadsBehind:
    """A left-to-right model for rows that end with pads, as those of a puzzle smaller than the largest do.

    Pads stand there from the start, and a causal network refuses rows with something visible behind what is hidden.
    It never looks that far, so it is shown masks in their place.

    Attributes:
        inner: the model.
    """

    inner: Denoiser

    @property
    def length(self) -> int:
        """Tokens per row, L."""
        return self.inner.length

    @property
    def vocabulary(self) -> int:
        """Number of tokens, V; the mask id, below the pad id."""
        return self.inner.vocabulary

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """What ``inner`` answers."""
        open_ = (tokens == self.vocabulary).cumsum(dim=1) > 0  # from the first mask on
        return self.inner(tokens.masked_fill(open_ & (tokens == self.vocabulary + 1), self.vocabulary))


def _is_papers(rule: SamplingRule) -> bool:
    """One of the three rules of the paper's tables, one cell per call."""
    return rule.swept == ONE_EACH and rule.name in PAPERS
