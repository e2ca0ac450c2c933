"""What ``lo-theory evaluate sudoku`` does once its words are understood: answers judged, rule by rule."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Int64

from analysis.cli.decoders import puzzle_rules
from analysis.cli.numbers import require_at_least
from analysis.cli.sudoku.puzzle_file import read_boards
from analysis.cli.sudoku.solvers import SudokuSolver, checkpoint_path, chosen_solver
from analysis.cli.workspace import usable_device
from analysis.lab.report import show
from analysis.lab.rows import Row, Subject, write_csv
from analysis.puzzles.by_level import GROUPS, group_members, rows_by_level
from analysis.puzzles.judging import BOARD, CELL, VALIDITY, puzzle_rows
from analysis.puzzles.problems import SudokuBoards, prompt_batches
from generators.sudoku.grid import Size, size_of
from generators.sudoku.human import solve_by_strategies
from lo_theory.samplers.batches import decode_batches
from lo_theory.samplers.menu import SamplingRule, own_order_rule

if TYPE_CHECKING:
    from analysis.cli.sudoku.evaluate import EvaluateSudoku

_WIDTH = 22  # of a percentage with its interval
_SHORT = {BOARD: "boards right", CELL: "cells right", VALIDITY: "boards valid"}


def evaluate_on_puzzles(asked: EvaluateSudoku) -> None:
    """Read, answer by one rule after the other, print each as it is done, then all by level; write the table."""
    require_at_least(1, per_step=asked.per_step, limit=asked.limit)
    require_at_least(0, seed=asked.seed)
    if asked.out is not None and asked.out.is_dir():
        raise ValueError(f"--out names the file of the table; {asked.out} is a directory.")
    device = usable_device(asked.device)
    boards, left_out = read_boards(asked.puzzles, asked.limit, asked.digits)
    solver = _solver(asked, size_of(boards.puzzles.shape[1]), device)
    rules = _rules(asked, solver, boards)
    levels = solve_by_strategies(boards.puzzles).levels
    first = max(len(rule.name) for rule in rules)
    print("\n".join([_described(asked.puzzles, boards), f"left out: {left_out}", *left_out.beside, ""]))
    print(_line(solver.model, (*_SHORT.values(), "calls"), first))
    rows, lines = list[Row](), list[str]()
    for rule in rules:
        overall, within = _judged(asked, solver, boards, rule, levels)
        print(_line(rule.name, (*map(_percent, overall), f"{overall[0].calls:.4g}"), first), flush=True)
        lines.append(_line(rule.name, [_percent(within[g][0]) if g in within else "-" for g in GROUPS], first))
        rows += [*overall, *(row for found in within.values() for row in found)]
    print("\n".join(["", _line("boards right by level", _group_names(levels), first), *lines]))
    if asked.out is not None:
        write_csv(asked.out, rows)
        print(f"\nall {len(rows)} numbers: {asked.out}")


def _solver(asked: EvaluateSudoku, size: Size, device: torch.device) -> SudokuSolver:
    solver = chosen_solver(asked.denoiser, asked.model, size, device)
    if asked.model is not None and solver.size != size:
        trained = f"{solver.size.side}x{solver.size.side}"
        raise ValueError(
            f"{checkpoint_path(asked.model)} reads {trained} puzzles, and those of {asked.puzzles} are "
            f"{size.side}x{size.side} ({size.cells} cells, {size.side} digits). Judge it on {trained} puzzles, or "
            f"these by a model of {size.side}x{size.side}."
        )
    return solver


def _rules(asked: EvaluateSudoku, solver: SudokuSolver, boards: SudokuBoards) -> list[SamplingRule]:
    if not solver.own_order:
        return puzzle_rules(asked.rule, int((boards.puzzles == 0).sum(axis=1).max()), asked.per_step)
    if asked.rule or asked.per_step > 1:
        raise ValueError(
            "an autoregressive network writes one token per call in its own order: leave out --rule and --per-step."
        )
    return [own_order_rule()]


def _judged(
    asked: EvaluateSudoku,
    solver: SudokuSolver,
    boards: SudokuBoards,
    rule: SamplingRule,
    levels: Int64[np.ndarray, "n"],
) -> tuple[list[Row], dict[str, list[Row]]]:
    """Rows of all boards, and of each group of levels."""
    generator = torch.Generator().manual_seed(asked.seed)
    answered = decode_batches(solver.denoiser, prompt_batches(boards, solver.form), rule.decoder, generator)
    judgement = boards.judge(solver.form, answered.tokens)
    about = Subject(
        distribution=asked.puzzles.name,
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
