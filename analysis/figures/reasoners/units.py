"""Reasoners of fixed depth on 9x9 Sudokus: every order, noise on the scores, budgets of calls.

A reasoner answers each cell uniformly over the digits that it cannot exclude. So all that a rule decides is which cell
is guessed when nothing is certain, and, with noise on the scores, how often it guesses although something is. Both
are counted along the solution (:mod:`analysis.figures.reasoners.solution_path`), without drawing a digit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from analysis.figures.reasoners.menu import GIVENS_TOO, NOISY, ORDERS, SETS, SOLVABLE, PromptedReasoner, call_rules
from analysis.figures.reasoners.rows import ANNEALED, CONSTANT, EXPERIMENT_NAME, PathWriter
from analysis.figures.reasoners.solution_path import ScoreNoise, SolutionPath, follow_solution
from analysis.lab.experiment import ScaleName
from analysis.lab.rows import Row, Subject
from analysis.puzzles.judging import Judgement, judge_sudoku, puzzle_rows
from analysis.puzzles.problems import Levels
from generators.ground.codec import fingerprint
from generators.ground.draws import derived_seed
from generators.sudoku.create import SudokuSource
from generators.sudoku.forms import SudokuCells
from lo_theory.puzzles.candidates import CandidateDenoiser, Reasoning
from lo_theory.samplers.batches import Sequences, gather
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import Decoded, decode
from lo_theory.samplers.menu import LEFT_TO_RIGHT, MARGIN, ONE_EACH, PAPERS, TOP, VANILLA
from lo_theory.samplers.reveal import one_per_step
from lo_theory.samplers.tokens import sample_token

Schedule = Literal["constant noise", "annealed noise"]
COEFFICIENTS = (0.0, 0.02, 0.05, 0.07, 0.1, 0.2, 0.5, 1.0)
CALLS = (10, 25, 50)
_PUZZLES, _NOISE, _DRAWS = 1, 2, 3  # streams of seeds that never meet
_BATCH = 500
_FEW = (VANILLA, LEFT_TO_RIGHT, TOP, MARGIN)  # orders of the dear reasoner
_CHEAP: tuple[Reasoning, ...] = ("singles", "peers")
_DEAR_NOISE = (0.0, 0.5)


@dataclass(frozen=True, kw_only=True)
class ReasonersSize:
    """How many boards of each set are decoded.

    Attributes:
        boards: by the reasoners that look for singles.
        dear_boards: by the one with strategies.
    """

    boards: int
    dear_boards: int


SIZES: dict[ScaleName, ReasonersSize] = {
    "smoke": ReasonersSize(boards=400, dear_boards=100),
    "small": ReasonersSize(boards=2000, dear_boards=400),
    "paper": ReasonersSize(boards=10_000, dear_boards=2000),
}


@dataclass(frozen=True, eq=False)
class _Boards:
    """Test puzzles as arrays, digits and tokens, and what rows say of them."""

    source: SudokuSource
    about: Subject
    puzzles: UInt8[np.ndarray, "n L"]
    solutions: UInt8[np.ndarray, "n L"]
    tokens: Int64[np.ndarray, "n L"]

    @property
    def masks(self) -> int:
        """Largest number of empty cells."""
        return int((self.puzzles == 0).sum(axis=1).max())

    def follow(
        self, denoiser: CandidateDenoiser, name: str, seed: int, noise: ScoreNoise | None = None
    ) -> SolutionPath:
        """Along the solutions in the order of that name."""
        solutions = self.solutions.astype(np.int64) - 1
        return follow_solution(denoiser, self.tokens, solutions, ORDERS[name], derived_seed(_NOISE, seed), noise)

    def decode(
        self, reasoner: CandidateDenoiser, decoder: Decoder, seed: int, *, givens_too: bool = False
    ) -> Sequences:
        """Digits by the decoder; with ``givens_too`` on empty boards, the puzzles being a prompt."""
        generator = torch.Generator().manual_seed(derived_seed(_DRAWS, seed))

        def filled(prompt: Int64[Tensor, "B L"]) -> Decoded:
            if not givens_too:
                return decode(reasoner, prompt, decoder, generator)
            empty = torch.full_like(prompt, reasoner.vocabulary)
            return decode(PromptedReasoner(reasoner, prompt), empty, decoder, generator, keep_finished=True)

        return gather(filled(prompt) for prompt in torch.from_numpy(self.tokens).split(_BATCH))

    def judge(self, tokens: Int64[np.ndarray, "n L"]) -> Judgement:
        """Against the solutions."""
        return judge_sudoku(self.puzzles, self.solutions, SudokuCells(self.source).read(tokens))


@dataclass(frozen=True, kw_only=True)
class OrderUnit:
    """One reasoner on one set of puzzles, one cell per call, in every order.

    Attributes:
        reasoning: its depth.
        levels: of the puzzles.
        boards: how many.
        seed: of puzzles, random orders and drawn digits.
        everything: all orders, else four of them and fewer digits drawn.
    """

    reasoning: Reasoning
    levels: Levels
    boards: int
    seed: int = 0
    everything: bool = True

    @property
    def label(self) -> str:
        """Reasoner and set."""
        return f"{self.reasoning}, {_set_name(self.levels)}, every order"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Chance of solving and the account of its guesses; for some orders the share solved with drawn digits."""
        boards, denoiser = _reasoned(self.reasoning, self.levels, self.boards, self.seed)
        paths = {name: boards.follow(denoiser, name, self.seed) for name in (ORDERS if self.everything else _FEW)}
        for name, path in paths.items():
            write = PathWriter(boards.about, name, ONE_EACH, 1.0)
            yield from write.solving(path, paths[TOP])
            yield from write.account(path)
        for name in PAPERS if self.everything else (TOP,):
            yield from self._drawn(boards, denoiser, name, paths[name])

    def _drawn(self, boards: _Boards, denoiser: CandidateDenoiser, name: str, path: SolutionPath) -> Iterator[Row]:
        decoder = Decoder(ORDERS[name], one_per_step(), sample_token())
        decoded = boards.decode(denoiser, decoder, self.seed)
        judged = boards.judge(decoded.tokens)
        yield from puzzle_rows(
            judged, about=boards.about, decoder=name, calls=decoded.calls, swept=ONE_EACH, at=1.0,
            experiment=EXPERIMENT_NAME,
        )  # fmt: skip
        yield PathWriter(boards.about, name, ONE_EACH, 1.0).sampled(judged.solved, path)


@dataclass(frozen=True, kw_only=True)
class NoiseUnit:
    """One reasoner on one set of puzzles under Gumbel noise, one cell per call.

    Attributes:
        reasoning, levels, boards, seed: as :class:`OrderUnit`; the puzzles are the same.
        schedule: the coefficient stays, or falls with the masks that are left.
        coefficients: of the noise.
    """

    reasoning: Reasoning
    levels: Levels
    boards: int
    schedule: Schedule
    coefficients: tuple[float, ...] = COEFFICIENTS
    seed: int = 0

    @property
    def label(self) -> str:
        """Reasoner, set and schedule."""
        return f"{self.reasoning}, {_set_name(self.levels)}, {self.schedule}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Chance of solving, what forced and early guesses cost, early guesses beside their prediction."""
        boards, denoiser = _reasoned(self.reasoning, self.levels, self.boards, self.seed)
        for coefficient in self.coefficients:
            noise = ScoreNoise(coefficient, boards.masks if self.schedule == ANNEALED else None)
            paths = {name: boards.follow(denoiser, name, self.seed, noise) for name in NOISY}
            for name, path in paths.items():
                write = PathWriter(boards.about, name, self.schedule, coefficient)
                yield from write.solving(path, paths[TOP])
                yield from write.noise(path)


@dataclass(frozen=True, kw_only=True)
class CallsUnit:
    """One reasoner on one set of puzzles under budgets of calls, the reference code's full rewrite among the rules.

    Attributes:
        reasoning, levels, boards, seed: as :class:`OrderUnit`; the puzzles are the same.
        calls: budgets; one call per empty cell of the emptiest board is added.
    """

    reasoning: Reasoning
    levels: Levels
    boards: int
    calls: tuple[int, ...] = CALLS
    seed: int = 0

    @property
    def label(self) -> str:
        """Reasoner and set."""
        return f"{self.reasoning}, {_set_name(self.levels)}, budgets of calls"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Boards solved, and how often a digit was masked again."""
        boards, denoiser = _reasoned(self.reasoning, self.levels, self.boards, self.seed)
        for steps in (*self.calls, boards.masks):
            for rule in call_rules(steps, boards.masks):
                decoded = boards.decode(denoiser, rule.decoder, self.seed, givens_too=rule.name == GIVENS_TOO)
                yield from puzzle_rows(
                    boards.judge(decoded.tokens), about=boards.about, decoder=rule.name, calls=decoded.calls,
                    swept=rule.swept, at=rule.at, experiment=EXPERIMENT_NAME,
                )  # fmt: skip
                if rule.decoder.revises:
                    write = PathWriter(boards.about, rule.name, rule.swept, rule.at)
                    yield write.remasked(decoded.remasked.astype(float))


def units(size: ReasonersSize) -> list[OrderUnit | NoiseUnit | CallsUnit]:
    """Three reasoners on four sets; noise and budgets of calls for one reasoner and one set. The longest first."""
    solvable, many, few = SETS[SOLVABLE], size.boards, size.dear_boards
    schedules: tuple[Schedule, ...] = (CONSTANT, ANNEALED)
    return [
        *(NoiseUnit(reasoning="singles", levels=solvable, boards=many, schedule=schedule) for schedule in schedules),
        NoiseUnit(reasoning="strategies", levels=solvable, boards=few, schedule=ANNEALED, coefficients=_DEAR_NOISE),
        CallsUnit(reasoning="singles", levels=solvable, boards=many),
        *(OrderUnit(reasoning="strategies", levels=levels, boards=few, everything=False) for levels in SETS.values()),
        *(OrderUnit(reasoning=name, levels=levels, boards=many) for name in _CHEAP for levels in SETS.values()),
    ]


def _reasoned(reasoning: Reasoning, levels: Levels, n: int, seed: int) -> tuple[_Boards, CandidateDenoiser]:
    """Puzzles and reasoner; equal levels and seeds give equal puzzles, fewer are the first of more."""
    source = SudokuSource(levels=levels)
    made = source.rows(derived_seed(_PUZZLES, seed), 0, n)
    about = Subject(
        distribution=_set_name(levels), fingerprint=fingerprint({"source": asdict(source)}), model=reasoning
    )
    tokens = SudokuCells(source).prompt(made.puzzles)
    return _Boards(source, about, made.puzzles, made.solutions, tokens), CandidateDenoiser(source.size, reasoning)


def _set_name(levels: Levels) -> str:
    return next((name for name, known in SETS.items() if known == levels), f"levels {levels[0]}-{levels[1]}")
