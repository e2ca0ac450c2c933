"""``lo-theory sample sudoku``: one puzzle filled in step by step, beside what a person would do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import UInt8

from analysis.cli.decoders import Rule, named_decoder
from analysis.cli.sudoku.one_puzzle import read_puzzle, unique_solution
from analysis.cli.sudoku.solvers import Reasoner, SudokuSolver, checkpoint_path, chosen_solver
from analysis.cli.workspace import require_at_least
from analysis.films.files import check_film_path, write_film
from analysis.films.sudoku import SudokuFilm, sudoku_film
from analysis.films.sudoku_reasons import MISTAKEN
from analysis.films.terminal import play
from generators.sudoku.create import SudokuSource
from generators.sudoku.grid import Size, grid_text, size_of
from generators.sudoku.human import STUCK
from generators.sudoku.strategies import LONE_SINGLE, UNIQUE_RECTANGLE
from lo_theory.samplers.decoding import decode

_LATE = {MISTAKEN: "after a mistake", STUCK: "a guess"}


@dataclass(frozen=True, kw_only=True)
class SampleSudoku:
    """Solve a Sudoku by decoding, each step beside the strategy that would give a person the digit at that moment.

    "hidden single after 4" says that a person would fill four other cells first, and needs no harder strategy.

    Attributes:
        puzzle: the grid, row by row with '.' or '0' for empty, or a file with it; if not given a new one, which the
            seven strategies solve, is made.
        side: of the new puzzle; 9 if not given.
        seed: of the new puzzle, and of the draws.
        rule: which cell is filled next.
        per_step: cells filled per call of the denoiser; threshold, entropy-bound and klass decide that themselves.
        denoiser: what answers: digits that a cell does not see (candidates), with lone and hidden singles (singles), or
            after every strike that a person knows (strategies); the solution (exact); a network. If not given: the
            network with --model, else singles.
        model: directory of a masked network that was trained on Sudoku cells, or its checkpoint.
        show: play the decoding in the terminal.
        film: .html or .gif file of the decoding.
    """

    puzzle: str | None = None
    side: Literal[4, 6, 9] | None = None
    seed: int = 0
    rule: Rule = "margin"
    per_step: int = 1
    denoiser: Reasoner | None = None
    model: Path | None = None
    show: bool = False
    film: Path | None = None

    def run(self) -> None:
        """Fill the puzzle in, show how, and say how many cells are right."""
        require_at_least(1, per_step=self.per_step)
        require_at_least(0, seed=self.seed)
        if self.film is not None:
            check_film_path(self.film)
        puzzle = self._puzzle()
        solution = unique_solution(puzzle)
        shot = self._decode(puzzle, solution, self._solver(size_of(len(puzzle))))
        if self.film is not None:
            write_film(shot.film, self.film)
        if self.show:
            play(shot.film)
        print("\n".join(_summary(puzzle, solution, shot)))
        if self.film is not None:
            print(f"film: {self.film}")

    def _puzzle(self) -> UInt8[np.ndarray, "cells"]:
        if self.puzzle is None:
            source = SudokuSource(side=self.side or 9, levels=(LONE_SINGLE, UNIQUE_RECTANGLE))
            return source.rows(self.seed, 0, 1).puzzles[0]
        puzzle = read_puzzle(self.puzzle)
        side = size_of(len(puzzle)).side
        if self.side not in (None, side):
            raise ValueError(
                f"--side {self.side} is that of a new puzzle; the one given is {side}x{side}. Leave it out."
            )
        return puzzle

    def _solver(self, size: Size) -> SudokuSolver:
        solver = chosen_solver(self.denoiser, self.model, size)
        if self.model is not None and solver.own_order:
            raise ValueError(
                f"{checkpoint_path(self.model)} holds an autoregressive network, which fills cells in its own order "
                "alone. Name a masked one."
            )
        if self.model is not None and solver.size != size:
            side = solver.size.side
            raise ValueError(
                f"{checkpoint_path(self.model)} reads {side}x{side} puzzles, and this puzzle is "
                f"{size.side}x{size.side} ({size.cells} cells, {size.side} digits). Use --side {side} or a puzzle of "
                "that size."
            )
        return solver

    def _decode(
        self, puzzle: UInt8[np.ndarray, "cells"], solution: UInt8[np.ndarray, "cells"], solver: SudokuSolver
    ) -> SudokuFilm:
        side, givens = solver.size.side, int((puzzle > 0).sum())
        start = torch.from_numpy(solver.form.prompt(puzzle[None]))
        decoder = named_decoder(self.rule, len(puzzle) - givens, self.per_step)
        decoded = decode(solver.denoiser, start, decoder, torch.Generator().manual_seed(self.seed))
        title = f"{side}x{side} Sudoku, {givens} givens: {solver.name}, {self.rule}"
        return sudoku_film(title, puzzle, solution, decoded.trace)


def _summary(puzzle: UInt8[np.ndarray, "cells"], solution: UInt8[np.ndarray, "cells"], shot: SudokuFilm) -> list[str]:
    """Puzzle and answer as one line each, and what they amount to."""
    last = shot.film.frames[-1]
    answer = (last.tokens + 1).astype(np.uint8)
    asked, fills = int((puzzle == 0).sum()), [fill for step in shot.fills for fill in step]
    lines = [f"puzzle    {grid_text(puzzle)}", f"answer    {grid_text(answer)}"]
    if last.wrong:
        lines.append(f"solution  {grid_text(solution)}")
    ways = Counter(str(f.reason) if f.reason.single else _LATE.get(f.reason.strategy, "no single yet") for f in fills)
    steps = len(shot.film.frames) - 1
    told = ", ".join(f"{count} {way}" for way, count in ways.most_common())
    return [*lines, f"{asked - len(last.wrong)} of {asked} cells right, in {steps} steps; for a person: {told}"]
