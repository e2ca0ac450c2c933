"""Reasoners of fixed depth on 9x9 Sudokus: every order, noise on the scores, budgets of calls.

A reasoner answers each cell uniformly over the digits that it cannot exclude. So all that a rule decides is which cell
is guessed when nothing is certain, and, with noise on the scores, how often it guesses although something is. Both
are counted along the solution (:mod:`analysis.puzzles.solution_path`), without drawing a digit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float64, Int64, UInt8

from analysis.puzzles.judging import Judgement, judge_sudoku, puzzle_rows
from analysis.puzzles.problems import Levels
from analysis.puzzles.reasoner_rows import ANNEALED, EXPERIMENT, PathWriter
from analysis.puzzles.reasoner_rules import (
    GIVENS_TOO,
    LEFT_TO_RIGHT,
    NOISY,
    ORDERS,
    SETS,
    PromptedReasoner,
    call_rules,
)
from analysis.puzzles.rules import MARGIN, ONE_EACH, PAPERS, TOP, VANILLA
from analysis.puzzles.solution_path import ScoreNoise, SolutionPath, follow_solution
from analysis.rows import Row, Subject
from generators.codec import fingerprint
from generators.draws import derived_seed
from generators.sudoku.create import SudokuSource
from generators.sudoku.forms import SudokuCells
from lo_theory.puzzles.candidates import CandidateDenoiser, Reasoning
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.reveal import one_per_step
from lo_theory.samplers.tokens import sample_token

Schedule = Literal["constant noise", "annealed noise"]
COEFFICIENTS = (0.0, 0.02, 0.05, 0.07, 0.1, 0.2, 0.5, 1.0)
CALLS = (10, 25, 50)
_PUZZLES, _NOISE, _DRAWS = 1, 2, 3  # streams of seeds that never meet
_BATCH = 500
_FEW = (VANILLA, LEFT_TO_RIGHT, TOP, MARGIN)  # orders of the dear reasoner


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

    @property
    def seeds(self) -> dict[str, int]:
        """The one seed."""
        return {"seed": self.seed}

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
        decoded = _decode(boards, denoiser, decoder, derived_seed(_DRAWS, self.seed))
        judged = boards.judge(decoded.tokens)
        yield from puzzle_rows(
            judged, about=boards.about, decoder=name, calls=decoded.calls, swept=ONE_EACH, at=1.0, experiment=EXPERIMENT
        )
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

    @property
    def seeds(self) -> dict[str, int]:
        """The one seed."""
        return {"seed": self.seed}

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

    @property
    def seeds(self) -> dict[str, int]:
        """The one seed."""
        return {"seed": self.seed}

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Boards solved, and how often a digit was masked again."""
        boards, denoiser = _reasoned(self.reasoning, self.levels, self.boards, self.seed)
        for steps in (*self.calls, boards.masks):
            for rule in call_rules(steps, boards.masks):
                decoded = _decode(
                    boards, denoiser, rule.decoder, derived_seed(_DRAWS, self.seed), givens_too=rule.name == GIVENS_TOO
                )
                yield from puzzle_rows(
                    boards.judge(decoded.tokens), about=boards.about, decoder=rule.name, calls=decoded.calls,
                    swept=rule.swept, at=rule.at, experiment=EXPERIMENT,
                )  # fmt: skip
                if rule.decoder.revises:
                    yield PathWriter(boards.about, rule.name, rule.swept, rule.at).remasked(decoded.remasked)


def _reasoned(reasoning: Reasoning, levels: Levels, n: int, seed: int) -> tuple[_Boards, CandidateDenoiser]:
    """Puzzles and reasoner; equal levels and seeds give equal puzzles, fewer are the first of more."""
    source = SudokuSource(levels=levels)
    made = source.rows(derived_seed(_PUZZLES, seed), 0, n)
    about = Subject(
        distribution=_set_name(levels), fingerprint=fingerprint({"source": asdict(source)}), model=reasoning
    )
    tokens = SudokuCells(source).prompt(made.puzzles)
    return _Boards(source, about, made.puzzles, made.solutions, tokens), CandidateDenoiser(source.size, reasoning)


@dataclass(frozen=True, eq=False)
class _Decoded:
    """Answers (n, L), how often cells of each board were masked again (n,), mean calls per board."""

    tokens: Int64[np.ndarray, "n L"]
    remasked: Float64[np.ndarray, "n"]
    calls: float


def _decode(
    boards: _Boards, reasoner: CandidateDenoiser, decoder: Decoder, seed: int, *, givens_too: bool = False
) -> _Decoded:
    generator, tokens, remasked, calls = torch.Generator().manual_seed(seed), [], [], 0
    for start in range(0, len(boards.tokens), _BATCH):
        prompt = torch.from_numpy(boards.tokens[start : start + _BATCH])
        denoiser = PromptedReasoner(reasoner, prompt) if givens_too else reasoner
        empty = torch.full_like(prompt, reasoner.vocabulary) if givens_too else prompt
        decoded = decode(denoiser, empty, decoder, generator, keep_finished=givens_too)
        tokens.append(decoded.tokens.numpy())
        remasked.append(decoded.trace.remasked().sum(dim=1).double().numpy())
        calls += decoded.trace.row_calls
    return _Decoded(np.concatenate(tokens), np.concatenate(remasked), calls / len(boards.tokens))


def _set_name(levels: Levels) -> str:
    return next((name for name, known in SETS.items() if known == levels), f"levels {levels[0]}-{levels[1]}")
