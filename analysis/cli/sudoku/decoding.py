"""What ``lo-theory sample sudoku`` does once its words are understood: one puzzle, step by step."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import UInt8

from analysis.cli.decoders import named_decoder
from analysis.cli.numbers import require_at_least
from analysis.cli.sudoku.one_puzzle import read_puzzle, unique_solution
from analysis.cli.sudoku.solvers import SudokuSolver, checkpoint_path, chosen_solver
from analysis.films.files import check_film_path, write_film
from analysis.films.sudoku import SudokuFilm, sudoku_film
from analysis.films.sudoku_reasons import MISTAKEN
from analysis.films.terminal import play
from generators.sudoku.create import SudokuSource
from generators.sudoku.grid import Size, grid_text, size_of
from generators.sudoku.human import STUCK
from generators.sudoku.strategies import LONE_SINGLE, UNIQUE_RECTANGLE
from lo_theory.samplers.decoding import decode

if TYPE_CHECKING:
    from analysis.cli.sudoku.sample import SampleSudoku

_LATE = {MISTAKEN: "after a mistake", STUCK: "a guess"}


def solve_puzzle(asked: SampleSudoku) -> None:
    """Fill the puzzle in, show how, and say how many cells are right."""
    require_at_least(1, per_step=asked.per_step)
    require_at_least(0, seed=asked.seed)
    if asked.film is not None:
        check_film_path(asked.film)
    puzzle = _puzzle(asked)
    solution = unique_solution(puzzle)
    shot = _decode(asked, puzzle, solution, _solver(asked, size_of(len(puzzle))))
    if asked.film is not None:
        write_film(shot.film, asked.film)
    if asked.show:
        play(shot.film)
    print("\n".join(_summary(puzzle, solution, shot)))
    if asked.film is not None:
        print(f"film: {asked.film}")


def _puzzle(asked: SampleSudoku) -> UInt8[np.ndarray, "cells"]:
    if asked.puzzle is None:
        source = SudokuSource(side=asked.side or 9, levels=(LONE_SINGLE, UNIQUE_RECTANGLE))
        return source.rows(asked.seed, 0, 1).puzzles[0]
    puzzle = read_puzzle(asked.puzzle)
    side = size_of(len(puzzle)).side
    if asked.side not in (None, side):
        raise ValueError(f"--side {asked.side} is that of a new puzzle; the one given is {side}x{side}. Leave it out.")
    return puzzle


def _solver(asked: SampleSudoku, size: Size) -> SudokuSolver:
    solver = chosen_solver(asked.denoiser, asked.model, size)
    if asked.model is not None and solver.own_order:
        raise ValueError(
            f"{checkpoint_path(asked.model)} holds an autoregressive network, which fills cells in its own order "
            "alone. Name a masked one."
        )
    if asked.model is not None and solver.size != size:
        side = solver.size.side
        raise ValueError(
            f"{checkpoint_path(asked.model)} reads {side}x{side} puzzles, and this puzzle is "
            f"{size.side}x{size.side} ({size.cells} cells, {size.side} digits). Use --side {side} or a puzzle of "
            "that size."
        )
    return solver


def _decode(
    asked: SampleSudoku, puzzle: UInt8[np.ndarray, "cells"], solution: UInt8[np.ndarray, "cells"], solver: SudokuSolver
) -> SudokuFilm:
    side, givens = solver.size.side, int((puzzle > 0).sum())
    start = torch.from_numpy(solver.form.prompt(puzzle[None]))
    decoder = named_decoder(asked.rule, len(puzzle) - givens, asked.per_step)
    decoded = decode(solver.denoiser, start, decoder, torch.Generator().manual_seed(asked.seed))
    title = f"{side}x{side} Sudoku, {givens} givens: {solver.name}, {asked.rule}"
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
