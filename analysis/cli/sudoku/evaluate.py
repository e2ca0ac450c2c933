"""``lo-theory evaluate sudoku``: a network or a bounded reasoner judged on a person's own file of puzzles."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64

from analysis.cli.decoders import PuzzleRule, puzzle_rules
from analysis.cli.sudoku.puzzle_file import read_boards
from analysis.cli.sudoku.solvers import Reasoner, SudokuSolver, checkpoint_path, chosen_solver
from analysis.cli.workspace import require_at_least, usable_device
from analysis.lab.report import show
from analysis.lab.rows import Row, Subject, write_csv
from analysis.puzzles.by_level import GROUPS, group_members, rows_by_level
from analysis.puzzles.judging import BOARD, CELL, VALIDITY, puzzle_rows
from analysis.puzzles.problems import SudokuBoards, prompt_batches
from generators.sudoku.grid import Size, size_of
from generators.sudoku.human import solve_by_strategies
from lo_theory.samplers.batches import decode_batches
from lo_theory.samplers.menu import SamplingRule, own_order_rule

_WIDTH = 22  # of a percentage with its interval
_SHORT = {BOARD: "boards right", CELL: "cells right", VALIDITY: "boards valid"}


@dataclass(frozen=True, kw_only=True)
class EvaluateSudoku:
    """Boards and cells right, and boards valid, on your own puzzles, also by how hard they are for a person.

    A puzzle's level is the hardest strategy that a person's solver needs: "singles" are puzzles that lone and hidden
    singles solve (levels 2 and 3), "strategies" take one of the five others (4 to 8), "beyond" none of the seven solves
    (9). Answers are the likeliest digits, unless the rule is called sampled. Intervals are of 95%, over boards.

    Attributes:
        puzzles: file of them: CSV with a column puzzle or quizzes and perhaps one solution or solutions, lines of
            puzzles ('.' or '0' for empty), or .npy rows of Shah et al. A solution that is not there is searched for;
            puzzles without exactly one are left out, and counted.
        model: directory of a network that was trained on Sudokus of that size, masked or autoregressive, or its
            checkpoint.
        denoiser: what answers: digits that a cell does not see (candidates), with lone and hidden singles (singles), or
            after every strike that a person knows (strategies); the solution (exact); a network. If not given: the
            network with --model, else singles.
        rule: which cell is filled next, one or more rules; all takes every one. If not given: vanilla, top-probability
            and margin. An autoregressive network has only its own order.
        per_step: cells filled per call in the emptiest puzzle; the others take as many calls. threshold, entropy-bound
            and klass decide that themselves.
        limit: puzzles that are judged, from the beginning of the file; all if not given.
        seed: of the draws.
        out: CSV file of all numbers.
        device: of a network.
    """

    puzzles: Path
    model: Path | None = None
    denoiser: Reasoner | None = None
    rule: tuple[PuzzleRule, ...] = ()
    per_step: int = 1
    limit: int | None = None
    seed: int = 0
    out: Path | None = None
    device: str = "cpu"

    def run(self) -> None:
        """Read, answer by one rule after the other, print each as it is done, then all by level; write the table."""
        require_at_least(1, per_step=self.per_step, limit=self.limit)
        require_at_least(0, seed=self.seed)
        if self.out is not None and self.out.is_dir():
            raise ValueError(f"--out names the file of the table; {self.out} is a directory.")
        device = usable_device(self.device)
        boards, left_out = read_boards(self.puzzles, self.limit)
        solver = self._solver(size_of(boards.puzzles.shape[1]), device)
        rules = self._rules(solver, boards)
        levels = solve_by_strategies(boards.puzzles).levels
        first = max(len(rule.name) for rule in rules)
        print(f"{_described(self.puzzles, boards)}\nleft out: {left_out}\n")
        print(_line(solver.model, (*_SHORT.values(), "calls"), first))
        rows, lines = list[Row](), list[str]()
        for rule in rules:
            overall, within = self._judged(solver, boards, rule, levels)
            print(_line(rule.name, (*map(_percent, overall), f"{overall[0].calls:.4g}"), first), flush=True)
            lines.append(_line(rule.name, [_percent(within[g][0]) if g in within else "-" for g in GROUPS], first))
            rows += [*overall, *(row for found in within.values() for row in found)]
        print("\n".join(["", _line("boards right by level", _group_names(levels), first), *lines]))
        if self.out is not None:
            write_csv(self.out, rows)
            print(f"\nall {len(rows)} numbers: {self.out}")

    def _solver(self, size: Size, device: torch.device) -> SudokuSolver:
        solver = chosen_solver(self.denoiser, self.model, size, device)
        if self.model is not None and solver.size != size:
            trained = f"{solver.size.side}x{solver.size.side}"
            raise ValueError(
                f"{checkpoint_path(self.model)} reads {trained} puzzles, and those of {self.puzzles} are "
                f"{size.side}x{size.side} ({size.cells} cells, {size.side} digits). Judge it on {trained} puzzles, or "
                f"these by a model of {size.side}x{size.side}."
            )
        return solver

    def _rules(self, solver: SudokuSolver, boards: SudokuBoards) -> list[SamplingRule]:
        if not solver.own_order:
            return puzzle_rules(self.rule, int((boards.puzzles == 0).sum(axis=1).max()), self.per_step)
        if self.rule or self.per_step > 1:
            raise ValueError(
                "an autoregressive network writes one token per call in its own order: leave out --rule and --per-step."
            )
        return [own_order_rule()]

    def _judged(
        self, solver: SudokuSolver, boards: SudokuBoards, rule: SamplingRule, levels: Int64[np.ndarray, "n"]
    ) -> tuple[list[Row], dict[str, list[Row]]]:
        """Rows of all boards, and of each group of levels."""
        generator = torch.Generator().manual_seed(self.seed)
        answered = decode_batches(solver.denoiser, prompt_batches(boards, solver.form), rule.decoder, generator)
        judgement = boards.judge(solver.form, answered.tokens)
        about = Subject(
            distribution=self.puzzles.name,
            fingerprint=hashlib.sha256(boards.puzzles.tobytes()).hexdigest()[:16],
            model=solver.model,
        )
        common = {"about": about, "decoder": rule.name, "swept": rule.swept, "at": rule.at}
        overall = puzzle_rows(judgement, calls=answered.calls, **common)
        return overall, rows_by_level(judgement, levels, **common)


def _described(path: Path, boards: SudokuBoards) -> str:
    side, givens = size_of(boards.puzzles.shape[1]).side, (boards.puzzles > 0).sum(axis=1)
    few, many = int(givens.min()), int(givens.max())
    clues = f"{few} givens" if few == many else f"{few} to {many} givens"
    return f"{path.name}: {len(boards):,} puzzles of {side}x{side} with {clues}"


def _group_names(levels: Int64[np.ndarray, "n"]) -> list[str]:
    counts = {name: int(members.sum()) for name, members in group_members(levels).items()}
    return [f"{name} ({count:,})" for name, count in counts.items()]


def _percent(row: Row) -> str:
    return show(row, 1, 100.0, "%")


def _line(first: str, others: Sequence[str], width: int) -> str:
    """A row of a table whose first column is words, the others numbers."""
    return f"{first:<{max(width, _WIDTH)}}" + "".join(f"  {text:>{_WIDTH}}" for text in others)
